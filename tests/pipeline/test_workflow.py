"""The workflow file: each of its triggers played through the policy, and its script through a shell."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pytest
import yaml

from ci.main import Ci
from ci.policy.decide import decide
from ci.policy.facts import parse_facts
from ci.policy.models import Model
from ci.policy.plan import Plan
from ci.policy.suites import Suite

FILE: Final = Path(__file__).parents[2] / ".github/workflows/ci.yml"
COMMIT: Final = "c" * 40
REPOSITORY: Final = "acme/items"
_EXPRESSION: Final = re.compile(r"\$\{\{ *(.*?) *\}\}")
_ARGUMENT: Final = re.compile(r'--([a-z-]+)=(?:"(\$[A-Z_]+)"|(\S+))')

Payload = Mapping[str, Any]


def workflow() -> dict[str, Any]:
    """The file's content; YAML 1.1 reads the key `on` as true."""
    content: dict[str, Any] = yaml.safe_load(FILE.read_text().replace("\non:", "\n'on':", 1))
    return content


def steps() -> list[dict[str, Any]]:
    """The steps of the one job."""
    (job,) = workflow()["jobs"].values()
    found: list[dict[str, Any]] = job["steps"]
    return found


def run_step() -> dict[str, Any]:
    """The step that calls the pipeline."""
    (step,) = (step for step in steps() if "run" in step)
    return step


def value_of(expression: str, contexts: Payload) -> str:
    """What GitHub puts in the place of an expression: alternatives of names, a missing one is empty."""
    for name in expression.split(" || "):
        found: Any = contexts
        for part in name.strip().split("."):
            found = found.get(part, "") if isinstance(found, Mapping) else ""
        if found:
            return str(found)
    return ""


def arguments(contexts: Payload) -> dict[str, str]:
    """The arguments of `run` as the step gives them for an event, by name."""
    step = run_step()
    environment = {
        name: _EXPRESSION.sub(lambda found: value_of(found[1], contexts), str(value))
        for name, value in step["env"].items()
    } | {"GITHUB_REPOSITORY": REPOSITORY, "GITHUB_ACTOR": "ann"}
    call = step["run"].partition("ci run ")[2].partition(" export ")[0]
    return {
        name.replace("-", "_"): environment.get(variable[1:], variable) if variable else literal
        for name, variable, literal in _ARGUMENT.findall(call)
    }


def github(event: str, ref: str, payload: Payload = MappingProxyType({}), **context: Any) -> Payload:
    """The contexts of a run, as GitHub documents them."""
    return {
        "github": {"event_name": event, "ref": ref, "sha": COMMIT, "event": payload, "token": "t", **context},
        "inputs": payload.get("inputs", {}),
        "vars": {"IMAGE": "registry.example/acme/items"},
    }


def pull_request(head: str, base: str, repository: str = REPOSITORY, title: str = "feat: lists") -> Payload:
    """The contexts of a pull request."""
    payload = {"pull_request": {"title": title, "head": {"sha": "d" * 40, "repo": {"full_name": repository}}}}
    return github("pull_request", "refs/pull/7/merge", payload, head_ref=head, base_ref=base)


def planned(contexts: Payload, model: Model = Model.GITFLOW, **known: Any) -> Plan:
    """The plan of an event, whose facts came through the workflow file."""
    given = arguments(contexts)
    names = ("event", "ref", "commit", "head_ref", "base_ref", "repository", "head_repository", "title", "choice")
    facts: dict[str, Any] = {"published": {}, "by_pull_request": True} | known
    facts |= {name: given[name] for name in names}
    return decide(parse_facts(model=model, **facts))


PUSH_OF_TAG: Final = github("push", "refs/tags/v1.4.2", {"before": "0" * 40})


@pytest.mark.parametrize(
    ("contexts", "suites", "publishes"),
    [
        (pull_request("feature/lists", "develop"), (Suite.QUICK,), False),
        (pull_request("release/v1.4.0", "main"), (Suite.FULL,), False),
        (github("merge_group", "refs/heads/gh-readonly-queue/main/pr-7-abc",
                {"merge_group": {"base_ref": "refs/heads/main"}}), (Suite.FULL,), False),
        (github("push", "refs/heads/develop", {"before": "a" * 40}), (Suite.FULL,), False),
        (github("push", "refs/heads/feature/lists", {"before": "a" * 40}), (), False),
        (github("push", "refs/heads/main", {"before": "a" * 40}), (Suite.FULL,), True),
        (PUSH_OF_TAG, (Suite.FULL,), True),
        (github("schedule", "refs/heads/main"), (Suite.FULL,), False),
        (github("workflow_dispatch", "refs/heads/feature/lists", {"inputs": {"suite": "quick"}}), (Suite.QUICK,), False),
    ],
)  # fmt: skip
def test_each_trigger_means_what_the_policy_says(contexts: Payload, suites: tuple[Suite, ...], publishes: bool) -> None:
    """An event's facts reach the policy through the file unchanged, whichever trigger it is."""
    plan = planned(contexts)
    assert (plan.suites, plan.image is not None, plan.failures) == (suites, publishes, ())


def test_every_trigger_is_played() -> None:
    """No trigger of the file is left out above, and none of the policy is missing in the file."""
    assert sorted(workflow()["on"]) == ["merge_group", "pull_request", "push", "schedule", "workflow_dispatch"]


def test_a_forks_pull_request_gets_nothing() -> None:
    """It is tested and publishes nothing, though it is given the same arguments."""
    plan = planned(pull_request("feature/lists", "develop", repository="mallory/items"))
    assert plan.suites == (Suite.QUICK,)
    assert not plan.touches_the_outside
    assert not planned(pull_request("main", "main", repository="mallory/items")).touches_the_outside


def test_a_tag_promotes_what_main_published() -> None:
    """Where the registry has the commit's image the tag builds nothing."""
    digest = f"sha256:{'1' * 64}"
    plan = planned(PUSH_OF_TAG, published={f"sha-{COMMIT[:7]}": digest}, revisions={digest: COMMIT})
    assert plan.image is not None
    assert (plan.suites, plan.image.promotes) == ((), digest)


def test_statuses_are_of_the_head_of_a_pull_request() -> None:
    """What is tested is the merge, what is shown is shown at the commit that was pushed."""
    assert arguments(pull_request("feature/lists", "develop"))["status_commit"] == "d" * 40


def test_every_argument_is_one_of_the_functions() -> None:
    """The call gives what `run` takes, and everything of it that an event says."""
    given = set(arguments(PUSH_OF_TAG))
    taken = set(inspect.signature(Ci.run).parameters) - {"self"}
    assert given <= taken
    assert taken - given == {"history", "registry_service"}


def test_it_is_small_and_pins_what_it_uses() -> None:
    """One job, at most 60 lines, every action by the hash of its commit with the version beside it."""
    lines = FILE.read_text().splitlines()
    uses = [line for line in lines if "- uses:" in line]
    assert len(lines) <= 60
    assert len(workflow()["jobs"]) == 1
    assert uses
    assert all(re.search(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line) for line in uses)
    assert [path.name for path in FILE.parent.iterdir()] == ["ci.yml"]


def test_nothing_that_a_stranger_writes_is_pasted_into_a_shell() -> None:
    """Facts reach the script by variables; the token is the only secret, and no step leaves it in the checkout."""
    assert "${{" not in run_step()["run"]
    assert re.findall(r"secrets\.\w+", FILE.read_text()) == []
    assert workflow()["permissions"] == {}
    (checkout,) = (step for step in steps() if "checkout" in step.get("uses", ""))
    assert checkout["with"] == {"fetch-depth": 0, "persist-credentials": False}


def test_no_step_decides() -> None:
    """Steps after the pipeline ask only whether there is something to upload."""
    conditions = {step["if"] for step in steps() if "if" in step}
    assert conditions == {"${{ !cancelled() }}", "${{ !cancelled() && hashFiles('reports/sarif/*') != '' }}"}


Script = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Run the step's script in a shell as a runner does, with `uv` and what needs a runner replaced by recorders."""
    programs = tmp_path / "bin"
    programs.mkdir()
    stand_ins = {
        "pipx": "exit 0",
        "sudo": 'test "$1" = apt-get || { shift; exec "$@"; }',
        "uv": """printf '%s\\n' "$@" >>calls
test "$3" != restore || exit 1
test "$3" != run || { mkdir reports; cp -r ../left/. reports; }""",
    }
    for name, lines in stand_ins.items():
        (programs / name).write_text(f"#!/bin/sh\n{lines}\n")
        (programs / name).chmod(0o755)
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (tmp_path / "left").mkdir()

    def run(exit_code: str) -> subprocess.CompletedProcess[str]:
        for name, text in {
            "annotations.txt": "::error::red\n",
            "summary.md": "# red\n",
            "exit-code": exit_code,
        }.items():
            (tmp_path / "left" / name).write_text(text)
        environment = {name: value_of(name, {}) for name in run_step()["env"]} | {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "TITLE": 'feat: a "$(touch pasted)" title; touch pasted',
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
            **{f"GITHUB_{name}": "x" for name in ("REPOSITORY", "ACTOR", "API_URL", "SERVER_URL", "RUN_ID")},
        }
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", run_step()["run"]]
        return subprocess.run(command, cwd=workspace, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize("exit_code", ["0\n", "1\n"])
def test_the_script_ends_as_the_verdict_says(script: Script, tmp_path: Path, exit_code: str) -> None:
    """Annotations are printed, the summary is handed on, the store is saved, and only then the job ends by the verdict."""
    (tmp_path / "workspace/store.tar.zst").touch()
    done = script(exit_code)
    calls = (tmp_path / "workspace/calls").read_text().splitlines()
    assert done.returncode == int(exit_code)
    assert "::error::red" in done.stdout.splitlines()
    assert (tmp_path / "summary").read_text() == "# red\n"
    assert [calls[index + 2] for index, word in enumerate(calls) if word == "run" and calls[index + 1] == "ci"] == [
        "restore", "run", "save",
    ]  # fmt: skip


def test_a_title_stays_one_argument(script: Script, tmp_path: Path) -> None:
    """Whatever a stranger writes into a title: it is an argument, and runs nothing."""
    script("0\n")
    calls = (tmp_path / "workspace/calls").read_text().splitlines()
    assert '--title=feat: a "$(touch pasted)" title; touch pasted' in calls
    assert not (tmp_path / "workspace/pasted").exists()
