"""Figures for Prometheus, read from the database when asked: every process's figures, from any web process.

There is no multi-process mode to configure and nothing to count on the message path.
"""

from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from bifang.core.extensions import VERSION
from bifang.core.registry import Registry

# Each reads in bounded time, however large the tables are.
METRICS: Final = Registry[Callable[[], Iterable[Metric]]]()


class _Database(Collector):
    def collect(self) -> Iterable[Metric]:
        """What every application has to tell."""
        build = GaugeMetricFamily("bifang_build_info", "1, with the version.", labels=["version"])
        build.add_metric([VERSION], 1)
        yield build
        for source in METRICS:
            yield from source()


def render_metrics() -> bytes:
    """The text format. Raises what the database raises."""
    registry = CollectorRegistry()
    registry.register(_Database())
    ProcessCollector(registry=registry)  # of the web process that is asked
    return generate_latest(registry)
