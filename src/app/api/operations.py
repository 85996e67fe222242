"""What operators and their machines ask: is it alive, can it serve, how is it doing."""

from http import HTTPStatus
from typing import Final, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from app.api.dependencies import MetricsDependency, ResourcesDependency, SettingsDependency
from app.api.openapi import problems
from app.api.problems import Kind, ProblemError
from app.core.readiness import Finding, Health, Readiness, Status, assess

router = APIRouter(tags=["operations"])

_NOT_READY: Final = Kind(HTTPStatus.SERVICE_UNAVAILABLE, "not-ready", "The service is not ready")


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Check(BaseModel):
    """How one dependency does."""

    health: Health
    required: bool = Field(description="Whether the service cannot serve without it.")
    detail: str | None = None


class Ready(BaseModel):
    """The service can serve; degraded, when it serves without something that is down."""

    status: Status
    checks: dict[str, Check]


@router.get("/health")
async def health() -> Alive:
    """Tell that the process lives; asks nothing else, so that a restart is never the answer to another's outage."""
    return Alive()


@router.get("/ready", response_model_exclude_none=True, responses=problems(503))
async def ready(resources: ResourcesDependency, settings: SettingsDependency) -> Ready:
    """Tell whether the process can serve.

    503 when the database or its schema is not there: traffic should go elsewhere. A cache that is down gives 200 and
    `degraded`: every process has lost it at the same moment, and all of them still serve.
    """
    readiness = await assess(resources.dependencies, timeout=settings.readiness_timeout_seconds)
    checks = {finding.name: _check(finding) for finding in readiness.findings}
    if readiness.status is Status.UNAVAILABLE:
        raise ProblemError(_NOT_READY, _explain(readiness), members={"checks": checks})
    return Ready(status=readiness.status, checks=checks)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(metrics: MetricsDependency) -> Response:
    """Give the metrics, in the text format of Prometheus."""
    return Response(metrics.exposition(), media_type=metrics.content_type)


def _check(finding: Finding) -> Check:
    return Check(health=finding.health, required=finding.required, detail=finding.detail)


def _explain(readiness: Readiness) -> str:
    return "down: " + ", ".join(f"{finding.name} ({finding.detail})" for finding in readiness.down)
