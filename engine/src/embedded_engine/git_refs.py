"""What a git repository offers: its refs, and what a name means among them, as `git checkout` would have it."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from embedded_engine.git_program import GitError

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_VERSION = re.compile(r"v(0|[1-9]\d*)(?:\.(0|[1-9]\d*))?(?:\.(0|[1-9]\d*))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_PEELED = "^{}"


@dataclass(frozen=True)
class Ref:
    """A commit, and the full name that it was found by; a bare commit has none."""

    commit: str
    name: str = ""


@dataclass(frozen=True)
class Refs:
    """All refs, in git's order, and where HEAD points: a branch, or a commit."""

    refs: tuple[Ref, ...] = ()
    head: Ref | None = None

    @classmethod
    def parse(cls, listing: str) -> Refs:
        """Read what `git ls-remote --symref` prints."""
        refs: list[Ref] = []
        head_name, head_commit = "", ""
        for line in listing.splitlines():
            value, _, name = line.partition("\t")
            if value.startswith("ref: "):
                head_name = value.removeprefix("ref: ") if name == "HEAD" else head_name
            elif name == "HEAD":
                head_commit = value
            else:
                refs.append(Ref(value, name))
        head = Ref(head_commit, head_name) if head_commit or head_name else None
        return cls(tuple(refs), head)

    def find(self, target: str) -> Ref:
        """The ref that a name means: whole or short, a branch before a tag, a commit as it is."""
        wanted = self.head.name if target == "HEAD" and self.head is not None and self.head.name else target
        if is_commit(wanted):
            return Ref(wanted)
        if target == "HEAD" and self.head is not None and not self.head.name:
            return self.head
        tag = f"refs/tags/{wanted.removeprefix('refs/tags/')}"
        known = {ref.name: ref for ref in self.refs}
        match = known.get(wanted) or known.get(f"refs/{wanted.removeprefix('refs/')}")
        match = match or known.get(f"refs/heads/{wanted.removeprefix('refs/heads/')}") or known.get(tag)
        if match is None:
            raise GitError(f'repository does not contain ref "{target}"')
        # An annotated tag is an object of its own: what is meant is the commit that it names.
        peeled = known.get(f"{match.name}{_PEELED}")
        return replace(match, commit=peeled.commit) if peeled is not None else match

    def tags(self, patterns: Sequence[str] = ()) -> tuple[str, ...]:
        """The short names of tags that any of the patterns matches; all without patterns."""
        return self._names("refs/tags/", patterns)

    def branches(self, patterns: Sequence[str] = ()) -> tuple[str, ...]:
        """The short names of branches."""
        return self._names("refs/heads/", patterns)

    def latest_version(self) -> Ref:
        """The tag with the highest semantic version that begins with `v`."""
        versions = [tag for tag in self.tags() if version_key(tag) is not None]
        if not versions:
            raise GitError("no valid semver tags found")
        return self.find(f"refs/tags/{max(versions, key=lambda tag: version_key(tag) or ())}")

    def _names(self, prefix: str, patterns: Sequence[str]) -> tuple[str, ...]:
        return tuple(
            ref.name.removeprefix(prefix)
            for ref in self.refs
            if ref.name.startswith(prefix)
            and not ref.name.endswith(_PEELED)
            and (not patterns or any(_tail_matches(pattern, ref.name) for pattern in patterns))
        )


def is_commit(text: str) -> bool:
    """Whether a text is the whole name of a commit."""
    return _COMMIT.fullmatch(text) is not None


def version_key(tag: str) -> tuple[object, ...] | None:
    """What orders semantic versions; None for a tag that is none.

    >>> version_key("v1.2.0") > version_key("v1.2.0-rc.1") > version_key("v1.1.9")
    True
    """
    match = _VERSION.fullmatch(tag)
    if match is None:
        return None
    numbers = tuple(int(match[group] or 0) for group in (1, 2, 3))
    if match[4] is None:
        return (*numbers, 1, ())
    identifiers = tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in match[4].split("."))
    return (*numbers, 0, identifiers)


def _tail_matches(pattern: str, name: str) -> bool:
    """Whether a pattern matches the end of a ref's name, from a slash on, as in `git ls-remote`."""
    return fnmatch.fnmatchcase(f"/{name}", f"*/{pattern}")
