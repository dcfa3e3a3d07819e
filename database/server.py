"""The private PostgreSQL server: starts in a fraction of a second, leaves nothing behind.

It listens on a Unix socket in a directory of mode 0700, asks for a random password (scram), and
has no TCP port. It ends when its owner does: at the end of the `with` block, at an exception, at
Ctrl-C and at `kill -9` (see `processes`); what a dead owner left is swept at the next start.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import subprocess
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import psycopg
from psycopg import sql
from sqlalchemy import URL

from ..config import Settings
from ..domain.base import sha256_of_json
from ..errors import ServerError
from .binaries import Binaries, find_binaries
from .clusters import PASSWORD_FILE, create_cluster, template_is_damaged, write_password
from .directories import (
    PrivateDirectory,
    private_directory,
    remove_tree,
    signal_postmaster,
    socket_directory,
    sweep,
)
from .processes import ProgramRun, run_program, server_account, spawn_server
from .profiles import Profile, profile_parameters

PORT = 5432  # only part of the socket's name: nothing listens on TCP
SUPERUSER = "postgres"
_START_SECONDS = 60.0
_RECOVERY_SECONDS = 900.0
_STOP_SECONDS = 60.0


class Server:
    """A private PostgreSQL server. A context manager; `start` and `stop` may be called again.

    `profile`: "scratch" is fast and forgets on a crash, for proofs of schema and speed; "durable"
    is for drills of recovery. `parameters` are server parameters that come before the profile's.
    `data_directory`: None for a fresh cluster that `stop` removes; else a cluster that stays, such
    as a restored base backup, inside a `work_directory` (created there if it does not exist).
    """

    def __init__(
        self,
        *,
        profile: Profile = "scratch",
        settings: Settings | None = None,
        parameters: Mapping[str, str] | None = None,
        data_directory: Path | None = None,
        binaries: Binaries | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.profile: Profile = profile
        self.binaries = binaries or find_binaries(self.settings)
        self.parameters = {
            **profile_parameters(profile, self.binaries.major),
            **dict(parameters or {}),
        }
        self._given_data = data_directory.absolute() if data_directory is not None else None
        self._running: _Running | None = None
        self._password = ""

    # -- facts ---------------------------------------------------------------------------------

    @property
    def version(self) -> str:
        """The server's version, as in "18.6"."""
        return self.binaries.version

    @property
    def settings_sha256(self) -> str:
        """The hash of version, profile and every parameter, for evidence (no paths, no secrets)."""
        facts = {"version": self.version, "profile": self.profile, "parameters": self.parameters}
        return sha256_of_json(facts)

    @property
    def started(self) -> bool:
        """The server was started and has not ended since."""
        return self._running is not None and self._running.guard.poll() is None

    @property
    def directory(self) -> Path:
        """A private folder with room for files, removed when the server stops."""
        return self._now.directory.path

    @property
    def data_directory(self) -> Path:
        """The cluster's folder."""
        return self._now.data

    @property
    def socket_directory(self) -> Path:
        """The folder of the Unix socket, mode 0700."""
        return self._now.sockets

    @property
    def log_path(self) -> Path:
        """The server's log."""
        return self._now.log_path

    def log_tail(self, n: int = 40) -> str:
        """The last `n` lines of the server's log."""
        return _tail(self.log_path, n)

    # -- life ----------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start the server and wait until it accepts connections.

        Raises ServerError with the end of the log when it does not come up.
        """
        if self._running is not None:
            return self
        sweep(self.settings)
        try:
            self._start(rebuild=False)
        except ServerError:
            if self._given_data is not None or not template_is_damaged(
                self.settings, self.binaries
            ):
                raise
            self._start(rebuild=True)
        return self

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop the server and remove what is its own. "immediate" is a crash, as of the power."""
        running, self._running = self._running, None
        if running is not None:
            running.close(mode)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop("fast" if kind is None else "immediate")

    # -- use -----------------------------------------------------------------------------------

    def url(self, database: str = "postgres", role: str | None = None) -> URL:
        """The SQLAlchemy URL of a database, password inside.

        `role` becomes the session's role (SET ROLE) right after the connection.
        """
        query = {"host": str(self.socket_directory), "port": str(PORT)}
        if role is not None:
            quoted = re.sub(r"([\\\s])", r"\\\1", role)
            query["options"] = f"-c role={quoted}"
        return URL.create(
            "postgresql+psycopg",
            username=SUPERUSER,
            password=self._password,
            database=database,
            query=query,
        )

    def connect(self, database: str = "postgres", *, autocommit: bool = True) -> psycopg.Connection:
        """A connection as superuser. Variables such as PGOPTIONS do not touch it."""
        return psycopg.connect(
            host=str(self.socket_directory),
            port=PORT,
            user=SUPERUSER,
            password=self._password,
            dbname=database,
            options="",
            client_encoding="UTF8",
            application_name="a13",
            sslmode="disable",
            gssencmode="disable",
            autocommit=autocommit,
        )

    def create_database(self, name: str, *, template: str | None = None) -> None:
        """Create a database, empty or as a copy of `template` (to which nobody is connected)."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(template or "template0")
        )
        if template is not None:
            statement += sql.SQL(" STRATEGY file_copy")
        self._maintain(statement)

    def drop_database(self, name: str) -> None:
        """Drop a database if it is there; sessions in it are ended."""
        self._maintain(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )

    def run(
        self,
        program: str,
        *args: str | Path,
        database: str | None = None,
        stdin: str | None = None,
        timeout: float | None = None,
        check: bool = False,
    ) -> ProgramRun:
        """Run one of PostgreSQL's programs as the server's user, connected to this server.

        It works in `directory`. Programs that need no server (pg_verifybackup) run as well when
        it is stopped. `stdin` is text. Raises ServerError if there is no such program, or, with
        `check`, when it fails.
        """
        running = self._running
        environment = {}
        if running is not None:
            environment = {
                "PGHOST": str(running.sockets),
                "PGPORT": str(PORT),
                "PGUSER": SUPERUSER,
                "PGPASSWORD": self._password,
                "PGDATABASE": database or "postgres",
            }
        account = server_account(self.settings)
        with contextlib.ExitStack() as held:
            folder = running.directory.path if running is not None else None
            source = None
            if stdin is not None:
                if folder is None:
                    work = private_directory(self.settings)
                    held.callback(work.release)
                    folder = work.path
                source = folder / f"stdin-{secrets.token_hex(4)}"
                source.write_text(stdin)
                account.give(source)
                held.callback(source.unlink, missing_ok=True)
            return run_program(
                account,
                [self.binaries.program(program), *map(str, args)],
                environment=environment,
                stdin=source,
                timeout=timeout,
                cwd=folder,
                check=check,
            )

    # -- inside --------------------------------------------------------------------------------

    @property
    def _now(self) -> _Running:
        if self._running is None:
            raise ServerError("The private server is not started.", hint="Call start() first.")
        return self._running

    def _maintain(self, statement: sql.Composable) -> None:
        try:
            with self.connect() as connection:
                connection.execute(statement)
        except psycopg.Error as error:
            raise ServerError(
                f"The private server refused a statement: {str(error).strip()}",
                sqlstate=error.sqlstate or "",
            ) from error

    def _start(self, *, rebuild: bool) -> None:
        directory = private_directory(self.settings)
        try:
            data = self._given_data or directory.path / "data"
            if self._given_data is not None:
                directory.note(data=[str(data)])
            fresh = not (data / "PG_VERSION").exists()
            if fresh:
                password = create_cluster(self.settings, self.binaries, data, rebuild=rebuild)
            else:
                password = _read_password(data)
            self._password = password
            self._running = self._launch(directory, data)
            if fresh:
                self._change_password(data)
        except BaseException:
            self.stop("immediate")
            directory.release()
            raise

    def _launch(self, directory: PrivateDirectory, data: Path) -> _Running:
        sockets = socket_directory(directory)
        log_path = directory.path / "server.log"
        parameters = {
            **self.parameters,
            "listen_addresses": "",
            "unix_socket_directories": _quoted(sockets),
            "unix_socket_permissions": "0700",
            "port": str(PORT),
            "logging_collector": "off",
            "log_destination": "stderr",
        }
        command = [self.binaries.program("postgres"), "-D", str(data)]
        for name, text in parameters.items():
            command += ["-c", f"{name}={text}"]
        before = _pid_file(data)
        with log_path.open("ab") as log:
            guard = spawn_server(directory.account, command, log=log, cwd=directory.path)
        running = _Running(directory, data, sockets, log_path, guard)
        weakref.finalize(self, running.close, "immediate")
        try:
            self._wait_until_ready(running, before)
        except BaseException:
            running.close("immediate")
            raise
        return running

    def _wait_until_ready(self, running: _Running, before: list[str]) -> None:
        """Poll the state that the server writes to the eighth line of its lock file."""
        recovering = any(
            (running.data / name).exists() for name in ("recovery.signal", "standby.signal")
        )
        patience = _START_SECONDS if not self._given_data else _RECOVERY_SECONDS
        deadline = time.monotonic() + patience
        pause_seconds = 0.004
        while True:
            ended = running.guard.poll() is not None
            lines = _pid_file(running.data)
            state = lines[7].strip() if len(lines) > 7 and lines != before else ""
            if ended or time.monotonic() > deadline:
                why = "ended while it started" if ended else f"was not up after {patience:.0f} s"
                raise ServerError(
                    f"PostgreSQL {self.version} {why}. The end of its log:\n"
                    f"{_tail(running.log_path, 25)}",
                    exit_code=running.guard.returncode,
                )
            if state == "ready":
                return
            if state == "standby" and recovering and self._stays_in_recovery(running):
                return
            time.sleep(pause_seconds)
            pause_seconds = min(pause_seconds * 1.1, 0.05)

    def _stays_in_recovery(self, running: _Running) -> bool:
        """A standby, or a recovery that reached its target and waits there."""
        if (running.data / "standby.signal").exists():
            return True
        self._running = running
        with contextlib.suppress(psycopg.Error), self.connect() as connection:
            row = connection.execute("SELECT pg_get_wal_replay_pause_state()").fetchone()
            return row is not None and row[0] == "paused"
        return False

    def _change_password(self, data: Path) -> None:
        """Give the copy a password of its own; only its verifier travels to the server."""
        fresh = secrets.token_urlsafe(24)
        with self.connect() as connection:
            verifier = connection.pgconn.encrypt_password(
                fresh.encode(), SUPERUSER.encode(), b"scram-sha-256"
            )
            connection.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                    sql.Identifier(SUPERUSER), sql.Literal(verifier.decode())
                )
            )
        write_password(server_account(self.settings), data, fresh)
        self._password = fresh


class _Running:
    """One run of a server: its guard, its directories. `close` may be called twice."""

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
        _running.add(self)

    def close(self, mode: str) -> None:
        """Stop the server and remove the private directory. Nothing in a forked child."""
        if self._closed or os.getpid() != self._pid:
            return
        self._closed = True
        signals = (("INT", _STOP_SECONDS),) if mode == "fast" else ()
        for name, patience_seconds in (*signals, ("QUIT", 10.0), ("KILL", 10.0)):
            if self.guard.poll() is None:
                self._tell(name)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.guard.wait(patience_seconds)
        self.drop_lifeline()
        # Only if somebody killed the guard is there still a server.
        signal_postmaster(self.directory.account, self.data)
        self.directory.release()

    def drop_lifeline(self) -> None:
        """Close our end of the guard's pipe."""
        if self.guard.stdin is not None:
            with contextlib.suppress(OSError):
                self.guard.stdin.close()

    def _tell(self, name: str) -> None:
        with contextlib.suppress(OSError):
            assert self.guard.stdin is not None
            self.guard.stdin.write(f"{name}\n".encode())
            self.guard.stdin.flush()


_running: weakref.WeakSet[_Running] = weakref.WeakSet()


def _drop_lifelines_after_fork() -> None:
    """A forked child must not keep its parent's servers alive."""
    for running in list(_running):
        running.drop_lifeline()


os.register_at_fork(after_in_child=_drop_lifelines_after_fork)


def _quoted(path: Path) -> str:
    """One path as an element of a list of directories, which may hold commas and spaces."""
    return '"' + str(path).replace('"', '""') + '"'


def _pid_file(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().split("\n")
    except OSError:
        return []


def _read_password(data: Path) -> str:
    try:
        return (data / PASSWORD_FILE).read_text()
    except OSError as error:
        raise ServerError(
            f"{data} holds no cluster that A13 made: its password file is missing.",
            hint="Start from a base backup or a copy of a cluster of a private server.",
        ) from error


def _tail(path: Path, n: int) -> str:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-n:])
