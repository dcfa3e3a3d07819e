"""Names of classes and attributes for the generated models."""

from __future__ import annotations

import keyword
import re

from ..domain.catalog import Catalog
from ..domain.identifiers import snake_case
from .entities import tables_of

_ENDINGS = (
    ("ies", "y", 4), ("sses", "ss", 5), ("shes", "sh", 5), ("ches", "ch", 5), ("xes", "x", 4),
    ("zzes", "zz", 5), ("ouses", "ouse", 5), ("auses", "ause", 5), ("uses", "us", 5),
)  # fmt: skip
# What the endings would get wrong, by plural.
_IRREGULAR = {
    "people": "person", "children": "child", "men": "man", "women": "woman", "mice": "mouse",
    "feet": "foot", "teeth": "tooth", "criteria": "criterion", "phenomena": "phenomenon",
    "indices": "index", "matrices": "matrix", "vertices": "vertex", "appendices": "appendix",
    "analyses": "analysis", "diagnoses": "diagnosis", "prognoses": "prognosis",
    "hypotheses": "hypothesis", "theses": "thesis", "synopses": "synopsis", "crises": "crisis",
    "axes": "axis", "leaves": "leaf", "shelves": "shelf", "lives": "life", "wives": "wife",
    "knives": "knife", "halves": "half", "movies": "movie", "cookies": "cookie",
    "calories": "calorie", "ties": "tie", "pies": "pie", "caches": "cache", "uses": "use",
    "heroes": "hero", "potatoes": "potato", "tomatoes": "tomato", "echoes": "echo",
    "quizzes": "quiz", "lenses": "lens", "gases": "gas", "aliases": "alias", "canvases": "canvas",
    "atlases": "atlas",
}  # fmt: skip
_SINGULAR = ("ss", "us", "is", "news", "series", "species")


def class_names(catalog: Catalog) -> dict[str, str]:
    """A class name for each table: `order_items` → `OrderItem`; no two alike."""
    found: dict[str, str] = {}
    for table in tables_of(catalog):
        words = [word for word in re.split(r"[^A-Za-z0-9]+", table.name) if word]
        plural = "".join(word[0].upper() + word[1:] for word in words)
        if words:
            words[-1] = singular(words[-1])
        name = "".join(word[0].upper() + word[1:] for word in words) or "Table"
        if not re.match(r"[A-Za-z]", name):
            name, plural = f"Table{name}", f"Table{plural}"
        candidates = [name, plural, *(f"{name}{n}" for n in range(2, 1000))]
        taken = {*found.values(), *_RESERVED_CLASSES}
        found[table.name] = next(c for c in candidates if c and c not in taken)
    return found


# Names that the generated module imports or defines.
_RESERVED_CLASSES = frozenset(
    """
    Base Any Decimal Mapped Range Identity Computed Index Integer BigInteger SmallInteger String
    Text Numeric Boolean Date DateTime Time Interval Uuid LargeBinary Double REAL CHAR ARRAY JSON
    JSONB INET CIDR MACADDR CITEXT TSVECTOR TIMESTAMP TIME INTERVAL BYTEA ENUM UUID
    DeclarativeBase ForeignKeyConstraint PrimaryKeyConstraint UniqueConstraint CheckConstraint
    ExcludeConstraint INT4RANGE INT8RANGE NUMRANGE TSRANGE TSTZRANGE DATERANGE True False None
    """.split()
)


# What an attribute would hide in the body of its class, or declarative classes keep.
TAKEN = _RESERVED_CLASSES | {
    "metadata", "registry", "dt", "sql_text", "mapped_column", "relationship",
}  # fmt: skip


def attribute_names(catalog: Catalog) -> dict[str, dict[str, str]]:
    """By table, the attribute of each column: the column's name where Python takes it."""
    found: dict[str, dict[str, str]] = {}
    classes = set(class_names(catalog).values())
    for table in tables_of(catalog):
        mine: dict[str, str] = {}
        for column in table.columns:
            name = column.name
            if not name.isidentifier() or name.startswith("__"):
                name = snake_case(name).lstrip("_") or "column"
            if keyword.iskeyword(name) or name in TAKEN:
                name += "_"
            while name in mine.values() or name in classes:
                name += "_"
            mine[column.name] = name
        found[table.name] = mine
    return found


def singular(word: str) -> str:
    """The singular of an English plural, by its ending or as an exception; other words stay."""
    lower = word.lower()
    if lower in _IRREGULAR:
        one = _IRREGULAR[lower]
        return one if word == lower else one[0].upper() + one[1:]
    if lower.endswith(_SINGULAR) or not lower.endswith("s") or len(lower) < 4:
        return word
    for ending, instead, least in _ENDINGS:
        if lower.endswith(ending) and len(lower) >= least:
            return word[: -len(ending)] + instead
    return word[:-1]
