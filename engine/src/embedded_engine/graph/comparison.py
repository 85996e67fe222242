"""What differs between two trees, path by path, as a changeset tells it."""

from __future__ import annotations

from dataclasses import dataclass

from embedded_engine.store import Entry, Kind, Manifest

EXECUTABLE = 0o100


@dataclass(frozen=True)
class Differences:
    """Sorted paths; those of directories end with `/`. `removed` names a removed directory, not what was in it."""

    added: tuple[str, ...]
    modified: tuple[str, ...]
    removed: tuple[str, ...]
    all_removed: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Whether the two hold the same files: as on Dagger, directories alone make no changeset."""
        return all(path.endswith("/") for path in (*self.added, *self.modified, *self.all_removed))


def compare(before: Manifest, after: Manifest) -> Differences:
    """The difference between two trees. Owners, times and modes (but for the executable bit) make none."""
    added, modified, removed = [], [], []
    for path, fact in after.facts.items():
        known = before.facts.get(path)
        if not path or known == fact:
            continue
        new = Entry.parse(fact)
        old = Entry.parse(known) if known is not None else None
        if old is None:
            added.append(_named(path, new))
        elif (old.kind is Kind.DIRECTORY) != (new.kind is Kind.DIRECTORY):
            added.append(_named(path, new))
            removed.append(_named(path, old))
        elif new.kind is not Kind.DIRECTORY and _tracked(old) != _tracked(new):
            modified.append(path)
    for path, fact in before.facts.items():
        if path and path not in after.facts:
            removed.append(_named(path, Entry.parse(fact)))
    everything = sorted(removed)
    return Differences(tuple(sorted(added)), tuple(sorted(modified)), tuple(_topmost(everything)), tuple(everything))


def changed_entries(before: Manifest, after: Manifest) -> list[str]:
    """Paths of `after` that are new or other in any way, with the directories that lead to them, parents first."""
    found = {path for path, fact in after.facts.items() if path and before.facts.get(path) != fact}
    for path in list(found):
        parent = path.rpartition("/")[0]
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return sorted(found)


def _tracked(entry: Entry) -> tuple[Kind, str, bool]:
    """What git would see of an entry."""
    return entry.kind, entry.content, entry.kind is Kind.FILE and bool(entry.mode & EXECUTABLE)


def _named(path: str, entry: Entry) -> str:
    return f"{path}/" if entry.kind is Kind.DIRECTORY else path


def _topmost(paths: list[str]) -> list[str]:
    """Sorted paths without those inside a directory that is among them."""
    found: list[str] = []
    parent = ""
    for path in paths:
        if parent and path.startswith(parent):
            continue
        found.append(path)
        parent = path if path.endswith("/") else ""
    return found
