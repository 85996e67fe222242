"""Settings: what the environment may say, and what is refused."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from app.settings import DEVELOPMENT_SECRET, Environment, LogLevel, Settings, SettingsError, load_settings

ROOT = Path(__file__).parents[2]
DATABASE = "postgresql://user:password@host:5432/items"


def test_development_needs_nothing() -> None:
    """Without any variable the service runs in development, in memory, features off."""
    settings = load_settings()
    assert (settings.environment, settings.log_level) == (Environment.DEVELOPMENT, LogLevel.INFO)
    assert (settings.database_url, settings.redis_url, settings.feature_item_search) == (None, None, False)


def test_production_takes_its_settings_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every variable has its say, and no secret is shown by the settings that hold it."""
    for name, value in {
        "ENVIRONMENT": "production",
        "LOG_LEVEL": "WARNING",
        "DATABASE_URL": DATABASE,
        "REDIS_URL": "redis://host:6379/0",
        "SECRET_KEY": "a-secret-of-its-own",
        "FEATURE_ITEM_SEARCH": "true",
    }.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (settings.environment, settings.log_level) == (Environment.PRODUCTION, LogLevel.WARNING)
    assert settings.secret_key.get_secret_value() == "a-secret-of-its-own"
    assert settings.feature_item_search
    assert "password" not in repr(settings)
    assert "a-secret-of-its-own" not in repr(settings)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
def test_a_database_url_may_leave_out_the_driver(scheme: str) -> None:
    """Whatever PostgreSQL is called, the asynchronous driver is used."""
    settings = Settings(database_url=SecretStr(f"{scheme}://user:password@host/items"))
    assert settings.database_url == SecretStr("postgresql+asyncpg://user:password@host/items")


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        pytest.param({"ENVIRONMENT": "production", "DATABASE_URL": DATABASE}, "SECRET_KEY", id="the default secret"),
        pytest.param(
            {"ENVIRONMENT": "staging", "DATABASE_URL": DATABASE, "SECRET_KEY": ""}, "SECRET_KEY", id="an empty secret"
        ),
        pytest.param(
            {"ENVIRONMENT": "staging", "DATABASE_URL": DATABASE, "SECRET_KEY": "  "}, "SECRET_KEY", id="a blank secret"
        ),
        pytest.param(
            {"ENVIRONMENT": "staging", "DATABASE_URL": DATABASE, "SECRET_KEY": DEVELOPMENT_SECRET},
            "SECRET_KEY",
            id="the default secret by name",
        ),
        pytest.param(
            {"ENVIRONMENT": "production", "SECRET_KEY": "secret"}, "DATABASE_URL", id="memory outside development"
        ),
        pytest.param({"ENVIRONMENT": "prod"}, "ENVIRONMENT", id="an unknown environment"),
        pytest.param({"LOG_LEVEL": "loud"}, "LOG_LEVEL", id="an unknown level"),
        pytest.param({"DATABASE_URL": "mysql://u:hunter2@host/db"}, "DATABASE_URL", id="another database"),
        pytest.param({"DATABASE_URL": "hunter2"}, "DATABASE_URL", id="no URL at all"),
        pytest.param({"REDIS_URL": "http://:hunter2@host"}, "REDIS_URL", id="another cache"),
        pytest.param({"RATE_LIMIT_PER_MINUTE": "-1"}, "RATE_LIMIT_PER_MINUTE", id="a negative limit"),
    ],
)
def test_refuses_what_is_not_usable(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], reason: str) -> None:
    """The variable that is wrong is named, in one line that shows no value."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=reason) as refused:
        load_settings()
    assert "\n" not in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_file_stands_in_for_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`.env` of the working directory is read, and the environment wins over it."""
    (tmp_path / ".env").write_text("LOG_LEVEL=DEBUG\nRATE_LIMIT_PER_MINUTE=7\n")
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    settings = load_settings()
    assert (settings.log_level, settings.rate_limit_per_minute) == (LogLevel.ERROR, 7)


def test_the_example_names_every_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """`.env.example` has each variable once, with its default or nothing, and can be used as it stands."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    variables = dict(line.removeprefix("# ").split("=", 1) for line in lines if "=" in line)
    assert set(variables) == {name.upper() for name in Settings.model_fields}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert load_settings() == Settings()
