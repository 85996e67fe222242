"""The calculator: exact where decimals can be, and never silent where they cannot."""

from decimal import Decimal, localcontext

import pytest

from app.core.calculator import Operation, calculate
from app.core.errors import CalculationError

LARGEST = "9.999999999999999999999999999999999E+6144"


@pytest.mark.parametrize(
    ("operation", "left", "right", "result"),
    [
        pytest.param("add", "0.1", "0.2", "0.3", id="add is exact where binary fractions are not"),
        pytest.param("subtract", "1", "1.00", "0.00", id="subtract keeps the places of its operands"),
        pytest.param("multiply", "1.10", "2", "2.20", id="multiply"),
        pytest.param("divide", "1", "8", "0.125", id="divide"),
        pytest.param("divide", "1", "3", "0.3333333333333333333333333333333333", id="34 digits"),
        pytest.param("divide", "0", "5", "0", id="zero can be divided"),
        pytest.param(
            "add", "1000000000000000000000000000000000", "0.5", "1000000000000000000000000000000000", id="ties to even"
        ),
        pytest.param("add", LARGEST, "0", LARGEST, id="the largest number"),
    ],
)
def test_calculates_as_decimal128(operation: str, left: str, right: str, result: str) -> None:
    """Results have 34 significant digits, rounded half to even."""
    assert str(calculate(Operation(operation), Decimal(left), Decimal(right))) == result


@pytest.mark.parametrize(
    ("operation", "left", "right", "reason"),
    [
        pytest.param("divide", "1", "0", "zero", id="division by zero"),
        pytest.param("divide", "0", "0", "zero", id="zero by zero"),
        pytest.param("divide", "1", "-0", "zero", id="division by negative zero"),
        pytest.param("add", LARGEST, LARGEST, "range", id="overflow of a sum"),
        pytest.param("multiply", "1e6000", "-1e6000", "range", id="overflow of a product"),
        pytest.param("add", "1e7000", "0", "range", id="an operand beyond the range"),
        pytest.param("divide", "1e-6000", "1e6000", "range", id="underflow is no zero"),
    ],
)
def test_refuses_what_has_no_result(operation: str, left: str, right: str, reason: str) -> None:
    """A result that decimal128 cannot hold is an error, neither infinity nor zero."""
    with pytest.raises(CalculationError, match=reason):
        calculate(Operation(operation), Decimal(left), Decimal(right))


def test_is_free_of_the_context_of_its_thread() -> None:
    """Whatever precision other code of the thread has set, the result is the same."""
    with localcontext() as context:
        context.prec = 3
        assert calculate(Operation.ADD, Decimal("1.2345"), Decimal(1)) == Decimal("2.2345")
