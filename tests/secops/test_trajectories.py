"""Whole turns with a scripted model on the demo estate: which tools, in which order, to what effect, what is said."""

import json
import re

import pytest

from bifang.core.errors import RemoteError
from secops_agent.agent.toolbox import execute
from secops_agent.agent.verification import MARK
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
    return [json.loads(re.sub(r"^<证据 \w+>\n|\n</证据 \w+>$", "", text)) for text in texts]


def last_listed(request):
    """A model that reads: the first alert number of the evidence."""
    return int(re.search(r"\*\*#(\d+)\*\*", evidence(request)[-1]["text"]).group(1))


def test_question_is_answered_from_one_tool(demo):
    model = Scripted([call("list_alerts", severity="high", status="open"), "有若干条高危告警未处理。"])
    outcome = talk("有哪些高危告警没处理", model)
    assert tools_of(outcome) == [("list_alerts", "ok")]
    assert outcome.text == "有若干条高危告警未处理。"
    shown = evidence(model.requests[1])[0]
    assert shown["query"] == "级别=高危，状态=未处理"
    assert f"共 {Alert.objects.filter(severity='high', status='open').count()} 条" in shown["text"]


def test_model_goes_on_from_what_it_found(demo):
    model = Scripted(
        [
            call("list_alerts", severity="critical", status="open", limit=1),
            lambda request: call("get_alert", alert_id=last_listed(request)),
            lambda request: f"最近的一条是告警 #{last_number(request)}。",
        ]
    )
    outcome = talk("最近的严重告警是怎么回事", model)
    newest = Alert.objects.filter(severity="critical", status="open").order_by("-last_seen", "-id").first()
    assert tools_of(outcome) == [("list_alerts", "ok"), ("get_alert", "ok")]
    assert outcome.text == f"最近的一条是告警 #{newest.pk}。"


def last_number(request):
    return re.search(r"告警 #(\d+)", evidence(request)[-1]["text"]).group(1)


def test_parallel_calls_keep_their_order(demo):
    model = Scripted(
        [
            [call("lookup_cve", cve_id="CVE-2021-44228"), call("affected_assets", cve_id="CVE-2021-44228")],
            "Log4Shell（CVE-2021-44228）影响 6 台资产。",
        ]
    )
    outcome = talk("CVE-2021-44228 严重吗，影响谁", model)
    assert tools_of(outcome) == [("lookup_cve", "ok"), ("affected_assets", "ok")]
    first, second = evidence(model.requests[1])
    assert "Log4Shell" in first["text"]
    assert "影响我们 6 台资产" in second["text"]
    assert MARK not in outcome.text


def test_triage_is_proposed_then_done_by_the_person(demo):
    alert = Alert.objects.filter(status="open").order_by("pk").first()
    proposals = Proposals()
    model = Scripted(
        [
            call("close_alert", alert_id=alert.pk, verdict="false_positive", note="扫描器"),
            "已提出，请回复「确认 C0001」。",
        ]
    )
    outcome = talk(f"关闭告警 {alert.pk} 误报，备注扫描器", model, as_="lisi", proposer=proposals)
    assert tools_of(outcome) == [("close_alert", "needs_confirmation")]
    assert Alert.objects.get(pk=alert.pk).status == "open"
    assert "没有执行" in evidence(model.requests[1])[0]["note"]
    ((name, _, arguments),) = proposals.made
    execute(name, arguments, Actor.person(person("lisi")))
    closed = Alert.objects.get(pk=alert.pk)
    assert (closed.status, closed.verdict) == ("closed", "false_positive")
    newest = History.objects.filter(entity="alert", entity_id=alert.pk).order_by("-id").first()
    assert (newest.action, newest.actor_name, newest.note) == ("close", "李四", "扫描器")


def test_dangerous_call_beyond_the_role_never_reaches_the_proposer(demo):
    proposals = Proposals()
    model = Scripted([call("block_ip", ip="203.0.113.5"), "您没有权限。"])
    outcome = talk("封禁 203.0.113.5", model, as_="lisi", proposer=proposals)
    assert tools_of(outcome) == [("block_ip", "error")]
    assert proposals.made == []
    offered = {tool.name for tool in model.requests[0].tools}
    assert "block_ip" not in offered
    assert "封禁 IP（需要「处置」角色）" in model.requests[0].messages[0].content


def test_same_proposal_is_not_made_twice_in_a_turn(demo):
    proposals = Proposals()
    again = call("block_ip", ip="203.0.113.5", duration_minutes=60)
    model = Scripted([again, call("block_ip", ip="203.0.113.5", duration_minutes=60), "已提出。"])
    talk("封禁 203.0.113.5 一小时", model, proposer=proposals)
    assert len(proposals.made) == 1


def test_invented_things_are_marked(demo):
    model = Scripted(
        [call("get_asset", asset="web-01"), "web-01（10.0.0.5）连接了 198.51.100.99 和 c2.evil-domain.com。"]
    )
    outcome = talk("web-01 怎么了", model)
    assert outcome.text == f"web-01（10.0.0.5）连接了 198.51.100.99{MARK} 和 c2.evil-domain.com{MARK}。"


def test_wrong_arguments_are_mended_by_the_model(demo):
    model = Scripted(
        [call("list_alerts", severity="very high"), call("list_alerts", severity="high"), "好了。"]
    )
    outcome = talk("高危告警", model)
    assert tools_of(outcome) == [("list_alerts", "error"), ("list_alerts", "ok")]
    assert "可以是 critical" in evidence(model.requests[1])[0]["text"]


def test_failing_model_is_replaced_by_the_offline_mode(demo):
    broken = RemoteError("通义千问没有应答。", permanent=True)
    outcome = talk("web-01 上有什么漏洞", Scripted([broken]))
    assert outcome.used_fallback
    assert outcome.text.startswith("（脚本模型没有作答：通义千问没有应答。以下由离线模式回答。）")
    assert "CVE-2023-4911" in outcome.text


def test_offline_follow_up_reads_the_conversation(demo):
    from secops_agent.agent.memory import Said

    history = (Said("user", "张三", "web-01 的信息"), Said("assistant", "", "**资产 web-01**"))
    outcome = talk("它有什么漏洞", history=history)
    assert tools_of(outcome) == [("list_vulnerabilities", "ok")]
    assert "资产=web-01" in outcome.text


@pytest.mark.parametrize("as_", ["lisi", "zhaoliu"])
def test_offline_refuses_what_the_role_lacks(demo, as_):
    proposals = Proposals()
    outcome = talk("封禁 203.0.113.5 一小时", as_=as_, proposer=proposals)
    allowed = as_ == "zhaoliu"
    assert bool(proposals.made) == allowed
    assert ("需要「处置」角色" in outcome.text) != allowed


def test_progress_and_answer_are_shown_while_they_come(demo):
    import asyncio

    from secops_agent.agent.service import Talk

    sink = Sink()
    model = Scripted(
        [
            [call("get_asset", asset="web-01"), call("list_alerts", asset="web-01")],
            "web-01 一切正常，没有新的情况。",
        ]
    )
    asyncio.run(agent(model).converse(Talk(person(), "web-01 怎么样"), sink))
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
