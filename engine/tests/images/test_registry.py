"""Images to and from registries: Debian's docker-registry, and one that does wrong."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from embedded_engine.errors import EngineError
from embedded_engine.events import Event, Note, StepFinished, StepStarted
from embedded_engine.images import registry as registry_module
from embedded_engine.images.assemble import AssembledImage, Descriptor, MediaTypes, assemble, combine
from embedded_engine.images.auth import Credentials
from embedded_engine.images.config import ImageConfig
from embedded_engine.images.errors import ImageError, NotFoundError, UnreachableError
from embedded_engine.images.pack import Compression
from embedded_engine.images.push import push
from embedded_engine.images.reference import Reference
from embedded_engine.images.registry import Registry
from embedded_engine.images.settings import Settings
from embedded_engine.images.source import ImageSource, Origin
from embedded_engine.store import EMPTY, LayerWriter, Store, Tree

CONFIG = ImageConfig(env=(("A", "1"),), entrypoint=("/run",), labels=(("l", "x"),), exposed_ports=("80/tcp",))


@pytest.fixture(autouse=True)
def quick_and_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No waiting between attempts, and no logins of whoever runs the tests."""
    monkeypatch.setattr(registry_module, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(registry_module, "_LONGEST_PAUSE", 0.02)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


@pytest.fixture
def tree(store: Store) -> Tree:
    """Two layers; the second one hides a file of the first."""
    found = EMPTY
    changes: list[Callable[[LayerWriter], object]] = [
        lambda writer: (writer.write("/a/one", b"1" * 5000), writer.write("/two", b"2")),
        lambda writer: (writer.remove("/two"), writer.write("/three", b"3", mode=0o755, owner=(5, 6))),
    ]
    for change in changes:
        view = store.layers.union(found)
        with store.layers.stage(view) as staged:
            change(LayerWriter(view, staged))
            found = found.with_layer(staged.commit())
    return found


@pytest.fixture
def other_store(tmp_path: Path) -> Any:
    """The store of another machine, which has nothing yet."""
    with Store.open(tmp_path / "other") as opened:
        yield opened


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A repository of this test's own."""
    return "test/" + re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:60].strip("-")


async def publish(host: str, name: str, tree: Tree, store: Store, **options: Any) -> str:
    image = await assemble(tree, CONFIG, store, **options)
    return await push(image, Reference.parse(f"{host}/{name}:1"), store, Settings())


def source(store: Store, settings: Settings, events: list[Event] | None = None) -> ImageSource:
    return ImageSource(store, (events if events is not None else []).append, settings)


class TestRoundTrip:
    """What is pushed comes back."""

    # Docker's registry knows no name of Docker's own for zstd layers.
    @pytest.mark.parametrize(
        ("compression", "media_types"),
        [pair for pair in product(Compression, MediaTypes) if pair != (Compression.ZSTD, MediaTypes.DOCKER)],
    )
    async def test_push_and_pull(
        self,
        registry: Any,
        store: Store,
        other_store: Store,
        tree: Tree,
        name: str,
        settings: Settings,
        compression: Compression,
        media_types: MediaTypes,
    ) -> None:
        """An image that is pushed is pulled elsewhere with the same files and configuration."""
        pinned = await publish(registry.host, name, tree, store, compression=compression, media_types=media_types)
        events: list[Event] = []
        images = source(other_store, settings, events)
        resolved = await images.resolve(f"{registry.host}/{name}:1")
        assert (resolved.reference_with_digest, resolved.config, resolved.origin) == (pinned, CONFIG, Origin.REGISTRY)
        view = other_store.layers.union(await images.fetch(resolved))
        assert sorted(path for path, _ in view.walk()) == ["a", "a/one", "three"]
        assert (view.read("/a/one"), view.stat("/three").uid, view.stat("/three").mode) == (b"1" * 5000, 5, 0o755)
        assert [type(event) for event in events] == [StepStarted, StepFinished]

    async def test_same_digest(self, store: Store, tree: Tree) -> None:
        """The same tree and configuration give the same digest, also when the archives are made anew."""
        first = await assemble(tree, CONFIG, store)
        for layer in first.layers:
            store.blobs.path(layer.digest).unlink()
        assert await assemble(tree, CONFIG, store) == first
        assert (await assemble(tree, CONFIG, store, epoch=1)).manifest != first.manifest

    async def test_second_push_sends_nothing(self, proxy: Any, store: Store, tree: Tree, name: str) -> None:
        """What the registry has is not sent again."""
        await publish(proxy.host, name, tree, store)
        assert len(proxy.seen("POST .*uploads")) == 3
        proxy.requests.clear()
        await publish(proxy.host, name, tree, store)
        assert proxy.seen("POST|PATCH") == []
        assert len(proxy.seen("PUT .*manifests/1")) == 1

    async def test_pull_by_digest(self, registry: Any, store: Store, tree: Tree, name: str, settings: Settings) -> None:
        """A digest names the very image, with or without a tag beside it."""
        pinned = await publish(registry.host, name, tree, store)
        bare = pinned.replace(":1@", "@")
        for text in (pinned, bare):
            resolved = await source(store, settings).resolve(text)
            assert resolved.reference_with_digest == text

    async def test_shared_layers(
        self, proxy: Any, store: Store, other_store: Store, tree: Tree, name: str, settings: Settings
    ) -> None:
        """Layers that the store has are not downloaded again."""
        await publish(proxy.host, name, Tree(tree.layers[:1]), store)
        await publish(proxy.host, f"{name}-more", tree, store)
        images = source(other_store, settings)
        await images.fetch(await images.resolve(f"{proxy.host}/{name}:1"))
        proxy.requests.clear()
        await images.fetch(await images.resolve(f"{proxy.host}/{name}-more:1"))
        # One configuration and one layer.
        assert len(proxy.seen("GET .*/blobs/")) == 2

    async def test_index(self, registry: Any, store: Store, tree: Tree, name: str, settings: Settings) -> None:
        """From an image of several platforms the one for this machine is taken."""
        here = await assemble(tree, CONFIG, store)
        there = await assemble(Tree(tree.layers[:1]), replace(CONFIG, architecture="s390x"), store)
        pinned = await push(
            combine([there, here], store), Reference.parse(f"{registry.host}/{name}:1"), store, settings
        )
        resolved = await source(store, settings).resolve(f"{registry.host}/{name}:1")
        assert resolved.reference_with_digest == pinned
        assert (resolved.key, resolved.config) == (here.manifest.digest, CONFIG)

    async def test_other_platform_only(
        self, registry: Any, store: Store, tree: Tree, name: str, settings: Settings
    ) -> None:
        """An image that is not made for this machine is refused with the platforms that it is made for."""
        there = await assemble(tree, replace(CONFIG, architecture="s390x"), store)
        await push(combine([there], store), Reference.parse(f"{registry.host}/{name}:1"), store, settings)
        with pytest.raises(ImageError, match=r"is not made for linux/.*, only for linux/s390x"):
            await source(store, settings).resolve(f"{registry.host}/{name}:1")

    async def test_concurrent_fetches(
        self, proxy: Any, store: Store, other_store: Store, tree: Tree, name: str, settings: Settings
    ) -> None:
        """However many ask at once, each layer is downloaded once."""
        import asyncio

        await publish(proxy.host, name, tree, store)
        proxy.requests.clear()
        images = [source(other_store, settings) for _ in range(3)]
        resolved = await asyncio.gather(*(each.resolve(f"{proxy.host}/{name}:1") for each in images))
        trees = await asyncio.gather(*(each.fetch(found) for each, found in zip(images, resolved, strict=True)))
        assert len(set(trees)) == 1
        assert len(proxy.seen("GET .*/manifests/")) == 1
        assert len(proxy.seen("GET .*/blobs/")) == 3


class TestMemory:
    """What a resolution leaves in the store."""

    async def test_fresh_answer(self, proxy: Any, store: Store, tree: Tree, name: str, settings: Settings) -> None:
        """Within its time to live an answer is given again without a request."""
        await publish(proxy.host, name, tree, store)
        first = await source(store, settings).resolve(f"{proxy.host}/{name}:1")
        proxy.requests.clear()
        assert await source(store, settings).resolve(f"{proxy.host}/{name}:1") == first
        assert proxy.requests == []

    async def test_old_answer(self, proxy: Any, store: Store, tree: Tree, name: str, settings: Settings) -> None:
        """After that the registry is asked again, and a moved tag is seen."""
        settings = replace(settings, lifetime=0.0)
        first = await publish(proxy.host, name, tree, store)
        assert (await source(store, settings).resolve(f"{proxy.host}/{name}:1")).reference_with_digest == first
        second = await publish(proxy.host, name, Tree(tree.layers[:1]), store)
        assert (await source(store, settings).resolve(f"{proxy.host}/{name}:1")).reference_with_digest == second

    async def test_offline(self, proxy: Any, store: Store, tree: Tree, name: str, settings: Settings) -> None:
        """Where the registry cannot be reached any more an old answer serves, and that is said."""
        settings = replace(settings, lifetime=0.0)
        await publish(proxy.host, name, tree, store)
        first = await source(store, settings).resolve(f"{proxy.host}/{name}:1")
        events: list[Event] = []
        images = source(store, replace(settings, offline=True), events)
        assert await images.resolve(f"{proxy.host}/{name}:1") == first
        assert events == [
            Note(f"{proxy.host}/{name}:1: no registry is asked (offline); the image of an earlier run is used")
        ]


class TestLogin:
    """Registries that want to know who asks."""

    @staticmethod
    def log_in(folder: Path, host: str, password: str = "secret") -> None:
        folder.mkdir(exist_ok=True)
        auth = base64.b64encode(f"ci:{password}".encode()).decode()
        (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))

    async def test_basic(
        self, locked_registry: Any, store: Store, tree: Tree, name: str, settings: Settings, tmp_path: Path
    ) -> None:
        """A login from Docker's configuration file is used, for pushing and for pulling."""
        self.log_in(tmp_path / "docker", locked_registry.host)
        pinned = await publish(locked_registry.host, name, tree, store)
        resolved = await source(store, settings).resolve(f"{locked_registry.host}/{name}:1")
        assert resolved.reference_with_digest == pinned

    async def test_given_login(
        self, locked_registry: Any, store: Store, tree: Tree, name: str, settings: Settings
    ) -> None:
        """A login that is given is used where no file has one."""
        login = Credentials("ci", "secret")
        reference = Reference.parse(f"{locked_registry.host}/{name}:1")
        await push(await assemble(tree, CONFIG, store), reference, store, settings, login)
        assert (await source(store, settings).resolve(str(reference), login)).config == CONFIG

    async def test_no_login(self, locked_registry: Any, store: Store, name: str, settings: Settings) -> None:
        """Without a login one line says how to get one."""
        host = locked_registry.host
        with pytest.raises(NotFoundError, match=f"wants a login for {name}: docker login {host}"):
            await source(store, settings).resolve(f"{host}/{name}:1")

    async def test_wrong_password(
        self, locked_registry: Any, store: Store, name: str, settings: Settings, tmp_path: Path
    ) -> None:
        """A wrong password is refused in one line that does not show it."""
        self.log_in(tmp_path / "docker", locked_registry.host, "letmein")
        with pytest.raises(NotFoundError, match="refused access") as caught:
            await source(store, settings).resolve(f"{locked_registry.host}/{name}:1")
        assert "letmein" not in repr(caught.value)

    async def test_token(
        self, proxy: Any, store: Store, tree: Tree, name: str, settings: Settings, tmp_path: Path
    ) -> None:
        """A token is fetched for reading and another for writing; the login goes to the token server only."""
        proxy.token_login = "ci:secret"
        self.log_in(tmp_path / "docker", proxy.host)
        await publish(proxy.host, name, tree, store)
        images = source(store, settings)
        await images.fetch(await images.resolve(f"{proxy.host}/{name}:1"))
        senders = {path.partition("?")[0] for _, path, login in proxy.requests if login.startswith("Basic ")}
        assert senders == {"/token"}

    async def test_token_refused(self, proxy: Any, store: Store, name: str, settings: Settings, tmp_path: Path) -> None:
        """A token server that refuses the login is told in one line."""
        proxy.token_login = "ci:secret"
        self.log_in(tmp_path / "docker", proxy.host, "wrong")
        with pytest.raises(NotFoundError, match="refused the login"):
            await source(store, settings).resolve(f"{proxy.host}/{name}:1")

    async def test_helper(
        self, locked_registry: Any, store: Store, tree: Tree, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A credential helper is asked as Docker asks it."""
        (tmp_path / "docker").mkdir()
        (tmp_path / "docker" / "config.json").write_text(json.dumps({"credHelpers": {locked_registry.host: "test"}}))
        helper = tmp_path / "bin" / "docker-credential-test"
        helper.parent.mkdir()
        answer = '{"Username": "ci", "Secret": "secret"}'
        helper.write_text(f'#!/bin/sh\n[ "$1" = get ] && [ "$(cat)" = {locked_registry.host} ] && echo \'{answer}\'\n')
        helper.chmod(0o755)
        monkeypatch.setenv("PATH", f"{helper.parent}:/usr/bin:/bin")
        assert "@sha256:" in await publish(locked_registry.host, name, tree, store)


class TestFaults:
    """Registries and networks that do wrong."""

    @pytest.fixture
    async def published(self, proxy: Any, store: Store, tree: Tree, name: str) -> str:
        await publish(proxy.host, name, tree, store)
        proxy.requests.clear()
        return f"{proxy.host}/{name}:1"

    async def pull(self, store: Store, settings: Settings, reference: str) -> Tree:
        images = source(store, settings)
        return await images.fetch(await images.resolve(reference))

    @pytest.mark.parametrize("status", [429, 500, 502, 503])
    async def test_busy(
        self, proxy: Any, fault: Any, published: str, other_store: Store, settings: Settings, status: int
    ) -> None:
        """A registry that is busy is asked again."""
        proxy.faults = [fault("GET .*/manifests/", times=2, status=status), fault("GET .*/blobs/", status=status)]
        assert len((await self.pull(other_store, settings, published)).layers) == 2

    async def test_always_busy(
        self, proxy: Any, fault: Any, published: str, other_store: Store, settings: Settings
    ) -> None:
        """A registry that stays busy ends in one line."""
        proxy.faults = [fault("GET", times=99, status=429)]
        with pytest.raises(
            ImageError, match=r"allows no more requests for now \(429\), and no Debian recipe stands in"
        ):
            await self.pull(other_store, settings, published)

    async def test_layer_cut_off(
        self, proxy: Any, fault: Any, published: str, other_store: Store, settings: Settings
    ) -> None:
        """A layer that never comes whole ends in one line, and nothing of it stays."""
        images = source(other_store, settings)
        resolved = await images.resolve(published)
        proxy.faults = [fault("GET .*/blobs/", times=99, cut=50)]
        with pytest.raises(ImageError, match="broke off"):
            await images.fetch(resolved)
        assert not list((other_store.root / "layers").iterdir())
        proxy.faults = []
        assert len((await images.fetch(resolved)).layers) == 2

    async def test_layer_cut_off_twice(
        self, proxy: Any, fault: Any, published: str, other_store: Store, settings: Settings
    ) -> None:
        """A layer that comes whole at the third attempt is taken."""
        images = source(other_store, settings)
        resolved = await images.resolve(published)
        proxy.faults = [fault("GET .*/blobs/", times=2, cut=50), fault("GET .*/blobs/", drop=True)]
        assert len((await images.fetch(resolved)).layers) == 2

    async def test_wrong_content(
        self, proxy: Any, fault: Any, published: str, other_store: Store, settings: Settings
    ) -> None:
        """A blob whose content is not what its digest says is refused."""
        images = source(other_store, settings)
        resolved = await images.resolve(published)
        sizes = [size for _, size, _ in json.loads(resolved.source)]
        for size in sizes:
            proxy.faults.append(fault("GET .*/blobs/", times=99, body=bytes(size)))
        with pytest.raises(ImageError, match=r"sent content with digest|instead of"):
            await images.fetch(resolved)

    async def test_too_much(
        self, proxy: Any, fault: Any, published: str, other_store: Store, settings: Settings
    ) -> None:
        """A blob that is longer than it may be is not read to its end."""
        images = source(other_store, settings)
        resolved = await images.resolve(published)
        proxy.faults = [fault("GET .*/blobs/", times=99, body=bytes(1 << 20))]
        with pytest.raises(ImageError, match="bytes or more for sha256"):
            await images.fetch(resolved)

    async def test_wrong_manifest(
        self, proxy: Any, fault: Any, published: str, other_store: Store, settings: Settings
    ) -> None:
        """A manifest that is not what its digest says is refused."""
        proxy.faults = [fault("GET .*/manifests/", body=b'{"schemaVersion": 2}')]
        with pytest.raises(ImageError, match="sent a manifest with digest"):
            await self.pull(other_store, settings, published)

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            pytest.param(b"<html>", "not JSON", id="a page"),
            pytest.param(b"[]", "not an object", id="a list"),
            pytest.param(b'{"schemaVersion": 1}', "is not a container image", id="an old format"),
            pytest.param(b'{"config": {"mediaType": "text/plain"}}', "is not a container image", id="another artifact"),
            pytest.param(b'{"manifests": []}', "only for nothing", id="an empty index"),
        ],
    )
    async def test_strange_manifest(
        self, proxy: Any, fault: Any, name: str, other_store: Store, settings: Settings, body: bytes, message: str
    ) -> None:
        """What is no manifest of an image is refused in one line."""
        proxy.faults = [fault("GET .*/manifests/", status=200, body=body)]
        with pytest.raises(ImageError, match=message) as caught:
            await self.pull(other_store, settings, f"{proxy.host}/{name}:1")
        assert "\n" not in str(caught.value)

    async def test_missing(self, registry: Any, other_store: Store, name: str, settings: Settings) -> None:
        """An image that the registry does not have is told as such; no recipe stands in for it."""
        with pytest.raises(NotFoundError, match=rf"does not have {name}/manifests/1"):
            await self.pull(other_store, settings, f"{registry.host}/{name}:1")

    async def test_missing_layer(
        self, proxy: Any, fault: Any, published: str, other_store: Store, settings: Settings
    ) -> None:
        """A layer that the registry lost is told by its digest."""
        images = source(other_store, settings)
        resolved = await images.resolve(published)
        proxy.faults = [fault("GET .*/blobs/", times=99, status=404)]
        with pytest.raises(NotFoundError, match=r"does not have .*/blobs/sha256:"):
            await images.fetch(resolved)

    async def test_redirect(
        self, registry: Any, proxy: Any, fault: Any, published: str, other_store: Store, settings: Settings, name: str
    ) -> None:
        """A download may come from elsewhere, where the login is not sent to."""
        images = source(other_store, settings)
        resolved = await images.resolve(published)
        digests = [digest for digest, _, _ in json.loads(resolved.source)]
        elsewhere = proxy.beside()
        for digest in digests:
            target = f"http://{elsewhere.host}/v2/{name}/blobs/{digest}"
            proxy.faults.append(fault(f"GET .*/blobs/{digest}", status=307, headers={"Location": target}))
        proxy.token_login = "ci:secret"
        tree = await images.fetch(resolved, Credentials("ci", "secret"))
        assert len(tree.layers) == 2
        assert [login for _, _, login in elsewhere.requests] == ["", ""]

    async def test_mirror(
        self, registry: Any, proxy: Any, published: str, other_store: Store, settings: Settings, name: str
    ) -> None:
        """A mirror is asked first, and the registry itself where the mirror fails."""
        settings = replace(settings, mirrors={"registry.test": ("http://127.0.0.1:1", f"http://{proxy.host}")})
        tree = await self.pull(other_store, settings, f"registry.test/{name}:1")
        assert len(tree.layers) == 2

    async def test_unreachable_is_quick(self, other_store: Store) -> None:
        """A registry that gives no sign of life is given up within the timeout."""
        settings = Settings(connect_timeout=0.3)
        start = time.monotonic()
        # An address that nobody has (TEST-NET-1).
        with pytest.raises(ImageError, match=r"cannot be reached .*and no Debian recipe stands in"):
            await source(other_store, settings).resolve("192.0.2.1:5000/x")
        assert time.monotonic() - start < 2

    async def test_one_wait_per_session(self, other_store: Store) -> None:
        """A registry that gave no sign of life is not waited for again."""
        images = source(other_store, Settings(connect_timeout=0.3))
        for name in ("x", "y", "z", "a", "b", "c"):
            start = time.monotonic()
            with pytest.raises(ImageError, match="cannot be reached"):
                await images.resolve(f"192.0.2.1:5000/{name}")
            assert time.monotonic() - start < (1 if name == "x" else 0.1)

    async def test_refused_on_the_way(
        self, proxy: Any, fault: Any, name: str, other_store: Store, settings: Settings
    ) -> None:
        """A refusal that no registry would write comes from something on the way: the registry is not reached."""
        proxy.faults = [fault("GET", times=99, status=403, headers={"Content-Type": "text/html"}, body=b"<html>")]
        with pytest.raises(ImageError, match="something on the way refuses it"):
            await self.pull(other_store, settings, f"{proxy.host}/{name}:1")

    async def test_certificates(
        self, tls_registry: Any, other_store: Store, name: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A certificate must be signed by somebody whom the system or SSL_CERT_FILE trusts."""
        host, certificate = tls_registry
        client = Registry(f"https://{host}", name, settings)
        with pytest.raises(UnreachableError, match="certificate is not trusted: set SSL_CERT_FILE"):
            async with client:
                await client.manifest("1")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        async with client:
            with pytest.raises(NotFoundError, match="does not have"):
                await client.manifest("1")

    async def test_damaged_layer(
        self, registry: Any, store: Store, other_store: Store, tree: Tree, name: str, settings: Settings
    ) -> None:
        """A layer that its author damaged is refused, and leaves nothing."""
        image = await assemble(tree, CONFIG, store)
        content = gzip.compress(b"this is no tar archive" * 100)
        digest = f"sha256:{store.blobs.put(content)}"
        broken = Descriptor(image.layers[0].media_type, digest, len(content))
        await push(_with_layer(image, broken, store), Reference.parse(f"{registry.host}/{name}:1"), store, settings)
        with pytest.raises(ImageError, match="cannot be unpacked"):
            await self.pull(other_store, settings, f"{registry.host}/{name}:1")
        assert not list((other_store.root / "layers").iterdir())

    async def test_other_content_than_promised(
        self, registry: Any, store: Store, other_store: Store, tree: Tree, name: str, settings: Settings
    ) -> None:
        """A layer whose content is not what the configuration says is refused."""
        image = await assemble(tree, CONFIG, store)
        swapped = _with_layer(image, image.layers[1], store)
        await push(swapped, Reference.parse(f"{registry.host}/{name}:1"), store, settings)
        with pytest.raises(ImageError, match="but its image says"):
            await self.pull(other_store, settings, f"{registry.host}/{name}:1")

    async def test_push_refused(self, proxy: Any, fault: Any, store: Store, tree: Tree, name: str) -> None:
        """A push that the registry refuses ends in one line."""
        proxy.faults = [fault("POST", times=99, status=403, headers={"Content-Type": "application/json"})]
        with pytest.raises(ImageError, match="refused access"):
            await publish(proxy.host, name, tree, store)
        assert proxy.seen("PUT .*manifests") == []

    async def test_push_broken_off(self, proxy: Any, fault: Any, store: Store, tree: Tree, name: str) -> None:
        """A push whose connection breaks is tried again."""
        proxy.faults = [fault("POST", drop=True), fault("HEAD", status=503)]
        assert "@sha256:" in await publish(proxy.host, name, tree, store)

    async def test_blob_is_checked(self, registry: Any, settings: Settings, name: str, tmp_path: Path) -> None:
        """The registry refuses content that is not what its digest says."""
        (tmp_path / "blob").write_bytes(b"x")
        wrong = f"sha256:{hashlib.sha256(b'y').hexdigest()}"
        async with Registry(f"http://{registry.host}", name, settings) as client:
            with pytest.raises(EngineError, match="answered 400"):
                await client.upload(wrong, 1, tmp_path / "blob")


def _with_layer(image: AssembledImage, layer: Descriptor, store: Store) -> AssembledImage:
    """The image with another first layer, its configuration as it was."""
    manifest = json.loads(store.blobs.read(image.manifest.digest))
    manifest["layers"][0] = layer.to_oci()
    content = json.dumps(manifest).encode()
    described = Descriptor(image.manifest.media_type, f"sha256:{store.blobs.put(content)}", len(content))
    return replace(image, manifest=described, layers=(layer, *image.layers[1:]))
