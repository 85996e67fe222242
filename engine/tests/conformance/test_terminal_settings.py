"""What a container says about terminals is no part of what it runs."""

from __future__ import annotations

import dagger


async def test_command_of_a_terminal_changes_nothing(python: dagger.Container) -> None:
    """A container with a command for its terminal runs, and is exported, as without."""
    with_command = python.with_default_terminal_cmd(["/bin/bash"], insecure_root_capabilities=True)
    assert await with_command.with_exec(["echo", "ran"]).stdout() == "ran\n"
    assert await with_command.default_args() == await python.default_args()
