"""Format acme_waf: attack logs of Acme's WAF, JSON lines."""

from bifang.core.extensions import Extension
from secops_agent.importers.values.alert_fields import AlertTable, Host
from secops_agent.importers.values.table_importer import TableImporter

_ATTACK = AlertTable(
    marks=("acme_rule", "acme_client"),
    title=("acme_rule",),
    prefix="Acme WAF：",
    key=(("acme_rule",), ("site",), ("acme_client",)),
    event=("id",),
    level=("risk",),
    levels={"1": "low", "2": "medium", "3": "high"},
    last=("ts",),
    host=Host(name=("host",)),
    sightings={"ip": ("acme_client",)},
)
IMPORTER = TableImporter(name="acme_waf", title="Acme WAF 攻击日志（JSON）", tables=(_ATTACK,))
EXTENSION = Extension(IMPORTER.name, IMPORTER.title, IMPORTER, versions=">=0.1,<0.2")
