"""Comparisons and formulas: rules over the columns of one row.

"ends after it starts", "reserved can never exceed on hand", "set if and only if status is
cancelled", "either a or b is given", "total = net + tax". Policy: a stated sum or product of
columns of the same row becomes a generated column, so that it cannot be wrong.
"""

from __future__ import annotations

import re

from ...domain.design import Check
from ...domain.types import family
from .book import Book, Draft, Statement
from .columns import column_at_end, column_at_start, subject_draft
from .elements import check_ref
from .vocabulary import Vocabulary
from .words import find_duration, number_of

# Phrases and their operator, the longer ones first.
_OPERATORS: tuple[tuple[str, str], ...] = (
    (r"(?:not|no|never|cannot be|can't be|must not be|may not be) (?:before|earlier than|shorter "
     r"than|less than|lower than|smaller than|below)", ">="),
    (r"(?:not|no|never|cannot be|can't be|must not be|may not be) (?:after|later than|longer "
     r"than|more than|greater than|larger than|higher than|above|bigger than)", "<="),
    (r"(?:never|cannot|can't|must not|may not|must never|can never|not) exceed|does not exceed",
        "<="),
    (r"on or after|at or after|no earlier than|greater than or equal to|at least|>=|≥|=>", ">="),
    (r"on or before|at or before|no later than|less than or equal to|at most|<=|≤|up to", "<="),
    (r"different from|not equal to|differs? from|other than|<>|!=", "<>"),
    (r"after|later than|greater than|higher than|more than|larger than|longer than|exceeds?|"
     r"above|over|>", ">"),
    (r"before|earlier than|less than|lower than|smaller than|shorter than|below|under|<", "<"),
    (r"equals?|equal to|the same as", "="),
)  # fmt: skip


_COMPARE = tuple(
    (re.compile(rf"(?:^|(?<=[\s(]))(?:{p})(?=[\s\d]|$)" if not re.search(r"[<>≥≤]", p)
                else rf"(?:^|(?<=[\s(\w]))(?:{p})(?=[\s\d-]|$)", re.I), op)
    for p, op in _OPERATORS
)  # fmt: skip


AUXILIARY = re.compile(
    r"(?:\s+(?:is|are|be|must|shall|should|has|have|to|can|may|always|never|not|the|a|an|only|"
    r"will|date|strictly))+\s*$",
    re.I,
)


_SPAN = re.compile(r"\b(?:lasts?|duration|takes?|length)\b", re.I)


def read_comparison(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """ "ends after it starts", "not before issued_on", "must be positive"."""
    draft = draft_of(book, vocabulary, statement)
    if draft is None or len(statement.text) > 400:
        return False
    served = False
    for clause in re.split(r"[;.]\s|\s(?:and|but)\s(?=[^,;]{0,40}(?:after|before|more|less|at "
                           r"least|at most|exceed))|,\s(?=and\b|the\b)",
                           statement.text):  # fmt: skip
        served |= _clause(draft, statement, clause.strip(" .,;"))
    return served


def draft_of(book: Book, vocabulary: Vocabulary, statement: Statement) -> Draft | None:
    if statement.column:
        return book.drafts.get(statement.subject)
    return subject_draft(book, vocabulary, statement.text, statement.subject)


def _clause(draft: Draft, statement: Statement, clause: str) -> bool:
    # "for children under 14" tells when a field is given, and compares nothing.
    if not clause or re.match(r"(?:only |but )?(?:for|in case)\b", clause, re.I):
        return False
    if re.search(r"\bif\b|\bunless\b|\bwhen\b|\bsum of\b|\bwithin\b", clause, re.I):
        return False
    for pattern, operator in _COMPARE:
        match = pattern.search(clause)
        if match is None:
            continue
        left_text = AUXILIARY.sub("", " " + clause[: match.start()].strip()).strip()
        right_text = clause[match.end() :].strip()
        left = column_at_end(draft, left_text) if left_text else None
        if left is None and (statement.column or not left_text):
            left = statement.column or None
        if left is None and _SPAN.search(left_text):
            return _span(draft, statement, operator, right_text)
        if left is None:
            return False
        return _compare(draft, statement, left, operator, right_text, clause)
    return _sign(draft, statement, clause)


def _compare(
    draft: Draft, statement: Statement, left: str, operator: str, right_text: str, clause: str
) -> bool:
    kind = family(draft.columns[left].type)
    if any(left in key.columns for key in draft.foreign_keys) and operator not in ("=", "<>"):
        return False
    number = re.match(r"\s*(-?\d[\d,]*(?:\.\d+)?)\b", right_text)
    if number and kind in ("integer", "numeric", "float"):
        value = number_of(number[1].lstrip("-"))
        if value is None:
            return False
        sign = "-" if number[1].startswith("-") else ""
        literal = f"{sign}{value:g}" if value < 1e6 else f"{sign}{int(value)}"
        return add_check(draft, statement, f"{left} {operator} {literal}", left)
    if re.match(r"(?i)zero\b", right_text) and kind in ("integer", "numeric", "float"):
        return add_check(draft, statement, f"{left} {operator} 0", left)
    right_text = re.sub(r"(?i)^(?:it|they|that|those)\s+", "", right_text)
    right = column_at_start(draft, right_text)
    if right is None or right == left:
        return False
    other = family(draft.columns[right].type)
    if kind != other and not {kind, other} <= {"integer", "numeric"}:
        return False
    if kind in ("text", "boolean", "json") and operator not in ("=", "<>"):
        return False
    return add_check(draft, statement, f"{left} {operator} {right}", left)


def add_check(draft: Draft, statement: Statement, expression: str, *columns: str) -> bool:
    check = draft.add_check(
        Check(expression=expression, text=statement.source.quote, sources=(statement.source,))
    )
    statement.serve("rule", check_ref(draft, check))
    return True


def _span(draft: Draft, statement: Statement, operator: str, right_text: str) -> bool:
    """ "lasts at most 4 hours": the difference of the start and the end."""
    found = find_duration(right_text)
    pair = range_of(draft)
    if found is None or pair is None or operator not in ("<=", ">=", "<", ">"):
        return False
    start, end = pair
    amount, unit, _ = found
    words = {"min": "minutes", "h": "hours", "d": "days", "w": "weeks", "s": "seconds"}.get(unit)
    if words is None or not draft.columns[start].type.startswith("timestamp"):
        return False
    return add_check(draft, statement, f"{end} - {start} {operator} interval '{amount:g} {words}'")


def range_of(draft: Draft) -> tuple[str, str] | None:
    """The columns in which a row's time starts and ends, or None."""
    starts = [
        c
        for c in draft.columns
        if re.match(
            r"(?:start|begin|from|valid_from|check_?in|arriv)|.*_(?:start|from|starts?_at)$", c
        )
    ]
    ends = [
        c
        for c in draft.columns
        if re.match(
            r"(?:end|finish|until|valid_(?:until|to)|to_|check_?out|depart|expires)|.*_(?:end|"
            r"until)$",
            c,
        )
    ]
    for start in starts:
        for end in ends:
            a, b = draft.columns[start].type, draft.columns[end].type
            if a == b and a.startswith(("timestamp", "date")):
                return start, end
    return None


_NEGATIVE = re.compile(
    r"\b(?:cannot|can't|can not|must not|may not|never|not) (?:be |become |go )?(?:negative|"
    r"below zero)\b|\bnon-?negative\b",
    re.I,
)


_POSITIVE = re.compile(
    r"\b(?:must|is|are|has to|have to|always|be) (?:be )?(?:always )?positive\b", re.I
)


_START_AT = re.compile(r"\b(?:starts?|begins?|counts?) (?:at|with|from) (\d+)\b", re.I)


def _sign(draft: Draft, statement: Statement, clause: str) -> bool:
    for pattern, bound in ((_NEGATIVE, ">= 0"), (_POSITIVE, "> 0"), (_START_AT, ">= {}")):
        match = pattern.search(clause)
        if match is None:
            continue
        left = (
            column_at_end(draft, AUXILIARY.sub("", " " + clause[: match.start()]).strip())
            or statement.column
        )
        if not left or family(draft.columns[left].type) not in ("integer", "numeric", "float"):
            return False
        number = match[1] if match.lastindex else ""
        return add_check(draft, statement, f"{left} {bound.format(number)}", left)
    return False


_ALL = re.compile(r"^(?:all )?(amounts|prices|quantities|numbers|values|both)\b.{0,40}?(>= ?0|≥ "
                  r"?0|> ?0|not negative|never negative|"
                  r"non-?negative|positive|greater than (?:0|zero)|more than 0)", re.I)  # fmt: skip


def read_all_columns(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """ "All amounts are >= 0", "Both must be greater than 0"."""
    match = _ALL.search(statement.text.strip())
    draft = book.drafts.get(statement.subject)
    if match is None or draft is None:
        return False
    bound = "> 0" if re.match(r"> ?0|positive|greater|more", match[2], re.I) else ">= 0"
    word = match[1].lower()
    numbers = [
        c.name
        for c in draft.columns.values()
        if family(c.type) in ("integer", "numeric")
        and not c.identity
        and all(c.name not in k.columns for k in draft.foreign_keys)
    ]
    if word in ("amounts", "prices"):
        numbers = [n for n in numbers if draft.columns[n].type.endswith(",2)")]
    elif word == "both":
        numbers = numbers[-2:]
    elif word == "quantities":
        numbers = [n for n in numbers if "quantity" in n]
    for name in numbers:
        if not any(c.expression.startswith(f"{name} >") for c in draft.checks):
            add_check(draft, statement, f"{name} {bound}", name)
    return bool(numbers)


_ITSELF = re.compile(
    r"\b(?:not|never|cannot|can't)\b.{0,60}\b(?:itself|its own|themselves|"
    r"himself)\b",
    re.I,
)


def read_itself(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """ "A category can't be its own parent"."""
    draft = subject_draft(book, vocabulary, statement.text, statement.subject)
    if draft is None or not _ITSELF.search(statement.text) or len(draft.primary_key) != 1:
        return False
    key = draft.key_to(draft.name)
    if key is None:
        return False
    return add_check(draft, statement, f"{key.columns[-1]} <> {draft.primary_key[0]}")


_ANY_CASE = re.compile(
    r"\be-?mail\b.*(?:without regard to|regardless of|ignoring|irrespective "
    r"of|case[- ]insensitiv)",
    re.I,
)


def read_any_case(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """ "Email addresses are compared without regard to upper and lower case".

    Policy: such a text is stored in lower case, by a check. The operators of citext are not
    leakproof, so that under row-level security no index on it would be used.
    """
    if not _ANY_CASE.search(statement.text) or "case" not in statement.text.lower():
        return False
    served = False
    for draft in book.drafts.values():
        for column in draft.columns.values():
            if column.name in ("email", "email_address") and family(column.type) == "text":
                served |= add_check(draft, statement, f"{column.name} = lower({column.name})")
    return served


READERS = (read_itself, read_any_case, read_all_columns, read_comparison)
