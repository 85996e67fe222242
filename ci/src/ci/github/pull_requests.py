"""Back-merge pull requests: what a version has and the branch where work goes on lacks, proposed once."""

from dataclasses import dataclass
from typing import Any, Final

import anyio
import httpx

from ci.github.client import Api, GitHub
from ci.github.commits import branch_commit, contains, forward_branch, make_branch, tagged_commit
from ci.github.errors import GitHubError
from ci.policy.plan import BackMerge, BackMergeKind

_LOOKS: Final = 5
"""How often GitHub is asked whether a pull request can be merged: it finds that out after it has answered."""


@dataclass(frozen=True)
class BackMerged:
    """What became of a back-merge, in a line for people; no URL where there is no pull request."""

    said: str
    url: str = ""


async def back_merge(github: GitHub, wanted: BackMerge) -> BackMerged:
    """Open or update the pull request that brings a version's commits to its base; once, however often this runs.

    The head is a branch at the version's tag. Where the base contains the tag already nothing is done. A pull request
    that was merged, or that a person closed, stays as it is. One with a conflict is opened all the same, and says so.
    """
    async with github.open() as api:
        commit = await tagged_commit(api, f"v{wanted.version}")
        if await contains(api, wanted.base, commit):
            return BackMerged(f"{wanted.base} contains v{wanted.version} already")
        found = await _found(api, wanted)
        if found is not None and found["state"] == "closed":
            return _closed(found, wanted)
        await _prepare_head(api, wanted, commit)
        if found is not None:
            return await _brought_up_to_date(api, found, wanted, "is there already")
        return await _opened(api, wanted)


async def _found(api: Api, wanted: BackMerge) -> dict[str, Any] | None:
    """Find the newest pull request from the head to the base; an open one comes before closed ones."""
    query = {"head": f"{api.owner}:{wanted.head}", "base": wanted.base, "state": "all"}
    found = [each async for each in api.pages("pulls", **query)]
    return max(found, key=lambda each: (each["state"] == "open", bool(each["merged_at"]), each["number"]), default=None)


def _closed(found: dict[str, Any], wanted: BackMerge) -> BackMerged:
    url = str(found["html_url"])
    if found["merged_at"]:
        return BackMerged(f"{url} was merged", url)
    return BackMerged(f"{url} was closed by hand: {wanted.base} lacks v{wanted.version} until it is reopened", url)


async def _prepare_head(api: Api, wanted: BackMerge, commit: str) -> None:
    """Have the head branch hold the tag's commit; commits that a person put on top, for a conflict say, stay there."""
    at = await branch_commit(api, wanted.head)
    if at is None:
        try:
            await make_branch(api, wanted.head, commit)
        except GitHubError as error:
            # Another run was faster.
            if error.status != httpx.codes.UNPROCESSABLE_ENTITY or await branch_commit(api, wanted.head) != commit:
                raise
    elif at == commit or await contains(api, wanted.head, commit):
        return
    elif await contains(api, commit, at):
        await forward_branch(api, wanted.head, commit)
    else:
        raise GitHubError(f"the branch {wanted.head} has other commits than v{wanted.version}: delete or rename it")


async def _opened(api: Api, wanted: BackMerge) -> BackMerged:
    body = {"title": wanted.title, "head": wanted.head, "base": wanted.base, "body": _body(wanted, conflicts=False)}

    async def made() -> dict[str, Any] | None:
        return await _found(api, wanted)

    try:
        opened = await api.create("pulls", body, made)
    except GitHubError as error:
        if error.status != httpx.codes.UNPROCESSABLE_ENTITY:
            raise
        if error.says("No commits between"):
            return BackMerged(f"{wanted.base} has everything of v{wanted.version} already")
        opened = await made() if error.says("already exists") else None
        if opened is None:
            raise
    return await _brought_up_to_date(api, opened, wanted, "is open")


async def _brought_up_to_date(api: Api, pull: dict[str, Any], wanted: BackMerge, said: str) -> BackMerged:
    conflicts = await _has_conflicts(api, pull["number"])
    fields = {"title": wanted.title, "body": _body(wanted, conflicts=conflicts)}
    if any((pull[name] or "") != value for name, value in fields.items()):
        await api.change(f"pulls/{pull['number']}", fields)
    url = str(pull["html_url"])
    return BackMerged(f"{url} {said}" + ("; it has conflicts that a person must resolve" if conflicts else ""), url)


async def _has_conflicts(api: Api, number: int) -> bool:
    """Ask until GitHub knows, a few times; what it does not know by then is no conflict yet."""
    for look in range(_LOOKS):
        if look:
            await anyio.sleep(api.patience.first_pause)
        mergeable = (await api.get(f"pulls/{number}"))["mergeable"]
        if mergeable is not None:
            return not mergeable
    return False


def _body(wanted: BackMerge, *, conflicts: bool) -> str:
    lines = [f"v{wanted.version} is released; `{wanted.base}` lacks commits of it."]
    if wanted.kind is BackMergeKind.MERGE:
        lines.append("Merge it with a merge commit, not squashed, so that the next release knows that they are there.")
    else:
        lines.append("Squash it, so that the change comes to the trunk as one commit.")
    if conflicts:
        lines.append(
            "**It has conflicts.** Resolve them on this pull request's own branch:\n\n"
            f"```sh\ngit fetch origin\ngit switch {wanted.head}\ngit merge origin/{wanted.base}\ngit push\n```"
        )
    return "\n\n".join(lines) + "\n"
