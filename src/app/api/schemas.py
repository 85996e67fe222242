"""What goes over the wire."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from app.core.calculator import SIGNIFICANT_DIGITS, Operation
from app.core.items import Item, ItemDraft

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_BUT_LINES: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def _one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("control characters are not allowed")
    return text


def _lines(text: str) -> str:
    # PostgreSQL stores no NUL in a text; a tab and a line feed are the only controls that a description needs.
    if _CONTROL_BUT_LINES.search(text):
        raise ValueError("control characters other than tab and line feed are not allowed")
    return text


def _exact(operand: Decimal) -> Decimal:
    if len(operand.as_tuple().digits) > SIGNIFICANT_DIGITS:
        raise ValueError(f"an operand has at most {SIGNIFICANT_DIGITS} significant digits")
    return operand


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120), AfterValidator(_one_line)]
Description = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_lines)]
Price = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2, examples=["9.95"])]
SearchText = Annotated[str, StringConstraints(min_length=1, max_length=120), AfterValidator(_one_line)]
Operand = Annotated[Decimal, AfterValidator(_exact), Field(examples=["0.1"])]


class _Strict(BaseModel):
    """A body whose unknown members are mistakes: a misspelt one would be lost in silence."""

    model_config = ConfigDict(extra="forbid")


class ItemIn(_Strict):
    """An item as a client writes it."""

    name: Name
    description: Description = ""
    price: Price

    def draft(self) -> ItemDraft:
        """As the core has it."""
        return ItemDraft(name=self.name, description=self.description, price=self.price)


class ItemOut(BaseModel):
    """An item as it is stored; decimals are strings, since a JSON number would lose digits in many clients."""

    id: UUID
    name: str
    description: str
    price: Decimal
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, item: Item) -> Self:
        """As the wire has it."""
        return cls.model_validate(item, from_attributes=True)


class PageOut(BaseModel):
    """Some items in the order of their creation."""

    items: list[ItemOut]
    next_cursor: str | None = Field(description="Asks for the page that follows; null on the last one.")


class CalculationIn(_Strict):
    """Two operands, best as strings: a JSON number loses digits in many clients."""

    operation: Operation
    left: Operand
    right: Operand


class CalculationOut(BaseModel):
    """The result, rounded to 34 significant digits; a very large or small one has an exponent, such as 1E+40."""

    result: str = Field(examples=["0.3"])
