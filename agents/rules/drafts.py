"""Drafts: from entities and fields to relations with columns and keys.

Policies: a relation's name is the plural snake_case of the entity's, which also keeps clear of
most reserved words. Its primary key is `id bigint` as an identity, unless the PRD states a key or
the relation is a pure association. A stated identifier is a unique key beside the surrogate; only
a field marked as primary key replaces it. A stated integer key is widened to bigint. A field that
names an entity is a reference: `customer` becomes `customer_id`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...domain.design import Check, ForeignKey, Unique, Unread
from ...domain.identifiers import MAX_BYTES, RESERVED, shorten, snake_case
from ...domain.requirements import Citation
from . import lexicon
from .book import Book, ColumnDraft, Draft, EntityFact, FieldFact, RawField, Statement, cite
from .field_rows import merge_fields, read_raw
from .inference import classification, column_type, is_later
from .links import Link
from .modifiers import default_sql
from .vocabulary import Vocabulary
from .words import plural_name, singular, singular_name

BIGINT = "bigint"


@dataclass(slots=True)
class PendingUnique:
    """A unique key within something that may not be a column yet: "unique per carrier"."""

    draft: str
    column: str
    within: tuple[str, ...]
    source: Citation


class Drafter:
    """The second pass: raw fields become columns."""

    def __init__(self, book: Book, raw: list[RawField], vocabulary: Vocabulary) -> None:
        self.book = book
        self.vocabulary = vocabulary
        self.links: list[Link] = []
        self.pending: list[PendingUnique] = []
        self._later: list[str] = []
        self._open: list[str] = []
        for item in raw:
            book.entities[item.entity].fields.extend(read_raw(book, item, vocabulary.key))
        for key, entity in book.entities.items():
            merge_fields(book, entity)
            book.drafts[key] = self._draft(key, entity)
        self._keys: dict[str, list[FieldFact]] = {}
        for key, entity in book.entities.items():
            self._primary_key(key, entity)
        for key, entity in book.entities.items():
            self._columns(key, entity)
        if self._open:
            book.assume(
                f"{len(self._open)} fields that are not marked as required may be empty: "
                + ", ".join(self._open[:12]),
                "Other fields of the same list or table are marked as required.",
            )
        if self._later:
            book.assume(
                f"{len(self._later)} times of later events may be empty: "
                + ", ".join(ref.removeprefix("column:") for ref in self._later[:12]),
                "The PRD does not say whether they are required; the event has not happened when "
                "the row is written.",
                *self._later,
            )

    # Relations

    def _draft(self, key: str, entity: EntityFact) -> Draft:
        name = relation_name(key)
        written = " ".join(entity.name.split())
        if len(plural_name(key).encode()) > MAX_BYTES or len(written) > MAX_BYTES:
            self.book.assume(
                f"The entity '{written[:60]}…' (line {entity.source.line}) is called {name}",
                "PostgreSQL cuts names at 63 bytes; the hash keeps long names apart.",
                f"relation:{name}",
            )
        elif any(char in written for char in ";'\"\\<>$%{}"):
            self.book.assume(
                f"The entity written {written!r} (line {entity.source.line}) is called {name}",
                "Its name holds characters that are not part of a name; they are left out.",
                f"relation:{name}",
            )
        elif not written.isascii():
            self.book.assume(
                f"The entity '{written}' (line {entity.source.line}) is called {name}",
                "Names in the database are plain ASCII; the comment keeps the original.",
                f"relation:{name}",
            )
        return Draft(
            key=key, name=name, title=written[:200], comment=entity.description[:600],
            sources=[entity.source],
        )  # fmt: skip

    def _primary_key(self, key: str, entity: EntityFact) -> None:
        draft = self.book.drafts[key]
        stated = [fact for fact in entity.fields if fact.primary]
        if entity.primary_key:
            named = {snake_case(name) for name in entity.primary_key}
            stated = [fact for fact in entity.fields if snake_case(fact.name) in named]
        if not stated:
            own = {"id", f"{key}_id", f"{key.split('_')[-1]}_id", "uuid", "guid"}
            stated = [f for f in entity.fields if snake_case(f.name) in own and not f.references][
                :1
            ]
        if not stated:
            uuid = self.book.uuid_keys
            draft.columns["id"] = ColumnDraft(
                "id", "uuid" if uuid else BIGINT, identity=not uuid,
                default="gen_random_uuid()" if uuid else None, stated=False,
                sources=[uuid] if uuid else [], comment="Surrogate key",
            )  # fmt: skip
            draft.primary_key = ("id",)
        self._keys[key] = stated

    def key_columns(self, key: str, seen: frozenset[str] = frozenset()) -> list[tuple[str, str]]:
        """The (name, type) pairs of a relation's primary key, before its columns stand."""
        draft = self.book.drafts[key]
        stated = self._keys.get(key, [])
        if not stated or key in seen:
            return [(name, draft.columns[name].type) for name in draft.primary_key
                    if name in draft.columns] or [("id", BIGINT)]  # fmt: skip
        result: list[tuple[str, str]] = []
        for fact in stated:
            target = self._target(key, fact)
            if target and target != key:
                name = self._reference_name(fact, target)
                of_target = self.key_columns(target, seen | {key})
                result.append((name, of_target[0][1]))
            else:
                result.append((self._column_name(fact), _key_type(fact, len(stated))))
        return result

    def _target(self, key: str, fact: FieldFact) -> str | None:
        """The entity that a field refers to, or None for a plain field."""
        if fact.references:
            return self.vocabulary.key(fact.references)
        name = snake_case(fact.name)
        if fact.values or (fact.type and not name.endswith("_id")):
            return None
        known = self.vocabulary.key(fact.name)
        if known is not None:
            return None if known == key else known
        base = name.removesuffix("_id")
        for lead in ("parent_", "default_", "main_", "primary_", "current_", "old_", "new_",
            "next_",
                     "previous_", "assigned_", "original_", "from_", "to_", "source_", "target_",
                     "destination_", "home_", "away_", "billing_", "shipping_"):  # fmt: skip
            rest = base.removeprefix(lead)
            if rest != base and self.vocabulary.key(rest) and singular(rest) == rest:
                if fact.type or name.endswith("_id") or lead in ("parent_", "assigned_"):
                    return self.vocabulary.key(rest)
                if self._plain_entity(rest):
                    return self.vocabulary.key(rest)
        if base == "parent" and (name.endswith("_id") or not fact.type):
            return key
        if base in lexicon.ACTOR_FIELDS and fact.type is None:
            for person in ("user", "employee", "person", "staff_member", "member", "account"):
                if person in self.book.drafts:
                    self.book.assume(
                        f"'{fact.name}' (line {fact.source.line}) is a reference to "
                        f"{self.book.drafts[person].name}",
                        "It names a person and the PRD has one entity for the people who act.",
                    )
                    return person
        return None

    def _plain_entity(self, words: str) -> bool:
        return words not in ("address", "email", "price", "name", "date", "number", "status")

    def _reference_name(self, fact: FieldFact, target: str) -> str:
        name = snake_case(fact.name)
        pk = self._keys.get(target) or []
        if len(pk) == 1 and not pk[0].references:
            column = self._column_name(pk[0])
            if name.endswith(f"_{column}") or name == column:
                return name
            if column not in ("id", f"{target}_id", "uuid", "guid") and not name.endswith("_id"):
                return shorten(f"{singular_name(name)}_{column}")
        if name.endswith("_id"):
            return name
        base = singular_name(name) if not name.endswith(("_by", "_to")) else name
        return shorten(base, MAX_BYTES - 3) + "_id"

    def _column_name(self, fact: FieldFact) -> str:
        name = snake_case(fact.name) or "c_" + cite(1, fact.name).content_hash()[:8]
        if name in RESERVED:
            name = {
                "order": "sort_order",
                "user": "user_name",
                "default": "is_default",
                "primary": "is_primary",
                "group": "group_name",
                "end": "end_at",
                "references": "reference",
                "from": "from_value",
                "to": "to_value",
                "desc": "description",
                "when": "occurred_at",
            }.get(name, f"{name}_value")
        return name

    def _columns(self, key: str, entity: EntityFact) -> None:
        draft = self.book.drafts[key]
        primary: list[str] = []
        self._unmarked(draft, entity)
        for fact in entity.fields:
            target = self._target(key, fact)
            is_key = fact in self._keys[key]
            if target is None and fact.references:
                self._missing(draft, fact)
            if target is not None and self._is_list(fact, target):
                self.links.append(
                    Link(key, target, many=True, owner=_is_part(key, target), source=fact.source,
                         guessed=True)
                )  # fmt: skip
                continue
            name = (
                self._reference(draft, fact, target) if target else self._plain(draft, fact, is_key)
            )
            if is_key:
                primary.append(name)
                draft.columns[name].nullable = False
            self._keys_of_field(draft, fact, name, is_key)
        if primary:
            draft.primary_key = tuple(primary)
        for columns, source in entity.uniques:
            names = tuple(c for c in (self._known_column(draft, c) for c in columns) if c)
            if len(names) == len(columns):
                draft.add_unique(Unique(columns=names, sources=(source,)))
        for expression, source in entity.checks:
            draft.add_check(Check(expression=expression, text=source.quote, sources=(source,)))
        for columns, target_name, of_target, on_delete, source in entity.keys:
            self._composite(draft, columns, target_name, of_target, on_delete, source)

    def _unmarked(self, draft: Draft, entity: EntityFact) -> None:
        """Where some fields are marked as required, the others may be empty."""
        if not any(fact.nullable is False and not fact.primary for fact in entity.fields):
            return
        for fact in entity.fields:
            if fact.nullable is None and not (fact.primary or fact.many or fact.default):
                fact.nullable = fact not in self._keys[draft.key]
                if fact.nullable:
                    self._open.append(f"{draft.name}.{snake_case(fact.name)}")

    def _composite(
        self, draft: Draft, columns: tuple[str, ...], target_name: str, of_target: tuple[str, ...],
        on_delete: str, source: Citation,
    ) -> None:  # fmt: skip
        target = self.vocabulary.key(target_name)
        names = tuple(snake_case(c) for c in columns)
        if target is None or any(n not in draft.columns for n in names):
            self.book.ask(
                f"{draft.name} refers to {target_name[:60]!r}, which the PRD does not describe. "
                "Should it be stored?",
                f"relation:{draft.name}", source=source, default="No foreign key is made.",
            )  # fmt: skip
            return
        key = ForeignKey(
            columns=names, references=self.book.drafts[target].name,
            referenced_columns=tuple(snake_case(c) for c in of_target),
            on_delete=on_delete, sources=(source,),
        )  # fmt: skip
        if all(k.columns != key.columns for k in draft.foreign_keys):
            draft.foreign_keys.append(key)

    def _known_column(self, draft: Draft, name: str) -> str | None:
        snake = snake_case(name)
        return next((c for c in (snake, f"{snake}_id") if c in draft.columns), None)

    def _is_list(self, fact: FieldFact, target: str) -> bool:
        if fact.many:
            return True
        name = snake_case(fact.name)
        return not fact.references and singular_name(name) == target and name != target

    def _missing(self, draft: Draft, fact: FieldFact) -> None:
        column = self._column_name(fact)
        self.book.ask(
            f"'{fact.name}' of {draft.name} refers to '{fact.references[:60]}', which the PRD does "
            "not describe. Is it stored here, and with which fields?",
            f"column:{draft.name}.{column}", source=fact.source,
            default="The column is kept without a foreign key.",
        )  # fmt: skip

    def _reference(self, draft: Draft, fact: FieldFact, target: str) -> str:
        name = self._reference_name(fact, target)
        if name == draft.key + "_id" and target == draft.key:
            name = f"parent_{name}"
        pk = self.key_columns(target)
        referenced: tuple[str, ...] = ()
        type_ = pk[0][1]
        if len(pk) > 1:
            self.book.ask(
                f"'{fact.name}' of {draft.name} refers to {target}, whose key has several columns. "
                "Which of them?", f"column:{draft.name}.{name}", source=fact.source,
                default="The column is kept without a foreign key.",
            )  # fmt: skip
        nullable = bool(fact.nullable) or target == draft.key
        if fact.nullable is None and is_later(name, type_):
            nullable = True
            self._later.append(f"column:{draft.name}.{name}")
        said_too = [text for _, text in fact.bounds]
        said_too += [f"default {fact.default}"] if fact.default else []
        for said in said_too:
            self.book.unread.append(
                Unread(line=fact.source.line, text=f"{fact.name}: {said}"[:200],
                       reason="a rule that does not fit a reference")
            )  # fmt: skip
        column = ColumnDraft(
            name, type_, nullable=nullable, comment=fact.comment, sources=[fact.source],
            type_stated=True,
        )  # fmt: skip
        draft.columns[name] = column
        if len(pk) == 1:
            key = ForeignKey(
                columns=(name,), references=self.book.drafts[target].name,
                referenced_columns=referenced, on_delete=fact.on_delete or "NO ACTION",
                sources=(fact.source,),
            )  # fmt: skip
            draft.foreign_keys.append(key)
        return name

    def _plain(self, draft: Draft, fact: FieldFact, is_key: bool) -> str:
        name = self._column_name(fact)
        if is_key:
            type_ = _key_type(fact, len(self._keys[draft.key]))
            whole = len(self._keys[draft.key]) == 1
            identity = whole and type_ == BIGINT and (name == "id" or name.endswith("_id")
                                                      or fact.identity)  # fmt: skip
            default = "gen_random_uuid()" if type_ == "uuid" and whole else None
            draft.columns[name] = ColumnDraft(
                name, type_, identity=identity, default=default, comment=fact.comment,
                sources=[fact.source], type_stated=True,
            )  # fmt: skip
            return name
        if fact.references and name.endswith("_id") and fact.type is None:
            fact.type = BIGINT
        elif name.endswith("_id") and fact.type is None:
            fact.type = "text"
            self.book.assume(
                f"'{fact.name}' of {draft.name} (line {fact.source.line}) is an identifier of "
                "something outside, stored as text",
                "The PRD describes no entity of that name.",
                f"column:{draft.name}.{name}",
            )
        type_, stated = column_type(name, fact)
        nullable = fact.nullable
        if nullable is None and is_later(name, type_):
            nullable = True
            self._later.append(f"column:{draft.name}.{name}")
        default = default_sql(fact.default, type_, fact.values) if fact.default else None
        if fact.default and default is None:
            self.book.ask(
                f"The default {fact.default[:40]!r} of {draft.name}.{name} does not fit its type "
                f"{type_}. What should it be?",
                f"column:{draft.name}.{name}", source=fact.source, default="No default.",
            )  # fmt: skip
        draft.columns[name] = ColumnDraft(
            name, type_, nullable=bool(nullable), default=default,
            values=() if type_ in ("boolean",) else fact.values, unit=fact.unit,
            classification=classification(name, draft.key, fact), comment=fact.comment,
            sources=[fact.source], type_stated=stated,
        )  # fmt: skip
        for bound, text in fact.bounds:
            if bound.startswith("= ") and not type_.startswith(("text", "char")):
                continue
            if not bound.startswith("= ") and not type_.startswith(
                ("integer", "bigint", "smallint", "numeric", "double", "real")
            ):
                self.book.assume(
                    f"'{text}' of {draft.name}.{name} is not enforced",
                    f"It compares a number with a column of type {type_}.",
                    f"column:{draft.name}.{name}",
                )
                continue
            sql = f"{name} {bound.format(name)}"
            draft.add_check(Check(expression=sql, text=f"{name}: {text}", sources=(fact.source,)))
        return name

    def _keys_of_field(self, draft: Draft, fact: FieldFact, name: str, is_key: bool) -> None:
        if fact.unique and not (is_key and len(self._keys[draft.key]) == 1):
            draft.add_unique(Unique(columns=(name,), sources=(fact.source,)))
        if fact.unique_within:
            self.pending.append(
                PendingUnique(draft.key, name, tuple(fact.unique_within), fact.source)
            )
        for note in fact.notes:
            self.book.statements.append(
                Statement(line=fact.source.line, text=note, role="rules", subject=draft.key,
                          column=name)
            )  # fmt: skip


def relation_name(key: str) -> str:
    """The plural snake_case name of an entity's relation, at most 63 bytes and not reserved."""
    name = shorten(plural_name(key))
    return f"{shorten(name, 55)}_records" if name in RESERVED else name


def _key_type(fact: FieldFact, size: int) -> str:
    """The type of a key column: a stated one, uuid by its name, bigint for integers and none."""
    name = snake_case(fact.name)
    if fact.type is None:
        guess = column_type(name, fact)[0]
        if name in ("uuid", "guid"):
            return "uuid"
        return BIGINT if name == "id" or name.endswith("_id") or guess == "integer" else guess
    return BIGINT if fact.type in ("integer", "smallint") and size == 1 else fact.type


def _is_part(owner: str, part: str) -> bool:
    """True for "lines" of an order: part of one owner only."""
    return part.startswith(f"{owner}_") or part.split("_")[-1] in lexicon.PARTS
