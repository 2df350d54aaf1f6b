"""What a competent model calls and says to sentences of the eighth set (`strangers_2026_11_30_h.jsonl`): written by an engineer of this
house from the labels of the strangers, after the set was measured offline.
"""

from typing import Any

from tests.secops.eval.competent_script import (
    Call,
    Play,
    _ack,
    _block,
    _close,
    _give,
    _hush,
    _isolate,
    _list,
    act,
    ask,
)


def _call(name: str, **arguments: Any) -> Call:
    return name, arguments


ORDERS: dict[str, Play] = {
    "a051": act(_give(300, "zhaoliu")),
    "a052": act(_ack(291)),
    "a053": act(_give(294, "李四"), _give(283, "李四")),
    "a054": act(_block("203.0.113.77", reason="在打jump-01")),
    "a055": act(_block("198.51.100.7", 4320, reason="扫端口的")),
    "a056": act(_isolate("file-01")),
    "a057": act(_isolate("k8s-node-2", reason="xmrig又起来了")),
    "a058": act(_close(288, "benign", note="es-01重启维护")),
    "a060": act(
        _close(194, "false_positive"),
        _close(21, "false_positive"),
        look=(_list(asset="test-db-01", keyword="失联", status="unclosed"),),
    ),
    "a061": act(_hush("规则:端口扫描 @ web-01", 240)),
    "a062": act(_hush("资产:pay-gateway-2", 60)),
    "a063": act(_hush("规则:HIDS：sudo 提权到 root", 1440, reason="今天发版")),
    "a064": act(_call("reopen_alert", alert_id=298, note="进程是xmrig 咋个可能是正常行为嘛")),
    "a065": act(_call("comment_alert", alert_id=295, note="8.8.8.8是伪造源，等waf那边回")),
    "a066": act(
        _call("close_alert", alert_ids="4,27,268,279,280", verdict="benign", note="发布脚本"),
        look=(_list(asset="app-02", keyword="sudo", status="unclosed"),),
    ),
    "a067": act(
        _call("assign_alert", alert_ids="291,36,182,25", assignee="zhaoliu"),
        look=(_list(severity="critical", unassigned=True, status="unclosed", limit=50),),
    ),
    "a068": act(_call("add_case_alerts", case_id=1, alerts="284,287")),
    "a070": act(_call("finish_case_task", case_id=2, task="恢复备份")),
    "a071": act(_call("create_case", title="有人报财务收到假发票邮件", severity="medium")),
    "a072": act(_close(199, "duplicate", note="A13跟A199是一个东西")),
    "a073": act(_block("192.0.2.88", 1440)),
    "a074": act(_isolate("pc-hr-02", reason="人已经喊他拔网线了")),
    "a077": act(_give(243, "zhaoliu")),
    "a078": act(_ack(232), _ack(190), look=(_call("list_vulnerabilities", asset="pay-gateway-1"),)),
    "a079": act(_give(132, "王五")),
    "a083": act(_block("203.0.113.77", 1440)),
    "a086": act(_ack(156), _give(156, "王五"), _call("comment_alert", alert_id=156, note="终端已关机")),
    "a087": act(_call("unassign_alert", alert_id=297)),
    "a088": act(*(_close(n, "benign", note="证书都续了") for n in (175, 196, 162))),
    "b051": act(_give(300, "zhaoliu")),
    "b052": act(_close(299, "false_positive", note="扫描器自己扫的")),
    "b053": act(_ack(295), _ack(296)),
    "b054": act(_block("203.0.113.77", 1440)),
    "b055": act(_block("198.51.100.7", 1440, reason="对 web-03 进行端口扫描")),
    "b056": act(_isolate("pc-finance-07")),
    "b057": act(_block("203.0.113.5", 10080, reason="bruteforce jump-01")),
    "b058": act(_isolate("test-app-01", reason="又在挖矿")),
    "b059": ask(say="A243 已经是李四的。"),
    "b060": act(
        _call("assign_alert", alert_ids="28,207,224,299", assignee="李四"),
        look=(_list(asset="web-03", keyword="端口扫描", unassigned=True),),
    ),
    "b061": act(
        _ack(300),
        _ack(294),
        look=(_list(asset="jump-01", keyword="SSH 暴力破解", period="today", status="unclosed"),),
    ),
    "b062": act(_hush("A288", 240, reason="es在升级")),
    "b063": act(
        _hush("规则:证书即将过期 @ vpn-01", 1440, reason="已经在换证书"),
        look=(_list(asset="vpn-01", keyword="证书即将过期"),),
    ),
    "b064": act(_hush("规则:端口扫描 @ mail-01", 60)),
    "b065": act(
        _close(21, "benign", note="机器退了"),
        _close(194, "benign", note="机器退了"),
        look=(_list(asset="test-db-01", keyword="失联", status="unclosed"),),
    ),
    "b066": act(_close(210, "duplicate")),
    "b067": act(_close(23, "true_positive")),
    "b068": act(_call("reopen_alert", alert_id=298, note="那进程是xmrig哪里正常了")),
    "b069": act(_call("comment_alert", alert_id=297, note="样本已取，等沙箱结果")),
    "b071": act(_give(232, "王五"), look=(_list(asset="pay-gateway-1", keyword="log4j", status="unclosed"),)),
    "b072": act(
        _call("close_alert", alert_ids="16,39,176,193,242", verdict="benign", note="都是咱自己的ci"),
        look=(_list(asset="gitlab-01", keyword="AccessKey 异常调用", status="unclosed"),),
    ),
    "b073": act(_call("create_case", title="web-03 webshell", severity="critical", owner="zhaoliu")),
    "b074": act(_call("add_case_alerts", case_id=1, alerts="291")),
    "b075": act(
        _call("finish_case_task", case_id=2, task="从备份恢复 file-01 的共享目录"),
        look=(_call("get_case", case_id=2),),
    ),
    "b076": act(_call("assign_case", case_id=2, assignee="李四")),
    "b080": act(
        _give(30, "zhaoliu"), look=(_list(severity="high", unassigned=True, status="unclosed", limit=50),)
    ),
    "b081": act(
        _block("203.0.113.5", 1440),
        _block("198.51.100.7", 1440),
        look=(_call("lookup_indicator", value="203.0.113.5"),),
    ),
    "b082": act(_ack(245)),
    "b083": act(_isolate("k8s-node-2"), _give(245, "zhaoliu")),
    "b084": act(_close(278, "false_positive", note="弱口令巡检")),
    "b087": act(_block("8.8.8.8", reason="在扫我们web-02"), say="8.8.8.8 是公共 DNS，封了会影响解析。"),
    "b088": act(
        _block("8.8.8.8"),
        look=(_list(asset="web-02"),),
        say="最近打 web-02 的是 8.8.8.8，它是公共 DNS，请核对。",
    ),
}
DIALOGS: dict[str, tuple[Play, ...]] = {
    "a129": (
        ask(_list(severity="high", keyword="李四"), say="李四手上的高危见下。"),
        act(_give(273, "zhaoliu"), _give(237, "zhaoliu")),
        act(_give(273, "zhaoliu")),
    ),
    "a131": (
        act(_call("silence_alerts", scope="资产:jump-01")),
        act(_hush("资产:jump-01", 240)),
        act(_hush("规则:HIDS：SSH 暴力破解 @ jump-01", 240)),
    ),
    "a134": (
        act(_ack(245)),
        act(_ack(219), _ack(181)),
        act(*(_call("comment_alert", alert_id=n, note="已通知容器组") for n in (245, 219, 181))),
    ),
    "a135": (
        ask(_call("lookup_indicator", value="203.0.113.5"), say="见下。"),
        ask(_call("lookup_indicator", value="203.0.113.77"), say="见下。"),
        act(_block("203.0.113.5", 10080), _block("203.0.113.77", 10080)),
    ),
    "a138": (
        ask(say="A266 的结论是什么？"),
        ask(say="真实攻击、误报、正常行为、重复。"),
        act(_close(266, "benign", note="研发在压测")),
    ),
    "a142": (act(_give(22, "王五")), act(_give(22, "张三")), ask(say="知道了。")),
    "a143": (
        act(_block("203.0.113.77", 60)),
        act(_block("203.0.113.77", 1440)),
        ask(say="由另一位审批人批准。"),
    ),
    "b124": (
        act(_block("203.0.113.7", 1440)),
        act(_block("203.0.113.77", 1440)),
        act(_block("203.0.113.77", 4320)),
    ),
    "b127": (
        ask(_list(asset="web-03", status="open"), say="见下。"),
        act(_call("assign_alert", alert_ids="299,33,13,233,224,28,210,207", assignee="李四")),
        act(
            _call("assign_alert", alert_ids="299,33,233,224,28,207", assignee="李四"),
            _call("assign_alert", alert_ids="13,210", assignee="zhaoliu"),
        ),
    ),
    "b133": (act(_ack(300)), act(_ack(300), _ack(284), look=(_list(keyword="203.0.113.77", status="open"),))),
    "b134": (act(_call("silence_alerts", scope="A162")), act(_hush("A162", 240)), act(_close(162, "benign"))),
    "b143": (
        act(_isolate("pc-dev-15")),
        act(_isolate("pc-dev-15", reason="C2域名，A257")),
        ask(_call("list_proposals"), say="还没有。"),
    ),
}
