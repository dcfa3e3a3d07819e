"""Deletes and dependencies: "deleting an order deletes its lines", "a code determines a city"."""

from __future__ import annotations

import re

from ...domain.design import ForeignKey, FunctionalDependency, OnDelete
from .book import Book, Draft, Statement
from .columns import find_column
from .elements import foreign_key_ref
from .vocabulary import Mention, Vocabulary

# Deletes

_DELETE_TOO = re.compile(
    r"\b(?:deleting|removing|when) (?:an? |the )?(.{2,50}?) (?:is deleted,? |goes,? |is "
    r"removed,? |are deleted,? )?(?:also )?"
    r"(?:deletes?|removes?|go(?:es)?)\b(.{2,80})|\b(?:is|are) deleted (?:together "
    r")?with\b(.{2,60})",
    re.I,
)


_ITS_GO = re.compile(
    r"\bwhen (?:an? |the )?(.{2,40}?) (?:is (?:deleted|removed)|goes)[, ]+(?:all )?(?:its|their|"
    r"the) (.{2,60}?)(?: (?:go|are (?:deleted|removed))| too|$)",
    re.I,
)


_KEPT = re.compile(
    r"\b(?:cannot|can't|must not|may not|never|not) be (?:deleted|removed)\b|\b(?:are|is) never "
    r"deleted\b",
    re.I,
)


_EMPTIED = re.compile(
    r"\b(?:becomes? (?:empty|null)|is (?:emptied|set to null|cleared)|loses? (?:its|their))\b", re.I
)


_IF = re.compile(
    r"\b(?:if|unless|except|provided|as long as|while|only when|only if|until)\b|"
    r"\b(?:that|which|who) (?:is|are) (?!deleted|removed)\w+", re.I,
)  # fmt: skip
_WHICH = re.compile(
    r"\b(?:that|which|who) (?:has|have|had|was|were) (?!deleted|removed)\w+|"
    r"\b(?:with|without) (?:an? |no )?\w+ \w+(?:ed|en)\b|\b(?:older|younger|newer) than\b", re.I,
)  # fmt: skip
_PLAIN = frozenset(
    """
    a an the its their his her all any every each some many several and or with of from whole
    entire deleting removing deletes removes delete remove erasing when also has have having
    contains deleted removed to in on for by that which related associated corresponding own
    existing linked dependent them but is are then so this these those no goes go out keeps keep
    as one not under never without another attached affects affect belonging
    """.split()
)


def _narrowed(text: str, mention: Mention) -> bool:
    """True where a word before the entity picks some of its rows: "a draft prescription"."""
    before = re.search(r"([\w'-]+)\s+$", text[: mention.start])
    return before is not None and before[1].lower() not in _PLAIN


def read_delete(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """What a delete does: cascade, refuse, or empty the reference."""
    text = statement.text
    if not re.search(r"(?i)delet|remov|goes|becomes empty", text) or len(text) > 400:
        return False
    mentions = vocabulary.parts(text, vocabulary.mentions(text), statement.subject)
    keys = [m.key for m in mentions]
    if not keys or re.search(r"(?i)\b(?:but|and) keeps?\b|\bstays?\b.*\bkeep", text):
        return False
    some = _IF.search(text) or (not _KEPT.search(text) and _WHICH.search(text))
    if some or any(_narrowed(text, mention) for mention in mentions):
        # A foreign key acts for every row: what is meant for some stays unread.
        return bool(_KEPT.search(text) or _ITS_GO.search(text) or _DELETE_TOO.search(text))
    if _EMPTIED.search(text):
        return _on_delete(book, statement, keys, "SET NULL", text)
    if _KEPT.search(text):
        parent = book.drafts[keys[0]]
        children = [book.drafts[k] for k in keys[1:] if book.drafts[k].key_to(parent.name)]
        if not children and re.search(
            r"(?i)\b(?:that|which|who) (?:has|have) been|once|ordered|sold|used", text
        ):
            children = [d for d in book.drafts.values() if d.key_to(parent.name)]
            stem = re.search(r"(?i)\b(order|sold|sale|book|us|pa)\w*", text[mentions[0].end :])
            named = [d for d in children if stem and d.key.startswith(stem[1].lower())]
            children = named
        served = [_set_action(child, parent, "RESTRICT") for child in children]
        served = [ref for ref in served if ref]
        if served:
            statement.serve("rule", *served)
        return bool(served)
    if _ITS_GO.search(text) or _DELETE_TOO.search(text):
        parent = book.drafts[keys[0]]
        served = []
        for key in keys[1:]:
            child = book.drafts[key]
            ref = _set_action(child, parent, "CASCADE")
            if ref:
                served.append(ref)
                if re.search(r"(?i)\band their\b", text):
                    parent = child
        if not served:
            return False
        statement.serve("rule", *served)
        return True
    return False


def _on_delete(
    book: Book, statement: Statement, keys: list[str], action: OnDelete, text: str
) -> bool:
    """The reference that a word of the sentence names, "the assignee becomes empty"."""
    for key in dict.fromkeys(keys):
        draft = book.drafts[key]
        for at, reference in enumerate(draft.foreign_keys):
            column = draft.columns[reference.columns[-1]]
            word = column.name.removesuffix("_id").replace("_", " ")
            said = re.search(rf"(?i)\b{re.escape(word)}\b\s+(?:becomes|is)", text)
            if column.nullable and said:
                fresh = reference.model_copy(update={"on_delete": action})
                draft.foreign_keys[at] = fresh
                statement.serve("rule", foreign_key_ref(draft, fresh))
                return True
    return False


def _set_action(child: Draft, parent: Draft, action: OnDelete) -> str:
    for at, key in enumerate(child.foreign_keys):
        if key.references == parent.name:
            fresh: ForeignKey = key.model_copy(update={"on_delete": action})
            child.foreign_keys[at] = fresh
            return foreign_key_ref(child, fresh)
    return ""


_DETERMINES = re.compile(
    r"^(?:the |an? |each |every )?(.{2,80}?)\s+(?:functionally )?(?:determines?|identif(?:y|ies) "
    r"exactly one|→|->)\s+(?:the |an? )?(.{2,80}?)[.]?$",
    re.I,
)


def read_dependency(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """ "The postal code determines the city" as a functional dependency."""
    match = _DETERMINES.match(statement.text.strip())
    if match is None or statement.role not in ("data", "rules", "requirements"):
        return False
    options = [book.drafts[statement.subject]] if statement.subject else list(book.drafts.values())
    served = False
    for draft in options:
        left = [find_column(draft, w) for w in re.split(r"\s+and\s+|,\s*", match[1])]
        right = [find_column(draft, w) for w in re.split(r"\s+and\s+(?:the )?|,\s*", match[2])]
        if left and right and all(left) and all(right) and not set(left) & set(right):
            dependency = FunctionalDependency(
                determinant=tuple(c for c in left if c), dependent=tuple(c for c in right if c),
                sources=(statement.source,),
            )  # fmt: skip
            draft.dependencies.append(dependency)
            statement.serve("rule", *(f"column:{draft.name}.{c}" for c in (*left, *right)))
            served = True
    return served


READERS = (read_delete, read_dependency)
