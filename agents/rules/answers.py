"""Answers: what in the design really does what a requirement asks for.

A relation serves what asks to keep its rows. What asks to see them needs a query that shows
them, and what holds only under a condition, or makes something happen, needs more than both.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice

from .book import Book
from .elements import relation_ref
from .vocabulary import Mention
from .words import singular

_STORY = re.compile(
    r"^\s*as (?:an? |the )?[^,]{0,60}?,?\s+(?:i|we) (?:want|need|would like|can|must be able)\s*"
    r"(?:to )?|\s+(?:so that|in order to|because)\b.*$", re.I | re.DOTALL,
)  # fmt: skip
_STORE = re.compile(
    r"\b(?:stor(?:e|es|ed|ing)|keeps?|kept|keeping|recorded|(?<!\ba )(?<!the )(?<!of )"
    r"(?<!each )(?<!every )records?(?= (?!of\b|for\b|has\b|have\b|is\b|are\b)\w)|"
    r"registers?|registered|sav(?:e|es|ed)|"
    r"captur(?:e|es|ed)|maintains?|maintained|manag(?:e|es|ed)|tracks?|tracked|creat(?:e|es|ed)|"
    r"adds?|added|enters?|entered|holds?)\b", re.I,
)  # fmt: skip
# To do something with what is stored is more than to store it.
_ACTS = re.compile(
    r"\b(?:send\w*|remind\w*|notif\w+|told|inform\w*|alert\w*|e?mails?|refund\w*|pay|pays|cancel\w*"
    r"|erase\w*|anonymi[sz]e\w*|merge\w*|calculat\w+|comput\w+|automatic\w*|import\w*|"
    r"export\w*|print\w*|approv\w+|renew\w*|assign\w*|blocks?|blocked|suggest\w*|recommend\w*|"
    r"sync\w*|generat\w+|lock\w*|without|restor\w+|charge\w*)\b", re.I,
)  # fmt: skip
_SHOWS = re.compile(
    r"\b(?:find|finds|search\w*|look(?:s|ed)? up|lists?|listed|sees?|seen|view|views|browse\w*|"
    r"shows?|shown|display\w*|filter\w*|report|reports|dashboard|retrieve\w*|how (?:often|many)|"
    r"revenue|overview|compare[ds]?|available)\b", re.I,
)  # fmt: skip
_CONDITION = re.compile(
    r"\b(?:if|unless|when|whenever|as soon as|as long as|while|until|once|after|before|except|"
    r"provided)\b", re.I,
)  # fmt: skip
_IF = re.compile(r"\b(?:if|unless|provided that)\b", re.I)
_PICKS = re.compile(
    r"\b(?:that|which|who) (?:\w+ )?(?:have|has|are|is|were|was|had|need|needs|\w+ed)\b|\bwhose\b|"
    r"\b(?:free|available|vacant|unpaid|unused|unassigned|unread|overdue)\b|"
    r"\b(?:have|has|with) no\b|\b(?:below|without|more than|less than|fewer than|older than)\b",
    re.I,
)
_SUMS = (
    (re.compile(r"\bmedian\b", re.I), "percentile_cont("),
    (re.compile(r"\baverages?\b", re.I), "avg("),
    (re.compile(r"\b(?:the|a) (?:total|sum) of\b|\brevenue\b|\bturnover\b", re.I), "sum("),
)
# More queries than this are not compared with a requirement.
_MOST = 200
_STOP = frozenset(
    """
    the and for with from that this they their its his her all any one each every can must shall
    should may will are was has have had been being able want need list see show find view search
    look browse display system user given which who what where into out not per
    """.split()
)


def kept_relations(book: Book, text: str, mentions: list[Mention]) -> list[str]:
    """The relations whose rows the text asks to keep; none where it asks for more than that."""
    wish = _wish(text)
    if _ACTS.search(wish) or _SHOWS.search(wish) or _CONDITION.search(wish):
        return []
    match = _STORE.search(text)
    if match is None:
        return []
    passive = re.search(r"\b(?:be|is|are|were|was)\s+$", text[: match.start()], re.I)
    asked = [m for m in mentions if m.start > match.end() or passive]
    return [relation_ref(book.drafts[key]) for key in dict.fromkeys(m.key for m in asked)]


def answering_query(book: Book, text: str, mentions: list[Mention]) -> str | None:
    """The query that shows what the text asks to see, by its words; None where none does."""
    wish = _wish(text)
    if not _SHOWS.search(wish) or _ACTS.search(wish) or _IF.search(text):
        return None
    wanted = _words(wish)
    relations = {book.drafts[m.key].name for m in mentions}
    best: tuple[int, str] | None = None
    for query in islice(book.workload, _MOST):
        main, words = _shown_by(query.sql, query.purpose)
        if main not in relations or falls_short(wish, query.sql):
            continue
        fits = len(words) >= 2 and words <= wanted and 3 * len(words) >= 2 * len(wanted)
        if fits and (best is None or len(words) > best[0]):
            best = (len(words), query.name)
    return best[1] if best else None


def asks_to_act(text: str) -> bool:
    """True for a wish to see or do something, whatever numbers it names."""
    wish = _wish(text)
    return bool(_SHOWS.search(wish) or _ACTS.search(wish))


def falls_short(text: str, sql: str) -> bool:
    """True where the text asks for more than the SELECT does: a choice of rows that it does not
    make, or a sum that it does not form.

    >>> falls_short("patients that have no invoice", "SELECT p.id FROM patients AS p")
    True
    """
    if not sql.startswith("SELECT"):
        return False
    if _IF.search(text):
        return True
    where = re.split(r" (?:GROUP BY|ORDER BY|LIMIT) ", sql.partition(" WHERE ")[2])[0]
    # What picks rows by itself takes no parameter: "status = 'paid'", "closed_at IS NULL".
    picks = any(term and ":" not in term for term in where.split(" AND "))
    if _PICKS.search(text) and not picks:
        return True
    return any(words.search(text) and call not in sql for words, call in _SUMS)


@lru_cache(maxsize=2 * _MOST)
def _shown_by(sql: str, purpose: str) -> tuple[str, frozenset[str]]:
    """The relation that a SELECT lists, "" for another statement, and the words of its purpose."""
    main = re.search(r' FROM "?(\w+)"? AS ', sql) if sql.startswith("SELECT") else None
    return main[1] if main else "", frozenset(_words(_wish(purpose)))


def why_unserved(text: str) -> str:
    """Why nothing in the design serves the text, in the words of an unread line."""
    wish = _wish(text)
    if _ACTS.search(wish):
        return "an action that is left to the application"
    if _SHOWS.search(wish):
        return "no query of the design answers it"
    if _CONDITION.search(wish):
        return "a condition that nothing in the design tests"
    return "no fact found"


def _wish(text: str) -> str:
    """What is wanted, without who wants it, why, and what stands in brackets."""
    return re.sub(r"\([^()]{0,200}\)", " ", _STORY.sub("", text))


def _words(text: str) -> set[str]:
    return {singular(w) for w in re.findall(r"[a-z][a-z-]{2,}", text.lower())} - _STOP
