"""What an import would change of assets we know is said, old → new, before anybody confirms it: page and chat."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from secops_agent.models import Asset, History, ImportJob, Role, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.intake.foresight import MOST, foresee
from secops_agent.services.records import AssetRecord, Key
from secops_agent.services.vulnerabilities import catalogue
from secops_agent.services.vulnerabilities.catalogue import VulnerabilityFilter
from secops_agent.uploads.results import page_of
from tests.admin_pages import member, messages_of, serve_plain_static, superuser, text_of
from tests.secops.decisions_aid import company
from tests.secops.inventory_aid import finding, flaw, host, store
from tests.secops.test_chat_files import Sent, code_in, staged, talk

pytestmark = pytest.mark.django_db
IMPORT = "/admin/secops_agent/importjob/add/"
TABLE = "主机名,IP,负责人\nweb-01,10.99.0.5,赵六\nnew-01,10.0.0.77,赵六\n"


def known() -> Asset:
    """web-01, whose owner is 李四."""
    for staff_id, name in (("lisi", "李四"), ("zhaoliu", "赵六")):
        Staff.objects.get_or_create(staff_id=staff_id, defaults={"name": name, "role": Role.ANALYST})
    store(host("web-01", "10.0.0.5", owner="李四"))
    return Asset.objects.get(name="web-01")


def send(client: Client, text: str) -> Any:
    file = SimpleUploadedFile("zc.csv", text.encode())
    return client.post(
        IMPORT, {"file": file, "format": "assets_csv", "source": "", "asset": "", "asset_type": "host"}
    )


def person() -> Actor:
    return Actor("person", "corp:li", "li", "web")


def test_page_counts_rows_only_and_names_columns_and_rows_that_are_not_taken(
    settings: Any, tmp_path: Path
) -> None:
    serve_plain_static(settings, tmp_path)
    known()
    text = text_of(send(member(Role.ADMIN), "主机名,IP,负责人,到期日\nweb-01,10.0.0.5,赵六,2027\n,,李四,\n"))
    assert "文件里一共：资产 1，另有 1 条不会导入" in text
    assert "没有用到的列：到期日" in text
    assert "不会导入的 第 3 行：这一行没有能标识资产的内容" in text


@pytest.mark.slow
def test_page_shows_what_would_be_changed_and_imports_what_was_seen(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)
    row, client = known(), member(Role.ADMIN)
    shown = send(client, TABLE)
    text = text_of(shown)
    assert "会改动已有的 1 个资产" in text
    assert "文件里一共：资产 2" in text
    assert "负责人 李四 → 赵六" in text
    assert "10.0.0.5 → 10.0.0.5、10.99.0.5" in text
    assert "new-01" not in text
    row.refresh_from_db()
    assert row.owner is not None
    assert (row.owner.name, row.ips, ImportJob.objects.count()) == ("李四", ["10.0.0.5"], 0)
    kept = shown.context["asked"].kept
    other = superuser()
    other.post(IMPORT, {"kept": kept})
    assert not ImportJob.objects.exists(), "only whoever sent it"
    client.post(IMPORT, {"kept": kept})
    row.refresh_from_db()
    assert row.owner is not None
    assert row.owner.name == "赵六"
    assert staged() == []
    again = client.post(IMPORT, {"kept": kept}, follow=True)
    assert "已经导入过" in "".join(messages_of(again))
    assert ImportJob.objects.count() == 1
    result = f"/admin/secops_agent/importjob/{ImportJob.objects.get().pk}/change/"
    page = client.get(result)
    assert "负责人 李四 → 赵六" in text_of(page), "people by name, not by id"
    (entry,) = History.objects.filter(
        entity="asset", entity_id=row.pk, action="import", changes__has_key="owner_id"
    )
    assert f'value="{entry.pk}">收回对它的修改' in page.content.decode()
    client.post(reverse("web:asset_take_back", args=[row.pk]), {"entry": entry.pk, "next": result})
    page = client.get(result)
    assert "收回对它的修改" not in page.content.decode()
    assert "已收回，或后来又改过" in text_of(page)


def test_page_forgets_what_is_not_wanted_and_asks_nothing_about_new_assets(
    settings: Any, tmp_path: Path
) -> None:
    serve_plain_static(settings, tmp_path)
    known()
    client = member(Role.ADMIN)
    kept = send(client, TABLE).context["asked"].kept
    client.post(IMPORT, {"kept": kept, "drop": "1"})
    client.post(IMPORT, {"kept": kept + "x"})
    assert (staged(), ImportJob.objects.count()) == ([], 0)
    assert send(client, "主机名,IP\nnew-02,10.0.0.78\n").status_code == 302
    assert ImportJob.objects.count() == 1


def test_chat_lists_old_and_new_before_the_code_is_answered() -> None:
    config = company()
    row = known()
    (offered,) = talk(config, ("li", Sent("zc.csv", TABLE)))
    assert "会改动已有的 1 个资产（原来 → 导入后）" in offered
    assert "web-01（同一个主机名 web-01）：负责人 李四 → 赵六" in offered
    row.refresh_from_db()
    assert row.owner is not None
    assert row.owner.name == "李四"
    assert code_in(offered)


def test_owners_whom_the_staff_list_does_not_have_are_told() -> None:
    config = company()
    known()
    (offered,) = talk(
        config, ("li", Sent("zc.csv", "主机名,IP,负责人\nnew-01,10.0.0.77,老周\nnew-02,10.0.0.78,赵六\n"))
    )
    assert "负责人 老周 不在人员名单里" in offered
    assert "赵六 不在" not in offered
    many = foresee((host(f"n-{number}", owner=f"外人{number}") for number in range(9)), person())
    assert len(many.unlisted) == 9


def test_assets_that_would_become_one_are_named() -> None:
    agent, mac = Key("agent_id", "wazuh:001"), Key("mac", "3c:fd:fe:00:00:01")
    store(AssetRecord("host", "web-01", (agent,), source="wazuh"))
    store(AssetRecord("host", "mac-1", (mac,), source="nmap"))
    both = AssetRecord("host", "web-01", (agent, mac), source="agent")
    before = (History.objects.count(), list(Asset.objects.order_by("pk").values()))
    found = foresee([both], person())
    assert [(each.name, each.why, each.told) for each in found.changes] == [
        ("web-01", "代理 wazuh:001", "并入的资产 — → mac-1（MAC 地址 3c:fd:fe:00:00:01）")
    ]
    assert (History.objects.count(), list(Asset.objects.order_by("pk").values())) == before


def test_list_is_bounded() -> None:
    known()
    store(*(host(f"h-{number}", f"10.1.0.{number}", owner="李四") for number in range(30)))
    found = foresee((host(f"h-{number}", f"10.1.0.{number}", owner="赵六") for number in range(30)), person())
    assert (len(found.changes), found.changed, found.rest) == (MOST, 30, 10)


def test_what_a_person_set_is_not_announced_as_changed() -> None:
    row = known()
    Asset.objects.filter(pk=row.pk).update(locked=["owner"])
    (found,) = foresee([host("web-01", "10.99.0.5", owner="赵六")], person()).changes
    assert "负责人" not in found.told


def test_a_new_asset_that_looks_like_a_known_one_and_an_unknown_owner_are_told_before_anything_is_written(
    settings: Any, tmp_path: Path
) -> None:
    serve_plain_static(settings, tmp_path)
    store(host("web-01", "10.0.0.5", fqdn="web-01.corp.example"))
    file = "主机名,IP,FQDN,负责人\nweb-01,10.99.0.5,web-01.other.example,没有这个人\n"
    text = text_of(send(member(Role.ADMIN), file))
    assert "请先看一眼" in text
    assert "web-01 与已有的「web-01」（10.0.0.5，编号" in text
    assert "负责人 没有这个人 不在人员名单里" in text
    assert Asset.objects.count() == 1


def test_the_list_of_what_an_import_found_is_that_of_its_tool() -> None:
    found = {"created": {"vulnerability": 1, "finding": 1}, "updated": {}, "unchanged": {}}
    job = ImportJob(format="trivy", options={}, outcome=found)
    assert page_of(job, "vulnerability").endswith("?tab=all&source=trivy")
    job.outcome = {"created": {"vulnerability": 1}}
    assert "source=" not in page_of(job, "vulnerability"), "a catalogue that names no asset"
    web = host("web-01")
    store(
        web,
        flaw("CVE-2026-1111"),
        flaw("CVE-2026-2222"),
        finding(web, vulnerability="CVE-2026-1111", kind="vulnerability"),
    )
    of = [row.vuln_id for row in catalogue.matching(VulnerabilityFilter(present_only=False, source="trivy"))]
    assert of == ["CVE-2026-1111"]


def test_who_knows_that_a_new_asset_is_the_known_one_says_so_and_later_imports_know_it(
    settings: Any, tmp_path: Path
) -> None:
    serve_plain_static(settings, tmp_path)
    row, client = known(), member(Role.ADMIN)
    shown = send(client, "主机名,IP,负责人\nweb-01-new,10.0.0.5,赵六\nother,10.0.0.99,没有这个人\n")
    assert "web-01-new 与已有的「web-01」（10.0.0.5，编号" in text_of(shown)
    assert "就是这台：不新建，用已有的" in text_of(shown)
    asked = shown.context["asked"]
    assert [[place for place, _ in known] for known in asked.twins] == [[0]]
    assert not any("web-01-new" in line for line in asked.lines), "said once"
    again = client.post(IMPORT, {"kept": asked.kept, "same": "0"})
    assert "已认定是同一台" in messages_of(again)
    assert "负责人 李四 → 赵六" in text_of(again), "what that changes is seen before it is imported"
    assert (list(Asset.objects.all()), ImportJob.objects.count()) == ([row], 0)
    assert again.context["asked"].twins == ()
    client.post(IMPORT, {"kept": asked.kept, "same": "0"})
    assert not ImportJob.objects.exists(), "the file that was asked about first is gone"
    client.post(IMPORT, {"kept": again.context["asked"].kept})
    assert {each.name for each in Asset.objects.all()} == {"web-01", "other"}
    row.refresh_from_db()
    assert row.owner is not None
    assert row.owner.name == "赵六"
    entry = History.objects.get(entity="asset", entity_id=row.pk, action="merge")
    assert "认定「web-01-new」就是这个资产" in entry.note
    store(host("web-01-new", "10.99.0.7"))
    row.refresh_from_db()
    assert "10.99.0.7" in row.ips, "a later import, from another address"
    assert Asset.objects.count() == 2
    assert staged() == []


def test_of_two_known_ones_with_its_address_one_is_chosen_or_none(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)
    first, client = known(), member(Role.ADMIN)
    store(AssetRecord("host", "erp-01", (Key("hostname", "erp-01"),), ips=("10.0.0.5",)))
    second = Asset.objects.get(name="erp-01")
    asked = send(client, "主机名,IP\nscan-01,10.0.0.5\n").context["asked"]
    ((one, other),) = asked.twins
    assert ("「web-01」" in one[1], "「erp-01」" in other[1]) == (True, True)
    client.post(IMPORT, {"kept": asked.kept, "same-1": ""})
    assert Asset.objects.count() == 3, "none of them"
    asked = send(client, "主机名,IP\nscan-02,10.0.0.5\n").context["asked"]
    place = next(place for known in asked.twins for place, line in known if "「erp-01」" in line)
    client.post(IMPORT, {"kept": asked.kept, "same-1": str(place)})
    entry = History.objects.get(entity="asset", action="merge")
    assert entry.entity_id == second.pk != first.pk


def test_only_who_may_change_assets_says_which_is_which(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)
    row, client = known(), member(Role.ADMIN)
    asked = send(client, "主机名,IP\nweb-01-new,10.0.0.5\n").context["asked"]
    reader = User.objects.create_user("reader")
    reader.user_permissions.add(Permission.objects.get(codename="add_importjob"))
    other = Client()
    other.force_login(reader)
    seen = send(other, "主机名,IP\nweb-01-new,10.0.0.5\n").context["asked"]
    assert seen.twins == ()
    assert any("web-01-new 与已有的" in line for line in seen.lines)
    assert other.post(IMPORT, {"kept": seen.kept, "same": "0"}).status_code == 403
    store(AssetRecord("host", "别的", (Key("hostname", "web-01-new"),)))
    done = client.post(IMPORT, {"kept": asked.kept, "same": "0"}, follow=True)
    assert "刚刚成了另一个资产" in messages_of(done)
    assert not History.objects.filter(entity="asset", entity_id=row.pk, action="merge").exists()
    assert not ImportJob.objects.exists()
