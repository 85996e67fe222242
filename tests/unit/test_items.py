"""Items, their drafts and versions."""

from decimal import Decimal

import pytest

from app.core.items import AcceptedVersions, ItemDraft
from item_contract import an_item, renamed


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param("9.95", "9.95", id="cents"),
        pytest.param("1E+2", "100.00", id="another notation"),
        pytest.param("1", "1.00", id="no cents"),
        pytest.param("-0", "0.00", id="negative zero"),
    ],
)
def test_a_price_is_in_cents(given: str, kept: str) -> None:
    """Whatever notation a price comes in, it is kept with two places, as the database keeps it."""
    assert str(ItemDraft(name="lamp", description="", price=Decimal(given)).price) == kept


@pytest.mark.parametrize("price", ["-0.01", "NaN", "Infinity"])
def test_a_price_is_never_negative_nor_without_end(price: str) -> None:
    """A draft with an impossible price cannot be made."""
    with pytest.raises(ValueError, match="price"):
        ItemDraft(name="lamp", description="", price=Decimal(price))


def test_a_change_is_the_next_version() -> None:
    """A change keeps id and time of creation, and counts the version up."""
    item = an_item("lamp")
    changed = renamed(item, "torch")
    assert (changed.id, changed.created_at) == (item.id, item.created_at)
    assert (item.version, changed.version) == (1, 2)
    assert changed.updated_at > item.updated_at


def test_versions_are_accepted_by_name_or_all() -> None:
    """Named versions accept themselves only; without names any version is accepted."""
    assert 2 in AcceptedVersions.of([1, 2])
    assert 3 not in AcceptedVersions.of([1, 2])
    assert 3 in AcceptedVersions(None)
