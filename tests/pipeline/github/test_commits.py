"""Commits, as a small GitHub has them."""

from ci.github import GitHub
from ci.github.commits import difference
from ci.policy.succession import Difference
from github_rules import commit as hash_of
from github_server import GitHubServer


async def test_two_commits_are_counted_against_each_other(server: GitHubServer, github: GitHub) -> None:
    """How many only one of them has; nothing is said of a commit that GitHub does not have."""
    for name in ("second", "other"):
        server.state.add_commit(name, "first")
    first, second, other, nowhere = map(hash_of, ("first", "second", "other", "nowhere"))
    async with github.open() as api:
        assert await difference(api, first, second) == Difference(ours=0, theirs=1)
        assert await difference(api, second, first) == Difference(ours=1, theirs=0)
        assert await difference(api, second, other) == Difference(ours=1, theirs=1)
        assert await difference(api, second, nowhere) is None
