"""Encoding of a text: UTF-8, UTF-16, UTF-32, or GBK where that is sure."""

import codecs
import re

from bifang.core.errors import InvalidInput

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_XML_ENCODING = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_CHINESE_ENCODINGS = {"gb2312", "gbk", "gb18030", "cp936", "x-gbk"}


def detect_encoding(sample: bytes, name: str) -> str:
    """ "utf-8" or the codec that is sure; InvalidInput when it is binary or no encoding is sure."""
    for mark, encoding in _BOMS:
        if sample.startswith(mark):
            return encoding
    if b"\0" in sample[:4096]:
        return _wide_encoding(sample[:4096], name)
    declared = _XML_ENCODING.search(sample[:512])
    if declared and declared[1].decode().lower() in _CHINESE_ENCODINGS:
        return "gb18030" if _decodes(sample, "gb18030") and not _decodes_beyond_ascii(sample) else "utf-8"
    if _decodes(sample, "utf-8"):
        return "utf-8"
    if _looks_gbk(sample):
        return "gb18030"
    if _mostly_utf8(sample):
        return "utf-8"
    raise InvalidInput(f"{name} 不是 UTF-8，也不能确认是 GBK 编码：请另存为 UTF-8 后重新导入。")


def _wide_encoding(sample: bytes, name: str) -> str:
    """UTF-16 without a mark shows as text with every other byte zero."""
    even, odd = sample[0::2], sample[1::2]
    if odd.count(0) > 0.9 * len(odd) and not even.count(0):
        return "utf-16-le"
    if even.count(0) > 0.9 * len(even) and not odd.count(0):
        return "utf-16-be"
    raise InvalidInput(f"{name} 含有 NUL 字节，像是二进制文件而不是文本：请检查导出的格式。")


def _decodes(sample: bytes, encoding: str) -> bool:
    """Whether the sample is of this encoding; a character cut at the end is fine."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeError:
        return False
    return True


def _decodes_beyond_ascii(sample: bytes) -> bool:
    return not sample.isascii() and _decodes(sample, "utf-8")


def _mostly_utf8(sample: bytes) -> bool:
    """A log with a few damaged lines: those lines are rejected one by one where they are read."""
    lines = sample.split(b"\n")
    return sum(not _decodes(line, "utf-8") for line in lines) <= len(lines) // 10


def _looks_gbk(sample: bytes) -> bool:
    """Sure when it decodes and nearly all of it beyond ASCII is common Chinese text."""
    if not _decodes(sample, "gb18030"):
        return False
    text = codecs.getincrementaldecoder("gb18030")().decode(sample)
    wide = [char for char in text if ord(char) > 127]
    common = sum("\u4e00" <= char <= "\u9fff" or "\u3000" <= char <= "\u303f" or "\uff00" <= char <= "\uffef"
                 for char in wide)  # fmt: skip
    return len(wide) > 0 and common >= 0.9 * len(wide)
