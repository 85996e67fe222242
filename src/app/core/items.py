"""What an item is, and which versions of it a client may change."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final, Self
from uuid import UUID

FIRST_VERSION: Final = 1
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class ItemDraft:
    """The part of an item that clients write; the price is in cents exactly, whatever notation it came in."""

    name: str
    description: str
    price: Decimal

    def __post_init__(self) -> None:
        if not self.price.is_finite() or self.price < 0:
            raise ValueError(f"a price is finite and not negative, this is {self.price}")
        # abs() turns a negative zero into zero, as the database would.
        object.__setattr__(self, "price", abs(self.price.quantize(_CENT)))


@dataclass(frozen=True, slots=True)
class Item:
    """A stored item; every change makes a new one with the next version."""

    id: UUID
    name: str
    description: str
    price: Decimal
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def create(cls, draft: ItemDraft, *, item_id: UUID, now: datetime) -> Self:
        """Make the first version of an item."""
        return cls(
            id=item_id,
            name=draft.name,
            description=draft.description,
            price=draft.price,
            version=FIRST_VERSION,
            created_at=now,
            updated_at=now,
        )

    def changed(self, draft: ItemDraft, *, now: datetime) -> Self:
        """Make the version that follows this one."""
        return replace(
            self,
            name=draft.name,
            description=draft.description,
            price=draft.price,
            version=self.version + 1,
            updated_at=now,
        )


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the order of items, which is by creation: a page starts after it."""

    created_at: datetime
    item_id: UUID

    @classmethod
    def at(cls, item: Item) -> Self:
        """Name the place of this item."""
        return cls(item.created_at, item.id)


@dataclass(frozen=True, slots=True)
class Page:
    """Some items in their order, and where the next page starts; no cursor on the last one."""

    items: tuple[Item, ...]
    next: Cursor | None


@dataclass(frozen=True, slots=True)
class AcceptedVersions:
    """The versions of an item that a client is ready to change; `None` stands for any."""

    versions: frozenset[int] | None

    @classmethod
    def of(cls, versions: Iterable[int]) -> Self:
        """Accept these versions only."""
        return cls(frozenset(versions))

    def __contains__(self, version: int) -> bool:
        return self.versions is None or version in self.versions
