"""Sangfor XDR (深信服): POST /api/xdr/v1/alerts/list and /api/xdr/v1/incidents/list; the records under data.item."""

from secops_agent.importers.values.alert_fields import AlertTable, Host
from secops_agent.importers.values.table_importer import TableImporter

_INCIDENT = AlertTable(
    marks=("uuId", "name", "incidentSeverity"),
    title=("name",),
    key=(("uuId",),),
    event=("uuId", "endTime", "startTime"),
    level=("incidentSeverity",),
    levels={"0": "info", "1": "low", "2": "medium", "3": "high", "4": "critical"},
    first=("startTime",),
    last=("endTime", "startTime"),
    rule=("threatDefineName",),
    text=("description",),
    details={"处置": ("dealAction",), "标签": ("riskTag",), "研判": ("gptResultDescription",)},
    # dealStatus by public code that uses it: 0 待处置, 40 已处置, 60 接受风险, 70 已遏制; the others say nothing here.
    state=("dealStatus",),
    states={"0": "open", "40": "closed", "60": "closed", "70": "closed"},
    host=Host(ips=("hostIp",)),
)
_ALERT = AlertTable(
    marks=("uuId", "name", "severity"),
    title=("name",),
    key=(("uuId",),),
    event=("uuId", "lastTime", "firstTime", "updateTime"),
    level=("severity",),
    bands=((90, "critical"), (70, "high"), (50, "medium"), (1, "low")),
    first=("firstTime",),
    last=("lastTime", "firstTime", "updateTime"),
    rule=("threatSubTypeDesc", "threatTypeDesc", "threatClassDesc"),
    text=("description",),
    details={
        "类型": ("threatClassDesc", "threatTypeDesc", "threatSubTypeDesc"),
        "标签": ("riskTag",),
        "处置": ("alertDealAction",),
        "研判": ("gptResultDescription",),
        "来自": ("devSourceName",),
    },
    host=Host(ips=("hostIp",)),
    sightings={
        "ip": ("srcIp", "dstIp"),
        "domain": ("domain",),
        "url": ("url",),
        "hash": ("fileMd5",),
    },
)

IMPORTER = TableImporter(
    name="sangfor_xdr",
    title="深信服 XDR 告警与事件（OpenAPI，JSON）",
    tables=(_INCIDENT, _ALERT),
    lists=("data.item",),
)
__all__ = ["IMPORTER"]
