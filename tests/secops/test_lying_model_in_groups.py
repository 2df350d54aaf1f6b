"""What others say in a group, another corporation, what a group may read: through the whole agent, with a model that lies."""

import asyncio

import pytest

from bifang.core.database import db
from secops_agent.models import Alert, Proposal, Staff
from tests.scripted_model import Scripted, ScriptedModels, call
from tests.secops.decisions_aid import company, new_agent, say, some_alert


def run(*turns, script):
    """turns: (who, text, quoted) in the group."""
    agent = new_agent(models=ScriptedModels(Scripted(script)))

    async def go():
        out = []
        try:
            for turn in turns:
                if callable(turn):
                    await db.call(turn)
                    continue
                config, who, text, group, *more = turn
                out.append(
                    await say(agent, config, who, text, "cid", is_group=group, **(more[0] if more else {}))
                )
            return out
        finally:
            await agent.close()

    return asyncio.run(go())


def calling(*calls):
    """Calls these once a turn, whatever was looked up before."""

    def play(request):
        names = {one.name for m in request.messages for one in m.tool_calls}
        play.seen += [m.content for m in request.messages if m.role == "tool"]
        return "见下" if {c.name for c in calls} & names else list(calls)

    play.seen = []
    return play


def texts(outs):
    return [r.text for o in outs for r in o.replies if not r.text.startswith("PRIVATE")]


@pytest.mark.django_db
def test_held_another_persons_words_neither_take_nor_complete():
    config, pk = company(), some_alert()
    outs = run(
        (config, "li", f"A{pk} 我跟一下", True),
        (config, "zhao", "赶紧的", True),
        (config, "zhao", "好", True),
        (config, "li", "好", True),
        script=calling(call("acknowledge_alert", alert_id=pk)),
    )
    code = outs[0].replies[0].text.partition("提交 ")[2][:6]
    assert code
    assert Alert.objects.get(pk=pk).status == "open"
    outs = run((config, "zhao", f"提交 {code}", True), script=calling(call("acknowledge_alert", alert_id=pk)))
    assert Alert.objects.get(pk=pk).status == "open"


@pytest.mark.django_db
def test_a_sentence_is_not_completed_over_anothers_objection():
    config, pk = company(), some_alert()
    outs = run(
        (config, "li", f"A{pk}关了吧", True),
        (config, "zhao", f"A{pk} 是真实攻击，别关", True),
        (config, "li", "赶紧的", True),
        script=calling(call("close_alert", alert_id=pk, verdict="false_positive")),
    )
    assert "要这样做吗" not in outs[-1].replies[0].text


@pytest.mark.django_db
def test_an_offer_tells_a_group_nothing_private():
    config, pk = company(), some_alert()
    Alert.objects.filter(pk=pk).update(title="员工 zhangsan@corp.com 手机 13800138000 登录失败")
    play = calling(call("acknowledge_alert", alert_id=pk))
    outs = run((config, "li", f"A{pk} 我跟一下", True), (config, "li", "好", True), script=play)
    shown = outs[0].replies[0].text + outs[1].replies[0].text
    assert "13800138000" not in shown
    assert "zhangsan@corp.com" not in shown


@pytest.mark.django_db
def test_other_corporation_in_the_same_group():
    config, pk = company(), some_alert()
    Staff.objects.create(staff_id="li", name="他李", role="analyst", corp_id="corp2")
    outs = run(
        (config, "li", f"A{pk}关了吧", True),
        (config, "li", "扫描器", True, {"corp": "corp2"}),
        script=calling(call("close_alert", alert_id=pk, verdict="false_positive")),
    )
    assert "要这样做吗" not in outs[-1].replies[0].text


@pytest.mark.django_db
def test_a_models_evidence_in_a_group_holds_nothing_private():
    config, pk = company(), some_alert()
    Alert.objects.filter(pk=pk).update(title="员工 zhangsan@corp.com 手机 13800138000 登录失败")
    play = calling(call("acknowledge_alert", alert_id=pk))
    run((config, "li", f"A{pk} 我跟一下", True), script=play)
    assert not any("zhangsan@corp.com" in one for one in play.seen)


@pytest.mark.django_db
def test_offline_an_offer_tells_a_group_nothing_private():
    from tests.secops.decisions_aid import talk

    config, pk = company(), some_alert()
    Alert.objects.filter(pk=pk).update(title="员工 zhangsan@corp.com 手机 13800138000 登录失败")
    for text in talk(config, ("li", f"A{pk} 我来跟吧"), ("li", f"确认 A{pk}")):
        assert "zhangsan@corp.com" not in text


def _thanks(tool, first, second, **more):
    def play(request):
        last = next(m.content for m in reversed(request.messages) if m.role == "user")
        names = [(one.name, one.arguments) for m in request.messages for one in m.tool_calls]
        if "谢谢" in last:
            if not any(n == "get_asset" and "db-01" in a for n, a in names):
                return [call("get_asset", asset="db-01")]
            return "不客气" if any(n == tool for n, a in names) else [call(tool, **second)]
        return "见下" if any(n == tool for n, a in names) else [call(tool, **first)]

    return play


@pytest.mark.django_db
def test_the_tap_after_thanks_silences_no_other_host():
    from secops_agent.models import Silence
    from tests.secops.inventory_aid import host, store

    store(host("web-03"), host("db-01"))
    config = company()
    play = _thanks(
        "silence_alerts", {"scope": "资产:web-03", "minutes": 120}, {"scope": "资产:db-01", "minutes": 120}
    )
    run(
        (config, "li", "web-03先静了2小时吧", False),
        (config, "li", "谢谢", False),
        (config, "li", "好", False),
        script=play,
    )
    assert [one.value for one in Silence.objects.all()] == []


@pytest.mark.django_db
def test_the_tap_after_thanks_files_no_other_host(monkeypatch):
    from functools import partial

    from tests.secops import decisions_aid
    from tests.secops.inventory_aid import host, store

    monkeypatch.setattr(decisions_aid, "Talk", partial(decisions_aid.Talk, model_offers="all"))
    store(host("web-03"), host("db-01"))
    config = company()
    play = _thanks("isolate_host", {"asset": "web-03"}, {"asset": "db-01"})
    run(
        (config, "zhao", "web-03 看着像中招了，隔了吧", False),
        (config, "zhao", "谢谢", False),
        (config, "zhao", "好", False),
        script=play,
    )
    assert not Proposal.objects.filter(arguments__asset="db-01").exists()
