"""Card entities of the Feishu simulator: one message each, text while the stream is open, a sequence that rises."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.feishu.test_simulator_openapi import MESSAGES, Api
from tests.feishu_simulator import FeishuHandle, running_feishu

BASE = "/open-apis/cardkit/v1/cards"


def card(text: str = "…", *, streaming: bool = True, **more: Any) -> dict[str, str]:
    element = {"tag": "markdown", "element_id": "text", "content": text}
    body = {"schema": "2.0", "config": {"streaming_mode": streaming}, "body": {"elements": [element]}, **more}
    return {"type": "card_json", "data": json.dumps(body)}


@pytest.fixture
def sim() -> Iterator[FeishuHandle]:
    with running_feishu(apps={"cli_demo": "demo-secret", "cli_other": "other-secret"}) as handle:
        yield handle


@pytest.fixture
def api(sim: FeishuHandle) -> Api:
    return Api(sim)


def create(api: Api, body: Any = None) -> str:
    return str(api.call("POST", BASE, body or card()).json()["data"]["card_id"])


def send(api: Api, sim: FeishuHandle, card_id: str) -> dict[str, Any]:
    content = json.dumps({"type": "card", "data": {"card_id": card_id}})
    return dict(
        api.reply(sim.message()["message_id"], msg_type="interactive", content=content, uuid="u1").json()
    )


def show(api: Api, card_id: str, text: str, sequence: Any, element: str = "text") -> int:
    body = {"content": text, "sequence": sequence}
    return int(api.call("PUT", f"{BASE}/{card_id}/elements/{element}/content", body).json()["code"])


def test_entity_grows_in_its_message_ends_and_is_replaced(sim: FeishuHandle, api: Api) -> None:
    card_id = create(api)
    sent = send(api, sim, card_id)
    assert sent["code"] == 0
    assert show(api, card_id, "有 3 条", 1) == 0
    (reply,) = sim.replies()
    assert (reply["message_id"], reply["text"], reply["card_id"]) == (
        sent["data"]["message_id"],
        "有 3 条",
        card_id,
    )
    settings = {"settings": json.dumps({"config": {"streaming_mode": False}}), "sequence": 2}
    assert api.call("PATCH", f"{BASE}/{card_id}/settings", settings).json()["code"] == 0
    assert show(api, card_id, "晚了", 3) == 300309
    whole = {"card": card("完", streaming=False), "sequence": 3}
    assert api.call("PUT", f"{BASE}/{card_id}", whole).json()["code"] == 0
    (reply,) = sim.replies()
    assert (reply["text"], reply["operations"]) == ("完", [[1, "show"], [2, "settings"], [3, "replace"]])


@pytest.mark.slow
@pytest.mark.parametrize("sequence", [2, 1, 0, -1, 2**31, "3", None, 2.5])
def test_sequence_has_to_rise_and_be_an_int32(sim: FeishuHandle, api: Api, sequence: Any) -> None:
    card_id = create(api)
    assert show(api, card_id, "一", 2) == 0
    assert show(api, card_id, "二", sequence) in (300317, 99992402)
    assert show(api, card_id, "三", 3) == 0


def test_entity_is_sent_once_and_is_no_card_of_a_message(sim: FeishuHandle, api: Api) -> None:
    card_id = create(api)
    sent = send(api, sim, card_id)["data"]
    assert send(api, sim, card_id)["data"]["message_id"] == sent["message_id"], (
        "the same key, the same message"
    )
    content = json.dumps({"type": "card", "data": {"card_id": card_id}})
    again = api.reply(sent["message_id"], msg_type="interactive", content=content).json()
    patched = api.call("PATCH", f"{MESSAGES}/{sent['message_id']}", {"content": card()["data"]}).json()
    unknown = send(api, sim, "404")
    assert (again["code"], patched["code"], unknown["code"]) == (300311, 230001, 0)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"type": "template", "data": "{}"}, 99992402),
        ({"type": "card_json", "data": "no json"}, 200220),
        (card(schema="1.0"), 300303),
        (card("x" * 31_000), 200860),
        (
            card(body={"elements": [{"tag": "hr", "element_id": "a"}, {"tag": "hr", "element_id": "a"}]}),
            300301,
        ),
    ],
)
def test_card_that_feishu_would_not_take(api: Api, body: Any, code: int) -> None:
    assert api.call("POST", BASE, body).json()["code"] == code


def test_ten_operations_a_second_and_no_more(api: Api) -> None:
    card_id = create(api)
    codes = [show(api, card_id, "字" * number, number) for number in range(1, 13)]
    assert codes[:10] == [0] * 10
    assert 99991400 in codes[10:]


def test_unknown_entity_and_element(api: Api) -> None:
    card_id = create(api)
    assert show(api, "404", "一", 1) == 200740
    assert show(api, card_id, "一", 1, element="other") == 300310
