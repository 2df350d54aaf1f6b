"""A large estate out of a small one: its alerts and findings copied by SQL, with all that hangs on them, on PostgreSQL.

Copies stand between the rows that they are copies of, in time and in their numbers, and their texts are the same: so a
keyword finds as large a part of them as before. The door would take an hour for a million.
"""

from typing import Any, Final

ALERT: Final = "secops_agent_alert"
FINDING: Final = "secops_agent_finding"
_ALERT_PARTS: Final = ("payload", "words", "asset", "indicator", "mention", "event")
_FRESH: Final = {  # by table what makes a copy another row; {step} is a little of the time between two rows
    ALERT: {
        "id": "base.id * {times} + copy + {past}", "identity": "md5(base.identity || copy)", "dedup_key": "base.dedup_key || '-' || copy",
        **{name: f"base.{name} - copy * {{step}}" for name in ("first_seen", "last_seen", "created_at", "acknowledged_at", "closed_at", "due_at")},
        "case_id": "NULL",
    },
    FINDING: {"id": "base.id * {times} + copy + {past}", "identity": "md5(base.identity || copy)"},
}  # fmt: skip
_PART: Final = {
    "alert_id": "base.alert_id * {times} + copy + {past}",
    "id": "nextval(pg_get_serial_sequence('{table}', 'id'))",
}
_INDEXES: Final = """
SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = %s::regclass AND NOT i.indisunique
"""


def multiply(times: int) -> None:
    """So many alerts and findings for each that there is."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # no foreign key is checked
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(f"SELECT max(id), (max(last_seen) - min(last_seen)) / count(*) / {times} FROM {ALERT}")
        past, step = cursor.fetchone()
        given = {"times": times - 1, "past": past, "step": f"interval '{step.total_seconds()} seconds'"}
        for table in (f"{ALERT}{part}" for part in _ALERT_PARTS):
            _copy(cursor, table, _PART, given, f"alert_id <= {past}")
        _copy(cursor, ALERT, _FRESH[ALERT], given, f"id <= {past}")
        cursor.execute(f"SELECT max(id) FROM {FINDING}")
        (past,) = cursor.fetchone()
        _copy(cursor, FINDING, _FRESH[FINDING], given | {"past": past}, f"id <= {past}")
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE")


def _copy(cursor: Any, table: str, fresh: dict[str, str], given: dict[str, Any], which: str) -> None:
    """Without its indexes, which are made again: that is several times quicker."""
    cursor.execute(_INDEXES, [table])
    indexes = cursor.fetchall()
    for name, _ in indexes:
        cursor.execute(f'DROP INDEX "{name}"')
    cursor.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        [table],
    )
    names = [name for (name,) in cursor.fetchall()]
    values = [fresh.get(name, f'base."{name}"').format(table=table, **given) for name in names]
    columns = ", ".join(f'"{name}"' for name in names)
    cursor.execute(
        f"INSERT INTO {table} ({columns}) SELECT {', '.join(values)} FROM (SELECT * FROM {table} WHERE {which} ORDER BY 1) base "
        f"CROSS JOIN generate_series(1, {given['times']}) copy"
    )
    for _, definition in indexes:
        cursor.execute(definition)
    if "id" in names:
        cursor.execute(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"
        )
