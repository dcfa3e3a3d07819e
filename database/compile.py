"""The compiler: a design in, SQL statements with their reverses out, in one fixed order.

Extensions, roles, relations (referenced ones first), keys that close a cycle, indexes, comments,
row-level security, grants. Pure: nothing is run here. Every name is quoted by
`domain.identifiers`, every expression has gone through `domain.expressions`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..domain.base import Value
from ..domain.design import Design, ForeignKey, Index, Relation
from ..domain.expressions import parse_predicate, parse_scalar
from ..domain.identifiers import quote, quote_literal
from ..domain.naming import (
    exclusion_name,
    foreign_key_name,
    index_name,
    primary_key_name,
    unique_name,
)
from ..domain.types import base_type, canonical_type, family
from .compile_relation import (
    column_types,
    comments,
    foreign_key_clause,
    invalid,
    names,
    relation_body,
)
from .compile_security import application_role, grants, roles, row_security
from .statement import Statement, block

__all__ = ["Statement", "application_role", "compile_design", "compile_index", "extensions"]

_OPERATOR_CLASSES = frozenset(
    """
    text_pattern_ops varchar_pattern_ops bpchar_pattern_ops gin_trgm_ops gist_trgm_ops
    jsonb_ops jsonb_path_ops array_ops inet_ops range_ops tsvector_ops text_ops citext_ops
    int4_minmax_multi_ops int8_minmax_multi_ops timestamptz_minmax_multi_ops
    numeric_minmax_multi_ops date_minmax_multi_ops int8_bloom_ops uuid_bloom_ops text_bloom_ops
    """.split()
)
_NATIVE_GIST = ("range", "inet", "search")
_NATIVE_GIN = ("array", "json", "search")
_TRIGRAMS = re.compile(r"\bsimilarity\s*\(|\bword_similarity\s*\(|<->", re.IGNORECASE)


class _Edge(Value):
    relation: str
    key: int


def compile_design(design: Design) -> tuple[Statement, ...]:
    """Every statement that builds the design in an empty schema.

    The order is fixed by the design alone. A statement whose reverse is empty is undone by the
    reverse of the relation it belongs to. Raises DesignError (with the fact `element`) for what
    cannot be compiled, ExpressionError for a text that is not allowed.
    """
    _check_names(design)
    ordered, late = _order(design)
    tables = [_table(design, relation, late) for relation in ordered]
    tables += [_late_key(design, design.relation(edge.relation), edge.key) for edge in late]
    statements = [_extension(name) for name in extensions(design)]
    statements += [*roles(design), *tables]
    for relation in ordered:
        statements += _unique_indexes(relation)
        statements += [
            compile_index(relation, index, concurrently=False) for index in relation.indexes
        ]
    for relation in ordered:
        statements += comments(relation)
    for relation in ordered:
        statements += row_security(design, relation)
    return (*statements, *grants(design))


def compile_index(relation: Relation, index: Index, *, concurrently: bool) -> Statement:
    """CREATE INDEX and its DROP. `concurrently` makes it a non-transactional step.

    Such a step is idempotent: an INVALID index that a failed attempt left is dropped first.
    Raises DesignError for a key, method or operator class that makes no sense.
    """
    name = index_name(relation, index)
    element = f"index:{name}"
    keys = ", ".join(_index_keys(relation, index, element))
    if not keys:
        raise invalid(f"Index {name} has no keys.", element)
    if index.method == "hash" and len(index.keys) != 1:
        raise invalid(f"Hash index {name} must have exactly one key.", element)
    sql = f"ON {quote(relation.name)} USING {index.method} ({keys})"
    if index.include:
        if index.method not in ("btree", "gist"):
            raise invalid(f"A {index.method} index cannot INCLUDE columns.", element)
        sql += f" INCLUDE ({names(relation, index.include, element)})"
    if index.where:
        predicate = parse_predicate(
            index.where, column_types(relation), volatility="immutable", what=element
        )
        sql += f" WHERE {predicate.sql}"
    return _index(name, sql, element, unique="", concurrently=concurrently)


def extensions(design: Design) -> tuple[str, ...]:
    """The extensions the design needs, in alphabetical order."""
    needed = set()
    for relation in design.relations:
        types = {c.name: canonical_type(c.type) for c in relation.columns}
        if any(base_type(text) == "citext" for text in types.values()):
            needed.add("citext")
        if any(exclusion.equal_columns for exclusion in relation.exclusions):
            needed.add("btree_gist")
        for index in relation.indexes:
            for key in index.keys:
                if key.operator_class in ("gin_trgm_ops", "gist_trgm_ops"):
                    needed.add("pg_trgm")
                elif key.operator_class is None and key.column in types:
                    kind = family(types[key.column])
                    if index.method == "gist" and kind not in _NATIVE_GIST:
                        needed.add("btree_gist")
                    if index.method == "gin" and kind not in _NATIVE_GIN:
                        needed.add("btree_gin")
    if any(_TRIGRAMS.search(query.sql) for query in design.workload):
        needed.add("pg_trgm")
    return tuple(sorted(needed))


def _extension(name: str) -> Statement:
    # The downgrade drops the extension only if the upgrade created it: the comment tells.
    mark = quote_literal("installed by a migration of A13")
    create = block(
        f"  IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = {quote_literal(name)}) THEN",
        f"    CREATE EXTENSION {quote(name)} SCHEMA public;",
        f"    COMMENT ON EXTENSION {quote(name)} IS {mark};",
        "  END IF;",
    )
    drop = block(
        f"  IF EXISTS (SELECT FROM pg_extension WHERE extname = {quote_literal(name)}",
        f"             AND obj_description(oid, 'pg_extension') = {mark}) THEN",
        f"    DROP EXTENSION {quote(name)};",
        "  END IF;",
    )
    return Statement(sql=create, reverse=drop, element=f"extension:{name}")


def _order(design: Design) -> tuple[list[Relation], list[_Edge]]:
    """Relations with referenced ones first; the keys that close a cycle are added afterwards."""
    waiting = list(design.relations)
    done: set[str] = set()
    ordered: list[Relation] = []
    while waiting:
        ready = next((r for r in waiting if not _missing(r, done)), None)
        # In a cycle the relation with the fewest open references goes first.
        chosen = ready or min(waiting, key=lambda r: len(_missing(r, done)))
        waiting.remove(chosen)
        ordered.append(chosen)
        done.add(chosen.name)
    place = {relation.name: n for n, relation in enumerate(ordered)}
    late = [
        _Edge(relation=relation.name, key=n)
        for relation in ordered
        for n, key in enumerate(relation.foreign_keys)
        if place.get(key.references, -1) > place[relation.name]
    ]
    return ordered, late


def _missing(relation: Relation, done: set[str]) -> set[str]:
    return {key.references for key in relation.foreign_keys} - done - {relation.name}


def _table(design: Design, relation: Relation, late: list[_Edge]) -> Statement:
    later = {edge.key for edge in late if edge.relation == relation.name}
    keys = [key for n, key in enumerate(relation.foreign_keys) if n not in later]
    body = relation_body(design, relation, keys)
    name = quote(relation.name)
    return Statement(
        sql=f"CREATE TABLE {name} (\n  " + ",\n  ".join(body) + "\n)",
        reverse=f"DROP TABLE {name}",
        element=f"relation:{relation.name}",
    )


def _late_key(design: Design, relation: Relation, position: int) -> Statement:
    key: ForeignKey = relation.foreign_keys[position]
    name = foreign_key_name(relation, key)
    table = quote(relation.name)
    return Statement(
        sql=f"ALTER TABLE {table} ADD {foreign_key_clause(design, relation, key)}",
        reverse=f"ALTER TABLE {table} DROP CONSTRAINT {quote(name)}",
        element=f"constraint:{relation.name}.{name}",
    )


def _unique_indexes(relation: Relation) -> Iterator[Statement]:
    for unique in relation.uniques:
        if unique.where is None:
            continue
        name = unique_name(relation, unique)
        element = f"constraint:{relation.name}.{name}"
        predicate = parse_predicate(
            unique.where, column_types(relation), volatility="immutable", what=element
        )
        nulls = " NULLS NOT DISTINCT" if unique.nulls_not_distinct else ""
        sql = (
            f"ON {quote(relation.name)} ({names(relation, unique.columns, element)}){nulls}"
            f" WHERE {predicate.sql}"
        )
        yield _index(name, sql, element, unique="UNIQUE ", concurrently=False)


def _index(name: str, rest: str, element: str, *, unique: str, concurrently: bool) -> Statement:
    if not concurrently:
        return Statement(
            sql=f"CREATE {unique}INDEX {quote(name)} {rest}",
            reverse=f"DROP INDEX {quote(name)}",
            element=element,
        )
    return Statement(
        sql=f"CREATE {unique}INDEX CONCURRENTLY IF NOT EXISTS {quote(name)} {rest}",
        reverse=f"DROP INDEX CONCURRENTLY IF EXISTS {quote(name)}",
        element=element,
        transactional=False,
        prepare=(_drop_invalid(name),),
        index=name,
    )


def _drop_invalid(name: str) -> str:
    regclass = quote_literal(f"public.{quote(name)}")
    return block(
        f"  IF EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass({regclass})",
        "             AND NOT indisvalid) THEN",
        f"    DROP INDEX public.{quote(name)};",
        "  END IF;",
    )


def _index_keys(relation: Relation, index: Index, element: str) -> Iterator[str]:
    for key in index.keys:
        if (key.column is None) == (key.expression is None):
            raise invalid("An index key is a column or an expression.", element)
        if key.column is not None:
            text = names(relation, (key.column,), element)
        else:
            expression = parse_scalar(
                key.expression or "", column_types(relation), volatility="immutable", what=element
            )
            text = f"({expression.sql})"
        if key.operator_class is not None:
            if key.operator_class not in _OPERATOR_CLASSES:
                raise invalid(f"Operator class {key.operator_class!r} is not known.", element)
            text += f" {quote(key.operator_class)}"
        if key.descending:
            if index.method != "btree":
                raise invalid(f"A {index.method} index has no order.", element)
            text += " DESC"
        yield text


def _check_names(design: Design) -> None:
    """Relations and indexes share one name space per schema; constraints one per relation."""
    taken: dict[str, str] = {}

    def take(name: str, element: str) -> None:
        try:
            quote(name)
        except ValueError as error:
            raise invalid(f"Name {name[:80]!r}: {error}.", element) from error
        if name in taken:
            raise invalid(
                f"The name {name!r} is used twice: by {taken[name]} and by {element}.", element
            )
        taken[name] = element

    for relation in design.relations:
        take(relation.name, f"relation:{relation.name}")
    for relation in design.relations:
        base = f"constraint:{relation.name}"
        take(primary_key_name(relation), f"{base}.{primary_key_name(relation)}")
        for unique in relation.uniques:
            take(unique_name(relation, unique), f"{base}.{unique_name(relation, unique)}")
        for exclusion in relation.exclusions:
            take(
                exclusion_name(relation, exclusion), f"{base}.{exclusion_name(relation, exclusion)}"
            )
        for index in relation.indexes:
            take(index_name(relation, index), f"index:{index_name(relation, index)}")
