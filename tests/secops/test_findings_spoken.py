"""Findings in plain sentences: what is decided about them, who gets them, what is asked of them; by names, by rows, by what was asked before."""

import asyncio
import re
from typing import Any

from django.test import override_settings

from secops_agent.agent.trial import Dialog, Trial
from tests.secops.demo_aid import demo, person

__all__ = ["demo"]
# The turns of a conversation, the tool of the last one (also of its offer) with its arguments, and a word of the answer.
SAID: tuple[tuple[list[str], str | None, dict[str, Any], str], ...] = (
    # Decisions
    (["CVE-2026-99012先接受风险到2026-12-31，vendor还没出patch"], "decide_findings", {"findings": "CVE-2026-99012", "decision": "accepted", "until": "2026-12-31", "note": "vendor还没出patch"}, "12 条发现"),
    (["test-app-01上的CVE-2022-22965标修复中"], "decide_findings", {"findings": "CVE-2022-22965", "decision": "in_progress", "asset": "test-app-01"}, "1 条发现"),
    (["CVE-2023-44487 不受影响，那个组件根本没装"], "decide_findings", {"findings": "CVE-2023-44487", "decision": "not_affected", "justification": "component_not_present", "note": "那个组件根本没装"}, "没有这个组件"),
    (["aliyun-ak那条标已修复吧，key已经rotate了"], "decide_findings", {"findings": "aliyun-ak", "decision": "fixed", "note": "key已经rotate了"}, "AccessKey"),
    (["CVE-2022-1471扫描器没认对version 六条都标误报"], "decide_findings", {"findings": "CVE-2022-1471", "decision": "false_positive", "note": "CVE-2022-1471扫描器没认对version", "count": 6}, "6 条发现"),
    (["CVE-2023-4911 三条接受风险，业务说重启不了"], None, {}, "哪一天为止"),
    (["CVE-2023-4911 三条接受风险，业务说重启不了", "到2026-12-31"], "decide_findings", {"findings": "CVE-2023-4911", "decision": "accepted", "note": "业务说重启不了", "count": 3, "until": "2026-12-31"}, "3 条发现"),
    (["mq-01 的46604 标修复中"], None, {}, "mq-01"),
    (["CVE-2022-32532标误报", "组件版本读错了，实际是1.13"], "decide_findings", {"findings": "CVE-2022-32532", "decision": "false_positive", "note": "组件版本读错了，实际是1.13"}, "7 条发现"),
    (["CVE-2022-32532标误报", "算了"], None, {}, "没有执行任何操作"),
    (["有哪些泄露的密钥", "都先标调查中"], "decide_findings", {"findings": "F8,F7", "decision": "under_investigation"}, "2 条发现"),
    (["jenkins-01上有哪些漏洞", "第二条标修复中"], "decide_findings", {"findings": "CVE-2026-99066", "decision": "in_progress", "asset": "jenkins-01"}, "1 条发现"),
    (["CVE-2026-99025影响几台？", "先接受风险到年底吧"], None, {}, "原因是什么"),
    (["CVE-2026-99025影响几台？", "先接受风险到年底吧", "哦等会儿，有patch的，不接受了，改成修复中"], "decide_findings", {"findings": "CVE-2026-99025", "decision": "in_progress"}, "11 条发现"),
    (["撤回 CVE-2023-4863 的决定"], None, {}, "没有已经决定的发现"),
    (["撤回CVE-2023-4863的决定"], None, {}, "没有已经决定的发现"),
    (["CVE-2021-44228接受风险到2028-01-01，没窗口"], None, {}, "一年以内"),
    (["CVE-2023-44487 不受影响"], None, {}, "为什么不受影响"),
    (["web-99上的CVE-2021-44228标修复中"], None, {}, "web-99"),
    (["测试区的CVE-2021-44228标修复中"], "decide_findings", {"findings": "CVE-2021-44228", "decision": "in_progress", "environment": "测试"}, "1 条发现"),
    # Nothing is ordered
    (["我没让你标误报"], None, {}, "没有执行任何操作"),
    (["审计问我是不是把CVE-2022-42889标成误报过，没标吧？"], "list_findings", {"decision": "false_positive", "keyword": "CVE-2022-42889"}, "没有执行任何操作"),
    (["CVE-2022-42889 标过误报吗"], "list_findings", {"decision": "false_positive", "keyword": "CVE-2022-42889"}, "没有"),
    (["别标CVE-2022-32532误报"], None, {}, "没有执行任何操作"),
    (["李四说CVE-2022-32532标误报"], None, {}, "没有执行"),
    (["修复中的有哪些"], "list_findings", {"decision": "in_progress"}, "没有发现"),
    # Who gets them
    (["CVE-2021-44228 六条全派给赵六，deadline 12月4号"], "assign_finding", {"findings": "CVE-2021-44228", "assignee": "赵六", "count": 6}, "指派时不能另定"),
    (["CVE-2021-44228 五条全派给赵六"], None, {}, "您说的是 5 条"),
    (["redis-noauth那条指给王五"], "assign_finding", {"findings": "redis-noauth", "assignee": "王五"}, "redis-01"),
    (["CVE-2024-6387派给李四，CVE-2026-99004派给王五"], "assign_finding", {"findings": "CVE-2024-6387", "assignee": "李四"}, "11 条发现交给 王五"),
    (["46604 24813 都交给我 修复中"], "assign_finding", {"findings": "CVE-2023-46604,CVE-2025-24813", "assignee": "zhaoliu"}, "标为「修复中」"),
    (["KEV里影响资产最多的是哪个CVE", "都派给赵六"], "assign_finding", {"findings": "CVE-2023-46604", "assignee": "赵六"}, "7 条发现"),
    (["有哪些发现", "第三条派王五"], "assign_finding", {"findings": "F387", "assignee": "王五"}, "1 条发现"),
    (["CVE-2021-44228影响哪些资产", "第一条派给李四"], "assign_finding", {"findings": "CVE-2021-44228", "assignee": "李四", "asset": "pay-gateway-3"}, "1 条发现"),
    (["有哪些发现", "第一条谁负责？"], "list_findings", {"findings": "F389"}, "负责人"),
    # Questions
    (["待处理的发现总共多少条？严重高危各几条"], "list_findings", {"group_by": "severity"}, "共 409 条"),
    (["过期没处理的发现有哪些，都超了几天，owner是谁"], "list_findings", {"overdue": True}, "已超过修复时限"),
    (["trivy semgrep nuclei三家各报了几条"], "list_findings", {"source": "trivy,semgrep,nuclei", "group_by": "source"}, "**trivy**：5 条"),
    (["KEV的还挂着多少条，按CVE列一下带期限"], "list_findings", {"kev_only": True, "group_by": "cve"}, "共 35 条"),
    (["7天之内到期的严重有多少条"], "list_findings", {"severity": "critical", "due_within": 7}, "发现：共"),
    (["赵六名下资产严重级别的洞合计多少，按资产排序"], "list_vulnerabilities", {"severity": "critical", "owner": "赵六", "group_by": "asset"}, "87 条发现"),
    (["mysql-connector-java没补丁的CVE是哪俩"], "list_vulnerabilities", {"fix_available": False, "keyword": "mysql-connector-java"}, "CVE-2026-99012"),
    (["openssl 洞几个 fix哪版"], "list_vulnerabilities", {"keyword": "openssl"}, "3.0.13"),
    (["jenkins 有kev不"], "list_vulnerabilities", {"kev_only": True, "asset": "jenkins-01"}, "CVE-2023-4911"),
    (["镜像pay/gateway:4.1.7里头有哪些KEV"], "list_vulnerabilities", {"kev_only": True, "asset": "registry.corp.bifang.example/pay/gateway:4.1.7"}, "共 3 条"),
    (["log4j 影响哪几台"], "list_assets", {"keyword": "log4j"}, "log4j-core"),
    (["CVE-2026-99025影响几台？", "fix版本多少，期限到哪天？"], "lookup_cve", {"cve_id": "CVE-2026-99025"}, "修复版本"),
    (["pay-gateway-3上面有多少洞", "KEV的列出来"], "list_vulnerabilities", {"asset": "pay-gateway-3", "kev_only": True, "limit": 10}, "共 5 条"),
)  # fmt: skip


def steady(arguments: dict[str, Any]) -> dict[str, Any]:
    """Without the numbers of findings, which another import counts in another way."""
    return {
        name: re.sub(r"F\d+", "F", value) if name == "findings" else value
        for name, value in arguments.items()
    }


async def ask(asker: Any) -> list[Any]:
    trial, lost = Trial(asker), []
    try:
        for turns, tool, arguments, told in SAID:
            dialog = Dialog()
            for text in turns:
                tried, dialog = await trial.turn(dialog, text)
            got = tried.tool, steady(dict(tried.arguments))
            if got != (tool, steady(arguments)) or told not in tried.answer:
                lost.append((turns, *got, tried.answer[:200]))
    finally:
        await trial.close()
    return lost


@override_settings(RATE_LIMITS=False)
def test_findings_are_decided_given_and_asked_of_in_plain_words(demo: Any) -> None:
    assert asyncio.run(ask(person("zhaoliu"))) == []
