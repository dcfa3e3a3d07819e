"""The parts of a definition that PostgreSQL wrote: index keys, predicates, exclusion elements.

Input is what pg_get_indexdef and pg_get_constraintdef print, so quoting and brackets are balanced
and the order of the clauses is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..domain.base import Value


class IndexParts(Value):
    """What an index definition says. `keys` are the elements as the server prints them."""

    method: str
    keys: tuple[str, ...]
    include: tuple[str, ...] = ()
    nulls_not_distinct: bool = False
    options: str = ""
    where: str = ""


class ExclusionParts(Value):
    """What an exclusion constraint says: `elements` are (expression, operator)."""

    method: str
    elements: tuple[tuple[str, str], ...]
    where: str = ""


def index_parts(definition: str) -> IndexParts:
    """The parts of `CREATE INDEX … USING method (…) INCLUDE (…) WITH (…) WHERE (…)`."""
    start = _find(definition, " USING ")
    method, _, rest = definition[start + 7 :].partition(" ")
    inside, rest = _group(rest)
    include: tuple[str, ...] = ()
    options = where = ""
    if rest.startswith(" INCLUDE "):
        inner, rest = _group(rest[9:])
        include = tuple(bare(name) for name in split(inner))
    distinct = rest.startswith(" NULLS NOT DISTINCT")
    rest = rest.removeprefix(" NULLS NOT DISTINCT")
    if rest.startswith(" WITH "):
        options, rest = _group(rest[6:])
    if rest.startswith(" WHERE "):
        where = unwrap(rest[7:])
    return IndexParts(
        method=method,
        keys=split(inside),
        include=include,
        nulls_not_distinct=distinct,
        options=options,
        where=where,
    )


def exclusion_parts(definition: str) -> ExclusionParts:
    """The parts of `EXCLUDE USING method (… WITH …, …) WHERE (…)`."""
    start = _find(definition, " USING ")
    method, _, rest = definition[start + 7 :].partition(" ")
    inside, rest = _group(rest)
    elements = []
    for element in split(inside):
        expression, _, operator = element.rpartition(" WITH ")
        elements.append((expression, operator))
    where = ""
    at = _find(rest, " WHERE ")
    if at >= 0:
        where, _ = _group(rest[at + 7 :])
    return ExclusionParts(method=method, elements=tuple(elements), where=unwrap(where))


def check_expression(definition: str) -> str:
    """The expression of `CHECK (…)`."""
    inside, _ = _group(definition[definition.index("(") :])
    return unwrap(inside)


def _marks(text: str) -> Iterator[tuple[int, str, int]]:
    """Each character outside quotes, with its place and the depth of brackets before it."""
    depth, quote = 0, ""
    for place, character in enumerate(text):
        if quote:
            if character == quote:
                quote = ""
            continue
        if character in "'\"":
            quote = character
            continue
        if character in ")]":
            depth -= 1
        yield place, character, depth
        if character in "([":
            depth += 1


def _find(text: str, words: str) -> int:
    """Where the words stand outside quotes and brackets; -1 if nowhere."""
    for place, _, depth in _marks(text):
        if depth == 0 and text.startswith(words, place):
            return place
    return -1


def _group(text: str) -> tuple[str, str]:
    """The inside of the brackets at the start of the text, and what follows them."""
    for place, character, depth in _marks(text):
        if character == ")" and depth == 0:
            return text[1:place], text[place + 1 :]
    return text[1:], ""


def split(text: str) -> tuple[str, ...]:
    """The parts between commas that are not inside quotes or brackets."""
    parts, start = [], 0
    for place, character, depth in _marks(text):
        if character == "," and depth == 0:
            parts.append(text[start:place].strip())
            start = place + 1
    parts.append(text[start:].strip())
    return tuple(part for part in parts if part)


def unwrap(text: str) -> str:
    """The text without brackets that enclose all of it."""
    text = text.strip()
    while text.startswith("("):
        inside, rest = _group(text)
        if rest.strip():
            break
        text = inside.strip()
    return text


def bare(name: str) -> str:
    """An identifier without its quotes; anything else stays."""
    if re.fullmatch(r'"(?:[^"]|"")+"', name):
        return name[1:-1].replace('""', '"')
    return name


def is_column(key: str) -> bool:
    """True for an index key that is a column and nothing else."""
    return bool(re.fullmatch(r'[a-z_][a-z0-9_$]*|"(?:[^"]|"")+"', key))
