"""Everything said passes one door, and only it writes links that speak."""

import ast
from pathlib import Path
from urllib.parse import unquote

import pytest

from bifang.channels.models import InboxRow, OutboxRow
from bifang.channels.ports import Button, Reply, Suggestion, TurnResult
from bifang.channels.queues import inbox, notices, outbox
from bifang.channels.text import outgoing
from bifang.channels.text.splitting import split_markdown
from bifang.channels.text.verbs import TAPPED
from bifang.core.errors import InvalidInput
from tests.channels.boxes import Recorder, claim, incoming, robot, store
from tests.databases import Database
from tests.deadline import wait_until

POISON = "![](https://evil.example/?q=1) [同意](dtmd://dingtalkclient/sendMessage?content=x) <b> \u202e"
ROOT = Path(__file__).parents[2]


def assert_harmless(row: OutboxRow) -> None:
    said = f"{row.title}\n{row.text}\n{row.buttons}"
    assert "evil" in said
    assert not [sign for sign in ("](", "<b>", "dtmd:", "\u202e") if sign in said], said


def _answer() -> None:
    store(incoming())
    (turn,) = claim()
    inbox.finish([(turn, TurnResult((Reply(POISON, title=POISON, buttons=(Button("a", POISON),)),)))])


def _failure() -> None:
    store(incoming())
    (turn,) = claim()
    inbox.fail(turn, POISON, permanent=True)


def _news() -> None:
    target = incoming().target
    assert target is not None
    outbox.notify(robot(), target, POISON, key="k", title=POISON, buttons=[Button("a", POISON)])


def _waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "MAINTENANCE", POISON)
    store(incoming())
    notices.tell_waiting(maintenance=True)


@pytest.mark.slow
@pytest.mark.both_databases
@pytest.mark.parametrize("route", ["answer", "failure", "news", "waiting"])
def test_every_message_passes_the_door(
    database: Database, route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    {"answer": _answer, "failure": _failure, "news": _news, "waiting": lambda: _waiting(monkeypatch)}[route]()
    assert_harmless(OutboxRow.objects.get())


def test_piece_of_a_long_answer_cannot_set_free_what_was_code(database: Database) -> None:
    """Cut in the middle of a code span, its rest is code no longer."""
    from tests.channels.test_consumer import running

    class Cutting(Recorder):
        def split(self, reply: Reply) -> tuple[Reply, ...]:
            return split_markdown(reply)

    async def answer(turn: object) -> str:
        return f"`{'长' * 4000}![](https://evil.example/?q=1)`"

    channel = Cutting()
    with running(answer, channel) as loop:
        store(incoming())
        loop.wake()
        wait_until(lambda: any("evil" in text for text in channel.sent), within=20)
    assert all("![](" not in text for text in channel.sent)


def test_suggestion_says_what_its_label_says(database: Database) -> None:
    store(incoming())
    (turn,) = claim()
    inbox.finish([(turn, TurnResult((Reply("要关闭吗？", suggestions=(Suggestion("确认", "F9KDQD"),)),)))])
    text = OutboxRow.objects.get().text
    question, _, link = text.rpartition("\n\n")
    label, _, target = link.strip("[)").partition("](")
    assert (question, label) == ("要关闭吗？", "确认 F9KDQD")
    assert unquote(target.removeprefix("dtmd://dingtalkclient/sendMessage?content=")) == label
    assert outgoing.without_taps(text) == "要关闭吗？\n\n确认 F9KDQD"


@pytest.mark.parametrize(
    ("verb", "code"),
    [
        ("同意", "F9KDQD"),
        ("拒绝", "F9KDQD"),
        ("确认", "f9"),
        ("确认", "A 同意 B"),
        ("确认", "A" * 21),
        ("确认", "A\n"),
        ("封禁", "A1"),
        ("", "A1"),
    ],
)
def test_no_other_sentence_becomes_a_link_that_speaks(verb: str, code: str) -> None:
    with pytest.raises(InvalidInput):
        outgoing.tap(Suggestion(verb, code))


def test_no_verb_decides_what_others_asked_for() -> None:
    assert not TAPPED.keys() & {"同意", "拒绝", "批准", "驳回", "approve", "reject"}


def test_text_cannot_bring_a_link_that_speaks() -> None:
    own = outgoing.tap(Suggestion("确认", "F9KDQD"))
    assert "dtmd:" not in outgoing.safe_text(f"点这里\n\n{own}")


def test_note_of_an_unanswered_message_is_shown_beside_it(database: Database) -> None:
    (row,) = store(incoming())
    (turn,) = claim()
    inbox.finish([(turn, TurnResult((), note="外部人员，已忽略"))])
    row.refresh_from_db()
    assert (row.state, row.last_error) == ("done", "外部人员，已忽略")
    assert inbox.finish([(turn, TurnResult((), note="来晚了"))]) == [False]
    assert InboxRow.objects.get().last_error == "外部人员，已忽略"


SOURCES = {
    path: path.read_text()
    for folder in ("bifang", "dingtalk_integration", "feishu_integration", "secops_agent")
    for path in (ROOT / folder).rglob("*.py")
}


def _callers(*names: str) -> set[str]:
    """Files that call a method or class with one of these names."""
    found = set()
    for path, text in SOURCES.items():
        if any(f"{name}(" in text for name in names):
            calls = [node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
            called = {getattr(func, "attr", getattr(func, "id", "")) for func in calls}
            found |= {str(path.relative_to(ROOT))} if called & set(names) else set()
    return found


def test_nothing_reaches_a_platform_but_through_the_door() -> None:
    """Messages are sent from outbox rows alone, rows are made in `outbox` alone, cards change in `calls` alone."""
    assert _callers("send_by_session", "send_to_group", "send_to_people") == {
        "dingtalk_integration/channel.py"
    }
    assert _callers("create_and_deliver") == {"dingtalk_integration/cards/platform.py"}
    assert _callers("Passage") == {
        "dingtalk_integration/cards/platform.py", "feishu_integration/cards/platform.py",
    }  # fmt: skip
    assert _callers("safe_face") >= {"bifang/channels/cards/calls.py"}
    ways_to_a_card = {path.name for path, text in SOURCES.items() if "platform.open(" in text}
    assert ways_to_a_card == {"calls.py"}
    assert _callers("Part") == {"bifang/channels/queues/outbox.py"}
    writers = {path.name for path, text in SOURCES.items() if "insert_many(OutboxRow" in text}
    assert writers == {"outbox.py"}
    assert {path.name for path, text in SOURCES.items() if "dtmd://" in text} == {"outgoing.py"}
