"""Connections by URL: psycopg over SQLAlchemy's reading of the URL."""

from __future__ import annotations

from typing import Any

import psycopg
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from ..errors import ConfigError

_DRIVER = "postgresql+psycopg"


def database_url(url: URL | str) -> URL:
    """The URL with the driver that A13 uses. Raises ConfigError for what is no PostgreSQL URL."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(
            "The database URL cannot be read.",
            hint="Write postgresql://user:password@host:5432/database.",
        ) from error
    if parsed.drivername.split("+")[0] not in ("postgresql", "postgres"):
        raise ConfigError(
            f"{parsed.drivername.split('+')[0]!r} is not PostgreSQL.",
            hint="Write postgresql://user:password@host:5432/database.",
        )
    return parsed.set(drivername=_DRIVER)


def connect_arguments(url: URL) -> dict[str, str]:
    """What a connection to a private server's socket needs besides the URL.

    Variables such as PGHOSTADDR or PGOPTIONS must not lead it elsewhere; for a user's own database
    they are the user's wish.
    """
    host = url.host or url.query.get("host", "")
    if not (isinstance(host, str) and host.startswith("/")):
        return {}
    fixed = {"hostaddr": "", "sslmode": "disable", "gssencmode": "disable"}
    fixed["target_session_attrs"] = "any"
    if "options" not in url.query:
        fixed["options"] = ""
    return fixed


def connect(url: URL | str, *, autocommit: bool = True, **options: Any) -> psycopg.Connection:
    """A psycopg connection to `url`. Raises psycopg.OperationalError where nobody answers."""
    parsed = database_url(url)
    arguments, named = parsed.get_dialect()().create_connect_args(parsed)
    named = {"application_name": "a13", **connect_arguments(parsed), **named, **options}
    return psycopg.connect(*arguments, autocommit=autocommit, **named)
