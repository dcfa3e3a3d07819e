"""Tenancy, privacy and roles: whose rows they are, what is personal, and who may do what."""

from __future__ import annotations

import re

from ...domain.design import ForeignKey, Role, Tenancy, Unique
from ...domain.identifiers import RESERVED, shorten, snake_case
from .book import Book, ColumnDraft, Draft, Statement
from .columns import find_column
from .elements import foreign_key_ref, relation_ref, unique_ref
from .lexicon import TENANT_NOUNS
from .restrictions import ask_restricted, clauses, granted, restricted, restricts
from .vocabulary import Vocabulary

_MULTI = re.compile(
    r"\bmulti[- ]?tenan\w*|\btenant isolation|\brow[- ]level security|\bshared (?:tables|schema)\b|"
    r"\bour tenants?\b|\bis (?:our|a|the) tenant\b",
    re.I,
)
_ISOLATED = re.compile(
    r"\b(?:isolat\w+|visible to (?:that|its|their|the)|never (?:see|visible|accessible)|cannot "
    r"see|can't see|"
    r"must not see|only (?:its|their) own)\b",
    re.I,
)
_DENIED = re.compile(
    r"(?:multi[- ]?tenan\w*\W{0,20}(?:is |are |support )?(?:not|no\b|none|out of)|"
    r"\b(?:no|not|without|single|non)[- ]{1,3}(?:a )?(?:multi[- ]?)?tenan)",
    re.I,
)


def find_tenancy(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """Note the tenancy that a statement asks for."""
    text = statement.text
    multi = _MULTI.search(text)
    if multi is None and not (_ISOLATED.search(text) and "data" in text.lower()):
        return False
    if _DENIED.search(text):
        statement.about_data = False
        statement.serve("tenancy")
        return True
    home = _home(book, vocabulary, statement, bool(multi))
    if home is None:
        if multi is None:
            return False
        home = _missing_home(book, statement)
    if book.tenancy is None:
        book.tenancy = Tenancy(relation=home.name, source=statement.source)
    statement.serve("tenancy", relation_ref(book.drafts[home.key]))
    return True


def _home(book: Book, vocabulary: Vocabulary, statement: Statement, multi: bool) -> Draft | None:
    if book.tenancy is not None:
        return next(d for d in book.drafts.values() if d.name == book.tenancy.relation)
    if statement.subject and re.search(
        r"\bour tenants?\b|\b(?:is|are) (?:a|our|the) tenants?\b", statement.text, re.I
    ):
        return book.drafts[statement.subject]
    named = [m.key for m in vocabulary.mentions(statement.text)]
    for noun in TENANT_NOUNS:
        if noun in named:
            return book.drafts[noun]
    if not multi:
        return None
    for noun in TENANT_NOUNS[:9]:
        if noun in book.drafts:
            return book.drafts[noun]
    return None


def _missing_home(book: Book, statement: Statement) -> Draft:
    draft = Draft(
        "tenant", "tenants", "Tenant", comment="Whose rows they are", sources=[statement.source]
    )
    draft.columns["id"] = ColumnDraft(
        "id", "bigint", identity=True, stated=False, comment="Surrogate key"
    )
    draft.columns["name"] = ColumnDraft("name", "text", stated=False, sources=[statement.source])
    draft.primary_key = ("id",)
    book.drafts["tenant"] = draft
    book.ask(
        "The PRD says multi-tenant but describes no tenant. Who is one, and what is known of it?",
        relation_ref(draft), source=statement.source,
        default="A relation tenants with a name; every relation belongs to a tenant.",
    )  # fmt: skip
    return draft


def apply_tenancy(book: Book) -> None:
    """Give every relation that belongs to a tenant its tenant column and keys that carry it."""
    tenancy = book.tenancy
    if tenancy is None:
        return
    drafts = {d.name: d for d in book.drafts.values()}
    home = drafts[tenancy.relation]
    if len(home.primary_key) != 1:
        return
    pk = home.columns[home.primary_key[0]]
    everything = home.key == "tenant" and not any(d.key_to(home.name) for d in drafts.values())
    name = f"{home.key}_{'id' if pk.name in ('id', 'uuid', 'guid', f'{home.key}_id') else pk.name}"
    reached = _reached(drafts, home)
    added: list[str] = []
    for draft in drafts.values():
        if draft is home or not (everything or draft.name in reached):
            continue
        own = next(
            (
                k
                for k in draft.foreign_keys
                if k.references == home.name
                and len(k.columns) == 1
                and not draft.columns[k.columns[0]].nullable
            ),
            None,
        )
        if own is None and any(k.references == home.name for k in draft.foreign_keys):
            continue
        if own is None:
            if name in draft.columns:
                continue
            draft.columns[name] = ColumnDraft(
                name, pk.type, sources=[tenancy.source] if tenancy.source else [], stated=False,
                comment="Whose row it is", type_stated=True,
            )  # fmt: skip
            own = ForeignKey(columns=(name,), references=home.name,
                             sources=(tenancy.source,) if tenancy.source else ())  # fmt: skip
            draft.foreign_keys.append(own)
            added.append(f"column:{draft.name}.{name}")
        draft.tenant_column = own.columns[0]
    if added:
        book.decide(
            f"{name} stands in every relation that belongs to one of {home.name}",
            "Row-level security compares a column of the row itself.",
            *added,
            source=tenancy.source,
        )
    _carry_tenant(book, drafts, home)


def _reached(drafts: dict[str, Draft], home: Draft) -> set[str]:
    """The relations that lead to the tenants by required references."""
    reached = {home.name}
    grown = True
    while grown:
        grown = False
        for draft in drafts.values():
            if draft.name in reached:
                continue
            for key in draft.foreign_keys:
                if key.references in reached and not any(
                    draft.columns[c].nullable for c in key.columns
                ):
                    reached.add(draft.name)
                    grown = True
                    break
    return reached - {home.name}


def _carry_tenant(book: Book, drafts: dict[str, Draft], home: Draft) -> None:
    """Make references between rows of tenants carry the tenant, so that none crosses over."""
    carried: list[str] = []
    for draft in drafts.values():
        for at, key in enumerate(draft.foreign_keys):
            target = drafts.get(key.references)
            if (
                draft.tenant_column is None or target is None or target is home
                or target.tenant_column is None or len(key.columns) != 1
                or key.referenced_columns or key.on_delete == "SET NULL"
                or len(target.primary_key) != 1
            ):  # fmt: skip
                continue
            columns = (target.tenant_column, *target.primary_key)
            target.add_unique(Unique(columns=columns))
            composite = key.model_copy(
                update={
                    "columns": (draft.tenant_column, *key.columns),
                    "referenced_columns": columns,
                }
            )
            draft.foreign_keys[at] = composite
            carried.append(foreign_key_ref(draft, composite))
    if carried:
        book.decide(
            "References between rows of tenants carry the tenant",
            "Row-level security does not look at foreign keys; without it a row could refer to "
            "another tenant's.", *carried, source=book.tenancy.source if book.tenancy else None,
        )  # fmt: skip


_SHARED = re.compile(
    r"\b(?:shared (?:by|between|across) all|global\b|the same for (?:everyone|all|every))", re.I
)


def read_shared(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """ "Plans are shared by all tenants": what the design has outside of any tenant."""
    if book.tenancy is None or not _SHARED.search(statement.text):
        return False
    mentions = vocabulary.mentions(statement.text)
    draft = book.drafts[mentions[0].key] if mentions else None
    if draft is None or draft.tenant_column is not None or mentions[0].start > 12:
        return False
    statement.serve("tenancy", relation_ref(draft))
    return True


_PERSONAL = re.compile(
    r"\b(personal data|personal information|pii|personally identifiable|sensitive|"
    r"special categor\w+|confidential)\b",
    re.I,
)


def read_privacy(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """ "Personal data: contact email, user name; the body of messages" → classifications."""
    match = _PERSONAL.search(statement.text)
    if match is None or statement.role in ("people", "skip", "questions") or statement.column:
        return False
    kind = "sensitive" if match[1].lower().startswith(("sensitive", "special")) else "personal"
    key = statement.subject
    served: list[str] = []
    body = re.sub(r"\([^()]{0,300}\)", " ", statement.text)
    for piece in re.split(r"[,;:]|\band\b|\bare\b|\bis\b", body):
        mentions = vocabulary.mentions(piece)
        owner = next(
            (
                m
                for m in mentions
                if find_column(book.drafts[m.key], _without(piece, m.start, m.end))
            ),
            None,
        )
        if owner is not None:
            key = owner.key
            words = _without(piece, owner.start, owner.end)
        else:
            words = piece
        draft = book.drafts.get(key) if key else None
        column = find_column(draft, words) if draft else None
        if draft is None or column is None:
            continue
        for name in _family(draft, column, words):
            if draft.columns[name].classification in ("public", "internal", "personal"):
                draft.columns[name].classification = kind  # type: ignore[assignment]
            served.append(f"column:{draft.name}.{name}")
    if served:
        statement.serve("privacy", *served)
    return bool(served)


def _family(draft: Draft, column: str, words: str) -> list[str]:
    if re.search(r"\bnames\b", words, re.I):
        return [
            c
            for c in draft.columns
            if c in ("first_name", "last_name", "full_name", "name", "middle_name")
        ]
    return [column]


def _without(text: str, start: int, end: int) -> str:
    rest = f"{text[:start]} {text[end:]}"
    return re.sub(r"\b(?:the|of|in|a|an|'s|s|to|on)\b|’s", " ", rest).strip()


# Roles

_READ = re.compile(
    r"\b(?:read|view|see|sees|list|browse|search|look\w*|access|query|report\w*)\b", re.I
)
_INSERT = re.compile(
    r"\b(?:create|add|book|register|record|write|insert|enter|submit|place|open|post|upload|"
    r"new)\w*\b",
    re.I,
)
_UPDATE = re.compile(
    r"\b(?:edit|update|change|modify|assign|approve|cancel|move|correct|close)\w*\b", re.I
)
_DELETE = re.compile(r"\b(?:delete|remove|erase)\w*\b", re.I)
_ALL = re.compile(
    r"\b(?:everything|all (?:data|tables|rights|access)|full access|manage\w*|full control|"
    r"admin\w* all|"
    r"anything)\b",
    re.I,
)
_FULL = re.compile(r"\b(?:full access|full control|manage\w*|admin\w* all)\b", re.I)
_NO = re.compile(
    r"\b(?:nothing|none|no access|cannot|can't|may not|must not|not)\b|^\s*[–—-]\s*$", re.I
)


def read_role(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """A role with its rights, from a row or an item of a section about roles."""
    if statement.role != "roles" or statement.subject:
        return False
    rights: dict[str, list[str]] = {"select": [], "insert": [], "update": [], "delete": []}
    less: dict[str, str] = {}
    if statement.cells:
        title = statement.cells[0][1]
        for head, cell in statement.cells[1:]:
            _cell(book, vocabulary, head, cell, rights, less)
    else:
        match = re.match(r"\s*([A-Z][\w /-]{1,40}?)\s*(?:\([^()]{0,80}\))?\s*(?::|—|–|\bcan\b|"
                         r"\bmay\b|\bhas\b)(.{3,600})$",
                         statement.text)  # fmt: skip
        if match is None:
            return False
        title = match[1]
        for clause in clauses(match[2]):
            _clause(book, vocabulary, clause, rights, less)
    name = role_name(title)
    if not (any(rights.values()) or less) or len(title.split()) > 4 or not name:
        return False
    for verb, names in rights.items():
        rights[verb] = [relation for relation in names if relation not in less]
    if not any(rights.values()):
        ask_restricted(book, name, less, statement)
        return True
    known = next((r for r in book.roles if r.name == name), None)
    merged = {
        verb: tuple(dict.fromkeys((*(getattr(known, verb) if known else ()), *given)))
        for verb, given in rights.items()
    }
    merged["select"] = tuple(
        dict.fromkeys((*merged["select"], *merged["update"], *merged["delete"]))
    )
    role = Role(
        name=name, comment=title, sources=(*(known.sources if known else ()), statement.source),
        **merged,
    )  # fmt: skip
    book.roles = [r for r in book.roles if r.name != name] + [role]
    if less:
        ask_restricted(book, name, less, statement)
    else:
        statement.serve("role", f"role:{name}")
    return True


def role_name(title: str) -> str:
    """The title as the name of a database role: never reserved, never one of PostgreSQL's own."""
    name = shorten(snake_case(title), 50)
    if (
        name in RESERVED
        or name.startswith("pg_")
        or name in ("postgres", "public", "none", "admin")
    ):
        name = f"{name.removeprefix('pg_')}_role"
    return name


def _cell(
    book: Book, vocabulary: Vocabulary, head: str, cell: str, rights: dict[str, list[str]],
    less: dict[str, str],
) -> None:  # fmt: skip
    """A cell names relations and its header the right, or the other way round."""
    if not cell.strip() or _NO.match(cell.strip()):
        return
    of_header = [m.key for m in vocabulary.mentions(head)]
    if of_header and not (_READ.search(head) or _UPDATE.search(head) or _INSERT.search(head)):
        names = [book.drafts[key].name for key in of_header]
        if words := restricts(cell):
            less.update(dict.fromkeys(names, words))
        _grant(names, cell, rights)
        return
    names = _named(book, vocabulary, cell)
    if whole := _ALL.search(cell):
        spared = re.search(r"\b(?:except|but not|other than)\b(.{1,200})", cell)
        out = set(_named(book, vocabulary, spared[1])) if spared else set()
        names = [d.name for d in book.drafts.values() if d.name not in out]
        rest = cell[: spared.start()] if out and spared else cell
        if words := restricts(rest[: whole.start()] + rest[whole.end() :]):
            less.update(dict.fromkeys(names, words))
    else:
        less.update(restricted(book, vocabulary, cell))
    _grant(names, head, rights)


def _clause(
    book: Book, vocabulary: Vocabulary, clause: str, rights: dict[str, list[str]],
    less: dict[str, str],
) -> None:  # fmt: skip
    if re.search(r"\b(?:cannot|can't|may not|must not|no access|never|not)\b", clause, re.I):
        return
    names = _named(book, vocabulary, clause)
    if _ALL.search(clause) and not names:
        names = [d.name for d in book.drafts.values()]
        if words := restricts(_ALL.sub(" ", clause)):
            less.update(dict.fromkeys(names, words))
    less.update(restricted(book, vocabulary, clause))
    _grant(names, clause, rights)


def _named(book: Book, vocabulary: Vocabulary, text: str) -> list[str]:
    mentions = granted(vocabulary.mentions(text), text)
    return list(dict.fromkeys(book.drafts[m.key].name for m in mentions))


def _grant(names: list[str], words: str, rights: dict[str, list[str]]) -> None:
    rest = _ALL.sub(" ", words)
    # "can read everything" is a right to read; "manages everything" and "everything" are all.
    named = any(p.search(rest) for p in (_READ, _INSERT, _UPDATE, _DELETE))
    everything = bool(_FULL.search(words) or (_ALL.search(words) and not named))
    changes = bool(re.search(r"\b(?:change|write|modify)", words, re.I))
    for pattern, verb in (
        (_READ, "select"),
        (_INSERT, "insert"),
        (_UPDATE, "update"),
        (_DELETE, "delete"),
    ):
        if everything or pattern.search(words) or (changes and verb in ("insert", "update")):
            rights[verb].extend(name for name in names if name not in rights[verb])


__all__ = ["apply_tenancy", "find_tenancy", "read_privacy", "read_role", "role_name", "unique_ref"]
