"""Files of ours in Feishu: uploaded, sent, read again; and what Feishu takes no file of."""

import json
from collections.abc import AsyncIterator, Iterator

import pytest

from bifang.core.errors import RemoteError
from bifang.core.outbound.http import HttpClient
from feishu_integration.openapi.api import FeishuApi, FeishuApplication
from feishu_integration.openapi.media import MAX_FILE, FeishuMedia
from feishu_integration.openapi.messages import FeishuMessages, MessageAddress, file_message
from tests.feishu_simulator import FeishuHandle, running_feishu

UPLOADS = "POST /open-apis/im/v1/files"


@pytest.fixture
def sim() -> Iterator[FeishuHandle]:
    with running_feishu() as handle:
        handle.message("你好", chat_id="oc_1", group=True)
        yield handle


@pytest.fixture
async def api(sim: FeishuHandle) -> AsyncIterator[FeishuApi]:
    async with HttpClient() as http:
        yield FeishuApi(http, FeishuApplication("cli_demo", "demo-secret", sim.base_url))


@pytest.mark.parametrize("name", ["日报 2026-11-26.pdf", "发现.csv", '引号".xlsx'])
async def test_file_arrives_as_it_is_also_when_the_token_went_stale(
    sim: FeishuHandle, api: FeishuApi, name: str
) -> None:
    content, pieces, media = bytes(range(256)) * 5000, [], FeishuMedia(api)
    sim.faults(token_invalid={"value": True, "times": 1})
    key = await media.upload(content, name)
    message_id = await FeishuMessages(api).send(MessageAddress("chat_id", "oc_1"), file_message(key), "once")
    (told,) = sim.replies(chat_id="oc_1")
    assert (told["msg_type"], json.loads(told["content"])) == ("file", {"file_key": key})
    await media.download(message_id, key, pieces.append, MAX_FILE)
    assert b"".join(pieces) == content


async def test_what_feishu_takes_no_file_of_is_not_sent_there(sim: FeishuHandle, api: FeishuApi) -> None:
    for content in (b"", bytes(MAX_FILE + 1)):
        with pytest.raises(RemoteError, match="30 MB") as refused:
            await FeishuMedia(api).upload(content, "空的.csv")
        assert refused.value.permanent
    assert UPLOADS not in sim.state()["calls"]
