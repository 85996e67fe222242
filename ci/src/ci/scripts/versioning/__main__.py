"""The command line of the programs for versions; 1 and one line on stderr when what is asked for is refused."""

import argparse
import json
import sys
from dataclasses import asdict

from commitizen.exceptions import CommitizenException

from . import check, cut, notes
from .next_version import PHASES, Wish, next_step
from .repository import Refused
from .rules import Rules


def _next(asked: argparse.Namespace) -> str:
    return f"{next_step(Rules(), _wish(asked)).target}\n"


def _bump(asked: argparse.Namespace) -> str:
    return json.dumps(asdict(_bumped(asked)))


def _cut(asked: argparse.Namespace) -> str:
    cut.refuse_changes(asked.path)
    made = _bumped(asked)
    cut.record(made)
    return json.dumps(asdict(made))


def _bumped(asked: argparse.Namespace) -> cut.Bump:
    return cut.bump(Rules(), _wish(asked), asked.date)


def _wish(asked: argparse.Namespace) -> Wish:
    return Wish(asked.prerelease, asked.increment, asked.skips_taken)


def _push(asked: argparse.Namespace) -> str:
    cut.push(asked.remote, asked.branch, asked.version)
    return ""


def _notes(asked: argparse.Namespace) -> str:
    return notes.notes(Rules(), asked.version)


def _changelog(_: argparse.Namespace) -> str:
    return notes.whole(Rules())


def _check(asked: argparse.Namespace) -> str:
    check.check(Rules(), asked.lasting, asked.title)
    return ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="versioning", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for name, run in (("next", _next), ("bump", _bump), ("cut", _cut)):
        command = commands.add_parser(name)
        command.add_argument("--prerelease", choices=PHASES)
        command.add_argument("--increment", choices=("PATCH", "MINOR", "MAJOR"))
        command.add_argument("--skips-taken", action="store_true")
        command.add_argument("--date", default="")
        command.add_argument("--path", action="append", default=[])
        command.set_defaults(run=run)
    command = commands.add_parser("push")
    for name in ("--remote", "--branch", "--version"):
        command.add_argument(name, required=True)
    command.set_defaults(run=_push)
    command = commands.add_parser("notes")
    command.add_argument("version")
    command.set_defaults(run=_notes)
    commands.add_parser("changelog").set_defaults(run=_changelog)
    command = commands.add_parser("check")
    command.add_argument("--lasting", action="append", default=[])
    command.add_argument("--title", default="")
    command.set_defaults(run=_check)
    return parser


def main(arguments: list[str]) -> int:
    """Do what the arguments say, in the current directory."""
    asked = _parser().parse_args(arguments)
    try:
        print(asked.run(asked), end="")
    except (Refused, CommitizenException, OSError, KeyError, ValueError) as reason:
        sys.stdout.flush()
        print(" ".join(str(reason).split()) or type(reason).__name__, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
