"""Reading vulnerabilities: lookup_cve, affected_assets, list_vulnerabilities."""

import re
from typing import Any

from .alerts import NOUN as ALERT_NOUN
from .alerts import asset_of
from .intents import Intent
from .patterns import Pattern
from .qualifiers import limit_of, severity_of
from .skeletons import Kind, Skeleton

VULNERABILITY = Pattern(
    r"漏洞|(?<![黑山地空防补堵溶岩树桥耳涵])洞(?![察悉穿口庭房])|弱点|脆弱性|补丁|\bvuln(?:erabilit(?:y|ies)|s)?\b|\bcves?\b|\bkev\b|\bpatch(?:es)?\b|在野利用|0day|1day|nday",
    re.IGNORECASE | re.ASCII,
)
_OURS = r"我们|咱|我司|我家|本司|公司|单位|集团|内网|咱家|环境里|家里|资产|主机|机器|机子|服务器|设备|节点|终端|系统(?!版本)"
_WHICH = r"(?:哪[些几台个套]|几台|多少台|多少个?(?:资产|主机|机器|服务器|系统))"
_AFFECTED = Pattern(
    rf"影响(?!力|因子|大不大|大吗|多大)|受.{{0,4}}影响|波及|殃及|祸害|祸及|坑(?:到|害)|连累|害到|遭殃|牵扯|牵连|涉及|中[招枪标]|躺枪|中了|中没|会不会中|有没有中|会中|能中|漏网|沾[上边到]|踩(?:坑|雷)|有份|谁(?:还|都)?没|还有谁|跑不掉|扛得住|顶得住|防得住|防住|暴露|受害|"
    rf"{_WHICH}.{{0,6}}(?:{_OURS}|镜像|应用|组件|仓库|业务|没[修补打]|中|受|有|存在|需要|得|要|该|还)|(?:{_OURS}).{{0,12}}(?:有没有|有|存在|是否|在用|受|需要|得|没|还|要|会)|"
    r"存在|排查范围|影响范围|范围|谁家|(?:得|需要|要|该|没|还没|未|待)(?:补|修复?|打|升级|更新|处理)的?(?:机器|主机|服务器|资产|系统|设备)|有没有(?!补丁|poc|exp|修复|利用|在野|办法|方案|缓解|公开|人|被|官方|临时)|资产|主机|机器|服务器|"
    r"affect|impact|\b(?:hosts?|assets?|servers?|machines?)\b|which (?:hosts?|assets?|servers?|machines?)|vulnerable to|are we|do we|exposed|exposure|our ",
    re.IGNORECASE | re.ASCII,
)
_DETAIL = Pattern(
    r"是(?:什么|啥|哪|不是|个)|什么漏洞|啥[洞漏]|详情|详细|怎么修|如何修|咋修|修复|介绍|讲讲|说说|科普|cvss|评分|分数|几分|打几分|多少分|严重|厉害|猛|危险|危害|原理|成因|exp|poc|补丁|版本|利用|缓解|临时|影响(?:大不大|大吗|多大|力)|什么时候(?:公布|爆|出)|公布|披露",
    re.IGNORECASE | re.ASCII,
)
_ABOUT_ITSELF = Pattern(
    r"影响(?:哪些|什么|的|啥|哪个)?\s*[a-z0-9 ]{0,12}(?:软件)?(?:版本|组件|软件|产品)|有没有(?:补丁|poc|exp|修复|现成|公开|在野|缓解|临时)|(?:哪个|什么|啥|几)版本|(?:有|没)?(?:人|黑客|黑产)?在(?:打|用|利用)",
    re.IGNORECASE | re.ASCII,
)
_ACTORS = r"(?:人家?|别人|黑客|黑产|攻击者|对方|对手|勒索(?:团伙|组织|软件)?|apt|坏人|外面|团伙|组织|真实)"
_KEV = Pattern(
    rf"kev|在野|野外|(?:正在?|已经?|在|老)?被(?:{_ACTORS}|广泛|大规模|实际|主动|积极|频繁|经常|已知)*(?:在)?(?:利用|用|打|使用|武器化)(?!不)|(?:正在?|在)(?:利用|打)的?(?:洞|漏洞)|已利用|已知(?:被)?利用|(?:现成|公开|可用|成熟)?的?\s*(?:exp|poc|利用代码|利用工具|武器化)(?=\s*(?:的|漏洞|洞|有|流出|公开|$))|"
    rf"有(?:现成|公开|可用|成熟|的)*\s*(?:exp|poc|利用)|{_ACTORS}(?:正|在|都|已经?)*(?:在)?(?:利用|用|打)(?:着|过)?的|{_ACTORS}(?:都|已经?|还|也)*(?:正在?|在)(?:利用|用|打)|利用中的|\bexploited\b|in the wild|\bexploits?\b",
    re.IGNORECASE | re.ASCII,
)
_FIXES = r"(?:补丁|修复(?:方案|版本|包|程序|措施|办法)|升级(?:包|版本|方案)|解决方案|官方修复|patch(?:es)?|fix(?:es)?|安全更新)"
_NO_FIX = Pattern(
    rf"(?:没有?|无|缺|暂无|尚无|并无|(?:未|没有?|尚未)(?:提供|发布|给出|推出|放出|公布|发出|有|出|发|见)?(?:过)?|不能|无法|没法|没得)(?:可用|任何|相应|对应|现成)?的?(?:官方|厂商)?的?\s*{_FIXES}|"
    rf"{_FIXES}(?:还|都|也|暂时|目前|尚)*(?:没|未)(?:有|出|发|发布|放出|跟上|见)|no (?:fix|patch)|unpatch(?:able|ed)|unfixable|without (?:a )?(?:fix|patch)|(?:打|装|上)不了补丁|(?:不能|无法|没法|难以|没办法)(?:直接|马上|立刻)?(?:打|装|升级|修|补)|修不了|修不掉|没得(?:修|补|治)|没(?:有)?(?:办法|法子|招)(?:修|补|打|治|解决)|没法(?:修|补)|无解|补不了",
    re.IGNORECASE | re.ASCII,
)
_FIX = Pattern(
    rf"(?<![不没])(?<!尚未)(?<!还未)(?:有|出了?|已?(?:经)?(?:发布|提供|给出|推出|公布|放出)了?|可用|能打|能装|能上|可以打|可打|已有|能|可以?|可供)(?:直接|马上|立刻|立马|现成|可用|对应|相应|已经|现在|官方|厂商|打|装|上|下载|用|的|\s)*{_FIXES}(?!哪|什么|啥|没)|(?<![不没还])有(?:官方|厂商|现成|可用|对应|的)*修复(?=了?的|漏洞|洞|$)|{_FIXES}(?:已经?|都)?(?:有|出|发布|放出来)了?(?=的|漏洞|洞|$|[,，])|可(?:以)?(?:通过)?(?:升级|打补丁|更新|更新版本)(?:来|就能|就可以|即可)?(?:修复|解决|搞定)?(?=的|漏洞|洞|$)|(?:可以?|能够|能|可供)(?:我们|直接|马上|立刻|立即|自行|安排|着手|开始|进行|组织)*修复|能(?:直接|马上|立刻|立马)?修(?:复|掉|好)?|可(?:以)?升级|能(?:直接|马上)?升级|能(?:直接|马上)?补|可(?:以)?(?:直接)?补(?!充)|有(?:得|办法|法子)(?:修|补)|fix(?:able| available)|patch(?:es)? available|patchable|with (?:a )?(?:fix|patch)",
    re.IGNORECASE | re.ASCII,
)
_FIXING = Pattern(
    r"(?:要|需要|该|得|待|必须)(?:修复?|升级|打|补)(?:的)?(?:什么|啥|哪些|哪几)|风险点|安全隐患|隐患|薄弱点|短板|脆弱"
)


def read_vulnerability_id(skeleton: Skeleton) -> Intent | None:
    """lookup_cve or affected_assets when an id was said."""
    entity = skeleton.first(Kind.CVE)
    if not entity or ALERT_NOUN.search(skeleton.text):
        return None
    named = skeleton.first(Kind.ASSET, Kind.ASSET_IP)
    affected = named is not None or (_AFFECTED.search(skeleton.text) and not _is_detail(skeleton.text))
    return Intent(
        "affected_assets" if affected else "lookup_cve", {"cve_id": entity.value}, 1.0, skeleton.spans()
    )


def _is_detail(text: str) -> bool:
    """A question about the vulnerability itself, even if 影响 occurs (影响版本, 有没有补丁)."""
    ours = re.search(rf"{_OURS}|谁(?:还|都)?没|还有谁|哪些|哪几|几台|受影响", text)
    return (bool(_DETAIL.search(text)) and not ours) or bool(_ABOUT_ITSELF.search(text))


def read_vulnerabilities(skeleton: Skeleton) -> Intent | None:
    """list_vulnerabilities from a sentence about vulnerabilities or patches."""
    text = skeleton.text
    if not VULNERABILITY.search(text) and not _is_fixing(skeleton):
        return None
    arguments: dict[str, Any] = severity_of(skeleton) | asset_of(skeleton) | limit_of(skeleton)
    arguments |= kev_of(text) | fix_of(text)
    return Intent("list_vulnerabilities", arguments, 0.9, skeleton.spans())


def kev_of(text: str) -> dict[str, Any]:
    """``kev_only`` if exploited ones were asked for."""
    return {"kev_only": True} if _KEV.search(text) else {}


def fix_of(text: str) -> dict[str, Any]:
    """``fix_available`` if patches were spoken of."""
    if _NO_FIX.search(text):
        return {"fix_available": False}
    return {"fix_available": True} if _FIX.search(text) else {}


def _is_fixing(skeleton: Skeleton) -> bool:
    return bool(asset_of(skeleton) and _FIXING.search(skeleton.text))
