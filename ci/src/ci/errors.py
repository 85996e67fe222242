"""What the pipeline raises; the text is the whole message to a person."""

# FunctionError is the SDK's way to fail with a message alone: for any other exception it prints a traceback to the
# person who ran the stage. The SDK exports it from this module only.
from dagger.mod._exceptions import FunctionError

from ci.outcome import Outcome


class PipelineError(FunctionError):
    """Base of what the pipeline raises."""


class StageFailed(PipelineError):  # noqa: N818 - "stage failed" is the statement, and a red test is no error
    """A stage is red, or could not be carried out."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.describe())
        self.outcome = outcome


class NotRun(PipelineError):  # noqa: N818 - as above
    """A check needs what is not to be had: a service that did not answer, a history; the text is the reason, in one line."""


class LeftOut(PipelineError):  # noqa: N818 - as above
    """A step is not taken, and rightly so: what it would do is out of date; the text is the reason."""


class SuiteFailed(PipelineError):  # noqa: N818 - as above
    """At least one stage of a suite is red."""
