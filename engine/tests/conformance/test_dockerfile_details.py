"""Dockerfiles: arguments, stages, copies, and what instructions leave behind."""

from __future__ import annotations

import dagger
import pytest
from dagger import BuildArg, dag

BASE = "FROM python:3.13-slim\n"


def context(dockerfile: str, **files: str) -> dagger.Directory:
    """A build context; `__` in a name stands for a slash."""
    directory = dag.directory().with_new_file("Dockerfile", dockerfile)
    for name, contents in files.items():
        directory = directory.with_new_file(name.replace("__", "/"), contents)
    return directory


async def built(
    dockerfile: str, script: str, files: dict[str, str] | None = None, build_args: list[dagger.BuildArg] | None = None
) -> str:
    """What a script prints in the image that a Dockerfile makes."""
    image = context(dockerfile, **(files or {})).docker_build(build_args=build_args)
    return await image.with_exec(["sh", "-c", script]).stdout()


async def test_scopes_of_arguments() -> None:
    """An argument is known from its ARG on, a global one only where a stage asks for it."""
    assert (
        await built(
            'ARG V=global\nARG IMG=python:3.13-slim\nFROM $IMG\nRUN echo "before:$V" > /a\nARG V\nRUN echo "after:$V" >> /a\nARG W=dflt\nRUN echo "$W ${W:+set} ${NONE:-none}" >> /a\n',
            "cat /a",
        )
        == "before:\nafter:global\ndflt set none\n"
    )


async def test_arguments_end_with_their_stage() -> None:
    """An argument of one stage is unknown in the next."""
    assert (
        await built(
            BASE
            + "AS one\n".replace("AS one\n", "")
            + 'ARG X=1\nRUN echo $X > /x\nFROM python:3.13-slim\nRUN echo "<$X>" > /x\n',
            "cat /x",
        )
        == "<>\n"
    )


async def test_the_last_of_argument_and_variable() -> None:
    """A variable hides an argument of its name."""
    assert (
        await built(
            BASE + "ARG A=arg\nENV A=env\nRUN echo $A > /x\nARG A=again\nRUN echo $A >> /x\n",
            "cat /x",
            build_args=[BuildArg("A", "given")],
        )
        == "env\ngiven\n"
    )


async def test_arguments_of_the_platform() -> None:
    """The platform is known by arguments that need no value."""
    platform = str(await dag.default_platform())
    assert (
        await built(
            BASE
            + "ARG TARGETPLATFORM\nARG TARGETARCH\nARG BUILDPLATFORM\nRUN echo $TARGETPLATFORM $TARGETARCH $BUILDPLATFORM > /x\n",
            "cat /x",
        )
        == f"{platform} {platform.split('/')[1]} {platform}\n"
    )


async def test_a_stage_on_a_stage() -> None:
    """A stage on another one has its variables and working directory."""
    assert (
        await built(
            "FROM python:3.13-slim AS base\nENV A=1\nWORKDIR /w\nFROM base\nRUN pwd > /x; echo $A >> /x\n",
            "cat /x; pwd",
        )
        == "/w\n1\n/w\n"
    )


async def test_copies_from_stages_and_images() -> None:
    """Files come from stages by number or name, and from images."""
    assert (
        await built(
            "FROM python:3.13-slim AS First\nRUN echo 1 > /f\nFROM python:3.13-slim AS second\nRUN echo 2 > /f\nFROM python:3.13-slim\nCOPY --from=0 /f /a\nCOPY --from=SECOND /f /b\nCOPY --from=python:3.13-slim /etc/passwd /etc/debian_version /c/\n",
            "cat /a /b; ls /c",
        )
        == "1\n2\ndebian_version\npasswd\n"
    )


async def test_copies_without_some() -> None:
    """COPY leaves out what is excluded."""
    assert (
        await built(
            "# syntax=docker/dockerfile:1.7-labs\n" + BASE + "COPY --exclude=*.md --exclude=sub/x d /d\n",
            "find /d | sort",
            {"d__a.md": "", "d__b": "", "d__sub__x": "", "d__sub__y.md": ""},
        )
        == "/d\n/d/b\n/d/sub\n/d/sub/y.md\n"
    )


async def test_copies_with_their_parents() -> None:
    """COPY keeps the directories that lead to a source, those before a pivot excepted."""
    assert (
        await built(
            "# syntax=docker/dockerfile:1.7-labs\n"
            + BASE
            + "COPY --parents a/b/f.txt a/c /p/\nCOPY --parents ./x/./y/z /q/\n",
            "find /p /q | sort",
            {"a__b__f.txt": "", "a__c__g": "", "x__y__z": ""},
        )
        == "/p\n/p/a\n/p/a/b\n/p/a/b/f.txt\n/p/a/c\n/p/a/c/g\n/q\n/q/y\n/q/y/z\n"
    )


async def test_copies_through_links() -> None:
    """COPY writes where a link leads."""
    assert (
        await built(
            BASE + "RUN mkdir -p /r && ln -s /r /l\nCOPY f /l/\nCOPY --link f /lk/\n",
            "ls /r /l/ /lk; test -L /l && echo link",
            {"f": "f"},
        )
        == "/l/:\nf\n\n/lk:\nf\n\n/r:\nf\nlink\n"
    )


async def test_modes_of_inline_files() -> None:
    """Inline files have the mode and owner that COPY gives."""
    assert (
        await built(
            BASE + "COPY --chmod=755 --chown=1:2 <<EOF /a\nx\nEOF\nADD <<EOF /b\ny\nEOF\n", "stat -c '%a %u:%g' /a /b"
        )
        == "755 1:2\n644 0:0\n"
    )


async def test_triggers() -> None:
    """Triggers of a base run first."""
    assert (
        await context("FROM python:3.13-slim AS b\nONBUILD RUN echo hi > /x\nFROM b\nRUN true\n")
        .docker_build()
        .file("/x")
        .contents()
        == "hi\n"
    )


def archive(python: dagger.Container, flags: str = "cf") -> dagger.File:
    """A tar archive of a file and of one in a directory."""
    script = f"mkdir -p /t/in && echo one > /t/one && echo two > /t/in/two && cd /t && tar {flags} /x.tar one in"
    return python.with_exec(["sh", "-c", script]).file("/x.tar")


@pytest.mark.parametrize("flags", ["cf", "czf"])
async def test_an_archive_is_unpacked(python: dagger.Container, flags: str) -> None:
    """ADD unpacks an archive, compressed or not, into its destination."""
    directory = context(BASE + "ADD x.tar /out\n").with_file("x.tar", archive(python, flags))
    image = directory.docker_build()
    assert await image.directory("/out").glob("**") == ["in/", "in/two", "one"]
    assert await image.file("/out/in/two").contents() == "two\n"


async def test_an_archive_is_kept_on_demand(python: dagger.Container) -> None:
    """COPY keeps an archive as it is, and so does ADD that is told to."""
    directory = context(BASE + "ADD --unpack=false x.tar /added/\nCOPY x.tar /copied/\n")
    image = directory.with_file("x.tar", archive(python)).docker_build()
    assert await image.directory("/added").entries() == ["x.tar"]
    assert await image.directory("/copied").entries() == ["x.tar"]


async def test_what_only_looks_like_an_archive() -> None:
    """ADD copies what is no archive, whatever it is called."""
    image = context(BASE + "ADD x.tar /out/plain\n", **{"x.tar": "not an archive"}).docker_build()
    assert await image.file("/out/plain").contents() == "not an archive"


async def test_wildcards_that_name_nothing() -> None:
    """A wildcard may name nothing, where it stands with other sources."""
    image = context(BASE + "COPY one.txt *.lock /out/\n", **{"one.txt": "1"}).docker_build()
    assert await image.directory("/out").entries() == ["one.txt"]


async def test_a_script_with_its_interpreter() -> None:
    """An inline script that names its interpreter is run by that."""
    text = "RUN <<EOF\n#!/usr/bin/env python3\nopen('/f', 'w').write('by python')\nEOF\n"
    assert await context(BASE + text).docker_build().file("/f").contents() == "by python"


async def test_an_agent_for_ssh_is_optional() -> None:
    """Without an agent for SSH a command runs, unless it requires one."""
    optional = context(BASE + "RUN --mount=type=ssh test ! -S /run/buildkit/ssh_agent.0 && echo none > /f\n")
    assert await optional.docker_build().file("/f").contents() == "none\n"
    required = context(BASE + "RUN --mount=type=ssh,required=true true\n")
    with pytest.raises(dagger.QueryError):
        await required.docker_build().sync()
