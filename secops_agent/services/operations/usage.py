"""Usage of models: tokens, their cost, and how much of the day's budget is left."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db.models import Count, QuerySet, Sum
from django.utils import timezone

from bifang.core.database import db
from bifang.core.database.rows import NewRow
from secops_agent.llm.types import Usage
from secops_agent.models.people.usage import ModelPrice, TurnUsage

FRESH_S: Final = 3.0  # a budget may be overrun by what is asked within so many seconds
PRICES_FRESH_S: Final = 30.0
MICRO: Final = 1_000_000  # costs are kept in millionths of a yuan
LOOKED_BACK: Final = 30  # days
_SUMS: Final = {
    "given": Sum("input_tokens"), "taken": Sum("output_tokens"), "paid": Sum("cost"), "turns": Count("id"), "priced": Count("cost"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Price:
    """Yuan per million tokens, which is millionths of a yuan per token."""

    given: Decimal
    taken: Decimal
    cached: Decimal


def price_of(model: str, prices: Mapping[str, Price]) -> Price | None:
    """The price of the longest prefix that fits; None if there is none."""
    fitting = [prefix for prefix in prices if model.startswith(prefix)]
    return prices[max(fitting, key=len)] if fitting else None


def cost_of(usage: Usage, price: Price | None) -> int | None:
    """Millionths of a yuan; None without a price. Cached tokens are part of the input tokens."""
    if price is None:
        return None
    cached = min(usage.cached_tokens, usage.input_tokens)
    fresh = usage.input_tokens - cached
    return round(fresh * price.given + cached * price.cached + usage.output_tokens * price.taken)


def load_prices() -> dict[str, Price]:
    """The table."""
    rows = ModelPrice.objects.values_list("prefix", "input_price", "output_price", "cached_price")
    return {prefix: Price(given, taken, cached) for prefix, given, taken, cached in rows}


@dataclass(frozen=True, slots=True)
class Budget:
    """What a configuration may spend a day; 0: no limit."""

    yuan: float = 0.0
    tokens: int = 0

    @property
    def limited(self) -> bool:
        """Is there any limit?"""
        return self.yuan > 0 or self.tokens > 0


@dataclass(frozen=True, slots=True)
class Spent:
    """What was used on one day. ``cost`` counts turns with a price only; ``unpriced`` are the others."""

    tokens: int = 0
    cost: int = 0
    turns: int = 0
    unpriced: int = 0


def spent_on(ai_config_id: int, day: date) -> Spent:
    """The day's total of a configuration."""
    return _total(TurnUsage.objects.filter(ai_config_id=ai_config_id, day=day))


def spent_today() -> Spent:
    """Today's total of all configurations."""
    return _total(TurnUsage.objects.filter(day=timezone.localdate()))


@dataclass(frozen=True, slots=True)
class Spending:
    """What the model cost. ``spans``: today, the month and the last days; ``models``: of those days, the dearest first.

    Each with its name and its yuan in words.
    """

    spans: tuple[tuple[str, Spent, str], ...]
    models: tuple[tuple[str, Spent, str], ...]


def spending() -> Spending:
    """Of all configurations, until now."""
    today = timezone.localdate()
    since = today - timedelta(days=LOOKED_BACK)
    spans = (("今天", today), ("这个月", today.replace(day=1)), (f"最近 {LOOKED_BACK} 天", since))
    recent = TurnUsage.objects.filter(day__gte=since)
    rows = recent.order_by().values("model").annotate(**_SUMS)
    models = sorted(((row["model"], _spent(row)) for row in rows), key=lambda each: -each[1].cost)
    return Spending(
        tuple(_priced(name, _total(TurnUsage.objects.filter(day__gte=first))) for name, first in spans),
        tuple(_priced(name, spent) for name, spent in models),
    )


def unpriced_models() -> list[tuple[str, int]]:
    """(model, turns) of the last days for which there is no price now, the most used first."""
    since, prices = timezone.localdate() - timedelta(days=LOOKED_BACK), load_prices()
    rows = TurnUsage.objects.filter(day__gte=since).order_by().values("model").annotate(turns=Count("id"))
    missing = [(row["model"], row["turns"]) for row in rows if price_of(row["model"], prices) is None]
    return sorted(missing, key=lambda each: -each[1])


def _priced(name: str, spent: Spent) -> tuple[str, Spent, str]:
    return name, spent, f"{spent.cost / MICRO:.2f}"


def _total(rows: QuerySet[TurnUsage]) -> Spent:
    return _spent(rows.aggregate(**_SUMS))


def _spent(found: Mapping[str, Any]) -> Spent:
    return Spent(
        (found["given"] or 0) + (found["taken"] or 0),
        found["paid"] or 0,
        found["turns"],
        found["turns"] - found["priced"],
    )


def exhausted(budget: Budget, spent: Spent) -> str:
    """Why the model is not asked any more today; "" while there is something left."""
    if budget.yuan > 0 and spent.cost >= budget.yuan * MICRO:
        limit = f"{budget.yuan:g} 元"
    elif budget.tokens > 0 and spent.tokens >= budget.tokens:
        limit = f"{budget.tokens} token"
    else:
        return ""
    return f"今天的模型预算（{limit}）已经用完，明天 0 点恢复，需要提高预算请联系管理员。"


class Accounts:
    """Prices and today's totals in the hands of an event loop, a few seconds old at most."""

    def __init__(self) -> None:
        self._prices: dict[str, Price] = {}
        self._priced_at = float("-inf")
        self._pricing: asyncio.Task[None] | None = None
        self._spent: dict[tuple[int, date], tuple[float, Spent]] = {}

    async def refusal(self, ai_config_id: int | None, budget: Budget) -> str:
        """Why this configuration may not ask its model now; "" if it may."""
        if ai_config_id is None or not budget.limited:
            return ""
        key = (ai_config_id, timezone.localdate())
        at, spent = self._spent.get(key, (float("-inf"), Spent()))
        if time.monotonic() - at >= FRESH_S:
            spent = await db.call(spent_on, *key)
            self._spent = {known: value for known, value in self._spent.items() if known[1] == key[1]}
            self._spent[key] = (time.monotonic(), spent)
        return exhausted(budget, spent)

    async def prices(self) -> Mapping[str, Price]:
        """The price table; many turns at once read it once."""
        if time.monotonic() - self._priced_at >= PRICES_FRESH_S:
            if self._pricing is None:
                self._pricing = asyncio.create_task(self._price())
            await asyncio.shield(self._pricing)
        return self._prices

    async def _price(self) -> None:
        try:
            self._prices = await db.call(load_prices)
            self._priced_at = time.monotonic()
        finally:
            self._pricing = None


def usage_row(
    usage: Usage, model: str, prices: Mapping[str, Price], *, config_id: int | None, ai_config_id: int | None, inbox_id: int | None,
    person: str, at: datetime,
) -> NewRow:  # fmt: skip
    """An unsaved row of one turn."""
    values = {
        "at": at, "day": at.astimezone(timezone.get_default_timezone()).date(), "config_id": config_id,
        "ai_config_id": ai_config_id, "inbox_id": inbox_id, "person": person[:220], "model": model[:100],
        "input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens, "cost": cost_of(usage, price_of(model, prices)),
    }  # fmt: skip
    return NewRow(TurnUsage, values)
