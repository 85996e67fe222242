"""Git over SSH: an agent's socket to log in with, and the hosts that are known."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from embedded_engine.git_program import GitError

SCHEME = "ssh://"
_SCP = re.compile(r"([\w.-]+@[\w.-]+):(?!/)(.+)")


def as_url(text: str) -> str:
    """A repository's address with its scheme.

    >>> as_url("git@example.com:team/app.git")
    'ssh://git@example.com/team/app.git'
    """
    match = _SCP.fullmatch(text)
    return f"{SCHEME}{match[1]}/{match[2]}" if match else text


@dataclass(frozen=True)
class SshAccess:
    """Who logs in: the agent at `socket`, by default the one of this machine's user; and what is known of hosts.

    `known_hosts` is the content of such a file. Without it a new host is taken for what it says it is, and one that the
    machine's user knows must be the one that is known.
    """

    socket: str = ""
    known_hosts: str = ""

    def environment(self, scratch: Path, host: str) -> dict[str, str]:
        """The variables by which git reaches `host`. Files go to `scratch`. Raises GitError where no agent is found."""
        socket = self.socket or os.environ.get("SSH_AUTH_SOCK", "")
        if not socket:
            raise GitError("SSH URLs are not supported without an SSH socket: give sshAuthSocket or start an agent")
        known = scratch / "known_hosts"
        known.write_text(self.known_hosts)
        files = [str(known)] if self.known_hosts else [str(known), "~/.ssh/known_hosts"]
        options = {
            "BatchMode": "yes",
            "HostKeyAlias": host,
            "StrictHostKeyChecking": "yes" if self.known_hosts else "accept-new",
            "UserKnownHostsFile": " ".join(files),
        }
        words = ["ssh", "-F", "none", *(f"-o{name}={value}" for name, value in options.items())]
        return {"SSH_AUTH_SOCK": socket, "GIT_SSH_COMMAND": shlex.join(words)}
