"""Patterns that are compiled late work as `re` has them."""

import re
import subprocess
import sys

from secops_agent.llm.offline.patterns import Pattern

TEXT = "告警 12 和 Alert 7"


def test_pattern_answers_as_a_compiled_one() -> None:
    late, real = (
        Pattern(r"(?:告警|alert)\s*(\d+)", re.IGNORECASE),
        re.compile(r"(?:告警|alert)\s*(\d+)", re.IGNORECASE),
    )
    for text in (TEXT, "没有", "alert 9"):
        for name in ("search", "match", "fullmatch"):
            found, expected = getattr(late, name)(text), getattr(real, name)(text)
            assert (found and found.span()) == (expected and expected.span())
        assert late.findall(text) == real.findall(text)
        assert [one.span() for one in late.finditer(text)] == [one.span() for one in real.finditer(text)]
        assert late.split(text) == real.split(text)
        assert late.sub("x", text) == real.sub("x", text)
    assert late.search(TEXT, 5) is not None
    assert late.match(TEXT, 5) is None


def test_importing_the_grammar_compiles_almost_nothing() -> None:
    code = (
        "import re, sys; seen = []; real = re.compile\n"
        "re.compile = lambda *given: (seen.append(given[0]), real(*given))[1]\n"
        "import secops_agent.llm.offline\n"
        "print(len([one for one in seen if any('\\u4e00' <= char <= '\\u9fff' for char in str(one))]))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(done.stdout) == 0
