"""Somebody is told something, now, later or again and again, in the words of who asks: who, what and when; and what tells nobody anything."""

from typing import Any

import pytest

from secops_agent.llm.offline import Intent
from secops_agent.llm.understanding.focus import Focus
from tests.secops.offline_lexicon import ASKER, LEXICON, NOW, understand


def offered(said: str, focus: Focus | None = None) -> list[tuple[str, dict[str, Any]]]:
    found = understand(said, LEXICON, NOW, asker=ASKER, focus=focus or Focus())
    return [(one.tool, dict(one.arguments)) for one in found.offers]


@pytest.mark.parametrize(
    ("said", "to", "text"),
    [
        ("跟李四说A297他看一眼", "李四", "A297他看一眼"),
        ("群里说一声 web-01还没放出来 都别碰", "群", "web-01还没放出来 都别碰"),
        ("值班的在不在，让他回我个电话", "值班", "回我个电话"),
        ("跟王五讲一哈db-02那个外传他莫动，等李四", "王五", "db-02那个外传他莫动，等李四"),
        ("张三李四都说一下，支付的告警今天先别关", "张三,李四", "支付的告警今天先别关"),
        ("发给李四：203.0.113.77 到期了要不要续，你定", "李四", "203.0.113.77 到期了要不要续，你定"),
        ("跟值班说把203.0.113.77解了", "值班", "把203.0.113.77解了"),
        ("问下张三pay-gateway-3今天是不是有发版", "张三", "pay-gateway-3今天是不是有发版"),
        ("跟db-02的负责人说声 库在往外传", "db-02的负责人", "库在往外传"),
        ("王五 李四 谁值班就叮谁 jump-01 A300 又来了", "值班", "jump-01 A300 又来了"),
        ("王五咋没人应啊，换李四，喊他看A276", "李四", "看A276"),
        ("私聊张三就行别发群：我明天下午请假，有事找李四", "张三", "我明天下午请假，有事找李四"),
        ("把A222转给值班的看下，就说我这边走不开", "值班", "A222，我这边走不开"),
        ("@李四 E1那几个没做完的任务今天能不能搞完，帮我问他", "李四", "E1那几个没做完的任务今天能不能搞完"),
        ("叮一下值班的", "值班", "请尽快联系我"),
    ],
)
def test_a_message_is_in_the_writers_own_words(said: str, to: str, text: str) -> None:
    assert offered(said) == [("send_message", {"to": to, "text": text})]


@pytest.mark.parametrize(
    ("said", "arguments"),
    [
        ("今天的日报发张三一份", {"to": "张三", "report": "today"}),
        ("上周周报拉出来发群里", {"to": "群", "report": "last_week"}),
        ("周报 李四 张三 各一份", {"to": "李四,张三", "report": "this_week"}),
        ("上个月的月报给张三，领导要", {"to": "张三", "report": "last_month"}),
        ("9月月报给张三", {"to": "张三", "date": "2026-09"}),
        ("11.20那天的日报给王五", {"to": "王五", "date": "2026-11-20"}),
        ("上上周的周报补发给李四", {"to": "李四", "date": "2026-W46"}),
        ("E2报告发王五跟李四，pdf的", {"to": "王五,李四", "case": "2", "file": "pdf"}),
        ("E1事件报告给李四，让他核一下", {"to": "李四", "case": "1", "text": "核一下"}),
        (
            "把周报甩群里，顺便说一句WAF三天没数据",
            {"to": "群", "report": "this_week", "text": "WAF三天没数据"},
        ),
    ],
)
def test_a_report_goes_to_whom_it_is_for(said: str, arguments: dict[str, str]) -> None:
    assert offered(said) == [("send_message", arguments)]


@pytest.mark.parametrize(
    ("said", "arguments"),
    [
        ("每周一早上8点半周报给张三", {"task": "周报", "cron": "30 8 * * 1", "to": "张三"}),
        ("每月1号早上发月报给我和张三", {"task": "月报", "cron": "0 9 1 * *", "to": "我,张三"}),
        ("10分钟后叮李四看jump-01", {"task": "提醒：看jump-01", "at": "2026-11-24 10:40", "to": "李四"}),
        ("今晚十一点提醒值班的查一下备份", {"task": "提醒：查一下备份", "at": "2026-11-24 23:00", "to": "值班"}),
        ("提醒我下周一接班前跟李四交接", {"task": "提醒：跟李四交接", "at": "2026-11-30 08:30"}),
        ("12月7号早上九点给李四发一句 该你接班了，先看E1", {"task": "提醒：该你接班了，先看E1", "at": "2026-12-07 09:00", "to": "李四"}),
        ("以后每天七点提醒值班的交接班写小结", {"task": "提醒：交接班写小结", "cron": "0 7 * * *", "to": "值班"}),
        ("下午三点帮我问一次还有几条严重没人管的", {"task": "还有几条严重没人管的", "at": "2026-11-24 15:00"}),
        ("三点叫我", {"task": "提醒：时间到了", "at": "2026-11-24 15:00"}),
        ("昨天下午三点提醒我看A19", {"task": "提醒：看A19", "at": "2026-11-23 15:00"}),
    ],
)  # fmt: skip
def test_what_is_told_later_names_when_and_whom(said: str, arguments: dict[str, str]) -> None:
    assert offered(said) == [("create_schedule", arguments)]


@pytest.mark.parametrize(
    ("said", "tool", "arguments"),
    [
        ("日报那个改成八点半", "change_schedule", {"what": "日报", "clock": "08:30"}),
        ("日报定时停了", "delete_schedule", {"what": "日报"}),
        ("周报别再自动发了，张三说看烦了", "delete_schedule", {"what": "周报"}),
        ("明早那个db-01的提醒不要了", "delete_schedule", {"what": "提醒 db-01"}),
        ("web-01不用盯了", "delete_schedule", {"watched": "web-01"}),
        ("都别盯了，睡觉", "delete_schedule", {"watched": "全部"}),
        ("严重的你都帮我盯到，来一条喊一条", "watch", {"severity": "critical"}),
        ("pay-gateway-3 高危以上的盯着，低的莫吵我", "watch", {"target": "pay-gateway-3", "severity": "critical,high"}),
        ("帮值班的也盯上web-01，有新的叫他", "watch", {"target": "web-01", "to": "值班"}),
        ("webshell再出来马上叫我", "watch", {"rule": "webshell"}),
    ],
)  # fmt: skip
def test_what_is_set_is_changed_and_ended_by_what_it_does(
    said: str, tool: str, arguments: dict[str, Any]
) -> None:
    assert offered(said) == [(tool, arguments)]


@pytest.mark.parametrize(
    ("order", "said", "arguments"),
    [
        (Intent("create_schedule", {"task": "日报", "cron": "0 7 * * *", "to": "群"}), "改成七点半", {"task": "日报", "cron": "30 7 * * *", "to": "群"}),
        (Intent("create_schedule", {"task": "日报", "cron": "0 7 * * *", "to": "群"}), "也给张三一份", {"task": "日报", "cron": "0 7 * * *", "to": "群,张三"}),
        (Intent("send_message", {"to": "王五"}), "说web-01被扫了让他瞄一眼", {"to": "王五", "text": "web-01被扫了请你瞄一眼"}),
    ],
)  # fmt: skip
def test_a_few_words_change_what_was_offered(order: Intent, said: str, arguments: dict[str, Any]) -> None:
    assert offered(said, Focus(order=order)) == [(order.tool, arguments)]


def test_a_report_that_was_shown_goes_on_to_others() -> None:
    found = understand("行，给张三也发", asker=ASKER, last=Intent("export_case", {"case_id": 2}))
    assert [(one.tool, one.arguments) for one in found.offers] == [
        ("send_message", {"to": "张三", "case": "2"})
    ]


@pytest.mark.parametrize(
    "said",
    [
        "我跟李四说过了", "算了不喊王五了，他刚下夜班", "刚才给王五发的他看了没", "现在喊值班的是喊哪个", "王五这个苕，喊都喊不醒", "通知李四了吗",
        "日报我看了，还行", "昨天日报发出去没有", "周报都是发给哪些人的", "E2的报告怎么还没出", "不用每天提醒我也记得住", "李四在盯jump-01呢",
        "明天8点帮我把web-01解除隔离", "告诉李四了", "别跟李四说", "明早6点提醒我了吗", "这周末两天别发日报",
    ],
)  # fmt: skip
def test_what_tells_nobody_anything_offers_nothing(said: str) -> None:
    assert offered(said) == []


def test_what_is_reminded_of_once_is_done_once_and_before_one_leaves_is_in_the_evening() -> None:
    (once,) = understand("明晚12点前提醒我203.0.113.77的封禁要到期", LEXICON, NOW, asker=ASKER).offers
    assert "at" in once.arguments
    assert "cron" not in once.arguments
    (weekly,) = understand("以后每周五下班前 5点半 周报给李四", LEXICON, NOW, asker=ASKER).offers
    assert weekly.arguments["cron"] == "30 17 * * 5"


@pytest.mark.parametrize(
    ("said", "others", "to", "text"),
    [
        ("把 A291 给李四 顺便跟他说一声今天下班前要有结论", [("assign_alert", 291)], "李四", "今天下班前要有结论"),
        ("A300 转给李四 然后告诉他先看jump-01的日志", [("assign_alert", 300)], "李四", "先看jump-01的日志"),
        ("A299误报关了 顺便跟王五说一声那个是我扫的", [("close_alert", 299)], "王五", "那个是我扫的"),
        ("麻烦跟王五讲一下就说晚上db-02盯紧点啊对了再帮我把A234先挂到他那里", [("assign_alert", 234)], "王五", "晚上db-02盯紧点"),
        ("通知王五两点开会 另外A299误报关了", [("close_alert", 299)], "王五", "两点开会"),
        ("告诉李四 web-01 今晚别动 对了A297也转给他", [("assign_alert", 297)], "李四", "web-01 今晚别动"),
    ],
)  # fmt: skip
def test_what_is_ordered_beside_a_message_is_in_the_same_offer(
    said: str, others: list[tuple[str, int]], to: str, text: str
) -> None:
    found = offered(said)
    assert [(tool, said["alert_id"]) for tool, said in found if tool != "send_message"] == others
    assert ("send_message", {"to": to, "text": text}) in found
    assert {said["assignee"] for _, said in found if "assignee" in said} <= {to}


@pytest.mark.parametrize(
    "text",
    [
        "把A234处理了", "A288误报，关了吧", "A12我关了，A13给李四了", "再把A12看一遍", "把203.0.113.5封了", "A12误报 A13也误报 都关了",
        "先看日志再把A12给李四", "下班前给我个结论",
    ],
)  # fmt: skip
def test_what_may_be_meant_for_the_receiver_stays_in_the_message(text: str) -> None:
    assert offered(f"跟王五说{text}") == [("send_message", {"to": "王五", "text": text})]


def test_a_message_without_words_beside_an_order_is_told() -> None:
    found = understand("A288误报关了 顺便跟王五说一声", LEXICON, NOW, asker=ASKER)
    assert [one.arguments for one in found.offers] == [{"alert_id": 288, "verdict": "false_positive"}]
    assert "没有写要说什么" in "".join(found.unused)


@pytest.mark.parametrize(
    ("said", "task", "at"),
    [
        ("下午4点前提醒我交E1首报", "提醒：16:00 前交E1首报", "2026-11-24 15:30"),
        ("提醒我明天10点前把周报发了", "提醒：10:00 前把周报发了", "2026-11-25 09:30"),
        ("明早9点之前叫我看下db-02", "提醒：09:00 前看下db-02", "2026-11-25 08:30"),
        ("11点前提醒我看A300", "提醒：11:00 前看A300", "2026-11-24 10:45"),
        ("周五下班前提醒我关A175", "提醒：关A175", "2026-11-27 17:30"),
        ("下午4点提醒我交E1首报", "提醒：交E1首报", "2026-11-24 16:00"),
    ],
)
def test_before_a_deadline_one_is_reminded_earlier_and_of_the_deadline(said: str, task: str, at: str) -> None:
    assert offered(said) == [("create_schedule", {"task": task, "at": at})]


@pytest.mark.parametrize(
    ("said", "task", "to"),
    [
        ("每天早上九点给我发个日报 工作日就行 发单聊", "日报", "我"),
        ("每天9点给我发一份日报，周末不用", "日报", ""),
        ("每天早上九点发日报给我 工作日就够了", "日报", ""),
        ("每天早上九点日报发我单聊里 双休日不用", "日报", "我"),
        ("每天早上九点没关的严重告警发我 周一到周五", "没关的严重告警", ""),
    ],
)
def test_what_recurs_on_workdays_and_privately_says_so_in_any_place(said: str, task: str, to: str) -> None:
    more = {"to": to} if to else {}
    assert offered(said) == [("create_schedule", {"task": task, "cron": "0 9 * * 1-5", **more})]


@pytest.mark.parametrize("verb", ["钉一下", "钉", "丁一下", "微信一下", "钉下"])
def test_a_message_is_sent_in_the_words_of_chats(verb: str) -> None:
    assert offered(f"{verb}王五 说A300又来了") == [("send_message", {"to": "王五", "text": "A300又来了"})]
    assert offered("王五钉我说A300又来了") == []
