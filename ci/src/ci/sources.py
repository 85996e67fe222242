"""Which files each stage sees: an edit elsewhere does not run it again."""

from typing import Final

CODE: Final = ("src/app", "tests/unit", "tests/integration")
"""What is formatted, linted and type-checked."""

# The configuration of every tool is in pyproject.toml.
CHECKED: Final = ("pyproject.toml", *CODE)
SERVICE: Final = ("pyproject.toml", "alembic.ini", "src/app")
UNIT_TESTS: Final = (*SERVICE, ".env.example", "tests/conftest.py", "tests/unit")
INTEGRATION_TESTS: Final = (*UNIT_TESTS, "tests/integration")

MIGRATION_RULES: Final = (".squawk.toml", *SERVICE)

IMAGE: Final = ("Dockerfile", ".dockerignore", "README.md", "uv.lock", *SERVICE)
"""The context of the image's build; .dockerignore narrows it further."""

TOOLS: Final = "ci/tools"
"""The project that locks the tools which run in containers of their own."""

EXCEPTIONS: Final = "ci/exceptions.toml"
"""Vulnerabilities that are borne for a while."""

PROJECTS: Final = (".", "ci", "engine", TOOLS)
"""The projects that have a lock file of their own."""

LOCKS: Final = (
    *(f"{project}/{name}".removeprefix("./") for project in PROJECTS for name in ("pyproject.toml", "uv.lock")),
    "ci/.python-version",
)

WORKFLOWS: Final = ".github/workflows"
"""What starts the pipeline on a hosted runner."""

VERSIONED: Final = ("pyproject.toml", "uv.lock", "CHANGELOG.md")
"""What a new version changes."""

ALLOWED: Final = tuple(
    dict.fromkeys((*INTEGRATION_TESTS, *IMAGE, *LOCKS, *VERSIONED, *MIGRATION_RULES, EXCEPTIONS, WORKFLOWS))
)
"""Everything that any stage sees."""

IGNORED: Final = ["*", *(f"!{path}" for path in ALLOWED), "**/__pycache__", "**/*.pyc"]
"""The allow-list as patterns of files to leave out: all, then what is let back in."""

MIGRATIONS: Final = "src/app/migrations/versions"

HISTORY_IGNORED: Final = [
    "*",
    "!.git",
    ".git/*",
    *(f"!.git/{name}" for name in ("HEAD", "objects", "packed-refs", "refs", "shallow")),
]
"""The repository's objects and refs and nothing else.

Its configuration may hold the token that a runner fetched with; its index and logs change without any commit.
"""
