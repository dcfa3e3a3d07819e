"""From the design to the revisions that are still missing.

The first revision builds the schema. Indexes that the tuning found come later, each a revision
of its own, because CREATE INDEX CONCURRENTLY cannot share a transaction.
"""

from __future__ import annotations

from pathlib import Path

from ..database import revisions
from ..database.compile import Statement, compile_design, compile_index
from ..database.revisions import Revision
from ..domain.design import Design
from ..domain.naming import index_name


def without_tuning(design: Design) -> Design:
    """The design without the indexes that the measured tuning added."""
    relations = tuple(
        relation.model_copy(
            update={"indexes": tuple(i for i in relation.indexes if i.origin != "tuning")}
        )
        for relation in design.relations
    )
    return design.model_copy(update={"relations": relations})


def tuning_statements(design: Design) -> tuple[tuple[str, Statement], ...]:
    """Message and statement of each revision that the tuned indexes need, in design order."""
    return tuple(
        (
            f"index {index_name(relation, index)}",
            compile_index(relation, index, concurrently=True),
        )
        for relation in design.relations
        for index in relation.indexes
        if index.origin == "tuning"
    )


def plan_history(design: Design) -> tuple[tuple[str, tuple[Statement, ...]], ...]:
    """The whole history that the design asks for: (message, statements) for each revision."""
    schema = ("schema", compile_design(without_tuning(design)))
    return (schema, *((message, (one,)) for message, one in tuning_statements(design)))


def _served(design: Design, statements: tuple[Statement, ...]) -> tuple[str, ...]:
    """The ids of the requirements that the statements serve, by the elements they stand for."""
    elements = {statement.element for statement in statements}
    if any(element.startswith("relation:") for element in elements):
        # The schema: everything that names more than a query or a recovery objective.
        return tuple(
            requirement.id
            for requirement in design.requirements
            if any(not e.startswith(("query:", "objective:")) for e in requirement.elements)
        )
    for relation in design.relations:
        for index in relation.indexes:
            if f"index:{index_name(relation, index)}" in elements:
                elements.update(f"query:{query}" for query in index.serves)
    return tuple(
        requirement.id
        for requirement in design.requirements
        if elements.intersection(requirement.elements)
    )


def apply_history(
    directory: Path, design: Design, proved: tuple[str, ...]
) -> tuple[tuple[Revision, ...], tuple[str, ...]]:
    """Write what is missing at the end; drop what an interrupted or failed attempt left behind.

    A proved revision stays where it is, under its number, whatever the order of the indexes in
    the design: databases stand at it. Returns all revisions and the ids that stay proved, a
    prefix of the history whose statements the design still asks for. Idempotent.
    """
    revisions.initialise(directory)
    schema, *tuned = plan_history(design)
    missing = {_sql(statements): (message, statements) for message, statements in tuned}
    present = revisions.read_history(directory)
    kept = 0
    for revision in present:
        if revision.id not in proved:
            break
        if kept == 0 and revision.upgrade != _sql(schema[1]):
            break
        if kept > 0 and missing.pop(revision.upgrade, None) is None:
            break
        kept += 1
    for revision in reversed(present[kept:]):
        revisions.remove_revision(directory, revision.id)
    for message, statements in (*([schema] if kept == 0 else []), *missing.values()):
        revisions.write_revision(
            directory,
            message=message,
            statements=statements,
            requirements=_served(design, statements),
        )
    history = revisions.read_history(directory)
    return history, tuple(revision.id for revision in history[:kept])


def _sql(statements: tuple[Statement, ...]) -> tuple[str, ...]:
    return tuple(statement.sql for statement in statements)
