"""What the command line itself refuses."""

from __future__ import annotations

from typing import Any

from embedded_engine.errors import EngineError


class UsageError(EngineError):
    """Words that make no command: an unknown function or flag, a value that does not fit, a missing argument."""

    exit_code = 2


class ModuleLoadError(EngineError):
    """There is no module here, or it cannot be loaded."""


class FunctionError(EngineError):
    """A function of the module failed. `details` is shown below the message, `exit_code` is the process's.

    The extensions are those of an error of the API that it let pass: a module that called it finds them again.
    """

    def __init__(
        self, message: str, *, details: str = "", exit_code: int = 1, extensions: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message, extensions=extensions)
        self.details = details
        self.exit_code = exit_code
