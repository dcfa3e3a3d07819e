"""What could help a query where indexes cannot, read off its plan. Advice, not proof."""

from __future__ import annotations

from collections.abc import Iterator

from ..domain.access import time_column
from ..domain.design import Design
from ..domain.measurement import QueryMeasurement
from .plans import Node, root_of, rows_of, rows_removed, walk

_MANY_ROWS = 1_000
_MANY_READ = 10_000
_LARGE_SHARE = 0.2
_LEAKY = (
    ("the equality of citext", "citext", "keep the text in lower case in a generated text column, "
     "index that after the tenant and compare it with the lower-cased value"),
    ("a function", "lower(", "keep its result in a generated column and index that"),
    ("LIKE", "~~", "keep the searched words in a table of terms with the tenant and plain "
     "equality or range comparisons"),
    ("a containment test", "@>", "keep what is searched for in columns of its own"),
    ("full-text search", "@@", "keep the words in a table of terms with the tenant"),
)  # fmt: skip


def advise(design: Design, one: QueryMeasurement) -> tuple[str, ...]:
    """Advice for a query that still misses its objective; at least one sentence."""
    root = root_of(one.plan_json)
    found = list(dict.fromkeys(_from_plan(design, one, root)))
    if not found:
        found = [
            "its plan reads little and no index makes it faster: cache the answer, or give the "
            "server more or faster cores"
        ]
    return tuple(f"{one.query}: {text}." for text in found)


def _from_plan(design: Design, one: QueryMeasurement, root: Node) -> Iterator[str]:
    if one.failure is not None:
        yield f"it did not end ({one.failure.message}): rewrite it to read fewer rows"
    returned = rows_of(root)
    if returned > _MANY_ROWS:
        yield (
            f"it returns {returned:,.0f} rows at a time: page through them by key "
            "(WHERE key > last seen … LIMIT n)"
        )
    nodes = list(walk(root))
    for node in nodes:
        kind = str(node["Node Type"])
        if "Aggregate" in kind and _read_below(node) > _MANY_READ:
            yield (
                f"it sums up {_read_below(node):,.0f} rows on every call: keep the sums in a "
                "summary table (denormalise) that is updated with the rows, or a materialised view"
            )
        if "Sort Space Type" in node and node["Sort Space Type"] == "Disk":
            size = node.get("Sort Space Used", 0)
            yield f"it sorts {size:,} kB on disk: give it more work_mem, or sort fewer rows"
        if " OR " in str(node.get("Filter", "")) and rows_removed(node) > _MANY_ROWS:
            yield (
                "its OR keeps it from using an index: write one query for each side, joined by "
                "UNION, and index each"
            )
        if "Relation Name" in node:
            yield from _from_leaks(design, node)
        if kind == "Seq Scan":
            yield from _from_scan(design, node)
    joins = sum("Join" in str(n["Node Type"]) or n["Node Type"] == "Nested Loop" for n in nodes)
    if joins >= 4:
        yield f"it joins {joins + 1} relations: copy the columns it shows next to its main relation"
    if one.sla is not None and (one.clients > 1 or (one.sla.concurrency or 1) > 1):
        clients = max(one.clients, one.sla.concurrency or 1)
        yield (
            f"{clients} clients at once wait for the same cores: add cores, or send reads to a "
            "read replica"
        )


def _from_leaks(design: Design, node: Node) -> Iterator[str]:
    """Conditions that row-level security keeps out of an index, because they might leak rows.

    Source: PostgreSQL 18 manual, 39.5 (LEAKPROOF).
    """
    relation = design.find(str(node.get("Relation Name", "")))
    text = str(node.get("Filter", ""))
    if relation is None or relation.tenant_column is None or rows_removed(node) < _MANY_ROWS:
        return
    for what, sign, instead in _LEAKY:
        if sign in text:
            yield (
                f"row-level security on {relation.name} lets {what} run only on rows whose tenant "
                f"is checked, so no index finds them ({rows_removed(node):,.0f} rows are read and "
                f"thrown away): {instead}"
            )


def _from_scan(design: Design, node: Node) -> Iterator[str]:
    name = str(node.get("Relation Name", ""))
    kept, thrown = rows_of(node), rows_removed(node)
    read = kept + thrown
    relation = design.find(name)
    if read < _MANY_READ or relation is None:
        return
    column = time_column(relation)
    if kept / read >= _LARGE_SHARE:
        where = f", or partition it by {column} if recent rows are enough" if column else ""
        yield (
            f"it needs {kept / read:.0%} of the {read:,.0f} rows of {name}, which an index cannot "
            f"shorten: narrow the question{where}"
        )


def _read_below(node: Node) -> float:
    return sum(rows_of(n) + rows_removed(n) for n in walk(node) if "Relation Name" in n)
