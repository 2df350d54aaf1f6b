"""Reading the estate: assets and indicators."""

import re
from typing import Any

from .alerts import is_private
from .intents import Intent
from .keywords import find_keyword
from .patterns import Pattern
from .qualifiers import limit_of
from .residues import find_residue
from .skeletons import Entity, Kind, Skeleton

_TYPES: tuple[tuple[str, str], ...] = (
    ("container_image", r"容器镜像|镜像|容器|\bdocker\b|\bimages?\b|\bcontainers?\b"),
    (
        "repository",
        r"代码仓库|代码仓|仓库|代码库|源码库|源码仓|代码项目|\brepo(?:sitor(?:y|ies)|s)?\b|git\s?项目|git\s?库",
    ),
    ("account", r"账号|账户|云账号|\baccounts?\b"),
    ("website", r"网站|站点|网页|官网|门户站|\bwebsites?\b|\bsites?\b"),
    (
        "application",
        r"应用系统|业务系统|信息系统|应用程序|应用|业务(?!部)|系统(?=有(?!关)|列|清|都|名|来|给|$|吗|呢|,|，)|\bapps?\b|\bapplications?\b",
    ),
    ("network", r"网络设备|网络资产|交换机|路由器|网段|\bnetwork devices?\b|\bswitch(?:es)?\b|\brouters?\b"),
    ("cloud", r"云资源|云产品|云资产|云上资产|云上资源|云服务(?!器)|\bcloud (?:assets?|resources?)\b"),
    (
        "host",
        r"主机|服务器|机器|机子|机儿|虚拟机|虚机|物理机|云服务器|云主机|终端|节点|电脑|裸金属|宿主机|工作站|\becs\b|\bhosts?\b|\bservers?\b|\bvms?\b|\bmachines?\b|\bnodes?\b|\bboxes\b",
    ),
)
ASSET = Pattern(
    "资产|设备|家底|assets?|inventory|cmdb|" + "|".join(words for _, words in _TYPES),
    re.IGNORECASE | re.ASCII,
)
_ROLE = r"(?:数据库|消息队列|网关|跳板机|堡垒机|域控|中间件|缓存)"
_ROLES = Pattern(rf"{_ROLE}(?:都|一共)?有(?:哪|几|多少)|(?:列出|列一下|有哪些|所有的?){_ROLE}\s*$")
_KEEPS = r"负责|名下|归|管|维护|属于|手上|手里|手头|手底下|底下|在带|盯|看着|维着|挂着|owns?\b|owned|owner"
_PEOPLE_WORDS = Pattern(rf"{_KEEPS}|的|有(?:哪|几|多少|什么|啥)", re.IGNORECASE | re.ASCII)
_KEEPS_WHAT = Pattern(
    r"(?:负责|管|维护|看|盯|带)(?:着|的|了)?(?:是|都|些|都是|的是)*(?:哪些|哪几|什么|啥|多少|几)|名下|手底下|(?:手上|手里|手头)(?:都|一共)?(?:有|管)"
)
_OWNER = Pattern(
    r"谁|负责人|责任人|归属|归谁|找谁|联系人|管理员|\bowners?\b|哪[台个](?:机器|机子|主机|服务器|资产|系统|业务|设备)|(?:什么|啥)(?:机器|机子|主机|资产|系统|业务|设备)|资产信息|主机名|属于哪|哪个(?:部门|组|团队)|(?:是|算)?(?:我们|咱们?|我司|公司|自家|自己)(?:家)?的(?:机器|资产|ip|地址|主机|吗|么|不|没|$)",
    re.IGNORECASE | re.ASCII,
)
_KEPT_BY = Pattern(
    r"负责|归谁|谁(?:在)?(?:管|维护|负责)|找谁|责任人|谁的(?:机器|主机|资产)|\bowns?\b|owner",
    re.IGNORECASE | re.ASCII,
)
_INTELLIGENCE = Pattern(
    r"情报|恶意|威胁|\bioc\b|indicator|信誉|黑名单|封(?:禁|了|过|没|锁)|拉黑|来头|来路|底细|前科|案底|口碑|名声|黑不黑|黑历史|脏不脏|干净|靠谱|靠不靠谱|有没有毒|有毒|归属地|哪里的|哪儿的|哪个国家|地理位置|境外|国外|可疑|钓鱼|安[不]?安?全[吗么不]?|有没有问题|有问题|危险|标签|好人|坏人|好的还是坏|whois|\bintel\b|reputation|malicious|\bc2\b|木马|病毒|矿池|威胁等级|画像|溯源|背景",
    re.IGNORECASE | re.ASCII,
)
_NAMED = Pattern(
    r"(?:(?:名字|名称|名)(?:里|中|里头|里面)?有|(?:名字|名称|名)?(?:里|中|里头|里面)?(?:带有?|含有?|包含|叫做?|名为|匹配))\s*(?P<word>[\w.\u4e00-\u9fff-]{1,20}?)(?:字样|关键字|字眼|边)?(?:的|$|\s)"
)
# 这破电脑卡死了: nobody wants a list.
_COMPLAINT = Pattern(
    r"(?:卡死|死机|挂|崩|坏|卡|蓝屏|慢死|重启|宕机|宕|黑屏|没电|断电|炸|丢|烧|冒烟)(?:了|啦|掉了)+[!！。~]*$"
)
_LISTING = Pattern(r"哪|几|多少|列|看|查|清单|有没有|有什么|有啥|名下|负责|搜|找|给我")
_UNSAID = Pattern(
    r"负责人|负责|部门|名下|管理|管着|运行|线上|登记|清单|列表|台账|盘点|盘一下|提供|核对|审计|部署"
)


def read_indicator(skeleton: Skeleton) -> Intent | None:
    """lookup_indicator, or get_asset when the address is one of ours and no intelligence is asked for."""
    entity = skeleton.first(Kind.URL, Kind.HASH, Kind.IP, Kind.ASSET_IP, Kind.DOMAIN)
    if not entity:
        return None
    if entity.kind in (Kind.IP, Kind.ASSET_IP) and _is_asked_as_asset(skeleton, entity):
        return Intent("get_asset", {"asset": entity.value}, 0.95, skeleton.spans())
    return Intent("lookup_indicator", {"value": entity.value}, 0.95, skeleton.spans())


def _is_asked_as_asset(skeleton: Skeleton, address: Entity) -> bool:
    """谁负责 8.8.8.8 asks for an owner; 8.8.8.8 谁啊 only who that stranger is."""
    text = skeleton.text
    if _INTELLIGENCE.search(text):
        return False
    if address.kind is Kind.ASSET_IP or is_private(address.value):
        return True
    asks_owner = _OWNER.search(re.sub(r"谁(?:呀|啊|呢|家)?(?=$|[,，。])|是谁(?=$|[,，])", "", text))
    return bool(asks_owner or _KEPT_BY.search(text) or re.search(r"资产|主机|机器|服务器", text))


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


def read_assets(skeleton: Skeleton, *, command: bool = False) -> Intent | None:
    """list_assets with what narrows it: a type, a person, a word in the name."""
    text = skeleton.text
    person = skeleton.first(Kind.PERSON)
    if _COMPLAINT.search(text) and not _LISTING.search(text):
        return None
    if not ASSET.search(text) and not _ROLES.search(text) and not (person and _KEEPS_WHAT.search(text)):
        return None
    arguments: dict[str, Any] = {}
    keyword = _asset_keyword(skeleton, command=command)
    if keyword:
        arguments["keyword"] = keyword
    kind = _type_of(text.replace(keyword, " ") if keyword else text)
    if kind:
        arguments["asset_type"] = kind
    return Intent("list_assets", arguments | limit_of(skeleton), 0.9, skeleton.spans())


def _said_of_assets(text: str) -> str:
    """The clauses that name assets: 财务需要核算费用 tells why."""
    clauses = [clause for clause in re.split(r"[,，。;；!！?？]", text) if ASSET.search(clause)]
    return "，".join(clauses) or text


def _type_of(text: str) -> str:
    found = [
        (match.start(), name)
        for name, words in _TYPES
        for match in re.finditer(words, text, re.IGNORECASE | re.ASCII)
    ]
    return max(found)[1] if found else ""


def _asset_keyword(skeleton: Skeleton, *, command: bool) -> str:
    person = skeleton.first(Kind.PERSON)
    if person and (command or _PEOPLE_WORDS.search(skeleton.text)):
        return str(person.value)
    named = _NAMED.search(skeleton.text)
    if named:
        return skeleton.expand(named["word"])
    entity = skeleton.first(Kind.NETWORK, Kind.HOST, Kind.DOMAIN)
    if entity:
        return str(entity.value)
    bare = Skeleton(_UNSAID.sub(" ", _said_of_assets(skeleton.text)), skeleton.entities)
    if command:
        return find_residue(bare.text, ASSET)
    return find_keyword(bare, ASSET, of_assets=True)
