"""Asks a registry by skopeo and tells apart: found, absent, denied, and broken, which is everything else.

Usage: ask_registry.py digests|revisions|give REPOSITORY [NAME...] and what --help says
  digests     of tags; with --all the names of all tags as well, as the answer for ""
  revisions   the commits that images (by digest) say they were made from
  give        puts the tags on --digest, in that order, until one fails; answers with what each tag has afterwards
Prints a JSON object with an answer for each name: {"is": "found", "value": "..."}, or {"is": "absent"}, or
{"is": "denied" | "broken", "why": "..."}. Nothing but a registry's own "unknown" is ever read as absent.
"""

import argparse
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

AT_ONCE = 8
ATTEMPTS = 4
LEAST_SECONDS = 0.5
REVISION = "org.opencontainers.image.revision"
LONGEST_REASON = 300

# The registry's own words for what it does not have, at the end of skopeo's line; a status of 404 alone is no answer.
UNKNOWN = re.compile(r": (manifest unknown|name unknown|repository name not known to registry)(: [^\n]*)?$")
DENIED = re.compile(
    r"unauthorized|authentication required|denied|forbidden|invalid username/password|\b40[13]\b", re.IGNORECASE
)


class NoAnswer(Exception):  # noqa: N818 - what happened, in the words of the caller
    """The registry did not say what was asked; `kind` is absent, denied or broken."""

    def __init__(self, kind: str, why: str = "") -> None:
        super().__init__(why)
        self.kind = kind
        self.why = why

    def as_json(self) -> dict[str, str]:
        """As it is printed."""
        return {"is": "absent"} if self.kind == "absent" else {"is": self.kind, "why": self.why}


class Registry:
    """One repository, asked within a bounded time."""

    def __init__(self, asked: argparse.Namespace, authfile: Path | None) -> None:
        self.repository: str = asked.repository
        self.attempt_seconds: float = asked.attempt_seconds
        self.deadline = time.monotonic() + asked.total_seconds
        self.first_pause: float = asked.first_pause
        self.is_plain: bool = asked.plain
        self.authfile = authfile

    def name(self, reference: str) -> str:
        """Name an image of the repository, by tag or by digest."""
        return f"docker://{self.repository}{'@' if reference.startswith('sha256:') else ':'}{reference}"

    def digest(self, tag: str) -> str:
        """Read which digest a tag has: by its content, and the registry has to have that content under that digest."""
        manifest = self.skopeo("inspect", "--raw", self.name(tag))
        check_manifest(manifest)
        digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
        try:
            same = self.skopeo("inspect", "--raw", self.name(digest))
        except NoAnswer as answer:
            if answer.kind == "absent":
                why = f"{tag} is {digest} by its content, which is not there by that digest"
                raise NoAnswer("broken", why) from None
            raise
        if same != manifest:
            raise NoAnswer("broken", f"{tag} and its digest {digest} are answered with different content")
        return digest

    def revision(self, digest: str) -> str:
        """Read which commit an image says it was made from; an empty text when it says nothing."""
        text = self.skopeo("inspect", "--config", "--raw", self.name(digest))
        try:
            labels = json.loads(text)["config"].get("Labels") or {}
            return str(labels.get(REVISION, ""))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise NoAnswer("broken", f"the configuration of {digest} is none: {shown(text)}") from None

    def tags(self) -> list[str]:
        """List all tags."""
        text = self.skopeo("list-tags", f"docker://{self.repository}")
        try:
            return [str(tag) for tag in json.loads(text)["Tags"]]
        except (ValueError, KeyError, TypeError):
            raise NoAnswer("broken", f"the list of tags is none: {shown(text)}") from None

    def give(self, digest: str, tag: str) -> str:
        """Put a tag on a digest that is there, byte for byte; returns the digest that the tag has then."""
        self.skopeo("copy", "--quiet", "--all", "--preserve-digests", self.name(digest), self.name(tag))
        return self.digest(tag)

    def skopeo(self, command: str, *words: str) -> bytes:
        """Run skopeo, again after a moment where the registry seems to be busy or broken; returns what it printed."""
        pause = self.first_pause
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self.skopeo_once(command, *words)
            except NoAnswer as answer:
                is_last = attempt == ATTEMPTS or time.monotonic() + 2 * pause > self.deadline
                if answer.kind != "broken" or is_last:
                    raise
            time.sleep(pause)
            pause *= 2
        raise AssertionError("the loop returns or raises")

    def skopeo_once(self, command: str, *words: str) -> bytes:
        """Run skopeo once. When it is told 429 it waits itself, as long as the registry says."""
        seconds = min(self.attempt_seconds, self.deadline - time.monotonic())
        if seconds < LEAST_SECONDS:
            raise NoAnswer("broken", "no answer in time")
        try:
            done = subprocess.run(
                ["skopeo", command, *self.options(command), *words], capture_output=True, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired:
            raise NoAnswer("broken", f"no answer in {seconds:.0f} s") from None
        if done.returncode == 0:
            return done.stdout
        raise what_it_means(done.stderr.decode(errors="replace"))

    def options(self, command: str) -> list[str]:
        """Say how the registry is reached: a copy has two ends."""
        ends = ("src-", "dest-") if command == "copy" else ("",)
        login = [f"--authfile={self.authfile}"] if self.authfile else []
        return [*login, *(f"--{end}tls-verify=false" for end in ends if self.is_plain)]


def what_it_means(stderr: str) -> NoAnswer:
    """Read why skopeo failed. That it is denied is said for the person's sake only; absent decides something."""
    line = next((line for line in reversed(stderr.splitlines()) if "level=" in line), stderr.strip())
    found = re.search(r'msg="((?:[^"\\]|\\.)*)"', line)
    reason = re.sub(r"\\(.)", lambda escaped: " " if escaped[1] in "nrt" else escaped[1], found[1]) if found else line
    reason = re.sub(r'^Error parsing image name "[^"]*": ', "", reason)
    if UNKNOWN.search(reason):
        return NoAnswer("absent")
    return NoAnswer("denied" if DENIED.search(reason) else "broken", shown(reason.encode()))


def check_manifest(content: bytes) -> None:
    """Refuse what is no manifest of an image and no index of manifests."""
    try:
        manifest = json.loads(content)
        is_one = manifest["schemaVersion"] == 2 and ("config" in manifest or "manifests" in manifest)
    except (ValueError, KeyError, TypeError):
        is_one = False
    if not is_one:
        raise NoAnswer("broken", f"the answer is no manifest: {shown(content)}")


def shown(content: bytes) -> str:
    """Show something of unknown origin on one line."""
    text = " ".join(content[: 4 * LONGEST_REASON].decode(errors="replace").split())
    printable = "".join(letter if letter.isprintable() else "?" for letter in text)
    return printable[:LONGEST_REASON] or "nothing"


def answer(ask: Callable[[], Any]) -> dict[str, Any]:
    """Put one question."""
    try:
        return {"is": "found", "value": ask()}
    except NoAnswer as no:
        return no.as_json()


def answers(registry: Registry, asked: argparse.Namespace) -> dict[str, Any]:
    """Put all questions: reading at once, writing one after the other."""
    if asked.ask == "give":
        return given(registry, asked.digest, asked.names)
    read = registry.digest if asked.ask == "digests" else registry.revision
    questions: dict[str, Callable[[], Any]] = {name: partial(read, name) for name in asked.names}
    if asked.all:
        questions[""] = registry.tags
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(questions, pool.map(answer, questions.values()), strict=True))


def given(registry: Registry, digest: str, tags: list[str]) -> dict[str, Any]:
    """Give tags to a digest, in order, and stop at the first that it is not given to."""
    said: dict[str, Any] = {}
    for tag in tags:
        said[tag] = answer(partial(registry.give, digest, tag))
        if said[tag] != {"is": "found", "value": digest}:
            break
    return said


def write_login(host: str, username: str, password: Path, authfile: Path) -> Path:
    """Write the file in which skopeo looks for a login; its place is in memory."""
    pair = f"{username}:".encode() + password.read_bytes()
    with os.fdopen(os.open(authfile, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"auths": {host: {"auth": base64.b64encode(pair).decode()}}}, file)
    return authfile


def parse(words: "list[str] | None" = None) -> argparse.Namespace:
    """Read what is asked."""
    parser = argparse.ArgumentParser(description="Ask a registry.")
    parser.add_argument("ask", choices=("digests", "revisions", "give"))
    parser.add_argument("repository", help="host[:port]/path")
    parser.add_argument("names", nargs="*", help="tags, or digests")
    parser.add_argument("--all", action="store_true", help="also the names of all tags")
    parser.add_argument("--digest", help="what tags are given to")
    parser.add_argument("--plain", action="store_true", help="allow plain HTTP")
    parser.add_argument("--username", help="with --password-file, and with --authfile: a place in memory")
    parser.add_argument("--password-file", type=Path)
    parser.add_argument("--authfile", type=Path)
    parser.add_argument("--attempt-seconds", type=float, default=60)
    parser.add_argument("--total-seconds", type=float, default=180)
    parser.add_argument("--first-pause", type=float, default=0.5, help="seconds; each pause is twice the one before")
    return parser.parse_args(words)


def main() -> int:
    """Answer a question."""
    asked = parse()
    host = asked.repository.partition("/")[0]
    authfile = write_login(host, asked.username, asked.password_file, asked.authfile) if asked.username else None
    print(json.dumps(answers(Registry(asked, authfile), asked)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
