"""The offline mode behind the LLM port: no model, no Django, deterministic.

`understand` turns one sentence into an `Intent` (a tool and its arguments), a `Control` word, a category of
small talk, or nothing with three suggestions. An action is read by its parts, in any order: one object, one
action, and every other word known and harmless (`orders`); negations, questions, quotations, conditions,
reports and plans never start one. An argument that was not said is absent. What the arguments mean (tools are
written against this):

=====================  =====================================================================================
severity               one level or several, comma-joined in descending order: critical, high, medium, low,
                       info. 高危 is "high", 严重 "critical", 高危及以上 "critical,high"
status                 open (未处理, 待处理, 未关闭), acknowledged (处理中, 已确认), closed (已关闭, 已处理)
since_hours            int ≥ 1, whole hours back from now, rounded up. A range is told by its start only:
                       昨天 reaches back to yesterday 00:00, 本周 to Monday, 昨晚 to yesterday 18:00
limit                  int 1..1000, rows
keyword                as typed, and only on evidence (`keywords`): a rule, source or attack (暴力破解, WAF), what
                       is quoted or marked (关于 X 的, X 相关), an indicator, or a person's name or
                       staff id (alerts of that person; 我的 gives the asker's staff id; for list_assets:
                       the owner, or a part of the name)
asset                  the canonical name from the lexicon, or the IP address as it was said, or a host-like
                       word nobody knows (the tool then says so)
asset_type             host, container_image, repository, application, account, website, network, cloud
group_by               severity, status, source, rule, asset, day, hour, verdict, assignee; absent: the tool's
                       default
alert_id, schedule_id  int
assignee               the person's name from the lexicon; the staff id if that was typed; 我 is the asker
verdict                true_positive, false_positive, benign, duplicate; absent when not said: the tool asks
note, reason           free text, without 备注/原因 in front
cve_id                 upper case with dashes: CVE-…, CNVD-…, CNNVD-…, GHSA-…
kev_only               only True; fix_available True (有补丁) or False (没有补丁)
value                  an indicator, refanged: IP, domain (lower case), URL, hash (lower case)
query                  the topic: 如何处置勒索病毒 → 勒索病毒, 如何隔离主机 → 隔离主机
period                 today, yesterday, this_week, last_week, this_month, last_month
task, cron             the sentence to run (a question the grammar understands, never an action); five fields
                       in local time (Asia/Shanghai), days of the week 0-6 from Sunday
ip, duration_minutes   the address, private ones too (the tool refuses them); minutes, 0 is 永久, absent is
                       the connector's default
=====================  =====================================================================================

Several alerts in one action, networks, 解封, and hosts outside the lexicon are not understood, with a hint.
"""

from .commands import COMMANDS, render_help
from .controls import find_control
from .intents import ACTION_TOOLS, READ_TOOLS, Control, Intent, Understanding
from .lexicon import Lexicon
from .model import NOTICE, Offline
from .understanding import understand

__all__ = [
    "ACTION_TOOLS",
    "COMMANDS",
    "NOTICE",
    "READ_TOOLS",
    "Control",
    "Intent",
    "Lexicon",
    "Offline",
    "Understanding",
    "find_control",
    "render_help",
    "understand",
]
