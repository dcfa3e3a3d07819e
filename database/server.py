"""The private PostgreSQL server: starts in a fraction of a second, leaves nothing behind.

It listens on a Unix socket in a directory of mode 0700, asks for a random password (scram), and
has no TCP port. It ends when its owner does: at the end of the `with` block, at an exception, at
Ctrl-C and at `kill -9` (see `processes`); what a dead owner left is swept at the next start.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import weakref
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql
from sqlalchemy import URL

from ..config import Settings
from ..domain.base import sha256_of_json
from ..errors import ServerError
from .binaries import Binaries, find_binaries
from .clusters import create_cluster, drop_damaged_template, read_password, write_password
from .directories import (
    private_directory,
    remove_tree,
    sweep,
    work_directory,
    write_private,
)
from .processes import ProgramRun, run_program, server_account
from .profiles import Profile, profile_parameters
from .running import PORT, SUPERUSER, Mode, RunningServer, launch, tail

__all__ = ["PORT", "SUPERUSER", "ProgramRun", "Server", "sweep", "work_directory"]


class Server:
    """A private PostgreSQL server. A context manager; `start` and `stop` may be called again.

    `profile`: "scratch" is fast and forgets on a crash, for proofs of schema and speed; "durable"
    is for drills of recovery. `parameters` are server parameters that come before the profile's.
    `data_directory`: None for a fresh cluster that `stop` removes; else a cluster that stays, such
    as a restored base backup, inside a `work_directory` (made there if it does not exist yet).
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
        self._running: RunningServer | None = None
        self._password = ""

    # -- facts ---------------------------------------------------------------------------------

    @property
    def version(self) -> str:
        """The server's version, as in "18.6"."""
        return self.binaries.version

    @property
    def settings_sha256(self) -> str:
        """The hash of version, profile and parameters, for evidence: equal from run to run."""
        # Paths differ from run to run and say nothing about behaviour.
        parameters = {
            name: "(path)" if "/" in text else text for name, text in self.parameters.items()
        }
        return sha256_of_json(
            {"version": self.version, "profile": self.profile, "parameters": parameters}
        )

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
        return tail(self.log_path, n)

    # -- life ----------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start the server and wait until it accepts connections.

        Raises ServerError with the end of the log when it does not come up.
        """
        if self._running is not None:
            return self
        sweep(self.settings)
        try:
            self._start()
        except ServerError:
            if not drop_damaged_template(self.settings, self.binaries):
                raise
            self._start()
        return self

    def stop(self, mode: Mode = "fast") -> None:
        """Stop the server and remove what is its own. "immediate" is like a loss of power."""
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

        With `role` each session starts as that role (the superuser can set any).
        """
        options = ""
        if role is not None:
            options = "-c role=" + re.sub(r"([\\\s])", r"\\\1", role)
        return URL.create(
            "postgresql+psycopg",
            username=SUPERUSER,
            password=self._password,
            database=database,
            # The empty ones keep PGHOSTADDR and PGOPTIONS of the environment out.
            query={
                "host": str(self.socket_directory),
                "port": str(PORT),
                "hostaddr": "",
                "options": options,
            },
        )

    def connect(self, database: str = "postgres", *, autocommit: bool = True) -> psycopg.Connection:
        """A connection as superuser."""
        return self._now.connect(database, self._password, autocommit=autocommit)

    def create_database(self, name: str, *, template: str | None = None) -> None:
        """Create a database, empty or as a copy of `template` (to which nobody is connected)."""
        # Copying files is the quicker way where nothing is synced to disk.
        strategy = "file_copy" if self.profile == "scratch" else "wal_log"
        self._maintain(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY {}").format(
                sql.Identifier(name),
                sql.Identifier(template or "template0"),
                sql.Identifier(strategy),
            )
        )

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
                    folder = held.enter_context(work_directory(self.settings))
                source = folder / f"stdin-{secrets.token_hex(4)}"
                held.callback(source.unlink, missing_ok=True)
                write_private(source, stdin, account)
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
    def _now(self) -> RunningServer:
        if self._running is None:
            raise ServerError("The private server is not started.", hint="Call start() first.")
        return self._running

    def _maintain(self, statement: sql.Composed) -> None:
        try:
            with self.connect() as connection:
                connection.execute(statement)
        except psycopg.Error as error:
            raise ServerError(
                f"The private server refused a statement: {str(error).strip()}",
                sqlstate=error.sqlstate or "",
            ) from error

    def _start(self) -> None:
        directory = private_directory(self.settings)
        made: Path | None = None
        try:
            data = self._given_data or directory.path / "data"
            directory.note(data=[str(data)])
            fresh = not (data / "PG_VERSION").exists()
            if fresh:
                password = create_cluster(self.settings, self.binaries, data)
                made = data
            else:
                password = read_password(data)
            self._running = launch(
                self.binaries, directory, data, self.parameters, password=password
            )
            weakref.finalize(self, self._running.close, "immediate")
            self._password = self._renew_password(data, password) if fresh else password
        except BaseException:
            self.stop("immediate")
            directory.release()
            if made is not None:  # not usable, and nobody has put anything into it
                remove_tree(made)
            raise

    def _renew_password(self, data: Path, old: str) -> str:
        """Give a copy a password of its own; only its verifier travels to the server."""
        fresh = secrets.token_urlsafe(24)
        try:
            with self._now.connect("postgres", old, autocommit=True) as connection:
                verifier = connection.pgconn.encrypt_password(
                    fresh.encode(), SUPERUSER.encode(), b"scram-sha-256"
                )
                connection.execute(
                    sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                        sql.Identifier(SUPERUSER), sql.Literal(verifier.decode())
                    )
                )
        except psycopg.Error as error:
            raise ServerError(
                f"The private server started but could not be used: {str(error).strip()}\n"
                f"The end of its log:\n{self.log_tail(25)}",
                hint="Unset libpq's variables, such as PGSERVICE, if the log shows no cause.",
            ) from error
        write_password(server_account(self.settings), data, fresh)
        return fresh
