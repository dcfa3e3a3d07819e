"""Restrictions of rights: "patients (name and address only)", "their own orders", "read published".

A role of the design has rights on whole relations. Where a PRD grants less than that, the relation
is not granted at all and a person is asked: a right too few is noticed, one too many is not.
"""

from __future__ import annotations

import re

from ...domain.design import Unread
from .book import Book, Draft, Statement
from .columns import find_column
from .vocabulary import Mention, Vocabulary

_LESS = re.compile(
    r"\b(?:own|only|assigned|limited|restricted|partial(?:ly)?|basic|masked|redacted|anonymi[sz]ed|"
    r"aggregated?|except|without|but not|excluding|some|certain|selected|unless|if|when|where|"
    r"while|who|which|that|whose|of (?:their|his|her|its)|no|not|within)\b",
    re.I,
)
_READ_ONLY = re.compile(
    r"\b(?:read|view)[- ]?only\b|\bonly (?:to )?(?:read|view|see)\b|\bread[- ]only\b", re.I
)
_PARENS = re.compile(r"\([^()]{0,300}\)")
_HARMLESS = re.compile(
    r"\s*(?:(?:read|write|view|see|create|edit|update|delete|change|full|all|any|every(?:thing)?|"
    r"access|crud|yes|rights?|records?|data|rows?|and|or|the|a|an|to|can|may|manage|add|insert|"
    r"remove|list|search|browse|book|open|close|enter|register|x|✓|✔|has|have|do|does|on|in|of|for|"
    r"with|system|databases?|tables?|control|administer|always|also|it|they)\b\s*[,/&+]?\s*)*",
    re.I,
)


def clauses(text: str) -> list[str]:
    """The clauses of a sentence about rights; a comma in parentheses parts nothing."""
    hidden = _PARENS.sub(lambda m: re.sub(r"[,;.]", "\x00", m[0]), text)
    return [part.replace("\x00", ",") for part in re.split(r"[;.]|,\s*(?=\w+s?\b (?!and))", hidden)]


def restricted(book: Book, vocabulary: Vocabulary, text: str) -> dict[str, str]:
    """The relations of which a text grants a part only, each with the words that say so."""
    found: dict[str, str] = {}
    plain: list[tuple[str, str]] = []
    hidden = _PARENS.sub(lambda m: "(" * len(m[0]), text)
    mentions = vocabulary.mentions(hidden)
    for at, mention in enumerate(mentions):
        draft = book.drafts[mention.key]
        start = mentions[at - 1].end if at else 0
        end = mentions[at + 1].start if at + 1 < len(mentions) else len(text)
        gap = hidden[start : mention.start]
        lead = re.split(r"[,;]|\band\b", gap)[-1]
        stop = re.search(r"[,;]|\band\b", hidden[mention.end : end])
        tail = text[mention.end : mention.end + stop.start() if stop else end]
        # "their own loans and fines", "loans and fines that are open": both, on both sides.
        joined = bool(at) and bool(re.fullmatch(r"\s*and\s+(?:the\s+|their\s+)?", gap))
        if not joined:
            plain = []
        owns = mention.possessive and at + 1 < len(mentions) and not hidden[
            mention.end : end
        ].strip(" '’s")  # fmt: skip
        less = "" if owns else _less(draft, vocabulary, mention, lead, tail)
        if not less and joined and plain and plain[-1][1] == "lead":
            less = found[plain[-1][0]]
        if less:
            found[draft.name] = less
        if less and _LESS.search(_READ_ONLY.sub(" ", _PARENS.sub(" ", tail))):
            found.update({name: less for name, _ in plain if name not in found})
        leading = less and (joined or _LESS.search(_READ_ONLY.sub(" ", lead)))
        plain.append((draft.name, "lead" if leading else ""))
    return found


_INDIRECT = re.compile(
    r"(?:['’]s?)?\s*(?:of|for|by|from|to|with|about|on|in|against)\s+"
    r"(?:(?:an?|the|all|their|its|any|each|every)\s+)?", re.I,
)  # fmt: skip


def granted(mentions: list[Mention], text: str) -> list[Mention]:
    """The mentions that a right is on: not the members in "loans for members"."""
    kept = []
    for at, mention in enumerate(mentions):
        before = text[mentions[at - 1].end : mention.start] if at else ""
        after = text[mention.end : mentions[at + 1].start] if at + 1 < len(mentions) else "-"
        if at and _INDIRECT.fullmatch(before):
            continue
        if mention.possessive and not after.strip(" '’s"):
            continue
        kept.append(mention)
    return kept


def _less(draft: Draft, vocabulary: Vocabulary, mention: Mention, lead: str, tail: str) -> str:
    for group in _PARENS.findall(tail):
        inner = group[1:-1]
        if _READ_ONLY.fullmatch(inner.strip()) or _HARMLESS.fullmatch(inner):
            continue
        if not _lists_relations(inner, vocabulary):
            return str(inner)
    plain = _READ_ONLY.sub(" ", _PARENS.sub(" ", tail))
    before = _READ_ONLY.sub(" ", lead)
    if _LESS.search(before) or _LESS.search(plain):
        return f"{before.strip()} … {plain.strip()}".strip(" …")
    word = re.match(r"['’]?s?\s+([\w-]+)", plain)
    if word and find_column(draft, word[1]):
        return str(word[1])
    part = re.search(r"([\w -]{2,60}?)\s+of\s+(?:the\s+|all\s+|a\s+|an\s+)?$", lead)
    if part and any(find_column(draft, w) for w in part[1].split()):
        return str(part[1]).strip()
    return "its fields" if mention.possessive else ""


def _lists_relations(text: str, vocabulary: Vocabulary) -> bool:
    rest = text
    for mention in reversed(vocabulary.mentions(text)):
        rest = rest[: mention.start] + rest[mention.end :]
    return rest != text and not re.sub(r"\b(?:and|or|with|their|the|all)\b|\W", "", rest)


def restricts(cell: str) -> str:
    """What a cell under a relation's header grants less than whole rights, or ""."""
    return "" if _HARMLESS.fullmatch(_READ_ONLY.sub("read", cell)) else cell.strip()


def ask_restricted(book: Book, role: str, less: dict[str, str], statement: Statement) -> None:
    """Ask how a part of a relation is to be granted; until then nothing of it is."""
    for relation, words in less.items():
        book.ask(
            f"Line {statement.line}: {role} may use {relation} only in part "
            f"('{words[:100]}'). How is that part told apart?",
            f"role:{role}", f"relation:{relation}", source=statement.source,
            default=f"{role} gets no right on {relation}.",
        )  # fmt: skip
    statement.read, statement.kind, statement.beyond = True, "role", True
    book.unread.append(
        Unread(
            line=statement.line, text=statement.text[:200],
            reason="rights on a part of a relation are not granted by this release",
        )
    )  # fmt: skip
