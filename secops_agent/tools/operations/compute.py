"""compute: a calculator, so that sums, differences and shares of what was looked up are exact. It knows no names and runs no code."""

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Final

from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading

_LONGEST: Final = 300
_DEEPEST: Final = 20  # parentheses in parentheses, and signs before a number
_DIGITS: Final = 20  # of a number, on either side of the point
_PLACES: Final = 6
_PLAIN: Final = str.maketrans("（），、；×÷－＋％＊／。", "(),,,*/-+%*/.")
_PART: Final = re.compile(
    rf"\s*(?:(?P<number>\d{{1,{_DIGITS}}}(?:\.\d{{1,{_DIGITS}}})?)(?![\d.])|(?P<name>[a-z]{{3,7}})(?=\s*\()|(?P<sign>[-+*/%(),]))"
)
_HELP: Final = (
    "只能写数、+ - * / %、括号和 sum、min、max、avg、round、percent，例如 (120-73)/73、percent(66,129)。"
)


class Compute(Arguments):
    """Arguments of compute."""

    expression: str = argument(
        "算式，只有数、+ - * / %、括号和 sum、min、max、avg、round(数,位数)、percent(部分,总数)",
        max_length=_LONGEST,
    )


def compute(asker: Asker, given: Compute) -> ToolResult:
    """The value as a decimal: exact where it ends within six places, else rounded and marked so."""
    value, is_exact = shown(evaluate(given.expression))
    text = f"{plain(given.expression, _LONGEST)} {'=' if is_exact else '≈'} **{value}**"
    return ToolResult(
        "ok", f"算式={given.expression}", text, {"value": value, "exact": is_exact}, fields=(value,)
    )


def evaluate(expression: str) -> Fraction:
    """Exactly. Raises InvalidInput for what is no such expression."""
    reader = _Reader(_parts_of(expression.translate(_PLAIN).lower()))
    value = reader.sum(0)
    if reader.next:
        raise InvalidInput(f"算式里「{reader.next}」的位置不对。{_HELP}")
    return value


def _parts_of(text: str) -> list[str]:
    """Numbers, names and signs. Raises InvalidInput."""
    parts, at, end = [], 0, len(text.rstrip())
    while at < end:
        found = _PART.match(text, at)
        if found is None:
            raise InvalidInput(f"算式从「{text[at : at + 20].strip()}」起看不懂。{_HELP}")
        parts.append(found.group().strip())
        at = found.end()
    return parts


class _Reader:
    """Reads the parts from left to right; ``next`` is the one that is read next, "" at the end."""

    def __init__(self, parts: list[str]) -> None:
        self._parts = [*parts, ""]
        self._at = 0

    @property
    def next(self) -> str:
        return self._parts[self._at]

    def _take(self) -> str:
        self._at += 1
        return self._parts[self._at - 1]

    def _demand(self, sign: str) -> None:
        if self._take() != sign:
            raise InvalidInput(f"算式里缺少「{sign}」。{_HELP}")

    def sum(self, depth: int) -> Fraction:
        """a + b - c."""
        value = self._product(depth)
        while self.next in ("+", "-"):
            sign = 1 if self._take() == "+" else -1
            value += sign * self._product(depth)
        return value

    def _product(self, depth: int) -> Fraction:
        """a * b / c % d; a % with nothing to divide by behind it is a percentage (`_value`)."""
        value = self._value(depth)
        while self.next in ("*", "/", "%"):
            sign, other = self._take(), self._value(depth)
            if sign != "*" and not other:
                raise InvalidInput("不能除以 0。")
            value = value * other if sign == "*" else value / other if sign == "/" else value % other
        return value

    def _value(self, depth: int) -> Fraction:
        value = self._plain(depth)
        while self.next == "%" and not self._divides():
            self._take()
            value /= 100
        return value

    def _divides(self) -> bool:
        """Is what follows the sign a number, a bracket or a function?"""
        behind = self._parts[self._at + 1]
        return behind == "(" or behind[:1].isalnum()

    def _plain(self, depth: int) -> Fraction:
        if depth > _DEEPEST:
            raise InvalidInput(f"算式里的括号或符号太多层，最多 {_DEEPEST} 层。")
        part = self._take()
        if part in ("+", "-"):
            return (1 if part == "+" else -1) * self._plain(depth + 1)
        if part[:1].isdigit():
            return Fraction(part)
        if part in _FUNCTIONS:
            return self._call(part, depth)
        if part != "(":
            raise InvalidInput(f"算式里「{part or '末尾'}」的位置不对。{_HELP}")
        value = self.sum(depth + 1)
        self._demand(")")
        return value

    def _call(self, name: str, depth: int) -> Fraction:
        self._demand("(")
        values = [self.sum(depth + 1)]
        while self.next == ",":
            self._take()
            values.append(self.sum(depth + 1))
        self._demand(")")
        return _FUNCTIONS[name](values)


def _rounded(values: list[Fraction]) -> Fraction:
    """round(2.345, 2), half up, as people do. Raises InvalidInput."""
    value, places = (*values, Fraction(0))[:2]
    if len(values) > 2 or places.denominator != 1 or not 0 <= places <= _PLACES:
        raise InvalidInput(f"round 要写成 round(数) 或 round(数, 位数)，位数从 0 到 {_PLACES}。")
    scaled = value * 10 ** int(places)
    half = Fraction(1, 2) if scaled >= 0 else Fraction(-1, 2)
    return Fraction(int(scaled + half), 10 ** int(places))


def _percentage(values: list[Fraction]) -> Fraction:
    """percent(66, 129): how many hundredths the first is of the second. Raises InvalidInput."""
    if len(values) != 2:
        raise InvalidInput("percent 要写成 percent(部分, 总数)。")
    if not values[1]:
        raise InvalidInput("总数是 0，算不出百分比。")
    return values[0] * 100 / values[1]


_FUNCTIONS: Final[Mapping[str, Callable[[list[Fraction]], Fraction]]] = {
    "sum": lambda values: sum(values, Fraction()), "min": min, "max": max, "round": _rounded, "percent": _percentage,
    "avg": lambda values: sum(values, Fraction()) / len(values),
}  # fmt: skip


def shown(value: Fraction) -> tuple[str, bool]:
    """As a decimal without an exponent, and whether it is exact."""
    rounded = _rounded([value, Fraction(_PLACES)])
    digits = f"{abs(int(rounded * 10**_PLACES)):0{_PLACES + 1}d}"
    text = f"{digits[:-_PLACES]}.{digits[-_PLACES:]}".rstrip("0").rstrip(".")
    return f"-{text}" if rounded < 0 else text, rounded == value


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "compute",
        "计算",
        "算一个算式，结果精确。差、和、占比、平均不要心算，用它。",
        Compute,
        compute,
    ),
)
