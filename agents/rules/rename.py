"""Renaming in a design: a relation or a column, everywhere it is named."""

from __future__ import annotations

import re

from ...domain.design import Design, Relation


def rename_relation(design: Design, old: str, new: str) -> Design:
    """The design with the relation called `new`: keys, roles, tenancy, queries and references."""
    relations = tuple(
        relation.model_copy(
            update={
                "name": new if relation.name == old else relation.name,
                "foreign_keys": tuple(
                    key.model_copy(update={"references": new}) if key.references == old else key
                    for key in relation.foreign_keys
                ),
            }
        )
        for relation in design.relations
    )
    roles = tuple(
        role.model_copy(
            update={
                verb: tuple(new if name == old else name for name in getattr(role, verb))
                for verb in ("select", "insert", "update", "delete")
            }
        )
        for role in design.roles
    )
    workload = tuple(
        query.model_copy(
            update={
                "sql": _word(query.sql, old, new),
                "parameters": tuple(
                    p.model_copy(update={"relation": new}) if p.relation == old else p
                    for p in query.parameters
                ),
            }
        )
        for query in design.workload
    )
    tenancy = design.tenancy
    if tenancy is not None and tenancy.relation == old:
        tenancy = tenancy.model_copy(update={"relation": new})
    requirements = tuple(
        r.model_copy(update={"elements": tuple(_element(e, old, new) for e in r.elements)})
        for r in design.requirements
    )
    return design.model_copy(
        update={
            "relations": relations, "roles": roles, "workload": workload, "tenancy": tenancy,
            "requirements": requirements,
        }
    )  # fmt: skip


def _element(element: str, old: str, new: str) -> str:
    kind, _, rest = element.partition(":")
    name, dot, part = rest.partition(".")
    if name != old or kind in ("query", "role", "index", "objective"):
        return element
    return f"{kind}:{new}{dot}{part.replace(f'_{old}', f'_{new}', 1)}"


def _word(text: str, old: str, new: str) -> str:
    return re.sub(rf'"{re.escape(old)}"|\b{re.escape(old)}\b', new, text)


def _columns(names: tuple[str, ...], old: str, new: str) -> tuple[str, ...]:
    return tuple(new if name == old else name for name in names)


def rename_column(design: Design, relation_name: str, old: str, new: str) -> Design:
    """The design with the column called `new`, in its relation and where others refer to it."""
    relations = []
    for relation in design.relations:
        if relation.name == relation_name:
            relation = _own(relation, old, new)
        keys = tuple(
            key.model_copy(
                update={"referenced_columns": _columns(key.referenced_columns, old, new)}
            )
            if key.references == relation_name
            else key
            for key in relation.foreign_keys
        )
        relations.append(relation.model_copy(update={"foreign_keys": keys}))
    workload = tuple(
        query.model_copy(
            update={
                "sql": _word(query.sql, old, new),
                "parameters": tuple(
                    p.model_copy(update={"column": new})
                    if (p.relation, p.column) == (relation_name, old)
                    else p
                    for p in query.parameters
                ),
            }
        )
        if any(p.relation == relation_name for p in query.parameters) or relation_name in query.sql
        else query
        for query in design.workload
    )
    return design.model_copy(update={"relations": tuple(relations), "workload": workload})


def _own(relation: Relation, old: str, new: str) -> Relation:
    def many(values: tuple[object, ...], *names: str) -> tuple[object, ...]:
        return tuple(
            value.model_copy(  # type: ignore[attr-defined]
                update={name: _columns(getattr(value, name), old, new) for name in names}
            )
            for value in values
        )

    return relation.model_copy(
        update={
            "columns": tuple(
                c.model_copy(
                    update={
                        "name": new if c.name == old else c.name,
                        "generated": _word(c.generated, old, new) if c.generated else None,
                    }
                )
                for c in relation.columns
            ),
            "primary_key": _columns(relation.primary_key, old, new),
            "uniques": many(relation.uniques, "columns"),
            "foreign_keys": many(relation.foreign_keys, "columns"),
            "dependencies": many(relation.dependencies, "determinant", "dependent"),
            "checks": tuple(
                c.model_copy(update={"expression": _word(c.expression, old, new)})
                for c in relation.checks
            ),
            "exclusions": tuple(
                e.model_copy(
                    update={
                        "equal_columns": _columns(e.equal_columns, old, new),
                        "start_column": new if e.start_column == old else e.start_column,
                        "end_column": new if e.end_column == old else e.end_column,
                    }
                )
                for e in relation.exclusions
            ),
            "indexes": tuple(
                i.model_copy(
                    update={
                        "keys": tuple(
                            k.model_copy(update={"column": new}) if k.column == old else k
                            for k in i.keys
                        ),
                        "include": _columns(i.include, old, new),
                    }
                )
                for i in relation.indexes
            ),
            "tenant_column": new if relation.tenant_column == old else relation.tenant_column,
        }
    )
