"""Damage in a cluster's files, found by comparing them with a base backup of the same cluster.

A page that was changed in the ordinary way carries a newer LSN than the backup. A page that
differs without one, a page of zeros, a shorter or a missing file is damage: nothing that
PostgreSQL does leaves them so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from ..domain.base import Value
from ..domain.damage import Damage

PAGE_BYTES = 8192
_MAIN_FORK = re.compile(r"(base/\d+|global)/(\d+)(\.\d+)?")
_ZEROS = bytes(PAGE_BYTES)
_MOST_PAGES = 20

_RELATIONS = """
select pg_relation_filepath(c.oid), c.relkind::text, n.nspname, c.relname,
  tn.nspname, t.relname
from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join pg_index i on i.indexrelid = c.oid
left join pg_class toasted on toasted.reltoastrelid = coalesce(i.indrelid, c.oid)
left join pg_class t on t.oid = coalesce(toasted.oid, i.indrelid, c.oid)
left join pg_namespace tn on tn.oid = t.relnamespace
where pg_relation_filepath(c.oid) is not null
"""


class FileOwner(Value):
    """The relation that a data file belongs to, and its table (itself, or an index's)."""

    kind: str
    relation: str
    table: str


def file_owners(connection: psycopg.Connection[Any]) -> dict[str, FileOwner]:
    """The owners of the current database's files, by path below the data directory."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_RELATIONS).fetchall()
    return {
        path: FileOwner(
            kind=kind,
            relation=name if schema == "public" else f"{schema}.{name}",
            table=table if table_schema == "public" else f"{table_schema}.{table}",
        )
        for path, kind, schema, name, table_schema, table in rows
    }


def find_damage(
    data: Path, backup: Path, owners: Mapping[str, FileOwner], *, backup_end_lsn: str
) -> tuple[Damage, ...]:
    """Where the files of a stopped cluster are damaged, compared with its base backup.

    Files of tables and indexes only; at most twenty pages a file are named. A file that is in
    the backup alone counts as missing only while a relation still owns it.
    """
    newest = _lsn(backup_end_lsn)
    found: list[Damage] = []
    for copy in sorted(backup.glob("base/*/*")) + sorted(backup.glob("global/*")):
        name = copy.relative_to(backup).as_posix()
        match = _MAIN_FORK.fullmatch(name)
        if match is None:
            continue
        owner = owners.get(f"{match[1]}/{match[2]}")
        for damage in _compare(data / name, copy, newest):
            if owner is None and damage.kind == "missing file":
                continue  # dropped or rewritten since
            about = {"relation": owner.relation, "table": owner.table} if owner else {}
            found.append(damage.model_copy(update={"file": name, **about}))
    return tuple(found)


def _compare(path: Path, copy: Path, newest: int) -> Iterator[Damage]:
    if not path.exists():
        yield Damage(kind="missing file", file="")
        return
    size, known = path.stat().st_size, copy.stat().st_size
    if size < known:
        yield Damage(
            kind="truncated file", file="", block=size // PAGE_BYTES,
            detail=f"{size} bytes, {known} in the backup",
        )  # fmt: skip
    named = 0
    with path.open("rb") as current, copy.open("rb") as before:
        block = 0
        while named < _MOST_PAGES:
            now, then = current.read(PAGE_BYTES), before.read(PAGE_BYTES)
            if len(now) < PAGE_BYTES or len(then) < PAGE_BYTES:
                return
            if now != then:
                damage = _page(now, then, block, newest)
                if damage is not None:
                    named += 1
                    yield damage
            block += 1


def _page(now: bytes, then: bytes, block: int, newest: int) -> Damage | None:
    """What became of a page that differs from the backup's; None for an ordinary change."""
    if now == _ZEROS:
        return Damage(kind="zeroed page", file="", block=block, detail="8192 bytes of zeros")
    if now[:8] == then[:8]:
        # The same LSN: no change of PostgreSQL's own, but for hints, which set single bits.
        places = [place for place in range(PAGE_BYTES) if now[place] != then[place]]
        detail = f"{len(places)} bytes differ from byte {places[0]} on, under the same LSN"
        return Damage(kind="changed page", file="", block=block, detail=detail)
    # The two halves of an LSN are two words, each in the machine's byte order (little-endian on
    # every platform that PostgreSQL is packaged for here).
    lsn = int.from_bytes(now[:4], "little") << 32 | int.from_bytes(now[4:8], "little")
    if lsn < newest:
        return Damage(
            kind="changed page", file="", block=block, detail="another LSN, older than the backup"
        )
    return None


def _lsn(text: str) -> int:
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


def root_cause(damage: tuple[Damage, ...]) -> str:
    """One sentence on the first damage: where, what, and what does such a thing."""
    if not damage:
        return "Unknown: the files of tables and indexes equal the backup's or changed normally."
    first = damage[0]
    where = f"{first.file} of {first.relation or 'an unknown relation'}"
    page = "" if first.block is None else f", page {first.block}"
    more = f" ({len(damage) - 1} more places)" if len(damage) > 1 else ""
    return f"{first.kind.capitalize()}: {where}{page}{more}. {_CAUSES[first.kind]}"


_CAUSES = {
    "zeroed page": "A write that the storage acknowledged and lost, or a file system repair after "
    "a crash, leaves zeros; PostgreSQL takes such a page for a new one.",
    "changed page": "Bits that changed below PostgreSQL: failing storage or memory, or another "
    "program that wrote to the file.",
    "truncated file": "A file system repair, a full disk during a copy, or another program cut "
    "the file.",
    "missing file": "The file was removed below PostgreSQL: by hand, by a cleaning job, or by an "
    "incomplete copy of the directory.",
    "unknown": "Nothing in the files tells.",
}
