"""What a registry has, denies, or does not say, asked from an engine."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from dagger import dag

from ci.registry import Patience, RegistryBroken, RegistryDenied, Repository, give, listed, look_up, push, revisions
from registry import PASSWORD, USERNAME, LocalRegistry, digest_of
from registry_proxy import Fault, Proxy

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("connected")]

COMMIT = "a" * 40
NOBODY = "sha256:" + "0" * 64
HTML = {"Content-Type": "text/html"}
JSON = {"Content-Type": "application/json"}
UNKNOWN = b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}'
DENIED = b'{"errors": [{"code": "DENIED", "message": "requested access to the resource is denied"}]}'
OTHER_MANIFEST = b'{"schemaVersion": 2, "config": {}, "layers": []}'


async def pushed(repository: Repository, content: str = "content", commit: str = COMMIT) -> str:
    """A small image in the repository, as `there`."""
    image = dag.container().with_new_file("/made", content)
    return await push(repository, image.with_label("org.opencontainers.image.revision", commit), "there")


async def test_what_is_there_and_what_is_not(repository: Repository, registry: LocalRegistry, proxy: Proxy) -> None:
    """From an empty repository to one with an image: digests are those of the content, and nothing is invented."""
    path = repository.address.partition("/")[2]
    assert await look_up(repository, ["there", "absent"]) == {}
    assert await listed(repository) == ()
    digest = await pushed(repository)
    assert registry.tags(path) == {"there": digest}
    assert digest_of(registry.content(digest)) == digest
    assert await look_up(repository, ["there", "absent", "there"]) == {"there": digest}
    assert await revisions(repository, [digest]) == {digest: COMMIT}
    assert await listed(repository) == ("there",)
    assert await pushed(repository) == digest, "the same image is the same digest"

    sent = len(proxy.requests)
    assert await look_up(repository, []) == {}
    assert len(proxy.requests) == sent, "no question, no request"


async def test_an_image_that_names_no_commit_is_not_among_the_revisions(repository: Repository) -> None:
    """Only a whole hash names a commit."""
    digest = await pushed(repository, commit="unknown")
    assert await revisions(repository, [digest]) == {}


async def test_a_digest_that_is_not_there_is_no_revision_and_gets_no_tag(
    repository: Repository, registry: LocalRegistry
) -> None:
    """What a tag led to a moment ago cannot be absent."""
    with pytest.raises(RegistryBroken, match="does not have sha256:0000"):
        await revisions(repository, [NOBODY])
    with pytest.raises(RegistryBroken, match="is not there: nothing can be given to it"):
        await give(repository, NOBODY, ["1.4.2"])
    assert registry.tags(repository.address.partition("/")[2]) == {}


async def test_tags_are_given_to_the_very_manifest(
    repository: Repository, registry: LocalRegistry, proxy: Proxy
) -> None:
    """No blob is sent, the digest stays, and the tags come in the order that was asked for."""
    digest = await pushed(repository)
    blobs = registry.blobs()
    proxy.requests.clear()
    assert await give(repository, digest, ["1.4.2", "1", "latest"]) == dict.fromkeys(["1.4.2", "1", "latest"], digest)
    assert registry.tags(repository.address.partition("/")[2]) == dict.fromkeys(
        ["there", "1.4.2", "1", "latest"], digest
    )
    assert registry.blobs() == blobs
    assert proxy.seen("^(POST|PATCH)") == []
    assert [request.rpartition("/")[2] for request in proxy.seen("^PUT")] == ["1.4.2", "1", "latest"]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault("manifests", times=2, status=500), id="500 twice"),
        pytest.param(Fault("manifests", times=1, status=429, headers={"Retry-After": "1"}), id="429 once"),
        pytest.param(Fault("GET .*manifests", times=1, cut=20), id="cut off once"),
        pytest.param(Fault("manifests", times=1, reset=True), id="connection reset once"),
        pytest.param(Fault("manifests", headers={"Content-Type": "text/plain"}), id="a wrong content type"),
        pytest.param(Fault("manifests", headers={"Docker-Content-Digest": NOBODY}), id="a header's digest is not used"),
    ],
)
async def test_small_faults_are_lived_with(repository: Repository, proxy: Proxy, fault: Fault) -> None:
    """The answer is the registry's own, in the end."""
    digest = await pushed(repository)
    proxy.faults.append(fault)
    assert await look_up(repository, ["there"]) == {"there": digest}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param(
            Fault("", status=401, headers={"WWW-Authenticate": 'Basic realm="x"'}), "authentication", id="401"
        ),
        pytest.param(Fault("manifests", status=403, body=DENIED, headers=JSON), "denied", id="403"),
        pytest.param(Fault("manifests", status=403, body=b"no", headers=HTML), "403", id="403 of something else"),
    ],
)
async def test_denied_is_no_absence(repository: Repository, proxy: Proxy, fault: Fault, reason: str) -> None:
    """Nobody is asked again, and the message says who asked."""
    proxy.faults.append(fault)
    with pytest.raises(
        RegistryDenied, match=f"{repository.address}:tag is denied to those without a login: .*{reason}"
    ):
        await look_up(repository, ["tag"])
    assert len(proxy.seen("GET")) <= 2


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param(Fault("manifests", status=500), "500 Internal Server Error", id="500"),
        pytest.param(
            Fault("manifests", status=500, body=UNKNOWN, headers=JSON), "500 Internal", id="500, says unknown"
        ),
        pytest.param(Fault("", status=503), "503 Service Unavailable", id="503 to everything"),
        pytest.param(Fault("manifests", status=404, body=b"<html>", headers=HTML), "404", id="404 of something else"),
        pytest.param(Fault("manifests", status=404), "404", id="404 without a word"),
        pytest.param(
            Fault("manifests", status=429, headers={"Retry-After": "3600"}), "no answer in", id="429 for an hour"
        ),
        pytest.param(Fault("manifests", seconds=9), "no answer in", id="slow"),
        pytest.param(Fault("GET .*manifests", cut=20), "unexpected EOF", id="cut off"),
        pytest.param(Fault("manifests", reset=True), "EOF|reset|no answer", id="connection reset"),
        pytest.param(Fault("GET .*manifests", body=b"<html>", headers=HTML), "is no manifest: <html>", id="a page"),
        pytest.param(Fault("GET .*manifests", body=b'{"a": 1}', headers=JSON), "is no manifest", id="other JSON"),
        pytest.param(
            Fault("GET .*/there", body=OTHER_MANIFEST), "not there by that digest", id="a manifest it has not"
        ),
        pytest.param(Fault("GET .*/sha256:", body=OTHER_MANIFEST), "different content", id="digest and content differ"),
    ],
)
async def test_no_answer_is_no_absence(repository: Repository, proxy: Proxy, fault: Fault, reason: str) -> None:
    """Whatever it is that is there instead of an answer, in bounded time."""
    await pushed(repository)
    if reason == "no answer in":
        repository = replace(repository, patience=Patience(attempt=1, question=1.5))
    proxy.faults.append(fault)
    with pytest.raises(RegistryBroken, match=f"the registry did not answer: .*({reason})"):
        await look_up(repository, ["there"])


async def test_one_tag_without_an_answer_leaves_no_answer_at_all(repository: Repository, proxy: Proxy) -> None:
    """A decision needs them all."""
    await pushed(repository)
    proxy.faults.append(Fault("manifests/other", status=500))
    with pytest.raises(RegistryBroken, match=f"{repository.address}:other"):
        await look_up(repository, ["there", "other"])


async def test_a_configuration_that_is_not_the_digests_is_broken(repository: Repository, proxy: Proxy) -> None:
    """A lie about a commit would let another commit's image be taken."""
    digest = await pushed(repository)
    proxy.faults.append(
        Fault("GET .*blobs", body=b'{"config": {"Labels": {"org.opencontainers.image.revision": "b"}}}')
    )
    with pytest.raises(RegistryBroken, match="the registry did not answer"):
        await revisions(repository, [digest])


async def test_a_registry_that_nobody_runs(connected: None) -> None:
    """Its name is in the message."""
    repository = Repository("registry.invalid/team/app")
    with pytest.raises(RegistryBroken, match=r"registry\.invalid/team/app:tag could not be pushed"):
        await push(repository, dag.container().with_new_file("/made", ""), "tag")


async def test_a_login_lets_in(locked: Callable[[str, str], Repository], locked_registry: LocalRegistry) -> None:
    """Everything is done with it: pushing, looking, giving."""
    repository = locked(USERNAME, PASSWORD)
    digest = await pushed(repository)
    assert await give(repository, digest, ["1.4.2"]) == {"1.4.2": digest}
    assert await look_up(repository, ["there"]) == {"there": digest}
    assert await revisions(repository, [digest]) == {digest: COMMIT}
    assert set(await listed(repository)) == set(locked_registry.tags("team/app")) == {"there", "1.4.2"}


@pytest.mark.parametrize(
    ("username", "password", "who"),
    [
        pytest.param("ci", "another word", "ci", id="the wrong password"),
        pytest.param("", "", "those without a login", id="no login"),
    ],
)
async def test_a_wrong_login_is_denied(
    locked: Callable[[str, str], Repository], username: str, password: str, who: str
) -> None:
    """By every question, and by the push; the password is in no message."""
    repository = locked(username, password)
    for asked in (
        look_up(repository, ["tag"]),
        listed(repository),
        give(repository, NOBODY, ["tag"]),
        pushed(repository),
    ):
        with pytest.raises(RegistryDenied, match=f"(denied to|may not be pushed by) {who}") as denied:
            await asked
        assert "another word" not in str(denied.value)
