"""Chinese sources through the API: a token for ingesting suffices, and the same file again changes nothing."""

import json

import pytest

from secops_agent.models import Alert
from tests.secops.api.callers import with_token
from tests.secops.importers.cn_samples import FILES

pytestmark = pytest.mark.django_db


@pytest.mark.slow
@pytest.mark.parametrize("shape", FILES)
def test_same_file_twice_changes_nothing(shape: str) -> None:
    name, value = FILES[shape]
    data = value if isinstance(value, str) else json.dumps(value)
    client, address = with_token("ingest"), f"/api/v1/ingest/{name}/"
    first = client.post(address, data.encode(), "application/octet-stream")
    assert (first.status_code, first.json()["created"]["alert"]) == (200, 1), first.content
    kept = Alert.objects.values().get()
    again = client.post(address, data.encode(), "application/octet-stream").json()
    assert (again["created"]["alert"], again["unchanged"]["alert"], again["rejected"]) == (0, 1, [])
    assert Alert.objects.values().get() == kept


def test_a_token_for_reading_may_not() -> None:
    name, value = FILES["huawei_hss"]
    answer = with_token("read").post(f"/api/v1/ingest/{name}/", json.dumps(value), "application/json")
    assert answer.status_code == 403
