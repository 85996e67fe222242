"""The stage that docs/extending.md shows, run as it stands there."""

import re
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import dagger
import pytest
import pytest_asyncio
from dagger import dag

import ci.main
from ci import sources, suite
from ci.outcome import Status
from ci.stage import recorded

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "extending.md"
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def connection(engine_session: None) -> AsyncIterator[None]:
    """The functions' client, connected to an engine."""
    async with dagger.connection():
        yield


def extended() -> Any:  # the SDK's decorators hide the constructor from type checkers
    """The module with the method of the document."""
    found = re.search(r"<!-- example: stage -->\n```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found
    names: dict[str, Any] = {**vars(ci.main), "recorded": recorded}
    exec(f"class Extended(Ci):\n{textwrap.indent(found[1], '    ')}", names)
    return names["Extended"]


@pytest.mark.parametrize(
    ("word", "status"), [("received", Status.PASSED), ("recieved", Status.FAILED)], ids=["right", "misspelt"]
)
async def test_the_stage_of_the_document(word: str, status: Status) -> None:
    """It is green, and red where it finds something, with what it found."""
    source = dag.directory()
    for path in sources.CODE:
        source = source.with_new_file(f"{path}/module.py", f'"""Whatever was {word}."""\n')
    [result] = await suite.run(extended()(source=source), ["spelling"])
    assert result.outcome.status is status
    assert ("recieved ==> received" in result.outcome.excerpt) == (status is Status.FAILED)
