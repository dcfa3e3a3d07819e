"""Paths: how to join one relation to another along foreign keys."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from ...domain.design import ForeignKey
from ...domain.identifiers import quote
from .book import Draft


@dataclass(frozen=True, slots=True)
class Step:
    """One join: from `source` to `target` by a key that the child side holds."""

    source: str
    target: str
    key: ForeignKey
    upward: bool


def find_path(
    drafts: dict[str, Draft], start: str, goal: str, *, longest: int = 4
) -> list[Step] | None:
    """The shortest way from one relation to another, up before down; None where there is none."""
    if start == goal:
        return []
    queue: deque[tuple[str, list[Step]]] = deque([(start, [])])
    seen = {start}
    children: dict[str, list[tuple[str, ForeignKey]]] = {}
    for draft in drafts.values():
        for key in draft.foreign_keys:
            children.setdefault(key.references, []).append((draft.name, key))
    while queue:
        name, path = queue.popleft()
        if len(path) >= longest:
            continue
        steps = [Step(name, k.references, k, True) for k in drafts[name].foreign_keys]
        steps += [Step(name, child, k, False) for child, k in children.get(name, ())]
        for step in steps:
            if step.target in seen or step.target not in drafts:
                continue
            if step.target == goal:
                return [*path, step]
            seen.add(step.target)
            queue.append((step.target, [*path, step]))
    return None


def join_sql(
    drafts: dict[str, Draft], step: Step, aliases: dict[str, str], *, left: bool = False
) -> str:
    """The JOIN of a step; gives the target an alias."""
    alias = alias_for(step.target, aliases)
    here, there = aliases[step.source], alias
    child, parent = (here, there) if step.upward else (there, here)
    parent_name = step.target if step.upward else step.source
    referenced = step.key.referenced_columns or drafts[parent_name].primary_key
    on = " AND ".join(
        f"{parent}.{quote(there_)} = {child}.{quote(own)}"
        for own, there_ in zip(step.key.columns, referenced, strict=True)
    )
    return f"{'LEFT JOIN' if left else 'JOIN'} {quote(step.target)} AS {alias} ON {on}"


def alias_for(relation: str, aliases: dict[str, str]) -> str:
    """A short alias that no other relation of the query has."""
    if relation in aliases:
        return aliases[relation]
    short = "".join(word[0] for word in relation.split("_") if word and word[0].isalpha()) or "t"
    taken = set(aliases.values())
    alias, number = short, 2
    while alias in taken or alias in _WORDS:
        alias, number = f"{short}{number}", number + 1
    aliases[relation] = alias
    return alias


_WORDS = frozenset("as at by do if in is no of on or to end all any asc for set".split())
