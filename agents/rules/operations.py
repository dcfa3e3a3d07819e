"""Operations: what the words of an access pattern ask for, before it becomes SQL.

"Day view: a practitioner's appointments of one day" → list appointments, filtered by
practitioner, in a range of one day.
"""

from __future__ import annotations

import re

from .book import Book
from .operation_parts import (
    Operation,
    Verb,
    finish_operation,
    money_base,
    money_column,
    part_of,
)
from .vocabulary import Mention, Vocabulary
from .words import number_of

_INSERT = re.compile(
    r"^\W*(?:\w+ (?:can|may|to) )?(?:add|create|place|book|insert|submit|register|record|store|"
    r"save|write|post|send|upload|"
    r"issue|log|make|new|sign ?up|enter|append)(?:ing)?\b|\b(?:creation|insertion|placement|"
    r"registration) of\b|"
    r"\b\w+ (?:creation|insert|insertion|placement|registration)\b",
    re.I,
)


_UPDATE = re.compile(
    r"^\W*(?:update|edit|change|mark|cancel|approve|confirm|close|assign|move|reschedule)\b|"
    r"\b\w+ update\b",
    re.I,
)


_DELETE = re.compile(r"^\W*(?:delete|remove|erase|purge)\b", re.I)


_COUNT = re.compile(
    r"\b(?:number of|count of|how many|average|mean|median|sum of|total (?:of|per|by)|revenue|"
    r"turnover|sales per|statistics|"
    r"dashboard|report|per (?:day|week|month|year)|by (?:day|week|month)|aggregat\w+|breakdown|"
    r"kpi)\b",
    re.I,
)


_SEARCH = re.compile(
    r"\b(?:search|full[- ]text|autocomplete|type-?ahead|fuzzy|by words|containing|keyword)\w*\b",
    re.I,
)


_GET = re.compile(
    r"\b(?:open|load|fetch|get|retrieve|view|show|detail|details|page|look ?up|profile|single|by "
    r"id|record|read)\w*\b",
    re.I,
)


def read_operation(
    book: Book, vocabulary: Vocabulary, text: str, *, subject: str = ""
) -> Operation | None:
    """The operation that the words of an access pattern ask for; None where they name no data."""
    text = re.sub(r",?\s*\b(?:also|optionally) filtered by [^.;)]{0,80}", "", text)
    text = re.sub(r"\s+", " ", text).strip()
    verb = _verb(text)
    mentions = vocabulary.mentions(text)
    if all(_score(text, m, verb, mentions) < -1 for m in mentions):
        # A general head noun ("entries") counts where nothing better is the object.
        mentions += [
            m
            for m in _weak(vocabulary, text)
            if all(m.start >= o.end or m.end <= o.start for o in mentions)
        ]
        mentions.sort(key=lambda m: m.start)
    if not mentions and verb == "count" and (base := money_base(book, text)):
        operation = Operation(verb, base, text, measure=money_column(base) or "")
        return finish_operation(book, vocabulary, operation, [], text)
    if not mentions:
        return None
    if (
        verb == "count"
        and re.search(r"(?i)\b(?:revenue|turnover|sales)\b", text)
        and (base := money_base(book, text))
    ):
        operation = Operation(verb, base, text)
        operation.measure = money_column(base) or ""
        return finish_operation(
            book,
            vocabulary,
            operation,
            [m for m in mentions if book.drafts[m.key] is not base],
            text,
        )
    main = max(mentions, key=lambda m: _score(text, m, verb, mentions))
    if _score(text, main, verb, mentions) < -2 and verb in ("get", "list", "search", "count"):
        # "The free slots of a specialty": what is listed is not stored under that name.
        return None
    draft = book.drafts[main.key]
    if (
        verb == "insert"
        and re.search(r"(?i)\b(?:to|into)\b", text[: main.start])
        and (part := part_of(book, draft))
    ):
        draft = part
    operation = Operation(verb, draft, text)
    return finish_operation(
        book,
        vocabulary,
        operation,
        [m for m in mentions if m is not main and m.key != draft.key],
        text,
    )


def _verb(text: str) -> Verb:
    head = text.split(":")[0] if ":" in text[:40] else text
    for pattern, verb in ((_DELETE, "delete"), (_INSERT, "insert"), (_UPDATE, "update")):
        if pattern.search(head) or pattern.search(text):
            return verb  # type: ignore[return-value]
    if _COUNT.search(text) and not re.search(r"(?i)\bday view\b", text):
        return "count"
    if _SEARCH.search(text):
        return "search"
    return "get" if _GET.search(text) else "list"


def _weak(vocabulary: Vocabulary, text: str) -> list[Mention]:
    """General head nouns ("entries"), which count where nothing better is named."""
    found = []
    for match in re.finditer(r"[A-Za-z]{3,}", text):
        from .words import singular

        word = singular(match[0].lower())
        if word in vocabulary.weak_aliases:
            found.append(Mention(vocabulary.weak_aliases[word], match.start(), match.end(),
                                 word != match[0].lower(), False, True))  # fmt: skip
    return found


def _score(text: str, mention: Mention, verb: Verb, mentions: list[Mention]) -> float:
    before = text[max(0, mention.start - 24) : mention.start].lower()
    score = 3.0 if mention.plural else 0.0
    score -= 0.1 * mentions.index(mention)
    if re.search(
        r"\b(?:of|for|per|by|in|from|on|to|within)\s+(?:an?|the|one|each|all|their|my|its|every|"
        r"given)?\s*$",
        before,
    ):
        score -= 1.5 if verb == "insert" else 3.0
    if (
        re.search(r"\b(?:with|and|including|plus)\s+(?:all\s+)?(?:its|their|the|his)?\s*$", before)
        and mention is not mentions[0]
    ) or (
        re.search(r"\b(?:with|including)\s[^.;:]{0,80}$", text[: mention.start], re.I)
        and (mention is not mentions[0])
    ):
        score -= 4.0
    if re.search(r"\b(?:against|compared with|so that|after|before)\s+(?:the|an?)?\s*$", before):
        score -= 4.0
    if mention.possessive:
        score -= 5.0
    if re.match(
        r"\s+(?:page|view|list|lookup|search|history|record|profile|detail|look-up|screen|queue|"
        r"creation|report)",
        text[mention.end :],
    ):
        score += 2.0
    if mention.alias:
        score -= 0.5
    if verb in ("insert", "update", "delete") and mention is mentions[0]:
        score += 4.0
    return score


__all__ = ["Operation", "number_of", "read_operation"]
