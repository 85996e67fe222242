"""The stage that reads commit messages: versions and notes are made of them."""

import dagger

from ci.policy.models import DEVELOP, MAIN
from ci.stage import marked_fresh, recorded
from ci.versions import workplace


async def commits(source: dagger.Directory, history: dagger.Directory, title: str, fresh: str) -> dagger.Container:
    """Every commit of the branch is a conventional one, and so is the title that a pull request gives to its merge."""
    lasting = [f"--lasting={branch}" for branch in (MAIN, DEVELOP)]
    check = ["python", "-m", "versioning", "check", *lasting, *([f"--title={title}"] if title else [])]
    return (
        (await workplace(source, history, ("pyproject.toml",)))
        .with_(marked_fresh(fresh))
        .with_(recorded("commits", check))
    )
