"""Metrics in the form that Prometheus scrapes."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST


class Metrics:
    """The metrics of one application, in a registry of its own: two applications in a process do not collide."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self.requests_in_progress = Gauge(
            "http_requests_in_progress", "Requests that are being answered.", registry=self._registry
        )
        self._requests = Counter(
            "http_requests_total",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "http_request_duration_seconds",
            "Time from a request's headers to the end of its response.",
            ["method", "route"],
            registry=self._registry,
        )
        self._lookups = Counter(
            "cache_lookups_total", "Items looked up in the cache.", ["result"], registry=self._registry
        )

    def request(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request; `route` is the template of the path, never the path, whose number is endless."""
        self._requests.labels(method=method, route=route, status=str(status)).inc()
        self._seconds.labels(method=method, route=route).observe(seconds)

    def cache_lookup(self, found: bool) -> None:
        """Count a lookup in the cache."""
        self._lookups.labels(result="hit" if found else "miss").inc()

    def exposition(self) -> bytes:
        """All metrics as text."""
        return generate_latest(self._registry)
