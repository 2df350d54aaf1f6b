"""Registration and WebSocket over TLS: the certificate is checked, a company CA can be named."""

import ssl

import pytest

from bifang.core.outbound.network import tls_context
from tests.certificates import self_signed
from tests.deadline import wait_until
from tests.dingtalk.stream_client import chat_frame, running_client, scripted_gateway


@pytest.fixture
def certificate(tmp_path):
    """A self-signed certificate for localhost; its path."""
    path = tmp_path / "company.pem"
    self_signed(path)
    return path


@pytest.fixture
def gateway(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    tls_context.cache_clear()
    with scripted_gateway(context) as gateway:
        yield gateway
    tls_context.cache_clear()


def test_stream_runs_over_tls_with_the_companys_ca(gateway, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with running_client(gateway.base) as running:
        running.wait_status("connected")
        wait_until(lambda: gateway.sockets)
        gateway.push(chat_frame(1))
        wait_until(lambda: gateway.received)
        running.stop()


def test_stream_unknown_certificate_is_refused_with_the_remedy(gateway):
    with running_client(gateway.base) as running:
        assert "SSL_CERT_FILE" in running.wait_status("retrying").last_error
    assert gateway.opened == []
