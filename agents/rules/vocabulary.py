"""The vocabulary: which words of a sentence mean which entity of the PRD.

Built once from the names of the entities; a look-up costs one pass over the words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ...domain.identifiers import snake_case
from .words import singular, singular_name

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+|[^\W_\x00-\x7f]+(?:[^\W_]*)")

# A head noun too general to stand for a whole name: "type" does not mean "appointment type".
_GENERAL = frozenset(
    """
    type status level key group reply entry record detail detail info information data role rule
    code name list set kind category member user note date time address number log history state
    event class item value file point page plan case unit policy order place term
    """.split()
)
_MANY = re.compile(
    r"(?:many|several|multiple|various|numerous|all|some|any number of|a number of|one or more|"
    r"zero or more|more than one|at least one|0\.\.\*|1\.\.\*|0\.\.n|1\.\.n|\d{2,}|two|three|"
    r"a list of|a set of|a collection of|lots of)\s+(?:[a-z]+\s+)?$",
    re.I,
)


def entity_key(name: str) -> str:
    """The key of an entity: its name as singular snake_case ("Order Lines" → "order_line")."""
    return singular_name(snake_case(name))


@dataclass(frozen=True, slots=True)
class Mention:
    """An entity named in a text, from `start` to `end`."""

    key: str
    start: int
    end: int
    plural: bool
    possessive: bool
    alias: bool = False


class Vocabulary:
    """The entities' names and their unmistakable head nouns."""

    def __init__(self, keys: Iterable[str]) -> None:
        self.keys = tuple(dict.fromkeys(keys))
        self._set = frozenset(self.keys)
        self._by_first: dict[str, list[tuple[tuple[str, ...], str, bool]]] = {}
        heads: dict[str, list[str]] = {}
        whole = set(self.keys)
        for key in self.keys:
            words = tuple(key.split("_"))
            self._by_first.setdefault(words[0], []).append((words, key, False))
            if len(words) > 1:
                heads.setdefault(words[-1], []).append(key)
        self.aliases = {
            head: keys[0]
            for head, keys in heads.items()
            if len(keys) == 1 and head not in whole and head not in _GENERAL
        }
        self.weak_aliases = {
            head: keys[0]
            for head, keys in heads.items()
            if len(keys) == 1 and head not in whole and head in _GENERAL
        }
        for head, key in self.aliases.items():
            self._by_first.setdefault(head, []).append(((head,), key, True))
        # "audit log" means the entries of the audit log.
        for key in self.keys:
            head, _, tail = key.rpartition("_")
            if tail in ("entry", "record") and "_" in head and head not in whole:
                words = tuple(head.split("_"))
                self._by_first.setdefault(words[0], []).append((words, key, True))
        for options in self._by_first.values():
            options.sort(key=lambda option: -len(option[0]))

    def key(self, words: str) -> str | None:
        """The entity that the words as a whole mean, or None.

        Takes `users`, `User`, `user_id` and "the user"; head nouns do not count.
        """
        if len(words) > 120:
            return None
        name = snake_case(re.sub(r"^(?:an?|the|one|each|every)\s+", "", words.strip(), flags=re.I))
        for candidate in (singular_name(name), singular_name(name.removesuffix("_id")), name):
            if candidate in self._set:
                return candidate
        return None

    def mentions(self, text: str, *, aliases: bool = True) -> list[Mention]:
        """The entities named in the text, longest names first, in order of place."""
        tokens = [(m[0], m.start(), m.end()) for m in _WORD.finditer(text)]
        lowered = [_lower(token) for token, _, _ in tokens]
        found: list[Mention] = []
        at = 0
        while at < len(tokens):
            step = 1
            for form in (lowered[at], singular(lowered[at])):
                hit = self._match(lowered, at, form, aliases)
                if hit is not None:
                    words, key, alias = hit
                    last = at + len(words) - 1
                    end = tokens[last][2]
                    tail = text[end : end + 2]
                    possessive = tail in ("'s", "’s") or (
                        tail[:1] in ("'", "’") and text[end - 1] == "s"
                    )
                    plural = lowered[last] != words[-1]
                    found.append(Mention(key, tokens[at][1], end, plural, possessive, alias))
                    step = len(words)
                    break
            at += step
        return found

    def parts(self, text: str, mentions: list[Mention], subject: str) -> list[Mention]:
        """The mentions with general head nouns that the subject makes clear: "its items"."""
        subject = mentions[0].key if mentions else subject
        if not subject or not self.weak_aliases:
            return mentions
        found = list(mentions)
        for match in re.finditer(r"[A-Za-z]{3,}", text):
            word = match[0].lower()
            key = self.by_part(singular(word), subject)
            taken = any(m.start < match.end() and match.start() < m.end for m in mentions)
            if key and not taken:
                plural = singular(word) != word
                found.append(Mention(key, match.start(), match.end(), plural, False, True))
        return sorted(found, key=lambda m: m.start)

    def by_part(self, head: str, subject: str) -> str | None:
        """The entity called subject and head, "prescription" + "item"."""
        key = f"{subject}_{head}"
        return key if key in self._set and head not in self._set else None

    def _match(
        self, lowered: list[str], at: int, form: str, aliases: bool
    ) -> tuple[tuple[str, ...], str, bool] | None:
        for words, key, alias in self._by_first.get(form, ()):
            if alias and not aliases:
                continue
            size = len(words)
            if at + size > len(lowered):
                continue
            if size == 1:
                if singular(lowered[at]) == words[0] or lowered[at] == words[0]:
                    return words, key, alias
                continue
            if lowered[at] not in (words[0], form):
                continue
            if any(lowered[at + n] != words[n] for n in range(1, size - 1)):
                continue
            if singular(lowered[at + size - 1]) == words[-1] or lowered[at + size - 1] == words[-1]:
                return words, key, alias
        return None


def _lower(token: str) -> str:
    return token.lower() if token.isascii() else snake_case(token) or token.lower()


def is_many(text: str, mention: Mention) -> bool:
    """True where the words before a mention, or its plural, say "more than one"."""
    return mention.plural or bool(_MANY.search(text[max(0, mention.start - 40) : mention.start]))
