"""A SELECT in layers: each one computes columns from those of the layer below.

The layers are kept apart (OFFSET 0), so that a value is computed once, however often the layers
above use it.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..domain.identifiers import quote


class Layers:
    """A growing SELECT. `columns` are the names that its topmost layer gives.

    Whoever adds a layer keeps count: `exact` while each number gives one row, `sorted` while rows
    come in the order of their numbers, `room` for how many rows there can be (None: any number).
    """

    def __init__(self, rows: int) -> None:
        self.columns: list[str] = ["a13_g"]
        self.exact = True
        self.sorted = True
        self.room: int | None = None
        self.sql = f"SELECT g AS a13_g FROM generate_series(1::bigint, {rows}::bigint) AS s(g)"

    def add(
        self,
        values: Mapping[str, str] | None = None,
        *,
        joins: str = "",
        where: str = "",
        drop: tuple[str, ...] = (),
    ) -> None:
        """A layer with new or replaced columns. Values may name the columns below as they are.

        In `joins`, and in values of a layer with joins, the layer below is `s`.
        """
        values = values or {}
        kept = [name for name in self.columns if name not in values and name not in drop]
        listed = [f"s.{quote(name)}" for name in kept]
        listed += [f"{sql} AS {quote(name)}" for name, sql in values.items()]
        condition = f"\nWHERE {where}" if where else ""
        self.sql = f"SELECT {', '.join(listed)}\nFROM ({self.sql}\nOFFSET 0) AS s{joins}{condition}"
        self.columns = [*kept, *values]

    def limit(self, room: int) -> None:
        """There is room for so many rows at most."""
        self.room = room if self.room is None else min(self.room, room)

    def has(self, name: str) -> bool:
        """The topmost layer gives that column."""
        return name in self.columns
