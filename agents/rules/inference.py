"""Inference: the type, classification and nullability of a field that does not state them.

Policies: money is numeric(12,2), times are timestamptz, identifiers are text. A time of something
that happens later in a row's life (`cancelled_at`, `paid_on`) may be empty.
"""

from __future__ import annotations

from ...domain.design import Classification
from ...domain.types import canonical_type
from . import lexicon
from .book import FieldFact
from .words import singular

_LATER = frozenset(
    """
    cancelled canceled deleted removed delivered shipped paid closed resolved completed ended
    returned approved rejected read revoked archived published verified finished refunded
    withdrawn discharged terminated deactivated accepted answered solved signed captured received
    dispensed expired confirmed redeemed left last anonymised anonymized processed waived ready
    fixed repaired settled rescheduled decommissioned sold retired unlocked lifted granted denied
    reopened renewed replaced released acknowledged handled signed_off
    """.split()
)


def column_type(name: str, fact: FieldFact) -> tuple[str, bool]:
    """The canonical type of a column and whether it was stated. `name` is the column's name."""
    if fact.type is not None:
        return canonical_type(fact.type), True
    if fact.values:
        return "text", False
    if fact.unit in lexicon.CURRENCIES:
        return canonical_type(lexicon.MONEY), False
    guess = _by_name(name)
    if guess is None and fact.default is not None:
        guess = _by_default(fact.default)
    if guess == "text" or guess is None:
        if fact.default is not None and fact.default.lower() in ("true", "false", "yes", "no"):
            guess = "boolean"
        elif fact.unit in ("min", "s", "h", "d", "bytes", "cents", "g"):
            guess = "bigint" if fact.unit == "bytes" else "integer"
        elif fact.unit:
            guess = "numeric(12,3)"
        elif fact.bounds and not fact.bounds[0][0].startswith("= "):
            guess = "numeric(12,2)" if "." in fact.bounds[0][0] else "integer"
    if guess == "text" and fact.default is not None and fact.default.lstrip("-").isdigit():
        guess = "integer"
    return canonical_type(guess or "text"), False


def _by_default(text: str) -> str | None:
    lowered = text.lower().strip()
    if lowered in ("true", "false", "yes", "no"):
        return "boolean"
    if lowered.lstrip("-").isdigit():
        return "integer"
    if lowered in ("now", "now()", "current timestamp", "current_timestamp"):
        return lexicon.TIME
    return None


def _by_name(name: str) -> str | None:
    if name in lexicon.WHOLE_NAME_TYPES:
        return lexicon.WHOLE_NAME_TYPES[name]
    if name.startswith(lexicon.BOOLEAN_PREFIXES):
        return "boolean"
    if name.endswith(lexicon.TIME_SUFFIXES):
        return lexicon.TIME
    words = name.split("_")
    last = singular(words[-1])
    if len(words) > 1:
        pair = "_".join(words[-2:])
        if pair in lexicon.WHOLE_NAME_TYPES:
            return lexicon.WHOLE_NAME_TYPES[pair]
        if name.endswith(lexicon.DATE_SUFFIXES):
            return "date"
        if words[0] in ("max", "min", "maximum", "minimum", "num", "no", "total", "number"):
            known = lexicon.NAME_TYPES.get(last)
            return known if known in (lexicon.MONEY, "numeric(12,3)") else "integer"
        if words[-1] in ("from", "until", "since", "till", "start", "end"):
            return "date" if words[0] in ("period", "contract", "employment") else lexicon.TIME
        if last in ("minute", "second", "hour", "day", "week", "month", "year", "gram", "byte",
                    "cent"):  # fmt: skip
            return "bigint" if last == "byte" else "integer"
    if last in ("name", "number", "code", "key", "type", "title", "hash", "token", "reference"):
        return "text"
    return lexicon.NAME_TYPES.get(last)


def classification(name: str, entity: str, fact: FieldFact) -> Classification:
    """What kind of data a column holds, as stated or by the words of its name."""
    if fact.classification is not None:
        return fact.classification
    words = set(name.split("_"))
    pairs = {"_".join(pair) for pair in zip(name.split("_"), name.split("_")[1:], strict=False)}
    if entity.split("_")[-1] in lexicon.ORGANISATIONS and words & lexicon.ORGANISATION_DETAILS:
        return "internal"
    if lexicon.HEALTH_ENTITIES & set(entity.split("_")) and words & lexicon.HEALTH_DETAILS:
        return "sensitive"
    for kind, marks in lexicon.CLASSIFIED:
        if name in marks or pairs & marks or (words & marks and name not in _HARMLESS):
            if fact.type == "boolean" or name.startswith(lexicon.BOOLEAN_PREFIXES):
                return "internal"
            return kind
    if entity.split("_")[-1] in lexicon.PEOPLE and name in ("name", "address", "display_name"):
        return "personal"
    return "internal"


_HARMLESS = frozenset("pin_code email_template token_count".split())


def is_later(name: str, column_type: str) -> bool:
    """True for a time of something that has not yet happened when the row is written, and for
    who did it: "closed_at", "waived_by"."""
    words = name.removesuffix("_id").split("_")
    if words[-1] == "by" and len(words) == 2 and words[0] in _LATER:
        return True
    return column_type.startswith(("timestamp", "date")) and (
        name.split("_")[0] in _LATER or (name.split("_")[-2:-1] or [""])[0] in _LATER
    )
