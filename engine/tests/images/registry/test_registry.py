"""Images to and from registries: Debian's docker-registry, and one that does wrong."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from embedded_engine.events import Event, Note, StepFinished, StepStarted
from embedded_engine.images.assemble import MediaTypes, assemble, combine
from embedded_engine.images.auth import Credentials
from embedded_engine.images.config import ImageConfig
from embedded_engine.images.errors import ImageError, NotFoundError
from embedded_engine.images.pack import Compression
from embedded_engine.images.push import push
from embedded_engine.images.reference import Reference
from embedded_engine.images.settings import Settings
from embedded_engine.images.source import ImageSource, Origin
from embedded_engine.store import Store, Tree
from registry import PASSWORD, USERNAME, LocalRegistry
from registry_proxy import Proxy
from registry_tokens import Tokens

CONFIG = ImageConfig(env=(("A", "1"),), entrypoint=("/run",), labels=(("l", "x"),), exposed_ports=("80/tcp",))


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
        registry: LocalRegistry,
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

    async def test_second_push_sends_nothing(self, proxy: Proxy, store: Store, tree: Tree, name: str) -> None:
        """What the registry has is not sent again."""
        await publish(proxy.host, name, tree, store)
        assert len(proxy.seen("POST .*uploads")) == 3
        proxy.requests.clear()
        await publish(proxy.host, name, tree, store)
        assert proxy.seen("POST|PATCH") == []
        assert len(proxy.seen("PUT .*manifests/1")) == 1

    async def test_pull_by_digest(
        self, registry: LocalRegistry, store: Store, tree: Tree, name: str, settings: Settings
    ) -> None:
        """A digest names the very image, with or without a tag beside it."""
        pinned = await publish(registry.host, name, tree, store)
        bare = pinned.replace(":1@", "@")
        for text in (pinned, bare):
            resolved = await source(store, settings).resolve(text)
            assert resolved.reference_with_digest == text

    async def test_shared_layers(
        self, proxy: Proxy, store: Store, other_store: Store, tree: Tree, name: str, settings: Settings
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

    async def test_index(
        self, registry: LocalRegistry, store: Store, tree: Tree, name: str, settings: Settings
    ) -> None:
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
        self, registry: LocalRegistry, store: Store, tree: Tree, name: str, settings: Settings
    ) -> None:
        """An image that is not made for this machine is refused with the platforms that it is made for."""
        there = await assemble(tree, replace(CONFIG, architecture="s390x"), store)
        await push(combine([there], store), Reference.parse(f"{registry.host}/{name}:1"), store, settings)
        with pytest.raises(ImageError, match=r"is not made for linux/.*, only for linux/s390x"):
            await source(store, settings).resolve(f"{registry.host}/{name}:1")

    async def test_concurrent_fetches(
        self, proxy: Proxy, store: Store, other_store: Store, tree: Tree, name: str, settings: Settings
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

    async def test_fresh_answer(self, proxy: Proxy, store: Store, tree: Tree, name: str, settings: Settings) -> None:
        """Within its time to live an answer is given again without a request."""
        await publish(proxy.host, name, tree, store)
        first = await source(store, settings).resolve(f"{proxy.host}/{name}:1")
        proxy.requests.clear()
        assert await source(store, settings).resolve(f"{proxy.host}/{name}:1") == first
        assert proxy.requests == []

    async def test_old_answer(self, proxy: Proxy, store: Store, tree: Tree, name: str, settings: Settings) -> None:
        """After that the registry is asked again, and a moved tag is seen."""
        settings = replace(settings, lifetime=0.0)
        first = await publish(proxy.host, name, tree, store)
        assert (await source(store, settings).resolve(f"{proxy.host}/{name}:1")).reference_with_digest == first
        second = await publish(proxy.host, name, Tree(tree.layers[:1]), store)
        assert (await source(store, settings).resolve(f"{proxy.host}/{name}:1")).reference_with_digest == second

    async def test_offline(self, proxy: Proxy, store: Store, tree: Tree, name: str, settings: Settings) -> None:
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
    def log_in(folder: Path, host: str, password: str = PASSWORD) -> None:
        folder.mkdir(exist_ok=True)
        auth = base64.b64encode(f"{USERNAME}:{password}".encode()).decode()
        (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))

    async def test_basic(
        self, locked_registry: LocalRegistry, store: Store, tree: Tree, name: str, settings: Settings, tmp_path: Path
    ) -> None:
        """A login from Docker's configuration file is used, for pushing and for pulling."""
        self.log_in(tmp_path / "docker", locked_registry.host)
        pinned = await publish(locked_registry.host, name, tree, store)
        resolved = await source(store, settings).resolve(f"{locked_registry.host}/{name}:1")
        assert resolved.reference_with_digest == pinned

    async def test_given_login(
        self, locked_registry: LocalRegistry, store: Store, tree: Tree, name: str, settings: Settings
    ) -> None:
        """A login that is given is used where no file has one."""
        login = Credentials(USERNAME, PASSWORD)
        reference = Reference.parse(f"{locked_registry.host}/{name}:1")
        await push(await assemble(tree, CONFIG, store), reference, store, settings, login)
        assert (await source(store, settings).resolve(str(reference), login)).config == CONFIG

    async def test_no_login(self, locked_registry: LocalRegistry, store: Store, name: str, settings: Settings) -> None:
        """Without a login one line says how to get one."""
        host = locked_registry.host
        with pytest.raises(NotFoundError, match=f"wants a login for {name}: docker login {host}"):
            await source(store, settings).resolve(f"{host}/{name}:1")

    async def test_wrong_password(
        self, locked_registry: LocalRegistry, store: Store, name: str, settings: Settings, tmp_path: Path
    ) -> None:
        """A wrong password is refused in one line that does not show it."""
        self.log_in(tmp_path / "docker", locked_registry.host, "letmein")
        with pytest.raises(NotFoundError, match="refused access") as caught:
            await source(store, settings).resolve(f"{locked_registry.host}/{name}:1")
        assert "letmein" not in repr(caught.value)

    async def test_token(
        self, proxy: Proxy, store: Store, tree: Tree, name: str, settings: Settings, tmp_path: Path
    ) -> None:
        """A token is fetched for reading and another for writing; the login goes to the token server only."""
        proxy.tokens = Tokens(f"{USERNAME}:{PASSWORD}")
        self.log_in(tmp_path / "docker", proxy.host)
        await publish(proxy.host, name, tree, store)
        images = source(store, settings)
        await images.fetch(await images.resolve(f"{proxy.host}/{name}:1"))
        senders = {each.path.partition("?")[0] for each in proxy.requests if each.authorization.startswith("Basic ")}
        assert senders == {"/token"}

    async def test_token_refused(
        self, proxy: Proxy, store: Store, name: str, settings: Settings, tmp_path: Path
    ) -> None:
        """A token server that refuses the login is told in one line."""
        proxy.tokens = Tokens(f"{USERNAME}:{PASSWORD}")
        self.log_in(tmp_path / "docker", proxy.host, "wrong")
        with pytest.raises(NotFoundError, match="refused the login"):
            await source(store, settings).resolve(f"{proxy.host}/{name}:1")

    async def test_helper(
        self,
        locked_registry: LocalRegistry,
        store: Store,
        tree: Tree,
        name: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A credential helper is asked as Docker asks it."""
        (tmp_path / "docker").mkdir()
        (tmp_path / "docker" / "config.json").write_text(json.dumps({"credHelpers": {locked_registry.host: "test"}}))
        helper = tmp_path / "bin" / "docker-credential-test"
        helper.parent.mkdir()
        answer = json.dumps({"Username": USERNAME, "Secret": PASSWORD})
        helper.write_text(f'#!/bin/sh\n[ "$1" = get ] && [ "$(cat)" = {locked_registry.host} ] && echo \'{answer}\'\n')
        helper.chmod(0o755)
        monkeypatch.setenv("PATH", f"{helper.parent}:/usr/bin:/bin")
        assert "@sha256:" in await publish(locked_registry.host, name, tree, store)
