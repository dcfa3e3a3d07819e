"""A real PostgreSQL for every test that asks for one."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from a13.database.server import Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One scratch server for the whole session."""
    with Server(profile="scratch") as running:
        yield running


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """The name of a fresh, empty database on `server`, dropped after the test."""
    name = f"test_{secrets.token_hex(6)}"
    server.create_database(name)
    yield name
    server.drop_database(name)
