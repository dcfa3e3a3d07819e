"""The workload: access patterns and SLAs of the PRD as measured queries.

A pattern without an SLA becomes a query too; one with an SLA that cannot be mapped to relations
becomes a question, and its requirement stays without elements. An objective for all queries is
given to those that have none of their own; where the PRD names no access pattern, to the ones
that any application needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ...domain.access import derive_workload
from ...domain.design import Design
from ...domain.identifiers import shorten, snake_case
from ...domain.workload import Sla, WorkloadQuery
from .answers import falls_short
from .book import Book, GeneralSla, Statement
from .operations import Operation, read_operation
from .queries import build_sql
from .sla import Objective, is_general, is_vague, read_objective
from .vocabulary import Vocabulary

MAX_QUERIES = 40
_ACCESS = re.compile(
    r"\b(?:find|finds|search|searche[sd]|look(?:s|ed)? up|list|lists|listed|sees?|view|views|"
    r"browse|shows?|shown|filter|"
    r"lookup|report|dashboard|retrieve|fetch|query|history|how often)\b", re.I,
)  # fmt: skip
_STORY = re.compile(
    r"^\s*as (?:an? )?[^,]{0,60}?,?\s+(?:i|we) (?:want|need|would like|can|must be "
    r"able)\s*(?:to)?\s*",
    re.I,
)
_ACTOR = re.compile(
    r"^\s*(?:the )?[\w ]{2,30}?\s+(?:(?:must|shall|should|can|may|will)\s+(?:be able to\s+|"
    r"(?:allow|let|enable)\s+[\w ]{2,30}?\s+(?:to\s+)?)?(?=[a-z])|(?=(?:finds|sees|lists|searches|"
    r"views|shows|looks up|browses)\b))",
    re.I,
)
_WISH = re.compile(r"\s+(?:so that|in order to|because)\b.*$", re.I | re.DOTALL)
_PAGE = re.compile(
    r"\b(?:home ?page|page loads?|app start\w*|launch|render\w*|screen|frontend|bundle|cold "
    r"start|animation)\b",
    re.I,
)


_TASK = re.compile(r"\b(?:search|quer\w+|report|page|list|lookup|response)\b", re.I)


_ONE_OF = re.compile(r"^\W*(?:as (?:an? |the )?)?([a-z][a-z -]{2,30}?)(?=\s*[,:(]|$)", re.I)
_DEFINES = re.compile(r"^\W*(?:all |the )?([a-z]+(?: [a-z]+){1,2}) \(([^()]{3,120})\)", re.I)


def _actor(book: Book, text: str) -> str:
    """The people whose operations an objective is for: "no operation at reception"; else ""."""
    return next(
        (
            words for words in book.people
            if re.search(rf"(?i)\b(?:at|by|for|of|from) (?:the )?{words}s?\b", text)
        ), "",
    )  # fmt: skip


def find_people(book: Book) -> None:
    """Note who acts, the people that the PRD lists and those of its stories, and what words mean:
    "overdue invoices (open or reminded)"."""
    for wish in book.wishes:
        if (said := _DEFINES.match(wish.text)) and len(book.definitions) < 100:
            book.definitions.setdefault(said[1].lower(), said[2])
    for statement in book.statements:
        if statement.role == "people" or re.match(r"(?i)\W*as an? ", statement.text):
            named = _ONE_OF.match(statement.text)
            if named and named[1].strip().lower() not in book.people and len(book.people) < 50:
                book.people.append(named[1].strip().lower())


def _acts(book: Book, actor: str) -> set[str]:
    """The queries that the PRD says the actor asks."""
    start = re.compile(rf"\W*(?:as )?(?:an? |the |every |each )?{re.escape(actor)}\b", re.I)
    asked = (s.elements for s in book.statements if s.elements and start.match(s.text))
    return {element for elements in asked for element in elements}


def _defined(book: Book, words: str) -> str:
    """The words with what the PRD says they mean: "overdue invoices (open or reminded)"."""
    for term, meaning in book.definitions.items():
        if term in words.lower() and (found := re.search(rf"(?i)\b{term}\b(?!\s*\()", words)):
            return f"{words[: found.end()]} ({meaning}){words[found.end() :]}"
    return words


def read_sla(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """A statement with a latency objective, as a query with an SLA."""
    if statement.role in (
        "people",
        "skip",
        "questions",
        "recovery",
        "retention",
        "interface",
        "overview",
    ):
        return False
    objective = read_objective(book, statement)
    if objective is None:
        speedy = statement.role == "sla" or (
            statement.role in ("volume", "quality", "access") and _TASK.search(statement.text)
        )
        if speedy and is_vague(statement.text):
            statement.read, statement.kind = True, "sla"
            statement.about_data = not _PAGE.search(statement.text)
            book.ask(
                f"How fast is meant in line {statement.line}: '{statement.source.quote[:100]}'?",
                source=statement.source, default="It is not measured against a target.",
            )  # fmt: skip
        return False
    statement.kind = "sla"
    words = objective.operation
    if (
        not vocabulary.mentions(words)
        and (is_general(words) or not words.strip())
        and not _PAGE.search(words)
    ):
        book.general_slas.append(
            GeneralSla(
                objective.sla, statement,
                reads=not re.search(r"(?i)\bwrites?\b|insert", words),
                writes=not re.search(r"(?i)\breads?\b|lookup|quer", words),
                actor=_actor(book, statement.text),
            )
        )  # fmt: skip
        statement.read = True
        return True
    query = _query(book, vocabulary, statement, words, objective.sla)
    if query is None:
        query = _like_requirement(book, vocabulary, statement, words, objective.sla)
    if query is None:
        if _PAGE.search(words):
            statement.about_data = False
            statement.read = True
            return True
        book.ask(
            f"Which data does '{words[:80]}' (line {statement.line}) read or write? Its response "
            "time cannot be measured without that.",
            source=statement.source, default="It is not measured.",
        )  # fmt: skip
        # It stays a requirement that no query stands for.
        statement.read = True
        return False
    _add(book, statement, query, objective)
    return True


def _like_requirement(
    book: Book, vocabulary: Vocabulary, statement: Statement, words: str, sla: Sla
) -> WorkloadQuery | None:
    """The operation of the requirement that shares most words with one that names no data."""
    wanted = set(re.findall(r"[a-z]{4,}", words.lower())) - {"with", "from", "that", "this", "page"}
    best: tuple[int, Statement] | None = None
    for other in book.wishes:
        shared = len(wanted & set(re.findall(r"[a-z]{4,}", other.text.lower())))
        if shared >= max(2, len(wanted)) and (best is None or shared > best[0]):
            best = (shared, other)
    if best is None:
        return None
    text = _WISH.sub("", _STORY.sub("", best[1].text))
    query = _query(book, vocabulary, statement, text, sla)
    if query is not None:
        book.assume(
            f"'{words[:60]}' (line {statement.line}) means what line {best[1].line} asks for",
            "It names no data of its own, and the two share their words.", f"query:{query.name}",
        )  # fmt: skip
    return query


_SHOWN = re.compile(
    r"(?i)\b(?:drag\w*|printed?|printable|interface|keyboard|animation|reload|"
    r"typing|dark mode)\b"
)


def read_access(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """A statement that asks to find, list or report something, as a query without an SLA."""
    if statement.role not in ("access", "requirements", "sla") or len(book.workload) >= MAX_QUERIES:
        return False
    if statement.kind == "sla" and statement.read:
        return False
    text = _ACTOR.sub("", _WISH.sub("", _STORY.sub("", statement.text)))
    text = re.split(r"\. (?=[A-Z])", text)[0]
    if statement.role != "access" and not _ACCESS.search(text):
        return False
    if _SHOWN.search(text):
        return False
    if re.search(
        r"(?i)\b(?:must not|cannot|never|nobody|unless|export|print\w*|notif\w+|reminds?|"
        r"reminders?)\b",
        text,
    ):
        return False
    query = _query(book, vocabulary, statement, text, None)
    if query is None or (
        not query.parameters
        and " GROUP BY " not in query.sql
        and " WHERE " not in query.sql
        and " ORDER BY " not in query.sql
    ):
        return False
    same = next((q for q in book.workload if q.sql == query.sql), None)
    if same is not None:
        statement.serve("access", f"query:{same.name}")
        return True
    if query.sql.startswith(("INSERT", "UPDATE", "DELETE")):
        return False
    book.workload.append(query)
    statement.serve("access", f"query:{query.name}")
    return True


def _names_many(vocabulary: Vocabulary, words: str, operation: Operation) -> bool:
    """True where the words name several rows of what the operation reads."""
    return any(m.plural and m.key == operation.main.key for m in vocabulary.mentions(words))


def _query(
    book: Book, vocabulary: Vocabulary, statement: Statement, words: str, sla: Sla | None
) -> WorkloadQuery | None:
    meant = _defined(book, words)
    operation = read_operation(book, vocabulary, meant, subject=statement.subject)
    if operation is None:
        return None
    built = build_sql(book, operation)
    if built is None:
        return None
    sql, parameters = built
    one = re.search(r" WHERE \w+\.id = :id$", sql) is not None
    if falls_short(words, sql) or (one and _names_many(vocabulary, words, operation)):
        return None
    head = words.split(":")[0] if ":" in words[:40] else words
    head = re.sub(r"\([^()]{0,100}\)", "", head)
    stem = snake_case(" ".join(head.split()[:8])) or f"{operation.verb}_{operation.main.name}"
    stem = re.sub(r"^(?:the|a|an|to|my)_|_(?:the|a|an|of|with|and|for|by)$", "", stem)
    if re.match(r"n_\d", stem):
        stem = f"{operation.verb}_{operation.main.name}"
    name, number = shorten(stem, 58), 2
    taken = {q.name for q in book.workload}
    while name in taken:
        name, number = f"{shorten(stem, 55)}_{number}", number + 1
    return WorkloadQuery(
        name=name, purpose=" ".join(words.split())[:200], sql=sql, parameters=parameters, sla=sla,
        origin="prd", requirement=statement.requirement or None, sources=(statement.source,),
        frequency=sla.rate_per_second if sla and sla.rate_per_second else 1.0,
    )  # fmt: skip


def _add(book: Book, statement: Statement, query: WorkloadQuery, objective: Objective) -> None:
    """Keep the query; two objectives for one statement are a question, and the stricter holds."""
    for at, known in enumerate(book.workload):
        if known.sql != query.sql:
            continue
        statement.serve("sla", f"query:{known.name}")
        sla = known.sla
        if sla is None:
            book.workload[at] = query.model_copy(update={"name": known.name})
            return
        same_crowd = sla.concurrency == objective.sla.concurrency
        if (
            same_crowd
            and sla.percentile == objective.sla.percentile
            and sla.target_ms != objective.sla.target_ms
        ):
            stricter = min((sla, objective.sla), key=lambda s: s.target_ms)
            line = sla.source.line if sla.source else 0
            book.ask(
                f"'{query.purpose[:60]}' has two response times: {sla.target_ms:g} ms (line "
                f"{line}) "
                f"and {objective.sla.target_ms:g} ms (line {statement.line}). Which holds?",
                f"query:{known.name}", source=statement.source,
                default=f"The stricter: {stricter.target_ms:g} ms.",
            )  # fmt: skip
            book.workload[at] = known.model_copy(update={"sla": stricter})
            return
        if same_crowd and sla == objective.sla:
            return
        book.workload.append(query)
        statement.serve("sla", f"query:{query.name}")
        return
    book.workload.append(query)
    statement.serve("sla", f"query:{query.name}")


def general_objectives(book: Book, design: Callable[[], Design]) -> tuple[WorkloadQuery, ...]:
    """The workload with the objectives for all queries; derived ones where the PRD names none."""
    workload = list(book.workload)
    if not book.general_slas:
        return tuple(workload)
    if not workload:
        workload = list(derive_workload(design()))
    of_actor = {g.actor: _acts(book, g.actor) for g in book.general_slas if g.actor}
    for general in book.general_slas:
        served = []
        for at, query in enumerate(workload):
            write = query.sql.startswith(("INSERT", "UPDATE", "DELETE"))
            if general.actor and f"query:{query.name}" not in of_actor[general.actor]:
                continue
            if query.sla is None and (general.writes if write else general.reads):
                workload[at] = query.model_copy(update={"sla": general.sla})
                served.append(f"query:{query.name}")
        general.statement.serve("sla", *served)
    return tuple(workload)
