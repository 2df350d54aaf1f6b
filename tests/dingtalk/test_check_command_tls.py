"""check_dingtalk_stream over TLS: the certificate is checked, and a company's own CA can be named."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bifang.channels.checks.diagnosis import diagnose
from bifang.core.configuration import configs
from dingtalk_integration.checks.configuration import DINGTALK
from tests.dingtalk.test_stream_tls import certificate, gateway  # noqa: F401 - fixtures

pytestmark = pytest.mark.django_db


def steps(base: str) -> dict[str, Any]:
    given = {"client_id": "dingdemo", "client_secret": "demo-secret", "endpoint": base}
    config, _ = configs.save("dingtalk", "机器人", True, given)
    [found] = asyncio.run(diagnose(DINGTALK, config.pk)).configs
    return {step.name: step for step in found.steps}


def test_unknown_certificate_fails_the_tls_step_with_the_remedy(gateway: Any) -> None:  # noqa: F811
    found = steps(gateway.base)
    assert found["tls"].verdict == "failed"
    assert "证书没有通过校验" in found["tls"].detail
    assert "SSL_CERT_FILE" in found["tls"].remedy
    assert found["tcp"].verdict == "passed"
    assert found["credentials"].verdict == found["clock"].verdict == "skipped"


def test_companys_certificate_is_accepted_and_its_end_told(
    gateway: Any,  # noqa: F811
    certificate: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    found = steps(gateway.base)
    assert found["tls"].verdict == "passed"
    assert "有效期至" in found["tls"].detail
