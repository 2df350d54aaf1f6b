"""Locations of public addresses: country or region, from a file of the operator's; nothing is asked over a network.

The file (``BIFANG_IP_LOCATION_DB``) is a MaxMind DB with ``country_code`` (ip-location-db) or ``country.iso_code``.
It is opened, memory-mapped, at the first question of a process.
"""

import logging
from functools import lru_cache
from typing import Any, Final, Protocol

from django.conf import settings

from secops_agent.services.records.indicators import is_internal

# Countries and regions by their ISO 3166 code, in Chinese: those that alerts name; of the others the code is shown.

NAMES: Final = {
    "CN": "中国", "HK": "中国香港", "MO": "中国澳门", "TW": "中国台湾", "US": "美国", "JP": "日本", "KR": "韩国", "KP": "朝鲜",
    "SG": "新加坡", "MY": "马来西亚", "TH": "泰国", "VN": "越南", "PH": "菲律宾", "ID": "印度尼西亚", "IN": "印度", "PK": "巴基斯坦",
    "BD": "孟加拉国", "LK": "斯里兰卡", "NP": "尼泊尔", "MM": "缅甸", "KH": "柬埔寨", "LA": "老挝", "MN": "蒙古", "KZ": "哈萨克斯坦",
    "UZ": "乌兹别克斯坦", "KG": "吉尔吉斯斯坦", "IR": "伊朗", "IQ": "伊拉克", "IL": "以色列", "TR": "土耳其", "SA": "沙特阿拉伯",
    "AE": "阿联酋", "QA": "卡塔尔", "RU": "俄罗斯", "UA": "乌克兰", "BY": "白俄罗斯", "GB": "英国", "IE": "爱尔兰", "FR": "法国",
    "DE": "德国", "NL": "荷兰", "BE": "比利时", "LU": "卢森堡", "CH": "瑞士", "AT": "奥地利", "IT": "意大利", "ES": "西班牙", "PT": "葡萄牙",
    "SE": "瑞典", "NO": "挪威", "FI": "芬兰", "DK": "丹麦", "IS": "冰岛", "PL": "波兰", "CZ": "捷克", "SK": "斯洛伐克", "HU": "匈牙利",
    "RO": "罗马尼亚", "BG": "保加利亚", "GR": "希腊", "RS": "塞尔维亚", "HR": "克罗地亚", "SI": "斯洛文尼亚", "MD": "摩尔多瓦",
    "LT": "立陶宛", "LV": "拉脱维亚", "EE": "爱沙尼亚", "CY": "塞浦路斯", "CA": "加拿大", "MX": "墨西哥", "BR": "巴西", "AR": "阿根廷",
    "CL": "智利", "CO": "哥伦比亚", "PE": "秘鲁", "VE": "委内瑞拉", "PA": "巴拿马", "SC": "塞舌尔", "BZ": "伯利兹", "AU": "澳大利亚",
    "NZ": "新西兰", "ZA": "南非", "EG": "埃及", "NG": "尼日利亚", "KE": "肯尼亚", "MA": "摩洛哥", "GE": "格鲁吉亚", "AM": "亚美尼亚",
    "AZ": "阿塞拜疆", "EU": "欧盟",
}  # fmt: skip


log = logging.getLogger(__name__)
ATTRIBUTION: Final = "IP 归属地来自运维提供的离线库，按登记信息，可能不准；ip-location-db 的数据来自 NRO（nro.net，CC BY 4.0）。"
# Tried with the broken files of maxmind/MaxMind-DB and with flipped bytes. InvalidDatabaseError is a RuntimeError.
_DAMAGED = (OSError, RuntimeError, ValueError, TypeError, LookupError)


class _Reader(Protocol):
    def get(self, ip_address: str) -> Any: ...


@lru_cache(maxsize=1)
def _reader(path: str) -> _Reader | None:
    """None where it cannot be read: then nothing is said, and the log says why, once."""
    import maxminddb  # only a process that is asked needs it

    try:
        # The reader in Python: some microseconds an address are nothing here, and a damaged file is no crash in C.
        return maxminddb.open_database(path, maxminddb.MODE_MMAP)
    except _DAMAGED as error:
        log.error("IP 归属地库 %s 打不开，不显示归属地：%s。请检查 BIFANG_IP_LOCATION_DB。", path, error)
        return None


# Everybody's: an alert names it because a name was looked up, or because its source address was written by somebody.
_RESOLVERS: Final = {
    "8.8.8.8": "Google", "8.8.4.4": "Google", "1.1.1.1": "Cloudflare", "1.0.0.1": "Cloudflare", "9.9.9.9": "Quad9",
    "114.114.114.114": "114DNS", "114.114.115.115": "114DNS", "223.5.5.5": "阿里", "223.6.6.6": "阿里",
    "119.29.29.29": "腾讯", "180.76.76.76": "百度", "101.226.4.6": "360", "208.67.222.222": "OpenDNS",
}  # fmt: skip


def place_of(address: str) -> str:
    """Google 的公共 DNS 服务器，美国: whose well-known server it is, and where it is registered; "" for neither."""
    return "，".join(filter(None, [resolver_of(address), location_of(address)]))


def resolver_of(address: str) -> str:
    """Google 的公共 DNS 服务器; "" where it is none that is well known."""
    owner = _RESOLVERS.get(address, "")
    return owner and f"{owner} 的公共 DNS 服务器"


def location_of(address: str) -> str:
    """中国; "" for internal addresses, and where nothing is known."""
    path: str = settings.IP_LOCATION_DB
    if not path or is_internal(address):
        return ""
    reader = _reader(path)
    try:
        found = reader.get(address.strip("[]")) if reader else None
    except _DAMAGED as error:
        log.warning("IP 归属地库查不了 %s，不显示归属地：%s。请重新下载这个库。", address, error)
        return ""
    code = _code(found)
    return NAMES.get(code, code)


def _code(found: Any) -> str:
    if not isinstance(found, dict):
        return ""
    country = found.get("country")
    code = found.get("country_code") or (country.get("iso_code") if isinstance(country, dict) else "")
    return code if isinstance(code, str) and len(code) == 2 and code.isascii() and code.isalpha() else ""
