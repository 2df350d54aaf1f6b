"""docs/sources.md and docs/importers.md: every sample is read whole, and the example is the real module."""

import re
from pathlib import Path

import pytest

from secops_agent.importers import registry
from secops_agent.importers.values.table_importer import TableImporter
from secops_agent.services.records import AlertRecord

from .reading_aid import of, read, source_of

ROOT = Path(__file__).parents[3]
SAMPLES = re.findall(
    r"^`(\w+)`[^\n]*：\n\n```(?:json)?\n(.*?)^```",
    (ROOT / "docs/sources.md").read_text(),
    re.MULTILINE | re.DOTALL,
)


@pytest.mark.parametrize(("name", "sample"), SAMPLES, ids=[name for name, _ in SAMPLES])
def test_documented_sample_is_read_whole(name: str, sample: str) -> None:
    items = read(name, sample)
    assert len(items) == len(of(items, AlertRecord)) == 1
    assert registry.detect(source_of(sample)) == name


def test_every_table_importer_has_a_sample() -> None:
    tabled = {name for name, found in registry.importers().items() if isinstance(found, TableImporter)}
    assert {name for name, _ in SAMPLES} == tabled | {"aliyun_sas"}


def test_documented_module_is_the_real_one() -> None:
    module = (ROOT / "secops_agent/importers/formats/china/safeline.toml").read_text()
    assert f"```toml\n{module}```" in (ROOT / "docs/importers.md").read_text()
