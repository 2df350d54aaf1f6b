"""Grafana Alerting's webhook contact point: Alertmanager's shape, with orgId, links to the panel, and the values.

https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
"""

from collections.abc import Iterator
from dataclasses import replace

from secops_agent.importers.base import Importer, Options, Source, whole_outline
from secops_agent.importers.values.fields import Table, distinct, shortened, text
from secops_agent.services.records import AlertRecord, Item

from .alertmanager import Alertmanager

_OWN = ("alerts.item.silenceURL", "alerts.item.dashboardURL", "alerts.item.panelURL", "orgId")
_LINKS = ("panelURL", "dashboardURL")


class Grafana:
    """The alerts are read as Alertmanager's are."""

    name = "grafana"
    title = "Grafana Alerting 告警（Webhook）"

    def __init__(self) -> None:
        self._shared = Alertmanager()

    def sniff(self, head: bytes) -> float:
        paths = whole_outline(head)
        return 1.0 if self._shared.sniff(head) and paths.intersection(_OWN) else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        for item in self._shared.parse(source, replace(options, source=options.source or "grafana")):
            yield _completed(item) if isinstance(item, AlertRecord) else item


def _completed(alert: AlertRecord) -> AlertRecord:
    """With the panel's address and what was measured."""
    raw: Table = alert.raw
    links = (link for key in _LINKS if "://" in (link := text(raw, key)))
    measured = _measured(raw)
    return replace(
        alert,
        references=distinct((*alert.references, *links)),
        description=shortened("\n".join(filter(None, (alert.description, measured)))),
    )


def _measured(raw: Table) -> str:
    values = raw.get("values")
    if isinstance(values, dict) and values:
        return "测量值：" + "，".join(f"{name}={value}" for name, value in list(values.items())[:20])
    written = raw.get("valueString")
    return f"测量值：{written}" if isinstance(written, str) and written else ""


IMPORTER: Importer = Grafana()
__all__ = ["IMPORTER", "Grafana"]
