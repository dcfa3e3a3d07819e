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
    fixed = socket_arguments()
    if "options" in url.query:
        del fixed["options"]
    return fixed


def socket_arguments() -> dict[str, str]:
    """The parameters that keep the environment out of a connection to a private server's socket.

    Source: PostgreSQL 18 manual, 32.15. PGSERVICE, PGDATESTYLE and PGTZ have no such parameter.
    """
    fixed = {
        "hostaddr": "",
        "options": "",
        "client_encoding": "UTF8",
        "sslmode": "disable",
        "gssencmode": "disable",
        "channel_binding": "disable",
        "requirepeer": "",
        "target_session_attrs": "any",
    }
    if psycopg.pq.version() >= 17_00_00:  # an older libpq refuses what it does not know
        fixed["sslnegotiation"] = "postgres"
    return fixed


def connect(url: URL | str, *, autocommit: bool = True, **options: Any) -> psycopg.Connection:
    """A psycopg connection to `url`. Raises psycopg.OperationalError where nobody answers."""
    parsed = database_url(url)
    arguments, named = parsed.get_dialect()().create_connect_args(parsed)
    named = {"application_name": "a13", **connect_arguments(parsed), **named, **options}
    return psycopg.connect(*arguments, autocommit=autocommit, **named)
