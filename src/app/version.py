"""Which release this is."""

from importlib.metadata import PackageNotFoundError, version


def release() -> str:
    """The version of the installed package; a bare source tree is no release."""
    try:
        return version("app")
    except PackageNotFoundError:
        return "unreleased"
