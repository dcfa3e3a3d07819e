"""Implied references: what an entity's description or name says about whose it is.

"Attachment: a file on a message", "Membership: a user's place in an organization", "Webhook
delivery" beside "Webhook". Taken only where no other sentence links the two, and labelled.
"""

from __future__ import annotations

import re

from .book import Book, Draft
from .elements import foreign_key_ref
from .keys import apply_links
from .links import Link
from .vocabulary import Vocabulary

_OF_ONE = re.compile(
    r"\b(?:of|on|in|for|from|to|within|inside|by|about)\s+(?:an?|one)\s+(?:[a-z]+\s+)?$",
    re.I,
)
_ONE_PER = re.compile(r"\bone per\s+$", re.I)


def implied_references(book: Book, vocabulary: Vocabulary) -> None:
    """Add the references that descriptions and names imply."""
    for key, entity in book.entities.items():
        draft = book.drafts[key]
        if entity.description:
            _from_description(book, vocabulary, draft, entity.description.split(". ")[0])
    for draft in list(book.drafts.values()):
        _from_name(book, vocabulary, draft)


def _from_description(book: Book, vocabulary: Vocabulary, draft: Draft, text: str) -> None:
    if re.match(r"(?i)what|who\b|how|why", text) and "one per" not in text:
        return
    mentions = vocabulary.mentions(text, aliases=False)
    for mention in mentions:
        if mention.key == draft.key or mention.key not in book.drafts or mention.plural:
            continue
        before = text[max(0, mention.start - 30) : mention.start]
        owned = mention.possessive and re.search(r"(?:^|\s)(?:an?|the|one)\s+$", before, re.I)
        if not (owned or _OF_ONE.search(before) or _ONE_PER.search(before)):
            continue
        _imply(book, vocabulary, draft, mention.key, f"its description says '{text[:80]}'")


def _from_name(book: Book, vocabulary: Vocabulary, draft: Draft) -> None:
    """ "Webhook delivery" belongs to a webhook, unless it refers to something already."""
    words = draft.key.split("_")
    if len(words) < 2 or any(k.references != draft.name for k in draft.foreign_keys):
        return
    for size in range(len(words) - 1, 0, -1):
        head = "_".join(words[:size])
        if head in book.drafts:
            if words[-1] in (
                "type",
                "status",
                "category",
                "kind",
                "group",
                "level",
                "class",
                "method",
            ):
                return
            _imply(book, vocabulary, draft, head, "its name says so")
            return


def _imply(book: Book, vocabulary: Vocabulary, draft: Draft, target: str, why: str) -> None:
    parent = book.drafts[target]
    if draft.key_to(parent.name) is not None or parent.key_to(draft.name) is not None:
        return
    line = draft.sources[0]
    apply_links(book, [Link(draft.key, target, line)], vocabulary.key)
    key = draft.key_to(parent.name)
    if key is not None:
        book.assume(
            f"Each of {draft.name} belongs to one of {parent.name}",
            f"No sentence states it, but {why}.", foreign_key_ref(draft, key),
        )  # fmt: skip
