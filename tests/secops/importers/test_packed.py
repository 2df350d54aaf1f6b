"""Little that unpacks to much: it is stopped by what it costs, and real reports pass."""

import itertools
import json

import pytest

from bifang.core.errors import InvalidInput
from secops_agent.importers.base import ImportLimits, Options
from secops_agent.services.records import ComponentRecord, VulnerabilityRecord

from .reading_aid import of, read, rejected
from .test_cyclonedx import BOM
from .test_nuclei import V3
from .test_openvex import SAID
from .test_openvex import document as vex_document
from .test_trivy import REPORT as TRIVY

EMPTY = "[" + "{}," * 1_400_000 + "{}]"
MIB = 1 << 20
HASTE = Options(limits=ImportLimits(seconds=0.1))


def test_much_that_says_nothing_is_not_read_to_its_end() -> None:
    idle = json.dumps(TRIVY | {"Results": "@"}).replace('"@"', EMPTY)
    with pytest.raises(InvalidInput, match=r"读了 .* 秒，只得到"):
        read("trivy", idle, HASTE, packed=True)


@pytest.mark.slow
def test_much_that_says_something_is() -> None:
    rows = "\n".join(f"CVE-2026-{number},0.9,0.9" for number in range(10_000, 110_000))
    table = f"#model_version:v1,score_date:2026-11-20T12:55:00Z\ncve,epss,percentile\n{rows}\n"
    assert len(of(read("epss", table, HASTE, packed=True), VulnerabilityRecord)) == 100_000


@pytest.mark.slow
def test_a_record_is_not_much_larger_than_its_packed_file() -> None:
    bomb = json.dumps(vex_document(SAID | {"a": "@"})).replace('"@"', EMPTY)
    with pytest.raises(InvalidInput, match="一条记录超过"):
        read("openvex", bomb, packed=True)
    lines = json.dumps(V3) + '\n{"a": ' + EMPTY + "}\n"
    [(place, why)] = rejected(read("nuclei", lines, packed=True))
    assert (place, why[:6]) == ("第 2 行", "这一行超过 ")
    assert "超过" not in rejected(read("nuclei", lines))[0][1]


@pytest.mark.slow
def test_the_records_of_a_packed_file_are_not_one() -> None:
    parts = [{"type": "library", "name": f"part-{number}", "version": "1" * 40} for number in range(40_000)]
    items = read("cyclonedx", BOM | {"components": parts}, packed=True)
    assert len(of(items, ComponentRecord)) == len(parts)


@pytest.mark.slow
def test_long_records_are_worth_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two looks at the clock a quarter of a MiB is read; here that always takes a fiftieth of a second."""
    lines = "\n".join(json.dumps(V3 | {"response": "x" * MIB, "host": f"h{number}"}) for number in range(16))
    clock = (number / 50 for number in itertools.count())
    monkeypatch.setattr("time.thread_time", lambda: next(clock))
    assert not rejected(read("nuclei", lines, HASTE, packed=True))
    with pytest.raises(InvalidInput, match=r"读了 .* 秒，只得到 2 条"):
        read(
            "nuclei", json.dumps(V3) + "\n" + lines.replace('"template-id"', '"nothing"'), HASTE, packed=True
        )
