"""Every format of ours keeps what every format keeps (`bifang.testing.ImporterCases`), with a whole sample of each."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from bifang.testing import ImporterCases
from secops_agent.importers import base, registry
from secops_agent.importers.base import Options, Source
from secops_agent.services.records import AssetRecord, Key

from . import cn_samples, test_feed_guards, test_guards
from . import test_network_scanners as network
from .test_cyclonedx import XML
from .test_nmap import HOST
from .test_nmap import run as nmap_run

# What gives no asset by itself is imported for one.
OPTIONS = Options(asset=AssetRecord("host", "web-01", (Key("hostname", "web-01"),)))
SAMPLES: dict[str, Any] = {
    **dict(cn_samples.FILES.values()),
    **dict(test_feed_guards.SHAPES.values()),
    **dict(test_feed_guards.TEXTS.values()),
    **test_guards.SHAPES,
    "nmap": nmap_run(HOST),
    "nessus": network.nessus(network.HOST),
    "openvas": network.openvas(network.RESULT),
    "cyclonedx": XML,
    "indicators_csv": "type,value,note\nip,203.0.113.9,甲\n",
}


def _cases() -> Iterator[type[ImporterCases]]:
    for name, value in SAMPLES.items():
        data = value if isinstance(value, str) else json.dumps(value)
        yield type(
            f"Test_{name}", (ImporterCases,), {"name": name, "sample": data.encode(), "options": OPTIONS}
        )


globals().update({case.__name__: case for case in _cases()})


def test_every_format_has_a_sample() -> None:
    assert set(SAMPLES) == set(registry.NAMES)


def test_a_named_format_is_mostly_known_by_its_first_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = list[int]()
    real = base._paths
    monkeypatch.setattr(base, "_paths", lambda head: looked.append(len(head)) or real(head))
    base.whole_outline.cache_clear()
    base.document_outline.cache_clear()
    line = b'{"rule": "r", "priority": "Warning", "output_fields": {}, "output": "%d"}\n'
    body = b"".join(line % number for number in range(5000))
    assert len(list(registry.parse("falco", Source.from_bytes(body)))) == 5000
    assert looked == [4096]
