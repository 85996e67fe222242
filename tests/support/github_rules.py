"""The rules of the small GitHub in `github_server.py`: a repository's state, and what each request does to it."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]

LONGEST_NOTES = 125_000
LONGEST_DESCRIPTION = 140
MOST_STATUSES = 1_000
"""Of one context on one commit."""


@dataclass
class Answer:
    """A status, a body and headers; `listed` is what comes in pages, `key` where it stands in the body."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    is_list: bool = False

    @property
    def listed(self) -> list[Any] | None:
        if not self.is_list:
            return None
        found: list[Any] = self.body[self.key] if self.key else self.body
        return found

    def with_part(self, part: list[Any]) -> Any:
        return {**self.body, self.key: part} if self.key else part


class Refusal(Exception):  # noqa: N818 - it is an answer, not an error of the server
    """An answer that says no."""

    def __init__(self, status: int, message: str, *errors: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        body: Body = {"message": message, "documentation_url": "https://docs.github.com/rest", "status": str(status)}
        if errors:
            body["errors"] = list(errors)
        self.answer = Answer(status, body, headers or {})


def commit(name: str) -> str:
    """A commit's hash, made of a name so that tests can tell commits apart."""
    return hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()


@dataclass
class State:
    """A repository: a graph of commits, refs, releases, pull requests and statuses."""

    repository: str
    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    tag_objects: dict[str, str] = field(default_factory=dict)
    releases: list[Body] = field(default_factory=list)
    latest: int | None = None
    pulls: list[Body] = field(default_factory=list)
    statuses: list[Body] = field(default_factory=list)
    merged: dict[str, str] = field(default_factory=dict)
    """Commits that came by a pull request, and the branches that they came to."""
    conflicting: set[tuple[str, str]] = field(default_factory=set)
    """Pairs of head and base that cannot be merged."""
    looks_until_mergeable: int = 1
    """How often a pull request is asked for before GitHub knows whether it can be merged."""
    moved_latest: list[str] = field(default_factory=list)
    """The tags that became the latest release, in order."""

    def add_commit(self, name: str, *parents: str) -> str:
        """Add a commit; its parents are names of commits."""
        made = commit(name)
        self.parents[made] = tuple(commit(parent) for parent in parents)
        return made

    def ancestors(self, sha: str) -> set[str]:
        """A commit and everything below it."""
        found, waiting = set(), [sha]
        while waiting:
            at = waiting.pop()
            if at not in found:
                found.add(at)
                waiting += self.parents[at]
        return found

    def annotate(self, tag: str, sha: str) -> None:
        """Make an annotated tag, which is an object of its own."""
        made = commit(f"tag {tag}")
        self.tag_objects[made] = sha
        self.refs[f"refs/tags/{tag}"] = made

    def resolve(self, name: str) -> str:
        """The commit of a branch, a tag or a hash."""
        found = next((self.refs[p + name] for p in ("refs/heads/", "refs/tags/") if p + name in self.refs), name)
        found = self.tag_objects.get(found, found)
        if found not in self.parents:
            raise Refusal(404, "Not Found")
        return found

    def number(self, kind: list[Body]) -> int:
        return max((each["id"] for each in kind), default=0) + 1


Rule = Callable[[State, "Call"], Answer]


@dataclass(frozen=True)
class Call:
    """What a rule is told."""

    parts: tuple[str, ...]
    query: Mapping[str, str]
    body: Body
    may_write: frozenset[str]

    def needs(self, permission: str) -> None:
        if permission not in self.may_write:
            header = {"X-Accepted-GitHub-Permissions": f"{permission}=write"}
            raise Refusal(403, "Resource not accessible by integration", headers=header)


def invalid(resource: str, name: str, code: str, message: str = "") -> Refusal:
    """Say 422 as GitHub does."""
    error = {"resource": resource, "field": name, "code": code}
    return Refusal(422, "Validation Failed", {**error, "message": message} if message else error)


# --- Releases


def list_releases(state: State, call: Call) -> Answer:
    visible = [each for each in state.releases if not each["draft"] or "contents" in call.may_write]
    return Answer(200, sorted(visible, key=lambda each: -each["id"]), is_list=True)


def release_by_tag(state: State, call: Call) -> Answer:
    found = [each for each in state.releases if each["tag_name"] == call.parts[0] and not each["draft"]]
    if not found:
        raise Refusal(404, "Not Found")
    return Answer(200, found[0])


def latest_release(state: State, call: Call) -> Answer:
    found = [each for each in state.releases if each["id"] == state.latest]
    if not found:
        raise Refusal(404, "Not Found")
    return Answer(200, found[0])


def create_release(state: State, call: Call) -> Answer:
    call.needs("contents")
    fields = {"name": None, "body": None, "draft": False, "prerelease": False, "target_commitish": "main"} | call.body
    made: Body = {"id": state.number(state.releases)}
    _store_release(state, made, fields)
    state.releases.append(made)
    return Answer(201, made)


def change_release(state: State, call: Call) -> Answer:
    call.needs("contents")
    found = _by_id(state.releases, call.parts[0])
    _store_release(state, found, {name: found[name] for name in _KEPT} | call.body)
    return Answer(200, found)


def delete_release(state: State, call: Call) -> Answer:
    call.needs("contents")
    state.releases.remove(_by_id(state.releases, call.parts[0]))
    return Answer(204)


_KEPT = ("tag_name", "name", "body", "draft", "prerelease", "target_commitish")


def _store_release(state: State, release: Body, fields: Body) -> None:
    tag, make_latest = fields.get("tag_name"), fields.pop("make_latest", "true")
    if not tag:
        raise invalid("Release", "tag_name", "missing_field")
    if len(fields["body"] or "") > LONGEST_NOTES:
        raise invalid("Release", "body", "custom", f"body is too long (maximum is {LONGEST_NOTES} characters)")
    if make_latest not in {"true", "false", "legacy"}:
        raise Refusal(422, 'Invalid request.\n\nmake_latest is not a member of ["true", "false", "legacy"]')
    twins = [each for each in state.releases if each["tag_name"] == tag and each["id"] != release["id"]]
    if not fields["draft"]:
        if any(not each["draft"] for each in twins):
            raise invalid("Release", "tag_name", "already_exists")
        # A published release whose tag is not there makes it.
        state.refs.setdefault(f"refs/tags/{tag}", fields["target_commitish"])
    page = f"untagged-{release['id']}" if fields["draft"] else tag
    release |= fields | {"html_url": f"https://github.example/{state.repository}/releases/tag/{page}"}
    can_be_latest = not (release["draft"] or release["prerelease"])
    if can_be_latest and make_latest == "true":
        state.latest = release["id"]
        state.moved_latest.append(tag)
    elif state.latest == release["id"]:
        state.latest = None


# --- Git


def get_ref(state: State, call: Call) -> Answer:
    sha = state.refs.get(f"refs/{call.parts[0]}")
    if sha is None:
        raise Refusal(404, "Not Found")
    return Answer(200, _ref(state, f"refs/{call.parts[0]}"))


def create_ref(state: State, call: Call) -> Answer:
    call.needs("contents")
    name, sha = call.body["ref"], call.body["sha"]
    if name in state.refs:
        raise Refusal(422, "Reference already exists")
    if sha not in state.parents:
        raise Refusal(422, "Object does not exist")
    state.refs[name] = sha
    return Answer(201, _ref(state, name))


def change_ref(state: State, call: Call) -> Answer:
    call.needs("contents")
    name, sha = f"refs/{call.parts[0]}", call.body["sha"]
    if name not in state.refs:
        raise Refusal(422, "Reference does not exist")
    if not call.body.get("force") and state.refs[name] not in state.ancestors(sha):
        raise Refusal(422, "Update is not a fast forward")
    state.refs[name] = sha
    return Answer(200, _ref(state, name))


def _ref(state: State, name: str) -> Body:
    sha = state.refs[name]
    return {"ref": name, "object": {"sha": sha, "type": "tag" if sha in state.tag_objects else "commit"}}


def get_tag(state: State, call: Call) -> Answer:
    if call.parts[0] not in state.tag_objects:
        raise Refusal(404, "Not Found")
    return Answer(200, {"object": {"sha": state.tag_objects[call.parts[0]], "type": "commit"}})


def compare(state: State, call: Call) -> Answer:
    base, head = (state.resolve(name) for name in call.parts)
    ahead, behind = state.ancestors(head) - state.ancestors(base), state.ancestors(base) - state.ancestors(head)
    status = {(False, False): "identical", (True, False): "ahead", (False, True): "behind"}.get(
        (bool(ahead), bool(behind)), "diverged"
    )
    return Answer(200, {"status": status, "ahead_by": len(ahead), "behind_by": len(behind)})


# --- Pull requests


def list_pulls(state: State, call: Call) -> Answer:
    wanted = call.query.get("state", "open")
    found = [
        {name: value for name, value in each.items() if not name.startswith("_") and name != "mergeable"}
        for each in state.pulls
        if wanted in {"all", each["state"]}
        and call.query.get("head", each["_head"]) == each["_head"]
        and call.query.get("base", each["base"]["ref"]) == each["base"]["ref"]
    ]
    return Answer(200, sorted(found, key=lambda each: -each["number"]), is_list=True)


def get_pull(state: State, call: Call) -> Answer:
    found = _by_id(state.pulls, call.parts[0])
    found["_looks"] += 1
    known = found["_looks"] > state.looks_until_mergeable
    pair = (found["head"]["ref"], found["base"]["ref"])
    return Answer(200, found | {"mergeable": pair not in state.conflicting if known else None})


def pulls_of_commit(state: State, call: Call) -> Answer:
    if call.parts[0] not in state.parents:
        raise Refusal(422, "No commit found for SHA: " + call.parts[0])
    base = state.merged.get(call.parts[0])
    found = [] if base is None else [{"merged_at": "2026-01-01T00:00:00Z", "base": {"ref": base}}]
    return Answer(200, found, is_list=True)


def create_pull(state: State, call: Call) -> Answer:
    call.needs("pull_requests")
    head, base = call.body["head"].rpartition(":")[2], call.body["base"]
    owner = state.repository.partition("/")[0]
    for name, branch in (("head", head), ("base", base)):
        if f"refs/heads/{branch}" not in state.refs:
            raise invalid("PullRequest", name, "invalid")
    if any(
        each["state"] == "open" and (each["head"]["ref"], each["base"]["ref"]) == (head, base) for each in state.pulls
    ):
        raise invalid("PullRequest", "", "custom", f"A pull request already exists for {owner}:{head}.")
    if state.resolve(head) in state.ancestors(state.resolve(base)):
        raise invalid("PullRequest", "", "custom", f"No commits between {base} and {head}")
    number = state.number(state.pulls)
    made: Body = {
        "id": number,
        "number": number,
        "state": "open",
        "merged_at": None,
        "title": call.body["title"],
        "body": call.body.get("body"),
        "head": {"ref": head},
        "base": {"ref": base},
        "html_url": f"https://github.example/{state.repository}/pull/{number}",
        "mergeable": None,
        "_head": f"{owner}:{head}",
        "_looks": 0,
    }
    state.pulls.append(made)
    return Answer(201, {name: value for name, value in made.items() if not name.startswith("_")})


def change_pull(state: State, call: Call) -> Answer:
    call.needs("pull_requests")
    found = _by_id(state.pulls, call.parts[0])
    found |= {name: call.body[name] for name in ("title", "body", "state") if name in call.body}
    return Answer(200, found)


# --- Statuses


def combined_status(state: State, call: Call) -> Answer:
    newest: dict[str, Body] = {}
    for each in state.statuses:
        if each["sha"] == call.parts[0]:
            newest[each["context"]] = each
    return Answer(200, {"state": "pending", "statuses": list(newest.values())}, key="statuses", is_list=True)


def create_status(state: State, call: Call) -> Answer:
    call.needs("statuses")
    if call.parts[0] not in state.parents:
        raise Refusal(422, "No commit found for SHA: " + call.parts[0])
    if call.body["state"] not in {"error", "failure", "pending", "success"}:
        raise invalid("Status", "state", "invalid")
    if len(call.body.get("description") or "") > LONGEST_DESCRIPTION:
        raise invalid("Status", "description", "custom", "description is too long (maximum is 140 characters)")
    made = {"description": None, "target_url": None, "context": "default"} | call.body | {"sha": call.parts[0]}
    alike = sum((each["sha"], each["context"]) == (made["sha"], made["context"]) for each in state.statuses)
    if alike >= MOST_STATUSES:
        raise Refusal(422, "This SHA and context has reached the maximum number of statuses.")
    state.statuses.append(made)
    return Answer(201, made)


def _by_id(kind: list[Body], text: str) -> Body:
    found = next((each for each in kind if str(each["id"]) == text), None)
    if found is None:
        raise Refusal(404, "Not Found")
    return found


RULES: tuple[tuple[str, Rule], ...] = (
    (r"GET releases", list_releases),
    (r"POST releases", create_release),
    (r"GET releases/latest", latest_release),
    (r"GET releases/tags/(.+)", release_by_tag),
    (r"PATCH releases/(\d+)", change_release),
    (r"DELETE releases/(\d+)", delete_release),
    (r"GET git/ref/(.+)", get_ref),
    (r"POST git/refs", create_ref),
    (r"PATCH git/refs/(.+)", change_ref),
    (r"GET git/tags/([0-9a-f]+)", get_tag),
    (r"GET compare/(.+)\.\.\.(.+)", compare),
    (r"GET pulls", list_pulls),
    (r"POST pulls", create_pull),
    (r"GET pulls/(\d+)", get_pull),
    (r"PATCH pulls/(\d+)", change_pull),
    (r"GET commits/([0-9a-f]+)/status", combined_status),
    (r"GET commits/([0-9a-f]+)/pulls", pulls_of_commit),
    (r"POST statuses/([0-9a-f]+)", create_status),
)


def route(
    state: State, method: str, path: str, query: Mapping[str, str], body: Any, may_write: frozenset[str]
) -> Answer:
    """Find the rule for a request and follow it."""
    own = f"/repos/{state.repository}/"
    if not path.lower().startswith(own):
        raise Refusal(404, "Not Found")
    text = f"{method} {path[len(own) :]}"
    for pattern, rule in RULES:
        if match := re.fullmatch(pattern, text):
            return rule(state, Call(match.groups(), query, body or {}, may_write))
    raise Refusal(404, "Not Found")
