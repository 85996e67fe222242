"""Waiting inside a container for what another one does, however slow the machine, for programs of the conformance suite."""


def until(condition: str) -> list[str]:
    """A command that ends as soon as a condition of the shell holds, and fails after a minute without it."""
    return ["sh", "-c", f"for i in $(seq 1200); do {condition} && exit 0; sleep 0.05; done; exit 1"]
