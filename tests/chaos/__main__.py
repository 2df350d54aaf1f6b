"""``make chaos``: CHAOS_SECONDS (600) of faults under load, then the verdict; exit code 1 if anything is not as it must be."""

import os
import secrets
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import psycopg

import tests.environment  # noqa: F401 - before the settings are read
from bifang.core.secrets.crypto import generate_key
from tests.acceptance.processes import free_ports
from tests.postgres_programs import Cluster, own_cluster

SECONDS = float(os.environ.get("CHAOS_SECONDS", "600"))
OPTIONS = ("-c", "synchronous_commit=on", "-c", "max_connections=200")


def main() -> bool:
    """Run and tell."""
    with tempfile.TemporaryDirectory(prefix="bifang-chaos-") as place, own_cluster(*OPTIONS) as cluster:
        home = Path(place)
        os.environ |= {
            "DATABASE_URL": cluster.url,
            "BIFANG_DATA_DIR": f"{place}/observer",
            "BIFANG_LOG_DIR": f"{place}/observer-logs",
            "BIFANG_ENCRYPTION_KEY": generate_key(),
            "DJANGO_SECRET_KEY": secrets.token_urlsafe(50),
        }
        import django

        django.setup()
        from tests.chaos import faults, findings, house, load, verdict

        with house.open_house(home, cluster) as opened:
            opened.standby = follow(cluster)
            people = load.Load(opened)
            threads = [
                threading.Thread(target=each, daemon=True) for each in (opened.keep, people.ask, people.alarm)
            ]
            for thread in threads:
                thread.start()
            chaos = faults.Chaos(opened)
            end = time.time() + SECONDS
            while time.time() < end:
                chaos.step()
                threading.Event().wait(0.2)
            chaos.end()
            people.over.set()
            for thread in threads[1:]:
                thread.join(120)
            quiet = verdict.settled(opened, people)
            lines = [
                ("收尾", "都做完了" if quiet else "没有做完", quiet),
                *verdict.judge(opened, people),
                *verdict.stop(opened),
            ]
            if not all(ok for _, _, ok in lines):
                print(f"查到的留在 {findings.keep(opened, people, lines)}", flush=True)
            opened.cluster.stop("fast")
            if opened.standby:
                opened.standby.stop("fast")
        tell(chaos.counts, lines)
        if not all(ok for _, _, ok in lines) and (keep := os.environ.get("CHAOS_KEEP")):
            shutil.copytree(place, keep, dirs_exist_ok=True, ignore=shutil.ignore_patterns("earlier"))
        return all(ok for _, _, ok in lines)


def follow(cluster: Cluster) -> Cluster:
    """A standby that every commit waits for: what was acknowledged survives the loss of the primary."""
    standby = cluster.standby(free_ports(1)[0])
    with psycopg.connect(cluster.url, autocommit=True) as primary:
        primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        primary.execute("SELECT pg_reload_conf()")
    return standby


def tell(counts: dict[str, int], lines: list[tuple[str, str, bool]]) -> None:
    """Two tables."""
    print(
        f"\n{sum(counts.values())} 次故障，{SECONDS:.0f} 秒："
        + "，".join(f"{name} {count}" for name, count in counts.items())
    )
    for what, how, ok in lines:
        print(f"{'✓' if ok else '✗'} {what}：{how}")


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
