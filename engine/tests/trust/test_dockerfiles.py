"""Dockerfiles of every shape: instructions with odd arguments, and texts that are no Dockerfile."""

from __future__ import annotations

from typing import Final

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from embedded_engine.errors import EngineError
from embedded_engine.images.config import ImageConfig
from embedded_engine.images.dockerfile import plan

_BASE: Final = ImageConfig(env=(("PATH", "/usr/bin:/bin"),), cmd=("bash",))
_INSTRUCTIONS: Final = (
    "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD",
    "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR", "NONSENSE", "",
)  # fmt: skip
_WORDS: Final = (
    "a", ".", "/", "..", "a=b", "A", "A=", "=", "AS", "base", "scratch", '["a", "b"]', '["a', "[]", "[1]", "'", '"', "\\", "\\\n",
    "#", "<<EOF", "<<-'E F'", "EOF", "EOF\n", "\nEOF\n", "$", "${", "${A", "${A}", "${A:-b}", "${A:+b}", "${A:?b}", "${A%%b*}",
    "${A/b/c}", "$A", "8000", "80/tcp", "1-2/udp", "99999", "--from=base", "--from=9", "--from=", "--chown=1:2", "--chmod=9",
    "--chmod=u+x", "--mount=type=cache,target=/c", "--mount=type=bind,from=x", "--mount=type=", "--mount=x=y=z", "--network=none",
    "--link", "--parents", "--exclude=*", "--platform=$TARGETPLATFORM", "--interval=1s", "--interval=x", "--retries=-1", "NONE",
    "SIGTERM", "http://x/y", "git@x:y.git", "é", "\t", "\r\n", "\ufeff", "\x00", "# syntax=x", "# escape=`", "# check=skip=all",
)  # fmt: skip

_lines = st.builds(
    lambda instruction, words, joint: joint.join([instruction, *words]),
    st.sampled_from(_INSTRUCTIONS),
    st.lists(st.one_of(st.sampled_from(_WORDS), st.text(max_size=6)), max_size=5),
    st.sampled_from([" ", " ", " ", "", "\t", " \\\n"]),
)
_dockerfiles = st.builds(
    lambda first, lines: "\n".join([*first, *lines]),
    st.sampled_from([[], ["FROM scratch"], ["ARG A=1", "FROM scratch AS base", "RUN x", "FROM base"]]),
    st.lists(_lines, max_size=6),
)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.one_of(_dockerfiles, st.text(max_size=80)))
@example("FROM scratch\n" + "RUN x\n" * 5000)
@example("FROM scratch\nENV A=" + "$A" * 5000)
@example("FROM scratch\nRUN " + "\\\n" * 5000)
@example("FROM a\n" * 500)
@example("FROM scratch\nENV A=aaaa\n" + "ENV A=$A$A\n" * 40)
@example("FROM scratch\n \\\n\\")
def test_any_text_is_a_plan_or_refused_in_one_line(text: str) -> None:
    """Whatever a Dockerfile says: stages that can be evaluated, or one line that names what is wrong."""
    try:
        for stage in plan(text):
            stage.evaluate(_BASE)
    except EngineError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either is right
