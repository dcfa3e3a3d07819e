"""The shape of relations and columns: data types, closed value sets, and shapes to avoid."""

from __future__ import annotations

import re
import uuid
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from ..domain.design import Column, Design, Relation
from ..domain.findings import Finding
from ..domain.types import base_type, canonical_type, family
from ..errors import DesignError
from .reading import types_of

_MOST_COLUMNS = 40
_MONEY = re.compile(
    r"(?:^|_)(?:amount|balance|budget|charge|cost|discount|fee|fees|payment|price|refund|revenue"
    r"|salary|subtotal|tax|total|vat|wage)(?:_|$)"
)
_LARGEST = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
_TRIBBLE = re.compile(r"(.*?[a-z])_?(\d{1,2})")
_TRIBBLE_TABLE = re.compile(r"(.+)_((?:19|20)\d{2}(?:_?\d{2})?)")
_EAV_NAME = re.compile(r"(?:attribute|attr|property|prop|field|key|param|parameter)(?:_name|_key)?")
_EAV_VALUE = re.compile(r"(?:(?:attribute|attr|property|prop|field)_)?(?:value|val)")
_BOOKKEEPING = ("created_at", "updated_at", "deleted_at", "created_by", "updated_by", "version")


def check_types(design: Design) -> Iterator[Finding]:
    """type: each type is on the allow-list, in its one spelling, with a length that can be."""
    for relation in design.relations:
        for column in relation.columns:
            element = f"column:{relation.name}.{column.name}"
            try:
                known = canonical_type(column.type)
            except DesignError as error:
                yield _type(element, error.message, error.hint)
                continue
            if known != column.type:
                yield _type(element, f"The type is written {column.type!r}.", f"Write {known}.")
            yield from _modifier(element, known)
            yield from _special(element, column, known)


def _modifier(element: str, known: str) -> Iterator[Finding]:
    match = re.search(r"\((\d+)(?:,(\d+))?\)", known)
    if match is None:
        return
    size, scale = int(match[1]), int(match[2] or 0)
    most = 1000 if base_type(known) == "numeric" else 10_485_760
    if base_type(known) in ("numeric", "character", "character varying"):
        if not 1 <= size <= most or scale > 1000:
            yield _type(element, f"{known} is not possible.", f"Use a size from 1 to {most}.")
        elif scale > size:
            message = f"{known} holds no number of 1 or more."
            yield _type(element, message, "Raise the precision above the scale.")


def _special(element: str, column: Column, known: str) -> Iterator[Finding]:
    if column.identity and family(known) != "integer":
        yield _type(element, f"{known} cannot be an identity.", "Use bigint.")
    given = [column.identity, column.generated is not None, column.default is not None]
    if sum(given) > 1:
        message = "Only one of identity, default and generated is possible."
        yield _type(element, message, "Keep one of them.")
    if column.identity and column.nullable:
        yield _type(element, "An identity is never null.", "Make the column not null.")


def check_type_choices(design: Design) -> Iterator[Finding]:
    """T1 time without a zone, T2 floats for money, T3 char(n), T5 small ids, T7 json."""
    for relation in design.relations:
        types = types_of(relation)
        for column in relation.columns:
            if column.name not in types:
                continue
            known = base_type(types[column.name])
            element = f"column:{relation.name}.{column.name}"
            if known in ("timestamp without time zone", "time with time zone"):
                yield Finding(
                    rule="T1", severity="error", element=element,
                    message=f"{known} does not say which moment it means.",
                    remediation="Use timestamp with time zone (or time without time zone).",
                )  # fmt: skip
            elif known in ("real", "double precision") and (
                _MONEY.search(column.name) or re.fullmatch(r"[A-Z]{3}", column.unit or "")
            ):
                yield Finding(
                    rule="T2", severity="error", element=element,
                    message=f"{known} rounds amounts of money.",
                    remediation="Use numeric(12,2), or bigint cents.",
                )  # fmt: skip
            elif known == "character":
                yield Finding(
                    rule="T3", severity="warning", element=element,
                    message="character(n) pads with blanks.",
                    remediation="Use text, with a check on the length.",
                )  # fmt: skip
            elif known == "json":
                yield Finding(
                    rule="T7", severity="warning", element=element,
                    message="json keeps text and cannot be indexed or compared.",
                    remediation="Use jsonb.",
                )  # fmt: skip
            if (column.identity or relation.primary_key == (column.name,)) and known in _LARGEST:
                rows = relation.volume.rows if relation.volume else 0
                if rows > _LARGEST[known] // 2:
                    yield Finding(
                        rule="T5", severity="error", element=element,
                        message=f"{known} ends at {_LARGEST[known]:,}; {rows:,} rows are expected.",
                        remediation="Use bigint." if known != "bigint" else "State fewer rows.",
                    )  # fmt: skip


def check_values(design: Design) -> Iterator[Finding]:
    """values: each value of a closed set fits the column's type, and stands in it once."""
    for relation in design.relations:
        types = types_of(relation)
        for column in relation.columns:
            element = f"column:{relation.name}.{column.name}"
            if len(set(column.values)) < len(column.values):
                yield _value(element, "A value stands in the set twice.")
            known = types.get(column.name)
            # The closed set of an array column is that of its elements.
            single = None if known is None else known.removesuffix("[]")
            bad = [v for v in column.values if single is not None and not fits(v, single)]
            if bad:
                yield _value(element, f"{bad[0][:60]!r} is not a value of {single}.")


def fits(text: str, known: str) -> bool:
    """True where the text is a value of a canonical type that a closed set can be made of."""
    if "\x00" in text:
        return False
    kind = family(known)
    size = re.search(r"\((\d+)(?:,(\d+))?\)", known)
    try:
        if kind == "text":
            return size is None or len(text) <= int(size[1])
        if kind == "integer":
            return bool(re.fullmatch(r"-?\d{1,19}", text)) and (
                -_LARGEST[base_type(known)] - 1 <= int(text) <= _LARGEST[base_type(known)]
            )
        if kind == "numeric":
            number = Decimal(text)
            whole = int(size[1]) - int(size[2] or 0) if size else 131_072
            return number.is_finite() and abs(number) < Decimal(10) ** whole
        if kind == "float":
            return Decimal(text).is_finite()
        if kind == "date":
            return bool(date.fromisoformat(text))
        if kind == "timestamp":
            return bool(datetime.fromisoformat(text))
        if kind == "uuid":
            return bool(uuid.UUID(text))
    except (ValueError, InvalidOperation, OverflowError):
        return False
    return False


def check_shapes(design: Design) -> Iterator[Finding]:
    """N2 lists of ids, N3 entity-attribute-value, N4 numbered columns and tables, N5, N6, N7."""
    for relation in design.relations:
        element = f"relation:{relation.name}"
        yield from _lists(relation)
        yield from _attribute_value(relation, element)
        yield from _numbered(relation, element)
        yield from _polymorphic(relation)
        keys = set(relation.primary_key) | {n for k in relation.foreign_keys for n in k.columns}
        rest = [column for column in relation.columns if column.name not in keys]
        if len(rest) > 1 and all(column.nullable for column in rest):
            yield Finding(
                rule="N5", severity="warning", element=element,
                message="Every column beside the keys may be null.",
                remediation="Make not null what every row has.",
            )  # fmt: skip
        if len(relation.columns) > _MOST_COLUMNS:
            yield Finding(
                rule="N7", severity="warning", element=element,
                message=f"{len(relation.columns)} columns: more than one thing in one relation?",
                remediation="Split it by what changes together.",
            )  # fmt: skip
        elif len(relation.columns) == 1:
            yield Finding(
                rule="N7", severity="warning", element=element,
                message="The relation has a single column.",
                remediation="Make it a closed set of values, or add what it is about.",
            )  # fmt: skip
    yield from _numbered_relations(design)


def _lists(relation: Relation) -> Iterator[Finding]:
    types = types_of(relation)
    for column in relation.columns:
        kind = family(types[column.name]) if column.name in types else None
        if column.name.endswith(("_ids", "_id_list")) and kind in ("array", "text", "json"):
            yield Finding(
                rule="N2", severity="error", element=f"column:{relation.name}.{column.name}",
                message="A list of ids in one column cannot be a reference.",
                remediation="Use a relation with one row for each pair.",
            )  # fmt: skip


def _attribute_value(relation: Relation, element: str) -> Iterator[Finding]:
    own = [column for column in relation.columns if column.name not in _BOOKKEEPING]
    referring = {name for key in relation.foreign_keys for name in key.columns}
    named = any(_EAV_NAME.fullmatch(column.name) for column in own)
    valued = any(_EAV_VALUE.fullmatch(column.name) for column in own)
    if named and valued and referring and len(own) <= 6:
        yield Finding(
            rule="N3", severity="warning", element=element,
            message="Rows of attribute and value: no type and no constraint holds for a value.",
            remediation="Make columns of the attributes that are known.",
        )  # fmt: skip


def _numbered(relation: Relation, element: str) -> Iterator[Finding]:
    numbers: dict[str, set[int]] = defaultdict(set)
    for column in relation.columns:
        match = _TRIBBLE.fullmatch(column.name)
        if match is not None:
            numbers[match[1].rstrip("_")].add(int(match[2]))
    for stem, found in numbers.items():
        # address_1 and address_2 are two lines; three in a row are a list.
        if len(found) >= 3 and max(found) - min(found) == len(found) - 1:
            yield Finding(
                rule="N4", severity="warning", element=element,
                message=f"{len(found)} numbered columns {stem}…: a list in disguise.",
                remediation="Use a relation with one row for each.",
            )  # fmt: skip


def _numbered_relations(design: Design) -> Iterator[Finding]:
    stems: dict[str, list[str]] = defaultdict(list)
    for relation in design.relations:
        match = _TRIBBLE_TABLE.fullmatch(relation.name)
        if match is not None:
            stems[match[1]].append(relation.name)
    for names in stems.values():
        if len(names) > 1:
            yield Finding(
                rule="N4", severity="warning", element=f"relation:{names[0]}",
                message=f"One relation for each period: {', '.join(names)}.",
                remediation="Use one relation with a date, partitioned where it is large.",
            )  # fmt: skip


def _polymorphic(relation: Relation) -> Iterator[Finding]:
    referring = {name for key in relation.foreign_keys for name in key.columns}
    for column in relation.columns:
        stem = column.name.removesuffix("_type")
        if (
            stem not in ("", column.name)
            and f"{stem}_id" in relation.column_names
            and f"{stem}_id" not in referring
            and column.name not in referring
        ):
            yield Finding(
                rule="N6", severity="warning", element=f"column:{relation.name}.{stem}_id",
                message=f"{stem}_type says where {stem}_id leads: no foreign key can hold.",
                remediation="One nullable foreign key for each target, and a check: exactly one.",
            )  # fmt: skip


def _type(element: str, message: str, remediation: str) -> Finding:
    return Finding(
        rule="type", severity="error", element=element, message=message, remediation=remediation
    )


def _value(element: str, message: str) -> Finding:
    return Finding(
        rule="values", severity="error", element=element, message=message,
        remediation="Correct the closed set of values or the type.",
    )  # fmt: skip


RULES = (check_types, check_type_choices, check_values, check_shapes)
