"""What goes over the wire."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from app.core.calculator import SIGNIFICANT_DIGITS, Operation
from app.core.items import Item, ItemDraft

# In the document as a pattern, enforced by a validator: a pattern's own message would be of no help to a person.
_NO_CONTROL: Final = r"^[^\x00-\x1f\x7f]*$"
_NO_CONTROL_BUT_LINES: Final = r"^[^\x00-\x08\x0b-\x1f\x7f]*$"
_ANY_DECIMAL: Final = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?$"
_PRICE: Final = r"^\d{1,10}(\.\d{1,2})?$"


def _one_line(text: str) -> str:
    if not re.match(_NO_CONTROL, text):
        raise ValueError("control characters are not allowed")
    return text


def _lines(text: str) -> str:
    # PostgreSQL stores no NUL in a text; a tab and a line feed are the only controls that a description needs.
    if not re.match(_NO_CONTROL_BUT_LINES, text):
        raise ValueError("control characters other than tab and line feed are not allowed")
    return text


def _exact(operand: Decimal) -> Decimal:
    if len(operand.as_tuple().digits) > SIGNIFICANT_DIGITS:
        raise ValueError(f"an operand has at most {SIGNIFICANT_DIGITS} significant digits")
    return operand


def _text_or_number(pattern: str, example: str, **number: float) -> WithJsonSchema:
    """Describe a decimal as what it may be sent as: best a string, else a number."""
    text = {"type": "string", "pattern": pattern}
    return WithJsonSchema({"anyOf": [text, {"type": "number"} | number], "examples": [example]})


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=120),
    AfterValidator(_one_line),
    Field(json_schema_extra={"pattern": _NO_CONTROL}),
]
Description = Annotated[
    str,
    StringConstraints(max_length=2000),
    AfterValidator(_lines),
    Field(json_schema_extra={"pattern": _NO_CONTROL_BUT_LINES}),
]
SearchText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=120),
    AfterValidator(_one_line),
    Field(json_schema_extra={"pattern": _NO_CONTROL}),
]
Price = Annotated[
    Decimal,
    Field(ge=0, max_digits=12, decimal_places=2),
    _text_or_number(_PRICE, "9.95", minimum=0, maximum=9_999_999_999.99, multipleOf=0.01),
]
Operand = Annotated[Decimal, AfterValidator(_exact), _text_or_number(_ANY_DECIMAL, "0.1")]


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
