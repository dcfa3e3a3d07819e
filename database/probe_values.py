"""Values that may break a rule: the literals of its expression and their neighbours, extremes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation

import sqlglot
from sqlglot import exp

from ..domain.design import Column, Relation
from ..domain.expressions import parse_predicate
from ..domain.types import family
from .probe_rows import Row, sources_of, types_of

_MOST = 600
_MOST_EACH = 24


def violations(relation: Relation, expression: str, row: Row) -> Iterator[Row]:
    """Settings of columns that may make the CHECK false, the likely ones first.

    One column at a time, then pairs, then all; at most 600.
    """
    parsed = parse_predicate(expression, types_of(relation))
    names = sources_of(relation, parsed.columns)
    words = _literals(parsed.sql)
    siblings = [value for name in names if (value := row.get(name)) is not None]
    choices = {
        name: _candidates(relation.column(name), words, siblings, row.get(name)) for name in names
    }
    return itertools.islice(_settings(choices), _MOST)


def outsiders(relation: Relation, column: Column, row: Row) -> Iterator[Row]:
    """Settings with a value outside the column's closed set.

    First that value alone, then with another value in a column that shares a CHECK with it, which
    would be broken too and might speak first.
    """
    values = _outside(column)
    if not values:
        return
    for value in values:
        yield {column.name: value}
    for check in relation.checks:
        parsed = parse_predicate(check.expression, types_of(relation))
        if column.name not in parsed.columns:
            continue
        words = _literals(parsed.sql)
        for name in sources_of(relation, parsed.columns):
            if name != column.name:
                for other in _candidates(relation.column(name), words, [], row.get(name)):
                    yield {column.name: values[0], name: other}


def _outside(column: Column) -> list[str]:
    """Values of the column's type that are not in its closed set."""
    length = _length(column.type)
    texts = ["a13_not_allowed", "a13", "~", "zz", "#", "QX", "9"]
    if family(column.type) in ("integer", "numeric"):
        numbers = [Decimal(value) for value in column.values if _number(value) is not None]
        texts = [str(max(numbers, default=Decimal(0)) + 1), "-32000"]
    elif family(column.type) == "array":
        texts = [f"{{{text}}}" for text in texts]
    elif family(column.type) == "boolean":
        texts = ["true", "false"]
    return [text for text in texts if text not in column.values and len(text) <= length]


def _settings(choices: Mapping[str, list[str | None]]) -> Iterator[Row]:
    for name, values in choices.items():
        for value in values:
            yield {name: value}
    for size in range(2, len(choices) + 1):
        for names in itertools.combinations(choices, size):
            for together in itertools.product(*(choices[name] for name in names)):
                yield dict(zip(names, together, strict=True))


def _literals(text: str) -> list[str]:
    """The literals of an expression, as texts."""
    found: dict[str, None] = {}
    for node in sqlglot.parse_one(text, dialect="postgres").find_all(exp.Literal):
        found[str(node.this)] = None
    return list(found)


def _candidates(
    column: Column, words: list[str], siblings: list[str], current: str | None
) -> list[str | None]:
    """Values for one column, without the one it has."""
    group = family(column.type)
    found: list[str | None]
    if group in ("integer", "numeric", "float"):
        found = _numbers(column, [*words, *siblings])
    elif group in ("timestamp", "date"):
        found = ["0001-01-01", "9999-12-31", *_dates(words), "1970-01-01", "2038-01-19"]
    elif group == "text":
        found = _texts(column, words, current)
    elif group == "boolean":
        found = ["false", "true"]
    elif group == "interval":
        found = ["-1 day", "0", "1000 years", "1 microsecond"]
    elif group == "time":
        found = ["00:00", "23:59:59", "12:00"]
    elif group == "json":
        found = ["{}", "[]", "null", '"a13"', "0"]
    elif group == "array":
        found = ["{}", "{a13}", "{NULL}", "{0}", "{-1}"]
    elif group == "range":
        found = ["empty", "(,)"]
    elif group == "inet":
        found = ["0.0.0.0", "255.255.255.255", "::1"]
    elif group == "binary":
        found = ["\\x", "\\x00"]
    else:
        found = [*words]
    if column.nullable:
        found.insert(min(1, len(found)), None)
    return [value for value in dict.fromkeys(found) if value != current][:_MOST_EACH]


def _numbers(column: Column, texts: list[str]) -> list[str | None]:
    step = Decimal(1)
    if family(column.type) != "integer":
        scale = column.type.partition(",")[2].rstrip(")[]")
        step = Decimal(1).scaleb(-int(scale)) if scale.isdigit() else Decimal("0.01")
    values: list[Decimal] = [Decimal(-1)]
    for text in texts:
        number = _number(text)
        if number is not None:
            values += [number - step, number + step, number]
    values += [Decimal(0), Decimal(1), Decimal(101), Decimal(-32000), Decimal(32000)]
    if family(column.type) == "integer":
        values = [value.to_integral_value() for value in values]
    return [format(value, "f") for value in values]


def _dates(words: list[str]) -> list[str]:
    return [word for word in words if word[:4].isdigit() and word[4:5] == "-"]


def _texts(column: Column, words: list[str], current: str | None) -> list[str | None]:
    text = current or "a13"
    length = _length(column.type)
    found = ["", " ", *words, "a13", "~!~", f"{text} ", f" {text}", text.upper(), text.lower()]
    found += [text.swapcase(), text.replace("@", ""), text[:1], text[:-1], "0", "-1", "A"]
    # Just over the lengths that the expression speaks of.
    found += ["x" * (int(word) + 1) for word in words if word.isdigit() and int(word) < 5000]
    found.append("x" * min(length, 5001))
    return [value for value in found if len(value) <= length]


def _length(kind: str) -> int:
    """The most characters that a text type takes."""
    size = kind.partition("(")[2].partition(")")[0]
    return int(size) if family(kind) == "text" and size.isdigit() else 1_000_000


def _number(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value) < Decimal(10) ** 18 else None
