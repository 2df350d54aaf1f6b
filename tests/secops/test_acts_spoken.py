"""What the pages do, ordered in a sentence: offers with every part of it, and nothing for what is denied, asked, reported or supposed."""

import pytest

from secops_agent.llm.offline import Intent
from secops_agent.llm.understanding.focus import Focus
from tests.secops.offline_lexicon import ASKER, LEXICON, NOW, understand


def offered(said: str, focus: Focus | None = None) -> list[tuple[str, dict[str, object]]]:
    found = understand(said, LEXICON, NOW, asker=ASKER, focus=focus or Focus())
    assert found.intent is None or not found.offers or found.intent.tool.startswith(("get_", "list_"))
    return [(one.tool, dict(one.arguments)) for one in found.offers]


@pytest.mark.parametrize(
    ("said", "tool", "arguments"),
    [
        ("A56重开，早先关错了", "reopen_alert", {"alert_id": 56, "note": "早先关错了"}),
        ("A264重开 我看着不像误报", "reopen_alert", {"alert_id": 264, "note": "我看着不像误报"}),
        ("A143 reopen一下 结论给错了", "reopen_alert", {"alert_id": 143, "note": "结论给错了"}),
        ("A12的指派取消掉", "unassign_alert", {"alert_id": 12}),
        ("web-01那个静默撤了罢", "end_silence", {"scope": "资产:web-01"}),
        ("A223别静了", "end_silence", {"scope": "A223"}),
        ("A278记一笔：扫描时段外 让网络组查下来源", "comment_alert", {"alert_id": 278, "note": "扫描时段外 让网络组查下来源"}),
        ("A300 备注：203.0.113.9、203.0.113.5 运维说不是他们的", "comment_alert", {"alert_id": 300, "note": "203.0.113.9、203.0.113.5 运维说不是他们的"}),
        ("A300 备注：等他看日志，先不要关", "comment_alert", {"alert_id": 300, "note": "等他看日志，先不要关"}),
        ("给E2记一笔：备份恢复到60%了，预计5点完", "comment_case", {"case_id": 2, "note": "备份恢复到60%了，预计5点完"}),
        ("E1加个任务，查192.0.2.44登web-01的记录，王五做，明天中午12点前", "add_case_task",
         {"case_id": 1, "text": "查192.0.2.44登web-01的记录", "assignee": "王五", "due": "2026-11-25 12:00"}),
        ("E1加个task给王五：周三前核对db-01的binlog", "add_case_task",
         {"case_id": 1, "text": "核对db-01的binlog", "assignee": "王五", "due": "2026-11-25 18:00"}),
        ("E1 重置deploy密码那条任务 弄完了 勾上", "finish_case_task", {"case_id": 1, "task": "重置deploy密码那条任务 弄完了"}),
        ("E2改回处理中 又开始加密了", "set_case_status", {"case_id": 2, "status": "working", "note": "又开始加密了"}),
        ("E3重新打开", "reopen_case", {"case_id": 3}),
        ("E1转我来负责", "assign_case", {"case_id": 1, "assignee": ASKER}),
        ("E2结案 真实攻击，里头3条告警一块关", "close_case", {"case_id": 2, "verdict": "true_positive", "with_alerts": True}),
        ("建个事件：支付网关错误率飙高 高危 归我", "create_case", {"title": "支付网关错误率飙高", "severity": "high", "owner": ASKER}),
        ("建个新case web-01挖矿 A30 A181 塞进去", "create_case", {"alerts": "30,181", "title": "web-01挖矿"}),
        ("明早6点提醒我交班", "create_schedule", {"task": "提醒：交班", "at": "2026-11-25 06:00"}),
        ("2小时后提醒我看A12", "create_schedule", {"task": "提醒：看A12", "at": "2026-11-24 12:30"}),
        ("web-01今晚割接，12点到4点别报了", "silence_alerts",
         {"scope": "资产:web-01", "minutes": 240, "start": "2026-11-25 00:00", "reason": "割接"}),
        ("A156转王五 备注一下 让他先把网线拔了", "assign_alert", {"alert_id": 156, "assignee": "王五", "note": "让他先把网线拔了"}),
        ("A140给俺 李四占太久了 再备注句 已重启过网关", "assign_alert", {"alert_id": 140, "assignee": ASKER, "note": "已重启过网关"}),
        ("A299给李四吧 哦不对 给王五", "assign_alert", {"alert_id": 299, "assignee": "王五"}),
        ("封禁 203.0.113.5 等王五批就行", "block_ip", {"ip": "203.0.113.5"}),
        ("A12 误报 不对 真实攻击 关了", "close_alert", {"alert_id": 12, "verdict": "true_positive"}),
        ("A207close吧，是我们自己的扫描器，误报", "close_alert",
         {"alert_id": 207, "verdict": "false_positive", "note": "我们自己的扫描器"}),
        ("A282确认下 我看着呢", "acknowledge_alert", {"alert_id": 282}),
        ("A38 改派给王五，赵六今天休息", "assign_alert", {"alert_id": 38, "assignee": "王五"}),
        ("A290评论一句 跟研发确认过是发版引起的", "comment_alert", {"alert_id": 290, "note": "跟研发确认过是发版引起的"}),
        ("盯下web-01", "watch", {"target": "web-01"}),
        ("db-02 再有外传的告警马上叫我", "watch", {"target": "db-02", "rule": "外传"}),
    ],
)  # fmt: skip
def test_an_act_of_a_page_is_one_offer_with_all_that_was_said(
    said: str, tool: str, arguments: dict[str, object]
) -> None:
    assert offered(said) == [(tool, arguments)]


@pytest.mark.parametrize(
    "said",
    [
        "A56别重开", "A56要不要重开", "A56重开了吗", "李四说A56重开", "昨天A56重开过", "要是A56重开会怎样", "A56重开之前问我", "谁重开了A56",
        "别取消web-01的静默", "web-01的静默取消了吗", "李四把web-01的静默取消了", "如果备份完了就取消web-01的静默",
        "A300备注了吗", "A300的备注是什么", "谁给A300写的备注", "A300备注里写的啥", "李四说给A300备注一下", "别给A300加备注",
        "E1的任务勾了吗", "E1的任务先别勾", "李四说E1那个任务勾上了", "要是E1任务勾上会怎样", "E1加个任务行吗？", "E1要不要加个任务，查日志",
        "E1别加任务", "E2为什么改成处理中了", "E2先别改成已控制", "李四把E2改成已控制了", "E3要不要重新打开", "要不要建个事件：网关飙高",
        "昨天建个事件叫网关飙高的是谁", "别建事件：网关错误率飙高", "别提醒我交班", "明早6点提醒我了吗", "李四让我明早6点提醒他", "取消A12的指派了吗",
        "先撤了，A12关掉误报", "算了 A12别管了", "[转发] A56重开", "“A300 备注：误报”", "同事：E1加个任务，查日志",
    ],
)  # fmt: skip
def test_what_is_denied_asked_reported_or_supposed_offers_none_of_them(said: str) -> None:
    assert offered(said) == []
    found = understand(said, LEXICON, NOW, asker=ASKER)
    assert found.intent is None or found.intent.tool.startswith(
        ("get_", "list_", "alert_", "search_", "who_")
    )


def test_to_open_again_never_comes_to_confirming() -> None:
    for said in ("A264重开 我看着不像误报", "重开A264", "A264 重新打开下，误报给错了", "A264重开？"):
        found = understand(said, LEXICON, NOW, asker=ASKER)
        lines = [str(tap) for tap in found.suggestions] + [one.tool for one in found.offers]
        assert not [one for one in lines if one.startswith(("确认", "acknowledge"))], said


def test_what_a_note_does_not_take_is_an_order_of_its_own() -> None:
    found = understand("A300 备注：已通知，然后A301关掉 误报", LEXICON, NOW, asker=ASKER)
    assert [(one.tool, dict(one.arguments)) for one in found.offers] == [
        ("comment_alert", {"alert_id": 300, "note": "已通知"}),
        ("close_alert", {"alert_id": 301, "verdict": "false_positive"}),
    ]


@pytest.mark.parametrize(
    ("said", "tools"),
    [
        ("A301先确认 再派给李四 备注写等他看日志", ["acknowledge_alert", "assign_alert"]),
        ("A13 A210转李四，备注写一句 先留样本再删", ["assign_alert", "assign_alert"]),
        ("A278和A1一个攻击者 都给我，A1再静音1小时", ["assign_alert", "assign_alert", "silence_alerts"]),
    ],
)
def test_several_acts_of_a_sentence_are_one_offer(said: str, tools: list[str]) -> None:
    assert [tool for tool, _ in offered(said)] == tools


@pytest.mark.parametrize("tool", ["reopen_alert", "assign_alert", "block_ip", "close_case", "silence_alerts"])
def test_taken_back_beside_a_reason_any_offer_goes(tool: str) -> None:
    objects = {
        "block_ip": {"ip": "203.0.113.5"},
        "close_case": {"case_id": 1, "verdict": "benign"},
        "silence_alerts": {"scope": "A12"},
    }
    waiting = Focus().after_words({}, Intent(tool, objects.get(tool, {"alert_id": 12, "assignee": "李四"})))
    assert understand("先撤了 活动还在跑", LEXICON, NOW, asker=ASKER, focus=waiting).drops


@pytest.mark.parametrize(
    ("said", "tool", "arguments"),
    [
        ("没关的严重+高危 导个表给我", "export_alerts", {"severity": "critical,high", "status": "unclosed"}),
        ("E2报告出一份发我", "export_case", {"case_id": 2}),
    ],
)
def test_a_list_and_a_case_are_taken_away_as_a_file(
    said: str, tool: str, arguments: dict[str, object]
) -> None:
    found = understand(said, LEXICON, NOW, asker=ASKER)
    assert found.intent == Intent(tool, arguments)


@pytest.mark.parametrize(
    "said",
    ["怎么导出告警", "别导出", "E2报告出了吗", "李四说E2报告出一份", "昨天导出的告警", "导出web-01的漏洞"],
)
def test_what_asks_or_denies_takes_nothing_away(said: str) -> None:
    found = understand(said, LEXICON, NOW, asker=ASKER)
    assert found.intent is None or not found.intent.tool.startswith("export")


def test_what_may_be_closed_gets_the_lines_with_its_reason() -> None:
    found = understand("A287可以关了 密码已经重置了", LEXICON, NOW, asker=ASKER)
    assert not found.offers
    assert str(found.suggestions[0]) == "误报 A287 备注：密码已经重置了"


def test_a_watch_picks_the_level_that_was_said() -> None:
    found = understand("盯着web-01，有新的严重告警马上告诉我", asker=ASKER)
    assert [one.arguments for one in found.offers] == [{"target": "web-01", "severity": "critical"}]


def test_a_report_for_somebody_without_a_name_is_asked_back() -> None:
    found = understand("把上周的周报发给老板", asker=ASKER)
    assert found.intent is None
    assert "「老板」" in found.question


def test_who_closed_is_counted() -> None:
    found = understand("昨天谁关的告警", asker=ASKER).intent
    assert found is not None
    assert (found.tool, found.arguments["group_by"], found.arguments["time_of"]) == (
        "alert_statistics",
        "closer",
        "closed",
    )


def test_a_whole_question_of_another_tool_is_no_part_of_the_last_one() -> None:
    last = Intent("list_blocks", {"kind": "block_ip"}, items=("203.0.113.77",))
    found = understand("有什么待审批的", asker=ASKER, focus=Focus(last=last))
    assert found.intent is not None
    assert found.intent.tool == "list_proposals"


def test_it_is_never_the_person_who_was_named_before() -> None:
    said = "最严重的告警是哪一条，为什么它最要紧"
    for last in (None, Intent("list_alerts", {"keyword": "李四"})):
        found = understand(said, asker=ASKER, focus=Focus(last=last, named={"person": ("李四",)})).intent
        assert found is None or "keyword" not in found.arguments


@pytest.mark.parametrize(
    ("said", "period"),
    [
        ("上周告警比前一周多吗", "last_week"),
        ("昨天比前一天多吗", "yesterday"),
        ("上周告警比上上周多吗", "last_week"),
    ],
)
def test_the_week_before_is_that_of_the_calendar(said: str, period: str) -> None:
    found = understand(said, asker=ASKER).intent
    assert found is not None
    assert (found.tool, found.arguments["period"]) == ("compare_periods", period)


@pytest.mark.parametrize("said", ["全部停下", "恢复动作", "全部恢复"])
def test_the_switches_are_said_to_be_on_a_page(said: str) -> None:
    found = understand(said, asker=ASKER)
    assert found.intent is None
    assert "系统开关" in found.hint


@pytest.mark.parametrize(
    ("said", "tool", "object_"),
    [
        ("web-01 我看是真被种马了隔了吧先别管活动页了", "isolate_host", "web-01"),
        ("db-02 中毒了 隔离吧 别管财务那边了", "isolate_host", "db-02"),
        ("A288 先静音两个小时吧他们在迁机房别一直响", "silence_alerts", "A288"),
        ("A175静默一天吧别天天弹我", "silence_alerts", "A175"),
        ("203.0.113.5 封了吧先不管业务那边", "block_ip", "203.0.113.5"),
        ("A299误报 关了吧别等王五那边了", "close_alert", 299),
    ],
)
def test_what_is_not_to_be_minded_takes_no_order_back(said: str, tool: str, object_: object) -> None:
    assert [(one, next(iter(given.values()))) for one, given in offered(said)] == [(tool, object_)]
    assert not [word for word in ("别管", "不管", "别等") if word in str(offered(said))]


@pytest.mark.parametrize(
    "said",
    [
        "web-01 隔了吧算了先别",
        "web-01隔了吧先别",
        "A12关了吧还是先不关",
        "web-01 隔了吧别隔",
        "先别管web-01了",
    ],
)
def test_what_is_taken_back_behind_the_order_is_still(said: str) -> None:
    assert offered(said) == []


@pytest.mark.parametrize(
    ("said", "actions", "left"),
    [
        ("A291封源ip然后转给王五 再把网站那条也关了", [("assign_alert", 291)], ["A291封源ip", "网站那条"]),
        ("A12确认 再把web那条也关了", [("acknowledge_alert", 12)], ["web那条"]),
        ("A291转给王五 另外把支付那条关掉 误报", [("assign_alert", 291)], ["支付那条"]),
        ("A282给李四 支付那条也给他", [("assign_alert", 282)], ["支付那条"]),
    ],
)
def test_what_an_order_describes_is_not_what_another_names(
    said: str, actions: list[tuple[str, int]], left: list[str]
) -> None:
    found = understand(said, LEXICON, NOW, asker=ASKER)
    assert [(one.tool, one.arguments["alert_id"]) for one in found.offers] == actions
    assert all(one in "".join(found.unused) for one in left)


@pytest.mark.parametrize(
    ("said", "note"),
    [
        ("给E1记一笔哈 就说 deploy 密码已经重置 等他们回执", "deploy 密码已经重置 等他们回执"),
        ("A288备注一下啊 就写机房在迁移 明天好", "机房在迁移 明天好"),
        ("E2记一下哈：勒索信已经取样", "勒索信已经取样"),
        ("a23 note 一下: dba回了 从库binlog导出 还在查", "dba回了 从库binlog导出 还在查"),
        ("a297 comment: 文件已经取证", "文件已经取证"),
        ("A30补一句哈 节点已经下线", "节点已经下线"),
        ("E1备注 嗯 就写 已经报给领导", "已经报给领导"),
    ],
)
def test_what_leads_to_a_note_is_none_of_it(said: str, note: str) -> None:
    assert [given["note"] for _, given in offered(said)] == [note]


@pytest.mark.parametrize(
    ("said", "text", "assignee", "due"),
    [
        ("E1加个任务 明天上午12点前让李四查cdn-update.example.net", "查cdn-update.example.net", "李四", "2026-11-25 12:00"),
        ("e1 加个task 核对db-01登录记录 李四 明天中午前", "核对db-01登录记录", "李四", "2026-11-25 12:00"),
        ("E2加个任务 王五周五前把web-01的备份验一遍", "把web-01的备份验一遍", "王五", "2026-11-27 18:00"),
        ("给E1加一条任务：重置deploy密钥，我来，今天下班前", "重置deploy密钥", ASKER, "2026-11-24 18:00"),
        ("E1加任务 查 binlog 让王五做 后天下午3点前", "查 binlog", "王五", "2026-11-26 15:00"),
        ("E1 加个待办 周四前 李四 核对防火墙策略", "核对防火墙策略", "李四", "2026-11-26 18:00"),
    ],
)  # fmt: skip
def test_who_does_a_task_and_until_when_is_read_wherever_it_stands(
    said: str, text: str, assignee: str, due: str
) -> None:
    task = {"text": text, "assignee": assignee, "due": due}
    assert [{name: given[name] for name in task} for _, given in offered(said)] == [task]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("隔离 web-01 webshell", "webshell"),
        ("isolate web-02 webshell", "webshell"),
        ("隔离 db-01 暴力破解", "暴力破解"),
    ],
)
def test_an_attack_behind_an_exact_line_is_why(said: str, reason: str) -> None:
    assert [(tool, given["reason"]) for tool, given in offered(said)] == [("isolate_host", reason)]


@pytest.mark.parametrize(
    "said",
    ["隔离 web-01 webshell 昨天办过了", "隔离 web-01 webshell 了吗", "隔离 web-01 webshell 那次谁批的"],
)
def test_more_behind_an_exact_line_is_no_order_for_that(said: str) -> None:
    assert offered(said) == []


def test_what_is_not_taken_beside_alerts_that_are_listed_is_told() -> None:
    found = understand("web-01 那两条webshell都ack了 顺手ip都提block", LEXICON, NOW, asker=ASKER)
    assert found.order is not None
    assert found.order.tool == "acknowledge_alert"
    assert "没有列入：「顺手ip都提block」" in found.hint
