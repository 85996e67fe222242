"""The root of everything the engine refuses or fails with: one line for a person, fields for a program."""

from __future__ import annotations

from typing import Any


class EngineError(Exception):
    """An error that a user can act on. Its text is one line; it is shown without a traceback.

    `extensions` travel with the GraphQL error, where the SDK reads them (`_type: EXEC_ERROR` and so on).
    """

    exit_code: int = 1

    def __init__(self, message: str, *, extensions: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.extensions: dict[str, Any] = extensions or {}


class NotSupportedError(EngineError):
    """A part of the Dagger API that the embedded engine does not have."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not supported by the embedded engine; use dagger call")
