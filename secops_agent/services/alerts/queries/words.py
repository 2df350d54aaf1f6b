"""Word index of alerts, filled after the fact: a keyword of any length finds its alerts without reading them all.

Every three characters in a row of an alert's text are one token, so that any part of it can be found, Chinese and
addresses alike; a keyword of one or two characters is the beginning of tokens. SQLite keeps the tokens in an FTS5
table, PostgreSQL in a tsvector under a GIN index. The text of an alert never changes, so a job indexes what is new
(`index`) and costs the imports nothing; what it has not reached yet is read (`candidates`).
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import BooleanField, F, Func
from django.db.models.functions import Substr

from secops_agent.models import Alert, AlertAsset, AlertEvent, AlertIndicator, AlertMention
from secops_agent.services.alerts.queries.mentioned import naming

JOB = f"{__name__}.index"
TABLE = "secops_agent_alertwords"
DESCRIBED = 2000  # characters of a description that are searched
_FIELDS = ("title", "rule_name", "rule_id", "source")
_BATCH = 50
MANY = 1000  # new alerts after which what PostgreSQL knows of their number is of no use
_MOST_TERMS = 12  # more tokens of a long keyword would not narrow it further
_UPPER, _LOWER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
_FOLD = str.maketrans(_UPPER, _LOWER)
_UNINDEXED = "SELECT id FROM secops_agent_alert WHERE id > %s"
_OBSERVED = (
    "SELECT alert_id FROM secops_agent_alertindicator WHERE value IN (%s, %s) "
    "UNION ALL SELECT alert_id FROM secops_agent_alertmention WHERE value IN (%s, %s)"
)
_INDEXED = {
    "sqlite": "SELECT rowid FROM secops_agent_alertwords WHERE secops_agent_alertwords MATCH %s",
    "postgresql": "SELECT alert_id FROM secops_agent_alertwords WHERE words @@ %s::tsquery",
}
_BETWEEN = {
    "sqlite": "SELECT rowid FROM secops_agent_alertwords WHERE secops_agent_alertwords MATCH %s AND rowid > %s AND rowid <= %s",
    "postgresql": "SELECT secops_agent_words_between(%s::tsquery, %s, %s)",
}
_NEWEST = {
    "sqlite": "SELECT rowid FROM secops_agent_alertwords ORDER BY rowid DESC LIMIT 1",
    "postgresql": "SELECT alert_id FROM secops_agent_alertwords ORDER BY alert_id DESC LIMIT 1",
}
_INSERT = {
    "sqlite": "INSERT INTO secops_agent_alertwords (rowid, words) VALUES (%s, %s)",
    "postgresql": "INSERT INTO secops_agent_alertwords (alert_id, words) VALUES (%s, array_to_tsvector(%s)) "
    "ON CONFLICT DO NOTHING",
}


@dataclass(frozen=True, slots=True)
class Keyword:
    """What is looked for. ``private``: who looks may read private parts (`services.privacy`); without, neither
    descriptions nor people's accounts and addresses are searched, so that a search tells nothing of what is masked."""

    text: str
    private: bool = False


class _About(Func):
    """Is a keyword in the searched text of an alert, a field a line, or does the alert name it otherwise (``naming``: a
    statement for the ids of those, and its parameters)? Only A to Z are folded: both databases do that alike.

    Written as text: put together of expressions it costs more than the search.
    """

    output_field = BooleanField()

    def __init__(self, keyword: str, naming: tuple[str, list[str]], *fields: Any) -> None:
        super().__init__(F("pk"), *fields)
        self.keyword, self.naming = keyword, naming

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """The words as PostgreSQL writes them."""
        return self._written(compiler, "strpos", "chr(10)", ' COLLATE "C"')

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """lower() of SQLite knows A to Z only, as that of PostgreSQL's collation C does."""
        return self._written(compiler, "instr", "char(10)", "")

    def _written(self, compiler: Any, find: str, line_end: str, collation: str) -> tuple[str, list[Any]]:
        columns = [compiler.compile(each) for each in self.get_source_expressions()]
        (key, _), *fields = columns
        text = f" || {line_end} || ".join(sql for sql, _ in fields)
        given = [value for _, values in fields for value in values]
        found, other = f"{find}(lower(({text}){collation}), %s) > 0", f"{key} IN ({self.naming[0]})"
        return f"({found} OR {other})", [*given, self.keyword, *self.naming[1]]


def folded(keyword: str) -> str:
    """A keyword as it is compared."""
    return keyword.strip().translate(_FOLD)


def about(keyword: Keyword) -> Func:
    """Alerts whose text holds the keyword, or that have it as an indicator, defanged in the text or not."""
    exact, described = keyword.text.strip(), (Substr("description", 1, DESCRIBED),) if keyword.private else ()
    observed = naming({exact, exact.lower()}, private=keyword.private)
    return _About(folded(exact), observed, *map(F, _FIELDS), *described)


def tokens(texts: Iterable[str]) -> set[str]:
    """Of the fields of an alert; two line ends close the text, so that its last characters begin tokens too."""
    text = "\n".join(texts).translate(_FOLD) + "\n\n"
    return {_token(text[at : at + 3]) for at in range(len(text) - 2)}


@lru_cache(50_000)
def _token(characters: str) -> str:
    """Letters and digits only, whatever the characters: "攻击" → "653bx51fbx"."""
    return "".join(f"{ord(each):x}x" for each in characters)


def candidates(keyword: str) -> tuple[str, list[Any]]:
    """A statement for the ids among which all matches are, whoever looks, some of them twice, and its parameters."""
    mark, exact = _mark(), keyword.strip()
    parts, parameters = [_UNINDEXED, _OBSERVED], [mark, *(exact, exact.lower()) * 2]
    if mark:
        parts.append(_INDEXED[connection.vendor])
        parameters.append(_asked(folded(keyword)))
    return " UNION ALL ".join(parts), parameters


def candidates_between(keyword: str, above: int, upto: int) -> tuple[str, list[Any]]:
    """The same among the alerts with these ids."""
    mark, exact, span = _mark(), keyword.strip(), (above, upto)
    parts: list[str] = [f"{_UNINDEXED} AND id <= %s"]
    parameters: list[Any] = [max(mark, above), upto]
    for observed in _OBSERVED.split(" UNION ALL "):
        parts.append(f"{observed} AND alert_id > %s AND alert_id <= %s")
        parameters += [exact, exact.lower(), *span]
    if mark:
        parts.append(_BETWEEN[connection.vendor])
        parameters += [_asked(folded(keyword)), *span]
    return " UNION ALL ".join(parts), parameters


def _asked(keyword: str) -> str:
    """What the index is asked: all tokens of the keyword, or those that begin with it."""
    found = dict.fromkeys(_token(keyword[at : at + 3]) for at in range(max(1, len(keyword) - 2)))
    sign, beginning = (" AND ", "*") if connection.vendor == "sqlite" else (" & ", ":*")
    return sign.join(list(found)[:_MOST_TERMS]) + (beginning if len(keyword) < 3 else "")


def _mark() -> int:
    """The newest alert that is indexed; 0 where this SQLite has no FTS5, and all is read."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(_NEWEST[connection.vendor])
            row = cursor.fetchone()
    except OperationalError as error:
        if "no such table" not in str(error):
            raise
        return 0
    return int(row[0]) if row else 0


def unindexed(most: int) -> int:
    """How many alerts `index` has not reached, counted up to ``most``."""
    return Alert.objects.filter(pk__gt=_mark()).order_by()[:most].count()


def index(seconds: float = 40.0) -> int:
    """Index the alerts that are new, in transactions of a few milliseconds. Returns how many."""
    if TABLE not in connection.introspection.table_names():
        return 0
    _begin_anew_if_ids_return()
    deadline, count = time.monotonic() + seconds, 0
    while time.monotonic() < deadline and (added := _add_batch()):
        count += added
    if count >= MANY:
        _tell_the_planner()
    return count


def _tell_the_planner() -> None:
    """PostgreSQL plans by what it counted last, and by itself counts again only after minutes."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for model in (Alert, AlertAsset, AlertEvent, AlertIndicator, AlertMention):
                cursor.execute(f"ANALYZE {model._meta.db_table}")
            cursor.execute(f"ANALYZE {TABLE}")


def _begin_anew_if_ids_return() -> None:
    """SQLite may give the ids of deleted alerts away again; PostgreSQL forgets an alert's words with the alert."""
    newest = Alert.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    if connection.vendor == "sqlite" and _mark() > newest:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO secops_agent_alertwords (secops_agent_alertwords) VALUES ('delete-all')"
            )


def _add_batch() -> int:
    """Alerts become visible in the order of their ids: imports take turns."""
    mark = _mark()
    found = (
        Alert.objects.filter(pk__gt=mark).order_by("pk").values_list("pk", *_FIELDS, "description")[:_BATCH]
    )
    rows = [(pk, sorted(tokens([*texts, about[:DESCRIBED]]))) for pk, *texts, about in found]
    with transaction.atomic():
        if _mark() != mark:  # another process was quicker
            return 0
        _insert(rows)
    return len(rows)


def _insert(rows: Sequence[tuple[int, list[str]]]) -> None:
    as_text = connection.vendor == "sqlite"
    values = [(pk, " ".join(words) if as_text else words) for pk, words in rows]
    with connection.cursor() as cursor:
        cursor.executemany(_INSERT[connection.vendor], values)
