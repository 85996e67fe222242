"""The OpenAPI document of the service against that of what it is going to replace.

Each document is made by importing the service, with the dependencies of its own lock file. oasdiff is built and asked
only when the two differ, as most changes leave them equal.
"""

import shlex
from dataclasses import dataclass
from typing import Final

import dagger
from dagger import dag

from ci import go, images, sources
from ci.base import base, with_sources
from ci.base_commit import base_commit
from ci.history import files_of
from ci.policy.contract import announcements
from ci.scripts import text_of
from ci.stage import marked_fresh, recorded, with_wrapper

_APPLICATION: Final = "app.main:app"
_SOURCE: Final = "src/app/main.py"
_WRITE: Final = "/opt/ci/write_openapi.py"
_DOCUMENTS: Final = "/openapi"


@dataclass(frozen=True)
class Comparison:
    """Two documents, and how it came to the first."""

    what: str
    """What the first is of, in words; empty when there is nothing to compare with."""
    messages: tuple[str, ...]
    """Those of the commits between the two."""
    before: str
    after: str

    @property
    def changed(self) -> bool:
        """Whether clients see any difference."""
        return bool(self.what) and self.before != self.after


async def openapi(source: dagger.Directory, history: dagger.Directory, base_ref: str, fresh: str) -> dagger.Container:
    """Nothing that clients rely on is gone since the base, unless a commit says so."""
    compared = await compare(source, history, base_ref)
    if compared.changed:
        return _judged(source, compared, fresh)
    said = (
        f"the OpenAPI document is that of {compared.what}"
        if compared.what
        else "there is nothing earlier to compare with"
    )
    return _python().with_(marked_fresh(fresh)).with_(recorded("openapi", ["echo", said]))


async def openapi_changed(source: dagger.Directory, history: dagger.Directory, base_ref: str = "") -> bool:
    """Whether the document differs from that of the commit at which the work left its base."""
    return (await compare(source, history, base_ref)).changed


async def compare(source: dagger.Directory, history: dagger.Directory, base_ref: str) -> Comparison:
    """Make both documents; HistoryError when the history cannot say what to compare with."""
    found = await base_commit(history, base_ref)
    earlier = (await files_of(history, found.commit)) if found.commit else None
    if earlier is None or not await earlier.glob(_SOURCE):
        return Comparison("", (), "", "")
    return Comparison(found.what, found.messages, await _document(earlier), await _document(source))


async def _document(source: dagger.Directory) -> str:
    return await (
        base(source)
        .with_(with_sources(source, sources.SERVICE))
        .with_new_file(_WRITE, text_of("write_openapi.py"))
        .with_exec(["python", _WRITE, _APPLICATION])
        .stdout()
    )


def _judged(source: dagger.Directory, compared: Comparison, fresh: str) -> dagger.Container:
    """Let oasdiff tell what has changed, then what of it breaks clients; announced breakage is told and passes."""
    announced = announcements(compared.messages)
    told = f"echo {shlex.quote('announced by: ' + '; '.join(announced))}"
    documents = (
        dag.directory().with_new_file("before.json", compared.before).with_new_file("after.json", compared.after)
    )
    return (
        _python()
        .with_file("/usr/local/bin/oasdiff", go.program(source, images.OASDIFF))
        .with_mounted_directory(_DOCUMENTS, documents)
        .with_workdir(_DOCUMENTS)
        .with_(marked_fresh(fresh))
        .with_(
            recorded(
                "openapi",
                ["echo", f"compared with {compared.what}"],
                "oasdiff changelog before.json after.json --color=never --level=INFO",
                f"oasdiff breaking before.json after.json --color=never --fail-on=ERR{f' || {told}' if announced else ''}",
            )
        )
    )


def _python() -> dagger.Container:
    return dag.container().from_(images.PYTHON).with_(with_wrapper)
