"""Links: relationships between entities, read from sentences, and the keys they become.

"A has many B" gives B a key to A; "B belongs to an A" the same. Many on both sides gives an
association with a key of both. A verb that does not own ("works for several") means many on both
sides even where only one is stated, which is labelled as an assumption.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ...domain.requirements import Citation
from . import lexicon
from .book import Statement
from .fields import field_pieces
from .vocabulary import Mention, Vocabulary, is_many


@dataclass(slots=True)
class Link:
    """One stated relationship: `left` has one or many `right`.

    `owner`: the verb owns, so that a right one has one left only. `role`: the name of the key's
    column where the sentence gives one. `both`: many on both sides is stated.
    """

    left: str
    right: str
    source: Citation
    many: bool = False
    owner: bool = False
    optional: bool = False
    one_to_one: bool = False
    both: bool = False
    role: str = ""
    via: str = ""
    attributes: tuple[str, ...] = ()
    guessed: bool = False
    statement: Statement | None = field(default=None, repr=False)


_NEGATIVE = re.compile(
    r"\b(?:not|never|cannot|can't|no longer|nobody|without|unless|if|when|only|same|twice|"
    r"overlap\w*|"
    r"two|whose|sum|deleted?|deleting|unique|per)\b",
    re.I,
)


_HARD_NEGATIVE = re.compile(
    r"\b(?:must not|never|cannot|can't|nobody|unless|twice|overlap\w*|sum of)\b", re.I
)


_OWNS = re.compile(
    r"\b(?:has|have|having|contains?|includes?|owns?|own|consists? of|comprises?|is made up of|"
    r"holds?|"
    r"is composed of|is split into|groups?|places?|makes?|receives?|gets?|issues?|can have|may "
    r"have|"
    r"performs?|operates?|runs?|produces?|publishes|publish|offers?|employs?|writes?|creates?|"
    r"submits?|organi[sz]es?|manages?|generates?|schedules?|carries)\b",
    re.I,
)


_BELONGS = re.compile(
    r"\b(?:belongs?|refers?|relates?|points?|links?|delivers?|comes?|came|leaves?|sits?|lives?|"
    r"goes|"
    r"reports?|counts?|works?|is (?:on|in|for|of|from|part of|about|at|with)|are (?:on|in|for|of|"
    r"from)|"
    r"be (?:on|in|for|of|from|at|with|\w+ed)|takes place|happens|occurs|stays|located|hangs?|"
    r"concerns?|references?|uses?|use|covers?|describes?|records|needs|requires|names|"
    r"is an?|are|\w+(?:ed|en|t|wn|ld|de) (?:to|by|from|in|into|on|for|with|at|through|about|"
    r"under|against))\b",
    re.I,
)


_SOFT = re.compile(
    r"^\s*(?:,?\s*(?:and|or)\s+)?(?:then\s+)?(?:about|in|for|on|at|with|from|to|by|of|into|and|"
    r"against|"
    r"under|through)\s+(?:exactly |at most |up to )?(?:an?|one|the|its|another)\s+$",
    re.I,
)


_ONE = re.compile(
    r"(?:\b(?:an?|one|exactly one|only one|at most one|zero or one|up to one|the|its|another|"
    r"their|his|"
    r"a single|a specific|a given|some|0\.\.1|each|to)\s+)$",
    re.I,
)


_MAYBE = re.compile(
    r"\b(?:may|can|might|optional(?:ly)?|zero or one|at most one|possibly|could)\b", re.I
)


_CARDINAL = re.compile(
    r"(?P<a>[\w ]{2,60}?)\s*[\[(]?\s*(?P<x>1|0\.\.1|one|N|M|n|m|\*|many|1\.\.\*|0\.\.\*|1\.\.n|"
    r"0\.\.n)?"
    r"\s*[\])]?\s*(?:(?P<r>1|N|M|n|m|one|many)\s*(?::|-?to-?|–|-)\s*(?P<s>1|N|M|n|m|one|many)|"
    r"-->|->|→|↔|<->|—|–|--)\s*"
    r"[\[(]?\s*(?P<y>1|0\.\.1|one|N|M|n|m|\*|many|1\.\.\*|0\.\.\*|1\.\.n|0\.\.n)?\s*[\])]?\s*"
    r"(?P<b>[A-Za-z][\w ]{1,60}?)\s*(?:[\[(](?P<note>[^()\[\]]{1,80})[\])])?\s*(?:[:.,;].{0,200})?$"
)


_RATIO = re.compile(r"\b(one|many|1|N|M)\s?(?::|-to-|-| to )\s?(one|many|1|N|M)\b", re.I)


_SELF = re.compile(
    r"\b(?:parent|merged|refers?|linked|split|replace[sd]?|copie[sd]|copy|follows?|"
    r"duplicate[sd]?|child|"
    r"reports|manage[sd]?|manager|predecessor|successor|supervise[sd]?|rel\w+ to|belongs?|part "
    r"of)\b",
    re.I,
)


_TREE = re.compile(
    r"\b(?:nested|hierarch\w+|form a tree|tree structure|parent[- ]child|sub-?\w+ies)\b", re.I
)


def read_links(statement: Statement, vocabulary: Vocabulary) -> list[Link]:
    """The relationships that a statement states; none where it states none."""
    if len(statement.text) > 1000 or statement.role in _SILENT:
        return []
    if re.match(r"(?i)\s*(?:what|who|how|why|where|when|if|only)\b", statement.text):
        return []
    return [link for clause in statement.text.split("; ")
            for link in _clause_links(statement, clause, vocabulary)]  # fmt: skip


_SILENT = frozenset(
    "people skip questions sla volume retention recovery interface overview".split()
)


def _clause_links(statement: Statement, text: str, vocabulary: Vocabulary) -> list[Link]:
    if _HARD_NEGATIVE.search(text):
        return []
    mentions = vocabulary.parts(text, vocabulary.mentions(text), statement.subject)
    tree = _tree(statement, mentions, vocabulary)
    if tree:
        return tree
    if statement.role in ("data", "links") or statement.subject:
        drawn = _cardinality(statement, text, vocabulary, mentions)
        if drawn:
            return drawn
    if not mentions:
        return []
    return _sentence(statement, text, mentions, vocabulary)


def _tree(statement: Statement, mentions: list[Mention], vocabulary: Vocabulary) -> list[Link]:
    if not _TREE.search(statement.text) or statement.role not in ("data", "links", "rules"):
        return []
    key = mentions[0].key if mentions else statement.subject
    if not key or any(m.key != key for m in mentions):
        return []
    return [Link(key, key, statement.source, optional=True, role="parent", statement=statement)]


def _cardinality(
    statement: Statement, text: str, vocabulary: Vocabulary, mentions: list[Mention]
) -> list[Link]:
    """`Customer 1:N Order`, `Order → Customer`, `A (1) — (N) B`, "many-to-many between A and B"."""
    ratio = _RATIO.search(text)
    keys = list(dict.fromkeys(m.key for m in mentions))
    if statement.subject and statement.subject not in keys and len(keys) == 1:
        keys = [statement.subject, *keys]
    arrow = re.search(r"→|->|↔|<->", text)
    if ratio is None and (arrow is None or len(mentions) < 2 or len(text) > 160):
        return []
    if len(keys) == 1 and len(mentions) == 2:
        keys = keys * 2
    if len(keys) < 2 or len(keys) > 3:
        return []
    left, right = keys[0], keys[1]
    via = keys[2] if len(keys) == 3 and re.search(r"\b(?:via|through|by|using)\b", text) else ""
    if ratio is None:
        return [Link(left, right, statement.source, statement=statement, optional=_maybe(text))]
    one, other = (ratio[1].lower() in ("1", "one"), ratio[2].lower() in ("1", "one"))
    common = {"source": statement.source, "statement": statement, "optional": _maybe(text)}
    if one and other:
        return [Link(right, left, one_to_one=True, **common)]  # type: ignore[arg-type]
    if one:
        return [Link(left, right, many=True, owner=True, **common)]  # type: ignore[arg-type]
    if other:
        return [Link(left, right, **common)]  # type: ignore[arg-type]
    return [Link(left, right, many=True, both=True, via=via, **common)]  # type: ignore[arg-type]


def _maybe(text: str) -> bool:
    return bool(_MAYBE.search(text))


def _sentence(
    statement: Statement, text: str, mentions: list[Mention], vocabulary: Vocabulary
) -> list[Link]:
    strict = statement.role not in ("data", "links") and not (
        statement.subject and statement.role == "data"
    )
    links: list[Link] = []
    subject = statement.subject
    clause_start = 0
    previous: Link | None = None
    first = mentions[0]
    lead = text[: first.start]
    if re.fullmatch(r"\s*(?:(?:each|every|an?|one|the|any|all|most|some)\s+)?", lead, re.I) and (
        not first.possessive
    ):
        subject = first.key
        clause_start = first.end
        mentions = mentions[1:]
    elif strict and not (
        statement.subject and re.match(r"(?i)\s*(?:belongs|has|refers|contains)", text)
    ):
        return []
    if not subject:
        return []
    for mention in mentions:
        gap = text[clause_start : mention.start]
        if mention.possessive:
            clause_start = mention.end
            continue
        if _starts_clause(text, mention, gap):
            subject, clause_start, previous = mention.key, mention.end, None
            continue
        if re.search(r"[.:]\s", gap) or len(gap) > 140:
            clause_start = mention.end
            previous = None
            continue
        many = is_many(text, mention)
        tail = text[mention.end : mention.end + 200]
        link = _classify(statement, subject, mention, gap, tail, many, previous, strict)
        if link is not None:
            links.append(link)
            previous = link
        clause_start = mention.end
    return links


def _starts_clause(text: str, mention: Mention, gap: str) -> bool:
    """True where the mention is the subject of a new clause: "…, and a category has many …"."""
    if not re.search(
        r"(?:[,;:]|\band\b|\bbut\b|\bwhile\b)\s*(?:and\s+)?(?:each|every|an?|one|the|\s)*$",
        gap,
        re.I,
    ):
        return False
    after = text[mention.end : mention.end + 30]
    return bool(
        re.match(
            r"\s+(?:is|are|has|have|can|may|must|belongs?|contains?|holds?|consists?|appears?|"
            r"refers?|"
            r"includes?|comes|gets)\b|\s+[a-z]{3,20}s\s+(?:many|several|multiple|one|an?|various|"
            r"any|some|the|to|in|on|by|for)\b", after, re.I,
        )
    )  # fmt: skip


def _classify(
    statement: Statement, subject: str, mention: Mention, gap: str, tail: str, many: bool,
    previous: Link | None, strict: bool,
) -> Link | None:  # fmt: skip
    words = gap.lower()
    source = statement.source
    if re.search(
        r"\b(?:not|never|cannot|can't|no|without|same|per|within|than|whose|between)\b", words
    ):
        return None
    optional = _maybe(gap) or bool(
        re.match(r"\s*\(?[,;]?\s*(?:\(optional|optional|if any)", tail, re.I)
    )
    if previous is not None and _SOFT.match(gap) and not many:
        role = _role(gap, mention.key) if "by" in words else ""
        return Link(subject, mention.key, source, optional=previous.optional or optional, role=role,
                    statement=statement)  # fmt: skip
    if (
        previous is not None
        and previous.many
        and many
        and re.fullmatch(r"\s*(?:,|and|,\s*and|or)\s*(?:[a-z]+\s+){0,3}", words)
    ):
        return Link(subject, mention.key, source, many=True, owner=previous.owner,
                    statement=statement)  # fmt: skip
    self_reference = mention.key == subject
    if self_reference and many:
        return None
    if many:
        with_ = re.match(
            r"\s*,?\s*(?:each\s+)?with (?:an?|the|its|their) "
            r"(\w[\w ]{1,40}?(?:(?:,| and) (?:an?|the|its) \w[\w ]{1,40}?){0,5})(?=[.,;(]|$)",
            tail,
        )
        attributes = tuple(p for _, p in field_pieces(with_[1])) if with_ else ()
        if _OWNS.search(gap):
            if strict and not re.search(
                r"\b(?:many|several|multiple|one or more|zero or more|at "
                r"least one|"
                r"any number|exactly \w+|up to \w+|or more)\b",
                gap,
                re.I,
            ):
                return None
            return Link(
                subject,
                mention.key,
                source,
                many=True,
                owner=not attributes,
                both=bool(attributes),
                attributes=attributes,
                statement=statement,
            )
        if not strict and (
            _BELONGS.search(gap)
            or re.search(r"\b(?:can|may)\b \w+", gap)
            or re.search(
                r"\w+ (?:in|for|on|at|to|with|by|of) (?:several|many|multiple|various)", gap
            )
        ):
            return Link(subject, mention.key, source, many=True, statement=statement)
        return None
    if not _ONE.search(gap) and not re.search(r"\bto\s+$", gap):
        return None
    if self_reference and not _SELF.search(gap):
        return None
    if _BELONGS.search(gap) and not (
        strict and not re.search(r"belongs?|part of|placed by|made by", words)
    ):
        role = _role(gap, mention.key)
        if self_reference and not role:
            participle = re.search(r"\b(\w+(?:ed|en|s))\s+(to|into|from|by)\b", words)
            role = f"{participle[1]}_{participle[2]}" if participle else "parent"
        return Link(subject, mention.key, source, optional=optional or self_reference, role=role,
                    statement=statement)  # fmt: skip
    if re.search(r"\b(?:has|have|with|use|contains?|includes?)\b", words) and not strict:
        role = "parent" if self_reference else _adjective(gap)
        return Link(subject, mention.key, source, optional=optional or self_reference, role=role,
                    statement=statement)  # fmt: skip
    return None


def _role(gap: str, key: str) -> str:
    """The name of the column that a verb gives: "assigned to a" user → assignee."""
    words = " ".join(gap.lower().split())
    if key.split("_")[-1] in lexicon.PEOPLE or key in lexicon.PEOPLE:
        for phrase, noun in lexicon.ROLE_NOUNS.items():
            if phrase in words:
                return noun
    return ""


def _adjective(gap: str) -> str:
    match = re.search(
        r"\b(?:an?|one)\s+(default|parent|main|primary|preferred|home|current|previous)\s+$",
        gap,
        re.I,
    )
    return match[1].lower() if match else ""
