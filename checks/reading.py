"""What several checks read from a design: canonical types, keys and names, without ever raising."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ..domain.design import Design, ForeignKey, Relation
from ..domain.findings import Finding
from ..domain.types import canonical_type
from ..errors import DesignError

Rule = Callable[[Design], Iterator[Finding]]
"""A rule: one judgement on a design, as findings."""

_DURATION = re.compile(
    r"P(?=.)(?:(\d{1,6})Y)?(?:(\d{1,6})M)?(?:(\d{1,6})W)?(?:(\d{1,6})D)?"
    r"(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})(?:\.\d{1,6})?S)?)?"
)


def types_of(relation: Relation) -> dict[str, str]:
    """Names and canonical types of the columns whose type is known."""
    types: dict[str, str] = {}
    for column in relation.columns:
        try:
            types[column.name] = canonical_type(column.type)
        except DesignError:
            continue
    return types


def assumed_types(relation: Relation) -> dict[str, str]:
    """`types_of`, with "text" for a column whose type is not known.

    An expression over such a column is not wrong as well: the type has a finding of its own.
    """
    known = types_of(relation)
    return {name: known.get(name, "text") for name in relation.column_names}


def keys_of(relation: Relation) -> tuple[tuple[str, ...], ...]:
    """The primary key and the uniques that hold for every row (those without a predicate)."""
    keys = [relation.primary_key] if relation.primary_key else []
    return (*keys, *(unique.columns for unique in relation.uniques if unique.where is None))


def target_columns(design: Design, key: ForeignKey) -> tuple[str, ...]:
    """The columns that a foreign key refers to; () where its target does not exist."""
    target = design.find(key.references)
    return () if target is None else key.referenced_columns or target.primary_key


def nullable(relation: Relation, name: str) -> bool:
    """True for a column that may be null; a column of the primary key never may."""
    column = relation.find(name)
    return column is not None and column.nullable and name not in relation.primary_key


def is_duration(text: str) -> bool:
    """True for an ISO 8601 duration that is longer than nothing: P7Y, P90D, PT12H."""
    match = _DURATION.fullmatch(text)
    return match is not None and any(part and int(part) for part in match.groups())
