"""A real PostgreSQL for every test that asks for one."""

from __future__ import annotations

import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from a13.config import Settings
from a13.database.server import Server, sweep

# A shell lets its background jobs ignore Ctrl-C, and children inherit that. Tests that press it
# need processes that listen, however the tests themselves were started.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


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


@pytest.fixture
def own_cache(server: Server) -> Iterator[Path]:
    """An empty folder for a cache of the test's own, which the server's user can pass through."""
    folder = Path(tempfile.mkdtemp(prefix="a13-test-", dir="/var/tmp"))
    folder.chmod(0o711)
    yield folder
    sweep(Settings(cache_dir=folder / "cache"))
    shutil.rmtree(folder)


@pytest.fixture
def own_settings(server: Server, own_cache: Path) -> Settings:
    """Settings with a cache of the test's own that already holds the template cluster."""
    settings = Settings(cache_dir=own_cache / "cache")
    settings.cache_dir.mkdir(mode=0o711)
    shutil.copytree(server.settings.cache_dir / "templates", settings.cache_dir / "templates")
    return settings
