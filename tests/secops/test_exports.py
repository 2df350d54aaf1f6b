"""Alerts as a table and a case as a report, from the chat: the file goes out beside the answer, without what its readers may not read."""

import csv
import io
from typing import Any

from secops_agent.models import Alert, AlertIndicator, Asset, Case
from secops_agent.tools.incidents.exports import HEADS
from tests.secops.demo_aid import demo, use

__all__ = ["demo"]


def table(**arguments: Any) -> list[dict[str, str]]:
    found = use("export_alerts", **arguments)
    assert found.status == "ok"
    assert found.file is not None
    assert found.file.name.endswith(".csv")
    return list(csv.DictReader(io.StringIO(found.file.content.decode("utf-8-sig"))))


def test_the_table_has_what_the_conditions_find(demo: Any) -> None:
    rows = table(severity="critical")
    wanted = Alert.objects.filter(severity="critical").exclude(status="closed")
    assert {row["编号"] for row in rows} == {f"A{pk}" for pk in wanted.values_list("pk", flat=True)}
    assert tuple(rows[0]) == HEADS


def test_nothing_found_is_no_file(demo: Any) -> None:
    found = use("export_alerts", keyword="没有这样的规则")
    assert (found.status, found.file) == ("no_data", None)


def test_a_group_reads_no_accounts_in_it(demo: Any) -> None:
    row = Alert.objects.exclude(status="closed").order_by("pk").first()
    assert row is not None
    row.assets.add(Asset.objects.get(name="svc-deploy"))
    AlertIndicator.objects.create(alert=row, kind="account", value="ljq-admin")
    Alert.objects.filter(pk=row.pk).update(title="ljq-admin 在 web-01 登录", severity="critical")
    for group in (False, True):
        found = use("export_alerts", group=group)
        assert found.file is not None
        told = found.file.content.decode()
        assert [name in told for name in ("svc-deploy", "ljq-admin")] == [not group] * 2


def test_the_report_of_a_case_is_a_file(demo: Any) -> None:
    case = Case.objects.order_by("pk").first()
    assert case is not None
    found = use("export_case", case_id=case.pk)
    assert found.file is not None
    assert found.file.content.decode().startswith("# 事件 E")
    assert use("export_case", case_id=10**6).status == "no_data"
