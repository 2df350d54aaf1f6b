"""What a competent model calls and says to sentences that strangers wrote (`strangers_2026_11_29.jsonl`, `…_c.jsonl`), by their
labels; of the third set those where a model that another person played met an obstacle.

Steps are calls, side by side in a list; the last is what it says: ``<<pattern>>`` in it is what a look-up of this turn shows
there. Actions are called only where they are in the request, as a model can. ``offers`` is what must be put before the asker.
"""

from dataclasses import dataclass, field
from typing import Any

Call = tuple[str, dict[str, Any]]
LISI, ZHAO = "lisi", "zhaoliu"
SEEN = "请看下面列出的选项。"


@dataclass(frozen=True)
class Play:
    """One turn: ``steps`` of calls, ``say``, and the ``offers`` (tool, and what its arguments must have)."""

    steps: tuple[tuple[Call, ...], ...] = ()
    say: str = SEEN
    offers: tuple[Call, ...] = field(default=())


def act(*calls: Call, look: tuple[Call, ...] = (), say: str = SEEN) -> Play:
    """Looks, then calls these actions, which must be what is offered."""
    steps = (look, calls) if look else (calls,)
    return Play(steps, say, calls)


def ask(*looks: Call, say: str) -> Play:
    """Looks, and says."""
    return Play((looks,) if looks else (), say)


def _close(alert: int, verdict: str, **more: Any) -> Call:
    return "close_alert", {"alert_id": alert, "verdict": verdict, **more}


def _give(alert: int, whom: str) -> Call:
    return "assign_alert", {"alert_id": alert, "assignee": whom}


def _ack(alert: int) -> Call:
    return "acknowledge_alert", {"alert_id": alert}


def _block(ip: str, minutes: int | None = None, **more: Any) -> Call:
    return "block_ip", {"ip": ip, **({} if minutes is None else {"duration_minutes": minutes}), **more}


def _isolate(asset: str, **more: Any) -> Call:
    return "isolate_host", {"asset": asset, **more}


def _hush(scope: str, minutes: int, **more: Any) -> Call:
    return "silence_alerts", {"scope": scope, "minutes": minutes, **more}


def _list(**filters: Any) -> Call:
    return "list_alerts", filters


ORDERS: dict[str, Play] = {
    "O001": act(_ack(222)),
    "O002": act(_ack(276)),
    "O004": act(_give(272, "赵六")),
    "O005": act(_give(270, "赵六"), _give(278, "赵六")),
    "O007": act(_close(299, "false_positive", note="扫描器自己扫的")),
    "O008": act(_close(293, "false_positive", note="our own scanner")),
    "O009": act(_close(175, "benign", note="证书已经续了")),
    "O010": act(_close(194, "duplicate")),
    "O011": act(
        *(_close(one, "false_positive") for one in (28, 207, 224, 299)), look=(_list(asset="web-03", keyword="端口扫描", status="unclosed"),)
    ),
    "O014": act(_hush("资产:file-01", 120)),
    "O015": act(_hush("A162", 15 * 60)),
    "O016": act(_hush("规则:证书即将过期", 24 * 60)),
    "O017": act(_hush("资产:test-app-01", 480, reason="压测")),
    "O018": act(_hush("资产:k8s-node-3", 30, reason="upgrading")),
    "O020": act(_block("198.51.100.7", 1440, reason="ssh bruteforce")),
    "O021": act(_block("203.0.113.9", 1440, reason="一直扫我们")),
    "O022": act(_block("192.0.2.44", 0)),
    "O024": act(_block("8.8.8.8"), say="注意：8.8.8.8 是公共 DNS，封了会影响解析。"),
    "O025": act(_isolate("file-01", reason="勒索在跑")),
    "O026": act(_isolate("web-03", reason="中webshell了")),
    "O027": act(_isolate("pc-finance-07", reason="ransomware")),
    "O029": act(_isolate("jump-01"), say="jump-01 是核心资产，请确认影响。"),
    "O031": act(_block("203.0.113.5", 10080), _block("203.0.113.9", 10080), _block("203.0.113.77", 10080)),
    "O032": act(_block("1.2.3.4", 30)),
    "O033": act(_give(218, "王五")),
    "O034": act(_give(156, "张三")),
    "O036": act(*(_close(one, "benign") for one in (5, 26, 14))),
    "O042": act(("add_case_task", {"case_id": 1, "text": "查jump-01上authorized_keys，我来，明天前"})),
    "O044": act(("add_case_alerts", {"case_id": 2, "alerts": "276"})),
    "O045": act(("assign_case", {"case_id": 2, "assignee": "我"})),
    "O046": act(("create_case", {"alerts": "291,36", "title": "web-01被上了webshell"})),
    "O050": act(_give(2, "我")),
    "O054": act(_close(273, "true_positive", note="已经拦了"), look=(_list(asset="web-02", keyword="CC 攻击", status="unclosed"),)),
    "O055": act(_ack(22), look=(_list(asset="pc-hr-02", keyword="钓鱼", status="unclosed"),)),
    "O056": act(_ack(291), look=(("get_alert", {"alert_id": 291}),)),
    "O058": act(_close(287, "benign"), _close(284, "benign")),
    "O059": act(
        *(_give(one, "赵六") for one in (30, 181, 219, 245)), _hush("资产:k8s-node-2", 240),
        look=(_list(asset="k8s-node-2", keyword="挖矿", status="unclosed"),),
    ),
    "O069": act(_ack(222), _give(222, "赵六")),
    "O070": act(_give(24, "王五")),
    "O075": act(_ack(294), _ack(300)),
    # Of the third set: ranges, 都算我的, a reason in other words.
    "GA083": act(("acknowledge_alert", {"alert_ids": "295,296,297,298"})),
    "GB060": act(("close_alert", {"alert_ids": "280,281,282,283,284", "verdict": "false_positive", "note": "都是咱扫描器"})),
    "GA085": act(_give(295, "我"), look=(_list(period="today", keyword="SQL 注入"),)),
    "GA062": act(_isolate("web-02", reason="webshell实锤了"), say="隔离 web-02（10.0.0.6，负责人李四）的选项已列在下面。"),
    "GA054": act(_close(285, "false_positive"), say="关闭 A285（pay-gateway-1 支付系统错误率过高）的选项已列在下面。"),
    "GB058": act(_hush("规则:端口扫描", 120)),
    # Nothing may be offered: the verdict was not said, the role is wanting, it is closed, it is not there.
    "O052": ask(say="A222 的结论是什么：误报、真实攻击、正常行为，还是重复？"),
    "O053": ask(say="A295 的结论是什么？"),
    "O019": ask(say="您的角色是「分析」，不能申请封禁，可以请赵六（处置）提出。"),
    "O028": ask(say="您的角色是「分析」，不能申请隔离。"),
    "O047": ask(say="现在没有对 file-01 的静默。"),
}  # fmt: skip

QUESTIONS: dict[str, Play] = {
    "Q001": ask(("alert_statistics", {"status": "unclosed", "group_by": "status"}), say="现在还有 <<共 (\\d+) 条>> 条告警没关。"),
    "Q002": ask(_list(severity="critical", unassigned=True), say="严重的还有 <<共 (\\d+) 条>> 条告警没人管，A222 已超时，先看它。"),
    "Q003": ask(_list(keyword="lisi"), say="您手上有 <<共 (\\d+) 条>> 条未关闭的告警。"),
    "Q004": ask(_list(keyword="赵六"), say="赵六手上有 <<共 (\\d+) 条>> 条告警没关。"),
    "Q009": ask(("get_asset", {"asset": "web-01"}), say="web-01（10.0.0.5）是官网前端一号机，负责人李四，重要性高；在野利用的漏洞 1 个。"),
    "Q010": ask(_list(asset="file-01", since_hours=24, status="all"), say="file-01 最近 24 小时的告警见下，最要紧的是 A222（勒索）。"),
    "Q011": ask(("get_asset", {"asset": "10.0.8.20"}), say="是 file-01，负责人李四。"),
    "Q012": ask(("get_asset", {"asset": "10.0.3.15"}), say="10.0.3.15 是 pay-gateway-3。"),
    "Q013": ask(("get_alert", {"alert_id": 222}), say="file-01 上疑似勒索软件批量加密文件（T1486），发生 349 次，还没人处理，建议先断网保留现场。"),
    "Q014": ask(("get_alert", {"alert_id": 218}), say="A218 赵六已接手，处理中。"),
    "Q015": ask(("get_alert", {"alert_id": 41}), say="A41 已关闭，结论真实攻击，是赵六关的。"),
    "Q016": ask(("get_alert", {"alert_id": 999}), say="没有 A999 这条告警。"),
    "Q017": ask(("lookup_indicator", {"value": "203.0.113.5"}), say="203.0.113.5 在 <<在 (\\d+) 条告警>> 条告警里出现过，涉及 jump-01、file-01 和 web-01。"),
    "Q018": ask(("lookup_indicator", {"value": "198.51.100.23"}), say="198.51.100.23 出现在 <<在 (\\d+) 条告警>> 条告警里。"),
    "Q019": ask(("lookup_indicator", {"value": "evil-domain.xyz"}), say="有，file-01 连过 evil-domain.xyz（A218）。"),
    "Q022": ask(("affected_assets", {"cve_id": "CVE-2021-44228"}), say="Log4Shell（CVE-2021-44228）影响 6 台资产，升级到 2.15.0。"),
    "Q023": ask(("affected_assets", {"cve_id": "CVE-2024-6387"}), say="CVE-2024-6387 影响 <<影响我们 (\\d+) 台>> 台资产，包括 web-01 和 jenkins-01。"),
    "Q024": ask(("lookup_cve", {"cve_id": "CVE-2023-46604"}), say="CVE-2023-46604 升级到 5.16.7。"),
    "Q025": ask(("affected_assets", {"cve_id": "CVE-2024-3094"}), say="我们没有受 CVE-2024-3094（xz 后门）影响的资产。"),
    "Q026": ask(("list_vulnerabilities", {"kev_only": True}), say="已被在野利用的有 8 个漏洞，最要紧的是 CVE-2023-46604。"),
    "Q028": ask(("alert_statistics", {"period": "yesterday", "group_by": "severity", "time_of": "new"}), say="昨天新增按级别见下。"),
    "Q029": ask(
        ("alert_statistics", {"period": "this_week", "time_of": "new"}), ("alert_statistics", {"period": "last_week", "time_of": "new"}),
        say="两周的新增见下，可以直接对比。",
    ),
    "Q030": ask(("alert_statistics", {"group_by": "asset", "status": "unclosed"}), say="最多的是 web-01，20 条告警；前两名合计 32 条告警。"),
    "Q031": ask(("alert_statistics", {"group_by": "rule"}), say="最吵的规则排在第一行。"),
    "Q032": ask(_list(due="overdue"), say="超时的有 <<共 (\\d+) 条>> 条告警。"),
    "Q033": ask(_list(due="soon"), say="快超时的见下。"),
    "Q035": ask(("alert_statistics", {"since_hours": 168, "group_by": "verdict", "status": "closed"}), say="最近 7 天的结论分布见下，误报率用误报数除以总数。"),
    "Q036": ask(("alert_statistics", {"verdict": "false_positive", "group_by": "rule"}), say="误报最多的是第一行的规则。"),
    "Q040": ask(_list(asset="jump-01", keyword="异地登录", status="open"), say="jump-01 上未处理的异地登录有 <<共 (\\d+) 条>> 条告警。"),
    "Q041": ask(_list(keyword="挖矿", status="unclosed"), say="只有 k8s-node-2 有挖矿告警，另外两个节点没有。"),
    "Q043": ask(("list_assets", {"keyword": "王五"}), say="王五名下有 8 台资产，其中数据库主机 db-01、db-02、db-03。"),
    "Q048": ask(("get_case", {"case_id": 1}), say="E1 处理中，负责人李四，还有 2 个任务没完成。"),
    "Q050": ask(("list_cases", {}), say="还有 2 个事件没结：E1 处理中、E2 已控制。"),
    "Q052": ask(("list_proposals", {}), say="现在没有等您审批的操作。"),
    "Q055": ask(("search_runbook", {"query": "WebShell"}), say="有，按下面的手册处置。"),
    "Q056": ask(("search_runbook", {"query": "勒索病毒"}), say="第一步：立即隔离受影响主机，断网但不要关机。"),
    "Q060": ask(("security_report", {"period": "today"}), say="今天的日报如下。"),
    "Q062": ask(_list(asset="web-03", severity="critical", status="unclosed"), say="web-03 has <<共 (\\d+) 条>> critical alerts that are not closed, A13 among them."),
    "Q065": ask(("get_asset", {"asset": "mail-01"}), say="mail-01 的负责人是李四。"),
    "Q070": ask(("get_asset", {"asset": "svc-backup"}), say="svc-backup 由李四负责。"),
    "Q083": ask(("get_asset", {"asset": "db-99"}), say="资产里没有 db-99，是不是指 db-01、db-02 或 db-03？"),
    "Q087": ask(("list_vulnerabilities", {"fix_available": False}), say="没有补丁的漏洞见下，先用缓解措施。"),
    "Q091": ask(_list(asset="web-02", keyword="SQL 注入"), say="这是 8.8.8.8 对 10.0.0.6（web-02）的 SQL 注入尝试，相关告警见下；8.8.8.8 是公共 DNS，来源可能是伪造的。"),
    "Q092": ask(("get_alert", {"alert_id": 300}), say="有，A300 是 jump-01 的 SSH 暴力破解，来源 203.0.113.77。"),
    "Q094": ask(("get_alert", {"alert_id": 23}), ("get_alert", {"alert_id": 218}), say="像一伙的：A23 在 db-02、A218 在 file-01，都是外传数据，共同的地址是 203.0.113.5。"),
    "Q100": ask(say="您的角色是「分析」，不能申请封禁；要有「处置」角色，另一位审批人同意后才会执行。"),
    "GB048": ask(_list(severity="critical", time_of="new", since="20:00", status="all"), say="晚 8 点以来新增严重告警 <<共 (\\d+) 条>> 条。"),
    "GB015": ask(
        _list(assignee="我", urgent=True), ("list_assets", {"owner": "我"}), say="您名下未关闭告警 <<共 (\\d+) 条>> 条，先看已超时的。"
    ),
    "GA047": ask(say="没有：pc-finance-07 现在没有被隔离。需要就发送「隔离 pc-finance-07」。"),
    "GA039": ask(say="没封：192.0.2.10 现在没有被封禁。需要封就发送「封禁 192.0.2.10 1天」。"),
    "GA043": ask(_list(until_hours=72, time_of="new", urgent=True), say="三天以上没关的 <<共 (\\d+) 条>> 条，已按级别排。"),
    "K001": ask(say="XSS 是在页面里执行攻击者的脚本，CSRF 是借用户的登录状态发请求。"),
    "K003": ask(say="零信任就是不因为在内网就信任谁，每次访问都验证身份和设备。"),
    "K004": ask(say="等保三级要求日志至少留存六个月。"),
    "K008": ask(say="-sS 是 SYN 半开扫描，-sT 是完整的 TCP 连接。"),
    "K009": ask(say="显示过滤器写 `dns`，只看某个域名写 `dns.qry.name contains \"corp\"`。"),
    "K010": ask(say="例如：\n```\nalert http any any -> any any (msg:\"JNDI\"; content:\"${jndi:\"; nocase; sid:1000001;)\n```\n（草稿，没有运行过。）"),
    "K011": ask(say="72 小时内向监管机构报告。"),
    "K013": ask(say="把头里的 alg 改成 none，服务端若照单全收就不验签了。"),
    "K015": ask(say="永恒之蓝（EternalBlue）是 CVE-2017-0144（MS17-010）。"),
    "K016": ask(say="Heartbleed（CVE-2014-0160）：OpenSSL 没有核对心跳包声明的长度，多读的内存就被发回去了。"),
    "K020": ask(say="Kerberoasting 是申请服务账号的票据，离线爆破它的口令。"),
    "K022": ask(say="用 `last`、`lastlog`、`w`。"),
    "N010": ask(("lookup_indicator", {"value": "203.0.113.9"}), say="可以这样回：目前没有对这个地址生效的封禁，我们正在核实。"),
    "N016": ask(say="封禁要另一位审批人同意，例如王五；申请人自己不能批。"),
    "N027": ask(("lookup_indicator", {"value": "198.51.100.23"}), say="建议先核实：198.51.100.23 的告警里有误报，也有没关的；确定要封，再由有处置权限的人提出。"),
}  # fmt: skip

DIALOGS: dict[str, tuple[Play, ...]] = {
    "D001": (
        ask(_list(asset="file-01", severity="critical", status="unclosed"), say="file-01 上严重的见下。"),
        ask(("get_alert", {"alert_id": 218}), say="A218 是向恶意地址外传数据，赵六在跟。"),
        ask(say="A218 已经是赵六的。"),
    ),
    "D002": (ask(("get_alert", {"alert_id": 222}), say="A222 是勒索。"), act(_ack(222))),
    "D005": (
        ask(("get_asset", {"asset": "web-01"}), say="web-01 见下。"), ask(("get_asset", {"asset": "web-01"}), say="负责人是李四。"),
        ask(("list_vulnerabilities", {"asset": "web-01"}), say="web-01 的漏洞见下。"),
    ),
    "D007": (act(_close(299, "false_positive")), act(_close(293, "false_positive"))),
    "D008": (act(_give(270, "赵六")), act(_give(270, "我"))),
    "D009": (ask(say=""), act(_hush("资产:web-02", 60))),
    "D010": (act(_block("203.0.113.77", 1440, reason="爆破")), act(_block("203.0.113.9", 1440)), act(_block("203.0.113.9", 10080))),
    "D011": (act(_isolate("web-03", reason="webshell")),),
    "D014": (
        ask(_list(severity="critical", status="open"), say="未处理的严重告警见下。"), ask(_list(severity="critical", status="open", asset="file-01"), say="file-01 上的见下。"),
        act(*(_give(one, "我") for one in (222, 276, 272, 15))),
    ),
    "D020": (ask(say="A175 的结论是什么？"), act(_close(175, "benign"))),
    "D026": (
        ask(("search_runbook", {"query": "WebShell"}), say="按手册处置。"), ask(("get_alert", {"alert_id": 291}), say="适用：A291 就是 WebShell。"), act(_ack(291)),
    ),
    "D028": (ask(("get_alert", {"alert_id": 23}), ("get_alert", {"alert_id": 24}), ("get_alert", {"alert_id": 37}), say="A23 严重、A24 高危、A37 中危。"), act(_give(24, "我"))),
    "D036": (ask(("get_asset", {"asset": "10.2.3.107"}), say="是 pc-finance-07，负责人张三。"), act(_isolate("pc-finance-07", reason="勒索"))),
    "D037": (act(_block("192.0.2.44")), act(_block("192.0.2.44", 1440)), act(_block("192.0.2.44", 1440, reason="爆破"))),
    "D043": (act(_ack(22)),),
    "GB130": (act(_block("203.0.113.5")), act(_block("203.0.113.6"))),
    "GA144": (ask(say="第二条是哪一条？"), act(_give(287, "zhaoliu"))),
    "GA132": (
        ask(_list(asset="pc-finance-07", urgent=True), say="pc-finance-07 很可疑。"), ask(("get_asset", {"asset": "pc-finance-07"}), say="只登记了负责人张三。"),
        act(_isolate("pc-finance-07")), ask(("list_proposals", {}), say="还没提交。"),
    ),
    "GB138": (ask(_list(keyword="198.51.100.7", period="today", status="all"), say="今天打了 web-03。"), act(_block("198.51.100.7"))),
    "GA148": (ask(("get_alert", {"alert_id": 296}), say="按什么结论关？"), ask(say="还差结论。"), act(_hush("规则:支付系统错误率过高", 1440))),
    "D049": (
        act(
            *(_close(one, "benign", note="发版") for one in (282, 285, 197, 142, 19)),
            look=(_list(asset="pay-gateway-1", keyword="错误率", status="unclosed"),),
        ),
    ),
}  # fmt: skip
