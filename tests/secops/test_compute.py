"""The calculator: exact, and no more than a calculator."""

import time
from contextlib import suppress

import pytest

from bifang.core.errors import InvalidInput
from secops_agent.tools.operations.compute import evaluate, shown


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1+2*3", "7"),
        ("(1+2)*3", "9"),
        ("0.1+0.2", "0.3"),
        ("120-73", "47"),
        ("200*15%", "30"),
        ("17 % 5", "2"),
        ("20%", "0.2"),
        ("50% + 1", "1.5"),
        ("-3-(-2)", "-1"),
        ("sum(20, 7, 10)", "37"),
        ("min(3,1,2)+max(3,1,2)", "4"),
        ("avg(1,2)", "1.5"),
        ("percent(66, 132)", "50"),
        ("round(2.345, 2)", "2.35"),
        ("round(-2.5)", "-3"),
        ("round(avg(1,2,4), 2)", "2.33"),
        ("sum（１，２，３）×２", "12"),
        ("99999999999999999999*99999999999999999999", "9999999999999999999800000000000000000001"),
    ],
)
def test_a_value_is_exact(expression: str, value: str) -> None:
    assert shown(evaluate(expression)) == (value, True)


def test_what_does_not_end_is_rounded_and_said_to_be() -> None:
    assert shown(evaluate("(120-73)/73")) == ("0.643836", False)
    assert shown(evaluate("-1/3")) == ("-0.333333", False)


@pytest.mark.parametrize(
    "expression",
    [
        "", "1+", "1 2", "(1", "1)", "1,2", "2**3", "2^3", "10//3", "1e9", "1.2.3", ".5", "0x10", "1_000", "1/0", "1%0",
        "percent(1,0)", "percent(1)", "sum()", "sum", "sum 1", "round(1,2,3)", "round(1,99)", "round(1,-1)", "round(1,0.5)",
        "abs(1)", "pow(2,9)", "x", "__import__('os')", "a.b", "sum.__class__", "[1]", "1 if 1 else 2", "lambda: 1", "1;2",
        "9" * 21, "1." + "3" * 21, "(" * 21 + "1" + ")" * 21, "-" * 22 + "1",
    ],
)  # fmt: skip
def test_anything_else_is_refused_in_chinese(expression: str) -> None:
    with pytest.raises(InvalidInput, match=r"[一-鿿]"):
        evaluate(expression)


@pytest.mark.parametrize("filling", ["9" * 20 + "*", "9" * 20 + "/", "1%", "round(", "(", "-", "sum(1,"])
def test_the_longest_expression_takes_no_time(filling: str) -> None:
    begun = time.process_time()
    with suppress(InvalidInput):
        evaluate((filling * 300)[:299] + "1")
    assert time.process_time() - begun < 0.1
