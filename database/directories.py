"""Private directories with an owner: made for one process, swept when that process is gone.

Everything lies under `Settings.cache_dir`:

    run/<id>/       a private directory (mode 0700, of the server's user)
    run/<id>.json   who owns it; locked for as long as the owner lives
    templates/      cached clusters
    binaries/       copies of programs that the server's user could not reach
    locks/

A directory's owner is gone when nobody holds the lock on its record *and* no process with the
recorded id, start time and boot is alive. The records belong to the user who runs A13, not to
the server's user, so SQL that runs as superuser on a private server cannot change them.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import secrets
import shutil
import stat
import struct
import sys
import tempfile
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ..config import Settings
from ..errors import ConfigError, ServerError
from .owners import command_line, identity, start_time
from .processes import Account, can_reach, server_account, signal_as

# sun_path holds 108 bytes on Linux and 104 on macOS; "/.s.PGSQL.5432" and a zero byte go off.
MAX_SOCKET_DIRECTORY_BYTES = 88


class PrivateDirectory:
    """A directory that is ours while we live. `release` removes it; it is safe to call twice."""

    def __init__(self, path: Path, record: Path, lock: IO[str], account: Account) -> None:
        self.path = path
        self.account = account
        self._record = record
        self._lock = lock
        self._pid = os.getpid()
        self._facts: dict[str, Any] = {"pid": os.getpid(), **identity(os.getpid())}
        _live.add(self)

    def note(self, **facts: list[str]) -> None:
        """Keep what a sweep needs to know: `also` (more directories), `data` (clusters)."""
        self._facts.update(facts)
        self._lock.seek(0)
        self._lock.truncate()
        self._lock.write(json.dumps(self._facts))
        self._lock.flush()

    def make(self, name: str) -> Path:
        """A new sub-directory of the server's user, mode 0700."""
        path = self.path / name
        make_directory(path, self.account)
        return path

    def release(self) -> None:
        """Remove the directory and its record. In a forked child this does nothing."""
        if os.getpid() != self._pid or self._lock.closed:
            return
        for path in (self.path, *map(Path, self._facts.get("also", []))):
            remove_tree(path)
        self._record.unlink(missing_ok=True)
        self.forget()

    def forget(self) -> None:
        """Give up the lock without removing anything (a forked child is not the owner)."""
        self._lock.close()
        _live.discard(self)


_live: weakref.WeakSet[PrivateDirectory] = weakref.WeakSet()


def _forget_after_fork() -> None:
    for directory in list(_live):
        directory.forget()


os.register_at_fork(after_in_child=_forget_after_fork)


def make_directory(path: Path, account: Account) -> None:
    """Create a directory of the server's user, mode 0700 whatever the umask says."""
    path.mkdir(mode=0o700)
    account.give(path)


def spread_directories(path: Path) -> None:
    """Ask ext4 to place the directories below `path` apart from each other.

    ext4 is slow to create files where many were just deleted (it passes over the inodes one by
    one), and private clusters come and go: 1,000 files took 1.1 s, spread 0.03 s. This is what
    `chattr +T` does. Other file systems refuse, which is fine.
    """
    if not sys.platform.startswith("linux") or platform.machine() not in ("x86_64", "aarch64"):
        return  # the numbers of the requests differ
    get_flags, set_flags, top_directory = 0x80086601, 0x40086602, 0x00020000
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            flags = struct.unpack("l", fcntl.ioctl(handle, get_flags, bytes(8)))[0]
            if not flags & top_directory:
                fcntl.ioctl(handle, set_flags, struct.pack("l", flags | top_directory))
        finally:
            os.close(handle)


def write_private(path: Path, text: str, account: Account | None) -> None:
    """Create a text file, mode 0600, of the server's user where `account` is given.

    The server's user can write to the folder: never follow a link that lies there.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as handle:
        handle.write(text)
        if account is not None and account.other:
            os.fchown(handle.fileno(), account.uid, account.gid)


def remove_tree(path: Path) -> None:
    """Remove a directory and everything below it; a directory that is not there is fine."""
    for _ in range(5):  # a server that is just ending may still write a file
        shutil.rmtree(path, ignore_errors=True)
        if not path.is_symlink() and not path.exists():
            return
        time.sleep(0.02)


def cache_directory(settings: Settings, name: str) -> Path:
    """A part of the cache, created where it is missing. Modes of what exists stay as they are.

    Raises ConfigError when somebody else could put files there.
    """
    root = settings.cache_dir.absolute()
    # As root, the server's user passes through these directories but does not list them.
    mode = 0o711 if os.geteuid() == 0 else 0o700
    for path in (root, root / name):
        try:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                with contextlib.suppress(FileExistsError):
                    path.mkdir(mode=mode)
                    path.chmod(mode)  # whatever the umask says: the directory is our own
            found = path.lstat()
        except OSError as error:
            raise ConfigError(
                f"The cache directory {path} cannot be used: {error.strerror}.", hint=_CACHE_HINT
            ) from error
        if stat.S_ISLNK(found.st_mode) and path == root:
            found = path.stat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise ConfigError(
                f"The cache directory {path} belongs to somebody else.", hint=_CACHE_HINT
            )
        if found.st_mode & stat.S_IWOTH:
            raise ConfigError(
                f"Everybody can write to the cache directory {path}.", hint=_CACHE_HINT
            )
    return root / name


_CACHE_HINT = "Set A13_CACHE_DIR to a directory of your own."


@contextlib.contextmanager
def file_lock(settings: Settings, name: str, *, shared: bool = False) -> Iterator[None]:
    """A lock between processes and threads, released by the kernel if its holder dies."""
    path = cache_directory(settings, "locks") / f"{name}.lock"
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        except OSError as error:
            raise ConfigError(
                f"Files in {path.parent} cannot be locked: {error.strerror}.",
                hint="Set A13_CACHE_DIR to a directory on a local file system.",
            ) from error
        yield


def private_directory(settings: Settings) -> PrivateDirectory:
    """A fresh private directory, registered under this process before it exists.

    Raises ConfigError when the server's user cannot reach it.
    """
    account = server_account(settings)
    run = cache_directory(settings, "run")
    spread_directories(run)
    with file_lock(settings, "registry"):
        while True:
            name = secrets.token_hex(4)
            path, record = run / name, run / f"{name}.json"
            if not path.exists() and not record.exists():
                break
        lock = record.open("x")
        record.chmod(0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        directory = PrivateDirectory(path, record, lock, account)
        directory.note()
    try:
        make_directory(path, account)
        if account.other and not can_reach(account, path, "-w"):
            raise ConfigError(
                f"The user {account.name}, who runs the server, cannot reach {run}.",
                hint="Set A13_CACHE_DIR to a directory that everybody can pass through.",
            )
    except BaseException:
        directory.release()
        raise
    return directory


@contextlib.contextmanager
def work_directory(settings: Settings) -> Iterator[Path]:
    """A private directory of the server's user, removed at the end, swept if its owner dies."""
    directory = private_directory(settings)
    try:
        yield directory.path
    finally:
        directory.release()


def socket_directory(directory: PrivateDirectory) -> Path:
    """A directory for the server's socket, short enough for the kernel, mode 0700.

    Below the private directory, or in the system's temporary directory where that path does not
    serve.
    """
    path = directory.path / "s"
    # libpq takes a comma for the end of a host's name.
    if len(os.fsencode(path)) > MAX_SOCKET_DIRECTORY_BYTES or "," in str(path):
        name = f"a13-{secrets.token_hex(8)}"
        bases = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
        for base in bases:
            path = base / name
            fits = len(os.fsencode(path)) <= MAX_SOCKET_DIRECTORY_BYTES and "," not in str(path)
            if fits and can_reach(directory.account, base, "-x") and os.access(base, os.W_OK):
                break
        else:
            raise ServerError(
                "There is no directory with a path short enough for a Unix socket.",
                hint="Set A13_CACHE_DIR to a shorter path.",
            )
        directory.note(also=[str(path)])
    make_directory(path, directory.account)
    return path


def sweep(settings: Settings) -> list[str]:
    """Remove what dead owners left, and stop their servers. Returns the removed directories."""
    account = server_account(settings)
    run = cache_directory(settings, "run")
    with contextlib.ExitStack() as held:
        dead: list[tuple[Path, dict[str, Any]]] = []
        with file_lock(settings, "registry"):
            for record in sorted(run.glob("*.json")):
                facts = _dead_record(record, held)
                if facts is not None:
                    dead.append((record, facts))
            known = {record.stem for record in run.glob("*.json")}
            strays = [path for path in run.iterdir() if path.is_dir() and path.name not in known]
        for record, facts in dead:
            clusters = [run / record.stem / "data", *map(Path, facts.get("data", []))]
            for data in clusters:
                signal_postmaster(account, data)
        removed = []
        for record, facts in dead:
            for path in (run / record.stem, *map(Path, facts.get("also", []))):
                if path.exists():
                    remove_tree(path)
                    removed.append(str(path))
            record.unlink(missing_ok=True)
        for path in strays:
            signal_postmaster(account, path / "data")
            remove_tree(path)
            removed.append(str(path))
    return removed


def _dead_record(record: Path, held: contextlib.ExitStack) -> dict[str, Any] | None:
    """The facts of a record whose owner is gone, locked until `held` ends; None if it lives."""
    try:
        handle = record.open("r+")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        facts = json.loads(handle.read() or "{}")
    except BlockingIOError:
        handle.close()
        return None
    except ValueError:
        facts = {}
    pid = facts.get("pid")
    if pid is not None and facts == {**facts, **identity(int(pid))}:
        handle.close()
        return None
    held.enter_context(handle)
    return dict(facts)


def signal_postmaster(account: Account, data: Path) -> bool:
    """Stop a server that runs on a cluster although its owner is gone. True if there was one."""
    pid = postmaster_pid(data)
    if pid is None or str(data) not in command_line(pid):
        return False
    start = start_time(pid)
    for name, patience_seconds in (("QUIT", 6.0), ("KILL", 6.0)):
        signal_as(account, pid, name)
        deadline = time.monotonic() + patience_seconds
        while time.monotonic() < deadline:
            if start_time(pid) != start:
                return True
            time.sleep(0.02)
    return True


def postmaster_pid(data: Path) -> int | None:
    """The process that the cluster's lock file names; None without such a file."""
    try:
        return int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
