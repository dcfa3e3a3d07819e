"""What every design gets, whoever proposed it: indexes for foreign keys, and a workload.

Both follow from the design alone, so no planner has to think of them.
"""

from __future__ import annotations

from ..errors import DesignError
from .access import derive_workload
from .design import Column, Design, ForeignKey, Index, IndexKey, Relation
from .types import canonical_type


def with_canonical_types(design: Design) -> Design:
    """The design with every known type in its one spelling: `timestamptz` says the same.

    A type that is not known stays as it is, for the checks to name.
    """
    relations = tuple(
        relation.model_copy(update={"columns": tuple(map(_canonical, relation.columns))})
        for relation in design.relations
    )
    return design.model_copy(update={"relations": relations})


def _canonical(column: Column) -> Column:
    try:
        return column.model_copy(update={"type": canonical_type(column.type)})
    except DesignError:
        return column


def with_foreign_key_indexes(design: Design) -> Design:
    """The design with an index for every foreign key that no key or index begins with.

    Without one, every delete or key change of the referenced row reads the whole relation.
    """
    relations = tuple(
        relation.model_copy(
            update={
                "indexes": (
                    *relation.indexes,
                    *(
                        Index(
                            keys=tuple(IndexKey(column=name) for name in key.columns),
                            origin="foreign_key",
                            reason=f"Deletes and updates of {key.references} look rows up here.",
                        )
                        for key in _uncovered(relation)
                    ),
                )
            }
        )
        for relation in design.relations
    )
    return design.model_copy(update={"relations": relations})


def with_derived_workload(design: Design) -> Design:
    """The design with the queries that every application needs beside those that were stated.

    The design must have no open errors: types and columns are looked up.
    """
    known = {query.name for query in design.workload}
    derived = tuple(query for query in derive_workload(design) if query.name not in known)
    return design.model_copy(update={"workload": (*design.workload, *derived)})


def _uncovered(relation: Relation) -> list[ForeignKey]:
    beginnings = [relation.primary_key, *(u.columns for u in relation.uniques if not u.where)]
    beginnings += [
        tuple(key.column or "" for key in index.keys)
        for index in relation.indexes
        if index.method == "btree" and not index.where
    ]
    found: list[ForeignKey] = []
    for key in relation.foreign_keys:
        size = len(key.columns)
        if not any(set(begin[:size]) == set(key.columns) for begin in beginnings):
            found.append(key)
            beginnings.append(key.columns)
    return found
