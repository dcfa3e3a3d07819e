"""Settings: the only reader of the environment (prefix `A13_`)."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def default_cache_dir() -> Path:
    """Where template clusters and copied binaries are kept between runs.

    As root the server runs as an unprivileged user, who cannot reach into root's home.
    """
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/tmp/a13-root")
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "a13"


def unset_session_variables() -> None:
    """Take libpq's variables that no connection can overrule out of this process's environment.

    They would lead every connection elsewhere, or change how sessions write dates and times.
    """
    for name in ("PGSERVICE", "PGDATESTYLE", "PGTZ", "PGGEQO"):
        os.environ.pop(name, None)


class Settings(BaseSettings):
    """What a deployment decides once. Arguments of `A13Agent` and the CLI come first.

    `model`: the planner's model, None for the offline rules. `database_url`: the user's own
    database. `pg_bin`: a folder of PostgreSQL programs to use instead of the packaged ones.
    `server_user`: who runs the private server when A13 runs as root. `cache_dir`: see
    `default_cache_dir`. `seed`: of every generated row.
    """

    model_config = SettingsConfigDict(env_prefix="A13_", extra="ignore", frozen=True)

    model: str | None = None
    database_url: SecretStr | None = None
    pg_bin: Path | None = None
    server_user: str = "nobody"
    cache_dir: Path = Field(default_factory=default_cache_dir)
    seed: int = 13
    max_prd_bytes: int = 2_000_000
