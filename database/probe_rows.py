"""Rows for probes: an existing row, and a copy of it that the database would take.

Values are texts, as PostgreSQL writes them; a literal in a statement takes its column's type. A
fresh row is a copy of an existing one with other values in every key, its ranges moved out of the
way of the exclusions, and, where a key is made of references alone, a fresh parent.
"""

from __future__ import annotations

import hashlib
import string
import uuid
from collections.abc import Iterable, Mapping

from ..domain.base import Value
from ..domain.design import Column, Design, Exclusion, ForeignKey, Relation
from ..domain.expressions import parse_predicate, parse_scalar
from ..domain.identifiers import quote, quote_literal
from ..domain.types import base_type, family
from ..errors import DesignError
from .probe_session import Session

Row = dict[str, str | None]

_TRIES = 8
_DEEPEST = 3


class Fresh(Value):
    """A row that does not exist yet, the statements that must run before it, and its INSERT.

    Where no such row can be made (every value of a closed set is taken), an existing row stands
    in: `exists` is set then.
    """

    relation: str
    row: dict[str, str | None]
    setup: tuple[str, ...] = ()
    insert: str

    exists: bool = False

    @property
    def statements(self) -> tuple[str, ...]:
        """Setup and INSERT; for a row that exists, the INSERT of its double is not among them."""
        return self.setup if self.exists else (*self.setup, self.insert)


class RowMaker:
    """Makes rows for the relations of a design from the rows that are there."""

    def __init__(self, session: Session, design: Design) -> None:
        self.session = session
        self.design = design
        self._counter = 0

    # -- rows that are there -------------------------------------------------------------------

    def existing(self, relation: Relation, where: str = "true", limit: int = 3) -> list[Row]:
        """Some rows that satisfy a predicate (SQL of ours), in order of the primary key."""
        fields = ", ".join(f"{quote(name)}::text" for name in relation.column_names)
        order = ", ".join(map(quote, relation.primary_key))
        found = self.session.fetch(
            f"SELECT {fields} FROM {quote(relation.name)} WHERE {where} ORDER BY {order}"
            f" LIMIT {limit}"
        )
        return [dict(zip(relation.column_names, row, strict=True)) for row in found]

    def standing(self, relation: Relation, base: Row | None = None) -> Fresh | str:
        """An existing row in the place of a fresh one, or why there is none."""
        bases = [base] if base is not None else self.existing(relation, limit=1)
        if not bases:
            return f"{relation.name} has no rows to start from"
        return Fresh(
            relation=relation.name,
            row=bases[0],
            insert=insert(relation, bases[0]),
            exists=True,
        )

    def predicate(self, relation: Relation, text: str | None) -> str:
        """A predicate of the design as SQL; "true" where there is none."""
        return parse_predicate(text, types_of(relation)).sql if text else "true"

    # -- rows that are not ---------------------------------------------------------------------

    def fresh(
        self,
        relation: Relation,
        *,
        base: Row | None = None,
        keep: Iterable[str] = (),
        set_to: Mapping[str, str | None] | None = None,
        variant: int = 0,
        depth: int = 0,
    ) -> Fresh | str:
        """A row that the server was seen to take, or why there is none.

        `base` is copied (default: the first row). Columns in `keep` stay as they are in it, those
        in `set_to` get that value; the row is then not tried, for it may be meant to be refused,
        and `variant` asks for another such row.
        """
        bases = [base] if base is not None else self.existing(relation)
        if not bases:
            return f"{relation.name} has no rows to start from"
        kept, given = frozenset(keep), dict(set_to or {})
        last = ""
        for row in bases:
            for attempt_number in range(variant, _TRIES):
                made = self._make(relation, row, kept, given, depth, attempt_number)
                if isinstance(made, str):
                    last = made
                    continue
                if kept or given:
                    return made
                attempt = self.session.attempt(made.statements)
                if attempt.passed:
                    return made
                last = f"a copy of a row of {relation.name} is refused: {attempt.said}"
        return last

    def _make(
        self,
        relation: Relation,
        base: Row,
        kept: frozenset[str],
        given: Row,
        depth: int,
        attempt_number: int,
    ) -> Fresh | str:
        self._counter += 1
        row: Row = {**base, **given}
        fixed = kept | set(given)
        setup: list[str] = []
        why = self._align(relation, base, row, fixed, setup, depth, attempt_number)
        if why:
            return why
        for exclusion in relation.exclusions:
            if not fixed & {exclusion.start_column, exclusion.end_column}:
                self._move(relation, exclusion, row)
        for key in _keys(relation):
            if any(row.get(name) != base.get(name) for name in key if name not in kept):
                continue  # another key, or the caller, has changed a part of it
            if set(key) <= fixed:
                continue
            why = self._refresh(relation, key, row, fixed, setup, depth, attempt_number)
            if why:
                return why
        return Fresh(
            relation=relation.name, row=row, setup=tuple(setup), insert=insert(relation, row)
        )

    def _align(
        self,
        relation: Relation,
        base: Row,
        row: Row,
        fixed: frozenset[str] | set[str],
        setup: list[str],
        depth: int,
        attempt_number: int,
    ) -> str:
        """Make references fit that share a column with one that the caller changed.

        A row of another tenant needs parents of that tenant: none where a reference may be null,
        else new ones. Why that cannot be, or "".
        """
        changed = {name for name in fixed if row[name] != base[name]}
        for fk in relation.foreign_keys:
            free = [name for name in fk.columns if name not in fixed]
            if not changed & set(fk.columns) or not free:
                continue
            if any(row[name] is None for name in fk.columns):
                continue
            nullable = [name for name in free if relation.column(name).nullable]
            if nullable and attempt_number % 2 == 0:
                row[nullable[-1]] = None
                continue
            if depth >= _DEEPEST:
                return f"the parents of {relation.name} are too many generations"
            there = dict(zip(fk.columns, self.referenced_columns(fk), strict=True))
            old = {**row, **{name: base[name] for name in fk.columns}}
            parent = self.fresh_parent(
                fk,
                old,
                set_to={there[name]: row[name] for name in fk.columns if name in fixed},
                depth=depth + 1,
            )
            if isinstance(parent, str):
                return parent
            setup.extend(parent.statements)
            row.update(zip(fk.columns, self.referenced(fk, parent.row), strict=True))
        return ""

    def _refresh(
        self,
        relation: Relation,
        key: tuple[str, ...],
        row: Row,
        fixed: frozenset[str] | set[str],
        setup: list[str],
        depth: int,
        attempt_number: int,
    ) -> str:
        """Give a key a value that no row has; why not, or ""."""
        references = {name for fk in relation.foreign_keys for name in fk.columns}
        # Other rules often tie a moment to another one, so moments come last.
        for name in sorted(key, key=lambda name: _temporal(relation.column(name))):
            column = relation.column(name)
            if name in references or name in fixed or column.values:
                continue
            if _temporal(column) and attempt_number % 2 == 0 and row[name] is not None:
                self._shift(relation, column, row, fixed)
                return ""
            if column.generated is not None:
                sources = parse_scalar(column.generated, types_of(relation)).columns
                for source in sources:
                    other = relation.column(source)
                    if source not in references and source not in fixed and not other.values:
                        value = self.new_value(relation, other, row[source])
                        if value is not None:
                            row[source] = value
                            return ""
                continue
            value = self.new_value(relation, column, row[name])
            if value is not None:
                row[name] = value
                return ""
        # Only references are left: a parent of our own makes the key new.
        for fk in reversed(relation.foreign_keys):
            if not set(fk.columns) & set(key) or set(fk.columns) <= fixed or depth >= _DEEPEST:
                continue
            parent = self.fresh_parent(fk, row, depth=depth + 1)
            if isinstance(parent, str):
                return parent
            changed = dict(zip(fk.columns, self.referenced(fk, parent.row), strict=True))
            if any(name in fixed and row[name] != value for name, value in changed.items()):
                continue
            setup.extend(parent.statements)
            row.update(changed)
            return ""
        return f"no new value was found for ({', '.join(key)}) of {relation.name}"

    def _shift(
        self, relation: Relation, column: Column, row: Row, fixed: frozenset[str] | set[str]
    ) -> None:
        """Move every moment of the row by what makes this one the newest, so that the order and
        the distances between them stay."""
        self._counter += 1
        table, name = quote(relation.name), quote(column.name)
        ours = f"{literal(row[column.name])}::{column.type}::timestamp"
        moments = [c for c in relation.columns if _temporal(c) and c.generated is None]
        moved = [c for c in moments if row[c.name] is not None and c.name not in fixed]
        fields = ", ".join(
            f"({literal(row[c.name])}::{c.type} + m.distance)::{c.type}::text" for c in moved
        )
        (values,) = self.session.fetch(
            f"SELECT {fields} FROM (SELECT max({name})::timestamp - {ours}"
            f" + {self._counter} * interval '1 day' AS distance FROM {table}) m"
        )
        row.update(zip((c.name for c in moved), values, strict=True))

    def fresh_parent(
        self, fk: ForeignKey, child: Row, *, set_to: Row | None = None, depth: int = 0
    ) -> Fresh | str:
        """A new row of the referenced relation, a copy of the child's parent where it has one."""
        parent = self.design.relation(fk.references)
        wanted = [
            f"{quote(column)} = {quote_literal(value)}"
            for column, name in zip(self.referenced_columns(fk), fk.columns, strict=True)
            if (value := child[name]) is not None
        ]
        found = self.existing(parent, " AND ".join(wanted) or "true", limit=1)
        base = found[0] if found else None
        return self.fresh(parent, base=base, set_to=set_to, depth=depth)

    def referenced_columns(self, fk: ForeignKey) -> tuple[str, ...]:
        """The columns a foreign key refers to."""
        return fk.referenced_columns or self.design.relation(fk.references).primary_key

    def referenced(self, fk: ForeignKey, parent: Row) -> list[str | None]:
        """The values of a parent that its child must carry."""
        return [parent[name] for name in self.referenced_columns(fk)]

    def new_value(self, relation: Relation, column: Column, old: str | None) -> str | None:
        """A value of the column's type that no row has; None where we know of none."""
        self._counter += 1
        table, name, kind = quote(relation.name), quote(column.name), column.type
        group = family(kind)
        if group in ("integer", "numeric", "float"):
            step = self._counter if group == "integer" and base_type(kind) != "smallint" else 1
            found = self.session.fetch(f"SELECT (max({name}) + {step})::text FROM {table}")
            return str(found[0][0] or step)
        if group in ("timestamp", "date"):
            found = self.session.fetch(
                f"SELECT (max({name}) + {self._counter} * interval '1 day')::{kind}::text"
                f" FROM {table}"
            )
            return str(found[0][0] or "2001-01-01")
        if group == "uuid":
            return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{relation.name}{self._counter}"))
        if group == "text":
            text = reshape(old or "a13-value", self._counter)
            return None if text == old else text
        return None

    def _move(self, relation: Relation, exclusion: Exclusion, row: Row) -> None:
        """Move the range behind all others, or before them where one has no end."""
        start, end = quote(exclusion.start_column), quote(exclusion.end_column)
        if row[exclusion.end_column] is None or row[exclusion.start_column] is None:
            row[exclusion.end_column] = row[exclusion.start_column]
            if row[exclusion.end_column] is None:
                return
        kind = relation.column(exclusion.start_column).type
        first = f"{quote_literal(row[exclusion.start_column] or '')}::{kind}"
        last = f"{quote_literal(row[exclusion.end_column] or '')}::{kind}"
        behind = f"max({end}), (max({end}) + ({last} - {first}))::{kind}"
        before = f"(min({start}) - ({last} - {first}))::{kind}, min({start})"
        table = quote(relation.name)
        (open_ended,) = self.session.fetch(f"SELECT count(*) FROM {table} WHERE {end} IS NULL")[0]
        fields = before if open_ended else behind
        moved = self.session.fetch(
            f"SELECT a::text, b::text FROM (SELECT {fields} FROM {table}) m(a, b)"
        )
        row[exclusion.start_column], row[exclusion.end_column] = moved[0]


def _temporal(column: Column) -> bool:
    return family(column.type) in ("timestamp", "date")


def _keys(relation: Relation) -> list[tuple[str, ...]]:
    return [relation.primary_key, *(unique.columns for unique in relation.uniques)]


def types_of(relation: Relation) -> dict[str, str]:
    """Columns and their types, for the look-up of names in expressions."""
    return {column.name: column.type for column in relation.columns}


def insert(relation: Relation, row: Mapping[str, str | None], *, generated: bool = False) -> str:
    """The INSERT of a row. Generated columns are left out, or with `generated` set like others."""
    columns = [
        column
        for column in relation.columns
        if column.name in row and (generated or column.generated is None)
    ]
    # An identity column takes a value only when told to.
    override = " OVERRIDING SYSTEM VALUE" if any(c.identity for c in columns) else ""
    names = ", ".join(quote(column.name) for column in columns)
    values = ", ".join(literal(row[column.name]) for column in columns)
    return f"INSERT INTO {quote(relation.name)} ({names}){override} VALUES ({values})"


def rewrite(relation: Relation, row: Mapping[str, str | None]) -> str:
    """The UPDATE that writes an existing row as it is: every rule looks at it again."""
    columns = [c for c in relation.columns if c.generated is None and not c.identity]
    sets = ", ".join(f"{quote(c.name)} = {literal(row[c.name])}" for c in columns)
    return f"UPDATE {quote(relation.name)} SET {sets} WHERE {matching(relation, row)}"


def literal(value: str | None) -> str:
    """A value as an SQL literal."""
    return "NULL" if value is None else quote_literal(value)


def matching(relation: Relation, row: Mapping[str, str | None]) -> str:
    """The predicate of a row's primary key."""
    return " AND ".join(f"{quote(name)} = {literal(row[name])}" for name in relation.primary_key)


def reshape(text: str, counter: int) -> str:
    """Another text of the same shape: digits for digits, letters for letters, length kept.

    >>> reshape("INV-0042", 1) != "INV-0042", len(reshape("INV-0042", 1))
    (True, 8)
    """
    digest = hashlib.sha256(f"{text}{counter}".encode()).digest() * (len(text) // 32 + 1)
    made = []
    for char, byte in zip(text, digest, strict=False):
        for alphabet in (string.digits, string.ascii_lowercase, string.ascii_uppercase):
            if char in alphabet:
                made.append(alphabet[byte % len(alphabet)])
                break
        else:
            made.append(char)
    return "".join(made)


def sources_of(relation: Relation, columns: Iterable[str]) -> tuple[str, ...]:
    """The columns with generated ones replaced by those they are computed from."""
    found: dict[str, None] = {}
    for name in columns:
        column = relation.column(name)
        if column.generated is None:
            found[name] = None
            continue
        try:
            names = parse_scalar(column.generated, types_of(relation)).columns
        except DesignError:
            names = ()
        found.update(dict.fromkeys(names))
    return tuple(found)
