"""Which release this is."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final

_PACKAGE: Final = "app"


def release() -> str:
    """The version of the installed package; a bare source tree is no release."""
    try:
        return version(_PACKAGE)
    except PackageNotFoundError:
        return "unreleased"
