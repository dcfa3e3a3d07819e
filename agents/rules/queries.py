"""Queries: an operation as one SQL statement over the drafts, and where its values come from."""

from __future__ import annotations

from ...domain.identifiers import quote, quote_literal
from ...domain.types import family
from ...domain.workload import Parameter
from .book import Book, Draft
from .columns import time_of
from .inserts import insert_sql
from .operations import Operation
from .paths import alias_for, find_path, join_sql

LIST_ROWS = 50


class _Select:
    """A SELECT in the making."""

    def __init__(self, drafts: dict[str, Draft], main: Draft) -> None:
        self.drafts = drafts
        self.aliases: dict[str, str] = {}
        self.main = main
        self.alias = alias_for(main.name, self.aliases)
        self.joins: list[str] = []
        self.where: list[str] = []
        self.parameters: dict[str, Parameter] = {}

    def column(self, draft: Draft, name: str) -> str:
        return f"{self.aliases[draft.name]}.{quote(name)}"

    def parameter(self, name: str, draft: Draft, column: str, **more: object) -> str:
        unique, number = name, 2
        while unique in self.parameters and self.parameters[unique].column != column:
            unique, number = f"{name}_{number}", number + 1
        self.parameters[unique] = Parameter(
            name=unique, relation=draft.name, column=column, **more,
        )  # fmt: skip
        return f":{unique}"

    def reach(self, target: Draft, *, left: bool = False) -> bool:
        """Join the target by the shortest path; False where there is none."""
        if target.name in self.aliases:
            return True
        best = None
        for start in list(self.aliases):
            path = find_path(self.drafts, start, target.name)
            if path is not None and (best is None or len(path) < len(best)):
                best = path
        if best is None:
            return False
        for step in best:
            if step.target not in self.aliases:
                self.joins.append(join_sql(self.drafts, step, self.aliases, left=left))
        return True

    def sql(self, shown: str, tail: str) -> str:
        joins = "".join(f" {join}" for join in self.joins)
        where = f" WHERE {' AND '.join(self.where)}" if self.where else ""
        return f"SELECT {shown} FROM {quote(self.main.name)} AS {self.alias}{joins}{where}{tail}"


def build_sql(book: Book, op: Operation) -> tuple[str, tuple[Parameter, ...]] | None:
    """The statement of an operation and its parameters; None where it cannot be expressed."""
    if op.verb == "insert":
        return insert_sql(op.main, {d.name: d for d in book.drafts.values()})
    if op.verb in ("update", "delete"):
        return _change(op)
    drafts = {d.name: d for d in book.drafts.values()}
    select = _Select(drafts, op.main)
    if not _parents(select, op):
        return None
    _conditions(select, op)
    if op.verb == "count":
        return _aggregate(select, op)
    return _rows(select, op)


def _parents(select: _Select, op: Operation) -> bool:
    for parent in op.parents:
        key = op.main.key_to(parent.name)
        by_id = len(parent.primary_key) == 1
        if key is not None and by_id:
            column = key.columns[-1]
            marker = select.parameter(column, op.main, column)
            select.where.append(f"{select.column(op.main, column)} = {marker}")
            continue
        path = find_path(select.drafts, op.main.name, parent.name)
        if path is None or not by_id:
            return False
        last = path[-1]
        if last.upward:
            # The key that leads to the parent stands one join before it.
            if not select.reach(select.drafts[last.source]):
                return False
            holder, column = select.drafts[last.source], last.key.columns[-1]
        else:
            select.reach(parent)
            holder, column = parent, parent.primary_key[0]
        marker = select.parameter(f"{parent.key}_id", holder, column)
        select.where.append(f"{select.column(holder, column)} = {marker}")
    return True


def _conditions(select: _Select, op: Operation) -> None:
    main = op.main
    groups = []
    for group in op.filters:
        equal = []
        for name in group:
            column = main.columns[name]
            if op.verb == "search" and family(column.type) == "text" and not column.values:
                continue
            marker = select.parameter(name, main, name)
            equal.append(f"{select.column(main, name)} = {marker}")
        if equal:
            groups.append(" AND ".join(equal))
    if len(groups) > 1:
        select.where.append("(" + " OR ".join(groups) + ")")
    else:
        select.where.extend(groups)
    if op.verb == "search":
        _search(select, op)
    for name, value in op.constants:
        place = select.column(main, name)
        if value == "true" and main.columns[name].type == "boolean":
            select.where.append(place)
        elif value == "null":
            select.where.append(f"{place} IS NULL")
        elif value == "past":
            now = "CURRENT_DATE" if main.columns[name].type == "date" else "now()"
            select.where.append(f"{place} < {now}")
        else:
            listed = [quote_literal(v) for v in value.split("|")]
            many = f"IN ({', '.join(listed)})" if len(listed) > 1 else f"= {listed[0]}"
            select.where.append(f"{place} {many}")
    if op.window:
        clock, holder = _clock(select, op)
        if clock and holder is not None:
            place = select.column(holder, clock)
            first = select.parameter("from_time", holder, clock)
            last = select.parameter("to_time", holder, clock, shift=op.window)
            select.where.append(f"{place} >= {first} AND {place} < {last}")


def _clock(select: _Select, op: Operation) -> tuple[str | None, Draft | None]:
    own = time_of(op.main)
    if own:
        return own, op.main
    for key in op.main.foreign_keys:
        parent = select.drafts.get(key.references)
        clock = time_of(parent) if parent else None
        if parent is not None and clock and select.reach(parent):
            return clock, parent
    return None, None


def _search(select: _Select, op: Operation) -> None:
    texts = [
        c.name for c in op.main.columns.values()
        if family(c.type) == "text" and not c.values and c.classification != "secret"
    ]  # fmt: skip
    wanted = [c for group in op.filters for c in group if c in texts]
    for name in ("name", "title", "subject", "last_name", "full_name", "description", "body"):
        if not wanted and name in texts:
            wanted = [name]
            if (
                name in ("name", "title", "subject")
                and "description" in texts
                and "desc" in op.text
            ):
                wanted.append("description")
    wanted = wanted or texts[:1]
    if wanted:
        marker = select.parameter("term", op.main, wanted[0], template="%{}%", limit=5)
        terms = [f"{select.column(op.main, name)} ILIKE {marker}" for name in wanted]
        select.where.append(f"({' OR '.join(terms)})" if len(terms) > 1 else terms[0])


def _shown(draft: Draft, alias: str) -> list[str]:
    return [
        f"{alias}.{quote(c.name)}" for c in draft.columns.values()
        if family(c.type) not in ("search", "binary") and c.classification != "secret"
    ]  # fmt: skip


def _rows(select: _Select, op: Operation) -> tuple[str, tuple[Parameter, ...]]:
    main = op.main
    shown = _shown(main, select.alias)
    many = [child for child in op.children if _is_below(select, child)]
    for child in op.children:
        if len(many) > 1 and child in many:
            # Joined side by side, each row of one would meet each row of the others.
            shown.append(_gathered(select, child))
        elif select.reach(child, left=True):
            alias = select.aliases[child.name]
            skip = {k.columns[-1] for k in child.foreign_keys if k.references == main.name}
            for place in _shown(child, alias):
                name = place.split(".", 1)[1].strip('"')
                if name not in skip and name != "id":
                    shown.append(f"{place} AS {quote(f'{child.key}_{name}'[:63])}")
    order = []
    if op.order:
        order.append(f"{select.column(main, op.order)}{' DESC' if op.descending else ''}")
    elif op.measure and (outside := _child_order(select, op)):
        order.append(outside)
    elif op.verb in ("list", "search") and (clock := time_of(main)):
        order.append(f"{select.column(main, clock)} DESC")
    if op.verb != "get" or op.children or op.order:
        last = "" if not op.order or not op.descending else " DESC"
        order += [f"{select.column(main, name)}{last}" for name in main.primary_key
                  if name != op.order]  # fmt: skip
    tail = f" ORDER BY {', '.join(order)}" if (order and op.verb != "get") or op.children else ""
    if tail.strip() == "ORDER BY":
        tail = ""
    if op.verb != "get":
        tail += f" LIMIT {op.limit or LIST_ROWS}"
    return select.sql(", ".join(shown), tail), tuple(select.parameters.values())


def _is_below(select: _Select, child: Draft) -> bool:
    """True where a row of the main relation may have many of the child's."""
    path = find_path(select.drafts, select.main.name, child.name)
    return bool(path) and any(not step.upward for step in path or ())


def _gathered(select: _Select, child: Draft) -> str:
    """The child's rows of one main row, as a JSON array in one column."""
    path = find_path(select.drafts, select.main.name, child.name) or []
    aliases = dict(select.aliases)
    joins = [join_sql(select.drafts, step, aliases) for step in path]
    first, on = joins[0].removeprefix("JOIN ").split(" ON ", 1)
    pairs = ", ".join(
        f"{quote_literal(place.split('.', 1)[1].strip(chr(34)))}, {place}"
        for place in _shown(child, aliases[child.name])
    )
    rest = "".join(f" {join}" for join in joins[1:])
    return (
        f"(SELECT jsonb_agg(jsonb_build_object({pairs})) FROM {first}{rest} WHERE {on}) "
        f"AS {quote(child.name)}"
    )


def _child_order(select: _Select, op: Operation) -> str | None:
    """ "sorted by price" where the price stands in a relation below."""
    from .columns import column_at_start

    for draft in select.drafts.values():
        if draft.key_to(op.main.name) is None:
            continue
        column = column_at_start(draft, op.measure, most=2)
        if column and select.reach(draft):
            return select.column(draft, column)
    return None


def _aggregate(select: _Select, op: Operation) -> tuple[str, tuple[Parameter, ...]]:
    shown: list[str] = []
    grouped: list[str] = []
    for group in op.groups:
        if group.startswith("@"):
            clock, holder = _clock(select, op)
            if clock and holder is not None:
                place = f"date_trunc('{group[1:]}', {select.column(holder, clock)})"
                shown.append(f"{place} AS {group[1:]}")
                grouped.append(place)
        else:
            shown.append(select.column(op.main, group))
            grouped.append(select.column(op.main, group))
    for draft in op.group_by:
        key = op.main.key_to(draft.name)
        if key is not None:
            place = select.column(op.main, key.columns[-1])
        elif select.reach(draft):
            place = select.column(draft, draft.primary_key[0])
        else:
            continue
        if place not in grouped:
            shown.append(f"{place} AS {quote(draft.key + '_id')}")
            grouped.append(place)
    shown.append("count(*) AS number")
    kind, _, column = op.measure.partition(":")
    if column:
        shown.append(f"{kind}({select.column(op.main, column)}) AS {quote(column)}")
    tail = f" GROUP BY {', '.join(grouped)} ORDER BY {', '.join(grouped)}" if grouped else ""
    return select.sql(", ".join(shown), tail), tuple(select.parameters.values())


def _change(op: Operation) -> tuple[str, tuple[Parameter, ...]] | None:
    draft = op.main
    keys = [*draft.primary_key]
    where = " AND ".join(f"{quote(name)} = :{name}" for name in keys)
    parameters = [Parameter(name=name, relation=draft.name, column=name) for name in keys]
    if op.verb == "delete":
        return f"DELETE FROM {quote(draft.name)} WHERE {where}", tuple(parameters)
    fixed = (
        set(keys)
        | {c for k in draft.foreign_keys for c in k.columns}
        | {c for u in draft.uniques for c in u.columns}
    )
    fixed |= {c for e in draft.exclusions for c in (e.start_column, e.end_column)}
    candidates = [c.name for c in draft.columns.values() if c.name not in fixed and not c.generated]
    chosen = next(
        (n for n in ("status", "state") if n in candidates), candidates[0] if candidates else None
    )
    if chosen is None:
        return None
    parameters.append(Parameter(name=f"new_{chosen}", relation=draft.name, column=chosen))
    return (
        f"UPDATE {quote(draft.name)} SET {quote(chosen)} = :new_{chosen} WHERE {where}",
        tuple(parameters),
    )
