"""What a registry is asked, and the one thing that is done there: a tag is given to a digest that it holds.

skopeo speaks to the registry, in a container. An answer is a fact only when the registry gave it: what is absent, what is
denied and what is broken are three things, and nothing is ever concluded from the last two.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import anyio
import dagger
from dagger import dag

from ci import images
from ci.debian import with_packages
from ci.errors import PipelineError
from ci.excerpt import root_cause
from ci.policy.errors import PolicyError
from ci.policy.tags import image_name
from ci.scripts import text_of
from ci.stage import Step

_PROGRAM: Final = "/opt/ci/ask_registry.py"
_MEMORY: Final = "/run/registry"
_PASSWORD: Final = "/run/secrets/registry-password"  # noqa: S105 - where it is mounted, not what it is
_SERVICE: Final = "registry"
_ALL: Final = ""
"""What is asked for beside tags: all their names."""

# Engines have no other sign for it than their words; it decides nothing.
_DENIED: Final = re.compile(r"refused access|wants a login|unauthorized|denied|forbidden|\b40[13]\b", re.IGNORECASE)
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class RegistryError(PipelineError):
    """The registry did not say what was asked; nothing may be concluded and nothing is published."""


class RegistryDenied(RegistryError):  # noqa: N818 - what the registry said
    """The registry knows who asks and says no, or wants to know who asks."""


class RegistryBroken(RegistryError):  # noqa: N818 - as above
    """The registry does not answer, or not in time, or with what cannot be true."""


@dataclass(frozen=True)
class Patience:
    """How long is waited, in seconds."""

    attempt: float = 60
    """For one run of skopeo, with the pauses that the registry asks it to make."""
    question: float = 180
    """For all attempts at what is asked together."""
    pause: float = 0.5
    """Before the second attempt; each pause is twice the one before."""
    push: float = 900
    """For an image on its way to the registry; nothing is built in that time."""
    start: float = 600
    """For the container that asks, which may have to be made first."""


@dataclass(frozen=True)
class Repository:
    """Where images are published. RegistryError when it is not written as it has to be."""

    address: str
    """`host[:port]/path` without a tag; upper case is put in lower case, as registries want it."""
    username: str = ""
    password: dagger.Secret | None = None
    service: dagger.Service | None = None
    """A registry that only the engine reaches, in plain HTTP, on the port that the address then has to name."""
    patience: Patience = field(default=Patience(), kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "address", _parse_address(self.address))
        if bool(self.username) != (self.password is not None):
            raise RegistryError("a registry's login has a user name and a password: one of them is missing")
        if ":" in self.username or not self.username.isprintable():
            raise RegistryError("a registry's user name has no colon and no control characters")
        if self.service is not None and ":" not in self.host:
            raise RegistryError(f"{self.address}: where the registry is a service, the address names its port")

    @property
    def host(self) -> str:
        """The registry, with its port."""
        return self.address.partition("/")[0]

    def named(self, tag: str) -> str:
        """Name an image by its tag, or by its digest."""
        return f"{self.address}{'@' if tag.startswith('sha256:') else ':'}{tag}"


def _parse_address(text: str) -> str:
    """Read a repository's address; it names its registry, because a default one would be a place to leak to."""
    try:
        address = image_name(text)
    except PolicyError as error:
        raise RegistryError(str(error)) from None
    host, _, path = address.partition("/")
    port = host.partition(":")[2]
    names_host = "." in host or ":" in host or host == "localhost"
    if not path or not names_host or not (port == "" or 0 < int(port) < 1 << 16):
        raise RegistryError(
            f"{address} names no registry: expected host[:port]/name, such as registry.example/team/app"
        )
    return address


async def look_up(repository: Repository, tags: Iterable[str]) -> dict[str, str]:
    """Give the digests of the tags that exist; a tag that is absent is not among them."""
    return await _read(repository, "digests", tuple(dict.fromkeys(tags)))


async def listed(repository: Repository) -> tuple[str, ...]:
    """Name all tags of the repository; none where there is no such repository yet."""
    return (await look_around(repository, ()))[1]


async def look_around(repository: Repository, tags: Iterable[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Give the digests of those of the tags that exist, and the names of all tags that do."""
    said = await _read(repository, "digests", (*dict.fromkeys(tags), _ALL))
    return {tag: digest for tag, digest in said.items() if tag != _ALL}, tuple(said.get(_ALL, ()))


async def revisions(repository: Repository, digests: Iterable[str]) -> dict[str, str]:
    """Give the commits that images say they were made from, by digest; one that names none is not among them."""
    asked = tuple(dict.fromkeys(digests))
    said = await _read(repository, "revisions", asked)
    if missing := [digest for digest in asked if digest not in said]:
        raise RegistryBroken(f"{repository.address} does not have {missing[0]}, which it named itself")
    return {digest: commit for digest, commit in said.items() if _COMMIT.fullmatch(commit)}


async def revision(repository: Repository, digest: str) -> str | None:
    """Give the commit that an image says it was made from; None when it names none, or is not there any more."""
    said = str((await _read(repository, "revisions", [digest])).get(digest, ""))
    return said if _COMMIT.fullmatch(said) else None


async def give(repository: Repository, digest: str, tags: Sequence[str]) -> dict[str, str]:
    """Give tags to a digest that the registry has, in this order; returns which digest each has afterwards.

    It ends at the first tag that turned out to have another digest. Nothing is built and the digest stays what it is:
    the very manifest is put under the tag.
    """
    answers = await _ask(repository, "give", tags, digest=digest)
    given = {name: _value(repository, name, answer) for name, answer in answers.items()}
    if None in given.values():
        raise RegistryBroken(f"{repository.named(digest)} is not there: nothing can be given to it")
    return {name: str(value) for name, value in given.items()}


async def push(repository: Repository, image: dagger.Container, tag: str) -> str:
    """Push an image under a tag, and return its digest as the engine made it."""
    if repository.password is not None:
        image = image.with_registry_auth(repository.host, repository.username, repository.password)
    try:
        with anyio.fail_after(repository.patience.push):
            reference = await image.publish(repository.named(tag), registry_service=repository.service)
    except TimeoutError:
        raise RegistryBroken(f"{repository.named(tag)}: the push took over {repository.patience.push:g} s") from None
    except dagger.QueryError as error:
        why = _one_line(error)
        if _DENIED.search(why):
            raise RegistryDenied(f"{repository.named(tag)} may not be pushed by {_asker(repository)}: {why}") from error
        raise RegistryBroken(f"{repository.named(tag)} could not be pushed: {why}") from error
    return reference.rpartition("@")[2]


async def _read(repository: Repository, ask: str, names: Sequence[str]) -> dict[str, Any]:
    if not names:
        return {}
    answers = await _ask(repository, ask, names)
    values = {name: _value(repository, name, answer) for name, answer in answers.items()}
    return {name: value for name, value in values.items() if value is not None}


def _value(repository: Repository, name: str, answer: dict[str, Any]) -> Any:
    """Give what was found, or None for what is absent; raises for everything else. Without a name: all tags."""
    place = repository.named(name) if name else repository.address
    why = str(answer.get("why", answer)).replace(_as_seen_by_skopeo(repository).partition("/")[0], repository.host)
    match answer:
        case {"is": "found", "value": value}:
            return value
        case {"is": "absent"}:
            return None
        case {"is": "denied"}:
            raise RegistryDenied(f"{place} is denied to {_asker(repository)}: {why}")
        case _:
            raise RegistryBroken(f"{place}: the registry did not answer: {why}")


async def _ask(repository: Repository, ask: str, names: Sequence[str], digest: str = "") -> dict[str, dict[str, Any]]:
    """Put a question by the program beside skopeo; each is put anew, whatever was answered before."""
    patience = repository.patience
    login = (f"--username={repository.username}", f"--password-file={_PASSWORD}", f"--authfile={_MEMORY}/auth.json")
    command = [
        *("python", _PROGRAM, ask, _as_seen_by_skopeo(repository), *(name for name in names if name != _ALL)),
        *(["--all"] if _ALL in names else []),
        *([f"--digest={digest}"] if digest else []),
        *(["--plain"] if repository.service is not None else []),
        *(login if repository.username else []),
        f"--attempt-seconds={patience.attempt}",
        f"--total-seconds={patience.question}",
        f"--first-pause={patience.pause}",
    ]
    asked = (
        skopeo()
        .with_new_file(_PROGRAM, text_of("ask_registry.py"))
        .with_(_connected(repository))
        .with_env_variable("CI_ASKED", uuid4().hex)
        .with_exec(command)
    )
    try:
        with anyio.fail_after(repository.patience.start + repository.patience.question):
            answers: dict[str, dict[str, Any]] = json.loads(await asked.stdout())
    except TimeoutError:
        raise RegistryBroken(f"{repository.address}: no answer in time") from None
    except (dagger.QueryError, ValueError) as error:
        raise RegistryBroken(f"{repository.address} could not be asked: {_one_line(error)}") from error
    return answers


def skopeo() -> dagger.Container:
    """Python and skopeo."""
    return dag.container().from_(images.PYTHON).with_(with_packages(images.SKOPEO))


def _connected(repository: Repository) -> Step:
    """Bind the registry's service and mount the password, each where there is one."""

    def connect(container: dagger.Container) -> dagger.Container:
        if repository.service is not None:
            container = container.with_service_binding(_SERVICE, repository.service)
        if repository.password is not None:
            container = container.with_mounted_temp(_MEMORY).with_mounted_secret(_PASSWORD, repository.password)
        return container

    return connect


def _as_seen_by_skopeo(repository: Repository) -> str:
    """Name the repository where its registry's service has another name: `localhost` would be the container itself."""
    if repository.service is None:
        return repository.address
    host, _, path = repository.address.partition("/")
    return f"{_SERVICE}:{host.partition(':')[2]}/{path}"


def _asker(repository: Repository) -> str:
    return repository.username or "those without a login"


def _one_line(error: Exception) -> str:
    return " ".join(root_cause(str(error)).split())
