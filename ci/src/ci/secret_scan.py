"""The stage that looks for secrets: in the files, committed or at hand, and in what the branch's commits have brought."""

from typing import Final

import dagger

from ci import images
from ci.base_commit import base_commit
from ci.debian import with_packages
from ci.history import CHECKOUT, files_of, git, whole
from ci.stage import marked_fresh, recorded, with_wrapper

_FILES: Final = "/files"

# What is found is never printed: the log would be the next place that it leaks from.
_GITLEAKS: Final = "gitleaks detect --no-banner --verbose --redact"


async def secrets(source: dagger.Directory, history: dagger.Directory, fresh: str) -> dagger.Container:
    """Nothing looks like a secret; a secret that a later commit of the branch has taken out again is found, too."""
    base = await base_commit(history)
    commits = f"{base.commit}..HEAD" if base.commit else "HEAD"
    files = (await files_of(history, "HEAD")).with_directory(".", source)
    return (
        git()
        .with_(with_packages(images.GITLEAKS))
        .with_(with_wrapper)
        .with_mounted_directory(_FILES, files)
        .with_mounted_directory(CHECKOUT, await whole(history))
        # gitleaks asks git itself, which does not trust a folder of another user.
        .with_env_variable("GIT_CONFIG_COUNT", "1")
        .with_env_variable("GIT_CONFIG_KEY_0", "safe.directory")
        .with_env_variable("GIT_CONFIG_VALUE_0", "*")
        .with_(marked_fresh(fresh))
        .with_(
            recorded(
                "secrets",
                f"{_GITLEAKS} --no-git --source={_FILES}",
                f"{_GITLEAKS} --source={CHECKOUT} --log-opts={commits}",
            )
        )
    )
