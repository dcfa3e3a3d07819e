"""Prose: entities and attributes in plain sentences.

"Each airplane has a number, a model and a capacity.", "several airplanes, each with a number and a
model", "The system shall store for each card a title and a due date." A noun that is the subject
of such a sentence is an entity; what it has many of, or what is a subject itself, is left to the
links.
"""

from __future__ import annotations

import re

from .book import Book, EntityFact, RawField, Statement, cite
from .drafts import relation_name
from .fields import field_pieces, is_field_list
from .vocabulary import entity_key
from .words import singular

_NOUN = r"([A-Za-z][\w-]{1,30}(?: [a-z][\w-]{1,30}){0,2}?)"
_HAS = re.compile(
    rf"^(?:each|every|an?|the|all)\s+{_NOUN}\s+(?:has|have|is described by|is characteri[sz]ed by|"
    r"is identified by|includes|comprises|consists of|must have|records|stores|contains|"
    r"is defined by)\s+(.{3,600})$",
    re.I,
)
_EACH_WITH = re.compile(
    rf"\b(?:many|several|multiple|some|various|all|the|its|their|owns|of)\s+{_NOUN}\s*,?\s*"
    r"(?:each (?:one )?(?:with|having|described by)|each of which has|which have|that have)\s+"
    r"(.{3,400})$",
    re.I,
)
_STORE_FOR = re.compile(
    r"\b(?:stores?|records?|keeps?|captures?|tracks?|saves?|registers?|maintains?|holds?)\s+"
    rf"(?:for|about|of) (?:each|every|an?|the)\s+{_NOUN}\s*[,:]?\s+((?:an?|the|its|their|"
    rf"one)\s.{{3,400}})$",
    re.I,
)
_FOR_EACH = re.compile(
    rf"^for (?:each|every|an?|the)\s+{_NOUN}\s*,\s*(?:the system|we|it|the \w+)?\s*(?:must |"
    rf"shall |should )?"
    r"(?:stores?|records?|keeps?|captures?|tracks?|saves?|know|need)\s+(.{3,400})$",
    re.I,
)
_STORE_WITH = re.compile(
    r"\b(?:stores?|records?|keeps?|captures?|tracks?|saves?|registers?|maintains?)\s+"
    rf"(?:each |every |an? |the |all )?{_NOUN}\s+(?:with|including|consisting of)\s+(.{{3,400}})$",
    re.I,
)
_SHAPES = (_HAS, _EACH_WITH, _FOR_EACH, _STORE_FOR, _STORE_WITH)
_MANY = re.compile(
    r"^\s*(?:many|several|multiple|various|one or more|zero or more|any number|a number of|at "
    r"least|"
    r"up to|\d+|two|three|more than|lots|access|to be|been|the (?:right|option|ability|same)|no\b|"
    r"only|exactly|at most|not\b|its own\b)",
    re.I,
)
_NOT_THINGS = frozenset(
    """
    system user-interface application app product company business organisation organization
    document section page feature requirement it this that which who we they database software
    platform service solution project team goal aim problem way case example number result
    """.split()
)
_QUANTITY = re.compile(
    r"^(?:(?:many|several|multiple|some|various|all|different|one|more|the)\s+)+", re.I
)
_ROLES = frozenset("data links other requirements overview".split())


def read_prose(book: Book, raw: list[RawField], *, loose: bool) -> None:
    """Add the entities and fields that sentences state. `loose`: the PRD has no data section."""
    found: list[tuple[str, str, str, Statement]] = []
    for statement in book.statements:
        if statement.role not in _ROLES or statement.cells or statement.column:
            continue
        text = statement.text.strip().rstrip(".")
        for shape in _SHAPES:
            match = shape.search(text)
            if match is None:
                continue
            told = shape in (_HAS, _EACH_WITH)
            if told and not (loose or statement.role in ("data", "links")):
                continue
            name = _QUANTITY.sub("", match[1].strip())
            key = entity_key(name)
            if key and key.split("_")[-1] not in _NOT_THINGS and key not in _NOT_THINGS:
                found.append((key, name, match[2], statement))
            break
    subjects = {key for key, _, _, _ in found} | set(book.entities)
    for key, name, body, statement in found:
        entity = book.entities.get(key)
        if entity is not None and entity.marked:
            continue
        pieces = [text for _, text in field_pieces(body)]
        if not is_field_list(body, least=1):
            continue
        own = [p for p in pieces if not _MANY.match(p) and not _is_thing(p, subjects)
               and not _tells(p, subjects)]  # fmt: skip
        # "Each loan has a due date" is enough; "a page has a header" is not.
        sure = bool(re.match(r"\s*(?:each|every)\b", statement.text, re.I))
        thin = not own or (len(pieces) < 2 and not sure)
        if entity is None and thin and not any(_is_thing(p, subjects) for p in pieces):
            continue
        if entity is None:
            single = " ".join([*name.split()[:-1], singular(name.split()[-1].lower())])
            book.entities[key] = EntityFact(single, cite(statement.line, statement.text))
        for piece in own:
            raw.append(RawField(key, statement.line, piece))
        if own and len(own) == len(pieces):
            statement.serve("attribute", f"relation:{relation_name(key)}")


def _tells(piece: str, subjects: set[str]) -> bool:
    """True for a clause that is no attribute: "an author writes many titles"."""
    bare = re.sub(r"\([^()]{0,400}\)", " ", piece)
    bare = re.sub(r"^\s*(?:an?|the|its|their)\s+", "", bare, flags=re.I)
    bare = re.split(r":| — | – |=", bare)[0]
    words = bare.split()
    if len(words) > 4 and not re.match(r"(?i)whether\b|(?:number|date|time|name) of\b", bare):
        return True
    if re.search(r"\b(?:many|several|multiple|matters?|counts|is|are)\b", bare, re.I):
        return not re.match(r"(?i)whether\b", bare)
    return len(words) > 2 and entity_key(words[0]) in subjects and words[1].endswith("s")


def _is_thing(piece: str, subjects: set[str]) -> bool:
    words = re.sub(
        r"^\s*(?:(?:an?|the|one|many|several|multiple|various|one or more|zero or more|exactly one|"
        r"at least one|at most one|optional|some|its|their)\s+)+",
        "",
        piece,
        flags=re.I,
    )
    return entity_key(" ".join(words.split()[:3])) in subjects
