"""Dockerfiles: stages, steps and configurations."""

from __future__ import annotations

import re
from textwrap import dedent

import pytest

from embedded_engine.images.config import Healthcheck, ImageConfig
from embedded_engine.images.dockerfile import DockerfileError, Stage, plan
from embedded_engine.images.steps import (
    BindMount,
    CacheMount,
    Context,
    Copy,
    Evaluated,
    ImageRef,
    InlineFile,
    MakeDirectory,
    Run,
    Scratch,
    SecretMount,
    Sharing,
    StageRef,
    TmpfsMount,
)

BASE = ImageConfig(env=(("PATH", "/usr/bin:/bin"),), cmd=("bash",))


def stages(text: str, **options: object) -> tuple[Stage, ...]:
    return plan(dedent(text), **options)  # type: ignore[arg-type] # the options of plan, by name


def evaluate(text: str, base: ImageConfig = BASE, **options: object) -> Evaluated:
    """The last stage of a Dockerfile on a base."""
    return stages(text, **options)[-1].evaluate(base)


def runs(result: Evaluated) -> list[Run]:
    return [step for step in result.steps if isinstance(step, Run)]


def copies(result: Evaluated) -> list[Copy]:
    return [step for step in result.steps if isinstance(step, Copy)]


class TestStages:
    """Cutting a Dockerfile into stages."""

    TEXT = """
        ARG VERSION=3.13
        FROM python:${VERSION}-slim AS base
        FROM base AS Build
        RUN build
        FROM scratch AS docs
        RUN docs
        FROM base
        COPY --from=build /app /app
        RUN --mount=type=bind,from=tools:1,target=/t --mount=from=0,target=/b true
    """

    def test_last_stage_by_default(self) -> None:
        """Without a target the last stage is built, with what it needs and nothing else."""
        found = stages(self.TEXT)
        assert [stage.name for stage in found] == ["base", "build", "3"]
        assert [stage.base for stage in found] == [ImageRef("python:3.13-slim", 3), StageRef(0), StageRef(0)]

    @pytest.mark.parametrize(
        ("target", "names"), [("docs", ["docs"]), ("BUILD", ["base", "build"]), ("1", ["base", "build"])]
    )
    def test_target(self, target: str, names: list[str]) -> None:
        """A target is found by name without case, or by number."""
        assert [stage.name for stage in stages(self.TEXT, target=target)] == names

    def test_build_argument_in_from(self) -> None:
        """A build argument wins over the default of a global ARG."""
        assert stages(self.TEXT, build_args={"VERSION": "3.12"})[0].base == ImageRef("python:3.12-slim", 3)

    def test_scratch(self) -> None:
        """`scratch` is nothing, not an image."""
        assert stages("FROM scratch\nCOPY a /")[0].base == Scratch()

    def test_platform_arguments(self) -> None:
        """The platform is known as TARGETARCH and its kin; a stage sees them once it declares them."""
        text = (
            "FROM --platform=$BUILDPLATFORM x\nARG TARGETARCH\nRUN $TARGETARCH $TARGETOS\nENV A=$TARGETARCH-$TARGETOS."
        )
        result = evaluate(text, platform="linux/amd64")
        assert result.config.get_env("A") == "amd64-."

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            pytest.param("FROM x\nFOO bar", "Dockerfile:2: unknown instruction: FOO", id="unknown instruction"),
            pytest.param(
                "RUN x\nFROM y", "Dockerfile:1: no build stage yet: RUN must come after FROM", id="before FROM"
            ),
            pytest.param("ARG A=1", "it has no FROM", id="no FROM"),
            pytest.param("", "no instructions", id="empty"),
            pytest.param(
                "FROM x AS a\nFROM y AS A", "Dockerfile:2: the stage name 'a' is taken already", id="same name"
            ),
            pytest.param("FROM x AS 1a", "Dockerfile:1: invalid name for build stage: '1a'", id="bad name"),
            pytest.param("FROM x as", "Dockerfile:1: FROM takes an image", id="half a FROM"),
            pytest.param("FROM $NONE", "Dockerfile:1: the base name '$NONE' is empty", id="empty base"),
            pytest.param("FROM --platform=a/b/c/d x", "unknown operating system or architecture", id="platform"),
            pytest.param("FROM --foo=1 x", "Dockerfile:1: unknown flag --foo for FROM", id="unknown flag"),
            pytest.param("FROM x AS a\nCOPY --from=a / /", "circular dependency of the stage 'a'", id="itself"),
            pytest.param("FROM x AS a\nCOPY --from=b / /\nFROM a AS b", "circular dependency", id="a circle"),
            pytest.param("FROM x\nCOPY <<EOF /a\nfoo", "unterminated heredoc", id="open here-document"),
            pytest.param("FROM x\nENV A=b c", "can't find = in", id="half a pair"),
            pytest.param("# escape=x\nFROM x", "invalid escape token 'x'", id="escape"),
        ],
    )
    def test_refused(self, text: str, message: str) -> None:
        """What cannot be built is refused in one line, with the line's number where it is known."""
        with pytest.raises(DockerfileError, match=re.escape(message)) as caught:
            stages(text)
        assert "\n" not in str(caught.value)

    def test_unknown_target(self) -> None:
        """An unknown target is refused with the names that there are."""
        with pytest.raises(DockerfileError, match="target stage 'x' could not be found: it has base, build, docs, 3"):
            stages(self.TEXT, target="x")


class TestVariables:
    """ARG and ENV."""

    def test_base_environment(self) -> None:
        """A variable of the base image can be extended."""
        assert evaluate("FROM x\nENV PATH=/venv/bin:$PATH").config.get_env("PATH") == "/venv/bin:/usr/bin:/bin"

    def test_one_instruction_sees_what_was_before(self) -> None:
        """The words of one ENV do not see each other."""
        config = evaluate('FROM x\nENV a=hello\nENV a=bye b=$a c="x y" d=x\\ y\nENV e  f g').config
        assert dict(config.env) | {"PATH": ""} == {
            "PATH": "", "a": "bye", "b": "hello", "c": "x y", "d": "x y", "e": "f g",
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("lines", "arguments", "value"),
        [
            pytest.param("ARG V", {}, None, id="without a value it is not set"),
            pytest.param("ARG V=1", {}, "1", id="a default"),
            pytest.param("ARG V=1", {"V": "2"}, "2", id="a build argument wins"),
            pytest.param("ARG GLOBAL\nARG V=$GLOBAL", {}, "g", id="a global one once declared"),
            pytest.param("ARG V=$GLOBAL.", {}, ".", id="a global one is unknown until declared"),
            pytest.param("ARG GLOBAL=own\nARG V=$GLOBAL", {}, "own", id="a default wins over the global one"),
            pytest.param("ARG A=1 V=2", {}, "2", id="several in one line"),
            pytest.param("ARG V=arg\nENV V=env", {}, "env", id="ENV after ARG wins"),
            pytest.param("ENV V=env", {"V": "2"}, "env", id="an undeclared build argument is not seen"),
            pytest.param('ARG V="a b"', {}, "a b", id="quotes go away"),
        ],
    )
    def test_arguments(self, lines: str, arguments: dict[str, str], value: str | None) -> None:
        """A build argument is part of a command's environment, but never of the image's."""
        result = evaluate(f"ARG GLOBAL=g\nFROM x\n{lines}\nRUN true", build_args=arguments)
        assert dict(runs(result)[0].env).get("V") == value
        assert "ENV" in lines or result.config.env == BASE.env

    def test_inherited(self) -> None:
        """A stage on another stage sees its arguments."""
        first, second = stages("FROM x AS a\nARG V=1\nFROM a\nRUN true")
        above = first.evaluate(BASE)
        below = second.evaluate(above.config, above.environment)
        assert dict(runs(below)[0].env)["V"] == "1"
        assert below.config.env == BASE.env

    def test_proxy(self) -> None:
        """Proxy arguments reach commands undeclared."""
        assert dict(runs(evaluate("FROM x\nRUN a", build_args={"HTTPS_PROXY": "p"}))[0].env)["HTTPS_PROXY"] == "p"

    def test_default_path(self) -> None:
        """A base without a PATH gets the usual one."""
        assert evaluate("FROM scratch\nRUN x", ImageConfig()).config.get_env("PATH") == (
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        )


class TestConfiguration:
    """Instructions that change the image's configuration."""

    def test_all(self) -> None:
        """Each instruction sets its part, with variables expanded."""
        result = evaluate(
            """
            FROM x
            ENV N=1
            LABEL a="x $N" "b c"=d
            USER u$N:g
            WORKDIR /srv
            WORKDIR app/../sub$N/
            EXPOSE 80 53/udp 8000-8001 $N
            VOLUME /v$N /w
            VOLUME ["/a b"]
            STOPSIGNAL SIGINT
            SHELL ["/bin/bash", "-c"]
            HEALTHCHECK --interval=1m30s --timeout=500ms --start-period=2s --retries=4 CMD curl $N
            ENTRYPOINT ["a", "$N"]
            CMD run $N
            MAINTAINER somebody
            ONBUILD COPY --chown=1 . /x
            """
        )
        assert result.config == ImageConfig(
            env=(*BASE.env, ("N", "1")),
            labels=(("a", "x 1"), ("b c", "d")),
            user="u1:g",
            workdir="/srv/sub1",
            exposed_ports=("80/tcp", "53/udp", "8000/tcp", "8001/tcp", "1/tcp"),
            volumes=("/v1", "/w", "/a b"),
            stop_signal="SIGINT",
            shell=("/bin/bash", "-c"),
            healthcheck=Healthcheck(
                ("CMD-SHELL", "curl $N"),
                interval=90_000_000_000,
                timeout=500_000_000,
                start_period=2_000_000_000,
                retries=4,
            ),
            entrypoint=("a", "$N"),
            cmd=("/bin/bash", "-c", "run $N"),
            on_build=("COPY --chown=1 . /x",),
        )
        assert [step.path for step in result.steps if isinstance(step, MakeDirectory)] == ["/srv", "/srv/sub1"]
        assert [step.owner for step in result.steps if isinstance(step, MakeDirectory)] == ["u1:g", "u1:g"]

    def test_entrypoint_resets_command(self) -> None:
        """A new entrypoint drops the base's command, but not the stage's own."""
        assert evaluate('FROM x\nENTRYPOINT ["a"]').config.cmd is None
        assert evaluate('FROM x\nCMD ["b"]\nENTRYPOINT ["a"]').config.cmd == ("b",)
        assert evaluate("FROM x\nENTRYPOINT []\nCMD []").config.entrypoint == ()

    def test_healthcheck_forms(self) -> None:
        """A check can be off, or a list of arguments."""
        assert evaluate("FROM x\nHEALTHCHECK NONE").config.healthcheck == Healthcheck(("NONE",))
        assert evaluate('FROM x\nHEALTHCHECK CMD ["a", "b"]').config.healthcheck == Healthcheck(("CMD", "a", "b"))

    def test_triggers(self) -> None:
        """What the base image asks for with ONBUILD comes first, and is not asked for again."""
        base = ImageConfig(env=BASE.env, on_build=("WORKDIR /app", "COPY . .", "RUN make $PATH"))
        result = evaluate("FROM x\nRUN last", base)
        assert [type(step) for step in result.steps] == [MakeDirectory, Copy, Run, Run]
        assert result.config.on_build == ()

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            pytest.param("ENV", "ENV requires at least one argument", id="nothing"),
            pytest.param("SHELL bash", "it takes a JSON list", id="shell"),
            pytest.param("EXPOSE http", "invalid port 'http'", id="port name"),
            pytest.param("EXPOSE 99999", "invalid port '99999'", id="port number"),
            pytest.param("STOPSIGNAL FOO", "unknown signal 'FOO'", id="signal"),
            pytest.param("HEALTHCHECK", "HEALTHCHECK requires", id="empty check"),
            pytest.param("HEALTHCHECK FOO x", "unknown type 'FOO'", id="check type"),
            pytest.param("HEALTHCHECK --interval=5 CMD x", "invalid duration '5'", id="duration without a unit"),
            pytest.param("HEALTHCHECK --interval=1us CMD x", "at least 1ms", id="short duration"),
            pytest.param("HEALTHCHECK --foo=1 CMD x", "unknown flag --foo for HEALTHCHECK", id="check flag"),
            pytest.param("USER --x=1 a", "unknown flag --x for USER", id="flag where there are none"),
            pytest.param('ENV "a=b', "missing double quote", id="open quote"),
            pytest.param("WORKDIR ${A:?say it}", "A: say it", id="unmet demand"),
            pytest.param("RUN --network=x a", "invalid network mode 'x'", id="network"),
            pytest.param("RUN --security=x a", "invalid security mode 'x'", id="security"),
            pytest.param("COPY a", "at least a source and a destination", id="copy without destination"),
            pytest.param("COPY --from=$X a b", "'from' does not support variables", id="variable in from"),
            pytest.param("COPY --parents=x a b", "invalid value 'x' for --parents", id="boolean"),
            pytest.param(
                "ADD --checksum=sha256:1 a b", "--checksum is for what is fetched", id="checksum of a local file"
            ),
            pytest.param("ADD --from=x a b", "unknown flag --from for ADD", id="flag of COPY only"),
            pytest.param("RUN --mount=type=foo,target=/a x", "unsupported mount type 'foo'", id="mount type"),
            pytest.param("RUN --mount=type=cache x", "a mount needs a target", id="no target"),
            pytest.param("RUN --mount=type=tmpfs,target=/a,id=1 x", "unexpected key 'id'", id="key of another type"),
            pytest.param("RUN --mount=type=cache,target=/a,sharing=x x", "invalid sharing 'x'", id="sharing"),
        ],
    )
    def test_refused(self, line: str, message: str) -> None:
        """A wrong instruction is refused in one line with its number."""
        with pytest.raises(DockerfileError, match=re.escape(message)) as caught:
            evaluate(f"FROM x\n\n{line}")
        assert "\n" not in str(caught.value)
        assert str(caught.value).startswith(("Dockerfile:3: ", "Dockerfile: Syntax"))


class TestRun:
    """RUN."""

    def test_forms(self) -> None:
        """The shell form goes through the shell of the moment, a list is taken as it is; neither is expanded."""
        result = evaluate('FROM x\nRUN a $B && \\\n  # why\n  c\nRUN ["a", "$B"]\nSHELL ["s"]\nRUN "q"')
        assert [run.args for run in runs(result)] == [("/bin/sh", "-c", "a $B &&   c"), ("a", "$B"), ("s", '"q"')]
        assert [run.line for run in runs(result)] == [2, 5, 7]

    def test_state(self) -> None:
        """A command has the user, directory and environment of its place in the file."""
        first, second = runs(evaluate("FROM x\nRUN a\nUSER u\nWORKDIR /w\nENV A=1\nRUN b"))
        assert (first.user, first.workdir, first.env) == ("", "/", BASE.env)
        assert (second.user, second.workdir, second.env) == ("u", "/w", (*BASE.env, ("A", "1")))

    def test_flags(self) -> None:
        """Network and security are taken over."""
        run = runs(evaluate("FROM x\nRUN --network=none --security=insecure a"))[0]
        assert (run.network, run.insecure) == ("none", True)

    def test_here_documents(self) -> None:
        """A here-document alone is the script, with an interpreter a file; beside a command it is its input."""
        result = evaluate(
            "FROM x\n"
            "RUN <<EOF\necho $A\nEOF\n"
            "RUN <<-EOF\n\techo\nEOF\n"
            "RUN <<'EOF'\n#!/usr/bin/python3\nprint()\nEOF\n"
            "RUN cat <<A - 3<<B && x\na\nA\nb\nB\n"
        )
        assert [run.args for run in runs(result)] == [
            ("/bin/sh", "-c", "echo $A\n"),
            ("/bin/sh", "-c", "echo\n"),
            ("/bin/sh", "-c", "/run/pipes/EOF"),
            ("/bin/sh", "-c", "cat <<A - 3<<B && x\na\nA\nb\nB"),
        ]
        assert runs(result)[2].files == (InlineFile("/run/pipes/EOF", b"#!/usr/bin/python3\nprint()\n", 0o755),)

    def test_mounts(self) -> None:
        """Every type of mount is read, with variables expanded and relative targets in the working directory."""
        text = (
            "FROM y AS tools\nFROM x\nARG D=/cache\nWORKDIR /w\nRUN"
            " --mount=type=cache,target=$D"
            " --mount=type=cache,id=pip,dst=c,sharing=locked,ro,mode=0700,uid=1,gid=2,from=tools,src=/s"
            " --mount=target=/src"
            " --mount=type=bind,from=img:1,source=a,target=/b,rw"
            " --mount=type=tmpfs,target=/t,size=64m"
            " --mount=type=secret,id=token"
            " --mount=type=secret,id=npm,env=NPM,required"
            " --mount=type=secret,target=/etc/x,mode=0440"
            " make"
        )
        assert runs(evaluate(text))[0].mounts == (
            CacheMount("/cache", "/cache"),
            CacheMount("/w/c", "pip", Sharing.LOCKED, True, StageRef(0), "/s", 0o700, 1, 2),
            BindMount("/src", Context()),
            BindMount("/b", ImageRef("img:1", 5), "/a", read_only=False),
            TmpfsMount("/t", 64 << 20),
            SecretMount("token", "/run/secrets/token"),
            SecretMount("npm", None, "NPM", required=True),
            SecretMount("x", "/etc/x", mode=0o440),
        )


class TestCopy:
    """COPY and ADD."""

    def test_fields(self) -> None:
        """Sources, destination, owner and the rest are taken over with variables expanded."""
        result = evaluate(
            """
            FROM y AS build
            FROM x
            ARG D=dist U=app
            WORKDIR /srv
            COPY --chown=$U:$U --chmod=755 --link --exclude=*.pyc --exclude=$D/x --parents a* $D/b ./
            COPY --from=build ["/a b", "c"]
            COPY --from=nginx:1 / .
            ADD x.tar.gz /
            ADD --unpack=false x.tar.gz y.tar.gz
            """
        )
        first, second, third, fourth, fifth = copies(result)
        assert first == Copy(
            origin=Context(),
            sources=("a*", "dist/b"),
            destination="/srv/",
            files=(),
            owner="app:app",
            chmod="755",
            exclude=("*.pyc", "dist/x"),
            parents=True,
            link=True,
            unpack=False,
            line=6,
            label=first.label,
        )
        assert (second.origin, second.sources, second.destination) == (StageRef(0), ("/a b",), "/srv/c")
        assert (third.origin, third.destination, third.owner) == (ImageRef("nginx:1", 8), "/srv/", None)
        assert (fourth.unpack, fourth.destination, fifth.unpack, fifth.destination) == (
            True,
            "/",
            False,
            "/srv/y.tar.gz",
        )

    def test_here_documents(self) -> None:
        """A here-document is a file; its variables are expanded unless its name is quoted."""
        result = evaluate("FROM x\nENV A=1\nCOPY <<one <<-'two' three /d/\n$A '$A'\none\n\t$A\ntwo\n")
        assert copies(result)[0].files == (InlineFile("one", b"1 '1'\n"), InlineFile("two", b"$A\n"))
        assert copies(result)[0].sources == ("three",)

    @pytest.mark.parametrize(
        ("written", "destination"),
        [
            ("/a", "/a"),
            ("/a/", "/a/"),
            ("a", "/w/a"),
            (".", "/w/"),
            ("./", "/w/"),
            ("/a/.", "/a/"),
            ("/", "/"),
            ("../b", "/b"),
        ],
    )
    def test_destination(self, written: str, destination: str) -> None:
        """A destination is absolute; a slash or a dot at its end says that it is a directory."""
        assert copies(evaluate(f"FROM x\nWORKDIR /w\nCOPY a b {written}"))[0].destination == destination

    def test_one_here_document_to_a_file(self) -> None:
        """A single here-document may name the file that it becomes."""
        copy = copies(evaluate("FROM x\nCOPY <<EOF /etc/conf\nx\nEOF\n"))[0]
        assert (copy.sources, copy.destination, copy.files) == ((), "/etc/conf", (InlineFile("EOF", b"x\n"),))


def test_escape_directive() -> None:
    """The escape directive changes continuation and expansion alike."""
    result = evaluate("# escape=`\nFROM x\nRUN a `\n b\nENV P=c:\\dir`$X")
    assert runs(result)[0].args == ("/bin/sh", "-c", "a  b")
    assert result.config.get_env("P") == "c:\\dir$X"
