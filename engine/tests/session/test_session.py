"""The session as its clients see it: over HTTP, and through the Dagger SDK."""

import asyncio
import base64
import contextlib
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import dagger
import pytest
from dagger.client._session import ConnectParams, SingleConnection
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from embedded_engine import binding
from embedded_engine.binding import RequestContext, Resolver
from embedded_engine.errors import EngineError
from embedded_engine.session import ApiError, Session


@dataclass(frozen=True)
class Box:
    """A stand-in for a container: what was done to it."""

    TYPE: ClassVar[str] = "Container"

    env: tuple[tuple[str, str], ...] = ()
    mounted: "Box | None" = None


@dataclass(frozen=True)
class Variable:
    """An environment variable."""

    TYPE: ClassVar[str] = "EnvVariable"

    name: str
    value: str


@dataclass
class TinyEngine:
    """An engine that remembers what reached it."""

    stages: list[str | None] = field(default_factory=list)
    arguments: list[dict[str, Any]] = field(default_factory=list)
    waiting: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)
    closed: bool = False

    async def close(self) -> None:
        """Remember that the session closed it."""
        self.closed = True


def container(_ctx: RequestContext, _root: object, **_arguments: Any) -> Box:
    """An empty one."""
    return Box()


async def with_env_variable(_ctx: RequestContext, self: Box, *, name: str, value: str, expand: bool) -> Box:
    """One variable more."""
    await asyncio.sleep(0)
    return replace(self, env=(*self.env, (name, f"{value}{'!' if expand else ''}")))


def env_variables(_ctx: RequestContext, self: Box) -> list[Variable]:
    """All of them."""
    return [Variable(name, value) for name, value in self.env]


def env_variable(_ctx: RequestContext, self: Box, *, name: str) -> str | None:
    """One of them."""
    return dict(self.env).get(name)


async def sync(_ctx: RequestContext, self: Box) -> Box:
    """Itself."""
    return self


def with_exec(ctx: RequestContext, self: Box, **arguments: Any) -> Box:
    """Remember the arguments."""
    ctx.engine.arguments.append(arguments)
    return self


def with_directory(ctx: RequestContext, self: Box, **arguments: Any) -> Box:
    """Remember the arguments."""
    ctx.engine.arguments.append(arguments)
    return self


def build(ctx: RequestContext, self: Box, **arguments: Any) -> Box:
    """Remember the arguments."""
    ctx.engine.arguments.append(arguments)
    return self


def import_image(ctx: RequestContext, self: Box, *, source: Any, tag: str) -> Box:
    """Take an argument whose name is the resolver's own."""
    return replace(self, mounted=source)


async def stdout(ctx: RequestContext, self: Box) -> str:
    """Wait until it is cancelled."""
    ctx.engine.waiting.set()
    try:
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        ctx.engine.cancelled.set()
        raise
    return ""


async def stderr(ctx: RequestContext, _self: Box) -> str:
    """Say which stage asked."""
    ctx.engine.stages.append(ctx.stage)
    return str(ctx.stage)


def exit_code(_ctx: RequestContext, _self: Box) -> int:
    """Fail as a command does."""
    extensions = {"_type": "EXEC_ERROR", "cmd": ["false"], "exitCode": 3, "stdout": "out", "stderr": "err"}
    raise EngineError("false: exit code 3", extensions=extensions)


def user(_ctx: RequestContext, _self: Box) -> str:
    """Fail as a mistake does."""
    raise ZeroDivisionError("division\nby zero")


RESOLVERS: dict[tuple[str, str], Resolver] = {
    ("Query", "container"): container,
    ("Container", "withEnvVariable"): with_env_variable,
    ("Container", "envVariables"): env_variables,
    ("Container", "envVariable"): env_variable,
    ("Container", "sync"): sync,
    ("Container", "withExec"): with_exec,
    ("Container", "withDirectory"): with_directory,
    ("Container", "build"): build,
    ("Container", "import"): import_image,
    ("Container", "stdout"): stdout,
    ("Container", "stderr"): stderr,
    ("Container", "exitCode"): exit_code,
    ("Container", "user"): user,
    ("EnvVariable", "name"): lambda _ctx, self: self.name,
    ("EnvVariable", "value"): lambda _ctx, self: self.value,
}


@pytest.fixture
def engine() -> TinyEngine:
    """The engine of a test."""
    return TinyEngine()


@pytest.fixture
def session(
    engine: TinyEngine, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Session]:
    """A session of that engine, with the resolvers above and no others."""
    monkeypatch.setattr(binding, "_RESOLVERS", dict(RESOLVERS))
    cache = tmp_path_factory.getbasetemp() / "session-cache"
    with Session.open(lambda: engine, cache=cache, stage_of=STAGES.get, load_api=False) as opened:
        yield opened


STAGES: dict[str, str] = {}


@pytest.fixture
async def client(session: Session) -> AsyncIterator[dagger.Client]:
    """The SDK's client, connected to the session."""
    connection = SingleConnection(ConnectParams(port=session.port, session_token=session.token))
    async with connection:
        yield dagger.Client.from_connection(connection)


def post(session: Session, body: bytes, *, token: str | None = None, path: str = "/query", method: str = "POST") -> Any:
    """Send a request as any program could; the status and the decoded body."""
    credentials = base64.b64encode(f"{session.token if token is None else token}:".encode()).decode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{session.port}{path}",
        data=body if method == "POST" else None,
        headers={"Authorization": f"Basic {credentials}"},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def query(session: Session, text: str, **variables: Any) -> Any:
    """The body of the answer to a query."""
    return post(session, json.dumps({"query": text, "variables": variables}).encode())[1]


async def test_chain_of_the_sdk_is_resolved(client: dagger.Client) -> None:
    """Objects, lists of objects and values come back as the SDK expects them."""
    box = client.container().with_env_variable("A", "1").with_env_variable("B", "2", expand=True)
    assert await box.env_variable("B") == "2!"
    assert await box.env_variable("C") is None
    variables = await box.env_variables()
    assert [(await each.name(), await each.value()) for each in variables] == [("A", "1"), ("B", "2!")]


async def test_synced_object_is_loaded_by_its_id(client: dagger.Client) -> None:
    """`sync` answers with an id, which `node` loads again."""
    synced = await client.container().with_env_variable("A", "1").sync()
    assert await synced.env_variable("A") == "1"
    assert await synced.id() == await client.container().with_env_variable("A", "1").id()


def test_object_arguments_arrive_as_values(session: Session, engine: TinyEngine) -> None:
    """An id becomes the value that it stands for; one of another type is refused in one line."""
    box = query(session, '{ container { withEnvVariable(name: "A", value: "1") { id } } }')
    box_id = box["data"]["container"]["withEnvVariable"]["id"]
    answer = query(session, '{ container { withDirectory(path: "/x", source: "' + box_id + '") { id } } }')
    assert answer["errors"][0]["message"] == "expected the id of a Directory, got that of a Container"
    assert engine.arguments == []


async def test_arguments_arrive_converted(client: dagger.Client, engine: TinyEngine) -> None:
    """Lists are tuples, enums names, defaults filled in, and what nobody gave is not there."""
    await client.container().with_exec(["a", "b"], expect=dagger.ReturnType.ANY).sync()
    assert engine.arguments[0] == {
        "args": ("a", "b"),
        "use_entrypoint": False,
        "stdin": "",
        "redirect_stdin": "",
        "redirect_stdout": "",
        "redirect_stderr": "",
        "expect": "ANY",
        "experimental_privileged_nesting": False,
        "insecure_root_capabilities": False,
        "expand": False,
        "no_init": False,
    }


def test_argument_may_have_any_name(session: Session) -> None:
    """A field whose argument is called `source` is called like any other."""
    box = query(session, "{ container { id } }")["data"]["container"]["id"]
    answer = query(session, f'{{ container {{ import(source: "{box}", tag: "x") {{ id }} }} }}')
    assert "expected the id of a File" in answer["errors"][0]["message"]


async def test_field_without_resolver_is_refused_by_name(client: dagger.Client) -> None:
    """What the engine does not do says so, with what does."""
    with pytest.raises(
        dagger.QueryError, match=r"Container\.terminal is not supported by the embedded engine; use dagger call"
    ):
        await client.container().terminal().sync()


async def test_failed_command_is_an_exec_error(client: dagger.Client) -> None:
    """The extensions of an error make the SDK's exception."""
    with pytest.raises(dagger.ExecError) as caught:
        await client.container().exit_code()
    assert (caught.value.command, caught.value.exit_code) == (["false"], 3)
    assert (caught.value.stdout, caught.value.stderr) == ("out", "err")
    assert str(caught.value) == "false: exit code 3"


async def test_mistake_of_the_engine_is_one_line(client: dagger.Client, capfd: pytest.CaptureFixture[str]) -> None:
    """An exception that nobody foresaw has its name and no traceback."""
    with pytest.raises(dagger.QueryError, match=r"^ZeroDivisionError: division by zero$"):
        await client.container().user()
    assert capfd.readouterr().err == ""


async def test_mistake_shows_where_when_asked(
    client: dagger.Client, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With CI_ENGINE_DEBUG the traceback goes to standard error."""
    monkeypatch.setenv("CI_ENGINE_DEBUG", "1")
    with pytest.raises(dagger.QueryError):
        await client.container().user()
    assert "Traceback" in capfd.readouterr().err


@pytest.mark.parametrize("length", [50, 500], ids=["usual", "longer than graphql-core allows by itself"])
async def test_long_chain_is_one_request(client: dagger.Client, length: int) -> None:
    """A chain of hundreds of calls works."""
    box = client.container()
    for index in range(length):
        box = box.with_env_variable(f"V{index}", "x")
    assert await box.env_variable(f"V{length - 1}") == "x"


async def test_concurrent_requests_do_not_wait_for_each_other(client: dagger.Client) -> None:
    """A request that takes long holds no other one up."""
    slow = asyncio.create_task(client.container().stdout())
    started = time.monotonic()
    assert await client.container().with_env_variable("A", "1").env_variable("A") == "1"
    assert time.monotonic() - started < 60
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow


async def test_client_that_leaves_cancels_its_request(client: dagger.Client, engine: TinyEngine) -> None:
    """What nobody waits for any more is cancelled."""
    slow = asyncio.create_task(client.container().stdout())
    assert await asyncio.to_thread(engine.waiting.wait, 60)
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert await asyncio.to_thread(engine.cancelled.wait, 60)


async def test_request_belongs_to_the_stage_of_its_span(client: dagger.Client, engine: TinyEngine) -> None:
    """The SDK sends its span along, and the resolver learns the stage that it is of."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    with tracer.start_as_current_span("lint") as span:
        STAGES[trace.format_span_id(span.get_span_context().span_id)] = "lint"
        assert await client.container().stderr() == "lint"
    assert await client.container().stderr() == "None"
    assert engine.stages == ["lint", None]


def test_fragment_on_an_interface_is_allowed(session: Session) -> None:
    """`node(id:) { ... on Syncer }` is valid, though an object is asked for by an interface only."""
    box = query(session, "{ container { id } }")["data"]["container"]["id"]
    text = "query($id: ID!) { node(id: $id) { ... on Syncer { sync } ... on Node { id } } }"
    assert query(session, text, id=box)["data"]["node"] == {"sync": box, "id": box}


def test_id_by_type_of_older_clients_is_loaded(session: Session) -> None:
    """`loadContainerFromID` loads what `node` loads."""
    box = query(session, "{ container { id } }")["data"]["container"]["id"]
    text = "query($id: ContainerID!) { loadContainerFromID(id: $id) { id } }"
    assert query(session, text, id=box)["data"]["loadContainerFromID"]["id"] == box


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{ container { nope } }", "Cannot query field 'nope' on type 'Container'"),
        ("{ container { withExec(args: [], nope: 1) { id } } }", "Unknown argument 'nope'"),
        ("{ container { withExec { id } } }", "'[String!]!' is required"),
        ("{ container { withEnvVariable(name: 1, value: 2) { id } } }", "String cannot represent a non string value"),
        ("{ container }", "must have a selection of subfields"),
        ("{ container { id ", "Syntax Error"),
        ('{ node(id: "nope") { id } }', "no object with id 'nope' in this session"),
        ("{ container { ... on File { id } } }", "can never be of type 'File'"),
        ("{ " + " ".join(f"a{index}: container {{ id }}" for index in range(1001)) + " }", "at most 1000 fields"),
        ("{ container " + "{ withoutUser " * 2500 + "{ id }" + " }" * 2501, "nested too deep"),
    ],
    ids=[
        "unknown field",
        "unknown argument",
        "missing argument",
        "wrong type",
        "no selection",
        "no query at all",
        "unknown id",
        "fragment on another type",
        "too many aliases",
        "too deep",
    ],
)
def test_bad_query_is_refused_in_one_line(session: Session, text: str, message: str) -> None:
    """A request that makes no sense is refused before anything runs."""
    errors = query(session, text)["errors"]
    assert message in errors[0]["message"]
    assert "\n" not in errors[0]["message"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"query": 1}', b'{"query": "{ container { id } }", "variables": []}', b"\xff"]
)
def test_body_that_is_no_request_is_refused(session: Session, body: bytes) -> None:
    """A body of another shape is answered with what a request is."""
    status, answer = post(session, body)
    assert status == 200
    assert 'a "query"' in answer["errors"][0]["message"]


def test_token_is_needed(session: Session) -> None:
    """Who does not know the token gets nothing, whatever is asked."""
    for token in ("", "wrong"):
        status, answer = post(session, b'{"query": "{ container { id } }"}', token=token)
        assert (status, answer["errors"][0]["message"]) == (401, "this session needs its token")


def test_only_the_query_path_is_served(session: Session) -> None:
    """Another path or method is refused."""
    assert post(session, b"{}", path="/other")[0] == 404
    assert post(session, b"", method="GET")[0] == 405


async def test_query_from_this_process_needs_no_http(session: Session) -> None:
    """`ask` answers with data, or raises the first error with its extensions."""
    assert "id" in (await session.ask("{ container { id } }"))["container"]
    with pytest.raises(ApiError, match="exit code 3") as caught:
        await session.ask("{ container { exitCode } }")
    assert caught.value.extensions["exitCode"] == 3


def test_closing_ends_what_runs(tmp_path: Path, engine: TinyEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests in flight are cancelled, the engine is closed, the thread ends, at once."""
    monkeypatch.setattr(binding, "_RESOLVERS", dict(RESOLVERS))
    session = Session.open(lambda: engine, cache=tmp_path, load_api=False)
    body = json.dumps({"query": "{ container { stdout } }"}).encode()

    def ask() -> None:
        with contextlib.suppress(OSError):  # hung up on, if the answer did not come through before
            assert post(session, body)[0] == 503

    asking = threading.Thread(target=ask)
    asking.start()
    assert engine.waiting.wait(60)
    started = time.monotonic()
    session.close()
    session.close()
    assert time.monotonic() - started < 60
    assert engine.closed
    assert engine.cancelled.is_set()
    asking.join(60)
    assert not asking.is_alive()


def test_engine_that_cannot_open_says_why(tmp_path: Path) -> None:
    """What opening the engine raises is raised by opening the session, and no thread is left."""

    async def refuse() -> TinyEngine:
        raise EngineError("no space left for the store")

    before = threading.active_count()
    with pytest.raises(EngineError, match="no space left for the store"):
        Session.open(refuse, cache=tmp_path, load_api=False)
    assert threading.active_count() == before
