"""DingTalk's own vectors (facts: dingtalk_webhook), and what must be refused."""

import base64
import json

import pytest

from dingtalk_integration.webhook import keys, signatures
from dingtalk_integration.webhook.frames import event_frame
from dingtalk_integration.webhook.signatures import EventCrypto, Refused

KEY = "Yue0EfdN5900c1ce5cf6A152c63DDe1808a60c5ecd7"
OWNER = "ding6ccabc44d2c8d38b"
SEALED = (
    "0vJiX6vliEpwG3U45CtXqi+m8PXbQRARJ8p8BbDuD1EMTDf0jKpQ79QS93qEk7XHpP6u+oTTrd15NRPvNvmBKyDCYxxOK+HZeKju4yhELOFchzNu"
    "kR+t8SB/qk4ROMu3"
)
STAMP, NONCE = "1608001896814", "WL4PK6yA"
SUITE = (
    "1a3NBxmCFwkCJvfoQ7WhJHB+iX3qHPsc9JbaDznE1i03peOk1LaOQoRz3+nlyGNhwmwJ3vDMG+OzrHMeiZI7gTRWVdUBmfxjZ8Ej23JVYa9VrYeJ5as7"
    "XM/ZpulX8NEQis44w53h1qAgnC3PRzM7Zc/D6Ibr0rgUathB6zRHP8PYrfgnNOS9PhSBdHlegK+AGGanfwjXuQ9+0pZcy0w9lQ=="
)


def crypto(random: bytes = b"0123456789abcdef", owners: tuple[str, ...] = (OWNER,)) -> EventCrypto:
    return EventCrypto("mryue", KEY, owners, lambda size: random[:size])


@pytest.mark.parametrize(
    ("secret", "stamp", "expected"),
    [
        ("this is a secret", "1577262236757", "DJrE6qdyVGCQz9z5r2MDuNcNAhwYnuAkyj13cx169CA="),
        ("test-secret", "1700000000000", "BYMqUCZnSqbfPf1GCfZftO7Rg2g6P+Rp3/4+bLNtSGA="),
    ],
)
def test_robot_signature_is_dingtalks(secret: str, stamp: str, expected: str) -> None:
    assert signatures.robot_signature(secret, stamp) == expected


def test_card_signature_is_dingtalks() -> None:
    expected = "xnBENZKoYbPiEX7TzjTy35B2Dv4RlEs6ks4/GYlmGOY="
    assert signatures.card_signature("mySecret", "1595925864847") == expected


def test_check_url_of_the_official_sample_is_opened() -> None:
    assert crypto().signature(STAMP, NONCE, SEALED) == "03044561471240d4a14bb09372dfcfd4fd0e40cb"
    query = {"timestamp": STAMP, "nonce": NONCE, "signature": "03044561471240d4a14bb09372dfcfd4fd0e40cb"}
    assert crypto().open(query, SEALED, now_ms=int(STAMP)) == '{"EventType":"check_url"}'
    assert crypto(b"l7Y3EcX2CU5w8av3").encrypt('{"EventType":"check_url"}') == SEALED


def test_suite_vector_of_the_document() -> None:
    key = "4g5j64qlyl3zvetqxz5jiocdr586fn2zvjpa8zls3ij"
    ours = EventCrypto("123456", key, ("suite4xxxxxxxxxxxxxxx",))
    assert ours.signature("1445827045067", "nEXhMP4r", SUITE) == "5a65ceeef9aab2d149439f82dc191dd6c5cbe2c0"
    assert json.loads(ours.decrypt(SUITE))["Random"] == "LPIdSnlF"


def test_answers_are_sealed_as_dingtalk_expects() -> None:
    answer = crypto().seal("success", "1700000000000", "abcdefgh")
    assert answer["encrypt"] == (
        "IJtyRhe3IwDdDbVy9KT2PQsXn9Di6CEK7IwoL8L4CQ+xgriQ8Y0sMuvHw0Vv9Ce+6cMGlc1MMsHA2a+tCiq9IA=="
    )
    assert answer["msg_signature"] == "b375d2518d9a1824932da373b680b3bc4e05539c"
    assert crypto().encrypt('{"EventType":"测试"}') == (
        "IJtyRhe3IwDdDbVy9KT2PQS9PFZ53d9M8hXegV0rn27LnYOV2Rv8hHuFrV+NXUpp/Wh/aN0z189W088swrClcQ=="
    )


@pytest.mark.parametrize(
    "sealed",
    [
        "", "!", "AAAA", SEALED[:-4], SEALED[:-1], f" {SEALED}", base64.b64encode(b"\0" * 32).decode(), "测试",
        SUITE,
    ],
)  # fmt: skip
def test_what_cannot_be_opened_is_refused_alike(sealed: str) -> None:
    with pytest.raises(Refused) as raised:
        crypto().decrypt(sealed)
    assert raised.value.args == ()


def test_another_owner_is_refused() -> None:
    with pytest.raises(Refused):
        crypto(owners=("dingother",)).decrypt(SEALED)
    assert crypto(owners=("dingother", OWNER)).decrypt(SEALED)


@pytest.mark.parametrize("late", [-3_600_001, 3_600_001])
@pytest.mark.parametrize("stamp", [STAMP, "", "1e12", "٣", "-1", "9" * 40])
def test_another_hour_or_no_time_is_refused(stamp: str, late: int) -> None:
    with pytest.raises(Refused):
        signatures.check("same", "same", stamp, now_ms=int(STAMP) + late)


def test_made_keys_are_what_the_console_takes() -> None:
    made = keys.completed({})
    assert len(base64.b64decode(made["callback_aes_key"] + "=", validate=True)) == 32
    assert made["callback_aes_key"].isalnum()
    assert len(made["callback_aes_key"]) == 43
    assert made["callback_token"].isalnum()
    assert len(made["callback_token"]) <= 32
    assert keys.completed(made) == {}


def test_events_take_the_shape_of_streams() -> None:
    text = '{"EventType":"user_leave_org","TimeStamp":1700000000000,"CorpId":"corp","EventId":"e1","UserId":["u1"]}'
    frame = event_frame(text)
    assert frame.header("eventType") == "user_leave_org"
    assert frame.header("eventId") == "e1"
    assert frame.header("eventCorpId") == "corp"
    assert frame.header("eventBornTime") == "1700000000000"
    assert frame.data == {"userId": ["u1"]}


def test_an_event_without_id_is_known_by_its_text() -> None:
    one, same, other = (
        event_frame(text) for text in ('{"EventType":"a"}', '{"EventType":"a"}', '{"EventType":"b"}')
    )
    assert one.message_id == same.message_id != other.message_id
