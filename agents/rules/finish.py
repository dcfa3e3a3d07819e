"""The end of a reading: cycles are cut, foreign keys get indexes, drafts become the design."""

from __future__ import annotations

import re

from ...domain import naming
from ...domain.design import Column, Design, ForeignKey, Index, IndexKey, Relation
from ...domain.identifiers import shorten, snake_case
from ...domain.requirements import Requirement
from .book import Book, Draft
from .elements import foreign_key_ref


def pure_associations(book: Book) -> None:
    """Give a relation of nothing but references the composite key of them."""
    referenced = {k.references for d in book.drafts.values() for k in d.foreign_keys}
    for draft in book.drafts.values():
        surrogate = draft.columns.get("id")
        if surrogate is None or surrogate.stated or draft.name in referenced:
            continue
        keys = [k for k in draft.foreign_keys if len(k.columns) == 1]
        columns = tuple(k.columns[0] for k in keys)
        others = [
            c for c in draft.columns.values()
            if c.name not in columns and c.name != "id" and not c.type.startswith("timestamp")
        ]  # fmt: skip
        if len(columns) < 2 or others or any(draft.columns[c].nullable for c in columns):
            continue
        if len({k.references for k in keys}) < 2:
            continue
        whole = next((u for u in draft.uniques if set(u.columns) <= set(columns)), None)
        del draft.columns["id"]
        draft.primary_key = whole.columns if whole and not whole.where else columns
        draft.uniques = [u for u in draft.uniques if set(u.columns) != set(draft.primary_key)]


def cut_cycles(book: Book) -> None:
    """Make one key of each cycle of required references nullable and deferrable."""
    by_name = {d.name: d for d in book.drafts.values()}
    state: dict[str, int] = {}
    for root in by_name:
        if state.get(root):
            continue
        # Depth first without recursion; 1 is on the path, 2 is finished.
        stack: list[tuple[str, int]] = [(root, 0)]
        state[root] = 1
        while stack:
            name, at = stack.pop()
            draft = by_name[name]
            if at >= len(draft.foreign_keys):
                state[name] = 2
                continue
            stack.append((name, at + 1))
            key = draft.foreign_keys[at]
            if key.references not in by_name:
                continue
            required = not any(draft.columns[c].nullable for c in key.columns)
            if not required:
                if key.references == name:
                    continue
            elif key.references == name or state.get(key.references) == 1:
                _loosen(book, draft, at)
                continue
            if required and not state.get(key.references):
                state[key.references] = 1
                stack.append((key.references, 0))


def _loosen(book: Book, draft: Draft, at: int) -> None:
    key = draft.foreign_keys[at]
    columns = [c for c in key.columns if c not in draft.primary_key]
    for name in columns:
        draft.columns[name].nullable = True
    draft.foreign_keys[at] = key.model_copy(update={"deferrable": True})
    book.assume(
        f"{draft.name}.{', '.join(key.columns)} may be empty and is checked at commit",
        f"{draft.name} and {key.references} refer to each other; one of them has to be first.",
        foreign_key_ref(draft, draft.foreign_keys[at]),
    )


def index_foreign_keys(book: Book) -> None:
    """An index for every foreign key that no key's first columns cover."""
    for draft in book.drafts.values():
        for key in draft.foreign_keys:
            if not _covered(draft, key):
                draft.indexes.append(
                    Index(
                        keys=tuple(IndexKey(column=c) for c in key.columns), origin="foreign_key",
                        reason=f"joins to {key.references} and deletes there",
                    )
                )  # fmt: skip


def _covered(draft: Draft, key: ForeignKey) -> bool:
    size = len(key.columns)
    wanted = set(key.columns)
    candidates = [draft.primary_key, *(u.columns for u in draft.uniques if u.where is None)]
    candidates += [tuple(k.column or "" for k in i.keys) for i in draft.indexes if not i.where]
    return any(set(columns[:size]) == wanted for columns in candidates)


def relation_of(draft: Draft) -> Relation:
    """The frozen relation of a draft."""
    columns = []
    for c in draft.columns.values():
        columns.append(
            Column(
                name=c.name, type=c.type, nullable=c.nullable and c.name not in draft.primary_key,
                default=c.default, identity=c.identity, generated=c.generated, values=c.values,
                classification=c.classification, unit=c.unit, comment=c.comment[:400],
                sources=tuple(c.sources[:4]),
            )
        )  # fmt: skip
    return Relation(
        name=draft.name, columns=tuple(columns), primary_key=draft.primary_key,
        uniques=tuple(draft.uniques), foreign_keys=tuple(draft.foreign_keys),
        checks=tuple(draft.checks), exclusions=tuple(draft.exclusions),
        indexes=tuple(draft.indexes), dependencies=tuple(draft.dependencies),
        tenant_column=draft.tenant_column, volume=draft.volume, retention=draft.retention,
        title=draft.title, comment=draft.comment, sources=tuple(draft.sources[:4]),
    )  # fmt: skip


# "Product requirements: Lindenhof" is about Lindenhof.
_KIND = re.compile(
    r"^(?:product |business |software |functional |system )?(?:requirements?|prd|spec\w*)"
    r"(?: document| specification)?\s*(?:for|of|:|–|—|-)\s*(?:the\s+)?|\s*\(?\bprd\b\)?\s*$|"
    r"^prd\b[\s:–—-]*",
    re.I,
)


def design_of(book: Book, *, name: str, planner: str) -> Design:
    """The design that the book holds, without its requirements."""
    title = _KIND.sub("", book.title).strip() or book.title
    short = re.split(r"[:,;(–—|]|\s-\s", title)[0]
    return Design(
        name=shorten(snake_case(short) or snake_case(name) or "database", 50),
        title=title[:200] or name, purpose=book.purpose, planner=planner,
        relations=tuple(relation_of(draft) for draft in book.drafts.values()),
        roles=tuple(book.roles), tenancy=book.tenancy, workload=tuple(book.workload),
        objectives=book.objectives, assumptions=book.assumptions, questions=book.questions,
        decisions=book.decisions,
        unread=tuple(sorted(book.unread, key=lambda u: u.line)),
    )  # fmt: skip


def resolve_elements(
    design: Design, requirements: tuple[Requirement, ...]
) -> tuple[Requirement, ...]:
    """The requirements with the references that lead somewhere.

    Tenancy and associations rename keys after they were first noted: a reference to a key of a
    relation whose columns grew is led to the one that replaced it.
    """
    known: set[str] = {"objective:rpo", "objective:rto"}
    keys: dict[str, list[str]] = {}
    for relation in design.relations:
        base = f"constraint:{relation.name}."
        known.add(f"relation:{relation.name}")
        known.update(f"column:{relation.name}.{c.name}" for c in relation.columns)
        if relation.retention:
            known.add(f"retention:{relation.name}")
        named = [naming.primary_key_name(relation)]
        named += [naming.unique_name(relation, u) for u in relation.uniques]
        named += [naming.check_name(relation, c) for c in relation.checks]
        named += [naming.exclusion_name(relation, e) for e in relation.exclusions]
        named += [naming.values_check_name(relation, c.name) for c in relation.columns if c.values]
        known.update(base + name for name in named)
        for key in relation.foreign_keys:
            ref = base + naming.foreign_key_name(relation, key)
            known.add(ref)
            alone = key.model_copy(update={"columns": key.columns[-1:]})
            keys.setdefault(base + naming.foreign_key_name(relation, alone), []).append(ref)
    known.update(f"query:{q.name}" for q in design.workload)
    known.update(f"role:{r.name}" for r in design.roles)
    result = []
    for requirement in requirements:
        elements: list[str] = []
        for element in requirement.elements:
            if element in known:
                elements.append(element)
            else:
                elements.extend(keys.get(element, []))
        kept = tuple(dict.fromkeys(elements))
        result.append(requirement.model_copy(update={"elements": kept}))
    return tuple(result)
