"""Settings, read from the environment once, at start."""

from enum import StrEnum
from typing import Annotated, Final, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEVELOPMENT_SECRET: Final = "for-development-only"  # noqa: S105 - refused everywhere else


_Kind = TypeVar("_Kind", bound=BaseSettings)


class SettingsError(Exception):
    """The environment does not make a usable configuration."""


class Environment(StrEnum):
    """Where the service runs."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


class LogLevel(StrEnum):
    """From which level on a line is logged."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


def _async_postgresql(url: SecretStr) -> SecretStr:
    scheme, separator, rest = url.get_secret_value().partition("://")
    if not separator or scheme not in {"postgresql", "postgres", "postgresql+asyncpg"}:
        raise ValueError("must be a URL such as postgresql://user:password@host:5432/database")
    return SecretStr(f"postgresql+asyncpg://{rest}")


def _redis(url: SecretStr) -> SecretStr:
    if urlsplit(url.get_secret_value()).scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("must be a URL such as redis://host:6379/0")
    return url


DatabaseUrl = Annotated[SecretStr, AfterValidator(_async_postgresql)]
RedisUrl = Annotated[SecretStr, AfterValidator(_redis)]


class DatabaseSettings(BaseSettings):
    """What the migrations need, and nothing more: they run without the service's secrets."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    database_url: DatabaseUrl | None = None


class Settings(DatabaseSettings):
    """The whole configuration; see `.env.example` for the meaning of each variable."""

    environment: Environment = Environment.DEVELOPMENT
    log_level: LogLevel = LogLevel.INFO
    secret_key: SecretStr = SecretStr(DEVELOPMENT_SECRET)

    database_pool_size: Annotated[int, Field(ge=1, le=100)] = 5
    redis_url: RedisUrl | None = None
    cache_seconds: Annotated[int, Field(ge=1)] = 60
    rate_limit_per_minute: Annotated[int, Field(ge=0)] = 600
    readiness_timeout_seconds: Annotated[float, Field(gt=0)] = 2.0

    feature_item_search: bool = False

    @model_validator(mode="after")
    def _refuse_development_defaults_elsewhere(self) -> Self:
        if self.environment is Environment.DEVELOPMENT:
            return self
        if self.secret_key.get_secret_value().strip() in {"", DEVELOPMENT_SECRET}:
            raise ValueError("SECRET_KEY must be set outside development, to a secret of its own")
        if self.database_url is None:
            raise ValueError("DATABASE_URL must be set outside development: items in memory are lost at a restart")
        return self


def load_settings() -> Settings:
    """Read the whole configuration from the environment, and under it from `.env` of the working directory.

    Raises SettingsError, which names the variables that are wrong and shows no value.
    """
    return _load(Settings)


def load_database_settings() -> DatabaseSettings:
    """Read the part of the configuration that migrations need, as `load_settings` does."""
    return _load(DatabaseSettings)


def _load(kind: type[_Kind]) -> _Kind:
    try:
        return kind()
    except ValidationError as error:
        raise SettingsError("; ".join(_explain(error))) from None


def _explain(error: ValidationError) -> list[str]:
    lines = []
    for mistake in error.errors(include_url=False, include_input=False):
        variable = "_".join(str(part) for part in mistake["loc"]).upper()
        reason = mistake["msg"].removeprefix("Value error, ")
        lines.append(f"{variable} {reason}" if variable else reason)
    return lines
