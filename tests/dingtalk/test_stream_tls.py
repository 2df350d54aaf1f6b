"""Registration and WebSocket over TLS: the certificate is checked, a company CA can be named."""

import datetime
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bifang.core.network import tls_context
from tests.deadline import wait_until
from tests.dingtalk.stream_client import chat_frame, running_client, scripted_gateway


@pytest.fixture
def certificate(tmp_path):
    """A self-signed certificate for localhost; its path."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "company.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
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
