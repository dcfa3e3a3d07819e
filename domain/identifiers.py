"""Identifiers: from the words of a PRD to names that PostgreSQL takes, and back into SQL.

PostgreSQL truncates names at 63 bytes without an error, so names are shortened here, with a hash
that keeps two long names apart. Source: PostgreSQL 18 manual, 4.1.1 and appendix C.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

MAX_BYTES = 63

# Reserved, and reserved "can be function or type", in PostgreSQL 18 (appendix C).
RESERVED = frozenset(
    """
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check
    collate collation column concurrently constraint create cross current_catalog current_date
    current_role current_schema current_time current_timestamp current_user default deferrable
    desc distinct do else end except false fetch for foreign freeze from full grant group having
    ilike in initially inner intersect into is isnull join lateral leading left like limit
    localtime localtimestamp natural not notnull null offset on only or order outer overlaps
    placing primary references returning right select session_user similar some symmetric
    system_user table tablesample then to trailing true union unique user using variadic verbose
    when where window with
    """.split()
)

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
# Zero-width characters and bidirectional controls: invisible, and able to make two names look
# the same or one name read backwards.
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]"
)


def strip_invisible(text: str) -> str:
    """The text without zero-width and bidirectional control characters."""
    return _INVISIBLE.sub("", text)


def shorten(name: str, limit: int = MAX_BYTES) -> str:
    """The name cut to `limit` bytes; a cut name ends in `_` and eight hex digits of its hash."""
    raw = name.encode()
    if len(raw) <= limit:
        return name
    digest = hashlib.sha256(raw).hexdigest()[:8]
    head = raw[: limit - 9].decode(errors="ignore").rstrip("_")
    return f"{head}_{digest}"


def snake_case(text: str) -> str:
    """The words of `text` as a lower-case ASCII identifier; "" where nothing is left.

    >>> snake_case("Order Line"), snake_case("orderLine"), snake_case("Straße № 5")
    ('order_line', 'order_line', 'strasse_no_5')
    """
    text = strip_invisible(text).replace("ß", "ss").replace("æ", "ae").replace("ø", "o")
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", text)
    text = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").lower()
    if text and text[0].isdigit():
        text = f"n_{text}"
    return shorten(text)


def is_plain(name: str) -> bool:
    """True for a name that needs no quotes in SQL."""
    return bool(_PLAIN.fullmatch(name)) and name not in RESERVED


def quote(name: str) -> str:
    """The name as SQL: bare where that is safe, else in double quotes.

    Raises ValueError for a name that PostgreSQL would refuse or truncate.
    """
    if not name or "\x00" in name:
        raise ValueError("an identifier must have at least one character and no NUL")
    if len(name.encode()) > MAX_BYTES:
        raise ValueError(f"identifier longer than {MAX_BYTES} bytes: {name[:20]!r}…")
    return name if is_plain(name) else '"' + name.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    """The text as an SQL string literal (standard_conforming_strings on).

    Raises ValueError for a NUL, which PostgreSQL cannot hold.
    """
    if "\x00" in text:
        raise ValueError("a text value cannot hold a NUL character")
    return "'" + text.replace("'", "''") + "'"
