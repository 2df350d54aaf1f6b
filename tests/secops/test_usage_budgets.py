"""Tokens, prices and budgets."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from bifang.core.configuration import configs
from bifang.core.configuration.config_cache import ConfigCache
from secops_agent.agent.policy import ModelWithheld, Policy
from secops_agent.agent.turn.outcome import TurnOutcome
from secops_agent.llm.types import Usage
from secops_agent.models import ModelPrice, TurnUsage
from secops_agent.services.operations import usage
from secops_agent.services.operations.usage import (
    Budget,
    Price,
    Spent,
    cost_of,
    exhausted,
    price_of,
    spent_on,
)

pytestmark = pytest.mark.django_db
PRICES = {
    "qwen": Price(Decimal(9), Decimal(9), Decimal(9)),
    "qwen-plus": Price(Decimal("0.8"), Decimal(2), Decimal("0.16")),
}


def test_spending_adds_up_by_span_and_model_and_names_what_has_no_price() -> None:
    today = timezone.localdate()
    for model, days, cost in (
        ("qwen-plus", 0, 2_000_000),
        ("qwen-plus", 9, 1_000_000),
        ("own", 0, None),
        ("old", 99, None),
    ):
        TurnUsage.objects.create(
            at=timezone.now(), day=today - timedelta(days=days), model=model, input_tokens=10, output_tokens=5, cost=cost
        )  # fmt: skip
    found = usage.spending()
    assert [(yuan, spent.turns, spent.unpriced) for _, spent, yuan in found.spans][::2] == [
        ("2.00", 2, 1),
        ("3.00", 3, 1),
    ]
    assert [(model, yuan) for model, _, yuan in found.models] == [("qwen-plus", "3.00"), ("own", "0.00")]
    assert usage.unpriced_models() == [("own", 1)]


def test_longest_prefix_gives_the_price() -> None:
    assert price_of("qwen-plus-2025-07-28", PRICES) is PRICES["qwen-plus"]
    assert price_of("qwen-max", PRICES) is PRICES["qwen"]
    assert price_of("llama", PRICES) is None


def test_cost_counts_cached_tokens_cheaper() -> None:
    assert cost_of(Usage(1_000_000, 500_000, 0), PRICES["qwen-plus"]) == 1_800_000
    assert cost_of(Usage(1_000_000, 0, 1_000_000), PRICES["qwen-plus"]) == 160_000
    assert cost_of(Usage(10, 0, 99), PRICES["qwen-plus"]) == 2
    assert cost_of(Usage(10, 10), None) is None


def test_table_has_prices_to_begin_with() -> None:
    assert usage.load_prices()["qwen-plus"].given == Decimal("0.8")
    ModelPrice.objects.filter(prefix="qwen-plus").update(input_price=1)
    assert usage.load_prices()["qwen-plus"].given == 1


@pytest.mark.parametrize(
    ("budget", "spent", "word"),
    [
        (Budget(), Spent(10**9, 10**12), ""),
        (Budget(yuan=1), Spent(cost=999_999), ""),
        (Budget(yuan=1), Spent(cost=1_000_000), "1 元"),
        (Budget(tokens=100), Spent(tokens=99), ""),
        (Budget(tokens=100), Spent(tokens=100), "100 token"),
    ],
)
def test_budget_is_spent_when_it_is_reached(budget: Budget, spent: Spent, word: str) -> None:
    said = exhausted(budget, spent)
    assert bool(said) is bool(word)
    assert word in said


def spend(ai_config_id: int, tokens: int, cost: int | None, days_ago: int = 0) -> None:
    at = timezone.now() - timedelta(days=days_ago)
    TurnUsage.objects.create(
        at=at,
        day=timezone.localdate(at),
        ai_config_id=ai_config_id,
        model="qwen-plus",
        input_tokens=tokens,
        cost=cost,
    )


def test_day_counts_only_itself_and_names_what_has_no_price() -> None:
    spend(1, 10, 100)
    spend(1, 5, None)
    spend(1, 1000, 1000, days_ago=1)
    spend(2, 1000, 1000)
    assert spent_on(1, timezone.localdate()) == Spent(15, 100, 2, 1)


def test_spent_budget_withholds_the_model_with_a_clear_answer() -> None:
    config, _ = configs.save("qwen", "千问", True, {"api_key": "sk-whatever-key", "daily_budget_yuan": 0.5})

    async def admit() -> None:
        await Policy(ConfigCache()).admit_model(config.pk)

    spend(config.pk, 10, 499_999)
    asyncio.run(admit())
    spend(config.pk, 10, 1)
    with pytest.raises(ModelWithheld, match=r"0\.5 元.*已经用完"):
        asyncio.run(admit())


def test_turn_without_a_model_costs_nothing() -> None:
    from secops_agent.agent.conversation.records import costs

    outcome = TurnOutcome("答", (), (), Usage(), "answer", "离线模式")
    assert costs(None, None, outcome, {}, timezone.now()) == ()  # type: ignore[arg-type]
