"""Whole turns with a scripted model on the demo estate: which tools, in which order, to what effect, what is said."""

import asyncio
import json
import re

import pytest

from bifang.core.errors import RemoteError
from secops_agent.agent.conversation.recall import NOTHING, Recall
from secops_agent.agent.turn.grounding import MARK, NOT_LOOKED
from secops_agent.agent.turn.toolbox import execute
from secops_agent.llm.offline import Intent
from secops_agent.llm.understanding.focus import Focus
from secops_agent.models import Alert, ConversationMessage, History
from secops_agent.services.actors import Actor
from tests.scripted_model import Scripted, call
from tests.secops.demo_aid import Proposals, Sink, agent, demo, person, talk

__all__ = ["demo"]


def tools_of(outcome):
    return [(run.call.name, run.result.status) for run in outcome.tool_runs]


def evidence(request):
    """The tool messages that the model was shown, unpacked."""
    texts = [message.content for message in request.messages if message.role == "tool"]
    return [re.sub(r"^<证据 \w+>\n|\n</证据 \w+>$", "", text) for text in texts]


def last_listed(request):
    """A model that reads: the first alert number of the evidence."""
    return int(re.search(r"\*\*A(\d+)\*\*", evidence(request)[-1]).group(1))


def test_question_is_answered_from_one_tool(demo):
    model = Scripted([call("list_alerts", severity="high", status="open"), "有若干条高危告警未处理。"])
    outcome = talk("有哪些高危告警没处理", model, grammar_first=False)
    assert tools_of(outcome) == [("list_alerts", "ok")]
    words, _, table = outcome.text.partition("\n\n")
    assert words == "有若干条高危告警未处理。"
    shown = evidence(model.requests[1])[0]
    assert table == shown, "the model comments, code shows"
    assert "查询条件：级别=高危，状态=未处理" in shown
    assert f"共 {Alert.objects.filter(severity='high', status='open').count()} 条" in shown


def test_what_code_looked_up_gives_way_to_what_the_model_did(demo):
    model = Scripted([call("list_alerts", severity="high", asset="web-01"), "web-01 上的见下。"])
    outcome = talk("高危告警有哪些，客户端的那些", model)
    assert "没有用到" not in outcome.text
    assert outcome.text.count("查询条件：") == 1


def test_a_reader_is_shown_the_core_and_what_is_needed(demo):
    model = Scripted(["好。"])
    talk("log4j 那个洞我们修了没", model)
    request = model.requests[0]
    shown = {tool.name for tool in request.tools}
    assert {"list_alerts", "get_alert", "list_vulnerabilities"} <= shown
    assert "security_report" not in shown
    assert (
        "security_report" in request.messages[-1].content or "security_report" in request.messages[1].content
    )
    assert estimated(request) <= 3000, estimated(request)


def estimated(request):
    """Tokens, as a tokenizer of these models makes them: 0.7 a Chinese character, 5 letters, each digit and run of marks."""
    told = [
        {
            "type": "function",
            "function": {"name": one.name, "description": one.description, "parameters": one.parameters},
        }
        for one in request.tools
    ]
    text = json.dumps(told, ensure_ascii=False) + "".join(message.content for message in request.messages)
    wide = len(re.findall("[\u3000-\u9fff\uff00-\uffef]", text))
    rest = re.findall(r"[A-Za-z]+|\d|[^\sA-Za-z\d\u3000-\u9fff\uff00-\uffef]+", text)
    return wide * 0.7 + sum(max(1.0, len(one) / 5) if one[0].isalpha() else 1 for one in rest)


def test_clear_question_is_looked_up_before_the_model_is_asked(demo):
    model = Scripted(["有若干条。"])
    outcome = talk("有哪些高危告警没处理", model)
    assert tools_of(outcome) == [("list_alerts", "ok")]
    assert [one.role for one in model.requests[0].messages] == ["system", "user", "assistant", "tool"]
    assert outcome.text.startswith("有若干条。\n\n**")


@pytest.mark.parametrize("answer", ["今天有 37 条告警。", "web-77 的负责人是张三。", "告警 99999 是误报。"])
def test_answer_about_data_without_a_query_is_asked_for_one_then_told_to_be_none(demo, answer):
    model = Scripted([answer, answer])
    outcome = talk("帮我分析一下现在的形势", model)
    assert len(model.requests) == 2
    assert "直接调用合适的工具" in model.requests[1].messages[-1].content
    assert not outcome.used_fallback, "an answer is never thrown away"
    assert outcome.text.replace(MARK, "") == f"{answer}\n\n{NOT_LOOKED}"
    assert MARK in outcome.text


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "好的，我先调用 list_alerts 查一下。",
        "好的，请直接调用合适的工具，不要预告。",
        "抱歉，我无法提供关于告警、资产、漏洞和处置的信息。",
        "### 结论\n目前没有查到任何告警和资产信息。\n\n### 建议\n1. 可以查看最近的告警，并请负责人逐台核对资产。",
    ],
)
def test_a_model_that_says_nothing_or_only_announces_is_asked_again_then_replaced(demo, answer):
    model = Scripted([answer, answer])
    outcome = talk("帮我分析一下现在的形势", model)
    assert len(model.requests) == 2
    assert outcome.used_fallback
    assert not answer or answer not in outcome.text


def test_a_written_call_of_a_tool_that_there_is_not_is_answered_and_never_shown(demo):
    written = '先查询：\n```json\n{"name": "read_alerts", "arguments": {"severity": "all"}}\n```'
    model = Scripted([written, call("list_alerts", severity="critical"), "有若干条。"])
    outcome = talk("帮我分析一下现在的形势", model, grammar_first=False)
    assert "没有名为「read_alerts」的工具" in model.requests[1].messages[-1].content
    assert outcome.text.startswith("有若干条。")
    assert "read_alerts" not in outcome.text


def test_a_model_is_told_what_no_source_of_ours_tells(demo):
    model = Scripted(["毕方不知道电话；安全值班的下一位是李四。"])
    talk("王五电话多少 打不通还能找谁", model)
    assert "毕方没有这样的数据：人员的电话" in model.requests[0].messages[-1].content


def test_what_is_said_to_a_model_is_never_shown(demo):
    model = Scripted(
        [
            call("list_alerts", severity="critical"),
            "按这些条件查过了，没有：正是问的，这就是答案，不是就换条件再查，不要编造。有严重告警没处理。只依据工具结果和提问中给出的信息回答，绝不编造 IP、域名、哈希、漏洞编号、数字、人名。",
        ]
    )
    outcome = talk("前几天那些要紧的事怎么样了", model, grammar_first=False)
    assert outcome.text.startswith("有严重告警没处理。\n\n**")


def test_general_knowledge_needs_no_query(demo):
    model = Scripted(["横向移动是攻击者进入内网后，从一台机器去往其他机器的手法。"])
    outcome = talk("什么是横向移动", model)
    assert outcome.text == "横向移动是攻击者进入内网后，从一台机器去往其他机器的手法。"


@pytest.mark.parametrize(
    "written",
    [
        '```json\n{"name": "list_alerts", "arguments": {"severity": "critical"}}\n```',
        '<tool_call>\n{"name": "list_alerts", "arguments": "{\\"severity\\": \\"critical\\"}"}\n</tool_call>',
        '[{"type": "function", "function": {"name": "list_alerts", "parameters": {"severity": "critical"}}}]',
    ],
)
def test_call_written_as_text_is_a_call(demo, written):
    outcome = talk("帮我分析一下现在的形势", Scripted([written, "看过了。"]))
    assert tools_of(outcome) == [("list_alerts", "ok")]
    assert outcome.tool_runs[0].arguments["severity"] == "critical"
    assert outcome.text.startswith("看过了。")


@pytest.mark.parametrize("claim", ["好的，我会关闭告警 1。", "已为您封禁 203.0.113.5。"])
def test_action_that_was_never_done_is_corrected_beneath(demo, claim):
    outcome = talk("帮我分析一下现在的形势", Scripted([call("alert_statistics"), f"形势平稳。{claim}"]))
    assert outcome.text.startswith("形势平稳。")
    assert "\n\n（没有执行任何操作。）\n\n" in outcome.text


@pytest.mark.parametrize("words", ["一切正常，没有告警。", "没有查到"])
def test_a_few_words_that_belie_the_result_beneath_are_left_out(demo, words):
    outcome = talk("高危告警", Scripted([words]))
    assert words not in outcome.text
    assert outcome.text.startswith("**")


@pytest.mark.parametrize(
    "copied",
    [
        "封禁 192.0.2.44 2 小时、隔离 web-03、确认告警 A297、静默规则 web-01 2 小时。",
        "封禁 203.0.113.5 2小时\n隔离 web-01",
        "高危告警\n\n（没有列出、也可以按名字调用的工具：export_alerts(severity,status)、get_case(case_id)）",
        lambda request: "\n\n".join([shown_in(request)] * 3),
    ],
)
def test_words_that_are_only_orders_nobody_gave_or_what_stands_beneath_are_left_out(demo, copied):
    outcome = talk("高危告警", Scripted([copied]))
    assert outcome.text.startswith("**告警：共")
    assert outcome.text.count("**告警：共") == 1
    assert "封禁 " not in outcome.text


def shown_in(request):
    """The result that a model was given."""
    result = next(each.content for each in reversed(request.messages) if "告警：共" in each.content)
    return result[result.index("**告警：共") :].split("\n\n")[0]


def test_endlessly_wrong_calls_end_in_the_offline_mode(demo):
    model = Scripted(lambda request: call("no_such_tool", n=len(request.messages)))
    outcome = talk("帮我分析一下现在的形势", model)
    assert outcome.used_fallback
    assert len(model.requests) == 3


def test_model_goes_on_from_what_it_found(demo):
    model = Scripted(
        [
            call("list_alerts", severity="critical", status="open", limit=1),
            lambda request: call("get_alert", alert_id=last_listed(request)),
            lambda request: f"最近的一条是告警 A{last_number(request)}。",
        ]
    )
    outcome = talk("最近的严重告警是怎么回事", model, grammar_first=False)
    newest = Alert.objects.filter(severity="critical", status="open").order_by("-last_seen", "-id").first()
    assert tools_of(outcome) == [("list_alerts", "ok"), ("get_alert", "ok")]
    assert outcome.text.startswith(f"最近的一条是告警 A{newest.pk}。\n\n")


def last_number(request):
    return re.search(r"告警 A(\d+)", evidence(request)[-1]).group(1)


def test_parallel_calls_keep_their_order(demo):
    model = Scripted(
        [
            [call("lookup_cve", cve_id="CVE-2021-44228"), call("affected_assets", cve_id="CVE-2021-44228")],
            "Log4Shell（CVE-2021-44228）影响 6 台资产。",
        ]
    )
    outcome = talk("CVE-2021-44228 严重吗，影响谁", model, grammar_first=False)
    assert tools_of(outcome) == [("lookup_cve", "ok"), ("affected_assets", "ok")]
    first, second = evidence(model.requests[1])
    assert "Log4Shell" in first
    assert "影响我们 6 台资产" in second
    assert MARK not in outcome.text


def test_triage_is_proposed_then_done_by_the_person(demo):
    alert = Alert.objects.filter(status="open").order_by("pk").first()
    proposals, model = Proposals(), Scripted([])
    order = f"关闭告警 {alert.pk} 误报，备注扫描器"
    outcome = talk(order, model, as_="lisi", proposer=proposals)
    assert tools_of(outcome) == [("close_alert", "needs_confirmation")]
    assert not model.requests, "whoever orders is understood without a model"
    assert Alert.objects.get(pk=alert.pk).status == "open"
    ((name, _, arguments),) = proposals.made
    execute(name, arguments, Actor.person(person("lisi"), "dingtalk"))
    closed = Alert.objects.get(pk=alert.pk)
    assert (closed.status, closed.verdict) == ("closed", "false_positive")
    newest = History.objects.filter(entity="alert", entity_id=alert.pk).order_by("-id").first()
    assert (newest.action, newest.actor_name, newest.note) == ("close", "李四", "扫描器")


@pytest.mark.parametrize("grammar_first", [True, False])
def test_model_proposes_nothing_whatever_it_calls(demo, grammar_first):
    proposals = Proposals()
    model = Scripted(
        [[call("block_ip", ip="203.0.113.5"), call("close_alert", alert_id=1, verdict="benign")], "看过了。"]
    )
    outcome = talk("帮我分析一下现在的形势", model, proposer=proposals, grammar_first=grammar_first)
    assert tools_of(outcome) == [("block_ip", "error"), ("close_alert", "error")]
    assert proposals.made == []
    assert not {"block_ip", "close_alert"} & {tool.name for tool in model.requests[0].tools}
    assert "提问者这次没有要求它" in evidence(model.requests[1])[0]


def test_invented_things_are_marked(demo):
    model = Scripted(
        [call("get_asset", asset="web-01"), "web-01（10.0.0.5）连接了 198.51.100.99 和 c2.evil-domain.com。"]
    )
    outcome = talk("web-01 怎么了", model, grammar_first=False)
    words = f"web-01（10.0.0.5）连接了 198.51.100.99{MARK} 和 c2.evil-domain.com{MARK}。"
    assert outcome.text.startswith(f"{words}\n\n**资产 web-01：")


def test_wrong_arguments_are_mended_by_the_model(demo):
    model = Scripted(
        [call("list_alerts", severity="very high"), call("list_alerts", severity="high"), "好了。"]
    )
    outcome = talk("高危告警", model, grammar_first=False)
    assert tools_of(outcome) == [("list_alerts", "error"), ("list_alerts", "ok")]
    assert "可以是 critical" in evidence(model.requests[1])[0]


def test_failing_model_is_replaced_by_the_offline_mode(demo):
    broken = RemoteError("通义千问没有应答。", permanent=True)
    outcome = talk("web-01 上有什么漏洞", Scripted([broken]))
    assert outcome.used_fallback
    assert outcome.text.startswith("（脚本模型没有作答：通义千问没有应答。以下由离线模式回答。）")
    assert "CVE-2023-4911" in outcome.text


def test_offline_follow_up_reads_the_conversation(demo):
    outcome = talk(
        "它有什么漏洞", recall=Recall(Focus().after_look_up(Intent("get_asset", {"asset": "web-01"})))
    )
    assert tools_of(outcome) == [("list_vulnerabilities", "ok")]
    assert "资产=web-01" in outcome.text


@pytest.mark.slow
@pytest.mark.parametrize("as_", ["lisi", "zhaoliu"])
def test_offline_refuses_what_the_role_lacks(demo, as_):
    proposals = Proposals()
    outcome = talk("封禁 203.0.113.5 一小时", as_=as_, proposer=proposals)
    allowed = as_ == "zhaoliu"
    assert bool(proposals.made) == allowed
    assert ("需要「处置」角色" in outcome.text) != allowed


def test_progress_and_answer_are_shown_while_they_come(demo):
    from secops_agent.agent.service import Talk

    sink = Sink()
    model = Scripted(
        [
            [call("get_asset", asset="web-01"), call("list_alerts", asset="web-01")],
            "web-01 一切正常，没有新的情况。",
        ]
    )
    asyncio.run(agent(model, grammar_first=False).converse(Talk(person(), "web-01 怎么样"), sink))
    assert sink.lines == ["正在查看资产、查询告警…"]
    assert sink.texts[-1] == "web-01 一切正常，没有新的情况。"


def test_conversing_writes_nothing(demo):
    before = (
        Alert.objects.order_by("pk").values_list("pk", "status", "count"),
        ConversationMessage.objects.count(),
    )
    frozen = list(before[0]), before[1]
    talk("把告警 1 指派给我", proposer=Proposals())
    assert (
        list(Alert.objects.order_by("pk").values_list("pk", "status", "count")),
        ConversationMessage.objects.count(),
    ) == frozen


def test_what_was_not_used_is_told_to_the_model_which_answers(demo):
    outcome = talk("web-01 最近的严重告警 鼓捣一哈", Scripted(["见下表。"]))
    assert outcome.text.startswith("见下表。\n\n**告警")
    assert "级别=严重" in outcome.text


def test_more_follows_what_a_model_looked_up(demo):
    model = Scripted([call("list_alerts", severity="critical", limit=5), "见下表。"])
    first = talk("有什么严重的事", model, grammar_first=False)
    second = talk("更多", recall=NOTHING.after(first.tool_runs, told=False))
    assert "（第 6–10 条）" in second.text
    assert "级别=严重" in second.text


def test_a_list_bears_out_no_claim_that_something_was_closed(demo):
    model = Scripted(["告警 7 已关闭，不用再管。"])
    outcome = talk("高危告警", model)
    assert "另有严重" in outcome.text
    assert f"告警 7{MARK} 已关闭{MARK}" in outcome.text


def test_who_has_not_looked_cannot_say_that_there_is_nothing(demo):
    """A few words of denial are asked for once more; then the offline mode answers."""
    outcome = talk("今天有多少告警", Scripted(["没有查到", "没有查到。"]), grammar_first=False)
    assert outcome.used_fallback
    assert outcome.text.count("没有查到") == 0
    assert "告警" in outcome.text
