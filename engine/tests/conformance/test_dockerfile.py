"""Images built by a Dockerfile."""

from __future__ import annotations

import dagger
import pytest
from dagger import BuildArg, dag

BASE = "FROM python:3.13-slim\n"


def context(dockerfile: str, **files: str) -> dagger.Directory:
    """A build context."""
    directory = dag.directory().with_new_file("Dockerfile", dockerfile)
    for name, contents in files.items():
        directory = directory.with_new_file(name.replace("__", "/"), contents)
    return directory


async def test_run_and_configuration() -> None:
    """Instructions change the files and the configuration of the image."""
    built = context(
        BASE + 'RUN echo ran > /f\nENV A=1 B="two words"\nWORKDIR /w\nUSER nobody\nLABEL l=m\nEXPOSE 80 53/udp\n'
        'ENTRYPOINT ["echo"]\nCMD ["default"]\n'
    ).docker_build()
    assert await built.file("/f").contents() == "ran\n"
    assert (await built.env_variable("A"), await built.env_variable("B")) == ("1", "two words")
    assert (await built.workdir(), await built.user(), await built.label("l")) == ("/w", "nobody", "m")
    assert (await built.entrypoint(), await built.default_args()) == (["echo"], ["default"])
    assert sorted([await port.port() for port in await built.exposed_ports()]) == [53, 80]


async def test_copy() -> None:
    """Files of the context are copied, one, several or a directory's contents."""
    built = context(
        BASE
        + "COPY one.txt /a/\nCOPY one.txt /b\nCOPY *.txt /c/\nCOPY dir /d\nCOPY --chown=nobody:daemon --chmod=600 one.txt /e\n",
        **{"one.txt": "1", "two.txt": "2", "dir__sub__f": "deep"},
    ).docker_build()
    assert await built.directory("/a").entries() == ["one.txt"]
    assert await built.file("/b").contents() == "1"
    assert await built.directory("/c").entries() == ["one.txt", "two.txt"]
    assert await built.directory("/d").glob("**") == ["sub/", "sub/f"]
    assert (await built.with_exec(["stat", "-c", "%a %U:%G", "/e"]).stdout()).strip() == "600 nobody:daemon"


async def test_stages() -> None:
    """Files come from other stages, by name or number, and only the last stage is the image."""
    built = context(
        "FROM python:3.13-slim AS build\nRUN echo built > /f && echo waste > /waste\n"
        + BASE
        + "COPY --from=build /f /by-name\nCOPY --from=0 /f /by-number\n"
    ).docker_build()
    assert await built.file("/by-name").contents() == "built\n"
    assert await built.file("/by-number").contents() == "built\n"
    assert not await built.exists("/waste")


async def test_a_target() -> None:
    """A target ends the build at its stage; what it does not need is not run."""
    built = context(
        "FROM python:3.13-slim AS wanted\nRUN echo wanted > /f\nFROM python:3.13-slim AS other\nRUN false\n"
    ).docker_build(target="wanted")
    assert await built.file("/f").contents() == "wanted\n"


async def test_unneeded_stages_do_not_run() -> None:
    """A stage that the last one does not use is not run."""
    built = context("FROM python:3.13-slim AS unused\nRUN false\n" + BASE + "RUN echo fine > /f\n").docker_build()
    assert await built.file("/f").contents() == "fine\n"


async def test_build_arguments() -> None:
    """Arguments have defaults and are set by the build; they are in the environment of RUN."""
    file = "ARG BASE=python:3.13-slim\nFROM ${BASE}\nARG A=default\nARG B\nRUN echo $A-${B:-none} > /f\n"
    assert await context(file).docker_build().file("/f").contents() == "default-none\n"
    built = context(file).docker_build(build_args=[BuildArg("A", "given"), BuildArg("B", "too")])
    assert await built.file("/f").contents() == "given-too\n"


async def test_a_dockerignore() -> None:
    """What .dockerignore names is not in the context."""
    built = context(
        BASE + "COPY . /ctx/\n",
        **{".dockerignore": "*.md\n!keep.md\nDockerfile\n.dockerignore\n", "a.md": "", "keep.md": "", "b.txt": ""},
    ).docker_build()
    assert await built.directory("/ctx").entries() == ["b.txt", "keep.md"]


async def test_another_dockerfile() -> None:
    """The Dockerfile can have another name and place."""
    directory = dag.directory().with_new_file("docker/My.Dockerfile", BASE + "COPY f /f\n").with_new_file("f", "x")
    assert await directory.docker_build(dockerfile="docker/My.Dockerfile").file("/f").contents() == "x"


async def test_heredocs() -> None:
    """Scripts and files can be written in the Dockerfile."""
    built = context(BASE + "RUN <<EOF\necho one > /f\necho two >> /f\nEOF\nCOPY <<EOF /g\ntext\nEOF\n").docker_build()
    assert await built.file("/f").contents() == "one\ntwo\n"
    assert await built.file("/g").contents() == "text\n"


async def test_secrets_of_a_build() -> None:
    """A RUN that mounts a secret has it; the image does not."""
    file = BASE + "RUN --mount=type=secret,id=token wc -c < /run/secrets/token > /size\n"
    built = context(file).docker_build(secrets=[dag.set_secret("token", "12345678")])
    assert (await built.file("/size").contents()).strip() == "8"
    assert not await built.exists("/run/secrets/token")


async def test_cache_and_bind_mounts() -> None:
    """A RUN has mounts of a cache, of the context and of another stage for itself."""
    built = context(
        "FROM python:3.13-slim AS other\nRUN echo other > /o\n"
        + BASE
        + "RUN --mount=type=cache,target=/c touch /c/f && ls /c > /cached\n"
        + "RUN --mount=type=bind,target=/ctx cat /ctx/file > /bound\n"
        + "RUN --mount=type=bind,from=other,source=/o,target=/o cat /o > /from\n"
        + "RUN --mount=type=tmpfs,target=/t touch /t/f\n",
        file="context",
    ).docker_build()
    read = [await built.file(name).contents() for name in ("/cached", "/bound", "/from")]
    assert read == ["f\n", "context", "other\n"]
    assert not await built.exists("/t")


async def test_the_shell_form() -> None:
    """The shell form runs in a shell, also another one; the JSON form does not."""
    built = context(
        BASE
        + 'RUN echo "$0" > /sh\nSHELL ["/bin/bash", "-c"]\nRUN echo "$0" > /bash\nRUN ["touch", "/$HOME"]\nCMD echo hi\n'
    ).docker_build()
    assert await built.file("/sh").contents() == "/bin/sh\n"
    assert await built.file("/bash").contents() == "/bin/bash\n"
    assert await built.exists("/$HOME")
    assert await built.default_args() == ["/bin/bash", "-c", "echo hi"]


async def test_a_health_check() -> None:
    """HEALTHCHECK becomes the image's health check."""
    built = context(BASE + "HEALTHCHECK --interval=5s --retries=2 CMD curl -f localhost\n").docker_build()
    check = built.docker_healthcheck()
    assert (await check.args(), await check.shell()) == (["curl -f localhost"], True)
    assert (await check.interval(), await check.retries()) == ("5s", 2)


async def test_a_working_directory_is_made() -> None:
    """WORKDIR makes its directory, relative ones below the one before."""
    built = context(BASE + "WORKDIR /a\nWORKDIR b\nRUN pwd > /f\n").docker_build()
    assert await built.file("/f").contents() == "/a/b\n"
    assert await built.exists("/a/b")


async def test_scratch() -> None:
    """An image from scratch has only what is copied, and the root as its working directory."""
    built = context("FROM scratch\nCOPY file /f\n", file="x").docker_build()
    assert await built.rootfs().entries() == ["f"]
    assert await built.workdir() == "/"


async def test_a_failing_run() -> None:
    """A RUN that fails fails the build with its code and output."""
    with pytest.raises(dagger.ExecError) as caught:
        await context(BASE + "RUN echo told >&2; exit 9\n").docker_build().sync()
    assert caught.value.exit_code == 9
    assert "told" in caught.value.stderr


@pytest.mark.parametrize(
    ("dockerfile", "message"),
    [
        pytest.param(BASE + "NONSENSE x\n", "(?i)unknown instruction: nonsense", id="unknown instruction"),
        pytest.param(BASE + "COPY nowhere /x\n", "nowhere", id="missing source"),
        pytest.param(BASE + "COPY --from=nostage /x /x\n", "nostage", id="unknown stage"),
        pytest.param("", "Dockerfile", id="empty"),
    ],
)
async def test_faults_in_a_dockerfile(dockerfile: str, message: str) -> None:
    """A fault in a Dockerfile is told by what is wrong."""
    with pytest.raises(dagger.QueryError, match=message):
        await context(dockerfile).docker_build().sync()


async def test_a_missing_target() -> None:
    """A target that the Dockerfile does not have is named."""
    with pytest.raises(dagger.QueryError, match="nosuchtarget"):
        await context(BASE).docker_build(target="nosuchtarget").sync()


async def test_unchanged_files_run_nothing_again(unique: str) -> None:
    """A RUN after a COPY is not run again when another file of the context changes."""
    file = (
        BASE + f"ENV UNIQUE={unique}\nCOPY file /f\nRUN cat /proc/sys/kernel/random/uuid > /stamp\nCOPY other /other\n"
    )
    stamps = [await context(file, file="same", other=text).docker_build().file("/stamp").contents() for text in "12"]
    assert stamps[0] == stamps[1]


async def test_environment_in_instructions() -> None:
    """Variables expand in paths and values, with defaults and alternatives."""
    built = context(
        BASE + "ENV D=/place\nWORKDIR ${D}/sub\nCOPY file ${D}/f\nENV E=${D:+set}-${N:-none} F=\\$D\n", file="x"
    ).docker_build()
    assert (await built.workdir(), await built.file("/place/f").contents()) == ("/place/sub", "x")
    assert (await built.env_variable("E"), await built.env_variable("F")) == ("set-none", "$D")
