"""The stage that looks for secrets: in the files, committed or at hand, and in what the branch's commits have brought."""

import shlex
from typing import Final

import dagger

from ci import images
from ci.base_commit import find_base, with_program
from ci.debian import with_packages
from ci.history import CHECKOUT, git, whole
from ci.stage import marked_fresh, recorded, with_wrapper

_SOURCE: Final = "/source"
_FILES: Final = "/files"

# What is found is never printed: the log would be the next place that it leaks from.
_GITLEAKS: Final = "gitleaks detect --no-banner --verbose --redact"


async def secrets(source: dagger.Directory, history: dagger.Directory, fresh: str) -> dagger.Container:
    """Nothing looks like a secret; a secret that a later commit of the branch has taken out again is found, too."""
    commits = shlex.join(find_base(CHECKOUT, "", "--range"))
    return (
        git()
        .with_(with_packages(images.GITLEAKS))
        .with_(with_wrapper)
        .with_(with_program)
        # gitleaks asks git itself, which does not trust a folder of another user.
        .with_env_variable("GIT_CONFIG_COUNT", "1")
        .with_env_variable("GIT_CONFIG_KEY_0", "safe.directory")
        .with_env_variable("GIT_CONFIG_VALUE_0", "*")
        .with_mounted_directory(CHECKOUT, await whole(history))
        .with_mounted_directory(_SOURCE, source)
        .with_(marked_fresh(fresh))
        .with_(
            recorded(
                "secrets",
                f"mkdir {_FILES} && git -C {CHECKOUT} archive HEAD | tar -x -C {_FILES} && cp -a {_SOURCE}/. {_FILES}",
                f"{_GITLEAKS} --no-git --source={_FILES}",
                # The rules are looked for where the files are, and this source has none but git's.
                f"rules=$(ls {_FILES}/.gitleaks.toml 2>/dev/null); commits=$({commits}) &&"
                f" {_GITLEAKS} --source={CHECKOUT} --log-opts=$commits ${{rules:+--config=$rules}}",
            )
        )
    )
