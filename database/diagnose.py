"""From an exception to a `Failure`: what was refused, by which element, in which statement."""

from __future__ import annotations

import re

import psycopg
from sqlalchemy.exc import DBAPIError

from ..domain.design import Design
from ..domain.findings import Failure
from ..domain.naming import exclusion_name, index_name, primary_key_name, unique_name
from ..errors import A13Error

_DSN = re.compile(r"(?i)(postgres(?:ql)?(?:\+\w+)?://[^\s:/@]*:)[^\s@]*@|(password=)\S+")
_QUOTED = re.compile(r'"((?:[^"]|"")+)"')


def database_error(error: BaseException) -> psycopg.Error | None:
    """The error of the driver inside an exception, if there is one."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, psycopg.Error):
            return seen
        if isinstance(seen, DBAPIError) and isinstance(seen.orig, psycopg.Error):
            return seen.orig
        seen = seen.__cause__ or seen.__context__
    return None


def failure_of(
    error: BaseException,
    *,
    kind: str,
    statement: str = "",
    revision: str = "",
    element: str = "",
    design: Design | None = None,
) -> Failure:
    """The failure that an exception tells of.

    `element` is what the statement stands for; a constraint or column that the server names is
    closer and comes first. Passwords in messages are masked.
    """
    cause = database_error(error)
    if cause is None:
        text = str(error).strip() or type(error).__name__
        facts = error.facts if isinstance(error, A13Error) else {}
        return Failure(
            kind=kind, message=_masked(text), statement=statement, revision=revision,
            element=str(facts.get("element") or element), sqlstate=str(facts.get("sqlstate") or ""),
        )  # fmt: skip
    diagnosis = cause.diag
    message = diagnosis.message_primary or str(cause).strip() or type(cause).__name__
    details = (diagnosis.message_detail, diagnosis.message_hint, diagnosis.context)
    return Failure(
        kind=kind,
        message=_masked(message),
        sqlstate=cause.sqlstate or "",
        statement=statement or _statement(error),
        element=_element(diagnosis, message, design) or element,
        revision=revision,
        detail=_masked("\n".join(part for part in details if part)),
    )


def _masked(text: str) -> str:
    return _DSN.sub(lambda found: f"{found[1] or found[2]}***{'@' if found[1] else ''}", text)


def _statement(error: BaseException) -> str:
    text = error.statement if isinstance(error, DBAPIError) else None
    return (text or "").replace("%%", "%")


def _element(diagnosis: psycopg.errors.Diagnostic, message: str, design: Design | None) -> str:
    table, column, constraint = (
        diagnosis.table_name,
        diagnosis.column_name,
        diagnosis.constraint_name,
    )
    if constraint:
        return _named(design, constraint, table) or (
            f"constraint:{table}.{constraint}" if table else ""
        )
    if table and column:
        return f"column:{table}.{column}"
    for name in _QUOTED.findall(message):
        found = _named(design, name.replace('""', '"'), table)
        if found:
            return found
    return f"relation:{table}" if table else ""


def _named(design: Design | None, name: str, table: str | None) -> str:
    """The element of the design that owns a name of a constraint, an index or a relation."""
    if design is None:
        return ""
    for relation in design.relations:
        if any(index_name(relation, index) == name for index in relation.indexes):
            return f"index:{name}"
        owned = [primary_key_name(relation)]
        owned += [unique_name(relation, unique) for unique in relation.uniques]
        owned += [exclusion_name(relation, exclusion) for exclusion in relation.exclusions]
        if name in owned:
            return f"constraint:{relation.name}.{name}"
    if table is None and design.find(name) is not None:
        return f"relation:{name}"
    return ""
