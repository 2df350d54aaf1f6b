"""``manage.py listen_syslog [--udp HOST:PORT] [--tcp HOST:PORT] [--tls HOST:PORT]``: the syslog listener."""

import asyncio
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connections

from bifang import env
from bifang.core.command import OperatorCommand
from bifang.core.database import db
from bifang.core.errors import BifangError, ConfigError
from bifang.core.monitoring.startup import begin
from secops_agent.syslog.listener import SyslogService, check_places
from secops_agent.syslog.places import HOST, PORT, ListenPlace, TlsFiles, read_place
from secops_agent.syslog.storing import DatabaseAway

_TLS = {
    "tls_cert": ("--tls-cert", "BIFANG_SYSLOG_TLS_CERT", "证书（PEM，含中间证书）"),
    "tls_key": ("--tls-key", "BIFANG_SYSLOG_TLS_KEY", "私钥（PEM，没有口令）"),
    "tls_client_ca": ("--tls-client-ca", "BIFANG_SYSLOG_TLS_CLIENT_CA", "签发客户端证书的 CA；设置后没有证书的连不上"),
}  # fmt: skip


class Command(OperatorCommand):
    """Exits non-zero only for what a restart or a person must mend."""

    help = "接收 syslog（RFC 3164、5424；CEF、LEEF、JSON）：不写地址时监听本机的 UDP 和 TCP 5514"

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to listen, and the files of TLS."""
        for transport in ("udp", "tcp", "tls"):
            parser.add_argument(
                f"--{transport}", action="append", default=[], metavar="HOST:PORT",
                help=f"监听 {transport.upper()}，例如 {HOST}:{PORT}；可以写几次",
            )  # fmt: skip
        for flag, variable, what in _TLS.values():
            parser.add_argument(flag, default="", metavar="FILE", help=f"{what}；也可以用环境变量 {variable}")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check what must be there, then run until a signal."""
        try:
            places, tls = _places(options), _tls(options)
            begin("listen_syslog")
            check_places(places, tls)
            connections.close_all()
            asyncio.run(SyslogService(places, tls).run())
        except BifangError as error:
            raise CommandError(error.message) from None
        except DatabaseAway:
            raise CommandError("数据库长时间无法访问，进程退出，等待进程管理工具重新启动。") from None
        finally:
            db.shut_down()


def _places(options: dict[str, Any]) -> list[ListenPlace]:
    places = [
        *(read_place("udp", word) for word in options["udp"]),
        *(read_place("tcp", word) for word in options["tcp"]),
        *(read_place("tls", word) for word in options["tls"]),
    ]
    return places or [ListenPlace("udp", HOST, PORT), ListenPlace("tcp", HOST, PORT)]


def _tls(options: dict[str, Any]) -> TlsFiles | None:
    certificate, key, client_ca = (
        options["tls_cert"] or env.text("BIFANG_SYSLOG_TLS_CERT"),
        options["tls_key"] or env.text("BIFANG_SYSLOG_TLS_KEY"),
        options["tls_client_ca"] or env.text("BIFANG_SYSLOG_TLS_CLIENT_CA"),
    )
    if not certificate and not key:
        return None
    if not certificate or not key:
        raise ConfigError("TLS 的证书和私钥要一起写：--tls-cert 和 --tls-key；同一个文件就写两次。")
    return TlsFiles(Path(certificate), Path(key), Path(client_ca) if client_ca else None)
