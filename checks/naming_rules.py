"""Names: one meaning each, within PostgreSQL's limits, and readable."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator

from ..domain.design import Design, Relation
from ..domain.findings import Finding
from ..domain.identifiers import MAX_BYTES, is_plain, strip_invisible
from ..domain.naming import (
    check_name,
    exclusion_name,
    foreign_key_name,
    index_name,
    primary_key_name,
    unique_name,
    values_check_name,
)

_SYSTEM_COLUMNS = frozenset("tableoid xmin cmin xmax cmax ctid".split())
_SYSTEM_ROLES = frozenset("public none current_role current_user session_user postgres".split())
_OWN_TABLES = frozenset(["alembic_version"])


def folded(name: str) -> str:
    """The name as two that differ only in case, or only after 63 bytes, share it."""
    return name.encode(errors="replace")[:MAX_BYTES].decode(errors="ignore").casefold()


def check_duplicates(design: Design) -> Iterator[Finding]:
    """name: no two relations, columns of one relation, roles or queries share a name."""
    groups: list[tuple[str, tuple[str, ...], str]] = [
        ("relations", tuple(r.name for r in design.relations), "relation:{}"),
        ("roles", tuple(role.name for role in design.roles), "role:{}"),
        ("queries", tuple(query.name for query in design.workload), "query:{}"),
        *(
            (f"columns of {r.name}", r.column_names, f"column:{r.name}.{{}}")
            for r in design.relations
        ),
    ]
    for what, names, element in groups:
        for same in _shared(names):
            listed = " and ".join(dict.fromkeys(same))
            yield _clash(element.format(same[1]), f"Two {what} share the name {listed}.")


def check_duplicate_constraints(design: Design) -> Iterator[Finding]:
    """name: constraints of a relation, and what becomes a table or an index in the schema."""
    schema: dict[str, list[str]] = defaultdict(list)  # pg_class: one namespace
    for relation in design.relations:
        schema[folded(relation.name)].append(f"relation:{relation.name}")
        names = _constraint_names(relation)
        for same in _shared(tuple(name for name, _ in names)):
            yield _clash(
                f"constraint:{relation.name}.{same[1]}",
                f"Two constraints of {relation.name} share the name {same[0]}.",
            )
        for name in dict.fromkeys(name for name, indexed in names if indexed):
            schema[folded(name)].append(f"constraint:{relation.name}.{name}")
        for index in relation.indexes:
            name = index_name(relation, index)
            schema[folded(name)].append(f"index:{name}")
    for elements in schema.values():
        kinds = {element.partition(":")[0] for element in elements}
        if len(elements) > 1 and kinds != {"relation"}:
            yield _clash(elements[1], f"{elements[0]} and {elements[1]} share a name.")


def _constraint_names(relation: Relation) -> list[tuple[str, bool]]:
    """The names of a relation's constraints, and whether an index of that name backs them."""
    return [
        *([(primary_key_name(relation), True)] if relation.primary_key else []),
        *((unique_name(relation, unique), True) for unique in relation.uniques),
        *((foreign_key_name(relation, key), False) for key in relation.foreign_keys),
        *((check_name(relation, check), False) for check in relation.checks),
        *((values_check_name(relation, c.name), False) for c in relation.columns if c.values),
        *((exclusion_name(relation, exclusion), True) for exclusion in relation.exclusions),
    ]


def _shared(names: tuple[str, ...]) -> Iterator[list[str]]:
    same: dict[str, list[str]] = defaultdict(list)
    for name in names:
        same[folded(name)].append(name)
    yield from (group for group in same.values() if len(group) > 1)


def check_identifiers(design: Design) -> Iterator[Finding]:
    """D2 and D3: names need no quotes and no truncation; invisible characters are an error."""
    for element, name in _written_names(design):
        if not name or _has_controls(name):
            yield Finding(
                rule="D2", severity="error", element=element,
                message=f"{name[:60]!r} is empty or holds invisible characters."
                if name else "The name is empty.",
                remediation="Use letters, digits and underscores.",
            )  # fmt: skip
        elif len(name.encode(errors="replace")) > MAX_BYTES:
            yield Finding(
                rule="D3", severity="error", element=element,
                message=f"The name is longer than {MAX_BYTES} bytes; PostgreSQL would cut it.",
                remediation="Shorten it.",
            )  # fmt: skip
        elif not is_plain(name):
            reserved = re.fullmatch("[a-z_][a-z0-9_]*", name) is not None
            yield Finding(
                rule="D2", severity="warning", element=element,
                message="The name is a reserved word." if reserved
                else "The name needs quotes in SQL.",
                remediation="Use lower-case letters, digits and underscores, and no reserved word.",
            )  # fmt: skip


def check_system_names(design: Design) -> Iterator[Finding]:
    """name: nothing is called like what PostgreSQL or the migrations own."""
    for relation in design.relations:
        if relation.name in _OWN_TABLES:
            yield _clash(f"relation:{relation.name}", "The migrations own a table of that name.")
        for column in relation.columns:
            if column.name in _SYSTEM_COLUMNS:
                yield _clash(
                    f"column:{relation.name}.{column.name}",
                    "PostgreSQL owns a column of that name.",
                )
    for role in design.roles:
        if role.name in _SYSTEM_ROLES or role.name.startswith("pg_"):
            yield _clash(f"role:{role.name}", "PostgreSQL owns a role of that name.")


def check_texts(design: Design) -> Iterator[Finding]:
    """text: comments and the like hold no NUL, which PostgreSQL cannot store."""
    for relation in design.relations:
        places = [(f"relation:{relation.name}", relation.comment)]
        places += [(f"column:{relation.name}.{c.name}", c.comment) for c in relation.columns]
        for element, text in places:
            if "\x00" in text:
                yield Finding(
                    rule="text", severity="error", element=element,
                    message="The comment holds a NUL character.", remediation="Remove it.",
                )  # fmt: skip


def _written_names(design: Design) -> Iterator[tuple[str, str]]:
    """Names that the design gives; derived ones are plain and short by construction."""
    for relation in design.relations:
        yield f"relation:{relation.name}", relation.name
        for column in relation.columns:
            yield f"column:{relation.name}.{column.name}", column.name
        given = [
            *(unique.name for unique in relation.uniques),
            *(key.name for key in relation.foreign_keys),
            *(check.name for check in relation.checks),
            *(exclusion.name for exclusion in relation.exclusions),
        ]
        for name in given:
            if name is not None:
                yield f"constraint:{relation.name}.{name}", name
        for index in relation.indexes:
            if index.name is not None:
                yield f"index:{index.name}", index.name
    for role in design.roles:
        yield f"role:{role.name}", role.name
    for query in design.workload:
        yield f"query:{query.name}", query.name


def _has_controls(name: str) -> bool:
    return strip_invisible(name) != name or any(
        unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in name
    )


def _clash(element: str, message: str) -> Finding:
    return Finding(
        rule="name", severity="error", element=element, message=message,
        remediation="Give it another name.",
    )  # fmt: skip


RULES = (
    check_duplicates,
    check_duplicate_constraints,
    check_identifiers,
    check_system_names,
    check_texts,
)
