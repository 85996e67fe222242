"""Programs that run inside containers; they use what the container has: POSIX sh, or Python's standard library."""

from importlib.resources import files


def text_of(name: str) -> str:
    """Read one of the programs, to put it into a container."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
