"""Reading the estate: assets, vulnerabilities, CVE numbers and indicators."""

import re
from typing import Any

from .alerts import NOUN as ALERT_NOUN
from .alerts import asset_of, is_private
from .intents import Intent
from .qualifiers import limit_of, severity_of
from .residues import find_residue
from .skeletons import Kind, Skeleton

VULNERABILITY = re.compile(
    r"漏洞|(?<![黑山地空防补堵])洞(?![察悉穿口庭])|弱点|脆弱性|补丁|vuln(?:erabilit(?:y|ies)|s)?|\bcves?\b|\bkev\b|patch(?:es)?|在野利用|0day|1day|nday",
    re.IGNORECASE,
)
_TYPES: tuple[tuple[str, str], ...] = (
    ("container_image", r"容器镜像|镜像|容器|docker|image"),
    ("repository", r"代码仓库|仓库|代码库|源码库|repo(?:sitor(?:y|ies)|s)?|git项目"),
    ("account", r"账号|账户|云账号|accounts?"),
    ("website", r"网站|站点|网页|官网|websites?"),
    (
        "application",
        r"应用系统|业务系统|应用程序|应用|业务|系统(?=有|列|清|都|$|吗|呢)|apps?(?![a-z])|applications?",
    ),
    ("network", r"网络设备|交换机|路由器|网段"),
    ("cloud", r"云资源|云产品|云资产|云服务(?!器)"),
    ("host", r"主机|服务器|机器|虚拟机|云服务器|终端|节点|电脑|ecs|hosts?|servers?|vms?(?![a-z])|machines?"),
)
ASSET = re.compile("资产|设备|assets?|" + "|".join(words for _, words in _TYPES), re.IGNORECASE)
_ROLE = r"(?:数据库|消息队列|网关|跳板机|堡垒机|域控|中间件|缓存)"
_ROLES = re.compile(rf"{_ROLE}(?:都|一共)?有(?:哪|几|多少)|(?:列出|列一下|有哪些|所有的?){_ROLE}\s*$")
_PEOPLE_WORDS = re.compile(r"负责|名下|归|管|维护|属于|手上|手里|owner|的")
_OWNER = re.compile(
    r"谁|负责人|责任人|归属|归谁|找谁|联系人|管理员|owner|哪[台个](?:机器|主机|服务器|资产|系统|业务)|什么(?:机器|主机|资产|系统|业务)|资产信息|主机名|属于哪|是我们的|啥机器",
    re.IGNORECASE,
)
_INTELLIGENCE = re.compile(
    r"情报|恶意|威胁|ioc|indicator|信誉|黑名单|封(?:禁|了|过|没|锁)|拉黑|来头|归属地|哪里的|哪个国家|地理位置|境外|可疑|钓鱼|安全吗|有没有问题|危险|标签|whois|intel|reputation|c2|木马|病毒",
    re.IGNORECASE,
)
_AFFECTED = re.compile(
    r"影响|受.{0,4}影响|波及|涉及|中招|中了|中没|有没有中|哪[些几台个].{0,3}(?:资产|主机|机器|服务器|系统|镜像|应用|设备|组件|仓库)|存在|我们(?:有|是否|在用|受|环境)|有没有|资产|主机|机器|服务器|暴露面|排查范围|范围|谁家|"
    r"affect|impact|which (?:hosts?|assets?)|vulnerable to|exposed",
    re.IGNORECASE,
)
_DETAIL = re.compile(
    r"是(?:什么|啥)|什么漏洞|详情|怎么修|如何修|修复|介绍|cvss|评分|分数|严重|危害|原理|exp|poc|补丁|版本|利用",
    re.IGNORECASE,
)
_KEV = re.compile(
    r"kev|在野|被利用|已利用|已知被?利用|正在被?利用|有(?:现成)?(?:exp|poc|利用)|野外利用|已知利用|利用中的|exploited",
    re.IGNORECASE,
)
_NO_FIX = re.compile(
    r"(?:没有?|无|缺|暂无|尚无|未(?:有|发布|出)|还没有?出?|不能|无法|没法)(?:可用)?(?:的)?(?:官方)?(?:补丁|修复(?:方案|版本)|patch)|no (?:fix|patch)|unpatch|unfixable|打不了补丁|修不了",
    re.IGNORECASE,
)
_FIX = re.compile(
    r"(?:有|出了?|发布了?|可用|能打|可以打|可打|已有)(?:可用)?(?:的)?(?:官方)?(?:补丁|修复(?:方案|版本)|patch)|可(?:以)?修复|能修(?:复)?|可升级|fix(?:able| available)|patch available|patchable",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"(?:名字|名称|名)?(?:里|中)?(?:带有?|含有?|包含|叫做?|名为|匹配)\s*(?P<word>[\w.\u4e00-\u9fff-]{1,20}?)(?:字样|关键字)?(?:的|$|\s)"
)
_VULNERABILITY_FILLER = re.compile(
    r"高危|严重|中危|低危|利用|修复|修|打|已知|在野|被|存在|受|影响", re.IGNORECASE
)


def read_vulnerability_id(skeleton: Skeleton) -> Intent | None:
    """lookup_cve or affected_assets when an id was said."""
    entity = skeleton.first(Kind.CVE)
    if not entity:
        return None
    if ALERT_NOUN.search(skeleton.text):
        return None
    named = skeleton.first(Kind.ASSET, Kind.ASSET_IP)
    affected = named is not None or (_AFFECTED.search(skeleton.text) and not _is_detail(skeleton.text))
    return Intent(
        "affected_assets" if affected else "lookup_cve", {"cve_id": entity.value}, 1.0, skeleton.spans()
    )


def _is_detail(text: str) -> bool:
    """A question about the vulnerability itself, even if 影响 occurs (影响版本, 有没有补丁)."""
    ours = re.search(r"我们|咱|我司|公司|资产|主机|机器|服务器|系统受|哪些|哪几|受影响", text)
    return (bool(_DETAIL.search(text)) and not ours) or bool(
        re.search(
            r"影响(?:哪些|什么|的)?(?:版本|组件|软件|产品)|有没有(?:补丁|poc|exp|修复)",
            text,
            re.IGNORECASE,
        )
    )


def read_vulnerabilities(skeleton: Skeleton) -> Intent | None:
    """list_vulnerabilities from a sentence about vulnerabilities or patches."""
    text = skeleton.text
    if not VULNERABILITY.search(text) and not _is_fixing(skeleton):
        return None
    arguments: dict[str, Any] = severity_of(skeleton) | asset_of(skeleton) | limit_of(skeleton)
    arguments |= kev_of(text) | fix_of(text)
    odd = find_residue(_VULNERABILITY_FILLER.sub(" ", text), VULNERABILITY)
    return Intent("list_vulnerabilities", arguments, 0.7 if odd else 0.95, skeleton.spans())


def kev_of(text: str) -> dict[str, Any]:
    """``kev_only`` if exploited ones were asked for."""
    return {"kev_only": True} if _KEV.search(text) else {}


def fix_of(text: str) -> dict[str, Any]:
    """``fix_available`` if patches were spoken of."""
    if _NO_FIX.search(text):
        return {"fix_available": False}
    return {"fix_available": True} if _FIX.search(text) else {}


def _is_fixing(skeleton: Skeleton) -> bool:
    return bool(
        asset_of(skeleton)
        and re.search(
            r"(?:要|需要|该|得|待)(?:修复?|升级|打)(?:什么|啥|哪些)|风险点|安全隐患|隐患", skeleton.text
        )
    )


def read_indicator(skeleton: Skeleton) -> Intent | None:
    """lookup_indicator, or get_asset when the address is one of ours and no intelligence is asked for."""
    entity = skeleton.first(Kind.URL, Kind.HASH, Kind.IP, Kind.ASSET_IP, Kind.DOMAIN)
    if not entity:
        return None
    ours = entity.kind is Kind.ASSET_IP or (entity.kind is Kind.IP and is_private(entity.value))
    asks_owner = bool(_OWNER.search(skeleton.text)) and entity.kind in (Kind.IP, Kind.ASSET_IP)
    asset = re.search(r"资产|主机|机器|服务器", skeleton.text) and entity.kind in (Kind.IP, Kind.ASSET_IP)
    if not _INTELLIGENCE.search(skeleton.text) and (asks_owner or asset or ours):
        return Intent("get_asset", {"asset": entity.value}, 0.95, skeleton.spans())
    return Intent("lookup_indicator", {"value": entity.value}, 0.95, skeleton.spans())


def read_asset(skeleton: Skeleton) -> Intent | None:
    """get_asset for one named asset; a name nobody knows needs a word that says it is an asset."""
    entity = skeleton.first(Kind.ASSET)
    if entity:
        return Intent("get_asset", {"asset": entity.value}, 0.9, skeleton.spans())
    unknown = skeleton.first(Kind.HOST)
    if unknown and (
        _OWNER.search(skeleton.text)
        or ASSET.search(skeleton.text)
        or re.search(r"查|看|信息|详情|ip|情况", skeleton.text)
    ):
        return Intent("get_asset", {"asset": unknown.value}, 0.7, skeleton.spans())
    return None


def read_assets(skeleton: Skeleton) -> Intent | None:
    """list_assets with what narrows it: a type, a person, a word in the name."""
    text = skeleton.text
    person = skeleton.first(Kind.PERSON)
    if (
        not ASSET.search(text)
        and not _ROLES.search(text)
        and not (person and re.search(r"负责(?:哪些|什么|啥)|名下", text))
    ):
        return None
    arguments: dict[str, Any] = {}
    keyword = _asset_keyword(skeleton)
    if keyword:
        arguments["keyword"] = keyword
    kind = _type_of(text.replace(keyword, " ") if keyword else text)
    if kind:
        arguments["asset_type"] = kind
    return Intent(
        "list_assets", arguments | limit_of(skeleton), 0.9 if len(text) < 40 else 0.6, skeleton.spans()
    )


def _type_of(text: str) -> str:
    found = [
        (match.start(), name) for name, words in _TYPES for match in re.finditer(words, text, re.IGNORECASE)
    ]
    return max(found)[1] if found else ""


def _asset_keyword(skeleton: Skeleton) -> str:
    person = skeleton.first(Kind.PERSON)
    if person and _PEOPLE_WORDS.search(skeleton.text):
        return str(person.value)
    named = _NAMED.search(skeleton.text)
    if named:
        return skeleton.expand(named["word"])
    entity = skeleton.first(Kind.NETWORK, Kind.HOST, Kind.DOMAIN)
    return (
        str(entity.value)
        if entity
        else find_residue(re.sub(r"负责人|负责|部门|名下|管理|运行|线上|登记", " ", skeleton.text), ASSET)
    )
