"""What the sandbox refuses or fails with."""

from __future__ import annotations

from embedded_engine.errors import EngineError


class SandboxError(EngineError):
    """The sandbox could not do its work: a missing program, a mount that fails, a supervisor that died."""


class StartError(SandboxError):
    """The container was made and its program could not be started; the text is the OCI runtime's.

    An example is `exec: "nope": executable file not found in $PATH`.
    """
