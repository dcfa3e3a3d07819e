"""Conditions and formulas: "set if and only if status is cancelled", "total = net + tax".

Policy: a stated sum or product of columns of the same row becomes a generated column, so that it
cannot be wrong.
"""

from __future__ import annotations

import re

from ...domain.identifiers import quote_literal
from ...domain.types import family
from .book import Book, Draft, Statement
from .columns import column_at_end, column_at_start, find_column, subject_draft
from .comparisons import AUXILIARY, add_check, draft_of
from .elements import column_ref, values_ref
from .modifiers import default_sql
from .vocabulary import Vocabulary

_IFF = re.compile(
    r"\b(?:set|given|filled|present|not null|not empty|required|exists?)\s+(if and only if|only "
    r"(?:if|when|while)|exactly when|"
    r"if|when|once|for)\s+(?:the\s+)?(.{1,80})$",
    re.I,
)


_EMPTY = re.compile(
    r"\b(?:empty|null|not set)\s+(unless|if|when|while)\s+(?:the\s+)?(.{1,80})$", re.I
)


def read_condition(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """ "cancelled_at is set if and only if status is cancelled"."""
    draft = draft_of(book, vocabulary, statement)
    if draft is None:
        return _state_has(book, vocabulary, statement)
    for pattern, filled in ((_IFF, True), (_EMPTY, False)):
        match = pattern.search(statement.text)
        if match is None:
            continue
        lead = AUXILIARY.sub("", statement.text[: match.start()]).strip()
        column = (column_at_end(draft, lead) if lead else None) or statement.column
        condition = _values_condition(draft, match[2])
        if not column or condition is None or not draft.columns[column].nullable:
            continue
        word = match[1].lower()
        there = f"{column} IS NOT NULL"
        if "and only" in word or "exactly" in word:
            expression = f"({there}) = ({condition})"
        elif (filled and word.startswith("only")) or (not filled and word == "unless"):
            expression = f"{column} IS NULL OR {condition}"
        elif filled:
            expression = f"NOT ({condition}) OR {there}"
        else:
            expression = f"NOT ({condition}) OR {column} IS NULL"
        return add_check(draft, statement, expression, column)
    return _state_has(book, vocabulary, statement)


_STATE_HAS = re.compile(
    r"\b(?:that|which|who) (?:is|are) ([\w' ]{2,60}?) (?:has|have|must have|needs?|needs? to "
    r"have) (?:an? |the )?([\w' ]{2,40})",
    re.I,
)


def _state_has(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """ "A ticket that is solved or closed has a solved at; the others have none."."""
    match = _STATE_HAS.search(statement.text)
    draft = subject_draft(book, vocabulary, statement.text, statement.subject)
    if match is None or draft is None:
        return False
    condition = _values_condition(draft, match[1])
    column = column_at_start(draft, match[2])
    if condition is None or column is None or not draft.columns[column].nullable:
        return False
    others = bool(
        re.search(
            r"\b(?:the )?others? (?:have|has) (?:none|no)|\botherwise (?:it is )?(?:empty|null|"
            r"none)",
            statement.text,
            re.I,
        )
    )
    there = f"{column} IS NOT NULL"
    expression = f"({there}) = ({condition})" if others else f"NOT ({condition}) OR {there}"
    return add_check(draft, statement, expression, column)


def _values_condition(draft: Draft, words: str) -> str | None:
    """ "status is solved or closed", "solved or closed" → `status IN ('solved', 'closed')`."""
    lowered = " " + re.sub(r"[`'\",.]", " ", words.lower().replace("_", " ")) + " "
    for column in draft.columns.values():
        found = [v for v in column.values if f" {v.lower().replace('_', ' ')} " in lowered]
        if found and (
            column.name in ("status", "state", "stage", "kind", "type")
            or column.name.replace("_", " ") in lowered
        ):
            if len(found) == 1:
                return f"{column.name} = {quote_literal(found[0])}"
            return f"{column.name} IN ({', '.join(quote_literal(v) for v in found)})"
        if (
            column.type == "boolean"
            and column.name.removeprefix("is_").replace("_", " ") in lowered
        ):
            return column.name
    return None


_EITHER = re.compile(
    r"\b(either|exactly one of|at least one of|one of)\s+(?:the\s+)?(`?[\w ]{1,40}?`?)\s+(?:or|"
    r"and)\s+(?:the\s+)?(`?[\w ]{1,40}?`?)\s+"
    r"(?:is|are|must be|has to be|must|has)\b(.{0,60})",
    re.I,
)


def read_either(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """ "either value or value_text is given"."""
    match = _EITHER.search(statement.text)
    draft = draft_of(book, vocabulary, statement)
    if match is None or draft is None:
        return False
    left, right = find_column(draft, match[2]), find_column(draft, match[3])
    if left is None or right is None or left == right:
        return False
    one = match[1].lower() == "exactly one of" or "not both" in statement.text.lower()
    expression = f"num_nonnulls({left}, {right}) {'= 1' if one else '>= 1'}"
    for name in (left, right):
        draft.columns[name].nullable = True
    return add_check(draft, statement, expression, left, right)


_FORMULA = re.compile(
    r"`?\b([a-z_]\w{1,40})`?\s*=\s*`?([a-z_][\w +*/().-]{2,160}?)`?(?=[\s.,;)]|$)(?!\w)"
)


_PLUS = re.compile(
    r"\b([\w' ]{2,50}?) (?:is|equals) (?:the )?([\w' ]{2,40}?) (plus|minus|times|multiplied by) "
    r"(?:the )?([\w' ]{2,40})$",
    re.I,
)


_SIGNS = {"plus": "+", "minus": "-", "times": "*", "multiplied by": "*"}


def read_formula(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """ "total = subtotal + tax", "the line total is the quantity times the unit price"."""
    draft = book.drafts.get(statement.subject) or subject_draft(
        book, vocabulary, statement.text, ""
    )
    if draft is None:
        return False
    text = statement.text.strip().rstrip(".")
    if match := re.search(r"`?\b([a-z_]\w{1,40})`?\s*=\s*(.{3,200})$", text):
        target = find_column(draft, match[1])
        body = re.match(r"[\w\s+*/().-]+", match[2].replace("`", ""))
        names = re.findall(r"[a-z_]\w*", body[0]) if body else []
        if (
            target
            and names
            and all(n in draft.columns for n in names)
            and target not in names
            and body
        ):
            return _generate(book, draft, statement, target, body[0].strip(), names)
        return False
    sentence = re.split(r"\.\s", text)[0]
    if match := _PLUS.search(sentence):
        target = column_at_end(draft, re.sub(r"^.*?'s ", "", match[1]))
        left, right = find_column(draft, match[2]), find_column(draft, match[4])
        if any(
            name and name.endswith(("_rate", "_percent", "_percentage")) for name in (left, right)
        ):
            return False
        if target and left and right and len({target, left, right}) == 3:
            return _generate(
                book,
                draft,
                statement,
                target,
                f"{left} {_SIGNS[match[3].lower()]} {right}",
                [left, right],
            )
    return False


def _generate(
    book: Book, draft: Draft, statement: Statement, target: str, expression: str, names: list[str]
) -> bool:
    column = draft.columns[target]
    kinds = {family(draft.columns[n].type) for n in [target, *names]}
    if not kinds <= {"integer", "numeric"} or any(draft.columns[n].generated for n in names):
        return False
    if any(draft.columns[n].nullable for n in names):
        column.nullable = True
    column.generated, column.default = expression, None
    statement.serve("rule", column_ref(draft, target))
    book.decide(
        f"{draft.name}.{target} is computed by the database",
        f"The PRD states that it is {expression}.",
        column_ref(draft, target),
        source=statement.source,
    )
    return True


_STATUS_LIST = re.compile(
    r"\b([\w ]{2,40}?) (?:is|are|can be|must be|may be|has to be)(?: only)?(?: one of)?:? (?:the "
    r"following:? )?"
    r"((?:`?\w[\w -]{0,30}`?(?:\s*,\s*(?:or |and )?|\s+or\s+|\s*\|\s*)){1,20}`?\w[\w "
    r"-]{0,30}`?)\s*$",
    re.I,
)


def read_values_rule(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """ "Status is one of draft, placed or paid", "new orders start as draft"."""
    draft = draft_of(book, vocabulary, statement)
    if draft is None:
        return False
    text = statement.text.strip().rstrip(".")
    start = re.search(
        r"\b(?:starts? (?:as|in|with)|initial (?:status|state) is|defaults? to|is "
        r"initially)\s+`?([\w -]{2,30})`?",
        text,
        re.I,
    )
    if start:
        for column in draft.columns.values():
            value = next((v for v in column.values if v.lower() == start[1].strip().lower()), None)
            if value and column.default is None:
                column.default = default_sql(value, column.type, column.values)
                statement.serve("rule", column_ref(draft, column.name))
                return True
    match = _STATUS_LIST.search(text)
    if match is None or not re.search(r"one of|,|\|", text):
        return False
    name = column_at_end(draft, re.sub(r"^.*?'s ", "", match[1]), most=3)
    if name is None or family(draft.columns[name].type) != "text":
        return False
    values = tuple(
        v.strip(" `'\"") for v in re.split(r",\s*(?:or |and )?|\s+or\s+|\|", match[2]) if v.strip()
    )
    if len(values) < 2 or any(len(v.split()) > 3 for v in values):
        return False
    if not draft.columns[name].values:
        draft.columns[name].values = values
    statement.serve("rule", values_ref(draft, name))
    return True


READERS = (read_formula, read_condition, read_either, read_values_rule)
