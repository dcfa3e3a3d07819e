"""Brings a finished run's database up again: revisions and seed on a private server."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL

from ..config import Settings
from ..database.connections import connect_arguments
from ..database.revisions import read_history, upgrade
from ..database.seed import apply_seed
from ..database.server import Server
from ..errors import ServerError, WorkspaceError
from ..evidence.workspace import Workspace

DATABASE = "a13"


class Served:
    """A running copy of a workspace's database. Stops with `stop()` or with the process."""

    def __init__(self, workspace: Path, settings: Settings) -> None:
        self.place = Workspace.open(workspace)
        self.server = Server(profile="scratch", settings=settings)
        self._engine: Engine | None = None
        if not read_history(self.place.path("migrations")):
            raise WorkspaceError(
                f"{self.place.root} has no revisions to build a database from.",
                hint="Run or resume it first.",
            )

    @property
    def url(self) -> URL:
        """Where the database answers, password inside."""
        return self.server.url(DATABASE)

    def start(self) -> None:
        """Build the database: every revision, then the seed data."""
        self.server.start()
        try:
            self.server.create_database(DATABASE)
            failure = upgrade(self.server.url(DATABASE), self.place.path("migrations"))
            if failure is not None:
                raise ServerError(f"Revision {failure.revision} failed: {failure.message}")
            if self.place.exists("seed/seed.sql"):
                with self.server.connect(DATABASE) as connection:
                    apply_seed(connection, self.place.path("seed/seed.sql"))
        except BaseException:
            self.server.stop()
            raise

    def engine(self) -> Engine:
        """One engine for this copy."""
        if self._engine is None:
            self._engine = create_engine(self.url, connect_args=connect_arguments(self.url))
        return self._engine

    def stop(self) -> None:
        """Close the connections and stop the server. Idempotent."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
        self.server.stop("immediate")
