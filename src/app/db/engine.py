"""One engine, and so one pool of connections, per process."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

_CONNECT_SECONDS: Final = 5
_STATEMENT_MILLISECONDS: Final = 10_000


def create_engine(url: str, *, pool_size: int) -> AsyncEngine:
    """Make an engine; it connects when first used, and no statement holds a connection for longer than 10 s."""
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=_CONNECT_SECONDS,
        # A connection that died while idle is replaced, not handed to a request.
        pool_pre_ping=True,
        connect_args={
            "timeout": _CONNECT_SECONDS,
            "server_settings": {"application_name": "app", "statement_timeout": str(_STATEMENT_MILLISECONDS)},
        },
    )


def session_factory(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    """Sessions on this engine; a session takes a connection with its first statement, not before."""
    return async_sessionmaker(engine, expire_on_commit=False)
