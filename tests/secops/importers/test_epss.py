"""EPSS: the official CSV, plain and packed."""

import gzip
import tracemalloc
from pathlib import Path

import pytest

from bifang.core.errors import InvalidInput
from secops_agent.importers import registry
from secops_agent.importers.base import Source
from secops_agent.services.records import VulnerabilityRecord

from .reading_aid import of, read, rejected

HEAD = "#model_version:v2025.03.14,score_date:2026-11-20T12:55:00Z\ncve,epss,percentile\n"
ROWS = "CVE-2026-10001,0.94371,0.99962\nCVE-2026-10002,0.00043,0.12345\n"


@pytest.mark.parametrize("packed", [False, True])
def test_epss_row_gives_exact_record(packed: bool) -> None:
    first, second = of(read("epss", HEAD + ROWS, packed=packed), VulnerabilityRecord)
    assert (first.vuln_id, first.epss, first.epss_percentile) == ("CVE-2026-10001", 0.94371, 0.99962)
    assert first.epss_date is not None
    assert first.epss_date.isoformat() == "2026-11-20T12:55:00+00:00"
    assert (second.vuln_id, second.severity) == ("CVE-2026-10002", "info")


def test_epss_without_its_comment_has_no_date() -> None:
    [record] = of(read("epss", "cve,epss,percentile\nCVE-2026-10001,0.5,0.9\n"), VulnerabilityRecord)
    assert record.epss_date is None


def test_epss_broken_rows_are_rejected() -> None:
    items = read(
        "epss", HEAD + ROWS + "nothing,0.1,0.1\nCVE-2026-3333,much,0.1\nCVE-2026-4444,7,0.1\nCVE-2026-5555\n"
    )
    assert len(of(items, VulnerabilityRecord)) == 2
    assert rejected(items) == [
        ("第 5 行", "「cve」不是 CVE 编号：NOTHING"),
        ("第 6 行", "「epss」应当是数字，实际是 much"),
        ("第 7 行", "「epss」应当在 0 和 1 之间，实际是 7"),
        ("第 8 行", "缺少必填字段「epss」"),
    ]


def test_epss_refuses_another_table() -> None:
    with pytest.raises(InvalidInput, match="像是 assets_csv，不是 epss"):
        read("epss", "主机名,IP\nweb-01,10.0.0.5\n")


@pytest.mark.slow
def test_epss_large_file_is_streamed_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "epss.csv.gz"
    rows = "".join(f"CVE-2026-{number},0.00043,0.12345\n" for number in range(10_000, 40_000))
    path.write_bytes(gzip.compress((HEAD + rows).encode(), 1))
    registry.importers()  # loaded once
    tracemalloc.start()
    assert sum(1 for _ in registry.parse("epss", Source.from_path(path))) == 30_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000
