"""Images from registries and over networks that do wrong."""

from __future__ import annotations

import gzip
import hashlib
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from embedded_engine.errors import EngineError
from embedded_engine.events import Event
from embedded_engine.images import registry as registry_module
from embedded_engine.images.assemble import AssembledImage, Descriptor, assemble
from embedded_engine.images.auth import Credentials
from embedded_engine.images.config import ImageConfig
from embedded_engine.images.errors import ImageError, NotFoundError, UnreachableError
from embedded_engine.images.push import push
from embedded_engine.images.reach import unreachable
from embedded_engine.images.reference import Reference
from embedded_engine.images.registry import Registry
from embedded_engine.images.settings import Settings
from embedded_engine.images.source import ImageSource
from embedded_engine.store import Store, Tree
from registry import PASSWORD, USERNAME, LocalRegistry
from registry_proxy import Fault, Proxy, proxy_before
from registry_tokens import Tokens


async def publish(host: str, name: str, tree: Tree, store: Store) -> str:
    image = await assemble(tree, ImageConfig(), store)
    return await push(image, Reference.parse(f"{host}/{name}:1"), store, Settings())


def source(store: Store, settings: Settings, events: list[Event] | None = None) -> ImageSource:
    return ImageSource(store, (events if events is not None else []).append, settings)


class TestFaults:
    """Registries and networks that do wrong."""

    @pytest.fixture
    async def published(self, proxy: Proxy, store: Store, tree: Tree, name: str) -> str:
        await publish(proxy.host, name, tree, store)
        proxy.requests.clear()
        return f"{proxy.host}/{name}:1"

    async def pull(self, store: Store, settings: Settings, reference: str) -> Tree:
        images = source(store, settings)
        return await images.fetch(await images.resolve(reference))

    @pytest.mark.parametrize("status", [429, 500, 502, 503])
    async def test_busy(
        self, proxy: Proxy, published: str, other_store: Store, settings: Settings, status: int
    ) -> None:
        """A registry that is busy is asked again."""
        proxy.faults = [
            Fault("GET .*/manifests/", times=2, status=status),
            Fault("GET .*/blobs/", times=1, status=status),
        ]
        assert len((await self.pull(other_store, settings, published)).layers) == 2

    async def test_always_busy(self, proxy: Proxy, published: str, other_store: Store, settings: Settings) -> None:
        """A registry that stays busy ends in one line."""
        proxy.faults = [Fault("GET", status=429)]
        with pytest.raises(
            ImageError, match=r"allows no more requests for now \(429\), and no Debian recipe stands in"
        ):
            await self.pull(other_store, settings, published)

    async def test_layer_cut_off(self, proxy: Proxy, published: str, other_store: Store, settings: Settings) -> None:
        """A layer that never comes whole ends in one line, and nothing of it stays."""
        images = source(other_store, settings)
        resolved = await images.resolve(published)
        proxy.faults = [Fault("GET .*/blobs/", cut=50)]
        with pytest.raises(ImageError, match="broke off"):
            await images.fetch(resolved)
        assert not list((other_store.root / "layers").iterdir())
        proxy.faults = []
        assert len((await images.fetch(resolved)).layers) == 2

    async def test_layer_cut_off_twice(
        self, proxy: Proxy, published: str, other_store: Store, settings: Settings
    ) -> None:
        """A layer that comes whole at the third attempt is taken."""
        images = source(other_store, settings)
        resolved = await images.resolve(published)
        proxy.faults = [Fault("GET .*/blobs/", times=2, cut=50), Fault("GET .*/blobs/", times=1, drop=True)]
        assert len((await images.fetch(resolved)).layers) == 2

    async def test_wrong_content(self, proxy: Proxy, published: str, other_store: Store, settings: Settings) -> None:
        """A blob whose content is not what its digest says is refused."""
        images = source(other_store, settings)
        resolved = await images.resolve(published)
        sizes = [size for _, size, _ in json.loads(resolved.source)]
        for size in sizes:
            proxy.faults.append(Fault("GET .*/blobs/", body=bytes(size)))
        with pytest.raises(ImageError, match=r"sent content with digest|instead of"):
            await images.fetch(resolved)

    async def test_too_much(self, proxy: Proxy, published: str, other_store: Store, settings: Settings) -> None:
        """A blob that is longer than it may be is not read to its end."""
        images = source(other_store, settings)
        resolved = await images.resolve(published)
        proxy.faults = [Fault("GET .*/blobs/", body=bytes(1 << 20))]
        with pytest.raises(ImageError, match="bytes or more for sha256"):
            await images.fetch(resolved)

    async def test_wrong_manifest(self, proxy: Proxy, published: str, other_store: Store, settings: Settings) -> None:
        """A manifest that is not what its digest says is refused."""
        proxy.faults = [Fault("GET .*/manifests/", body=b'{"schemaVersion": 2}')]
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
        self, proxy: Proxy, name: str, other_store: Store, settings: Settings, body: bytes, message: str
    ) -> None:
        """What is no manifest of an image is refused in one line."""
        proxy.faults = [Fault("GET .*/manifests/", status=200, body=body)]
        with pytest.raises(ImageError, match=message) as caught:
            await self.pull(other_store, settings, f"{proxy.host}/{name}:1")
        assert "\n" not in str(caught.value)

    async def test_missing(self, registry: LocalRegistry, other_store: Store, name: str, settings: Settings) -> None:
        """An image that the registry does not have is told as such; no recipe stands in for it."""
        with pytest.raises(NotFoundError, match=rf"does not have {name}/manifests/1"):
            await self.pull(other_store, settings, f"{registry.host}/{name}:1")

    async def test_missing_layer(self, proxy: Proxy, published: str, other_store: Store, settings: Settings) -> None:
        """A layer that the registry lost is told by its digest."""
        images = source(other_store, settings)
        resolved = await images.resolve(published)
        proxy.faults = [Fault("GET .*/blobs/", status=404)]
        with pytest.raises(NotFoundError, match=r"does not have .*/blobs/sha256:"):
            await images.fetch(resolved)

    async def test_redirect(
        self, registry: LocalRegistry, proxy: Proxy, published: str, other_store: Store, settings: Settings, name: str
    ) -> None:
        """A download may come from elsewhere, where the login is not sent to."""
        images = source(other_store, settings)
        resolved = await images.resolve(published)
        digests = [digest for digest, _, _ in json.loads(resolved.source)]
        with proxy_before(registry) as elsewhere:
            for digest in digests:
                target = f"http://{elsewhere.host}/v2/{name}/blobs/{digest}"
                proxy.faults.append(Fault(f"GET .*/blobs/{digest}", status=307, headers={"Location": target}))
            proxy.tokens = Tokens(f"{USERNAME}:{PASSWORD}")
            tree = await images.fetch(resolved, Credentials(USERNAME, PASSWORD))
        assert len(tree.layers) == 2
        assert [request.authorization for request in elsewhere.requests] == ["", ""]

    async def test_mirror(
        self, registry: LocalRegistry, proxy: Proxy, published: str, other_store: Store, settings: Settings, name: str
    ) -> None:
        """A mirror is asked first, and the registry itself where the mirror fails."""
        settings = replace(settings, mirrors={"registry.test": ("http://127.0.0.1:1", f"http://{proxy.host}")})
        tree = await self.pull(other_store, settings, f"registry.test/{name}:1")
        assert len(tree.layers) == 2

    async def test_unreachable_is_quick(self, other_store: Store) -> None:
        """A registry that gives no sign of life is given up within the timeout, long before a connection attempt ends."""
        settings = Settings(connect_timeout=0.3)
        start = time.monotonic()
        # An address that nobody has (TEST-NET-1).
        with pytest.raises(ImageError, match=r"cannot be reached .*and no Debian recipe stands in"):
            await source(other_store, settings).resolve("192.0.2.1:5000/x")
        assert time.monotonic() - start < 60

    async def test_one_wait_per_session(self, other_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """A registry that gave no sign of life is not waited for again."""
        waited_for: list[str] = []

        async def noted(address: str, timeout: float) -> str | None:  # noqa: ASYNC109 - as what it stands before
            waited_for.append(address)
            return await unreachable(address, timeout)

        monkeypatch.setattr(registry_module, "unreachable", noted)
        images = source(other_store, Settings(connect_timeout=0.3))
        for name in ("x", "y", "z", "a", "b", "c"):
            with pytest.raises(ImageError, match="cannot be reached"):
                await images.resolve(f"192.0.2.1:5000/{name}")
        assert len(waited_for) == 1

    async def test_refused_on_the_way(self, proxy: Proxy, name: str, other_store: Store, settings: Settings) -> None:
        """A refusal that no registry would write comes from something on the way: the registry is not reached."""
        proxy.faults = [Fault("GET", status=403, headers={"Content-Type": "text/html"}, body=b"<html>")]
        with pytest.raises(ImageError, match="something on the way refuses it"):
            await self.pull(other_store, settings, f"{proxy.host}/{name}:1")

    async def test_certificates(
        self,
        tls_registry: tuple[str, Path],
        other_store: Store,
        name: str,
        settings: Settings,
        monkeypatch: pytest.MonkeyPatch,
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
        self, registry: LocalRegistry, store: Store, other_store: Store, tree: Tree, name: str, settings: Settings
    ) -> None:
        """A layer that its author damaged is refused, and leaves nothing."""
        image = await assemble(tree, ImageConfig(), store)
        content = gzip.compress(b"this is no tar archive" * 100)
        digest = f"sha256:{store.blobs.put(content)}"
        broken = Descriptor(image.layers[0].media_type, digest, len(content))
        await push(_with_layer(image, broken, store), Reference.parse(f"{registry.host}/{name}:1"), store, settings)
        with pytest.raises(ImageError, match="cannot be unpacked"):
            await self.pull(other_store, settings, f"{registry.host}/{name}:1")
        assert not list((other_store.root / "layers").iterdir())

    async def test_other_content_than_promised(
        self, registry: LocalRegistry, store: Store, other_store: Store, tree: Tree, name: str, settings: Settings
    ) -> None:
        """A layer whose content is not what the configuration says is refused."""
        image = await assemble(tree, ImageConfig(), store)
        swapped = _with_layer(image, image.layers[1], store)
        await push(swapped, Reference.parse(f"{registry.host}/{name}:1"), store, settings)
        with pytest.raises(ImageError, match="but its image says"):
            await self.pull(other_store, settings, f"{registry.host}/{name}:1")

    async def test_push_refused(self, proxy: Proxy, store: Store, tree: Tree, name: str) -> None:
        """A push that the registry refuses ends in one line."""
        proxy.faults = [Fault("POST", status=403, headers={"Content-Type": "application/json"})]
        with pytest.raises(ImageError, match="refused access"):
            await publish(proxy.host, name, tree, store)
        assert proxy.seen("PUT .*manifests") == []

    async def test_push_broken_off(self, proxy: Proxy, store: Store, tree: Tree, name: str) -> None:
        """A push whose connection breaks is tried again."""
        proxy.faults = [Fault("POST", times=1, drop=True), Fault("HEAD", times=1, status=503)]
        assert "@sha256:" in await publish(proxy.host, name, tree, store)

    async def test_blob_is_checked(
        self, registry: LocalRegistry, settings: Settings, name: str, tmp_path: Path
    ) -> None:
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
