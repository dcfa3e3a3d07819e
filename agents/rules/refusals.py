"""Refusals: answers by class of SQLSTATE to what a server refused.

Source of the codes: PostgreSQL 18 manual, appendix A.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ...domain import naming
from ...domain.design import (
    Design,
    Relation,
)
from ...domain.findings import Failure
from ...domain.types import base_type, canonical_type
from .repair import Repair, drop_part, mend_reference, retype


def repair_failure(repair: Repair, failure: Failure) -> None:
    """Answer a refusal of the server by the class of its SQLSTATE."""
    code = failure.sqlstate
    if code in ("55P03", "40001", "40P01", "57014", "53300") or code.startswith("08"):
        # The world was busy, not the design wrong: the caller tries the same again.
        repair.changes.append(f"Nothing is changed: {code} asks for another try")
        return
    relation, part = _element(repair.design, failure)
    if relation is None:
        return
    for matches, answer in _FAILURES:
        if matches(code) and answer(repair, relation, part, failure):
            return


# Failures


def _element(design: Design, failure: Failure) -> tuple[Relation | None, str]:
    """The relation and part that a failure is about: its element, else what its text quotes."""
    _, _, rest = failure.element.partition(":")
    name, _, part = rest.partition(".")
    relation = design.find(name)
    if relation is not None:
        return relation, part
    if failure.element.startswith("index:"):
        for candidate in design.relations:
            if any(naming.index_name(candidate, i) == name for i in candidate.indexes):
                return candidate, name
    quoted = re.findall(r"\"([^\"]{1,80})\"", f"{failure.message[:2000]} {failure.detail[:2000]}")
    for candidate in design.relations:
        for word in quoted:
            if word == candidate.name:
                others = [w for w in quoted if w != word]
                return candidate, others[0] if others else ""
            if word in _parts_of(candidate):
                return candidate, word
    for candidate in design.relations:
        if re.search(rf"(?i)\b(?:table|on|into|update)\s+\"?{re.escape(candidate.name)}\b",
                     failure.statement[:2000]):  # fmt: skip
            return candidate, quoted[0] if quoted else ""
    return None, ""


def _parts_of(relation: Relation) -> set[str]:
    return {
        naming.primary_key_name(relation),
        *(naming.unique_name(relation, u) for u in relation.uniques),
        *(naming.foreign_key_name(relation, k) for k in relation.foreign_keys),
        *(naming.check_name(relation, c) for c in relation.checks),
        *(naming.exclusion_name(relation, e) for e in relation.exclusions),
        *(naming.index_name(relation, i) for i in relation.indexes),
        *(naming.values_check_name(relation, c.name) for c in relation.columns if c.values),
    }


def _violated(repair: Repair, relation: Relation, part: str, failure: Failure) -> bool:
    """23xxx: rows that are there break what the design says."""
    code = failure.sqlstate
    if code == "23502":
        column = relation.find(part)
        if column is None or column.name in relation.primary_key:
            return False
        columns = tuple(c.model_copy(update={"nullable": True}) if c.name == part else c
                        for c in relation.columns)  # fmt: skip
        repair.ask(f"{relation.name}.{part} is empty in rows that are there. May it be?",
                   "It may be empty.", f"column:{relation.name}.{part}")  # fmt: skip
        return repair.put(
            relation.model_copy(update={"columns": columns}), f"{relation.name}.{part} may be empty"
        )
    for column in relation.columns:
        if column.values and naming.values_check_name(relation, column.name) == part:
            columns = tuple(c.model_copy(update={"values": ()}) if c.name == column.name else c
                            for c in relation.columns)  # fmt: skip
            repair.ask(f"Rows of {relation.name} hold other values of {column.name}. Which are "
                       f"right?",
                       "Any text is taken.", f"column:{relation.name}.{column.name}")  # fmt: skip
            return repair.put(
                relation.model_copy(update={"columns": columns}),
                f"{relation.name}.{column.name} takes any value",
            )
    if code == "23503":
        for at, key in enumerate(relation.foreign_keys):
            if (
                part in (naming.foreign_key_name(relation, key), *key.columns)
                and not key.deferrable
            ):
                keys = list(relation.foreign_keys)
                keys[at] = key.model_copy(update={"deferrable": True})
                return repair.put(
                    relation.model_copy(update={"foreign_keys": tuple(keys)}),
                    f"{relation.name}.{', '.join(key.columns)} is checked at commit",
                )
        return False
    return drop_part(repair, relation, part, failure.message)


def _undefined(repair: Repair, relation: Relation, part: str, failure: Failure) -> bool:
    """42xxx: something is not there, is there twice, or does not fit."""
    code = failure.sqlstate
    if code in ("42P01", "42830", "42804", "42703"):
        for key in relation.foreign_keys:
            if mend_reference(repair, relation, key):
                return True
    if code in ("42P07", "42710", "42701"):
        return _drop_twice(repair, relation, part)
    if code == "42704" and (column := relation.find(part)) is not None:
        return retype(repair, relation, column, "text")
    return drop_part(repair, relation, part, failure.message)


def _drop_twice(repair: Repair, relation: Relation, part: str) -> bool:
    seen: set[tuple[object, ...]] = set()
    kept = []
    for index in relation.indexes:
        mark = (index.keys, index.method, index.where, index.include)
        if mark not in seen:
            kept.append(index)
        seen.add(mark)
    if len(kept) < len(relation.indexes):
        return repair.put(
            relation.model_copy(update={"indexes": tuple(kept)}),
            f"{relation.name}: an index that stood twice is left out",
        )
    return drop_part(repair, relation, part, "an object of that name is there")


def _too_large(repair: Repair, relation: Relation, part: str, failure: Failure) -> bool:
    """54000: a row of the index is larger than a page allows; a hash holds any size."""
    for at, index in enumerate(relation.indexes):
        if part and naming.index_name(relation, index) != part:
            continue
        single = len(index.keys) == 1 and not index.include and index.method == "btree"
        indexes = list(relation.indexes)
        if single and not index.keys[0].descending:
            indexes[at] = index.model_copy(update={"method": "hash", "name": None})
            named = naming.index_name(relation, index)
            change = f"{named} is a hash index: its values are too long"
        else:
            del indexes[at]
            change = f"{naming.index_name(relation, index)} is left out: its values are too long"
        return repair.put(relation.model_copy(update={"indexes": tuple(indexes)}), change)
    return drop_part(repair, relation, part, failure.message)


def _unsupported(repair: Repair, relation: Relation, part: str, failure: Failure) -> bool:
    """0A000: what the server does not have is left out."""
    return drop_part(repair, relation, part, failure.message)


def _bad_value(repair: Repair, relation: Relation, part: str, failure: Failure) -> bool:
    """22xxx: a value does not fit its column, or an expression failed on it."""
    column = relation.find(part)
    if column is not None and failure.sqlstate in ("22001", "22003"):
        wider = {"integer": "bigint", "smallint": "integer", "character varying": "text",
                 "character": "text", "numeric": "numeric"}.get(base_type(column.type))  # fmt: skip
        if wider and canonical_type(wider) != column.type:
            return retype(repair, relation, column, canonical_type(wider))
    return drop_part(repair, relation, part, failure.message)


_Failed = Callable[[Repair, Relation, str, Failure], bool]


_FAILURES: tuple[tuple[Callable[[str], bool], _Failed], ...] = (
    (lambda code: code.startswith("23"), _violated),
    (lambda code: code.startswith("42"), _undefined),
    (lambda code: code.startswith("54"), _too_large),
    (lambda code: code == "0A000", _unsupported),
    (lambda code: code.startswith("22"), _bad_value),
)
