"""Comparisons and formulas: rules over the columns of one row.

"ends after it starts", "reserved can never exceed on hand", "set if and only if status is
cancelled", "either a or b is given", "total = net + tax". Policy: a stated sum or product of
columns of the same row becomes a generated column, so that it cannot be wrong.
"""

from __future__ import annotations

import re

from ...domain.design import Check
from ...domain.identifiers import quote_literal
from ...domain.types import family
from .book import Book, Draft, Statement
from .columns import column_at_end, column_at_start, find_column, subject_draft
from .elements import check_ref, column_ref, values_ref
from .modifiers import default_sql
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
_AUXILIARY = re.compile(
    r"(?:\s+(?:is|are|be|must|shall|should|has|have|to|can|may|always|never|not|the|a|an|only|"
    r"will|date|strictly))+\s*$",
    re.I,
)
_SPAN = re.compile(r"\b(?:lasts?|duration|takes?|length)\b", re.I)


def read_comparison(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """ "ends after it starts", "not before issued_on", "must be positive"."""
    draft = _draft(book, vocabulary, statement)
    if draft is None or len(statement.text) > 400:
        return False
    served = False
    for clause in re.split(r"[;.]\s|\s(?:and|but)\s(?=[^,;]{0,40}(?:after|before|more|less|at "
                           r"least|at most|exceed))|,\s(?=and\b|the\b)",
                           statement.text):  # fmt: skip
        served |= _clause(draft, statement, clause.strip(" .,;"))
    return served


def _draft(book: Book, vocabulary: Vocabulary, statement: Statement) -> Draft | None:
    if statement.column:
        return book.drafts.get(statement.subject)
    return subject_draft(book, vocabulary, statement.text, statement.subject)


def _clause(draft: Draft, statement: Statement, clause: str) -> bool:
    if not clause or re.search(r"\bif\b|\bunless\b|\bwhen\b|\bsum of\b|\bwithin\b", clause, re.I):
        return False
    for pattern, operator in _COMPARE:
        match = pattern.search(clause)
        if match is None:
            continue
        left_text = _AUXILIARY.sub("", " " + clause[: match.start()].strip()).strip()
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
    number = re.match(r"\s*(-?\d[\d,]*(?:\.\d+)?)\b", right_text)
    if number and kind in ("integer", "numeric", "float"):
        value = number_of(number[1].lstrip("-"))
        if value is None:
            return False
        sign = "-" if number[1].startswith("-") else ""
        literal = f"{sign}{value:g}" if value < 1e6 else f"{sign}{int(value)}"
        return _check(draft, statement, f"{left} {operator} {literal}", left)
    if re.match(r"(?i)zero\b", right_text) and kind in ("integer", "numeric", "float"):
        return _check(draft, statement, f"{left} {operator} 0", left)
    right_text = re.sub(r"(?i)^(?:it|they|that|those)\s+", "", right_text)
    right = column_at_start(draft, right_text)
    if right is None or right == left:
        return False
    other = family(draft.columns[right].type)
    if kind != other and not {kind, other} <= {"integer", "numeric"}:
        return False
    if kind in ("text", "boolean", "json") and operator not in ("=", "<>"):
        return False
    return _check(draft, statement, f"{left} {operator} {right}", left)


def _check(draft: Draft, statement: Statement, expression: str, *columns: str) -> bool:
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
    return _check(draft, statement, f"{end} - {start} {operator} interval '{amount:g} {words}'")


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
            column_at_end(draft, _AUXILIARY.sub("", " " + clause[: match.start()]).strip())
            or statement.column
        )
        if not left or family(draft.columns[left].type) not in ("integer", "numeric", "float"):
            return False
        number = match[1] if match.lastindex else ""
        return _check(draft, statement, f"{left} {bound.format(number)}", left)
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
            _check(draft, statement, f"{name} {bound}", name)
    return bool(numbers)


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
    draft = _draft(book, vocabulary, statement)
    if draft is None:
        return _state_has(book, vocabulary, statement)
    for pattern, filled in ((_IFF, True), (_EMPTY, False)):
        match = pattern.search(statement.text)
        if match is None:
            continue
        lead = _AUXILIARY.sub("", statement.text[: match.start()]).strip()
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
        return _check(draft, statement, expression, column)
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
    return _check(draft, statement, expression, column)


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
    draft = _draft(book, vocabulary, statement)
    if match is None or draft is None:
        return False
    left, right = find_column(draft, match[2]), find_column(draft, match[3])
    if left is None or right is None or left == right:
        return False
    one = match[1].lower() == "exactly one of" or "not both" in statement.text.lower()
    expression = f"num_nonnulls({left}, {right}) {'= 1' if one else '>= 1'}"
    for name in (left, right):
        draft.columns[name].nullable = True
    return _check(draft, statement, expression, left, right)


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
    draft = _draft(book, vocabulary, statement)
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
    return _check(draft, statement, f"{key.columns[-1]} <> {draft.primary_key[0]}")


_ANY_CASE = re.compile(
    r"\be-?mail\b.*(?:without regard to|regardless of|ignoring|irrespective "
    r"of|case[- ]insensitiv)",
    re.I,
)


def read_any_case(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """ "Email addresses are compared without regard to upper and lower case"."""
    if not _ANY_CASE.search(statement.text) or "case" not in statement.text.lower():
        return False
    served = []
    for draft in book.drafts.values():
        for column in draft.columns.values():
            if column.name in ("email", "email_address") and column.type in ("text", "citext"):
                column.type = "citext"
                served.append(column_ref(draft, column.name))
    statement.serve("rule", *served)
    return bool(served)


READERS = (
    read_itself,
    read_any_case,
    read_formula,
    read_condition,
    read_either,
    read_all_columns,
    read_values_rule,
    read_comparison,
)
