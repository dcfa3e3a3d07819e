"""What makes a row due: the clock of a period and its conditions, from words to columns.

Policy: nothing is removed on a guess. Every word of a sentence that removes rows has to be
accounted for: as a relation, the period, the clock, a condition that maps to one column, or a word
that changes nothing. `read_due` hands over what is left, and the caller asks a person.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ...domain.access import time_column
from ...domain.identifiers import RESERVED, quote, quote_literal
from .book import ColumnDraft, Draft
from .finish import relation_of
from .vocabulary import Vocabulary
from .words import find_duration, singular

ACTION_WORDS = (
    r"(?:soft[- ]|hard[- ])?(?:delet\w+|purg\w+|eras\w+|destroy\w*|destruct\w+|discard\w*|"
    r"thrown away|remov\w+|dropp?\w*|anonymi[sz]\w*|pseudonymi[sz]\w*|archiv\w*|are enough)"
)
# Where a condition ends: punctuation, or the verb of the main clause.
_END = rf"(?=[.,;()|:]|$|\s(?:are|is|will be|must be|shall be|get|gets) (?:\w+ly )?{ACTION_WORDS})"
_HOLD = re.compile(
    r"\b(?:unless|except(?:ing)?(?: for)?(?: (?:if|when|while|where))?|excluding|other than|"
    rf"but not|as long as|while)\b(.{{0,160}}?){_END}",
    re.I,
)
_ONLY = re.compile(
    r"\b(?:(?:but )?only (?:if|when|once|while)|provided(?: that)?|if|when|once|"
    rf"(?:that|which|who) (?=is|are|were|was|have been|has been))\b(.{{0,160}}?){_END}",
    re.I,
)
_CLOCK = re.compile(
    r"\b(after|from|since|following|of|later than)\b(?!\s+(?:which|that)\b)([^.;,()|]{0,80}?)"
    r"(?=[.;,()|]|$|\s(?:and|or) (?:then|are|is|will)\b|\sthen\b|"
    rf"\s(?:are|is|will be|must be) (?:\w+ly )?{ACTION_WORDS}|"
    r"\s(?:unless|except|excluding|if|when|while|provided|but|only|as long as|who|which|that|"
    r"without|with)\b)",
    re.I,
)
# Words that change nothing about which rows are due.
_NEUTRAL = frozenset(
    """
    a an the all any every each of and or then for at to from on by in is are be been being was
    were has have had will must shall should may can we it they them this these its their
    our data record row entry entries table keep kept keeping retain retained retention store
    stored preserve preserved period afterwards thereafter later old older age ago than
    more after counted calculated starting automatically permanently irrevocably finally latest
    no longer least most job batch nightly system database gdpr law tax bookkeeping legally required
    requirement statutory policy obligation duty reasons due date time year month day week hour
    minute enough archive delete counting also so that
    """.split()
)
_HARMLESS_NOTE = re.compile(
    r"\(([\w ,./§-]{0,60}\b(?:law|gdpr|act|policy|obligation|duty|art|article|hgb|ao)\b"
    r"[\w ,./§-]{0,30})\)",
    re.I,
)
_CONDITION_WORDS = re.compile(
    r"\b(?:unless|except\w*|excluding|only|if|while|when|still|without|as long as|not|provided|"
    r"but|until|who)\b",
    re.I,
)
_FILLER = frozenset(
    """
    they it he she is are be were was been being have has had the a an in on under marked as set
    flagged those these ones row record still currently already yet there to status state their
    its of that which who
    """.split()
)
_CREATION = frozenset(
    """
    creation created entry entered recording recorded writing written insertion inserted added
    """.split()
)
_SAME: tuple[frozenset[str], ...] = tuple(
    frozenset(words.split())
    for words in (
        "change changed update updated modification modified edit edited",
        "sent sending dispatch", "payment paid", "end ends ended finish finished ending",
        "start starts started begin begins began beginning", "login logged logon signin",
        "registration registered signup joined joining", "leaving left departure",
        "birth born", "issue issued issuing", "resolution resolved", "death died deceased",
    )
)  # fmt: skip
_EMPTY_WORDS = frozenset(
    """
    the a an of its their his her it they was were is are be been being has have had date time at
    on day moment when that our this them row record he she each respective relevant
    """.split()
)
_ROUNDED = re.compile(
    r"\b(?:year|month|quarter|week) (?:of|in which|when|following)\b|\bcalendar\b|\bfiscal\b|"
    r"\b(?:end|start|beginning) of (?:the |that |its )?(?:\w+ )?(?:year|month|quarter|week)\b",
    re.I,
)


@dataclass(slots=True)
class Due:
    """What a text says beside relation, period and action; `core` is the text without it."""

    core: str
    clock: str = ""
    holds: list[str] = field(default_factory=list)
    onlys: list[str] = field(default_factory=list)


def has_condition(text: str) -> bool:
    """True where the words restrict which rows are meant."""
    return bool(_CONDITION_WORDS.search(text))


def read_due(text: str, vocabulary: Vocabulary) -> Due:
    """Take the conditions and the clock out of a text, leaving blanks in their places."""
    text = _HARMLESS_NOTE.sub(lambda m: " " * len(m[0]), text)
    due = Due(text)
    for pattern, found in ((_HOLD, due.holds), (_ONLY, due.onlys)):
        for match in list(pattern.finditer(due.core)):
            if not found_only_names(match[1], vocabulary):
                found.append(match[1].strip())
            due.core = due.core[: match.start()] + " " * len(match[0]) + due.core[match.end() :]
    period = find_duration(due.core)
    if period is not None:
        at = period[2].end()
        clock = _CLOCK.match(due.core[at:].lstrip(" ")) or _CLOCK.search(due.core, at, at + 90)
        if clock is not None:
            due.clock = clock[2].strip()
            start = due.core.index(clock[0], at)
            due.core = due.core[:start] + " " * len(clock[0]) + due.core[start + len(clock[0]) :]
    return due


def found_only_names(words: str, vocabulary: Vocabulary) -> bool:
    """True for "except invoices": a list of relations and nothing else."""
    mentions = vocabulary.mentions(words)
    for mention in reversed(mentions):
        words = words[: mention.start] + words[mention.end :]
    return bool(mentions) and not re.sub(r"\b(?:and|or|the|all|for|their|our)\b|\W", "", words)


def left_over(text: str, vocabulary: Vocabulary) -> str:
    """The words of a text that nobody has accounted for."""
    period = find_duration(text)
    if period is not None:
        text = text[: period[2].start()] + " " + text[period[2].end() :]
    # "Medical records (encounters, diagnoses)": the list says what its title means.
    listed = re.match(r"[\s|]*[\w ]{2,40}\(([^()]{3,200})\)", text)
    if listed and len(vocabulary.mentions(listed[1])) > 1 and not left_over(listed[1], vocabulary):
        text = text[listed.end() :]
    pieces: list[str] = []
    kept: list[str] = []
    at = 0
    for mention in vocabulary.mentions(text):
        gap = text[at : mention.start]
        # "deleted members", "orders of guests": not all of them.
        adjective = re.search(rf"\b({ACTION_WORDS}) $", gap, re.I)
        if adjective and adjective[1].lower().endswith(("ed", "away")):
            kept.append(adjective[1])
        if at and (chain := _CHAIN.match(gap)):
            kept.append(chain[0].strip())
        pieces.append(gap)
        at = mention.end
    pieces.append(text[at:])
    rest = re.sub(rf"\b{ACTION_WORDS}", " ", " ".join(pieces), flags=re.I)
    rest = re.sub(r"['’]s\b", " ", rest)
    words = re.findall(r"[^\W_][\w-]*", rest)
    kept += [w for w in words if w.lower() not in _NEUTRAL and singular(w.lower()) not in _NEUTRAL]
    return " ".join(kept)


_CHAIN = re.compile(
    r"(?:['’]s?)?\s*(?:of|for|by|from|to|in|on|with|at|about|without)\s+"
    r"(?:(?:a|an|the|their|its|any|all|our)\s+)?$|['’]s?\s+$",
    re.I,
)


def clock_of(draft: Draft, words: str) -> str | None:
    """The one column that the words date a row by; None where none or several could be meant."""
    times = [
        c for c in draft.columns.values()
        if c.type.startswith(("timestamp", "date")) and not c.type.startswith("daterange")
    ]  # fmt: skip
    if _ROUNDED.search(words):
        return None
    own = set(draft.key.split("_"))
    said = [singular(w) for w in re.findall(r"[a-z]+", words.lower()) if w not in _EMPTY_WORDS]
    wanted = [w for w in said if w not in own]
    if not said:
        return None
    if wanted:
        fitting = [c.name for c in times if _fits(c, wanted, own)]
        if fitting:
            return fitting[0] if len(fitting) == 1 else None
        if not all(w in _CREATION for w in wanted):
            return None
    if not wanted:
        # "after the order": the time that is named so, else the only one a row has from the start.
        named = [c.name for c in times if _fits(c, said[:1], own)]
        if len(named) == 1:
            return named[0]
    return _born(draft, times)


def dates(column: str, words: str) -> bool:
    """True where words say no more than that the column's moment has come: closed, closed_at."""
    parts = [p for p in column.split("_") if p not in _EMPTY_WORDS]
    said = [w for w in re.findall(r"[a-z]+", words.lower()) if w not in _FILLER]
    return bool(said) and all(any(_alike(w, p) for p in parts) for w in said) and len(parts) == 1


def birth_clock(draft: Draft) -> str | None:
    """The column that says when a row came to be; never a date of a person's life."""
    name = time_column(relation_of(draft))
    if name is None or draft.columns[name].classification != "internal":
        return None
    return name


def _born(draft: Draft, times: list[ColumnDraft]) -> str | None:
    name = birth_clock(draft)
    sure = [c.name for c in times if not c.nullable and c.classification == "internal"]
    stated = [n for n in sure if n.split("_")[0] in ("created", "recorded", "entered", "inserted")]
    if len(stated) == 1:
        return stated[0]
    return name if sure == [name] else None


def _parts(column: ColumnDraft) -> list[str]:
    return [p for p in column.name.split("_") if p not in _EMPTY_WORDS and p != "timestamp"]


def _fits(column: ColumnDraft, wanted: list[str], own: set[str]) -> bool:
    parts = _parts(column)
    if not parts:
        return False
    changed = any(_alike("change", p) for p in parts)
    for word in wanted:
        if word == "last" and changed:
            continue
        if not any(_alike(word, p) for p in parts):
            return False
    return all(p in own or p == "last" or any(_alike(w, p) for w in wanted) for p in parts)


def _alike(word: str, part: str) -> bool:
    """True for two forms of one word: issue and issued, closing and closed, payment and paid."""
    if singular(word) == singular(part) or any(word in s and part in s for s in _SAME):
        return True
    need = max(4, min(len(word), len(part)) - 2)
    return word[:need] == part[:need] and len(word) >= need and len(part) >= need


def hold_of(draft: Draft, holds: list[str], onlys: list[str]) -> str | None:
    """The predicate of the rows that stay, "" for none; None where a condition maps to nothing."""
    found = [predicate(draft, words) for words in holds]
    found += [predicate(draft, words, negated=True) for words in onlys]
    if any(one is None for one in found):
        return None
    unique = list(dict.fromkeys(one for one in found if one))
    return unique[0] if len(unique) == 1 else " OR ".join(f"({one})" for one in unique)


def predicate(draft: Draft, words: str, *, negated: bool = False) -> str | None:
    """ "still waiting" → `status = 'waiting'`; None where the words are no one column's value."""
    lowered = re.sub(r"[`'\"“”]", "", words.lower()).replace("_", " ").replace("-", " ")
    if re.search(r"\d|\b(?:never|no|nobody|none|and|last|within|any)\b", lowered):
        return None
    if re.search(r"\bnot\b", lowered):
        negated = not negated
        lowered = re.sub(r"\bnot\b", " ", lowered)
    lowered = re.sub(rf"\b(?:{draft.name}|{draft.key})\b".replace("_", " "), " ", lowered)
    said = [" ".join(part.split()) for part in re.split(r"\bor\b|[,/]", lowered) if part.strip()]
    choices = []
    for column in draft.columns.values():
        known = {v.lower().replace("_", " ").replace("-", " "): v for v in column.values}
        values = [_value(column.name, known, part) for part in said]
        if values and all(values):
            choices.append((column, [v for v in values if v is not None]))
    if len(choices) == 1:
        return _compared(choices[0][0], choices[0][1], negated)
    if choices or len(said) != 1:
        return None
    wanted = [w for w in said[0].split() if w not in _FILLER]
    flags = [
        c for c in draft.columns.values()
        if c.type == "boolean" and wanted
        and all(any(singular(w) == singular(p) for p in c.name.split("_")) for w in wanted)
    ]  # fmt: skip
    if len(flags) != 1:
        return None
    return f"{_name(flags[0])} IS {'NOT ' if negated else ''}TRUE"


def _value(column: str, known: dict[str, str], part: str) -> str | None:
    if part in known:
        return known[part]
    words = set(column.split("_")) | _FILLER
    short = " ".join(w for w in part.split() if w not in words)
    return known.get(short)


def _compared(column: ColumnDraft, values: list[str], negated: bool) -> str:
    name = _name(column)
    literals = ", ".join(quote_literal(v) for v in values)
    if not negated:
        return f"{name} = {literals}" if len(values) == 1 else f"{name} IN ({literals})"
    differs = f"{name} <> {literals}" if len(values) == 1 else f"{name} NOT IN ({literals})"
    # A row without a value is not known to be meant, so it stays.
    return f"{name} IS NULL OR {differs}" if column.nullable else differs


def _name(column: ColumnDraft) -> str:
    return quote(column.name) if column.name in RESERVED else column.name
