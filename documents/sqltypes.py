"""PostgreSQL types as SQLAlchemy types and Python annotations."""

from __future__ import annotations

import re
from collections import defaultdict

from ..domain.types import base_type


class Imports:
    """The imports that the generated module needs, collected while it is written."""

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = defaultdict(set)
        self._modules: set[str] = set()

    def add(self, module: str, name: str) -> str:
        """`from module import name`; returns the name."""
        self._names[module].add(name)
        return name

    def module(self, name: str) -> None:
        """`import name`."""
        self._modules.add(name)

    def lines(self) -> list[str]:
        """The import lines, standard library first."""
        standard = [f"import {module}" for module in sorted(self._modules)]
        froms = {m: f"from {m} import {_listed(n)}" for m, n in sorted(self._names.items())}
        standard += [text for module, text in froms.items() if not module.startswith("sqlalchemy")]
        rest = [text for module, text in froms.items() if module.startswith("sqlalchemy")]
        return [*standard, "", *rest] if standard else rest


def _listed(names: set[str]) -> str:
    ordered = sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    text = ", ".join(ordered)
    if len(text) <= 60:
        return text
    return "(\n" + "".join(f"    {name},\n" for name in ordered) + ")"


# PostgreSQL base type → (module, SQLAlchemy type, annotation)
_SQL, _PG = "sqlalchemy", "sqlalchemy.dialects.postgresql"
_TYPES: dict[str, tuple[str, str, str]] = {
    "smallint": (_SQL, "SmallInteger", "int"),
    "integer": (_SQL, "Integer", "int"),
    "bigint": (_SQL, "BigInteger", "int"),
    "numeric": (_SQL, "Numeric", "Decimal"),
    "real": (_SQL, "REAL", "float"),
    "double precision": (_SQL, "Double", "float"),
    "text": (_SQL, "Text", "str"),
    "character varying": (_SQL, "String", "str"),
    "character": (_SQL, "CHAR", "str"),
    "citext": (_PG, "CITEXT", "str"),
    "boolean": (_SQL, "Boolean", "bool"),
    "timestamp with time zone": (_SQL, "DateTime(timezone=True)", "dt.datetime"),
    "timestamp without time zone": (_SQL, "DateTime", "dt.datetime"),
    "date": (_SQL, "Date", "dt.date"),
    "time without time zone": (_SQL, "Time", "dt.time"),
    "time with time zone": (_SQL, "Time(timezone=True)", "dt.time"),
    "interval": (_SQL, "Interval", "dt.timedelta"),
    "uuid": (_SQL, "Uuid", "UUID"),
    "json": (_PG, "JSON", "Any"),
    "jsonb": (_PG, "JSONB", "Any"),
    "bytea": (_SQL, "LargeBinary", "bytes"),
    "inet": (_PG, "INET", "Any"),
    "cidr": (_PG, "CIDR", "Any"),
    "macaddr": (_PG, "MACADDR", "str"),
    "int4range": (_PG, "INT4RANGE", "Range[int]"),
    "int8range": (_PG, "INT8RANGE", "Range[int]"),
    "numrange": (_PG, "NUMRANGE", "Range[Decimal]"),
    "tsrange": (_PG, "TSRANGE", "Range[dt.datetime]"),
    "tstzrange": (_PG, "TSTZRANGE", "Range[dt.datetime]"),
    "daterange": (_PG, "DATERANGE", "Range[dt.date]"),
    "tsvector": (_PG, "TSVECTOR", "str"),
}


def sql_type(type_name: str, imports: Imports) -> str:
    """The SQLAlchemy type as an expression: `String(40)`, `ARRAY(Text)`.

    A type that A13 does not design (a database may hold others) is written as `NullType`.
    """
    if type_name.endswith("[]"):
        inner = sql_type(type_name[:-2], imports)
        return f"{imports.add(_PG, 'ARRAY')}({inner})"
    # The modifier of a time type stands in the middle: timestamp(3) with time zone.
    modifier = re.search(r"\(([0-9, ]+)\)", type_name)
    known = _TYPES.get(base_type(type_name)) or _TYPES.get(re.sub(r"\([0-9, ]+\)", "", type_name))
    if known is None:
        return imports.add("sqlalchemy.types", "NullType")
    module, text, _ = known
    imports.add(module, text.split("(")[0])
    if modifier and base_type(type_name) in ("numeric", "character varying", "character"):
        return f"{text}({modifier[1].replace(',', ', ').replace('  ', ' ')})"
    return text


def python_type(type_name: str, imports: Imports) -> str:
    """The annotation inside `Mapped[…]`."""
    if type_name.endswith("[]"):
        return f"list[{python_type(type_name[:-2], imports)}]"
    known = _TYPES.get(base_type(type_name)) or _TYPES.get(re.sub(r"\([0-9, ]+\)", "", type_name))
    annotation = known[2] if known else "Any"
    # Short names that no column is likely to have: an attribute would hide them in its class.
    if "dt." in annotation:
        imports.module("datetime as dt")
    if annotation == "UUID":
        imports.add("uuid", "UUID")
    if "Decimal" in annotation:
        imports.add("decimal", "Decimal")
    if annotation == "Any":
        imports.add("typing", "Any")
    if annotation.startswith("Range["):
        imports.add("sqlalchemy.dialects.postgresql", "Range")
    return annotation
