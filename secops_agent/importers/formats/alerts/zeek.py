"""Zeek: notices (notice.log as JSON); its other logs are of traffic and no alerts. They have no level.

https://docs.zeek.org/en/master/scripts/base/frameworks/notice/main.zeek.html
"""

from secops_agent.importers.values.alert_fields import AlertTable, Host
from secops_agent.importers.values.table_importer import TableImporter

_NOTICE = AlertTable(
    marks=("note", "msg", "ts", "suppress_for"),
    prefix="Zeek：",
    title=("note",),
    key=(("note",), ("dst", "id.resp_h"), ("src", "id.orig_h")),
    event=("uid", "ts", "sub", "msg"),
    level=(),
    last=("ts",),
    rule=("note",),
    text=("msg", "sub"),
    details={"端口": ("p", "id.resp_p"), "协议": ("proto",), "动作": ("actions",), "文件": ("file_desc",), "探针": ("peer_descr",)},
    host=Host(victim=("dst", "id.resp_h"), attacker=("src", "id.orig_h")),
    sightings={"text": ("sub",)},
)  # fmt: skip

IMPORTER = TableImporter(name="zeek", title="Zeek 通知（notice.log，JSON）", tables=(_NOTICE,))
__all__ = ["IMPORTER"]
