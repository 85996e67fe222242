"""The tables of allowed head -> base."""

import pytest

from ci.policy.models import FLOWS, Model, wrong_base
from ci.policy.refs import Branch

GITFLOW_KNOWN = (
    "feature/* into develop; refactor/* into develop; bugfix/* into develop or release/* or hotfix/*; "
    "release/* into main or develop; hotfix/* into main or develop or release/*; back-merge/* into develop; "
    "main into develop; dependabot/* into develop; renovate/* into develop"
)


@pytest.mark.parametrize(
    ("model", "head", "base"),
    [
        (Model.GITFLOW, "feature/login", "develop"),
        (Model.GITFLOW, "refactor/items", "develop"),
        (Model.GITFLOW, "bugfix/paging", "develop"),
        (Model.GITFLOW, "bugfix/paging", "release/v1.5.0"),
        (Model.GITFLOW, "bugfix/paging", "hotfix/v1.4.3"),
        (Model.GITFLOW, "release/v1.5.0", "main"),
        (Model.GITFLOW, "release/v1.5.0", "develop"),
        (Model.GITFLOW, "hotfix/v1.4.3", "main"),
        (Model.GITFLOW, "hotfix/v1.4.3", "develop"),
        (Model.GITFLOW, "hotfix/v1.4.3", "release/v1.5.0"),
        (Model.GITFLOW, "back-merge/v1.4.3", "develop"),
        (Model.GITFLOW, "main", "develop"),
        (Model.GITFLOW, "dependabot/uv/httpx-1", "develop"),
        (Model.GITFLOW, "renovate/httpx", "develop"),
        (Model.TRUNK, "feat/login", "main"),
        (Model.TRUNK, "fix/paging", "main"),
        (Model.TRUNK, "fix/paging", "hotfix/v1.4.3"),
        (Model.TRUNK, "refactor/items", "main"),
        (Model.TRUNK, "docs/readme", "main"),
        (Model.TRUNK, "chore/tools", "main"),
        (Model.TRUNK, "hotfix/v1.4.3", "main"),
        (Model.TRUNK, "cherry-pick/v1.4.3", "main"),
        (Model.TRUNK, "dependabot/uv/httpx-1", "main"),
        (Model.TRUNK, "renovate/httpx", "main"),
    ],
)
def test_a_branch_may_be_merged_into_its_base(model: Model, head: str, base: str) -> None:
    """Every row of the tables is used."""
    assert wrong_base(model, Branch(head), Branch(base)) is None


@pytest.mark.parametrize(
    ("model", "head", "base", "line"),
    [
        pytest.param(
            Model.GITFLOW,
            "feature/login",
            "main",
            "feature/login may not be merged into main: the base of feature/* is develop",
            id="a feature never goes to main",
        ),
        pytest.param(
            Model.GITFLOW,
            "refactor/items",
            "release/v1.5.0",
            "refactor/items may not be merged into release/v1.5.0: the base of refactor/* is develop",
            id="a release branch takes fixes only",
        ),
        pytest.param(
            Model.GITFLOW,
            "bugfix/paging",
            "main",
            "bugfix/paging may not be merged into main: the base of bugfix/* is develop or release/* or hotfix/*",
            id="all right bases are named",
        ),
        pytest.param(
            Model.GITFLOW,
            "login",
            "develop",
            f"login has no place in gitflow, so it may not be merged into develop: expected {GITFLOW_KNOWN}",
            id="a branch of no kind",
        ),
        pytest.param(
            Model.GITFLOW,
            "develop",
            "main",
            f"develop has no place in gitflow, so it may not be merged into main: expected {GITFLOW_KNOWN}",
            id="develop goes to main by a release branch",
        ),
        pytest.param(
            Model.TRUNK,
            "feat/login",
            "develop",
            "feat/login may not be merged into develop: the base of feat/* is main",
            id="trunk has no develop",
        ),
        pytest.param(
            Model.TRUNK,
            "feat/login",
            "feat/other",
            "feat/login may not be merged into feat/other: the base of feat/* is main",
            id="trunk has no stacks",
        ),
    ],
)
def test_another_base_is_refused_with_the_right_one_named(model: Model, head: str, base: str, line: str) -> None:
    """The line says what to do."""
    assert wrong_base(model, Branch(head), Branch(base)) == line


@pytest.mark.parametrize("model", Model)
def test_every_model_has_a_table_that_names_no_head_twice(model: Model) -> None:
    """A second row of a head would never be read."""
    heads = [flow.head for flow in FLOWS[model]]
    assert heads
    assert len(set(heads)) == len(heads)
    assert all(flow.bases for flow in FLOWS[model])
