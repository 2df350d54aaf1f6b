"""OCSF: the table of fields of its findings, for other classes of events as well. https://schema.ocsf.io"""

from typing import Final

from .alert_fields import AlertTable, Host, SightingKind

# Types of observables that we have a kind for.
OBSERVABLES: Final[dict[int, SightingKind]] = {
    1: "domain", 2: "ip", 4: "account", 5: "email", 6: "url", 7: "file", 8: "hash", 9: "process",
}  # fmt: skip
OCSF: Final = AlertTable(
    marks=("class_uid", "metadata"),
    title=(
        "finding_info.title", "finding.title", "message", "finding_info.desc", "finding_info.types", "type_name", "activity_name", "class_name",
        "category_name",
    ),
    key=(
        ("finding_info.analytic.uid", "finding_info.title", "finding.title", "type_uid", "class_uid"),
        ("device.hostname", "device.ip", "resources.uid", "resources.name", "dst_endpoint.ip", "dst_endpoint.hostname"),
        ("src_endpoint.ip", "evidences.src_endpoint.ip", "actor.user.name", "user.name"),
    ),
    kind="ocsf",
    event=("metadata.uid", "finding_info.uid", "finding.uid", "time"),
    level=("severity_id",),
    levels={"0": "medium", "1": "info", "2": "low", "3": "medium", "4": "high", "5": "critical", "6": "critical"},
    other="medium",
    last=("time",),
    rule=("finding_info.analytic.uid", "finding_info.analytic.name", "type_uid"),
    text=("finding_info.desc", "finding.desc", "message", "status_detail"),
    details={
        "类别": ("class_name",), "结果": ("disposition", "status", "action"), "命令行": ("process.cmd_line", "evidences.process.cmd_line"),
        "处置建议": ("remediation.desc", "finding.remediation.desc"),
    },
    state=("status_id",),
    states={"1": "open", "2": "open", "3": "closed", "4": "closed", "5": "closed", "6": "closed"},
    host=Host(
        name=("device.hostname", "device.name", "evidences.device.hostname"), ips=("device.ip",),
        attacker=("src_endpoint.ip", "evidences.src_endpoint.ip"), inside=("dst_endpoint.ip", "evidences.dst_endpoint.ip"),
    ),
    sightings={
        "ip": ("dst_endpoint.ip", "evidences.dst_endpoint.ip", "observables.ip"),
        "domain": ("observables.domain", "query.hostname"),
        "account": ("actor.user.name", "user.name", "observables.account"),
        "email": ("observables.email",),
        "url": ("observables.url", "http_request.url.url_string"),
        "file": ("observables.file", "file.path", "file.name"),
        "hash": ("observables.hash", "file.hashes.value", "evidences.file.hashes.value"),
        "process": ("observables.process", "process.file.path"),
    },
    techniques=(
        "attacks.technique.uid", "attacks.sub_technique.uid", "finding_info.attacks.technique.uid", "finding_info.attacks.sub_technique.uid",
    ),
    references=("finding_info.src_url", "finding.src_url", "remediation.references"),
)  # fmt: skip
