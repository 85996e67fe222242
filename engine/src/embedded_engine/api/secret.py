"""Secret and CacheVolume: references to what is never part of a layer."""

from __future__ import annotations

from embedded_engine.api.values import CacheVolumeValue, DirectoryValue, SecretValue
from embedded_engine.binding import RequestContext, field
from embedded_engine.graph.identity import fingerprint
from embedded_engine.graph.process import Sharing
from embedded_engine.secrets import Secret


@field("Query", "secret")
def secret(ctx: RequestContext, self: object, *, uri: str, cache_key: str | None = None) -> SecretValue:
    return SecretValue(Secret.at(uri))


@field("Query", "setSecret")
def set_secret(ctx: RequestContext, self: object, *, name: str, plaintext: str) -> SecretValue:
    return SecretValue(ctx.engine.secrets.set(name, plaintext))


@field("Secret", "name")
def name(ctx: RequestContext, self: SecretValue) -> str:
    return "" if self.secret.uri else self.secret.name


@field("Secret", "uri")
def uri(ctx: RequestContext, self: SecretValue) -> str:
    return self.secret.uri


@field("Secret", "plaintext")
async def plaintext(ctx: RequestContext, self: SecretValue) -> str:
    value: bytes = await ctx.engine.secrets.value(self.secret)
    return value.decode("utf-8", "replace")


@field("Query", "cacheVolume")
def cache_volume(
    ctx: RequestContext,
    self: object,
    *,
    key: str,
    source: DirectoryValue | None = None,
    sharing: str = "SHARED",
    owner: str = "",
    namespace: str = "",
) -> CacheVolumeValue:
    volume = fingerprint("volume", namespace, key, source, owner)
    return CacheVolumeValue(volume, Sharing[sharing], source, owner)
