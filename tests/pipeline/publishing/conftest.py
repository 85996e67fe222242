"""Registries that run, proxies that do wrong, and small images to publish."""

from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count

import dagger
import pytest
import pytest_asyncio
from dagger import dag

from ci.registry import Patience, Repository
from registry import PASSWORD, USERNAME, LocalRegistry, running_registry
from registry_proxy import Proxy, proxy_before

# Long enough for a machine with other work; nothing waits that long unless it is told to.
IMPATIENT = Patience(attempt=60, question=150, pause=0.05)
_NUMBERS = count()


@pytest.fixture(scope="session")
def locked_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistry]:
    """A registry that wants a login."""
    with running_registry(tmp_path_factory.mktemp("locked"), locked=True) as found:
        yield found


@pytest.fixture
def proxy(registry: LocalRegistry) -> Iterator[Proxy]:
    """What the pipeline takes for the registry."""
    with proxy_before(registry) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def connected(engine_session: None) -> AsyncIterator[None]:
    """The functions' client, connected to an engine."""
    async with dagger.connection():
        yield


def served(port: int) -> dagger.Service:
    """A port of this machine, for the engine."""
    return dag.host().service([dagger.PortForward(backend=port, frontend=port)])


@pytest.fixture
def repository(connected: None, proxy: Proxy) -> Repository:
    """A repository that nobody has used, through the proxy."""
    address = f"localhost:{proxy.port}/team/image-{next(_NUMBERS)}"
    return Repository(address, service=served(proxy.port), patience=IMPATIENT)


@pytest.fixture
def locked(connected: None, locked_registry: LocalRegistry) -> Callable[[str, str], Repository]:
    """The same repository of the registry that wants a login, with one."""

    def with_login(username: str = USERNAME, password: str = PASSWORD) -> Repository:
        secret = dag.set_secret(f"password-{next(_NUMBERS)}", password) if username else None
        place = f"localhost:{locked_registry.port}/team/app"
        return Repository(place, username, secret, served(locked_registry.port), patience=IMPATIENT)

    return with_login
