"""Texts that match a pattern: a simple regular expression or LIKE, as runs of characters.

Each piece is an alphabet and how many characters of it stand there, so that a text can be drawn at
random or counted through (for unique columns).
"""

from __future__ import annotations

import math
import re
import string
from dataclasses import dataclass

from ..domain.identifiers import quote_literal

_POSIX = {
    "alpha": string.ascii_uppercase, "digit": string.digits, "upper": string.ascii_uppercase,
    "lower": string.ascii_lowercase, "alnum": string.digits + string.ascii_uppercase,
    "space": " ", "punct": "-", "xdigit": string.hexdigits[:16],
}  # fmt: skip
_ESCAPES = {"d": string.digits, "w": string.ascii_lowercase + string.digits, "s": " "}
_ANY = string.ascii_lowercase
_LOOSE = 6  # how many characters an open quantifier may add


@dataclass(frozen=True)
class Piece:
    """`least` to `most` characters of `alphabet`."""

    alphabet: str
    least: int = 1
    most: int = 1


def regex_pieces(pattern: str) -> tuple[Piece, ...] | None:
    """The pieces of a simple regular expression, None where it is not simple.

    Understood: literals, classes, \\d \\w \\s, groups and alternatives (the first is taken),
    quantifiers.
    """
    try:
        pieces, rest = _sequence(pattern.removeprefix("^"))
    except (IndexError, ValueError):
        return None
    return tuple(pieces) if not rest else None


def like_pieces(pattern: str) -> tuple[Piece, ...]:
    """The pieces of a LIKE pattern."""
    pieces = []
    escaped = False
    for character in pattern:
        if escaped or character not in "%_\\":
            pieces.append(Piece(character))
        elif character == "%":
            pieces.append(Piece(_ANY, 0, 12))
        elif character == "_":
            pieces.append(Piece(_ANY))
        escaped = character == "\\" and not escaped
    return tuple(pieces)


def like_regex(pattern: str) -> re.Pattern[str]:
    """The LIKE pattern as a regular expression."""
    parts = {"%": ".*", "_": "."}
    return re.compile("".join(parts.get(c, re.escape(c)) for c in pattern), re.S)


def fit(pieces: tuple[Piece, ...], rows: int, max_length: int | None) -> list[str]:
    """One alphabet per character: short, but with room for `rows` different texts if possible."""
    counts = [piece.least for piece in pieces]
    for place, piece in enumerate(pieces):
        while counts[place] < piece.most and len(piece.alphabet) > 1:
            room = max_length is None or sum(counts) < max_length
            if not room or _capacity(pieces, counts) >= max(rows * 2, 1000):
                break
            counts[place] += 1
    if not sum(counts):
        counts = [min(1, piece.most) for piece in pieces]
    return [p.alphabet for p, n in zip(pieces, counts, strict=True) for _ in range(n)]


def capacity(alphabets: list[str]) -> int:
    """How many different texts there are."""
    return math.prod(len(alphabet) for alphabet in alphabets)


def counted(alphabets: list[str], ordinal: str) -> str:
    """SQL of the text number `ordinal` (from 1), the last character running fastest."""
    radix = 1
    parts = []
    for alphabet in reversed(alphabets):
        if len(alphabet) == 1:
            parts.append(quote_literal(alphabet))
            continue
        place = f"(({ordinal} - 1) / {radix}) % {len(alphabet)}"
        parts.append(f"substr({quote_literal(alphabet)}, 1 + ({place})::int, 1)")
        radix = min(radix * len(alphabet), 10**17)
    return "(" + " || ".join(reversed(parts)) + ")"


def _capacity(pieces: tuple[Piece, ...], counts: list[int]) -> int:
    return math.prod(len(p.alphabet) ** n for p, n in zip(pieces, counts, strict=True))


def _sequence(text: str) -> tuple[list[Piece], str]:
    """The pieces up to the end or a closing parenthesis, and what follows."""
    pieces: list[Piece] = []
    while text and text[0] != ")":
        if text == "$":
            return pieces, ""
        if text[0] == "|":
            # The first alternative is enough: skip the others.
            _, text = _sequence(text[1:])
            break
        if text[0] == "(":
            inner, text = _sequence(text[1:].removeprefix("?:"))
            if not text.startswith(")"):
                raise ValueError("group is not closed")
            least, most, text = _quantifier(text[1:])
            if least != most:
                least = most = max(1, least)
            pieces += inner * least
            continue
        alphabet, text = _alphabet(text)
        least, most, text = _quantifier(text)
        pieces.append(Piece(alphabet, least, most))
    return pieces, text


def _alphabet(text: str) -> tuple[str, str]:
    head = text[0]
    if head == "\\":
        return _ESCAPES.get(text[1], text[1]), text[2:]
    if head == ".":
        return _ANY, text[1:]
    if head == "[":
        return _class(text)
    if head in "^$*+?{":
        raise ValueError(f"{head!r} is not understood here")
    return head, text[1:]


def _class(text: str) -> tuple[str, str]:
    if text.startswith("[^"):
        outside, rest = _class("[" + text[2:])
        alphabet = "".join(c for c in _ANY + string.digits if c not in outside)
        return alphabet or _ANY[:1], rest
    alphabet = ""
    place = 1
    while text[place] != "]" or place == 1:
        if text.startswith("[:", place):
            end = text.index(":]", place)
            alphabet += _POSIX[text[place + 2 : end]]
            place = end + 2
        elif text[place] == "\\":
            alphabet += _ESCAPES.get(text[place + 1], text[place + 1])
            place += 2
        elif text[place + 1] == "-" and text[place + 2] != "]":
            alphabet += "".join(map(chr, range(ord(text[place]), ord(text[place + 2]) + 1)))
            place += 3
        else:
            alphabet += text[place]
            place += 1
    return "".join(dict.fromkeys(alphabet)), text[place + 1 :]


def _quantifier(text: str) -> tuple[int, int, str]:
    if text.startswith("?"):
        return 0, 1, text[1:]
    if text.startswith("*"):
        return 0, _LOOSE, text[1:]
    if text.startswith("+"):
        return 1, 1 + _LOOSE, text[1:]
    match = re.match(r"\{(\d+)(,(\d*))?\}", text)
    if match is None:
        return 1, 1, text
    least = int(match[1])
    most = least if match[2] is None else int(match[3]) if match[3] else least + _LOOSE
    return least, most, text[match.end() :]
