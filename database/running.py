"""One run of a private server: its guard, its folders, the way up and the way down."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import psycopg

from ..errors import ServerError
from .binaries import Binaries
from .connections import socket_arguments
from .directories import PrivateDirectory, signal_postmaster, socket_directory
from .processes import spawn_server

PORT = 5432  # only part of the socket's name: nothing listens on TCP
SUPERUSER = "postgres"
_START_SECONDS = 60.0
_RECOVERY_SECONDS = 900.0
_STOP_SECONDS = 60.0

Mode = Literal["fast", "immediate"]


class RunningServer:
    """A started postmaster under its guard. `close` may be called twice."""

    def __init__(
        self,
        directory: PrivateDirectory,
        data: Path,
        sockets: Path,
        log_path: Path,
        guard: subprocess.Popen[bytes],
    ) -> None:
        self.directory = directory
        self.data = data
        self.sockets = sockets
        self.log_path = log_path
        self.guard = guard
        self._pid = os.getpid()
        self._closed = False
        _alive.add(self)

    def connect(self, database: str, password: str, *, autocommit: bool) -> psycopg.Connection:
        """A connection as superuser; variables such as PGHOSTADDR do not lead it elsewhere."""
        return psycopg.connect(
            host=str(self.sockets),
            port=PORT,
            user=SUPERUSER,
            password=password,
            dbname=database,
            application_name="a13",
            autocommit=autocommit,
            **socket_arguments(),  # type: ignore[arg-type]
        )

    def close(self, mode: Mode) -> None:
        """Stop the server and remove the private directory. Nothing in a forked child."""
        if self._closed or os.getpid() != self._pid:
            return
        self._closed = True
        try:
            if mode == "fast":
                self._end("INT", _STOP_SECONDS)
            self._end("QUIT", 10.0)
            self._end("KILL", 10.0)
        finally:  # also when Ctrl-C comes while we wait
            self.drop_lifeline()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.guard.wait(10.0)
            # Only if somebody killed the guard is there still a server.
            signal_postmaster(self.directory.account, self.data)
            self.directory.release()

    def drop_lifeline(self) -> None:
        """Close our end of the guard's pipe: the guard takes that for our death."""
        if self.guard.stdin is not None:
            with contextlib.suppress(OSError):
                self.guard.stdin.close()

    def _end(self, name: str, patience_seconds: float) -> None:
        """Send a signal, again each second: a server that just starts does not hear it yet."""
        deadline = time.monotonic() + patience_seconds
        while self.guard.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                assert self.guard.stdin is not None
                self.guard.stdin.write(f"{name}\n".encode())
                self.guard.stdin.flush()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.guard.wait(1.0)


_alive: weakref.WeakSet[RunningServer] = weakref.WeakSet()


def _after_fork() -> None:
    """A forked child must not keep its parent's servers alive."""
    for running in list(_alive):
        running.drop_lifeline()


os.register_at_fork(after_in_child=_after_fork)


def launch(
    binaries: Binaries,
    directory: PrivateDirectory,
    data: Path,
    parameters: Mapping[str, str],
    *,
    password: str,
) -> RunningServer:
    """Start a server on a cluster and wait until it accepts connections.

    A recovery is waited for to its end, or to its target if it pauses there; a standby counts as
    started. Raises ServerError with the end of the log.
    """
    sockets = socket_directory(directory)
    log_path = directory.path / "server.log"
    ours = {
        "listen_addresses": "",
        "unix_socket_directories": _quoted(sockets),
        "unix_socket_permissions": "0700",
        "port": str(PORT),
        "logging_collector": "off",
        "log_destination": "stderr",
    }
    command = [binaries.program("postgres"), "-D", str(data)]
    for name, text in {**parameters, **ours}.items():
        command += ["-c", f"{name}={text}"]
    before = _lock_file(data)
    with log_path.open("ab") as log:
        guard = spawn_server(directory.account, command, log=log, cwd=directory.path)
    running = RunningServer(directory, data, sockets, log_path, guard)
    recovering = any((data / name).exists() for name in ("recovery.signal", "standby.signal"))
    # A cluster that is not from the template may have a long log to replay.
    patience = _START_SECONDS if data.parent == directory.path else _RECOVERY_SECONDS
    try:
        _wait(
            running,
            before,
            patience,
            settled=lambda: not recovering or _recovery_is_over(running, password),
        )
    except BaseException as error:
        if isinstance(error, ServerError):
            error.facts["version"] = binaries.version
        running.close("immediate")
        raise
    return running


def _wait(
    running: RunningServer,
    before: list[str],
    patience_seconds: float,
    settled: Callable[[], bool],
) -> None:
    """Poll the state that the server writes to the eighth line of its lock file.

    "ready": it accepts connections, if only read-only ones. "standby": it will never do so while
    it recovers (hot_standby is off).
    """
    deadline = time.monotonic() + patience_seconds
    pause_seconds = 0.004
    while True:
        ended = running.guard.poll() is not None
        lines = _lock_file(running.data)
        state = lines[7].strip() if len(lines) > 7 and lines != before else ""
        if ended or time.monotonic() > deadline:
            why = "ended while it started" if ended else f"was not up in {patience_seconds:.0f} s"
            raise ServerError(
                f"PostgreSQL {why}. The end of its log:\n{tail(running.log_path, 25)}",
                hint=_start_hint(running.log_path),
                exit_code=running.guard.returncode,
            )
        if state == "ready" and settled():
            return
        if state == "standby" and (running.data / "standby.signal").exists():
            return
        time.sleep(pause_seconds)
        pause_seconds = min(pause_seconds * 1.1, 0.05)


def _recovery_is_over(running: RunningServer, password: str) -> bool:
    """Whether a server that answers is where its recovery leads.

    It has ended and writes are welcome, or it reached its target and waits there, or it is a
    standby, which recovers for ever.
    """
    if (running.data / "standby.signal").exists():
        return True
    with (
        contextlib.suppress(psycopg.Error),
        running.connect("postgres", password, autocommit=True) as connection,
    ):
        row = connection.execute(
            "SELECT CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() END"
        ).fetchone()
        return row is not None and row[0] in (None, "paused")
    return False


def _start_hint(log_path: Path) -> str:
    text = tail(log_path, 25)
    if "No space left on device" in text:
        return "Free some space, or set A13_CACHE_DIR to a larger file system."
    if "could not map anonymous shared memory" in text:
        return "Free some memory, or give a smaller shared_buffers."
    return ""


def tail(path: Path, n: int) -> str:
    """The last `n` lines of a text file; "" if it cannot be read."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-n:])


def _quoted(path: Path) -> str:
    """One path as an element of a list of directories, which may hold commas and spaces."""
    return '"' + str(path).replace('"', '""') + '"'


def _lock_file(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().split("\n")
    except OSError:
        return []
