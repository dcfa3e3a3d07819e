"""Keys: the foreign keys and associations that stated links become."""

from __future__ import annotations

from ...domain.design import ForeignKey, Unique
from ...domain.identifiers import MAX_BYTES, shorten, snake_case
from .book import Book, ColumnDraft, Draft
from .elements import foreign_key_ref, relation_ref, unique_ref
from .fields import Known, parse_field
from .inference import column_type
from .links import Link
from .words import plural_name

# Links into keys


def apply_links(book: Book, links: list[Link], known: Known) -> None:
    """Give the drafts the keys and associations that the links state."""
    stated: dict[tuple[str, str], list[Link]] = {}
    for link in links:
        stated.setdefault((link.left, link.right), []).append(link)
    done: set[frozenset[str]] = set()
    for link in links:
        if not link.many:
            _reference(book, book.drafts[link.left], book.drafts[link.right], link)
    for link in links:
        if not link.many:
            continue
        pair = frozenset((link.left, link.right))
        back = stated.get((link.right, link.left), []) if link.left != link.right else []
        child = book.drafts[link.right]
        parent = book.drafts[link.left]
        back_many = any(other.many for other in back)
        back_one = any(not other.many for other in back) or bool(child.key_to(parent.name))
        if link.both or (back_many and not back_one):
            if pair not in done:
                done.add(pair)
                _associate(book, parent, child, [link, *(b for b in back if b.many)], known)
        elif link.owner or back_one or link.left == link.right:
            inverse = Link(link.right, link.left, link.source, statement=link.statement)
            if link.guessed and not back_one and not link.owner:
                _associate(book, parent, child, [link], known)
            else:
                _reference(book, child, parent, inverse)
        elif pair not in done:
            done.add(pair)
            if link.guessed or not _existing(book, parent, child):
                _assumed_many(book, parent, child, link)
            _associate(book, parent, child, [link], known)


def _assumed_many(book: Book, left: Draft, right: Draft, link: Link) -> None:
    book.assume(
        f"{left.name} and {right.name} are many to many (line {link.source.line})",
        "The PRD states only one direction, with a word that does not own.",
        relation_ref(left), relation_ref(right),
    )  # fmt: skip


def _reference(book: Book, child: Draft, parent: Draft, link: Link) -> ForeignKey | None:
    """The child's key to the parent: the one it has, or a new column."""
    if len(parent.primary_key) != 1:
        return None
    pk = parent.columns[parent.primary_key[0]]
    ending = "id" if pk.name in ("id", "uuid", "guid", f"{parent.key}_id") else pk.name
    base = snake_case(link.role) or parent.key
    same = [k for k in child.foreign_keys if k.references == parent.name]
    name = f"{shorten(base, MAX_BYTES - 1 - len(ending))}_{ending}"
    for key in same:
        if not link.role or key.columns[0] == name or link.role in key.columns[0]:
            _note(child, key, link)
            return key
    if name in child.columns:
        return None
    if child is parent and not link.role:
        name = f"parent_{ending}"
        if name in child.columns:
            return None
    child.columns[name] = ColumnDraft(
        name, pk.type, nullable=link.optional or child is parent, sources=[link.source],
        type_stated=True,
    )  # fmt: skip
    key = ForeignKey(columns=(name,), references=parent.name, sources=(link.source,))
    child.foreign_keys.append(key)
    _note(child, key, link)
    return key


def _note(child: Draft, key: ForeignKey, link: Link) -> None:
    served = [foreign_key_ref(child, key)]
    if link.one_to_one:
        unique = child.add_unique(Unique(columns=key.columns, sources=(link.source,)))
        served.append(unique_ref(child, unique))
    if link.statement is not None:
        link.statement.serve("relationship", *served)


def _existing(book: Book, left: Draft, right: Draft) -> Draft | None:
    """An entity of the PRD that already associates the two."""
    found: list[tuple[int, Draft]] = []
    for draft in book.drafts.values():
        if draft is left or draft is right:
            continue
        keys = [draft.key_to(left.name), draft.key_to(right.name)]
        if any(key is None for key in keys):
            continue
        plain = [c for c in draft.columns if c not in draft.primary_key]
        extra = len(plain) - sum(len(k.columns) for k in draft.foreign_keys)
        roles = any(key is not None and not key.columns[0].startswith((left.key, right.key))
                    for key in keys)  # fmt: skip
        named = {left.key, right.key} & set(draft.key.split("_"))
        if (named and not roles) or (extra <= 3 and not roles):
            found.append((extra, draft))
    return min(found, key=lambda pair: pair[0])[1] if found else None


def _associate(book: Book, left: Draft, right: Draft, links: list[Link], known: Known) -> None:
    via = next((link.via for link in links if link.via), "")
    draft = book.drafts.get(via) if via else _existing(book, left, right)
    if draft is None:
        if len(left.primary_key) != 1 or len(right.primary_key) != 1:
            return
        draft = _association(book, left, right, links)
    for side in (left, right):
        if draft.key_to(side.name) is None:
            _reference(book, draft, side, Link(draft.key, side.key, links[0].source))
    for link in links:
        for text in link.attributes:
            for fact in parse_field(text, link.source.line, known):
                name = snake_case(fact.name)
                if name and name not in draft.columns:
                    type_, stated = column_type(name, fact)
                    draft.columns[name] = ColumnDraft(
                        name, type_, bool(fact.nullable), sources=[link.source], type_stated=stated
                    )
        if link.statement is not None:
            link.statement.serve("relationship", relation_ref(draft))


def _association(book: Book, left: Draft, right: Draft, links: list[Link]) -> Draft:
    if left.key == right.key:
        key = f"{left.key}_link"
    elif right.key.startswith(left.key):
        key = (
            right.key + "_link"
            if f"{left.key}_{right.key}" in book.drafts
            else f"{left.key}_{right.key}"
        )
    else:
        key = f"{left.key}_{right.key}"
    key = shorten(key, 58)
    draft = Draft(
        key, shorten(plural_name(key)), f"{left.title} of {right.title}"[:200],
        comment=f"Which {right.name} belong to which {left.name}",
        sources=[link.source for link in links],
    )  # fmt: skip
    for side, prefix in ((left, ""), (right, "related_" if left.key == right.key else "")):
        pk = side.columns[side.primary_key[0]]
        ending = "id" if pk.name in ("id", "uuid", "guid", f"{side.key}_id") else pk.name
        name = f"{prefix}{side.key}_{ending}"
        draft.columns[name] = ColumnDraft(name, pk.type, sources=[links[0].source], stated=False)
        draft.foreign_keys.append(
            ForeignKey(columns=(name,), references=side.name, sources=(links[0].source,))
        )
    draft.primary_key = tuple(draft.columns)
    book.drafts[key] = draft
    book.decide(
        f"{draft.name} associates {left.name} with {right.name}",
        "Both sides have many of the other; each pair is there once.",
        relation_ref(draft), source=links[0].source,
    )  # fmt: skip
    return draft
