"""The data types a design may use, and one spelling for each.

The allow-list is small on purpose: every type here is one that A13 can generate data for, hash,
compare and introspect. Source: PostgreSQL 18 manual, chapter 8.
"""

from __future__ import annotations

import re
from typing import Literal

from ..errors import DesignError

Family = Literal[
    "integer", "numeric", "float", "text", "boolean", "timestamp", "date", "time", "interval",
    "uuid", "json", "binary", "inet", "range", "array", "search",
]  # fmt: skip

_ALIASES = {
    "int": "integer", "int4": "integer", "int8": "bigint", "int2": "smallint",
    "bool": "boolean", "varchar": "character varying", "char": "character", "bpchar": "character",
    "decimal": "numeric", "float8": "double precision", "float": "double precision",
    "float4": "real", "timestamptz": "timestamp with time zone",
    "timestamp": "timestamp without time zone", "time": "time without time zone",
    "timetz": "time with time zone", "serial": "integer", "bigserial": "bigint",
    "string": "text", "datetime": "timestamp with time zone",
}  # fmt: skip

_FAMILIES: dict[str, Family] = {
    "smallint": "integer", "integer": "integer", "bigint": "integer",
    "numeric": "numeric", "real": "float", "double precision": "float",
    "text": "text", "character varying": "text", "character": "text", "citext": "text",
    "boolean": "boolean",
    "timestamp with time zone": "timestamp", "timestamp without time zone": "timestamp",
    "date": "date", "time without time zone": "time", "time with time zone": "time",
    "interval": "interval", "uuid": "uuid", "json": "json", "jsonb": "json", "bytea": "binary",
    "inet": "inet", "cidr": "inet", "macaddr": "inet",
    "int4range": "range", "int8range": "range", "numrange": "range", "tsrange": "range",
    "tstzrange": "range", "daterange": "range", "tsvector": "search",
}  # fmt: skip

_TYPE = re.compile(r"([a-z][a-z0-9 ]*?)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*(\[\])?")


def canonical_type(text: str) -> str:
    """The type in PostgreSQL's own spelling (format_type).

    >>> canonical_type("VARCHAR(40)"), canonical_type("timestamptz"), canonical_type("int[]")
    ('character varying(40)', 'timestamp with time zone', 'integer[]')

    Raises DesignError for a type that is not on the allow-list.
    """
    match = _TYPE.fullmatch(" ".join(text.lower().split()))
    name = _ALIASES.get(match[1], match[1]) if match else ""
    if match is None or name not in _FAMILIES:
        raise DesignError(
            f"Data type {text[:60]!r} is not one that A13 knows.",
            hint="Use one of: " + ", ".join(sorted(_FAMILIES)) + ".",
        )
    modifier = ""
    if match[2] is not None:
        if name in ("character varying", "character"):
            takes = 1
        elif name == "numeric":
            takes = 2
        else:
            takes = 0
        given = 1 + (match[3] is not None)
        if given > takes:
            raise DesignError(f"Data type {text[:60]!r}: {name} takes {takes} modifiers.")
        modifier = f"({match[2]},{match[3] or 0})" if name == "numeric" else f"({match[2]})"
    return f"{name}{modifier}{match[4] or ''}"


def base_type(canonical: str) -> str:
    """The type without modifier and array brackets: `numeric(12,2)[]` → `numeric`."""
    return canonical.split("[")[0].split("(")[0].strip()


def family(canonical: str) -> Family:
    """The family of a canonical type; arrays are "array"."""
    return "array" if canonical.endswith("[]") else _FAMILIES[base_type(canonical)]


def comparable(left: str, right: str) -> bool:
    """True where a foreign key from `left` to `right` is sound: same type but for the length."""
    return base_type(left) == base_type(right) and left.endswith("[]") == right.endswith("[]")
