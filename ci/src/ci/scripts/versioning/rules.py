"""What `[tool.commitizen]` of the current directory says, and what a message means by it."""

import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, cast

from commitizen import bump, factory
from commitizen.changelog import generate_ordered_changelog_tree, generate_tree_from_commits, render_changelog
from commitizen.changelog_formats import get_changelog_format
from commitizen.config import read_cfg
from commitizen.exceptions import ConfigFileIsEmpty, ConfigFileNotFound
from commitizen.git import GitCommit
from commitizen.providers import get_provider
from commitizen.version_increment import VersionIncrement
from commitizen.version_schemes import Increment, Prerelease, SemVer2
from semver import Version

from .repository import Refused, parse_version

CONFIGURATION: Final = "pyproject.toml"

_BREAKING_SUBJECT: Final = re.compile(r"^\w+(\([^()\r\n]*\))?!: ")
_BREAKING_FOOTER: Final = re.compile(r"(?:^|\n+)BREAKING[ -]CHANGE: ")
_TRAILER: Final = re.compile(r"\n(?=[A-Z][a-z]+(?:-[a-z]+)*-by: |(?:Refs?|Closes|Fixes|Change-Id)(?:: | #))")


class Rules:
    """Commitizen, set up as the project says."""

    def __init__(self) -> None:
        try:
            self._config = read_cfg(CONFIGURATION)
        except (ConfigFileNotFound, ConfigFileIsEmpty):
            raise Refused(f"{CONFIGURATION} has no [tool.commitizen]: what a version is has to be said there") from None
        self._committer = factory.committer_factory(self._config)

    @cached_property
    def current(self) -> Version:
        """The version that the project's files say."""
        return parse_version(get_provider(self._config).get_version())

    @property
    def changelog_file(self) -> str:
        """Where the changelog is kept."""
        return self._config.settings["changelog_file"]

    @cached_property
    def _template(self) -> str:
        return self._config.settings["template"] or get_changelog_format(self._config, self.changelog_file).template

    def increment(self, changes: Iterable[GitCommit], version: Version) -> Increment | None:
        """Give the highest increment of a version that any change asks for; below 1.0.0 that is MINOR, where it is set."""
        below_one = bool(self._config.settings["major_version_zero"]) and version.major == 0
        increments = self._committer.bump_map_major_version_zero if below_one else self._committer.bump_map
        found = VersionIncrement.get_highest_by_messages(
            (change.message for change in changes), self._committer.bump_pattern or "", increments or {}
        )
        names: dict[VersionIncrement, Literal["PATCH", "MINOR", "MAJOR"]] = {
            VersionIncrement.PATCH: "PATCH",
            VersionIncrement.MINOR: "MINOR",
            VersionIncrement.MAJOR: "MAJOR",
        }
        return names.get(found)

    @staticmethod
    def bumped(version: Version, increment: Increment | None, prerelease: Prerelease | None) -> Version:
        """Count a version up. What is a prerelease stays with its version unless the increment asks for a higher one."""
        return Version.parse(str(SemVer2(str(version)).bump(increment, prerelease=prerelease, prerelease_offset=1)))

    def message(self, current: Version, target: Version) -> str:
        """The message of the commit that sets a version."""
        return bump.create_commit_message(str(current), str(target), self._config.settings["bump_message"])

    def set_version(self, target: Version) -> tuple[str, ...]:
        """Write the version into every file that carries it, and name those files."""
        settings = self._config.settings
        if lost := [name for name in settings["version_files"] if not any(Path().glob(name.partition(":")[0]))]:
            raise Refused(f"version_files names {lost[0]}, which is not at hand: let it in by sources.VERSIONED")
        provider = get_provider(self._config)
        provider.set_version(str(target))
        own = [getattr(provider, name, None) for name in ("file", "lock_file")]
        others = bump.update_version_in_files(
            str(self.current),
            str(target),
            settings["version_files"],
            check_consistency=True,
            encoding=settings["encoding"],
        )
        return (*(str(path) for path in own if path is not None), *others)

    def section(self, title: str, date: str, changes: list[GitCommit]) -> str:
        """Render the part of a changelog that is one version's: a heading, then what changed by kind."""
        tree = generate_tree_from_commits(
            [_normalised(change) for change in changes],
            [],
            self._committer.commit_parser or "",
            self._committer.changelog_pattern or "",
            title,
            change_type_map=self._config.settings.get("change_type_map") or self._committer.change_type_map,
            changelog_message_builder_hook=_on_one_line,
        )
        order = cast("list[str]", self._config.settings.get("change_type_order") or self._committer.change_type_order)
        dated = [{**entry, "date": date} for entry in generate_ordered_changelog_tree(tree, order or [])]
        return render_changelog(dated, self._committer.template_loader, self._template).strip() + "\n"

    def faulty(self, message: str) -> bool:
        """Whether a message is no conventional commit."""
        checked = self._committer.validate_commit_message(
            commit_msg=message,
            pattern=re.compile(self._committer.schema_pattern() or ""),
            allow_abort=False,
            allowed_prefixes=self._config.settings["allowed_prefixes"],
            max_msg_length=self._config.settings["message_length_limit"],
            commit_hash="",
        )
        return not checked.is_valid


def _normalised(change: GitCommit) -> GitCommit:
    """Write a breaking change so that commitizen lists it as one, once, and nothing of what follows it."""
    title, body = change.title, change.body
    if not _BREAKING_FOOTER.search(body):
        title = _BREAKING_SUBJECT.sub(r"BREAKING CHANGE\1: ", title)
    body = _TRAILER.sub("\n\n", _BREAKING_FOOTER.sub("\n\nBREAKING CHANGE: ", body))
    return GitCommit(change.rev, title, body, change.author, change.author_email)


def _on_one_line(message: dict[str, Any], commit: GitCommit) -> dict[str, Any]:  # noqa: ARG001 - commitizen's hook
    return {**message, "message": " ".join(str(message["message"]).split())}
