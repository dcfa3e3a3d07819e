"""Expressions and queries: each parses, uses only what is allowed, and names what exists."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from ..domain.design import Design, Index, Relation
from ..domain.expressions import parse_predicate, parse_query, parse_scalar
from ..domain.findings import Finding
from ..domain.grammar import Volatility
from ..domain.naming import check_name, exclusion_name, index_name, unique_name
from ..domain.types import family
from ..domain.workload import Parameter, WorkloadQuery
from ..errors import ExpressionError
from .reading import assumed_types, is_duration, types_of

_NUMBER = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?")


def check_expressions(design: Design) -> Iterator[Finding]:
    """expression: defaults, generated columns, checks, predicates and holds can be compiled."""
    for relation in design.relations:
        known = assumed_types(relation)
        # PostgreSQL lets no generated column depend on another one.
        stored = {c.name: known[c.name] for c in relation.columns if c.generated is None}
        for column in relation.columns:
            element = f"column:{relation.name}.{column.name}"
            if column.default is not None:
                default = column.default
                yield from _tried(element, partial(parse_scalar, default, {}, what="default"))
                yield from _default_in_set(element, default, column.values)
            if column.generated is not None:
                generated = partial(
                    parse_scalar,
                    column.generated,
                    stored,
                    volatility="immutable",
                    what="generated column",
                )
                yield from _tried(element, generated)
        for element, text, immutable in _predicates(relation):
            most: Volatility = "immutable" if immutable else "stable"
            yield from _tried(element, partial(parse_predicate, text, known, volatility=most))


def _predicates(relation: Relation) -> Iterator[tuple[str, str, bool]]:
    """Element, text, and whether it belongs to an index (which must not depend on the time)."""
    for check in relation.checks:
        yield f"constraint:{relation.name}.{check_name(relation, check)}", check.expression, False
    for unique in relation.uniques:
        if unique.where is not None:
            name = unique_name(relation, unique)
            yield f"constraint:{relation.name}.{name}", unique.where, True
    for exclusion in relation.exclusions:
        if exclusion.where is not None:
            name = exclusion_name(relation, exclusion)
            yield f"constraint:{relation.name}.{name}", exclusion.where, True
    for index in relation.indexes:
        if index.where is not None:
            yield f"index:{index_name(relation, index)}", index.where, True
    if relation.retention is not None and relation.retention.hold is not None:
        yield f"retention:{relation.name}", relation.retention.hold, False


def _tried(element: str, parse: Callable[[], object]) -> Iterator[Finding]:
    try:
        parse()
    except ExpressionError as error:
        yield Finding(
            rule="expression", severity="error", element=element, message=error.message,
            remediation=error.hint or "Write an expression over the relation's own columns.",
        )  # fmt: skip


def _default_in_set(element: str, default: str, values: tuple[str, ...]) -> Iterator[Finding]:
    literal = re.fullmatch(r"\s*'((?:[^']|'')*)'\s*", default)
    if values and literal is not None and literal[1].replace("''", "'") not in values:
        yield Finding(
            rule="values", severity="error", element=element,
            message=f"The default {default.strip()} is not one of the allowed values.",
            remediation="Use one of: " + ", ".join(values[:10]) + ".",
        )  # fmt: skip


def check_indexes(design: Design) -> Iterator[Finding]:
    """index: keys and included columns exist, and the method takes them."""
    queries = {query.name for query in design.workload}
    for relation in design.relations:
        types = types_of(relation)
        for index in relation.indexes:
            element = f"index:{index_name(relation, index)}"
            for severe, message in _index_faults(relation, index, types):
                yield Finding(
                    rule="index", severity="error" if severe else "warning", element=element,
                    message=message, remediation="Correct the index, or drop it.",
                )  # fmt: skip
            unknown = [name for name in index.serves if name not in queries]
            if unknown:
                yield Finding(
                    rule="index", severity="warning", element=element,
                    message=f"It serves {unknown[0]!r}, which is no query of the workload.",
                    remediation="Name a query of the workload.",
                )  # fmt: skip


def _index_faults(
    relation: Relation, index: Index, types: dict[str, str]
) -> Iterator[tuple[bool, str]]:
    if not 1 <= len(index.keys) + len(index.include) <= 32 or not index.keys:
        yield True, "An index has 1 to 32 columns."
    names = [key.column for key in index.keys if key.column is not None]
    for name in (*names, *index.include):
        if relation.find(name) is None:
            yield True, f"There is no column {name!r}."
    for key in index.keys:
        if (key.column is None) == (key.expression is None):
            yield True, "A key is either a column or an expression."
        elif key.expression is not None:
            known = assumed_types(relation)
            try:
                parse_scalar(key.expression, known, volatility="immutable", what="index key")
            except ExpressionError as error:
                yield True, error.message
        if key.operator_class is not None and not re.fullmatch(
            r"[a-z][a-z0-9_]{0,62}", key.operator_class
        ):
            yield True, f"{key.operator_class[:40]!r} is no operator class."
        kind = family(types[key.column]) if key.column in types else None
        if key.operator_class is None and kind is not None:
            if index.method == "btree" and kind in ("json", "search") and key.column:
                message = f"A B-tree does not find anything inside {types[key.column]}; use gin."
                yield types[key.column] == "json", message
            if index.method == "gin" and kind not in ("array", "json", "search"):
                yield True, f"gin needs an operator class for {types[key.column or '']}."
    if index.method == "hash" and (len(index.keys) > 1 or index.include):
        yield True, "A hash index has one key and includes nothing."
    if index.include and index.method not in ("btree", "gist"):
        yield True, f"{index.method} includes no columns."
    if index.method != "btree" and any(key.descending for key in index.keys):
        yield True, f"{index.method} keeps no order."


def check_workload(design: Design) -> Iterator[Finding]:
    """query: each query parses over the design, and each parameter has a source."""
    types = {relation.name: assumed_types(relation) for relation in design.relations}
    for query in design.workload:
        element = f"query:{query.name}"
        try:
            parsed = parse_query(query.sql, types, what=query.name[:60])
        except ExpressionError as error:
            yield _query(element, error.message, error.hint or "Write it over the relations here.")
            continue
        given = [parameter.name for parameter in query.parameters]
        for name in parsed.parameters:
            if name not in given:
                yield _query(element, f"No source is given for :{name}.", "Add the parameter.")
        if len(set(given)) < len(given):
            yield _query(element, "A parameter is given twice.", "Keep one.")
        unused = sorted(set(given) - set(parsed.parameters))
        if unused:
            message = f"The query has no :{unused[0]}."
            yield _query(element, message, "Remove the parameter.", severe=False)
        for parameter in query.parameters:
            yield from _source(design, element, parameter)
        yield from _weight(query, element)


def _source(design: Design, element: str, parameter: Parameter) -> Iterator[Finding]:
    relation = design.find(parameter.relation)
    column = relation.find(parameter.column) if relation else None
    if column is None:
        place = f"{parameter.relation}.{parameter.column}"
        yield _query(element, f":{parameter.name} is drawn from {place}, which is not there.",
                     "Draw it from a column of the design.")  # fmt: skip
    shift = parameter.shift
    if shift is not None and not (is_duration(shift.removeprefix("-")) or _NUMBER.fullmatch(shift)):
        yield _query(element, f"{shift[:40]!r} is no shift.", "Write P30D, -P30D or a number.")
    if parameter.template is not None and parameter.template.count("{}") != 1:
        yield _query(element, "A template holds {} once.", "Write %{}% for an infix search.")
    if parameter.limit is not None and parameter.limit < 1:
        yield _query(element, "A limit is 1 or more characters.", "Raise it, or leave it out.")


def _weight(query: WorkloadQuery, element: str) -> Iterator[Finding]:
    if not 0 < query.frequency < float("inf"):
        yield _query(element, "The frequency is not above 0.", "Leave it at 1.")


def _query(element: str, message: str, remediation: str, *, severe: bool = True) -> Finding:
    return Finding(
        rule="query", severity="error" if severe else "warning", element=element,
        message=message, remediation=remediation,
    )  # fmt: skip


RULES = (check_expressions, check_indexes, check_workload)
