"""Many clients at once, by pgbench: each transaction's latency, judged as the clients feel it.

Each draw is a script; clients pick scripts at random. A transaction is one message to the server:
the tenant's setting, the query, and the end of the transaction. Statements are parsed and planned
each time, as with an application that prepares nothing. Source: PostgreSQL 18 manual, pgbench.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from pathlib import Path

import psycopg

from ..domain.base import Value
from ..domain.findings import Failure
from ..domain.identifiers import quote_literal
from ..domain.workload import Sla
from .sampling import Draw
from .server import Server
from .sessions import Prepared

_SCRIPTS = 100  # pgbench takes 128
_TRANSACTIONS = 500
_MOST_SECONDS = 5
_RESERVED = 5  # connections for superusers, and for ourselves


class ClientRun(Value):
    """What a run with many clients showed. `times_ms` are the latencies of all transactions."""

    clients: int
    times_ms: tuple[float, ...] = ()
    transactions_per_second: float = 0.0
    reason: str = ""
    failure: Failure | None = None


def clients_for(sla: Sla, p50_ms: float) -> int:
    """How many clients an objective asks for: as stated, else enough to reach the rate."""
    if sla.concurrency is not None:
        return max(1, sla.concurrency)
    if sla.rate_per_second is None:
        return 1
    return min(50, max(2, math.ceil(sla.rate_per_second * p50_ms / 1000 * 2)))


def run_clients(
    server: Server,
    database: str,
    prepared: Prepared,
    draws: Sequence[Draw],
    *,
    sla: Sla,
    clients: int,
    role: str,
    setting: str,
    p50_ms: float,
    statement_seconds: float,
) -> ClientRun:
    """Run a query with many clients for one to five seconds, by what one execution takes alone.

    `reason` says why where it could not be done.
    """
    with server.connect(database) as connection:
        room = _free_connections(connection)
    if clients > room:
        why = f"{clients} clients are stated, but the server takes {room} at once"
        return ClientRun(clients=clients, reason=why)
    wanted = max(_TRANSACTIONS, 10 * clients)
    seconds = min(_MOST_SECONDS, max(1, math.ceil(wanted * p50_ms / 2000)))
    mark = secrets.token_hex(4)
    folder = server.directory
    scripts: list[Path] = []
    try:
        for place, draw in enumerate(draws[:_SCRIPTS]):
            script = folder / f"clients-{mark}-{place}.sql"
            script.write_text(_script(prepared, draw, setting), encoding="utf-8")
            script.chmod(0o644)
            scripts.append(script)
        arguments = ["-n", "-M", "simple", "-c", str(clients), "-j", str(min(2, clients))]
        arguments += ["-T", str(seconds), "-l", "--log-prefix", f"clients-{mark}-log"]
        if sla.rate_per_second is not None:
            arguments += ["-R", f"{sla.rate_per_second:.6f}"]
        for script in scripts:
            arguments += ["-f", str(script)]
        ran = server.run(
            "pgbench",
            *arguments,
            _connection_text(database, role, statement_seconds),
            timeout=seconds + 2 * statement_seconds + 60,
        )
        logs = sorted(folder.glob(f"clients-{mark}-log.*"))
        times, failed = _read_logs(logs)
        if ran.exit_code != 0 or failed or not times:
            lines = [line for line in ran.stderr.splitlines() if "ERROR" in line or "error" in line]
            said = lines[0] if lines else f"pgbench ended with {ran.exit_code}"
            failure = Failure(
                kind="clients",
                message=said[:300],
                sqlstate="57014" if "statement timeout" in said else "",
                statement=prepared.query.sql,
                element=f"query:{prepared.query.name}",
            )
            return ClientRun(clients=clients, times_ms=times, failure=failure)
        return ClientRun(
            clients=clients, times_ms=times, transactions_per_second=len(times) / seconds
        )
    finally:
        for path in (*scripts, *folder.glob(f"clients-{mark}-*")):
            path.unlink(missing_ok=True)


def _free_connections(connection: psycopg.Connection) -> int:
    row = connection.execute(
        "SELECT current_setting('max_connections')::int - count(*) FROM pg_stat_activity "
        "WHERE backend_type = 'client backend'"
    ).fetchone()
    return max(0, int(row[0]) - _RESERVED) if row else 0


def _script(prepared: Prepared, draw: Draw, setting: str) -> str:
    """One transaction as one message."""
    statement = prepared.pgbench(draw)
    if not draw.tenant and not prepared.writes:
        return f"{statement};\n"
    parts = ["BEGIN"]
    if draw.tenant and setting:
        named, tenant = quote_literal(setting), quote_literal(draw.tenant)
        parts.append(f"SELECT set_config({named}, {tenant}, true)")
    parts += [statement, "ROLLBACK" if prepared.writes else "COMMIT"]
    return " \\;\n".join(parts) + ";\n"


def _connection_text(database: str, role: str, statement_seconds: float) -> str:
    options = f"-c statement_timeout={max(1, round(statement_seconds * 1000))} -c timezone=UTC"
    if role:
        escaped = role.replace("\\", "\\\\").replace(" ", "\\ ")
        options += f" -c role={escaped}"

    def value(text: str) -> str:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    return f"dbname={value(database)} options={value(options)}"


def _read_logs(paths: Sequence[Path]) -> tuple[tuple[float, ...], int]:
    """Latencies in milliseconds, and how many transactions failed."""
    times, failed = [], 0
    for path in paths:
        for line in path.read_text().splitlines():
            latency = line.split()[2]
            if latency.isdigit():
                times.append(int(latency) / 1000)
            else:
                failed += 1
    return tuple(times), failed
