"""Probes of foreign keys: an orphan is refused, and what becomes of children of a deleted row."""

from __future__ import annotations

from collections.abc import Iterator

from ..domain.design import ForeignKey, Relation
from ..domain.identifiers import quote
from ..domain.measurement import Probe
from ..domain.naming import foreign_key_name
from ..domain.types import family
from .probe_rows import Fresh, Row, RowMaker, insert, literal, matching, reshape, rewrite
from .probe_session import Session, accepted, inconclusive

# Since PostgreSQL 18 RESTRICT has its own SQLSTATE.
_RESTRICT = "23001"
_NO_ACTION = "23503"


def probe_references(session: Session, rows: RowMaker, relation: Relation) -> Iterator[Probe]:
    """For each foreign key: a row with a parent, an orphan, and a DELETE of the parent."""
    for fk in relation.foreign_keys:
        element = f"constraint:{relation.name}.{foreign_key_name(relation, fk)}"
        family_ = _family(session, rows, relation, fk)
        if isinstance(family_, str):
            family_ = _standing_family(rows, relation, fk) or family_
        if isinstance(family_, str):
            yield inconclusive(element, "accepted, and refused", family_)
            continue
        parent, child = family_
        statements = (*parent.statements, *child.statements)
        if child.exists:
            statements = (rewrite(relation, child.row),)
        yield accepted(element, statements, session.attempt(statements))
        yield _orphan(session, rows, relation, fk, element, parent, child)
        yield _deletion(session, rows, relation, fk, element, parent, child)


def _family(
    session: Session, rows: RowMaker, relation: Relation, fk: ForeignKey
) -> tuple[Fresh, Fresh] | str:
    """A new parent and a new child of it, in that order; why there are none."""
    last = f"{relation.name} has no rows to start from"
    # A child that already has such a parent gives a parent of the same tenant.
    given = " AND ".join(f"{quote(name)} IS NOT NULL" for name in fk.columns)
    for base in rows.existing(relation, given) or rows.existing(relation):
        parent = rows.fresh_parent(fk, base)
        if isinstance(parent, str):
            last = parent
            continue
        values = rows.referenced(fk, parent.row)
        set_to = dict(zip(fk.columns, values, strict=True))
        for variant in range(2):
            child = rows.fresh(relation, base=base, set_to=set_to, variant=variant)
            if isinstance(child, str):
                last = child
                continue
            attempt = session.attempt((*parent.statements, *child.statements))
            if attempt.passed:
                return parent, child
            last = f"a child of a new row of {fk.references} is refused: {attempt.said}"
    return last


def _standing_family(
    rows: RowMaker, relation: Relation, fk: ForeignKey
) -> tuple[Fresh, Fresh] | None:
    """A child that is there and its parent, where none can be made."""
    given = " AND ".join(f"{quote(name)} IS NOT NULL" for name in fk.columns)
    for base in rows.existing(relation, given, limit=1):
        target = rows.design.relation(fk.references)
        pairs = zip(rows.referenced_columns(fk), fk.columns, strict=True)
        where = " AND ".join(f"{quote(there)} = {literal(base[here])}" for there, here in pairs)
        parents = rows.existing(target, where, limit=1)
        if parents:
            parent, child = rows.standing(target, parents[0]), rows.standing(relation, base)
            if not isinstance(parent, str) and not isinstance(child, str):
                return parent, child
    return None


def _orphan(
    session: Session,
    rows: RowMaker,
    relation: Relation,
    fk: ForeignKey,
    element: str,
    parent: Fresh,
    child: Fresh,
) -> Probe:
    """A row whose parent is not there."""
    name = foreign_key_name(relation, fk)
    expected = f"refused: {_NO_ACTION} {name}"
    best: Probe | None = None
    for column in reversed(fk.columns):
        value = _nobody(rows, relation, fk, column, child.row)
        if value is None:
            continue
        statement = insert(relation, {**child.row, column: value})
        attempt, drops = session.isolated((*parent.statements, *child.setup, statement), name)
        probe = Probe(
            element=element,
            statement=";\n".join((*drops, statement)),
            expected=expected,
            observed=attempt.said,
            passed=attempt.sqlstate == _NO_ACTION and attempt.constraint == name,
        )
        if probe.passed:
            return probe
        best = best or probe
    return best or inconclusive(element, expected, "no value was found that no parent has")


def _nobody(
    rows: RowMaker, relation: Relation, fk: ForeignKey, column: str, row: Row
) -> str | None:
    """A value that no parent has in the referenced column."""
    parent = rows.design.relation(fk.references)
    other = rows.referenced_columns(fk)[fk.columns.index(column)]
    there = parent.column(other)
    if family(there.type) == "text":
        return reshape(row[column] or "a13", 13)
    if family(there.type) == "uuid":
        return "ffffffff-ffff-4fff-bfff-ffffffffffff"
    value = rows.new_value(parent, there, row[column])
    if family(there.type) == "integer" and value is not None:
        # The child may be a row of the same relation, and newer values may be taken by now.
        return "32767" if there.type == "smallint" else str(int(value) + 1_000_003)
    return value


def _deletion(
    session: Session,
    rows: RowMaker,
    relation: Relation,
    fk: ForeignKey,
    element: str,
    parent: Fresh,
    child: Fresh,
) -> Probe:
    """The DELETE of a parent that has one child."""
    target = rows.design.relation(fk.references)
    name = foreign_key_name(relation, fk)
    statement = f"DELETE FROM {quote(target.name)} WHERE {matching(target, parent.row)}"
    before = (*parent.statements, *child.statements)
    if fk.on_delete in ("NO ACTION", "RESTRICT"):
        restricts = fk.on_delete == "RESTRICT" and session.major >= 18
        code = _RESTRICT if restricts else _NO_ACTION
        attempt, drops = session.isolated((*before, statement), name)
        return Probe(
            element=element,
            statement=";\n".join((*drops, statement)),
            expected=f"refused: {code} {name}",
            observed=attempt.said,
            passed=attempt.sqlstate == code and attempt.constraint == name,
        )
    table = quote(relation.name)
    where = matching(relation, child.row)
    if fk.on_delete == "CASCADE":
        look = f"SELECT count(*) FROM {table} WHERE {where}"
        expected, wanted = "the child is deleted too", "0"
    else:
        emptied = [c for c in fk.columns if relation.column(c).nullable]
        nulls = " AND ".join(f"{quote(c)} IS NULL" for c in emptied if c != relation.tenant_column)
        look = f"SELECT count(*) FROM {table} WHERE {where} AND {nulls}"
        expected, wanted = "the child stays, without its reference", "1"
    attempt, drops = session.isolated((*before, statement, look), name, place=-2)
    passed = attempt.passed and attempt.value == wanted
    observed = expected if passed else attempt.said
    if attempt.passed and not passed:
        observed = f"accepted; {attempt.value} such rows"
    return Probe(
        element=element,
        statement=";\n".join((*drops, statement)),
        expected=expected,
        observed=observed,
        passed=passed,
    )
