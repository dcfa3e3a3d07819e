"""Repair: answers by rule to what a check found or a server refused.

Each finding's rule and each class of SQLSTATE has one answer, the smallest change that helps; a
change is one line of text. What has no answer is left as it is. Source of the codes: PostgreSQL
18 manual, appendix A.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ...domain import naming
from ...domain.design import (
    Check,
    Column,
    Design,
    ForeignKey,
    Index,
    IndexKey,
    Relation,
    Unique,
)
from ...domain.findings import Finding
from ...domain.identifiers import RESERVED, shorten, snake_case
from ...domain.requirements import Decision, Question
from ...domain.types import base_type, canonical_type
from ...errors import DesignError
from .decompose import decompose
from .rename import rename_column, rename_relation
from .words import plural_name


@dataclass
class Repair:
    """A design under repair and what was done to it."""

    design: Design
    changes: list[str] = field(default_factory=list)
    # Relations that got another name: findings still speak of the old one.
    renamed: dict[str, str] = field(default_factory=dict)

    def put(self, relation: Relation, change: str) -> bool:
        """Replace a relation and note the change; False where nothing changes."""
        if self.design.find(relation.name) == relation:
            return False
        self.design = self.design.replace(relation)
        self.changes.append(change)
        return True

    def ask(self, text: str, default: str, *elements: str) -> None:
        """Add a question to the design, once."""
        if any(question.text == text for question in self.design.questions):
            return
        number = len(self.design.questions) + 1
        question = Question(id=f"Q-{number:03}", text=text, default=default, elements=elements)
        self.design = self.design.model_copy(
            update={"questions": (*self.design.questions, question)}
        )

    def decide(self, title: str, reason: str, *elements: str) -> None:
        """Add a decision to the design."""
        number = len(self.design.decisions) + 1
        decision = Decision(id=f"D-{number:03}", title=title, reason=reason, elements=elements)
        self.design = self.design.model_copy(
            update={"decisions": (*self.design.decisions, decision)}
        )


def repair_findings(repair: Repair, findings: tuple[Finding, ...]) -> None:
    """Answer the findings in order; findings without an answer change nothing."""
    for finding in findings:
        answer = _ANSWERS.get(finding.rule)
        if answer is None:
            continue
        _, _, rest = finding.element.partition(":")
        name, _, part = rest.partition(".")
        relation = repair.design.find(repair.renamed.get(name, name))
        if relation is not None:
            answer(repair, relation, part, finding)


# Findings


def _primary_key(repair: Repair, relation: Relation, part: str, finding: Finding) -> None:
    if part and part in relation.primary_key:
        columns = tuple(
            c.model_copy(update={"nullable": False}) if c.name == part else c
            for c in relation.columns
        )
        repair.put(
            relation.model_copy(update={"columns": columns}),
            f"{relation.name}.{part} is in the primary key and may not be null",
        )
        return
    known = [name for name in relation.primary_key if relation.find(name)]
    if known and len(known) == len(relation.primary_key):
        return
    whole = next((u.columns for u in relation.uniques if u.where is None and not any(
        relation.column(c).nullable for c in u.columns if relation.find(c))), None)  # fmt: skip
    if relation.find("id") is not None:
        repair.put(
            relation.model_copy(update={"primary_key": ("id",)}),
            f"{relation.name}: id is its primary key",
        )
        return
    if whole is not None and len(relation.foreign_keys) >= 2:
        uniques = tuple(u for u in relation.uniques if u.columns != whole)
        repair.put(
            relation.model_copy(update={"primary_key": whole, "uniques": uniques}),
            f"{relation.name}: its key ({', '.join(whole)}) is its primary key",
        )
        return
    identity = Column(name="id", type="bigint", identity=True, comment="Surrogate key")
    repair.put(
        relation.model_copy(
            update={"columns": (identity, *relation.columns), "primary_key": ("id",)}
        ),
        f"{relation.name} gets a surrogate primary key id",
    )


def _reference(repair: Repair, relation: Relation, part: str, finding: Finding) -> None:
    """K2: a foreign key whose target is missing, is no key, or has another type."""
    for key in relation.foreign_keys:
        named = naming.foreign_key_name(relation, key)
        if part not in (named, *key.columns) and part:
            continue
        if mend_reference(repair, relation, key):
            return


def mend_reference(repair: Repair, relation: Relation, key: ForeignKey) -> bool:
    design = repair.design
    target = design.find(key.references)
    if target is None:
        guess = next(
            (
                r
                for r in design.relations
                if r.name in (plural_name(snake_case(key.references)), snake_case(key.references))
            ),
            None,
        )
        keys = tuple(k for k in relation.foreign_keys if k != key)
        if guess is not None:
            fresh = key.model_copy(update={"references": guess.name})
            return repair.put(
                relation.model_copy(update={"foreign_keys": (*keys, fresh)}),
                f"{relation.name}.{', '.join(key.columns)} refers to {guess.name}",
            )
        done = repair.put(
            relation.model_copy(update={"foreign_keys": keys}),
            f"{relation.name}: the foreign key to {key.references[:60]}, which does not exist, is "
            "left out",
        )
        repair.ask(
            f"{relation.name}.{', '.join(key.columns)} refers to {key.references[:60]!r}, which is "
            "not described. Should it be stored?",
            "The column is kept without a foreign key.", f"relation:{relation.name}",
        )  # fmt: skip
        return done
    referenced = key.referenced_columns or target.primary_key
    if len(referenced) != len(key.columns):
        keys = tuple(k for k in relation.foreign_keys if k != key)
        return repair.put(
            relation.model_copy(update={"foreign_keys": keys}),
            f"{relation.name}: the foreign key ({', '.join(key.columns)}) does not fit the key of "
            f"{target.name} and is left out",
        )
    keys_there = (target.primary_key, *(u.columns for u in target.uniques if u.where is None))
    if all(target.find(c) for c in referenced) and referenced not in keys_there:
        return repair.put(
            target.model_copy(update={"uniques": (*target.uniques, Unique(columns=referenced))}),
            f"{target.name} ({', '.join(referenced)}) is a key, because {relation.name} refers to "
            "it",
        )
    columns = list(relation.columns)
    for at, column in enumerate(columns):
        if column.name not in key.columns:
            continue
        there = target.find(referenced[key.columns.index(column.name)])
        if there is not None and base_type(column.type) != base_type(there.type):
            columns[at] = column.model_copy(
                update={"type": there.type, "default": None, "identity": False}
            )
    return repair.put(
        relation.model_copy(update={"columns": tuple(columns)}),
        f"{relation.name}.{', '.join(key.columns)} has the type of what it refers to",
    )


def _index(repair: Repair, relation: Relation, part: str, finding: Finding) -> None:
    for key in relation.foreign_keys:
        if part not in ("", naming.foreign_key_name(relation, key), *key.columns):
            continue
        index = Index(keys=tuple(IndexKey(column=c) for c in key.columns), origin="foreign_key",
                      reason=f"joins to {key.references}")  # fmt: skip
        if any(tuple(k.column for k in i.keys) == key.columns for i in relation.indexes):
            continue
        repair.put(
            relation.model_copy(update={"indexes": (*relation.indexes, index)}),
            f"{relation.name} ({', '.join(key.columns)}) gets an index for its foreign key",
        )
        return


def _cycle(repair: Repair, relation: Relation, part: str, finding: Finding) -> None:
    circle = set(re.findall(r"[a-z_][a-z0-9_]*", finding.message))
    for at, key in enumerate(relation.foreign_keys):
        if key.deferrable or (key.references not in circle and key.references != relation.name):
            continue
        keys = list(relation.foreign_keys)
        keys[at] = key.model_copy(update={"deferrable": True})
        columns = tuple(
            c.model_copy(update={"nullable": True})
            if c.name in key.columns and c.name not in relation.primary_key
            and c.name != relation.tenant_column else c
            for c in relation.columns
        )  # fmt: skip
        repair.put(
            relation.model_copy(update={"foreign_keys": tuple(keys), "columns": columns}),
            f"{relation.name}.{', '.join(key.columns)} may be empty and is checked at commit, "
            "which breaks a cycle",
        )
        return


def _self_key(repair: Repair, relation: Relation, part: str, finding: Finding) -> None:
    keys = tuple(
        k for k in relation.foreign_keys
        if not (k.references == relation.name
                and k.columns == (k.referenced_columns or relation.primary_key))
    )  # fmt: skip
    repair.put(
        relation.model_copy(update={"foreign_keys": keys}),
        f"{relation.name}: a foreign key to its own columns says nothing and is left out",
    )


def _double_key(repair: Repair, relation: Relation, part: str, finding: Finding) -> None:
    seen: dict[tuple[tuple[str, ...], str], ForeignKey] = {}
    for key in relation.foreign_keys:
        seen.setdefault((key.columns, key.references), key)
    repair.put(
        relation.model_copy(update={"foreign_keys": tuple(seen.values())}),
        f"{relation.name}: a foreign key that stood twice is left out",
    )


def _set_null(repair: Repair, relation: Relation, part: str, finding: Finding) -> None:
    keys = tuple(
        k.model_copy(update={"on_delete": "RESTRICT"})
        if k.on_delete == "SET NULL" and not any(
            c.nullable for c in relation.columns if c.name in k.columns) else k
        for k in relation.foreign_keys
    )  # fmt: skip
    repair.put(
        relation.model_copy(update={"foreign_keys": keys}),
        f"{relation.name}: a required reference is refused on delete, not emptied",
    )


def _name(repair: Repair, relation: Relation, part: str, finding: Finding) -> None:
    """D2, D3: reserved, invisible or too long."""
    if part and relation.find(part):
        fresh = shorten(snake_case(part) or "value")
        fresh = f"{shorten(fresh, 57)}_value" if fresh in RESERVED else fresh
        taken = set(relation.column_names) - {part}
        while fresh in taken:
            fresh = shorten(f"{fresh}_2")
        if fresh != part:
            repair.design = rename_column(repair.design, relation.name, part, fresh)
            repair.changes.append(f"{relation.name}.{part[:70]} is called {fresh}")
        return
    fresh = shorten(plural_name(snake_case(relation.name) or "relation"))
    fresh = f"{shorten(fresh, 55)}_records" if fresh in RESERVED else fresh
    while fresh != relation.name and repair.design.find(fresh):
        fresh = shorten(f"{fresh}_2")
    if fresh != relation.name:
        repair.design = rename_relation(repair.design, relation.name, fresh)
        repair.renamed[relation.name] = fresh
        repair.changes.append(f"{relation.name[:70]} is called {fresh}")


def _type(repair: Repair, relation: Relation, part: str, finding: Finding) -> None:
    column = relation.find(part)
    if column is None:
        return
    try:
        known = canonical_type(column.type)
    except DesignError:
        known = ""
    fresh = _BETTER.get(finding.rule, {}).get(base_type(known), "") if known else "text"
    if finding.rule == "T5":
        fresh = "bigint"
    if not fresh:
        return
    retype(repair, relation, column, canonical_type(fresh))


_BETTER: dict[str, dict[str, str]] = {
    "T1": {"timestamp without time zone": "timestamptz", "time with time zone": "time"},
    "T2": {"real": "numeric(12,2)", "double precision": "numeric(12,2)"},
    "T3": {"character": "text"},
    "T7": {"json": "jsonb"},
}


def retype(repair: Repair, relation: Relation, column: Column, fresh: str) -> bool:
    columns = tuple(
        c.model_copy(update={"type": fresh}) if c.name == column.name else c
        for c in relation.columns
    )
    done = repair.put(
        relation.model_copy(update={"columns": columns}),
        f"{relation.name}.{column.name} is {fresh} instead of {column.type[:40]}",
    )
    # What refers to a widened key is widened with it.
    if done and column.name in relation.primary_key:
        for other in repair.design.relations:
            for key in other.foreign_keys:
                if key.references == relation.name and len(key.columns) == 1:
                    child = other.find(key.columns[0])
                    if child is not None and child.type != fresh:
                        retype(repair, other, child, fresh)
    return done


def _dependency(repair: Repair, relation: Relation, part: str, finding: Finding) -> None:
    if finding.severity != "error":
        return
    result = decompose(repair.design, relation, part)
    if result is None:
        repair.ask(
            f"{finding.message} Should {relation.name} be split?",
            "It stays as it is.", finding.element,
        )  # fmt: skip
        return
    repair.design, change = result
    repair.changes.append(change)
    repair.decide(change, finding.message, f"relation:{relation.name}")


def _expression(repair: Repair, relation: Relation, part: str, finding: Finding) -> None:
    """An expression that is not allowed is left out, and a person is asked."""
    drop_part(repair, relation, part, finding.message)


def drop_part(repair: Repair, relation: Relation, part: str, why: str) -> bool:
    column = relation.find(part)
    if column is not None and (column.default or column.generated):
        columns = tuple(
            c.model_copy(update={"default": None, "generated": None}) if c.name == part else c
            for c in relation.columns
        )
        done = repair.put(
            relation.model_copy(update={"columns": columns}),
            f"{relation.name}.{part}: its expression is left out",
        )
        text = column.generated or column.default or ""
        repair.ask(f"{relation.name}.{part} cannot be {text[:80]!r}: {why[:200]} What is meant?",
                   "The column has no expression.", f"column:{relation.name}.{part}")  # fmt: skip
        return done
    for check in relation.checks:
        if part in (naming.check_name(relation, check), check.expression):
            return _drop_check(repair, relation, check, why)
    for index in relation.indexes:
        if naming.index_name(relation, index) == part:
            return repair.put(
                relation.model_copy(
                    update={"indexes": tuple(i for i in relation.indexes if i != index)}
                ),
                f"The index {part} is left out",
            )
    for exclusion in relation.exclusions:
        if naming.exclusion_name(relation, exclusion) == part:
            kept = tuple(e for e in relation.exclusions if e != exclusion)
            repair.ask(f"{part} cannot be enforced: {why[:200]} How should overlaps be avoided?",
                       "The application has to.", f"relation:{relation.name}")  # fmt: skip
            return repair.put(
                relation.model_copy(update={"exclusions": kept}), f"{part} is left out"
            )
    for unique in relation.uniques:
        if naming.unique_name(relation, unique) == part:
            kept_keys = tuple(u for u in relation.uniques if u != unique)
            repair.ask(f"{part} cannot be a key: {why[:200]} Which rule is meant?",
                       "It is not a key.", f"relation:{relation.name}")  # fmt: skip
            return repair.put(
                relation.model_copy(update={"uniques": kept_keys}), f"{part} is left out"
            )
    return False


def _drop_check(repair: Repair, relation: Relation, check: Check, why: str) -> bool:
    checks = tuple(c for c in relation.checks if c != check)
    repair.ask(
        f"The rule '{(check.text or check.expression)[:160]}' of {relation.name} cannot be "
        f"enforced: "
        f"{why[:200]} What is meant?",
        "It is not enforced.", f"relation:{relation.name}",
    )  # fmt: skip
    return repair.put(
        relation.model_copy(update={"checks": checks}),
        f"{relation.name}: the check {check.expression[:80]} is left out",
    )


_Answer = Callable[[Repair, Relation, str, Finding], None]


_ANSWERS: dict[str, _Answer] = {
    "K1": _primary_key, "K2": _reference, "K3": _index, "K5": _double_key, "K7": _self_key,
    "K8": _cycle, "set_null": _set_null, "D2": _name, "D3": _name, "T1": _type, "T2": _type,
    "T3": _type, "T5": _type, "T7": _type, "type": _type, "N1": _dependency,
    "expression": _expression, "index": _expression,
}  # fmt: skip
