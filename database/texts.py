"""SQL of generated texts: names, addresses, codes and sentences, random or unique."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from ..domain.identifiers import quote_literal
from . import lexicon, patterns
from .draws import Draws, Spec, pick, text_array
from .shapes import Domain

# A text of each kind, to see whether a pattern already holds.
_SAMPLES = {
    "email": "ada.kim17@example.com", "url": "https://example.com/amber-anchor-17",
    "slug": "amber-anchor-17", "code": "ORD-000017", "phone": "+15550100017",
    "digest": "0cc175b9c0f1b6a831c399e269772661", "country_code": "GB", "currency": "EUR",
    "postcode": "10017", "version": "1.2.3", "username": "ada17", "language": "en",
    "time_zone": "Europe/Berlin", "mime": "image/png", "address_ip": "10.0.0.1",
}  # fmt: skip
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS = "0123456789"
# Short lists that name real things: their members in order are better than made-up codes.
_LISTS = {
    "country_code": lexicon.COUNTRY_CODES, "currency": lexicon.CURRENCIES,
    "language": lexicon.LANGUAGES, "country": lexicon.COUNTRIES, "city": lexicon.CITIES,
    "colour": lexicon.COLOURS, "gender": lexicon.GENDERS, "job": lexicon.JOBS,
    "unit": lexicon.UNITS, "mime": lexicon.MIME_TYPES, "time_zone": lexicon.TIME_ZONES,
}  # fmt: skip


def text_value(
    relation: str,
    column: str,
    limit: int | None,
    domain: Domain,
    draws: Draws,
    rows: int,
    unique: bool,
) -> Spec:
    """The SQL of a text column. `limit` is the type's length in characters, None for none."""
    longest = min((n for n in (limit, domain.max_length) if n is not None), default=None)
    kind = lexicon.text_kind(relation, column)
    pattern = _pattern(kind, domain, longest)
    if pattern is not None:
        return _patterned(pattern, column, draws, rows, longest, unique)
    listed = _LISTS.get(kind)
    if unique and listed and rows <= len(listed):
        short = all(len(text) <= (longest or 99) for text in listed)
        if short:
            return Spec(_cased(f"{text_array(listed)}[a13_g::int]", domain), len(listed))
    if unique and longest is not None and longest < len(str(rows)) + 2:
        alphabets = patterns.fit((patterns.Piece(_LETTERS, 1, longest),), rows, longest)
        alphabets = [_LETTERS] * max(len(alphabets), domain.min_length, min(longest, 2))
        if patterns.capacity(alphabets) < rows:
            alphabets = [_DIGITS + _LETTERS] * longest
        text = patterns.counted(alphabets, "a13_g")
        return Spec(_cased(text, domain), patterns.capacity(alphabets))
    base, numbered = _base(kind, relation, column, draws)
    if not unique and not numbered:
        text = base if longest is None else f"left({base}, {longest})"
        if domain.min_length > 1:
            text = f"rpad({text}, greatest({domain.min_length}, length({text})), 'x')"
        return Spec(_cased(text, domain))
    text = _numbered(kind, base, relation, longest, rows)
    if domain.min_length > 1:
        # In front, where it cannot make two numbers equal.
        text = f"lpad({text}, greatest({domain.min_length}, length({text})), '0')"
    return Spec(_cased(text, domain))


def _numbered(kind: str, base: str, relation: str, longest: int | None, rows: int) -> str:
    """The base with the row's number in it, unique whatever the base is."""
    width = max(len(str(rows)), 1)
    if kind == "digest":
        return base if longest is None else f"left({base}, {longest})"
    if kind == "phone":
        text = "'+1555' || lpad(a13_g::text, 7, '0')"
        return text if longest is None or longest >= 12 else f"lpad(a13_g::text, {longest}, '0')"
    if kind == "code":
        width = max(width, 6)
        prefix = relation.split("_")[-1][:3].upper()
        if longest is not None and longest < width + 4:
            width, prefix = min(longest, width), ""
        number = f"lpad(a13_g::text, {width}, '0')"
        return f"{quote_literal(prefix + '-')} || {number}" if prefix else number
    tail = {"email": "'@example.com'", "url": "''"}.get(kind, "''")
    gap = {"email": "", "username": "", "slug": "-", "url": "-", "file": "-"}.get(kind, " ")
    number = f"lpad(a13_g::text, {width}, '0')" if longest else "a13_g::text"
    end = f"{quote_literal(gap)} || {number} || {tail}"
    if longest is not None:
        room = longest - len(gap) - width - (12 if kind == "email" else 0)
        if room < 1:
            return f"lpad(a13_g::text, {min(longest, width)}, '0')"
        base = f"left({base}, {room})"
    return f"{base} || {end}"


def _base(kind: str, relation: str, column: str, draws: Draws) -> tuple[str, bool]:
    """The SQL of a text of that kind, and whether the row's number belongs to it anyway."""

    def word(texts: Sequence[str], purpose: str = "") -> str:
        return pick(texts, draws.u(column, purpose))

    def number(low: int, count: int) -> str:
        return f"({low} + floor({draws.u(column, 'number')} * {count}))::int::text"

    thing = f"{word(lexicon.ADJECTIVES, 'a')} || ' ' || {word(lexicon.NOUNS, 'b')}"
    dashed = f"lower({word(lexicon.ADJECTIVES, 'a')} || '-' || {word(lexicon.NOUNS, 'b')})"
    first, last = _plain(lexicon.FIRST_NAMES), _plain(lexicon.LAST_NAMES)
    makers: dict[str, Callable[[], str]] = {
        "email": lambda: f"lower({word(first, 'a')} || '.' || {word(last, 'b')})",
        "username": lambda: f"lower({word(first, 'a')})",
        "person": lambda: (
            f"{word(lexicon.FIRST_NAMES, 'a')} || ' ' || {word(lexicon.LAST_NAMES, 'b')}"
        ),
        "first_name": lambda: word(lexicon.FIRST_NAMES),
        "last_name": lambda: word(lexicon.LAST_NAMES),
        "digest": lambda: f"md5({draws.tag(column)} || a13_g)",
        "url": lambda: f"'https://example.com/' || {dashed}",
        "slug": lambda: dashed,
        "file": lambda: f"{dashed} || '.pdf'",
        "address_ip": lambda: f"'10.0.' || {number(0, 250)} || '.1'",
        "street": lambda: f"{number(1, 180)} || ' ' || {word(lexicon.STREETS)}",
        "postcode": lambda: number(10_000, 89_999),
        "company": lambda: f"{word(lexicon.NOUNS, 'b')} || ' ' || {word(lexicon.COMPANIES, 'c')}",
        "sentence": lambda: (
            f"{word(lexicon.SENTENCES, 'a')} || ' ' || {word(lexicon.SENTENCES, 'b')}"
        ),
        "title": lambda: word(lexicon.TITLES),
        "user_agent": lambda: word(lexicon.AGENTS),
        "version": lambda: f"{number(1, 4)} || '.' || {number(0, 9)}",
        "thing": lambda: thing,
        "word": lambda: f"{word(lexicon.WORDS, 'a')} || ' ' || {word(lexicon.WORDS, 'b')}",
        "code": lambda: "''",
        "phone": lambda: "''",
    }
    if kind in makers:
        return f"({makers[kind]()})", kind in ("email", "phone", "code", "digest", "username")
    return word(_LISTS[kind]), False


def _pattern(kind: str, domain: Domain, longest: int | None) -> tuple[patterns.Piece, ...] | None:
    """The pieces that a text must be made of, None where an ordinary text will do."""
    sample = _SAMPLES.get(kind)
    if domain.pattern is not None:
        try:
            fits = sample is not None and longest is None and re.search(domain.pattern, sample)
        except re.error:
            fits = None
        return None if fits else patterns.regex_pieces(domain.pattern)
    if domain.like is not None:
        if sample is not None and patterns.like_regex(domain.like).fullmatch(sample):
            return None
        return patterns.like_pieces(domain.like)
    return None


def _patterned(
    pieces: tuple[patterns.Piece, ...],
    column: str,
    draws: Draws,
    rows: int,
    longest: int | None,
    unique: bool,
) -> Spec:
    alphabets = patterns.fit(pieces, rows, longest)
    room = patterns.capacity(alphabets)
    if unique:
        return Spec(patterns.counted(alphabets, "a13_g"), room)
    ordinal = f"(1 + floor({draws.u(column)} * {min(room, 10**15)})::bigint)"
    return Spec(patterns.counted(alphabets, ordinal))


def _cased(text: str, domain: Domain) -> str:
    return text if domain.case is None else f"{domain.case}({text})"


def _plain(names: Sequence[str]) -> tuple[str, ...]:
    """The names in ASCII, as they stand in addresses."""
    texts = (unicodedata.normalize("NFKD", n).encode("ascii", "ignore").decode() for n in names)
    return tuple(dict.fromkeys(texts))
