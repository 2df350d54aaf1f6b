"""Where the listener listens: addresses as the command line has them, and the certificate of TLS."""

import ipaddress
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from bifang.core.errors import ConfigError
from bifang.env import unreadable

Transport = Literal["udp", "tcp", "tls"]
HOST: Final = "127.0.0.1"
PORT: Final = 5514
_PLACE: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+|localhost)):(\d{1,5})")


@dataclass(frozen=True, slots=True)
class ListenPlace:
    """One socket to open. Port 0: any that is free."""

    transport: Transport
    host: str
    port: int

    @property
    def is_public(self) -> bool:
        """Can anyone but this machine reach it?"""
        return not ipaddress.ip_address(self.host).is_loopback

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport} {host}:{self.port}"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files; with ``client_ca`` only senders with a certificate of it are let in."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


def read_place(transport: Transport, word: str) -> ListenPlace:
    """``HOST:PORT``. Raises ConfigError."""
    found = _PLACE.fullmatch(word.strip())
    if found is None or int(found[3]) > 65_535:
        raise ConfigError(
            f"--{transport} 应是 IP 地址和端口，例如 127.0.0.1:{PORT} 或 [::1]:{PORT}，现在是「{word[:60]}」。"
        )
    host = HOST if found[2] == "localhost" else found[1] or found[2]
    try:
        return ListenPlace(transport, str(ipaddress.ip_address(host)), int(found[3]))
    except ValueError:
        raise ConfigError(f"--{transport} 的「{host}」不是 IP 地址。") from None


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """TLS 1.2 and newer. Raises ConfigError that names the file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_certificate(context, files)
    if files.client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(cafile=files.client_ca)
        except (OSError, ssl.SSLError) as error:
            raise _unusable("--tls-client-ca", files.client_ca, error) from None
    return context


def load_certificate(context: ssl.SSLContext, files: TlsFiles) -> None:
    """Also into a context in use: a renewed certificate needs no restart. Raises ConfigError."""
    try:
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
    except (OSError, ssl.SSLError, ValueError) as error:
        missing = next((each for each in (files.certificate, files.key) if not _readable(each)), None)
        raise _unusable("证书或私钥", missing or files.certificate, error) from None


def _no_password() -> str:
    raise ValueError("the key has a password")


def _readable(path: Path) -> bool:
    try:
        with path.open("rb"):
            return True
    except OSError:
        return False


def _unusable(what: str, path: Path, error: Exception) -> ConfigError:
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
        return ConfigError(unreadable(path, error) if path.exists() else f"{what}：没有文件 {path}。")
    return ConfigError(f"{what} {path} 不能用：应是 PEM 格式、没有口令、互相匹配的证书和私钥。")
