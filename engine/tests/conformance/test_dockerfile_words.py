"""Dockerfiles: how lines and words are read. Nothing is run: each image is made from nothing."""

from __future__ import annotations

import dagger
import pytest
from dagger import BuildArg, dag


def image(
    lines: str, files: dict[str, str] | None = None, build_args: list[BuildArg] | None = None
) -> dagger.Container:
    """The image of a Dockerfile that follows `FROM scratch`, built among a few files."""
    context = dag.directory().with_new_file("Dockerfile", f"FROM scratch\n{lines}")
    for name, contents in ({"a.txt": "1", "b.txt": "2", "sub/x.py": "3", "sub/deep/y.py": "4"} | (files or {})).items():
        context = context.with_new_file(name, contents)
    return context.docker_build(build_args=build_args)


async def paths(made: dagger.Container) -> list[str]:
    """The files of an image."""
    return [path for path in await made.rootfs().glob("**") if not path.endswith("/")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("$A", "a/b.tar.gz", id="plain"),
        pytest.param("${A}x", "a/b.tar.gzx", id="in braces"),
        pytest.param("'$A'", "$A", id="in single quotes"),
        pytest.param('"$A y"', "a/b.tar.gz y", id="in double quotes"),
        pytest.param("\\$A", "$A", id="escaped"),
        pytest.param("${X:-none}", "none", id="default"),
        pytest.param("${A:+set}", "set", id="alternative"),
        pytest.param("<$X>", "<>", id="unset"),
        pytest.param("${A#*/}", "b.tar.gz", id="without a prefix"),
        pytest.param("${A##*.}", "gz", id="without the longest prefix"),
        pytest.param("${A%.*}", "a/b.tar", id="without a suffix"),
        pytest.param("${A%%.*}", "a/b", id="without the longest suffix"),
        pytest.param("${A/a/z}", "z/b.tar.gz", id="replaced once"),
        pytest.param("${A//a/z}", "z/b.tzr.gz", id="replaced everywhere"),
    ],
)
async def test_words(value: str, expected: str) -> None:
    """A value takes in the variables of the lines before it, whole or in parts."""
    assert await image(f"ENV A=a/b.tar.gz\nENV A=other V={value}\n").env_variable("V") == expected


@pytest.mark.parametrize(
    ("lines", "entrypoint", "arguments"),
    [
        pytest.param('CMD ["x"]\nENTRYPOINT ["e", "$A"]\n', ["e", "$A"], ["x"], id="lists"),
        pytest.param('CMD echo "a b"\nENTRYPOINT run\n', ["/bin/sh", "-c", "run"], ["/bin/sh", "-c", 'echo "a b"'], id="lines"),
        pytest.param('ENTRYPOINT ["e"]\nCMD ["x"]\nENTRYPOINT []\n', [], ["x"], id="emptied"),
        pytest.param('SHELL ["/b", "-x"]\nCMD hi\n', [], ["/b", "-x", "hi"], id="another shell"),
        pytest.param("cmd one \\\n  # remark\n\n  two\n", [], ["/bin/sh", "-c", "one   two"], id="continued"),
    ],
)  # fmt: skip
async def test_commands(lines: str, entrypoint: list[str], arguments: list[str]) -> None:
    """Commands are lists, or lines for a shell."""
    made = image(lines)
    assert (await made.entrypoint(), await made.default_args()) == (entrypoint, arguments)


async def test_arguments_that_nobody_declared() -> None:
    """A build argument is known where it is declared."""
    given = [BuildArg("A", "1"), BuildArg("B", "2")]
    assert await image("ARG A\nENV V=$A-$B\n", build_args=given).env_variable("V") == "1-"


async def test_other_machines_line_ends() -> None:
    """Line ends of other machines, a mark at the beginning and lower case make no difference."""
    context = dag.directory().with_new_file("Dockerfile", "\ufefffrom scratch\r\nenv A=1\r\n")
    assert await context.docker_build().env_variable("A") == "1"


async def test_another_escape() -> None:
    """Another character can continue lines."""
    context = dag.directory().with_new_file("Dockerfile", "# escape=`\nFROM scratch\nENV A=1 `\n  B=c:\\\n")
    assert await context.docker_build().env_variable("B") == "c:\\"


async def test_inline_files() -> None:
    """Variables are expanded in an inline file unless its mark is quoted; tabs are taken away on demand."""
    made = image('ENV A=1\nCOPY <<ONE <<"TWO" /x/\nv=$A\nONE\nv=$A\nTWO\nCOPY <<-EOF /tabs\n\t\tt\n\tEOF\n')
    assert [await made.file(name).contents() for name in ("/x/ONE", "/x/TWO", "/tabs")] == ["v=1\n", "v=$A\n", "t\n"]


@pytest.mark.parametrize(
    ("copy", "expected"),
    [
        pytest.param("a.txt q", ["w/q"], id="to the working directory"),
        pytest.param("a.txt sub ./", ["w/a.txt", "w/deep/y.py", "w/x.py"], id="several"),
        pytest.param("sub /x", ["x/deep/y.py", "x/x.py"], id="a directory's contents"),
        pytest.param('["a.txt", "/with space/"]', ["with space/a.txt"], id="a list"),
        pytest.param("../a.txt /", ["a.txt"], id="not above the context"),
        pytest.param("/a.txt /x/y", ["x/y"], id="from the root"),
        pytest.param("--link --chmod=700 a.txt /x", ["x"], id="with flags"),
    ],
)
async def test_copies(copy: str, expected: list[str]) -> None:
    """Sources are of the context, and targets relative to the working directory."""
    assert await paths(image(f"WORKDIR /w\nCOPY {copy}\n")) == expected


@pytest.mark.parametrize(
    ("ignored", "expected"),
    [
        pytest.param("# all texts\n*.txt\n!b.txt\nsub/deep\n", ["b.txt", "sub/x.py"], id="patterns"),
        pytest.param("/sub\n**/*.txt\n", [], id="anywhere"),
        pytest.param("*\n!sub/x.py\n", ["sub/x.py"], id="all but one"),
    ],
)
async def test_ignored_files(ignored: str, expected: list[str]) -> None:
    """What is ignored is not copied."""
    made = image("COPY . /\n", {".dockerignore": f"{ignored}Dockerfile\n.dockerignore\n"})
    assert await paths(made) == expected


async def test_ignored_files_of_one_dockerfile() -> None:
    """A Dockerfile's own list of ignored files takes the place of the common one."""
    own = {".dockerignore": "*\n", "Dockerfile.dockerignore": "*.txt\nsub\nDockerfile*\n"}
    assert await paths(image("COPY . /\n", own)) == [".dockerignore"]


async def test_labels_and_users() -> None:
    """Labels and users take in arguments; quotes belong to the words."""
    made = image("ARG V=1\nLABEL v=$V 'w'='$V' x=\"a\\\"b\"\nWORKDIR a\nWORKDIR ../b$V\nUSER u$V\n")
    assert [await made.label(name) for name in "vwx"] == ["1", "$V", 'a"b']
    assert (await made.user(), await made.workdir()) == ("u1", "/b1")
