"""Derived access patterns: the queries any application over a design runs.

They stand in where a PRD names none: look-ups by key, the children of a parent (latest first), the
latest rows, and the rows in one status. Under row-level security the policy adds the tenant, so
the texts do not name it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .design import Column, Design, ForeignKey, Relation
from .identifiers import quote, shorten
from .types import family
from .workload import Parameter, WorkloadQuery

MAX_QUERIES = 60
LIST_ROWS = 50

# The words that name the moment a row came to be, best first.
_BIRTH_WORDS = (
    "created", "placed", "ordered", "occurred", "recorded", "received", "submitted", "registered",
    "posted", "sent", "opened", "issued", "booked", "requested", "logged", "started", "starts",
    "begins", "scheduled", "joined", "joins", "uploaded", "published", "added", "entered",
)  # fmt: skip
# Moments that come later in a row's life, or have nothing to do with when it was written.
_LATER_WORDS = (
    "birth", "born", "dob", "expires", "expiry", "expired", "due", "until", "deleted", "updated",
    "modified", "changed", "ends", "ended", "end", "closed", "cancelled", "canceled", "archived",
    "retired", "valid", "last",
)  # fmt: skip
# What may follow the colon of a parameter.
_PARAMETER = re.compile(r"[a-z_][a-z0-9_]*")
_STATUS_WORDS = ("status", "state", "stage", "phase")


def time_column(relation: Relation) -> str | None:
    """The column that says when a row came to be, None where there is none.

    >>> from .design import Column, Relation
    >>> time_column(Relation(name="orders", primary_key=("id",), columns=(
    ...     Column(name="due_on", type="date"), Column(name="placed_at", type="date"))))
    'placed_at'
    """
    best: tuple[int, int] | None = None
    name: str | None = None
    for place, column in enumerate(relation.columns):
        if family(column.type) not in ("timestamp", "date") or column.generated:
            continue
        words = column.name.split("_")
        ranks = [_BIRTH_WORDS.index(word) for word in words if word in _BIRTH_WORDS]
        if ranks:
            rank = (min(ranks), place)
        elif column.nullable or any(word in _LATER_WORDS for word in words):
            continue
        else:
            rank = (len(_BIRTH_WORDS), place)
        if best is None or rank < best:
            best, name = rank, column.name
    return name


def status_column(relation: Relation) -> str | None:
    """The column whose closed set of values tells the state of a row, None if there is none."""
    for column in relation.columns:
        if len(column.values) > 1 and any(w in _STATUS_WORDS for w in column.name.split("_")):
            return column.name
    return None


def derive_workload(design: Design) -> tuple[WorkloadQuery, ...]:
    """The queries that every application over the design needs, at most `MAX_QUERIES`.

    Kinds in turn, so that a large design keeps some of each: look-up by primary key, list by
    foreign key, look-up by unique key, latest rows, filter by status. All have origin "design" and
    no objective of their own.
    """
    kinds = (_by_primary_key, _by_foreign_key, _by_unique, _latest, _by_status)
    queues = [[q for relation in design.relations for q in kind(relation)] for kind in kinds]
    share = MAX_QUERIES // len(kinds)
    chosen = [query for queue in queues for query in queue[:share]]
    rest = [query for queue in queues for query in queue[share:]]
    chosen += rest[: MAX_QUERIES - len(chosen)]
    by_name: dict[str, WorkloadQuery] = {}
    for query in chosen:
        by_name.setdefault(query.name, query)
    return tuple(by_name.values())


def _by_primary_key(relation: Relation) -> Iterator[WorkloadQuery]:
    if relation.primary_key:
        yield _look_up(relation, relation.primary_key)


def _by_unique(relation: Relation) -> Iterator[WorkloadQuery]:
    for unique in relation.uniques:
        if unique.where is None and set(unique.columns) != set(relation.primary_key):
            yield _look_up(relation, unique.columns)


def _look_up(relation: Relation, columns: tuple[str, ...]) -> WorkloadQuery:
    return WorkloadQuery(
        name=shorten(f"{relation.name}_by_{'_and_'.join(columns)}"),
        purpose=f"Open one row of {relation.name} by {_words(columns)}.",
        sql=f"SELECT {_shown(relation)} FROM {quote(relation.name)} WHERE {_equal(columns)}",
        parameters=_drawn(relation, columns),
        frequency=10.0,
    )


def _by_foreign_key(relation: Relation) -> Iterator[WorkloadQuery]:
    seen = {relation.primary_key, *(unique.columns for unique in relation.uniques)}
    for key in relation.foreign_keys:
        own = _own_columns(relation, key)
        if own in seen or not own:
            continue
        seen.add(own)
        order = _order(relation)
        what = f"List the rows of {relation.name} of one row of {key.references}"
        yield WorkloadQuery(
            name=shorten(f"{relation.name}_by_{_parent_word(own, key)}"),
            purpose=f"{what}, latest first." if time_column(relation) else f"{what}.",
            sql=f"SELECT {_shown(relation)} FROM {quote(relation.name)} WHERE {_equal(own)}"
            f"{order} LIMIT {LIST_ROWS}",
            parameters=_drawn(relation, own),
            frequency=5.0,
        )


def _latest(relation: Relation) -> Iterator[WorkloadQuery]:
    column = time_column(relation)
    if column is not None:
        yield WorkloadQuery(
            name=shorten(f"{relation.name}_latest"),
            purpose=f"Show the latest rows of {relation.name}.",
            sql=f"SELECT {_shown(relation)} FROM {quote(relation.name)}"
            f"{_order(relation)} LIMIT {LIST_ROWS}",
        )


def _by_status(relation: Relation) -> Iterator[WorkloadQuery]:
    column = status_column(relation)
    if column is not None:
        yield WorkloadQuery(
            name=shorten(f"{relation.name}_by_{column}"),
            purpose=f"List the rows of {relation.name} in one {column}.",
            sql=f"SELECT {_shown(relation)} FROM {quote(relation.name)}"
            f" WHERE {_equal((column,))}{_order(relation)} LIMIT {LIST_ROWS}",
            parameters=_drawn(relation, (column,)),
            frequency=2.0,
        )


def _own_columns(relation: Relation, key: ForeignKey) -> tuple[str, ...]:
    """The key's columns without the tenant, which the policy supplies."""
    return tuple(name for name in key.columns if name != relation.tenant_column)


def _parent_word(columns: tuple[str, ...], key: ForeignKey) -> str:
    if len(columns) == 1 and columns[0].endswith("_id"):
        return columns[0].removesuffix("_id")
    return key.references if len(columns) > 1 else columns[0]


def _order(relation: Relation) -> str:
    column = time_column(relation)
    names = ([f"{quote(column)} DESC"] if column else []) + [
        f"{quote(name)} DESC" for name in relation.primary_key if name != column
    ]
    return f" ORDER BY {', '.join(names)}" if names else ""


def _shown(relation: Relation) -> str:
    def wide(column: Column) -> bool:
        return family(column.type) in ("search", "binary")

    return ", ".join(quote(column.name) for column in relation.columns if not wide(column))


def _equal(columns: tuple[str, ...]) -> str:
    pairs = zip(columns, _parameters(columns), strict=True)
    return " AND ".join(f"{quote(name)} = :{parameter}" for name, parameter in pairs)


def _drawn(relation: Relation, columns: tuple[str, ...]) -> tuple[Parameter, ...]:
    return tuple(
        Parameter(name=parameter, relation=relation.name, column=name)
        for name, parameter in zip(columns, _parameters(columns), strict=True)
    )


def _parameters(columns: tuple[str, ...]) -> tuple[str, ...]:
    """The columns' names as names of parameters; `value_2` for one that cannot be written so."""
    names: list[str] = []
    for place, column in enumerate(columns, start=1):
        name = column if _PARAMETER.fullmatch(column) else f"value_{place}"
        while name != column and name in (*columns, *names):
            name += "_"
        names.append(name)
    return tuple(names)


def _words(columns: tuple[str, ...]) -> str:
    return " and ".join(columns)
