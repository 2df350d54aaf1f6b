"""Lines that can be ordered of what a sentence names, where nobody understood what it orders.

The objects that are named, and what is named with them (a person, an end, a case), decide which orders there are.
"""

from collections.abc import Iterator
from typing import Final

from bifang.channels.ports import Suggestion
from secops_agent import says
from secops_agent.llm.offline.expressions.ends import read_until
from secops_agent.llm.offline.expressions.skeletons import Kind, Skeleton
from secops_agent.llm.offline.intents import Understanding
from secops_agent.llm.offline.words import pattern
from secops_agent.llm.understanding import coverage, questions
from secops_agent.llm.understanding.entities import Sentence, take_verdicts_and_numbers
from secops_agent.llm.understanding.verbs import WANTED, first_doubt

_CARDS: Final = ("get_alert", "get_asset", "get_case", "lookup_indicator")
_OBJECTS: Final = (Kind.ALERT, Kind.ALERTS, Kind.CASE, Kind.IP, Kind.DOMAIN, Kind.ASSET, Kind.ASSET_IP)


def is_unknown(sentence: Sentence, found: Understanding) -> bool:
    """Does it name an object, ask nothing, and say more than any list explains? Its bare card would be no answer to that."""
    card = found.intent.tool in _CARDS if found.intent else bool(found.question)
    if not card or not sentence.order.found(*_OBJECTS) or pattern("cues.said.asks").search(sentence.plain):
        return False
    cues = questions.cues_of(sentence)
    return not any(cue.startswith("ask.") for cue in cues) and any(coverage.unread(sentence))


def lines_about(sentence: Sentence) -> Iterator[Suggestion]:
    """The complete lines; none where anything speaks against an order."""
    said = take_verdicts_and_numbers(sentence.order)
    if first_doubt(said.text):
        return
    person = said.first(Kind.PERSON)
    length = said.first(Kind.DURATION)
    minutes = length.value if length else read_until(said.expand(said.text), sentence.now)
    case, host, address = said.first(Kind.CASE), said.first(*WANTED["asset"]), said.first(Kind.IP)
    if sentence.numbers:
        yield from _of_alert(sentence.numbers, said, minutes or 0)
    elif case:
        yield from [says.hand_over(case.value, str(person.value))] if person else ()
        yield says.progress(case.value)
    elif address:
        yield from (says.look_up(address.value), says.block(address.value, minutes or None))
    elif host:
        yield says.look_up(str(host.value))
        yield from [says.silence(f"资产:{host.value}", minutes)] if minutes else ()
        yield from [says.set_owner(str(host.value), str(person.value))] if person else ()
        yield from (says.isolate(str(host.value)), says.release(str(host.value)))


def _of_alert(numbers: list[int], said: Skeleton, minutes: int) -> Iterator[Suggestion]:
    """Of alerts: what is named with them, else that somebody takes them."""
    first, case, person = numbers[0], said.first(Kind.CASE), said.first(Kind.PERSON)
    if case:
        yield says.join_case(first, int(case.value))
    if person:
        yield from (says.assign(number, str(person.value)) for number in numbers[:2])
    if minutes:
        yield says.silence(first, minutes)
    yield from (says.take(first), says.acknowledge(first), says.show(first))
