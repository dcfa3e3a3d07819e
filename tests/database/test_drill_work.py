"""The work of a drill leaves rows for its accident, however few there are."""

from __future__ import annotations

import pytest

from a13.database.drill_work import change_rows, truncate_largest
from a13.database.server import Server


@pytest.mark.parametrize(("rows", "left"), [(1, 1), (2, 1), (5, 3), (50, 45)])
def test_at_most_every_second_row_is_deleted(
    server: Server, database: str, rows: int, left: int
) -> None:
    with server.connect(database) as connection:
        connection.execute("CREATE TABLE flags (n integer PRIMARY KEY)")
        connection.execute("INSERT INTO flags SELECT generate_series(1, %s)", (rows,))
        assert change_rows(connection) == rows + rows - left
        found = connection.execute("SELECT count(*) FROM flags").fetchone()
        assert found == (left,)
        assert truncate_largest(connection) == "flags"
