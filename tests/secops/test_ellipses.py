"""What a short sentence leaves out is the thing or the list that was spoken of, never the whole company; families of assets; orders about
what is described. Our own words: they prove nothing about strangers."""

from typing import Any

import pytest

from secops_agent.llm.offline import Intent, Lexicon, Understanding
from secops_agent.llm.understanding.focus import Focus
from tests.secops.offline_lexicon import ASKER, NOW, understand

LEXICON = Lexicon.build(
    assets=[
        *((name, []) for name in ("web-01", "web-02", "db-01", "wiki-01", "jump-01")),
        *((f"k8s-node-{number}", []) for number in (1, 2, 3)),
        *((f"pay-gateway-{number}", []) for number in (1, 2, 3)),
        ("pay-db-01", []),
    ],
    people=[("lisi", "李四", ""), ("wangwu", "王五", ""), ("zhaoliu", "赵六", ""), ("manager01", "张三", ""), (ASKER, "周七", "")],
    keywords=["WAF", "wazuh", "suricata", "HIDS：SSH 暴力破解", "WAF：CC 攻击", "WAF：SQL 注入攻击", "容器内写入 /etc", "挖矿木马：连接矿池"],
)  # fmt: skip
NAMED = Focus().after_words({"asset": ("db-01",)})
OF_NODE = Intent("list_alerts", {"asset": "k8s-node-1"}, items=("41", "42", "43"))


def hear(text: str, focus: Focus | None = None, last: Intent | None = None) -> Understanding:
    return understand(text, LEXICON, NOW, asker=ASKER, focus=focus or Focus(), last=last)


def asked(found: Understanding) -> tuple[str, dict[str, Any]]:
    assert found.intent, found
    return found.intent.tool, dict(found.intent.arguments)


def offered(found: Understanding) -> list[tuple[str, dict[str, Any]]]:
    return [(one.tool, dict(one.arguments)) for one in found.offers]


@pytest.mark.parametrize("text", ["什么是勒索软件", "横向移动是啥意思", "什么是暴力破解"])
def test_what_a_word_means_is_asked_of_no_address(text: str) -> None:
    seen = Focus().after_words({"ip": ("203.0.113.5",)})
    last = Intent("lookup_indicator", {"value": "203.0.113.5"})
    found = hear(text, seen, last)
    assert found.intent is None
    assert "通用知识" in found.hint
    assert asked(hear("是什么地址", seen, last))[1] == {"value": "203.0.113.5"}


@pytest.mark.parametrize("text", ["有啥没关的告警", "到底是啥告警", "有几条严重告警没处理"])
def test_a_question_without_a_name_is_about_what_was_just_named(text: str) -> None:
    found = hear(text, NAMED)
    assert asked(found)[1]["asset"] == "db-01"
    assert "按上一句的「db-01」" in found.hint
    assert [str(one) for one in found.suggestions] == [f"全部{text}"]


@pytest.mark.parametrize(
    "text", ["今天有哪些严重告警", "最近24小时有哪些高危告警", "昨天有哪些高危告警没人管"]
)
def test_a_whole_question_with_a_time_of_its_own_is_about_everything(text: str) -> None:
    found = hear(text, NAMED)
    assert "asset" not in asked(found)[1]


@pytest.mark.parametrize("text", ["全部有啥没关的告警", "今天全公司一共多少告警"])
def test_a_question_about_everything_is_not_narrowed(text: str) -> None:
    assert "asset" not in asked(hear(text, NAMED))[1]


@pytest.mark.parametrize(
    ("text", "last", "wanted"),
    [
        ("我呢", {"keyword": "李四"}, {"keyword": ASKER}),
        ("那我这边呢", {"keyword": "李四"}, {"keyword": ASKER}),
        ("没人要的呢", {"keyword": "李四"}, {"unassigned": True}),
        ("张三呢", {"unassigned": True}, {"keyword": "张三"}),
        ("k8s的呢", {"severity": "high"}, {"severity": "high", "asset": "k8s*"}),
    ],
)
def test_another_person_or_family_takes_the_place_of_the_last(
    text: str, last: dict[str, Any], wanted: dict[str, Any]
) -> None:
    assert asked(hear(text, last=Intent("list_alerts", last, ("1", "2")))) == ("list_alerts", wanted)


def test_what_changes_nothing_is_no_answer() -> None:
    found = hear("咕咕的呢", last=Intent("list_alerts", {"severity": "high"}, ("1", "2")))
    assert not found.intent


@pytest.mark.parametrize("text", ["说错 是2", "打错了，是 2 号", "2号呢"])
def test_another_number_of_the_same_machine(text: str) -> None:
    assert asked(hear(text, last=OF_NODE)) == ("list_alerts", {"asset": "k8s-node-2"})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("里面生产的有几台", {"environment": "生产"}),
        ("有支付的吗", {"asset": "pay*"}),
        ("web开头的有哪些", {"asset": "web*"}),
    ],
)
def test_of_the_assets_of_a_flaw_some_are_meant(text: str, wanted: dict[str, Any]) -> None:
    last = Intent("affected_assets", {"cve_id": "CVE-2026-99025"}, ("web-01", "pay-gateway-1"))
    assert asked(hear(text, last=last)) == ("affected_assets", {"cve_id": "CVE-2026-99025", **wanted})


@pytest.mark.parametrize(
    ("text", "tool", "family"),
    [
        ("pay-gateway那三台今天报了啥", "list_alerts", "pay-gateway*"),
        ("pay 那几台网关有哪些漏洞", "list_vulnerabilities", "pay-gateway*"),
        ("k8s三个节点哪个告警最多", "alert_statistics", "k8s-node*"),
        ("web开头的机器有哪些告警", "list_alerts", "web*"),
    ],
)
def test_a_word_that_several_names_begin_with_is_all_of_them(text: str, tool: str, family: str) -> None:
    found, said = asked(hear(text))
    assert (found, said["asset"]) == (tool, family)
    assert said.get("group_by", "asset") == "asset"


@pytest.mark.parametrize("text", ["web攻击多吗", "web-01 有哪些告警", "test 环境的告警"])
def test_a_word_within_another_is_no_family(text: str) -> None:
    found = hear(text)
    assert "*" not in str(found.intent.arguments if found.intent else "")


@pytest.mark.parametrize("text", ["隔离 k8s 那三台", "把k8s节点都隔离了", "静默 pay-gateway 那三台 2小时"])
def test_a_family_is_no_target(text: str) -> None:
    assert not hear(text).offers


@pytest.mark.parametrize(
    ("text", "scope", "minutes"),
    [
        ("web-01的CC告警静默4小时，在压测", "规则:WAF：CC 攻击 @ web-01", 240),
        ("k8s-node-3 写etc的告警静音一小时 开发在排障", "规则:容器内写入 /etc @ k8s-node-3", 60),
        ("jump-01 上 SSH 爆破先别报，到今晚8点", "规则:HIDS：SSH 暴力破解 @ jump-01", 570),
        ("web-01 的 CC 攻击别再响了，静音 2 小时吧", "规则:WAF：CC 攻击 @ web-01", 120),
    ],
)
def test_a_silence_of_a_rule_on_a_host_is_no_wider(text: str, scope: str, minutes: int) -> None:
    ((_, said),) = offered(hear(text))
    assert (said["scope"], said["minutes"]) == (scope, minutes)
    assert "CC" not in said.get("reason", "")


@pytest.mark.parametrize(
    ("text", "tool", "each"),
    [
        ("wiki-01那两条SQL注入 确认下", "acknowledge_alert", "2"),
        ("jump-01 爆破那三条误报 关掉", "close_alert", "3"),
        ("web-01的CC攻击没人管的都确认掉", "acknowledge_alert", "all"),
        ("把李四手上web-02的都转我这儿", "assign_alert", "all"),
    ],
)
def test_an_order_about_described_alerts_is_for_exactly_these(text: str, tool: str, each: str) -> None:
    found = hear(text)
    assert found.order
    assert found.intent
    assert (found.order.tool, found.intent.tool, found.each) == (tool, "list_alerts", each)


@pytest.mark.parametrize("text", ["web-01的CC攻击都关了吗", "jump-01那两条爆破谁在跟", "那两条关了几条"])
def test_a_question_about_described_alerts_orders_nothing(text: str) -> None:
    found = hear(text)
    assert not found.offers
    assert not found.each


@pytest.mark.parametrize(
    ("text", "tool", "said"),
    [
        ("A20 证书早换完了 关掉 误报", "close_alert", {"verdict": "false_positive"}),
        ("A31 不是本人操作，按真实攻击关了", "close_alert", {"verdict": "true_positive"}),
        ("A31 三天了没人接 算我的", "assign_alert", {"assignee": ASKER}),
        ("A20改派张三 李四今天请假", "assign_alert", {"assignee": "张三"}),
        ("刚关的A11关错了 撤回来", "reopen_alert", {}),
        ("A2补一句 等李四改密码", "comment_alert", {"note": "等李四改密码"}),
    ],
)
def test_a_reason_makes_no_report_of_an_order(text: str, tool: str, said: dict[str, Any]) -> None:
    ((found, arguments),) = offered(hear(text))
    assert found == tool
    assert arguments.items() >= said.items()


@pytest.mark.parametrize("text", ["A31 不是误报 关了", "A31 李四说关了", "没让你关A31", "A31 先留着别关"])
def test_what_is_denied_or_reported_offers_nothing(text: str) -> None:
    assert not hear(text).offers


@pytest.mark.parametrize(
    ("text", "order", "wanted"),
    [
        ("等下不对 应该是真实攻击", Intent("close_alert", {"alert_id": 66, "verdict": "false_positive"}), ("close_alert", {"alert_id": 66, "verdict": "true_positive"})),
        ("哎不 这个让李四弄", Intent("acknowledge_alert", {"alert_id": 66}), ("assign_alert", {"alert_id": 66, "assignee": "李四"})),
    ],
)  # fmt: skip
def test_a_correction_edits_the_open_order(
    text: str, order: Intent, wanted: tuple[str, dict[str, Any]]
) -> None:
    found = hear(text, Focus().after_words({"alert": ("66",)}, order))
    assert offered(found) == [wanted]
    assert found.drops


def test_a_name_and_a_place_that_disagree_change_nothing() -> None:
    orders = [Intent("close_alert", {"alert_id": number, "verdict": "benign"}) for number in (80, 79, 27, 4)]
    found = hear("A27先留着 只关前一条", Focus().after_words({}, *orders))
    assert not found.offers
    assert found.waits == tuple(orders[1:])


@pytest.mark.parametrize(
    ("text", "tool", "said"),
    [
        ("现在哪些东西被静默着", "list_blocks", {"kind": "silence"}),
        ("封203.0.113.5那个批了没", "list_proposals", {"target": "203.0.113.5"}),
        ("4小时内会超时的告警", "list_alerts", {"due_within": 4}),
        ("这个月修了多少漏洞", "list_vulnerabilities", {"mended": "this_month"}),
        ("王五管哪些机器 核心的就行", "list_assets", {"keyword": "王五", "importance": "critical"}),
        ("近24小时告警按来源分，wazuh suricata waf各多少", "alert_statistics", {"group_by": "source"}),
        ("db-01 爆破那个事件查到哪了", "list_cases", {"keyword": "db-01"}),
    ],
)
def test_a_named_filter_reaches_its_tool(text: str, tool: str, said: dict[str, Any]) -> None:
    found, arguments = asked(hear(text))
    assert found == tool
    assert arguments.items() >= said.items()


@pytest.mark.parametrize(
    "text",
    ["那 web-01 上周的告警呢", "再看看 web-01 上周的告警", "换一台，web-01 上周的告警", "web-01 上周的告警"],
)
def test_a_question_with_a_scope_of_its_own_keeps_nothing_of_the_last_one(text: str) -> None:
    last = Intent(
        "list_alerts",
        {
            "asset": "db-01",
            "status": "unclosed",
            "severity": "high",
            "since_hours": 43,
            "period": "this_week",
        },
    )
    tool, arguments = asked(hear(text, last=last))
    assert tool == "list_alerts"
    assert {name: arguments[name] for name in arguments if not name.endswith("_hours")} == {
        "asset": "web-01",
        "period": "last_week",
    }
    kept = asked(hear("web-01 呢", last=last))[1]
    assert (kept["asset"], kept["severity"], kept["period"]) == ("web-01", "high", "this_week")
