"""/api/v1/calculate"""

from fastapi import APIRouter

from app.api.openapi import problems
from app.api.schemas import CalculationIn, CalculationOut
from app.core.calculator import calculate

router = APIRouter(tags=["calculate"])


@router.post("/calculate", responses=problems(413))
async def calculate_result(body: CalculationIn) -> CalculationOut:
    """Calculate with decimals: no rounding of 0.1, no infinity."""
    return CalculationOut(result=str(calculate(body.operation, body.left, body.right)))
