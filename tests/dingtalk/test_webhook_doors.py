"""The three addresses: what is right is stored before success is said, what is not learns nothing."""

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bifang.channels.models import InboxRow, State
from bifang.channels.queues import inbox
from bifang.core.configuration import configs
from bifang.core.database import db
from bifang.core.models import SystemConfig
from dingtalk_integration.models import CallbackState, UsedSignature
from dingtalk_integration.webhook import signatures, views
from tests.admin_pages import serve_plain_static
from tests.databases import Database
from tests.deadline import wait_until
from tests.dingtalk.webhook_aid import Caller, in_http_mode, now

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("database")]


@pytest.fixture
def caller(database: Database, settings: Any, tmp_path: Path) -> Caller:
    serve_plain_static(settings, tmp_path)
    settings.SIMULATOR = True  # plain http
    views._written.clear()
    views._began.clear()
    return Caller(in_http_mode())


@pytest.mark.slow
def test_a_robot_message_is_stored_and_answered_with_nothing(caller: Caller) -> None:
    answer = caller.say("最近有哪些告警")
    assert (answer.status_code, json.loads(answer.content)) == (200, {"msgtype": "empty"})
    row = InboxRow.objects.get()
    assert (row.kind, row.text, row.external_id, row.sender_id) == ("chat", "最近有哪些告警", "m1", "lisi")
    assert row.payload["door"] == "http"
    # The signature does not cover the body: an address of the forger's own would get the answers.
    assert (row.webhook, row.webhook_expires_at) == (None, None)
    assert CallbackState.objects.get(door="robot").called_at


def test_the_same_message_again_is_one_row(caller: Caller) -> None:
    assert {caller.say("你好").status_code, caller.say("你好").status_code} == {200}
    assert InboxRow.objects.count() == 1


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["secret", "late", "early", "none", "two"])
def test_a_forged_or_old_signature_stores_nothing(caller: Caller, wrong: str) -> None:
    stamps = {"late": str(int(now()) - 3_700_000), "early": str(int(now()) + 3_700_000), "none": " "}
    answer = caller.say(
        "你好", stamp=stamps.get(wrong, ""), sign_as="other" if wrong in ("secret", "two") else "s" * 20
    )
    assert (answer.status_code, answer.content) == (403, b"")
    assert not InboxRow.objects.exists()
    refused = CallbackState.objects.get(door="robot")
    assert "签名" in refused.refusal
    assert refused.called_at is None


def test_check_url_is_answered_with_success_and_not_stored(caller: Caller) -> None:
    answer = caller.tell({"EventType": "check_url"})
    assert caller.opened(answer) == "success"
    assert not InboxRow.objects.exists()
    assert CallbackState.objects.get(door="events").called_at


def test_an_event_is_stored_in_streams_shape_and_answered_with_success(caller: Caller) -> None:
    event = {
        "EventType": "user_leave_org",
        "EventId": "e7",
        "CorpId": "corp",
        "UserId": ["李四"],
        "TimeStamp": 1,
    }
    assert caller.opened(caller.tell(event)) == "success"
    row = InboxRow.objects.get()
    assert (row.kind, row.external_id, row.text) == ("event", "e7", "user_leave_org")
    assert row.payload["data"] == {"userId": ["李四"]}
    assert row.payload["corp_id"] == "corp"


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [{"owner": "dingother"}, {"token": "other"}, {"stamp": "1600000000000"}])
def test_an_event_of_another_owner_token_or_time_is_refused_alike(
    caller: Caller, wrong: dict[str, str]
) -> None:
    answer = caller.tell({"EventType": "user_leave_org", "EventId": "e7"}, **wrong)
    assert (answer.status_code, answer.content) == (403, b"")
    assert not InboxRow.objects.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "body", [b" ", b"{}", b"[1]", b'{"encrypt":1}', b'{"encrypt":"AAAA"}', b"\xff", b"[" * 5000]
)
def test_odd_bodies_are_refused_alike(caller: Caller, body: bytes) -> None:
    answer = caller.post("events", body, "?signature=x&timestamp=1&nonce=n")
    assert (answer.status_code, answer.content) == (403, b"")


def test_an_event_that_is_no_object_is_kept_as_dead_letter(caller: Caller) -> None:
    assert caller.opened(caller.tell("[1,2]")) == "success"
    assert InboxRow.objects.get().state == State.DEAD


def test_each_unreadable_message_is_one_letter(caller: Caller) -> None:
    for body in (b"[1]", b"[2]", b"[2]", b'{"msgId":"\xed\xa0\x80"}'):
        stamp = now()
        signed = signatures.robot_signature("s" * 20, stamp)
        assert caller.post("robot", body, timestamp=stamp, sign=signed).status_code == 200
    assert InboxRow.objects.filter(state=State.DEAD).count() == 3


def click(caller: Caller, who: str, stamp: str, signature: str = "") -> HttpResponse:
    body = json.dumps({"outTrackId": "t", "userId": who, "corpId": "corp", "content": "{}"}).encode()
    signed = signature or signatures.card_signature(caller.settings.callback_card_secret, stamp)
    headers = {"x-ddpaas-signature-timestamp": stamp, "x-ddpaas-signature": signed}
    return caller.post("cards", body, **headers)


def test_a_click_is_decided_and_answered_unwrapped(caller: Caller) -> None:
    stamp = now()
    for _ in range(2):
        answer = click(caller, "lisi", stamp)
        assert answer.status_code == 200
        assert "response" not in json.loads(answer.content)
    assert InboxRow.objects.get().sender_id == "lisi"
    assert click(caller, "lisi", stamp, "x").status_code == 403


def test_a_signature_of_one_click_brings_no_other(caller: Caller) -> None:
    """DingTalk signs the moment, not the body: whoever saw a signature would press any button with it."""
    stamp = now()
    assert click(caller, "lisi", stamp).status_code == 200
    assert click(caller, "wangwu", stamp).status_code == 403
    assert click(caller, "wangwu", str(int(stamp) + 1)).status_code == 200
    assert set(InboxRow.objects.values_list("sender_id", flat=True)) == {"lisi", "wangwu"}


@pytest.mark.slow
def test_of_two_clicks_at_the_same_moment_one_counts(caller: Caller) -> None:
    ready = threading.Barrier(4)

    def press(who: str, stamp: str) -> int:
        ready.wait(30)
        try:
            return click(caller, who, stamp).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        for number in range(5):
            stamp = str(int(now()) + number)
            codes = pool.map(press, ("lisi", "wangwu", "zhaoliu", "manager01"), [stamp] * 4)
            assert sorted(codes) == [200, 403, 403, 403]
    assert InboxRow.objects.count() == 5


def test_signatures_are_forgotten_when_they_are_no_longer_valid(caller: Caller) -> None:
    old = UsedSignature(config_id=caller.settings.id, timestamp="1", message_id="m", at=timezone.now())
    old.at -= timedelta(hours=4)
    old.save()
    click(caller, "lisi", now())
    assert UsedSignature.objects.count() == 1
    assert not UsedSignature.objects.filter(timestamp="1").exists()


@pytest.mark.slow
@pytest.mark.parametrize("door", ["robot", "events", "cards"])
def test_half_a_body_is_nobodys_word(caller: Caller, door: str) -> None:
    stamp = now()
    signed = {"HTTP_TIMESTAMP": stamp, "HTTP_SIGN": signatures.robot_signature("s" * 20, stamp)}
    cut = {"wsgi.input": BytesIO(b'{"msgId": "m1"}'), "CONTENT_LENGTH": "1000"}
    answer = caller.client.post(caller.path(door), **cut, **signed)  # type: ignore[arg-type]
    assert (answer.status_code, answer.content) == (400, b"")
    assert not InboxRow.objects.exists()


@pytest.mark.slow
def test_a_note_that_cannot_be_written_keeps_nobody_waiting(caller: Caller, monkeypatch: Any) -> None:
    monkeypatch.setattr(views, "WAIT_S", 0.2)
    held = threading.Event()
    blocked = [db.threads().submit(held.wait, 30) for _ in range(db.threads().count)]
    try:
        assert caller.opened(caller.tell({"EventType": "check_url"})) == "success"
        assert not CallbackState.objects.exists()
    finally:
        held.set()
    assert all(each.result(30) for each in blocked)
    assert wait_until(lambda: CallbackState.objects.filter(door="events").first(), within=30, what="the note")


def test_unknown_paths_are_404_without_a_word(caller: Caller, caplog: Any) -> None:
    secrets = ("", "-", "-" + "x" * 32, f"-{caller.settings.callback_path}x")
    paths = [f"{number}{secret}" for number in (caller.settings.id, 0, 999999, "١") for secret in secrets]
    addresses = [f"/dingtalk/{path}/{door}" for path in paths for door in ("robot", "events", "cards")]
    with caplog.at_level(logging.DEBUG):
        for address in [*addresses, caller.path("other")]:
            answer = Client().post(address, b"x" * 100, content_type="application/json")
            assert (answer.status_code, answer.content) == (404, b"")
    assert "dingtalk/" not in caplog.text


def test_an_unknown_path_is_refused_without_reading_the_body(caller: Caller) -> None:
    class Untouchable:
        def read(self, *args: object) -> bytes:
            raise AssertionError("read")

        readline = read

    extra = {"wsgi.input": Untouchable(), "CONTENT_LENGTH": "100"}
    assert Client().post("/dingtalk/7-" + "y" * 32 + "/robot", **extra).status_code == 404  # type: ignore[arg-type]


def test_stream_mode_disabled_and_archived_configurations_receive_nothing(caller: Caller) -> None:
    row = SystemConfig.objects.get()
    configs.save("dingtalk", row.name, True, {"use_stream_push": True}, config=row)
    assert caller.say("你好").status_code == 404
    configs.save("dingtalk", row.name, False, {"use_stream_push": False}, config=row)
    assert caller.say("你好").status_code == 404
    assert caller.client.get(caller.path("robot")).status_code == 404
    assert not InboxRow.objects.exists()


def test_plain_http_is_refused_outside_the_simulator(caller: Caller, settings: Any) -> None:
    settings.SIMULATOR = False
    assert caller.say("你好").status_code == 403
    assert "HTTPS" in CallbackState.objects.get().refusal


def test_more_than_a_mebibyte_is_refused(caller: Caller) -> None:
    assert caller.post("robot", b"x" * (1 << 20) + b"x").status_code == 413


def test_what_cannot_be_stored_is_never_called_a_success(caller: Caller, monkeypatch: Any) -> None:
    async def broken(item: Any) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(inbox, "receive", broken)
        assert caller.say("你好").status_code == 503
    assert caller.say("你好").status_code == 200
    assert InboxRow.objects.count() == 1
    assert CallbackState.objects.get(door="robot").missed_at


def test_the_keys_are_made_once_and_kept(caller: Caller) -> None:
    row = SystemConfig.objects.get()
    saved, changed = configs.save("dingtalk", row.name, True, {"use_stream_push": False}, config=row)
    assert not changed
    assert configs.load(saved).callback_path == caller.settings.callback_path
    again, _ = configs.save("dingtalk", row.name, True, {"callback_path": ""}, config=row)
    assert configs.load(again).callback_path not in ("", caller.settings.callback_path)
    assert caller.settings.callback_path not in repr(caller.settings)


def test_applying_the_same_keys_twice_changes_nothing(
    database: Database, tmp_path: Path, monkeypatch: Any
) -> None:
    keys = {"callback_token": "T" * 20, "callback_aes_key": "A" * 43, "callback_path": "p" * 32}
    for name, value in keys.items():
        monkeypatch.setenv(f"BIFANG_SECRET_{name.upper()}", value)
    named = {name: f"env:BIFANG_SECRET_{name.upper()}" for name in keys}
    robot = {
        "kind": "dingtalk",
        "name": "回调",
        "client_id": "dingx",
        "client_secret": "s" * 20,
        "corp_id": "corp",
    }
    file = tmp_path / "configs.yaml"
    revisions = []
    for entry in (robot | named, robot | named, robot):
        file.write_text(json.dumps({"configs": [{**entry, "use_stream_push": False}]}))
        call_command("apply_configs", str(file), verbosity=0)
        revisions.append(SystemConfig.objects.get().revision)
    assert len(set(revisions)) == 1
    settings = configs.load(SystemConfig.objects.get())
    assert {name: getattr(settings, name) for name in keys} == keys


def test_the_page_of_keys_shows_them_and_what_was_refused(caller: Caller, admin_client: Client) -> None:
    caller.tell({"EventType": "check_url"})
    caller.say("你好", sign_as="other")
    address = reverse("admin:dingtalk_callback_page", args=[caller.settings.id])
    page = admin_client.get(address).content.decode()
    for door in ("robot", "events", "cards"):
        assert caller.path(door) in page
    assert caller.settings.callback_token in page
    assert page.count("最近一次拒绝") == 1
    assert "BIFANG_PUBLIC_URL" in page
