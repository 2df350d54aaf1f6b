"""Numbers as people type them: digits, 二十四, 两, 半."""

import re

_DIGITS = {
    char: value
    for value, chars in enumerate(("零〇", "一", "二两俩", "三仨", *"四五六七八九"))
    for char in chars
}
_UNITS = {"十": 10, "百": 100, "千": 1000}
_A_FEW = 3


def read_number(text: str) -> float | None:
    """24, "二十四", "两", "半" (0.5), "几" (3), "两三" (3); None when it is no number."""
    if text.startswith("半"):
        return 0.5
    if text == "几":
        return _A_FEW
    digits = [_DIGITS[char] for char in text if char in _DIGITS]
    if len(text) == len(digits) == 2 and digits[1] - digits[0] in (1, 2):
        return digits[1]
    return _read(text)


def read_integer(text: str) -> int | None:
    """A whole number, or None; "两三" is 23 here, as in the number of an alert."""
    value = _read(text)
    return int(value) if value is not None and value == int(value) else None


def _read(text: str) -> float | None:
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return float(text)
    if not text or any(char not in _DIGITS and char not in _UNITS for char in text):
        return None
    if not any(char in _UNITS for char in text):
        return float("".join(str(_DIGITS[char]) for char in text))
    total, digit = 0, 1 if text[0] in _UNITS else 0
    for char in text:
        total, digit = (total + max(digit, 1) * _UNITS[char], 0) if char in _UNITS else (total, _DIGITS[char])
    return float(total + (digit if text[-1] in _DIGITS else 0))
