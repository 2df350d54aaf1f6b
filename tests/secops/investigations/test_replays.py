"""Suggestions beside what people decided: abstentions are misses, what is not measured is not nought."""

import pytest
from django.core.management import call_command

from secops_agent.models import Investigation, InvestigationReplay
from secops_agent.services.actors import Actor
from secops_agent.services.faults import NotFound
from secops_agent.services.investigations import feedback, replays, work
from secops_agent.services.investigations.checks.base import Signal
from secops_agent.services.investigations.noise import noisy_rules
from secops_agent.services.investigations.replays import RuleRecord
from secops_agent.services.investigations.weighing import REASONS, assess
from tests.secops.inventory_aid import host

from .cases import WEB, arrive, judge, past

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.both_databases]
LI = Actor("person", "corp:li", "李四", "dingtalk")


def suggest(*names: str) -> tuple[str, str]:
    found = assess(Signal(name, "", ()) for name in names)
    return found.verdict, found.confidence


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "verdict"),
    [
        ((), ("", "")),
        (("wide_indicator", "severity_risen"), ("", "")),
        (("judged_attack",), ("true_positive", "medium")),
        (("judged_attack", "indicator_attack"), ("true_positive", "high")),
        (("judged_false_positive",), ("false_positive", "medium")),
        (("judged_benign_here", "recovered"), ("benign", "high")),
        (("judged_false_positive_here", "own_indicator"), ("false_positive", "medium")),
        (("judged_false_positive", "fitting_flaw"), ("", "")),
        (("judged_false_positive_here", "fitting_exploited"), ("", "")),
        (("judged_attack", "open_twin", "judged_duplicate"), ("true_positive", "medium")),
        (("open_twin",), ("", "")),
        (("open_twin", "judged_duplicate"), ("duplicate", "medium")),
        (("silenced", "asset_changed"), ("benign", "medium")),
        (("judged_attack", "judged_attack", "unknown"), ("true_positive", "medium")),
    ],
)
def test_reasons_add_up(names, verdict):
    assert suggest(*names) == verdict


def test_no_single_reason_makes_a_high_confidence():
    assert all(suggest(name)[1] != "high" for name in REASONS)


@pytest.mark.parametrize(
    ("changes", "lacking"),
    [
        ({}, ()),
        ({"judged": 15, "agreed": 15}, ("还差 5 条有结论的",)),
        ({"agreed": 10}, ("一致 50%，要 80%",)),
        ({"attacks": 0, "recalled": 0}, ("还没有真实攻击可比",)),
        ({"recalled": 5}, ("认出 50%，要 95%",)),
        ({"harmless": 1, "useless": 2}, ("1 次把真实攻击说成别的", "👎 比 👍 多")),
    ],
)
def test_rule_that_shows_nothing_says_what_it_lacks(changes, lacking):
    record = RuleRecord(
        "waf", "规则", **{"judged": 20, "agreed": 20, "attacks": 10, "recalled": 10} | changes
    )
    assert record.lacking == lacking
    assert record.has_earned is (not lacking)


@pytest.mark.slow
def test_history_is_compared_by_what_was_known_when_each_alert_came():
    past("true_positive", 8, ago=100)
    found = replays.run()
    (rule,) = replays.latest().rules
    assert (rule.judged, rule.attacks, rule.harmless, rule.live) == (8, 8, 0, 0)
    # Each was judged just after the next one came: from the fifth on three judgements were known.
    assert (rule.agreed, rule.recalled, rule.abstained) == (4, 4, 4)
    assert found == "对照 8 条：一致 50%，真实攻击认出 50%，证据不足 4 条"


@pytest.mark.slow
def test_what_was_found_on_arrival_counts_as_it_was_then():
    row = arrive("now")
    work.step()
    past("true_positive", 5)  # learned too late
    judge(row, "true_positive")
    (rule,) = replays.compare(row.created_at.replace(year=2020), row.created_at.replace(year=2100), 100, 60)
    assert (rule.judged, rule.live) == (6, 1)
    assert not Investigation.objects.get(alert=row).verdict
    assert rule.abstained >= 1


def test_unmeasured_is_never_nought_and_earns_nothing():
    assert replays.percent_words(RuleRecord("s", "r").agreement) == "未测"
    assert replays.percent_words(RuleRecord("s", "r", judged=5).agreement) == "0%"
    good = {"judged": 40, "agreed": 40, "attacks": 5, "recalled": 5}
    assert RuleRecord("s", "r", **good).has_earned
    for change in (
        {"attacks": 0, "recalled": 0}, {"recalled": 4}, {"harmless": 1}, {"agreed": 31}, {"useless": 1},
        {"judged": 19, "agreed": 19},
    ):  # fmt: skip
        assert not RuleRecord("s", "r", **good | change).has_earned, change


def test_empty_history_is_unmeasured(capsys):
    call_command("replay_investigations")
    assert capsys.readouterr().out == "对照 0 条：一致 未测，真实攻击认出 未测，证据不足 0 条\n"
    assert InvestigationReplay.objects.count() == 1


@pytest.mark.slow
def test_opinions_are_kept_once_a_person_and_counted_by_rule():
    row = arrive("now")
    with pytest.raises(NotFound):
        feedback.give(row.pk, LI, useful=True)
    work.step()
    feedback.give(row.pk, LI, useful=True)
    feedback.give(row.pk, LI, useful=False, reason="没看同网段")
    judge(row, "false_positive")
    replays.run()
    (rule,) = replays.latest().rules
    assert (rule.useful, rule.useless) == (0, 1)


@pytest.mark.slow
def test_noisy_rules_get_a_proposal_each():
    past("false_positive", 12, ago=48)
    past("true_positive", 12, ago=48, rule_name="真的")
    (rule,) = noisy_rules(arrive("now", rule_name="新的").created_at)
    assert (rule.rule, rule.alerts, rule.dismissed) == ("规则", 12, 12)
    assert rule.proposals == (
        "没有一条是真实攻击：在来源调高阈值、加白名单，或降低级别",
        "12 条来自 web-01：先看这台资产，或只对它设例外",
    )


@pytest.mark.slow
def test_noisy_rule_names_an_asset_only_where_that_is_a_proposal(django_assert_num_queries):
    past("true_positive", 12, ago=48)
    now = arrive("now", rule_name="新的").created_at
    with django_assert_num_queries(1):
        assert noisy_rules(now) == ()
    past("benign", 8, ago=96, rule_name="两台", assets=(host("db-01", "10.0.0.6"), WEB))
    past("benign", 2, ago=120, rule_name="两台", assets=())
    past("benign", 12, ago=144, rule_name="没有", assets=())
    past("benign", 6, ago=168, rule_name="一半")
    past("benign", 6, ago=192, rule_name="一半", assets=())
    named = {each.rule: (each.asset, each.asset_alerts) for each in noisy_rules(now)}
    assert named == {"两台": ("web-01", 8), "没有": ("", 0), "一半": ("", 0)}
