"""Arithmetic on decimals as IEEE 754 decimal128 has it: 34 digits, ties to even, no silent infinity."""

from collections.abc import Callable, Mapping
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DecimalException,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    Underflow,
)
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from app.core.errors import CalculationError

SIGNIFICANT_DIGITS: Final = 34


class Operation(StrEnum):
    """What can be calculated."""

    ADD = "add"
    SUBTRACT = "subtract"
    MULTIPLY = "multiply"
    DIVIDE = "divide"


_OPERATIONS: Final[Mapping[Operation, Callable[[Context, Decimal, Decimal], Decimal]]] = MappingProxyType(
    {
        Operation.ADD: Context.add,
        Operation.SUBTRACT: Context.subtract,
        Operation.MULTIPLY: Context.multiply,
        Operation.DIVIDE: Context.divide,
    }
)


def calculate(operation: Operation, left: Decimal, right: Decimal) -> Decimal:
    """Apply the operation to both operands, rounded to 34 significant digits.

    >>> calculate(Operation.ADD, Decimal("0.1"), Decimal("0.2"))
    Decimal('0.3')

    Raises CalculationError on a division by zero and on a result (or an operand) beyond the range of decimal128.
    """
    if operation is Operation.DIVIDE and right == 0:
        raise CalculationError("Division by zero has no result.")
    try:
        # A context of its own per call: contexts collect flags and are not to be shared.
        return _OPERATIONS[operation](_decimal128(), left, right)
    except DecimalException:
        raise CalculationError("The result is beyond the range of decimal128.") from None


def _decimal128() -> Context:
    """The context of IEEE 754 decimal128; leaving its range raises, towards infinity as well as towards zero."""
    return Context(
        prec=SIGNIFICANT_DIGITS,
        rounding=ROUND_HALF_EVEN,
        Emin=-6143,
        Emax=6144,
        clamp=1,
        traps=[DivisionByZero, InvalidOperation, Overflow, Underflow],
    )
