"""Inserts: a new row with the values of one that is there, made fresh where keys want it.

All values come from rows of the relation itself, so that rules over several columns hold. Texts
and numbers of keys are changed, ranges are moved to where nothing else is. A key of references
alone is made fresh by leaving out one that may be empty, else by drawing one from its own
relation.
"""

from __future__ import annotations

import re

from ...domain.identifiers import quote
from ...domain.types import family
from ...domain.workload import Parameter
from .book import ColumnDraft, Draft

_FAR = "P50Y"
_STEP = "100000007"


def insert_sql(draft: Draft, drafts: dict[str, Draft]) -> tuple[str, tuple[Parameter, ...]]:
    """The INSERT of one row, and where its values come from. `drafts` by relation name."""
    parameters: dict[str, Parameter] = {}
    for column in draft.columns.values():
        generated = column.identity or column.generated
        if not generated and not (column.name in draft.primary_key and column.default):
            parameters[column.name] = Parameter(
                name=column.name, relation=draft.name, column=column.name
            )
    for exclusion in draft.exclusions:
        for name in (exclusion.start_column, exclusion.end_column):
            parameters[name] = parameters[name].model_copy(update={"shift": _FAR})
    clash = False
    keys = [u.columns for u in draft.uniques if u.where is None]
    for key in (draft.primary_key, *keys):
        if all(name in parameters for name in key):
            clash |= not _refresh(draft, drafts, key, parameters)
    listed = ", ".join(quote(name) for name in parameters)
    values = ", ".join(f":{name}" for name in parameters)
    tail = " ON CONFLICT DO NOTHING" if clash else ""
    sql = f"INSERT INTO {quote(draft.name)} ({listed}) VALUES ({values}){tail}"
    return sql, tuple(parameters.values())


def _refresh(
    draft: Draft, drafts: dict[str, Draft], key: tuple[str, ...], parameters: dict[str, Parameter]
) -> bool:
    """Change one column of a key; False where the new row may still meet an old one."""
    if any(parameters[name].shift or parameters[name].template for name in key):
        return True
    references = {c: k for k in draft.foreign_keys for c in k.columns}
    for name in key:
        if name in references:
            continue
        change = _fresh(draft.columns[name])
        if change:
            parameters[name] = parameters[name].model_copy(update=change)
            return True
    for name in key:
        if draft.columns[name].nullable:
            del parameters[name]
            return True
    for name in reversed(key):
        reference = references.get(name)
        target = drafts.get(reference.references) if reference else None
        if reference is None or target is None or len(reference.columns) > 1:
            continue
        there = reference.referenced_columns or target.primary_key
        parameters[name] = Parameter(name=name, relation=target.name, column=there[0])
        return False
    return False


def _fresh(column: ColumnDraft) -> dict[str, object]:
    """How a drawn value becomes one that is not there yet; empty where it cannot."""
    if column.values:
        return {}
    kind = family(column.type)
    if kind == "text":
        # Room for the one character that is added.
        size = re.search(r"\((\d+)\)", column.type)
        return {"template": "{}2", "limit": max(int(size[1]) - 1, 1) if size else None}
    if kind in ("timestamp", "date"):
        return {"shift": _FAR}
    if kind in ("integer", "numeric"):
        return {"shift": _STEP}
    return {}
