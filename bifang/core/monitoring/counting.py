"""What happens, counted in this process: nothing is written where it happens, and no Django is needed. `counts` keeps it."""

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from operator import attrgetter
from typing import Final

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from bifang.core.registry import Registry

SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
OTHERS: Final = "其他"  # instead of a label's value, where there are too many
_SUM: Final = "sum"
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Tally:
    """One kind of event: the metric's name without "_total", what it is, its labels. ``buckets``: durations are counted.

    ``most``: combinations of labels that are told apart; what comes after them is counted together.
    """

    name: str
    text: str
    labels: tuple[str, ...]
    buckets: tuple[float, ...] = ()
    most: int = 200

    def add(self, *labels: str, by: float = 1) -> None:
        """So many more."""
        pending.add({self._key(labels, ""): by})

    def observe(self, seconds: float, *labels: str) -> None:
        """One that took so long."""
        upper = next((str(each) for each in self.buckets if seconds <= each), "+Inf")
        pending.add({self._key(labels, upper): 1, self._key(labels, _SUM): seconds})

    @contextmanager
    def timed(self, *labels: str) -> Iterator[None]:
        """What the block does; the last label is "ok", or the code or kind of the error that ends it."""
        began, result = time.perf_counter(), "ok"
        try:
            yield
        except BaseException as error:
            result = str(getattr(error, "code", "")) or type(error).__name__
            raise
        finally:
            self.observe(time.perf_counter() - began, *labels, result)

    def _key(self, labels: Sequence[str], bucket: str) -> Key:
        if len(labels) != len(self.labels):
            raise ValueError(f"{self.name} has the labels {self.labels}")
        return self.name, json.dumps([each[:60] for each in labels], ensure_ascii=False), bucket

    @property
    def rest(self) -> str:
        """The labels of what is counted together."""
        return json.dumps([OTHERS] * len(self.labels), ensure_ascii=False)

    def family(self, counts: Mapping[str, Mapping[str, float]]) -> Metric:
        """As Prometheus is told; ``counts``: by labels and bucket."""
        if not self.buckets:
            plain = CounterMetricFamily(self.name, self.text, labels=self.labels)
            for labels, values in counts.items():
                plain.add_metric(json.loads(labels), values.get("", 0))
            return plain
        timed = HistogramMetricFamily(self.name, self.text, labels=self.labels)
        bounds = [*map(str, self.buckets), "+Inf"]
        for labels, values in counts.items():
            reached = accumulate(values.get(each, 0) for each in bounds)
            timed.add_metric(json.loads(labels), list(zip(bounds, reached, strict=True)), values.get(_SUM, 0))
        return timed


TALLIES: Final = Registry[Tally](attrgetter("name"))


class _Pending:
    """What this process has counted and not written yet."""

    def __init__(self) -> None:
        self._begin()
        os.register_at_fork(after_in_child=self._begin)  # the parent writes its own

    def _begin(self) -> None:
        self._lock, self._counts = threading.Lock(), Counter[Key]()

    def add(self, counts: Mapping[Key, float]) -> None:
        """So many more of each."""
        with self._lock:
            for key, value in counts.items():
                self._counts[key] += value  # type: ignore[assignment]  # seconds are no whole numbers

    def take(self) -> "Mapping[Key, float]":
        """All, which are nobody else's from now on."""
        with self._lock:
            taken, self._counts = self._counts, Counter[Key]()
        return taken


pending: Final = _Pending()
