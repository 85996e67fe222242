"""Releases: made once for a version, and brought up to date by every further run."""

from collections.abc import Mapping
from typing import Any, Final

import httpx

from ci.github.client import Api, Body, GitHub
from ci.github.commits import in_path, tagged_commit
from ci.github.errors import GitHubError
from ci.policy.plan import Release

LONGEST_NOTES: Final = 125_000
"""Characters that GitHub takes as a release's notes."""

_SHORTENED: Final = "\n\n*Shortened: GitHub takes no more. The whole text is in the changelog.*\n"


async def release(github: GitHub, wanted: Release, notes: str, commit: str) -> str:
    """Create the version's release, or make what is there the one that is wanted; gives the URL of its page.

    A published release needs its tag at `commit`, and is never turned into a draft again. A draft needs no tag: its tag
    is made at `commit` should a person publish it. Text that a person wrote into a release gives way to `notes`.
    """
    async with github.open() as api:
        if not wanted.draft:
            await _check_tag(api, wanted.tag, commit)
        fields = _fields(wanted, _fitting(notes), commit)
        found = await _published(api, wanted.tag)
        drafts = await _drafts(api, wanted.tag)
        if found is None:
            found = await _only_one(api, drafts, fields)
        elif wanted.draft:
            return str(found["html_url"])
        else:
            await _only_one(api, [found, *drafts], fields)
        made = await _make(api, fields) if found is None else await _update(api, found, fields, wanted)
        return str(made["html_url"])


async def _check_tag(api: Api, tag: str, commit: str) -> None:
    at = await tagged_commit(api, tag)
    if at != commit:
        raise GitHubError(f"the tag {tag} of {api.repository} is at {at}, not at {commit}: nothing is released")


def _fields(wanted: Release, notes: str, commit: str) -> dict[str, Any]:
    return {
        "tag_name": wanted.tag,
        "target_commitish": commit,
        "name": wanted.tag,
        "body": notes,
        "draft": wanted.draft,
        "prerelease": wanted.prerelease,
        # A string in this API, and without it GitHub judges by date or by version.
        "make_latest": "true" if wanted.make_latest else "false",
    }


def _fitting(notes: str) -> str:
    """Shorten notes to what GitHub takes, at the end of a line, and say so."""
    if len(notes) <= LONGEST_NOTES:
        return notes
    kept = notes[: LONGEST_NOTES - len(_SHORTENED)]
    return (kept[: kept.rfind("\n")] if "\n" in kept else kept) + _SHORTENED


async def _published(api: Api, tag: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = await api.find(f"releases/tags/{in_path(tag)}")
    return found


async def _drafts(api: Api, tag: str) -> list[dict[str, Any]]:
    """Find the drafts of a tag, the oldest first: they are asked for by no tag, so they are looked for in the list."""
    drafts = [each async for each in api.pages("releases") if each["draft"] and each["tag_name"] == tag]
    return sorted(drafts, key=lambda each: int(each["id"]))


async def _only_one(api: Api, same: list[dict[str, Any]], fields: Body) -> dict[str, Any] | None:
    """Keep the first of several of one tag; the others go where nothing is lost with them, else a person has to choose."""
    if not same:
        return None
    kept, *others = same
    different = [each for each in others if (each["body"] or "") not in {kept["body"] or "", fields["body"], ""}]
    if different:
        urls = ", ".join(str(each["html_url"]) for each in [kept, *different])
        raise GitHubError(f"{fields['tag_name']} has more than one release or draft ({urls}): delete all but one")
    for each in others:
        await api.delete(f"releases/{each['id']}")
    return kept


async def _make(api: Api, fields: Body) -> dict[str, Any]:
    tag = fields["tag_name"]

    async def made() -> dict[str, Any] | None:
        return await _published(api, tag) or next(iter(await _drafts(api, tag)), None)

    try:
        created: dict[str, Any] = await api.create("releases", fields, made)
    except GitHubError as error:
        # Another run was faster: what it made is brought to the same state.
        if (
            error.status == httpx.codes.UNPROCESSABLE_ENTITY
            and error.says("already_exists")
            and (there := await made())
        ):
            return await _changed(api, there, fields)
        raise
    return created


async def _update(api: Api, found: Mapping[str, Any], fields: Body, wanted: Release) -> Mapping[str, Any]:
    # GitHub compares nothing: a change that changes nothing would still tell everybody who watches the repository.
    names = ["name", "body", "draft", "prerelease"]
    if wanted.draft:
        # Where a person who publishes the draft would have its tag made.
        names.append("target_commitish")
    is_same = all((found[name] or "") == (fields[name] or "") for name in names)
    if is_same and (wanted.draft or await _is_latest(api, found) == wanted.make_latest):
        return found
    return await _changed(api, found, fields)


async def _changed(api: Api, found: Mapping[str, Any], fields: Body) -> dict[str, Any]:
    changed: dict[str, Any] = await api.change(f"releases/{found['id']}", fields)
    return changed


async def _is_latest(api: Api, found: Mapping[str, Any]) -> bool:
    latest = await api.find("releases/latest")
    return latest is not None and latest["id"] == found["id"]
