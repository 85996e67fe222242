"""Git over SSH: addresses, and the environment that git gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from embedded_engine.git_program import GitError
from embedded_engine.git_ssh import SshAccess, as_url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        pytest.param("git@example.com:team/app.git", "ssh://git@example.com/team/app.git", id="as for scp"),
        pytest.param("ssh://git@example.com:2222/app", "ssh://git@example.com:2222/app", id="a URL"),
        pytest.param("https://user@example.com/app", "https://user@example.com/app", id="another scheme"),
        pytest.param("./folder", "./folder", id="a path"),
    ],
)
def test_address_gets_its_scheme(text: str, url: str) -> None:
    """What is written as for scp is a URL with a scheme; all else stays as it is."""
    assert as_url(text) == url


def test_known_hosts_are_binding(tmp_path: Path) -> None:
    """Where hosts are given, no other key is taken, and the machine's own file does not count."""
    environment = SshAccess("/agent", "example.com ssh-ed25519 AAAA").environment(tmp_path, "example.com")
    assert environment["SSH_AUTH_SOCK"] == "/agent"
    assert "-oStrictHostKeyChecking=yes" in environment["GIT_SSH_COMMAND"]
    assert "~/.ssh" not in environment["GIT_SSH_COMMAND"]
    assert (tmp_path / "known_hosts").read_text().strip() == "example.com ssh-ed25519 AAAA"


def test_machines_agent_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a socket the agent of the machine's user is asked, and new hosts are taken."""
    monkeypatch.setenv("SSH_AUTH_SOCK", "/mine")
    environment = SshAccess().environment(tmp_path, "example.com")
    assert environment["SSH_AUTH_SOCK"] == "/mine"
    assert "-oStrictHostKeyChecking=accept-new" in environment["GIT_SSH_COMMAND"]


def test_no_agent_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any agent nobody can log in."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(GitError, match="without an SSH socket"):
        SshAccess().environment(tmp_path, "example.com")
