"""Commits, tags and branches of the repository, as GitHub has them."""

from typing import Any
from urllib.parse import quote

from ci.github.client import Api
from ci.github.errors import GitHubError
from ci.policy.succession import Difference


def in_path(name: str) -> str:
    """Write a ref's name as a part of a path; its slashes stay."""
    return quote(name, safe="/")


async def tagged_commit(api: Api, tag: str) -> str:
    """Give the commit of a tag, through the tag's own object where it is annotated; GitHubError when there is none."""
    found = await _ref(api, f"tags/{tag}")
    if found is None:
        raise GitHubError(f"{api.repository} has no tag {tag}: push the tag first (a release makes none)")
    while found["type"] == "tag":
        found = (await api.get(f"git/tags/{found['sha']}"))["object"]
    return str(found["sha"])


async def branch_commit(api: Api, branch: str) -> str | None:
    """Give the commit that a branch is at; None when there is no such branch."""
    found = await _ref(api, f"heads/{branch}")
    return str(found["sha"]) if found else None


async def make_branch(api: Api, branch: str, commit: str) -> None:
    """Make a branch at a commit."""

    async def made() -> dict[str, Any] | None:
        return await _ref(api, f"heads/{branch}")

    await api.create("git/refs", {"ref": f"refs/heads/{branch}", "sha": commit}, made)


async def forward_branch(api: Api, branch: str, commit: str) -> None:
    """Move a branch forward to a commit; GitHub refuses any other move."""
    await api.change(f"git/refs/heads/{in_path(branch)}", {"sha": commit, "force": False})


async def contains(api: Api, branch: str, commit: str) -> bool:
    """Whether a branch (or a commit) contains a commit."""
    # The list of commits is not needed, so its pages are as small as can be.
    compared = await api.get(f"compare/{in_path(branch)}...{commit}", per_page="1")
    return compared["status"] in {"identical", "behind"}


async def came_by_pull_request(api: Api, commit: str, branch: str) -> bool:
    """Whether a commit came to a branch by a pull request, however that was merged."""
    found = [each async for each in api.pages(f"commits/{commit}/pulls")]
    return any(each["merged_at"] and each["base"]["ref"] == branch for each in found)


async def difference(api: Api, commit: str, other: str) -> Difference | None:
    """Count what only one of two commits contains; None when GitHub does not have one of them."""
    compared = await api.find(f"compare/{other}...{commit}", per_page="1")
    return Difference(ours=int(compared["ahead_by"]), theirs=int(compared["behind_by"])) if compared else None


async def _ref(api: Api, ref: str) -> dict[str, Any] | None:
    found = await api.find(f"git/ref/{in_path(ref)}")
    return found["object"] if found else None
