"""A design with every type in PostgreSQL's own spelling."""

from __future__ import annotations

from ..domain.design import Design
from ..domain.types import canonical_type


def canonical(design: Design) -> Design:
    """The same design; `timestamptz` is `timestamp with time zone` and so on.

    Raises DesignError for a type that is not on the allow-list.
    """
    return design.model_copy(
        update={
            "relations": tuple(
                relation.model_copy(
                    update={
                        "columns": tuple(
                            column.model_copy(update={"type": canonical_type(column.type)})
                            for column in relation.columns
                        )
                    }
                )
                for relation in design.relations
            )
        }
    )
