"""The catalog fingerprint: every object of a database as canonical JSON, and one hash over all.

The first of the two witnesses that a downgrade restored what was there (`schema_dump` is the
second). Roles are not part of it: they belong to the cluster.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg

from ..domain.base import Value, canonical_json, sha256_of_json
from .fingerprint_sql import QUERIES
from .server import Server

VERSION_TABLE = "alembic_version"
# Comments, settings of the session that restores, and marks that are new in every dump.
_NOISE = ("--", "SET ", "SELECT pg_catalog.set_config", "\\restrict", "\\unrestrict")
_HEADER = re.compile(r"^-- (?:Data for )?Name: (.*?); Type: (.*?); Schema: (.*?);.*$")


class Fingerprint(Value):
    """`objects` maps "kind name" to canonical JSON; `sha256` is the hash of all of them."""

    objects: dict[str, str]
    sha256: str


def read_fingerprint(
    connection: psycopg.Connection, *, version_table: bool = False, portable: bool = False
) -> Fingerprint:
    """The fingerprint of the connected database, read in one snapshot.

    `version_table` includes Alembic's own table. `portable` leaves out what differs between two
    servers or owners with the same design: owners, versions of extensions, storage details.
    """
    objects: dict[str, str] = {}
    with snapshot(connection) as cursor:
        for query in QUERIES:
            for kind, name, facts in cursor.execute(query).fetchall():
                if not version_table and _of_version_table(kind, name, facts):
                    continue
                objects[f"{kind} {name}"] = canonical_json(
                    _portable(kind, facts) if portable else facts
                )
    return Fingerprint(objects=objects, sha256=sha256_of_json(objects))


def differences(before: Fingerprint, after: Fingerprint) -> tuple[str, ...]:
    """What differs, object by object, in plain words; nothing where the two are equal."""
    return compare(before.objects, after.objects)


def compare(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """Differences of two maps of objects: missing, left over, changed."""
    found = [f"missing: {name}" for name in sorted(before.keys() - after.keys())]
    found += [f"left over: {name}" for name in sorted(after.keys() - before.keys())]
    for name in sorted(before.keys() & after.keys()):
        if before[name] != after[name]:
            found.append(f"changed: {name}{_fields(before[name], after[name])}")
    return tuple(found)


def schema_dump(server: Server, database: str) -> dict[str, str]:
    """The second witness: `pg_dump --schema-only`, cut into objects; comments are stripped.

    Raises ServerError if pg_dump fails.
    """
    run = server.run(
        "pg_dump", "--schema-only", f"--exclude-table=public.{VERSION_TABLE}",
        database=database, check=True,
    )  # fmt: skip
    objects: dict[str, list[str]] = {}
    current: list[str] = []
    for line in run.stdout.splitlines():
        header = _HEADER.match(line)
        if header is not None:
            name, kind, schema = header.groups()
            current = objects.setdefault(f"dump of {kind.lower()} {schema}.{name}", [])
        elif line.strip() and not line.startswith(_NOISE):
            current.append(line.rstrip())
    return {name: "\n".join(lines) for name, lines in objects.items()}


@contextmanager
def snapshot(connection: psycopg.Connection) -> Iterator[psycopg.Cursor]:
    """A read-only transaction over one snapshot, in which names read the same everywhere."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SET LOCAL search_path = pg_catalog")
        cursor.execute("SET LOCAL standard_conforming_strings = on")
        cursor.execute("SET LOCAL quote_all_identifiers = off")
        yield cursor


def _of_version_table(kind: str, name: str, facts: dict[str, Any]) -> bool:
    if kind == "index":
        return f" ON public.{VERSION_TABLE} " in str(facts.get("definition"))
    own = f"public.{VERSION_TABLE}"
    return kind in ("table", "column", "constraint") and (name == own or name.startswith(f"{own}."))


_UNPORTABLE = ("owner", "version", "method", "tablespace", "compression", "storage")


def _portable(kind: str, facts: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in facts.items() if key not in _UNPORTABLE}
    if isinstance(kept.get("acl"), list):
        # What an owner holds differs by version (MAINTAIN since 17).
        kept["acl"] = [text for text in kept["acl"] if not text.startswith("(owner)")]
    if kind == "extension":
        del kept["comment"]
    return kept


def _fields(before: str, after: str) -> str:
    """The fields that changed, where both sides are JSON objects."""
    try:
        old, new = json.loads(before), json.loads(after)
    except ValueError:
        return ""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return ""
    parts = [
        f"{key}: {old.get(key)!r} → {new.get(key)!r}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]
    return f" ({'; '.join(parts)})"
