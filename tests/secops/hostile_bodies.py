"""``python -m tests.secops.hostile_bodies door…``: hostile bodies at every door, in a process that may grow only a little.

A process of its own, because the limit holds for all of it, C code and what is kept included. Prints a line for each
answer that is wrong.
"""

import gzip
import os
import re
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress

import django
import psutil

GROWTH = 192 << 20  # bytes; the smallest of the bodies cost 1.5 GB once
LONGEST_ANSWER = 50_000
DEPTH, WIDTH = 100_000, 20_000


def bodies() -> Iterator[tuple[str, bytes]]:
    """Nested, long and wide, each in the first 64 KiB and beyond; packed ones are small on their way in."""
    keys = b",".join(b'"%d":1' % number for number in range(WIDTH))
    yield "arrays", b"[" * DEPTH
    yield "closed arrays", b"[" * DEPTH + b"]" * DEPTH
    yield "objects", b'{"a":' * DEPTH
    yield "both", b'[{"a":' * DEPTH
    yield "arrays in an object", b'{"' + b"k" * 60 + b'":' + b"[" * DEPTH
    yield "a name above many", b'{"' + b"k" * 30_000 + b'":{' + keys
    yield "a name above arrays", b'{"' + b"k" * 30_000 + b'":' + b'[{"kk":' * DEPTH
    yield "names in names", b"".join(b'{"' + b"k" * 600 + b'":' for _ in range(120))
    yield "many names", b"{" + keys + b"}"
    yield "many elements", b'{"alerts":[' + b"[]," * WIDTH + b"[]]}"
    yield "lines of arrays", (b"[" * 5_000 + b"\n") * 200
    yield "a long text", b'{"a":"' + b"x" * 900_000 + b'"}'
    yield "a long number", b'{"a":' + b"9" * 900_000 + b"}"
    yield "elements", b"<a>" * DEPTH
    yield "attributes", b"<nmaprun " + b" ".join(b'a%d="1"' % number for number in range(WIDTH)) + b">"
    yield "columns", b"hostname," + b"a," * WIDTH + b"\n" + b"1," * WIDTH
    yield "a small bomb", gzip.compress(b"[" * 90_000)
    yield "a bomb of bombs", gzip.compress(gzip.compress(b"[" * 1_000_000))


def bound_memory() -> None:
    """Let this process grow by `GROWTH` at most; where a system takes no such bound, answers are still looked at."""
    limit = psutil.Process().memory_info().vms + GROWTH
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def at_importers() -> Iterator[str]:
    """Every importer looks at and reads everything."""
    from bifang.core.errors import BifangError
    from secops_agent.importers import registry
    from secops_agent.importers.base import Options, Source

    importers = registry.importers().values()
    bound_memory()
    for name, body in bodies():
        for importer in importers:
            source = Source.from_bytes(body, name)
            with suppress(BifangError):
                importer.sniff(source.head())
            with suppress(BifangError):
                for item in importer.parse(source, Options()):
                    hash(item)
    yield from ()


def at_the_api() -> Iterator[str]:
    """Every method that takes a body, of every address under /api/v1/."""
    from django.test import Client

    from secops_agent.services.people import tokens

    _, token = tokens.create("敌意", ("read", "write", "ingest", "approve"), rate=0)
    client = Client(
        SERVER_NAME="localhost", headers={"Authorization": f"Bearer {token}"}, raise_request_exception=False
    )
    client.get("/api/v1/alerts/")
    bound_memory()
    deep = b"[" * DEPTH + b"]" * DEPTH
    for method, address in doors():
        for name, body in bodies():
            answer = client.generic(method, address, body, "application/json")
            # What an import rejects is listed whole.
            long = len(answer.content) > LONGEST_ANSWER and "/ingest/" not in address
            if long or not 200 <= answer.status_code < 500:
                yield f"{method} {address} {name}: {answer.status_code}, {len(answer.content)} bytes"
        answer = client.generic(method, address, deep, "application/json")
        if answer.status_code != 400 or not re.search("嵌套太深|不像是", answer.json()["error"]["message"]):
            yield f"{method} {address}: {answer.status_code} {answer.content.decode()[:200]}"


def doors() -> Iterator[tuple[str, str]]:
    """(method, address) of everything that may have a body."""
    from secops_agent.api.urls import urlpatterns

    values = {"<str:format_name>": "generic", "<str:vuln_id>": "CVE-2026-1"}
    declared = [
        each for each in urlpatterns if str(each.pattern).startswith("v1/") and hasattr(each.callback, "cls")
    ]
    for each in declared:
        address = "/api/" + str(each.pattern)
        for part in [part for part in address.split("/") if part.startswith("<")]:
            address = address.replace(part, values.get(part, "1"))
        for method in ("POST", "PUT", "PATCH"):
            if hasattr(each.callback.cls, method.lower()):
                yield method, address


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bifang.settings")
    django.setup()
    wrong = list({"importers": at_importers, "api": at_the_api}[sys.argv[1]]())
    sys.stdout.write("\n".join(wrong))
    sys.exit(bool(wrong))
