"""Figures for Prometheus, read from the database when asked: every process's figures, from any web process.

There is no multi-process mode to configure and nothing to count on the message path.
"""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

Source = Callable[[], Iterable[Metric]]
_sources: list[Source] = []


def register_metrics(source: Source) -> None:
    """Called by an application's `ready()`. `source` reads in bounded time, however large the tables are."""
    _sources.append(source)


class _Database(Collector):
    def collect(self) -> Iterable[Metric]:
        """What every application has to tell."""
        for source in _sources:
            yield from source()


def render_metrics() -> bytes:
    """The text format. Raises what the database raises."""
    registry = CollectorRegistry()
    registry.register(_Database())
    return generate_latest(registry)
