"""Modifiers: the words behind a field's name, one small reader for each kind."""

from __future__ import annotations

import re
from collections.abc import Callable

from ...domain.identifiers import quote_literal, snake_case
from .book import FieldFact
from .fields import Known, stated_type
from .lexicon import UNITS

_Reader = Callable[[str, FieldFact, Known], bool]

_VALUES = re.compile(
    r"^(?:unique:\s*|values?:?\s+|enum(?:eration)?\s*[:(\[]?\s*|one of:?\s+|either\s+|"
    r"can be:?\s+|is one of:?\s+|must be one of:?\s+|possible values:?\s+|allowed values:?\s+|"
    r"allowed:?\s+|options:?\s+|choices:?\s+|set of values:?\s+)(.{1,600}?)[)\]]?$",
    re.I | re.DOTALL,
)
_WORD = re.compile(r"[\w'’+.#-]+(?: [\w'’+.#-]+){0,3}")


def read_values(text: str, fact: FieldFact) -> bool:
    """True where the text is a closed set of values: "enum: a, b", "a | b | c", "a / b"."""
    text = re.sub(r"[`\"“”]", "", text).strip().strip("{}").strip()
    match = _VALUES.match(text)
    if re.search(r"\b(?:is|are|must|be)\b", text.lower().removeprefix("is one of")):
        return False
    listed = match[1] if match else text
    listed = listed.strip().strip("()[]{}")
    for separator in ("|", " / ", "/", "→", "->", ",", " or "):
        if separator not in listed:
            continue
        if match is None and separator in (",", " or "):
            return False
        parts = [part.strip().strip("'’‘") for part in listed.split(separator)]
        if separator == ",":
            parts = [re.sub(r"^(?:or|and)\s+", "", p) for p in parts]
            tail = re.split(r"\s+or\s+|\s+and\s+", parts[-1])
            parts[-1:] = tail
        parts = [part for part in parts if part]
        if len(parts) < 2 or len(parts) > 60:
            return False
        # "draft → paid → sent" lists states; one arrow is a reference.
        if separator in ("→", "->") and len(parts) < 3:
            return False
        if not all(_WORD.fullmatch(part) and len(part) <= 60 for part in parts):
            return False
        if separator == "/" and match is None and stated_type(listed):
            return False
        if match is None and all(part.isdigit() for part in parts):
            return False
        fact.values = tuple(dict.fromkeys(parts))
        if text.lower().startswith("unique:"):
            fact.unique = True
        return True
    return False


def read_modifier(text: str, fact: FieldFact, known: Known) -> bool:
    """True where the text was read as one modifier of the field."""
    text = text.strip().strip(".").strip()
    if not text:
        return True
    return any(reader(text, fact, known) for reader in READERS)


_FLAGS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern + r"$", re.I), name)
    for pattern, name in (
        (r"(?:pk|primary key|primary|\(pk\)|key field|clave primaria|primärschlüssel)", "primary"),
        (r"(?:not null|not nullable|required|mandatory|must be given|always given|non-null|"
         r"obligatorio|pflicht|erforderlich|not optional|compulsory)", "required"),
        (r"(?:optional(?:ly)?|nullable|null|may be (?:empty|null|blank|missing)|can be (?:empty|"
         r"null|"
         r"blank)|not required|(?:only )?if known|if any|empty allowed|opcional|if applicable|"
         r"optional because .*|optional[:.] .*|(?:only )?if given|when known)", "optional"),
        (r"(?:auto[- ]?(?:increment|generated?|incrementing)|identity|generated|autoincrement|"
         r"serial|"
         r"surrogate(?: key)?)", "identity"),
        (r"(?:pii|personal(?: data)?|personally identifiable|personal information|gdpr)",
            "personal"),
        (r"(?:sensitive(?: data)?|confidential|special category|phi|health data)", "sensitive"),
        (r"(?:secret|encrypted(?: at rest)?|hashed|must be (?:hashed|encrypted)|stored hashed)",
            "secret"),
        (r"(?:public|not sensitive)", "public"),
        (r"(?:indexed|index|fk|foreign key|reference|ref|long|short|full|lookup)", "ignore"),
        (r"(?:case[- ]insensitive(?:ly)?|regardless of case|ignoring case)", "any_case"),
    )
)  # fmt: skip


def _flag(text: str, fact: FieldFact, known: Known) -> bool:
    lowered = " ".join(text.lower().split())
    for pattern, name in _FLAGS:
        if not pattern.match(lowered):
            continue
        if name == "primary":
            fact.primary, fact.nullable = True, False
        elif name == "required":
            fact.nullable = False
        elif name == "optional":
            fact.nullable = True
            if " because " in lowered or lowered.startswith(("optional:", "optional.")):
                fact.comment = fact.comment or text
        elif name == "identity":
            fact.identity = True
        elif name == "any_case":
            fact.bounds.append(("= lower({})", text))
        elif name in ("personal", "sensitive", "secret", "public"):
            fact.classification = name  # type: ignore[assignment]
        return True
    return False


_UNIQUE = re.compile(
    r"^(?:must be |is |globally |always )?(?:unique|no duplicates|distinct|candidate key)"
    r"(?:\s+(?:and|but)\s+)?(?:\s*(?:if given|when present|if present|if set|when given|when set))?"
    r"(?:\s+(?:per|within|in|for|inside|by|among|across)\s+(?:the\s+|an?\s+|each\s+|one\s+|its\s+)?"
    r"(?:same\s+)?([\w +-]{1,60}?))?(?:,?\s*(?:if given|when present|if present|if set))?$",
    re.I,
)
_ONCE = re.compile(
    r"^(?:only )?once (?:per|in|within|for)(?: an?| each| the)? ([\w -]{1,60})$", re.I
)


# Words that make two spellings of a text the same.
ANY_CASE = re.compile(
    r"\(?\b(?:regardless of|irrespective of|ignoring|without regard to)(?: upper and lower| the)? "
    r"case\b\)?|\(?\bcase[- ]insensitive(?:ly)?\b\)?", re.I,
)  # fmt: skip


def _unique(text: str, fact: FieldFact, known: Known) -> bool:
    if text.lower() in ("unique there", "unique in it"):
        fact.unique = not fact.unique_within
        return True
    bare = ANY_CASE.sub("", text)
    match = _UNIQUE.match(bare.strip()) or _ONCE.match(bare.strip())
    if match is None:
        return False
    if bare != text:
        fact.bounds.append(("= lower({})", text))
    if fact.nullable is None and re.search(r"\b(?:if|when) (?:given|present|set|known)\b", bare):
        fact.nullable = True
    within = match[1]
    if within and re.search(r"(?i)\b(?:system|platform|world|table|all|database|url)\b", within):
        within = None
    if within:
        fact.unique_within.extend(w for w in re.split(r"\s+and\s+|,", within) if w.strip())
    else:
        fact.unique = True
    return True


_REFERENCE = re.compile(
    r"^(?:an?\s+)?(?:fk|foreign key|references?|ref|links?|points?|refers?|lookup|relation)\b"
    r"\s*(?:to|:|→|->|=>|on|of|in)?\s*(?:the\s+|an?\s+|table\s+)?[`\"]?(\w[\w -]{0,60}?)[`\"]?"
    r"(?:\s*[.(]\s*[`\"]?(\w{1,60})[`\"]?\)?)?(?:\s+on delete (cascade|restrict|set null|no "
    r"action))?$",
    re.I,
)
_ARROW = re.compile(
    r"^(?:fk\s*)?(?:→|->|=>)\s*[`\"]?(\w[\w -]{0,60}?)[`\"]?(?:\s*[.(]\s*(\w{1,60})\)?)?$", re.I
)
_LIST_OF = re.compile(
    r"^(?:list|array|set|collection|many) (?:of )?(\w[\w ]{0,40})$|^(\w+)\[\]$", re.I
)


def _reference(text: str, fact: FieldFact, known: Known) -> bool:
    match = _REFERENCE.match(text) or _ARROW.match(text)
    if match is None:
        return False
    words = match[1].strip()
    if words.lower() in ("number", "code", "no", "id", "text"):
        return False
    fact.references = words
    if match[2]:
        fact.referenced_column = match[2]
    if match.re is _REFERENCE and match[3]:
        fact.on_delete = match[3].upper()  # type: ignore[assignment]
    return True


def read_entity(text: str, fact: FieldFact, known: Known) -> bool:
    """True where the text names an entity that the field refers to: "a user", "list of tags"."""
    bare = re.sub(r"^(?:an?|the|one)\s+", "", text.strip(), flags=re.I)
    listed = _LIST_OF.match(bare)
    if listed and known(listed[1] or listed[2]):
        fact.references, fact.many = listed[1] or listed[2], True
        return True
    if len(bare.split()) <= 4 and known(bare):
        fact.references = bare
        return True
    return False


_AMBIGUOUS = frozenset(
    """
    public secret personal sensitive confidential email phone url code file image text link long
    short full primary generated index reference date day list count number time serial hash flag
    percentage amount price rate map object day phone e-mail markdown html currency money ref
    """.split()
)


def is_ambiguous(text: str) -> bool:
    """True for a word that may be a type or a mark, but also a value among others."""
    return text.strip().strip("`'\"").lower() in _AMBIGUOUS


_DEFAULT = re.compile(r"^(?:with )?defaults?(?: value)?(?: is| to|:|=)?\s+(.{1,80})$", re.I)


def _default(text: str, fact: FieldFact, known: Known) -> bool:
    match = _DEFAULT.match(text)
    if match:
        fact.default = match[1].strip().strip("`'\"“”")
        return True
    match = re.match(r"^starts? (?:at|with) (\d+)$", text, re.I)
    if match:
        fact.default = match[1]
        fact.type = fact.type or "integer"
        fact.bounds.append((f">= {match[1]}", text))
        return True
    if re.match(r"^(?:counts? up|running number|sequential|consecutive|ascending)\b", text, re.I):
        fact.type = fact.type or "integer"
        if match := re.search(
            r"\b(?:within|per|in) (?:the |an? |each )?(\w[\w ]{0,40})$", text, re.I
        ):
            fact.unique_within.append(match[1])
        return True
    return False


def _type(text: str, fact: FieldFact, known: Known) -> bool:
    words = re.sub(r"^(?:an?|the)\s+", "", text, flags=re.I)
    words = re.sub(r"\s*\(?(?:pk|fk)\)?$", "", words, flags=re.I)
    canonical = stated_type(words)
    if canonical is None:
        match = re.match(r"^(?:list|array|set) of (.{1,40})$", words, re.I)
        if match and not known(match[1]):
            fact.type = "text[]"
            return True
        return False
    fact.type = canonical
    if words.lower() in ("email", "e-mail", "phone") and fact.classification is None:
        fact.classification = "personal"
    return True


_LENGTH = re.compile(
    r"^(?:(?:at most|max(?:imum)?(?: of)?|up to|not more than|no more than|limited to|≤|<=)\s*)?"
    r"(\d{1,5})[\s-]*(?:characters?|chars?|letters?|digits?|signs)(?:\s+(?:long|max(?:imum)?|at "
    r"most))?$"
    r"|^max(?:imum)? length:?\s*(?:of\s+)?(\d{1,5})$",
    re.I,
)


def _length(text: str, fact: FieldFact, known: Known) -> bool:
    match = _LENGTH.match(text)
    if match is None:
        return False
    size = int(match[1] or match[2])
    if size:
        fact.type = f"character varying({size})"
    return True


_N = r"(-?\d[\d,.']{0,20})\s*(?:%|percent|[A-Za-z]{1,8})?"
_RANGE = re.compile(
    r"^(?:must be |is |has to be |always |(?:a |an )?[a-z]{0,20} ?)?(?:between|from|range:?)?\s*"
    + _N + r"\s*(?:to|and|–|—|-|\.\.\.?|…)\s*" + _N + "$",
    re.I,
)  # fmt: skip
_ONE_SIDE: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(r"^(?:must be |is |always |has to be |value |a |an )?" + pattern + "$", re.I), sql)
    for pattern, sql in (
        (r"(?:>=|≥|at least|minimum(?: of)?|min\.?|not less than|no less than|not below|"
         r"from)\s*" + _N, ">= {}"),
        (r"(?:>|more than|greater than|larger than|higher than|above|over)\s*" + _N, "> {}"),
        (r"(?:<=|≤|at most|maximum(?: of)?|max\.?|not more than|no more than|up to|not "
         r"above)\s*" + _N, "<= {}"),
        (r"(?:<|less than|smaller than|lower than|below|under)\s*" + _N, "< {}"),
        (r"positive(?: number| integer)?", "> 0"),
        (r"(?:not|never|non|cannot be|can't be|must not be)[ -]?(?:negative|below zero)", ">= 0"),
        (r"(?:>=|≥) zero|zero or more", ">= 0"),
        (r"(?:not|never|non)[ -]?(?:zero)", "<> 0"),
    )
)  # fmt: skip


def _bounds(text: str, fact: FieldFact, known: Known) -> bool:
    if re.fullmatch(r"(?i)(?:positive or negative|either sign|may be negative)", text):
        return True
    match = _RANGE.match(text)
    if match:
        low, high = (_digits(match[1]), _digits(match[2]))
        if low is None or high is None:
            return False
        fact.bounds.append((f"BETWEEN {low} AND {high}", text))
        fact.type = fact.type or ("numeric(12,2)" if "." in low + high else None)
        return True
    for pattern, sql in _ONE_SIDE:
        if match := pattern.match(text):
            number = _digits(match[1]) if match.lastindex else ""
            if number is None:
                return False
            fact.bounds.append((sql.format(number), text))
            return True
    return False


def _digits(text: str) -> str | None:
    text = text.strip().rstrip(".").replace("'", "")
    text = re.sub(r",(?=\d{3}\b)", "", text).replace(",", ".")
    return text if re.fullmatch(r"-?\d+(?:\.\d+)?", text) else None


def _unit(text: str, fact: FieldFact, known: Known) -> bool:
    words = re.sub(r"^(?:in|as)\s+", "", text.lower())
    words = re.sub(r"\s+for now$", "", words)
    if words not in UNITS:
        return False
    if words.upper() in UNITS.values() and snake_case(fact.name).endswith("currency"):
        fact.default = words.upper()
        return True
    fact.unit = UNITS[words]
    return True


def _example(text: str, fact: FieldFact, known: Known) -> bool:
    if re.match(
        r"(?i)(?:e\.?\s?g\b|for example|for instance|example|such as|like|i\.e|see )", text
    ):
        fact.comment = fact.comment or text
        return True
    if re.fullmatch(r"(?i)(?:upper|lower)[- ]case", text):
        fact.bounds.append(("= upper({})" if text[0] in "uU" else "= lower({})", text))
        return True
    return False


_SOME_ROWS = re.compile(
    r"(?:only |but )?(?:if|when|in case|while|as soon as)\b|only for\b|"
    r"for \w+ (?:under|over|who|that|which|with|without|from|only|younger|older)\b|"
    r"(?:may|can|might) (?:be|stay) (?:missing|unknown|left out|absent)|not always\b|"
    r"(?:some|others|[\w -]{3,30}) (?:have|has) none\b|"
    r"(?:often|usually|sometimes) (?:empty|missing)|"
    r"(?:left )?(?:empty|null|missing)\b(?! (?:is )?not)|not yet\b|unknown\b", re.I,
)  # fmt: skip


def is_for_some(text: str) -> bool:
    """True for words that give a field to some rows only: "only when the book is back".

    >>> is_for_some("for children under 14"), is_for_some("for sorting")
    (True, False)
    """
    return bool(_SOME_ROWS.match(text.strip()))


READERS: tuple[_Reader, ...] = (
    _flag, _unique, _default, _reference, _type, _length, _bounds, _unit, _example,
)  # fmt: skip


def default_sql(text: str, column_type: str, values: tuple[str, ...]) -> str | None:
    """The default as an SQL expression that fits the column, or None where it does not fit.

    >>> default_sql("now", "timestamp with time zone", ()), default_sql("no", "boolean", ())
    ('now()', 'false')
    """
    words = text.strip().strip("`'\"").strip()
    lowered = words.lower()
    if lowered in (
        "now",
        "now()",
        "current_timestamp",
        "current timestamp",
        "current time",
        "today",
        "current date",
        "current_date",
        "time of creation",
        "creation time",
    ):
        if column_type.startswith("timestamp"):
            return "now()"
        return "CURRENT_DATE" if column_type == "date" else None
    if column_type == "boolean":
        if lowered in ("true", "yes", "on", "1"):
            return "true"
        return "false" if lowered in ("false", "no", "off", "0") else None
    if column_type == "uuid":
        return "gen_random_uuid()" if "uuid" in lowered or "random" in lowered else None
    if column_type.startswith(("integer", "bigint", "smallint", "numeric", "double", "real")):
        number = _digits(words)
        return number
    if values:
        match = next((v for v in values if v.lower() == lowered), None)
        return quote_literal(match) if match else None
    if column_type in ("jsonb", "json"):
        return quote_literal(words) if words in ("{}", "[]") else None
    if column_type.startswith(("text", "character", "citext")) and not column_type.endswith("]"):
        return quote_literal(words) if lowered not in ("null", "none", "empty") else None
    return None
