"""Numbers as people type them: digits, 二十四, 两, 半."""

_DIGITS = {
    "零": 0,
    "〇": 0,
    "一": 1,
    "二": 2,
    "两": 2,
    "俩": 2,
    "三": 3,
    "仨": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
}
_UNITS = {"十": 10, "百": 100, "千": 1000}
A_FEW = 3
NUMBER = r"(?:\d+(?:\.\d+)?|[零〇一二两俩三仨四五六七八九十百千]+|半拉子?|半|几)"
INTEGER = r"(?:\d{1,9}|[零〇一二两三四五六七八九十百千]+)"


def read_number(text: str) -> float | None:
    """24, "二十四", "两", "半" (0.5), "几" (3), "两三" (3); None when it is no number."""
    if text.startswith("半"):
        return 0.5
    if text == "几":
        return A_FEW
    if (
        len(text) == 2
        and text[0] in _DIGITS
        and _DIGITS.get(text[1]) in (_DIGITS[text[0]] + 1, _DIGITS[text[0]] + 2)
    ):
        return float(_DIGITS[text[1]])
    return _read(text)


def read_integer(text: str) -> int | None:
    """A whole number, or None; "两三" is 23 here, as in the number of an alert."""
    value = _read(text)
    return int(value) if value is not None and value == int(value) else None


def _read(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return _read_chinese(text)


def _read_chinese(text: str) -> float | None:
    if not text or any(char not in _DIGITS and char not in _UNITS for char in text):
        return None
    if all(char in _DIGITS for char in text):
        return float("".join(str(_DIGITS[char]) for char in text))
    total, digit = 0, 1 if text[0] in _UNITS else 0
    for char in text:
        if char in _UNITS:
            total, digit = total + max(digit, 1) * _UNITS[char], 0
        else:
            digit = _DIGITS[char]
    return float(total + (digit if text[-1] in _DIGITS else 0))
