"""Which commits announce that clients have to change."""

import pytest

from ci.policy.contract import announcements


@pytest.mark.parametrize(
    ("messages", "announced"),
    [
        pytest.param([], (), id="no commits"),
        pytest.param(["feat: more", "fix: less"], (), id="none says so"),
        pytest.param(["feat(items)!: other prices\n\nWhy."], ("feat(items)!: other prices",), id="a mark"),
        pytest.param(
            ["fix: a typo", "fix: prices\n\nBREAKING CHANGE: they are texts"], ("fix: prices",), id="a footer"
        ),
        pytest.param(["no conventional commit!: at all"], (), id="a mark without a type says nothing"),
    ],
)
def test_breaking_changes_are_announced_by_a_mark_or_a_footer(messages: list[str], announced: tuple[str, ...]) -> None:
    """The subjects are what a log shows."""
    assert announcements(messages) == announced
