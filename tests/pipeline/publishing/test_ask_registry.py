"""What the program beside skopeo reads from what skopeo prints."""

import json
from pathlib import Path

import pytest

from ci.scripts.ask_registry import NoAnswer, check_manifest, shown, what_it_means, write_login

IN = "reading manifest 1.4.2 in registry.example/app: "


def printed(reason: str) -> str:
    """A line of skopeo's log, after one that says something else."""
    escaped = reason.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'time="2030-01-01T00:00:00Z" level=warning msg="old"\ntime="2030-01-01" level=fatal msg="{escaped}"\n'


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        pytest.param(IN + "manifest unknown", "absent", id="the registry does not know the tag"),
        pytest.param(IN + "manifest unknown: manifest tagged by x", "absent", id="with a detail"),
        pytest.param(IN + "name unknown: repository name not known", "absent", id="nor the repository"),
        pytest.param(
            "fetching tags list: repository name not known to registry", "absent", id="nor a list of its tags"
        ),
        pytest.param(IN + 'StatusCode: 404, "<html>"', "broken", id="404 from something that is no registry"),
        pytest.param(IN + "unsupported: manifest unknowns", "broken", id="other words that look alike"),
        pytest.param('StatusCode: 500, "manifest unknown" ', "broken", id="the words inside of another answer"),
        pytest.param(IN + "authentication required", "denied", id="401"),
        pytest.param(IN + "denied", "denied", id="403"),
        pytest.param(IN + 'StatusCode: 403, "{}"', "denied", id="403 without the registry's words"),
        pytest.param("unable to retrieve auth token: invalid username/password: x", "denied", id="wrong password"),
        pytest.param(IN + "toomanyrequests: slow down", "broken", id="429"),
        pytest.param(IN + "unexpected EOF", "broken", id="cut off"),
        pytest.param("", "broken", id="nothing"),
    ],
)
def test_only_the_registrys_own_word_is_absence(reason: str, kind: str) -> None:
    """Everything that is not recognised is broken, and broken publishes nothing."""
    assert what_it_means(printed(reason)).kind == kind


def test_a_reason_is_one_line_without_the_name_that_was_asked_about() -> None:
    """The caller names the image itself."""
    answer = what_it_means(printed('Error parsing image name "docker://r/a:1": reading "x"\n y'))
    assert answer.as_json() == {"is": "broken", "why": 'reading "x" y'}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>", id="a page"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"schemaVersion": 1, "config": {}}', id="the first format"),
        pytest.param(b'{"schemaVersion": 2}', id="of nothing"),
        pytest.param(b"\xff\xfe", id="no text"),
    ],
)
def test_what_is_no_manifest_is_broken(content: bytes) -> None:
    """A page of a proxy has a digest, too."""
    with pytest.raises(NoAnswer, match="the answer is no manifest"):
        check_manifest(content)


def test_what_strangers_wrote_is_shown_on_one_short_line() -> None:
    """Control characters could forge a line of the log."""
    assert shown(b"a\n::error::b\x1b[2J" + b"c" * 900) == "a ::error::b?[2J" + "c" * 284


def test_a_login_is_written_for_its_owner_only(tmp_path: Path) -> None:
    """In the form in which skopeo reads it, for the one registry."""
    (tmp_path / "password").write_text("pass:word")
    written = write_login("registry.example:5000", "ci", tmp_path / "password", tmp_path / "auth.json")
    assert json.loads(written.read_text()) == {"auths": {"registry.example:5000": {"auth": "Y2k6cGFzczp3b3Jk"}}}
    assert written.stat().st_mode & 0o777 == 0o600
