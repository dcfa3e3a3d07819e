"""Raw fields into facts: written fields, lists and rows of tables; one fact for each name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...domain.design import Unread
from ...domain.identifiers import snake_case
from .book import Book, EntityFact, FieldFact, RawField, cite
from .fields import Known, field_pieces, parse_field, read_modifiers, stated_type
from .markdown import plain
from .modifiers import read_values
from .vocabulary import entity_key


def read_raw(book: Book, item: RawField, known: Known) -> Iterator[FieldFact]:
    """The facts of a raw field: a written one, a list of them, or a row of a table."""
    if "list" in item.cells:
        body = item.cells["list"]
        previous: list[FieldFact] = []
        for at, piece in field_pieces(body):
            lead = len(piece) - len(piece.lstrip())
            line = item.line + body[: at + lead].count("\n")
            repeated = _repetition(piece, previous)
            if repeated is not None:
                yield from repeated
                previous.extend(repeated)
                continue
            if len(plain(piece)) > 400:
                _unread(book, line, piece, "too long for a field")
                continue
            facts = parse_field(piece, line, known)
            if not facts:
                _unread(book, line, piece, "no field name found")
            previous.extend(facts)
            yield from facts
    elif item.cells:
        yield from _row(book, item, known)
    else:
        facts = parse_field(item.text, item.line, known)
        if not facts:
            _unread(book, item.line, item.text, "no field name found")
        yield from facts


def _row(book: Book, item: RawField, known: Known) -> Iterator[FieldFact]:
    cells = item.cells
    quote = " | ".join(plain(cell) for cell in cells.values())
    facts = parse_field(cells.get("field", ""), item.line, known)
    if not facts:
        if quote.strip(" |"):
            _unread(book, item.line, quote, "no field name in the row")
        return
    fact = facts[0]
    fact.source = cite(item.line, quote)
    type_text = plain(cells.get("type", "")).strip()
    if type_text and type_text not in ("-", "–", "—"):
        if type_text.endswith("?"):
            fact.nullable, type_text = True, type_text[:-1]
        whole = stated_type(type_text)
        if whole is not None:
            fact.type = whole
            # A name that says so itself is classified by the entity it stands in.
            kind = type_text.lower().replace("-", "")
            if kind in ("email", "phone") and kind not in fact.name.replace("_", ""):
                fact.classification = fact.classification or "personal"
        elif not read_values(type_text, fact):
            before = len(fact.notes)
            head, _, tail = type_text.partition("(")
            of_head = stated_type(head)
            sized = re.match(r"([^()]{1,40}\([\d, ]{1,12}\))\s*[,;]\s*(.*)$", type_text)
            if sized and (of_size := stated_type(sized[1])) is not None:
                fact.type, type_text = of_size, sized[2]
            elif of_head is not None:
                fact.type = of_head
                type_text = tail.rstrip(")")
            read_modifiers(type_text, fact, known)
            if len(fact.notes) > before and not (fact.type or fact.values or fact.references):
                del fact.notes[before:]
                book.assume(
                    f"The type {type_text[:60]!r} of {fact.name!r} (line {item.line}) is taken "
                    "as what the name says",
                    "It is not a type that A13 knows.",
                )
    required = plain(cells.get("required", "")).strip().lower()
    if required:
        fact.nullable = required.startswith(("n", "optional", "false", "✗", "✘", "–", "-", "☐"))
    nullable = plain(cells.get("nullable", "")).strip().lower()
    if nullable:
        fact.nullable = nullable.startswith(("y", "null", "true", "✓", "✔", "optional", "x"))
    unique = plain(cells.get("unique", "")).strip().lower()
    if unique.startswith(("y", "true", "✓", "✔", "x", "unique")):
        fact.unique = True
    default = plain(cells.get("default", "")).strip().strip("`'\"")
    if default and default not in ("-", "–", "—", "none", "None", "NULL", "null", "n/a"):
        fact.default = default
    values = plain(cells.get("values", ""))
    if values and not read_values("one of " + values, fact):
        read_modifiers(values, fact, known)
    secret = plain(cells.get("classification", "")).strip().lower()
    if secret.startswith(("y", "pii", "personal", "true", "✓", "x")):
        fact.classification = "personal"
    elif secret in ("sensitive", "secret", "public", "internal"):
        fact.classification = secret  # type: ignore[assignment]
    for name in ("key", "notes"):
        read_modifiers(cells.get(name, ""), fact, known)
    yield fact


def _unread(book: Book, line: int, text: str, reason: str) -> None:
    text = " ".join(plain(text).split())
    if text.strip(" .,;:-"):
        book.unread.append(Unread(line=line, text=text[:200], reason=reason))


def _repetition(piece: str, previous: list[FieldFact]) -> list[FieldFact] | None:
    """The fields that "the same with `bill_`" repeats, or None for other words."""
    match = re.match(
        r"\s*(?:and\s+)?(?:the\s+)?same\s+(?:fields?\s+)?(?:with|for|as)\s+`?([a-z]{1,20}_)`?",
        piece,
    )
    if match is None or not previous:
        return None
    head = snake_case(previous[-1].name).split("_")[0] + "_"
    repeated: list[FieldFact] = []
    for fact in previous:
        name = snake_case(fact.name)
        if name.startswith(head):
            copy = FieldFact(name=match[1] + name.removeprefix(head), source=fact.source)
            copy.type, copy.nullable, copy.values = fact.type, fact.nullable, fact.values
            copy.classification, copy.unit = fact.classification, fact.unit
            repeated.append(copy)
    return repeated


def merge_fields(book: Book, entity: EntityFact) -> None:
    """Fold fields of one name into the first of them."""
    kept: dict[str, FieldFact] = {}
    for fact in entity.fields:
        name = snake_case(fact.name) or fact.name
        name = name.removesuffix("_id") if entity_key(name) != name else name
        known = kept.get(name)
        if known is None:
            kept[name] = fact
            continue
        if known.type and fact.type and known.type != fact.type:
            book.ask(
                f"'{entity.name}' states '{fact.name}' as {known.type} (line {known.source.line}) "
                f"and as {fact.type} (line {fact.source.line}). Which holds?",
                source=fact.source, default=f"The first: {known.type}.",
            )  # fmt: skip
        known.type = known.type or fact.type
        known.nullable = known.nullable if known.nullable is not None else fact.nullable
        known.unique = known.unique or fact.unique
        known.primary = known.primary or fact.primary
        known.references = known.references or fact.references
        known.values = known.values or fact.values
        known.default = known.default or fact.default
        known.classification = known.classification or fact.classification
        known.unit = known.unit or fact.unit
        known.comment = known.comment or fact.comment
        known.bounds.extend(b for b in fact.bounds if b not in known.bounds)
        known.notes.extend(n for n in fact.notes if n not in known.notes)
        known.unique_within.extend(w for w in fact.unique_within if w not in known.unique_within)
    entity.fields = list(kept.values())
