"""How soon: CISA's tree, and how its points are filled in."""

import pytest

from secops_agent.services.records import Cvss
from secops_agent.services.vulnerabilities import cvss, ssvc

# data/csv/cisa/cisa_coordinator_2_0_3.csv of CERT/CC, in its order: exploitation, automatable, impact, well-being.
PUBLISHED = """
none no partial low track;none no partial medium track;none no partial high track;none no total low track;
none no total medium track;none no total high track*;none yes partial low track;none yes partial medium track;
none yes partial high attend;none yes total low track;none yes total medium track;none yes total high attend;
poc no partial low track;poc no partial medium track;poc no partial high track*;poc no total low track;
poc no total medium track*;poc no total high attend;poc yes partial low track;poc yes partial medium track;
poc yes partial high attend;poc yes total low track;poc yes total medium track*;poc yes total high attend;
active no partial low track;active no partial medium track;active no partial high attend;active no total low track;
active no total medium attend;active no total high act;active yes partial low attend;active yes partial medium attend;
active yes partial high act;active yes total low attend;active yes total medium act;active yes total high act
"""
WORM = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
CLICK = "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H"
LEAK = "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:L/I:N/A:N"


def test_the_tree_is_the_published_one() -> None:
    rows = [line.split() for line in PUBLISHED.replace("\n", "").split(";")]
    assert len(rows) == 36
    for exploitation, automatable, impact, harm, decision in rows:
        place = ("low", "medium", "high").index(harm)
        assert ssvc.TREE[exploitation, automatable, impact][place] == decision


@pytest.mark.parametrize(
    ("vector", "kev", "epss", "importance", "decision"),
    [
        (WORM, True, 0.9, "critical", "act"), (WORM, True, None, "low", "attend"), (WORM, False, 0.5, "medium", "track*"),
        (WORM, False, 0.05, "critical", "attend"), (CLICK, True, 0.9, "medium", "attend"), (LEAK, True, None, "medium", "track"),
        (LEAK, False, None, "critical", "track"), ("", True, None, "", "act"), ("", False, None, "", "track"),
        ("AV:N/AC:L/Au:N/C:C/I:C/A:C", True, None, "high", "act"),
        ("CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", True, None, "high", "attend"),
    ],
)  # fmt: skip
def test_the_decision_follows_from_what_is_known(
    vector: str, kev: bool, epss: float | None, importance: str, decision: str
) -> None:
    scores = [Cvss("3.1", 9.8, vector)] if vector else [Cvss("", 9.8)]
    advice = ssvc.advise(scores, kev=kev, epss=epss, importance=importance)
    assert advice.decision == decision
    assert len(advice.points) == 4
    assert all(each.reason for each in advice.points)


@pytest.mark.parametrize(
    ("privileges", "secrecy", "integrity", "impact"),
    [("H", "H", "H", "total"), ("N", "H", "L", "total"), ("N", "L", "H", "total"), ("L", "H", "L", "partial"),
     ("N", "H", "N", "partial"), ("H", "H", "N", "partial"), ("N", "N", "N", "partial")],
)  # fmt: skip
def test_technical_impact_is_that_of_the_published_table(
    privileges: str, secrecy: str, integrity: str, impact: str
) -> None:
    vector = f"CVSS:3.1/AV:N/AC:L/PR:{privileges}/UI:N/S:U/C:{secrecy}/I:{integrity}/A:N"
    found = ssvc.advise([Cvss("3.1", 5.0, vector)], kev=False, epss=None, importance="")
    assert found.points[2].value == impact


def test_a_vector_is_told_in_words() -> None:
    words = {code: word for code, _, word in cvss.explain(WORM)}
    assert words["AV:N"] == "网络（远程）"
    assert words["C:H"] == "高"
    assert cvss.explain("no vector at all") == ()
    assert cvss.parse("CVSS:3.1/AV:<script>/AC:L") == {"AC": "L"}


def test_the_newest_vector_is_told_before_a_bare_number() -> None:
    told = cvss.telling(
        [Cvss("", 10.0), Cvss("2.0", 10.0, "AV:N/AC:L/Au:N/C:C/I:C/A:C"), Cvss("3.1", 9.8, WORM)]
    )
    assert told is not None
    assert told.vector == WORM
    assert cvss.telling([]) is None
