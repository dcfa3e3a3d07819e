"""Fields: `name type? (PK | FK → t.c | unique | optional | enum a|b | default | PII)` as a fact.

Splits lists of fields, takes a field's name from its words, and reads each modifier. What is not a
known modifier is kept as a note of the field, to be read as a sentence or kept as its comment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ...domain.identifiers import snake_case
from ...domain.types import canonical_type
from ...errors import DesignError
from .book import FieldFact, cite
from .lexicon import STATED_TYPES, UNITS
from .markdown import leading_mark, plain

# What an entity's words mean: its key, or None.
Known = Callable[[str], "str | None"]

_OPEN = "([{"
_CLOSE = ")]}"


def split_list(text: str, separators: str = ",") -> Iterator[tuple[int, str]]:
    """The pieces of a list with their offsets, split where no bracket is open.

    A bracket that is never closed does not swallow the rest: depth counts closed brackets only.
    """
    closing = text.count(")") + text.count("]") + text.count("}")
    depth = start = 0
    for at, char in enumerate(text):
        if char in _OPEN and closing:
            depth += 1
        elif char in _CLOSE:
            closing -= 1
            depth = max(0, depth - 1)
        elif char in separators and not depth and not _inside_number(text, at):
            yield start, text[start:at]
            start = at + 1
    yield start, text[start:]


def _inside_number(text: str, at: int) -> bool:
    return (
        text[at] == ","
        and 0 < at < len(text) - 3
        and text[at - 1].isdigit()
        and text[at + 1 : at + 4].isdigit()
    )


_AND = re.compile(r"\s+(?:and|or|&|as well as|plus|und|y|e|et|sowie)\s+", re.I)
_KEPT_TOGETHER = re.compile(
    r"terms and conditions|date and time|time and date|drag and drop|name and address only|"
    r"between [\w.]+ and|if and only|upper and lower|pros and cons|research and development",
    re.I,
)


def field_pieces(text: str) -> list[tuple[int, str]]:
    """The fields of a written list, "and" before the last one included."""
    pieces = [(at, piece) for at, piece in split_list(text, ",;") if piece.strip()]
    result: list[tuple[int, str]] = []
    for at, piece in pieces:
        outside = re.sub(r"\([^()]{0,400}\)", lambda m: "_" * len(m[0]), piece)
        match = None if _KEPT_TOGETHER.search(outside) else _AND.search(outside)
        lead = re.match(r"\s*(?:and|or|as well as|plus|und|y|et)\s+", piece, re.I)
        if lead:
            result.append((at + lead.end(), piece[lead.end() :]))
        elif match:
            result.append((at, piece[: match.start()]))
            result.append((at + match.end(), piece[match.end() :]))
        else:
            result.append((at, piece))
    return [(at, piece) for at, piece in result if piece.strip(" .")]


_VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|had|must|shall|should|can|cannot|can't|may|will|does|do|"
    r"belongs?|contains?|represents?|describes?|stores?|they|we|it|who|which|that|where|when)\b",
    re.I,
)


def is_field_list(text: str, *, least: int = 2) -> bool:
    """True for a text that reads as a list of fields and not as a sentence."""
    pieces = field_pieces(text)
    if len(pieces) < least or len(pieces) > 200:
        return False
    for _, piece in pieces:
        bare = re.sub(r"\([^()]{0,400}\)", " ", piece)
        head = re.split(r":| — | – | - |=", bare)[0]
        if len(head.split()) > 7 or (_VERB.search(head) and not _WHETHER.match(head)):
            return False
    return True


_WHETHER = re.compile(r"\s*(?:whether|if)\s+(?:the\s+|an?\s+|it\s+)?", re.I)
_ARTICLE = re.compile(
    r"^\s*(?:(?:a|an|the|its|their|his|her|our|one|exactly one|each|every|any|some|"
    r"un|una|el|la|ein|eine|le|les)\s+)+",
    re.I,
)
_OPTIONAL = re.compile(r"^\s*(?:an?\s+)?optional(?:ly)?\s+(?:an?\s+)?", re.I)
_UNIQUE = re.compile(r"^\s*(?:an?\s+|its\s+)?unique\s+(?=\w)", re.I)
_NAME_END = re.compile(r"\s*(?::|\(|=|—|–|→|->|\s-\s|\s\|)")
_IN_UNIT = re.compile(r"^(.{1,60}?)\s+(?:in|\()\s*([A-Za-z€$£%°²2]{1,12})\)?$")
_NUMBER_OF = re.compile(
    r"^(?:(max(?:imum)?|min(?:imum)?|total)\s+)?(?:number|count) of (.+)$", re.I
)
_OF = re.compile(r"^(date|time|place|country|year|name|day) of (?:the )?(.+)$", re.I)
_TYPE_TAIL = re.compile(
    r"^(\S+)\s+((?:varchar|character varying|char|text|string|int|integer|bigint|smallint|serial|"
    r"bigserial|numeric|decimal|money|bool|boolean|date|datetime|timestamp|timestamptz|time|uuid|"
    r"json|jsonb|float|double|double precision|real|inet|bytea|enum)\b.*)$",
    re.I | re.DOTALL,
)


def parse_field(text: str, line: int, known: Known) -> list[FieldFact]:
    """The facts of one written field; none for words that cannot name one, more than one where a
    parenthesis lists parts: "name (first, last)"."""
    raw = text.strip().strip(".").strip()
    quote = plain(raw)
    mark = leading_mark(raw)
    if mark is not None and (not mark[1].strip() or not re.match(r"\s*[\w]", mark[1])
                             or _type_start(mark[1])):  # fmt: skip
        name, rest = mark[0], plain(mark[1])
    else:
        raw = plain(raw)
        match = _NAME_END.search(raw)
        name, rest = (raw[: match.start()], raw[match.start() :]) if match else (raw, "")
    fact = FieldFact(name="", source=cite(line, quote))
    name, rest = _name(name, rest, fact)
    if not name:
        return []
    fact.name = name
    pieces = _PARTS_OF.get(snake_case(name))
    if pieces:
        listed = [p.strip(" `") for _, p in split_list(rest.strip(" ():"), ",/")]
        if len(listed) > 1 and all(snake_case(p) in pieces for p in listed):
            suffix = "" if snake_case(name) != "name" else " name"
            return [
                FieldFact(name=p if suffix.strip() in p else p + suffix, source=fact.source)
                for p in listed
            ]
    _rest(rest, fact, known)
    return [fact]


_PARTS_OF = {
    "name": frozenset("first last middle given family first_name last_name middle_name".split()),
    "address": frozenset(
        "street city zip postcode postal_code zip_code country state region line_1 line_2 "
        "house_number number province country_code county".split()
    ),
}


def _type_start(text: str) -> bool:
    return bool(
        re.match(r"\s+(?:" + "|".join(re.escape(t) for t in _TYPE_WORDS) + r")\b", text, re.I)
    )


_TYPE_WORDS = ("varchar", "text", "string", "int", "integer", "bigint", "numeric", "decimal",
    "bool",
               "boolean", "date", "timestamp", "timestamptz", "uuid", "json", "jsonb", "float",
               "enum", "datetime", "optional", "unique", "required", "money", "char", "smallint",
               "number", "FK", "PK", "time")  # fmt: skip


# "birth date", "body text": the last word is part of the name unless the name is written as code.
_NOUNS = re.compile(r"(?:date|time|text|money|string|interval|timestamp|json|number)", re.I)


def _name(name: str, rest: str, fact: FieldFact) -> tuple[str, str]:
    """The name's words without articles, units and types that stand in them."""
    name = " ".join(name.replace("`", "").replace("*", "").split())
    if name.endswith("?"):
        fact.nullable, name = True, name[:-1]
    if match := _WHETHER.match(name):
        fact.type = "boolean"
        words = name[match.end() :]
        words = re.sub(r"\b(?:is|are|was|were|has been|can be)\b", " ", words)
        name = words if snake_case(words).startswith(("has_", "can_")) else "is " + words
        return " ".join(name.split()), rest
    if match := _OPTIONAL.match(name):
        fact.nullable, name = True, name[match.end() :]
    name = _ARTICLE.sub("", name)
    if match := _OPTIONAL.match(name):
        fact.nullable, name = True, name[match.end() :]
    if match := _UNIQUE.match(name):
        fact.unique, name = True, name[match.end() :]
    if match := re.match(r"(?:a )?(?:list|set|array) of (\w[\w ]{0,40})$", name, re.I):
        fact.many, name = True, match[1]
    if match := re.search(r"\s+(optional|unique|required|nullable|PII)$", name, re.I):
        rest, name = f"({match[1]}) {rest}", name[: match.start()]
    if (match := _TYPE_TAIL.match(name)) and ("_" in match[1] or not _NOUNS.fullmatch(match[2])):
        name, rest = match[1], f": {match[2]}{rest}"
    elif match := _IN_UNIT.match(name):
        unit = UNITS.get(match[2].lower())
        if unit:
            fact.unit, name = unit, match[1]
            if unit in ("min", "s", "h", "d"):
                fact.type = fact.type or "integer"
    if match := _NUMBER_OF.match(name):
        fact.type = "integer"
        noun = match[2]
        lead = match[1].lower() if match[1] else ""
        lead = {"maximum": "max", "minimum": "min"}.get(lead, lead)
        name = f"{lead} {noun}" if lead in ("max", "min") else f"{noun} count"
        if name.endswith("s count"):
            name = name[: -len("s count")] + " count"
    elif match := _OF.match(name):
        name = f"{match[2]} {match[1]}" if match[1].lower() != "name" else match[2] + " name"
    if re.match(r"price per ", name, re.I):
        fact.type = "numeric(12,2)"
    if len(name.split()) > 7 or len(name) > 200 or not snake_case(name):
        return (name, rest) if name and not name.isascii() else ("", rest)
    return name.strip(), rest


def _rest(rest: str, fact: FieldFact, known: Known) -> None:
    """Read what follows the name: types and modifiers, in brackets or after a colon or dash."""
    for group in _groups(rest):
        read_modifiers(group, fact, known)


def _groups(rest: str) -> Iterator[str]:
    """What stands in brackets, and what stands outside."""
    start = 0
    for match in re.finditer(
        r"(?<![\w])\(([^()]{0,600}(?:\([^()]{0,200}\)[^()]{0,400}){0,8})\)", rest
    ):
        yield rest[start : match.start()]
        yield match[1]
        start = match.end()
    yield rest[start:]


def read_modifiers(text: str, fact: FieldFact, known: Known) -> None:
    """Read the modifiers of a field from a text such as "unique, default 1; not negative"."""
    from .modifiers import is_ambiguous, is_for_some, read_entity, read_modifier, read_values

    text = " ".join(plain(text).split()).strip(":—–-").strip()
    if not text:
        return
    for _, group in split_list(text, ";"):
        chunks = [chunk.strip() for _, chunk in split_list(group, ",") if chunk.strip()]
        if not chunks:
            continue
        if read_values(group.strip(), fact):
            continue
        read = [read_modifier(chunk, fact, known) for chunk in chunks]
        left = [chunk for chunk, understood in zip(chunks, read, strict=True) if not understood]
        ambiguous = [c for c, done in zip(chunks, read, strict=True) if done and is_ambiguous(c)]
        alone = len(left) + len(ambiguous) == len(chunks)
        if len(chunks) >= 2 and left and alone and not fact.values and _are_values(chunks):
            fact.values = tuple(dict.fromkeys(_value(v) for v in chunks))
            if ambiguous:
                fact.type = fact.classification = None
            continue
        left = [chunk for chunk in left if not read_entity(chunk, fact, known)]
        if fact.nullable is None and any(is_for_some(chunk) for chunk in left):
            fact.nullable = True
        whole = len(left) == len(chunks) and not all(_RULE_START.match(c) for c in left[1:])
        fact.notes.extend([group.strip()] if whole else left)


_RULE_START = re.compile(
    r"(?:not|no|never|must|may not|cannot|at most|at least|after|before|up to|only|always|unique|"
    r"greater|less|more|between|within)\b", re.I,
)  # fmt: skip
_CORE_TYPE = re.compile(
    r"(?:text|string|varchar|char|integer|int|number|decimal|numeric|date|time|timestamp|boolean|"
    r"bool|money|json|jsonb|uuid)\b", re.I,
)  # fmt: skip


def _value(text: str) -> str:
    return text.strip().strip("`'\"“”‘’").strip()


def _are_values(chunks: list[str]) -> bool:
    if any(_RULE_START.match(c) for c in chunks):
        return False
    if len(chunks) == 2 and _CORE_TYPE.match(chunks[0]):
        return False  # "text, capitalised" is a type and a rule
    return all(
        len(c.split()) <= 3 and len(c) <= 40 and not _VERB.search(c) and re.match(r"[\w`'\"“+-]", c)
        for c in chunks
    ) and not re.match(r"(?i)(?:e\.?g|for example|such as|like|see)\b", chunks[0])


def stated_type(text: str) -> str | None:
    """The canonical type that the words of a PRD state, or None.

    >>> stated_type("string(40)"), stated_type("Decimal(8,2)"), stated_type("flag")
    ('character varying(40)', 'numeric(8,2)', 'boolean')
    """
    words = " ".join(text.strip().strip("`").lower().split())
    if not words or len(words) > 60:
        return None
    if words in STATED_TYPES:
        return canonical_type(STATED_TYPES[words])
    match = re.fullmatch(
        r"([a-z][a-z ]{0,30}?)\s*\(\s*(\d{1,5})\s*(?:,\s*(\d{1,3})\s*)?\)(\[\])?", words
    )
    if match:
        name, size = match[1].strip(), match[2]
        base = STATED_TYPES.get(name, name)
        if base == "text":
            return canonical_type(f"varchar({size})") if int(size) else None
        if base.startswith("numeric") and 0 < int(size) <= 1000 and int(match[3] or 0) <= int(size):
            return canonical_type(f"numeric({size},{match[3] or 0})")
        if base in ("integer", "bigint", "smallint", "timestamptz", "timestamp", "time"):
            return canonical_type(base)
    try:
        return canonical_type(words)
    except DesignError:
        return None
