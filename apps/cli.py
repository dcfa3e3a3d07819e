"""The command line: run, plan, resume, serve, verify, doctor.

Exit codes: 0 all acceptance criteria met, 1 failed, 2 usage, 3 needs input, 4 needs approval,
5 finished but a criterion is not met (or not proved). Heavy imports are inside the commands, so
that `a13 --help` stays quick.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from ..errors import A13Error, ConfigError, InputError, WorkspaceError

if TYPE_CHECKING:
    from ..agent import A13Agent, A13Result
    from ..config import Settings

EXIT_CODES = (
    "Exit codes: 0 all acceptance criteria met · 1 failed · 2 usage · 3 needs input · "
    "4 needs approval · 5 finished, but a criterion is not met or not proved"
)
USAGE = 2
# As shells say it: 128 and the signal's number.
INTERRUPTED = 130
TERMINATED = 143

app = typer.Typer(
    name="a13",
    help="An LLM database engineer: from a PRD to a proved PostgreSQL database.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ModelOption = Annotated[
    str | None, typer.Option("--model", help="The planner's model; unset: offline rules.")
]
UrlOption = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        help="Your own PostgreSQL; written to only after an approval. "
        "A13_DATABASE_URL keeps it out of the process list.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
WorkspaceArgument = Annotated[Path, typer.Argument(help="The run's workspace.")]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"a13 {version('a13')}")
        raise typer.Exit(0)


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_version, help="Print the version."),
    ] = False,
) -> None:
    """An LLM database engineer: from a PRD to a proved PostgreSQL database."""


@app.command()
def run(
    prd: Annotated[str, typer.Argument(help="A PRD (Markdown), a design (JSON), or - for stdin.")],
    workspace: Annotated[
        Path | None, typer.Option("--workspace", help="Folder of the run (new or empty).")
    ] = None,
    database_url: UrlOption = None,
    model: ModelOption = None,
    as_json: JsonOption = False,
    rows: Annotated[
        int | None,
        typer.Option("--max-rows", min=1, help="Cap on generated rows per relation."),
    ] = None,
) -> None:
    """From a PRD to a proved PostgreSQL database."""
    from ..domain.plan import Budget

    budget = Budget() if rows is None else Budget(rows_per_relation=rows)
    agent = _agent(model=model, database=database_url, budget=budget)
    given = _given(prd)
    work = partial(agent.run, given, workspace=workspace)
    _finish(_watch(as_json, work), as_json)


@app.command()
def plan(
    prd: Annotated[str, typer.Argument(help="A PRD (Markdown), or - for stdin.")],
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Only read the PRD and show the design: no server, no files."""
    agent = _agent(model=model)
    design = agent.plan(_given(prd))
    if as_json:
        typer.echo(design.model_dump_json(indent=2))
    else:
        from .view import show_design

        show_design(design)
    if not design.relations or any(question.blocking for question in design.questions):
        raise typer.Exit(3)


@app.command()
def resume(
    workspace: WorkspaceArgument,
    answer: Annotated[
        list[str] | None, typer.Option("--answer", help="ID=TEXT, once for each question.")
    ] = None,
    approve: Annotated[
        bool | None,
        typer.Option("--approve/--reject", help="Your word on the plan for your database."),
    ] = None,
    database_url: UrlOption = None,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go on with a run that was stopped, or that waits for answers or an approval."""
    answers = _answers(answer or [])
    agent = _agent(model=model, database=database_url)
    work = partial(agent.resume, workspace, answers=answers or None, approve=approve)
    _finish(_watch(as_json, work), as_json)


@app.command()
def serve(workspace: WorkspaceArgument) -> None:
    """Bring a finished database up again, with its seed data, until Ctrl-C."""
    from ..graphs.serve import Served
    from .view import show_served, wait_for_interrupt

    served = Served(workspace, _settings())
    served.start()
    try:
        show_served(served)
        wait_for_interrupt()
    finally:
        served.stop()


@app.command()
def verify(
    workspaces: Annotated[list[Path], typer.Argument(help="Workspaces of runs.")],
    as_json: JsonOption = False,
) -> None:
    """Recompute every hash of a run's evidence; name what was edited, cut, failed or stale."""
    from ..evidence.verify import verify as check

    sound = True
    for workspace in workspaces:
        verification = check(workspace)
        sound &= verification.ok
        if as_json:
            typer.echo(verification.model_dump_json(indent=None if len(workspaces) > 1 else 2))
        else:
            from .view import show_verification

            if len(workspaces) > 1:
                typer.echo(workspace)
            show_verification(verification)
    raise typer.Exit(0 if sound else 1)


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Say what this machine gives A13: binaries, versions, and whether a server starts."""
    from ..database.facts import describe

    facts = describe(_settings())
    if as_json:
        typer.echo(facts.model_dump_json(indent=2))
    else:
        from .view import show_facts

        show_facts(facts)
    raise typer.Exit(1 if facts.problem else 0)


def main() -> NoReturn:
    """The entry point: A13's own errors become one message and an exit code."""
    try:
        # SIGTERM ends a run as Ctrl-C does: servers stop, and their directories go.
        signal.signal(signal.SIGTERM, _terminated)
        # Without standalone mode an Exit comes back as the value of the call.
        code = app(standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except SystemExit as stop:
        code = stop.code
    except (InputError, ConfigError, WorkspaceError) as error:
        _complain(error)
        sys.exit(USAGE)
    except A13Error as error:
        _complain(error)
        sys.exit(1)
    except Exception as error:
        # typer vendors or uses click; its usage errors carry their own exit code and message.
        show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
        if callable(show) and isinstance(code, int):
            show()
            sys.exit(code)
        if sys.flags.dev_mode:
            raise
        _complain(_unforeseen(error))
        sys.exit(1)
    if code in (INTERRUPTED, TERMINATED):
        typer.echo("Stopped. `a13 resume WORKSPACE` goes on where the run stood.", err=True)
    sys.exit(code if isinstance(code, int) else 0)


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(TERMINATED)


def _agent(**arguments: Any) -> A13Agent:
    from ..agent import A13Agent

    return A13Agent(settings=_settings(), **arguments)


def _settings() -> Settings:
    """The settings of the environment, which holds nothing that bends sessions from now on.

    Raises ConfigError.
    """
    from pydantic import ValidationError

    from ..config import Settings, unset_session_variables

    unset_session_variables()
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "A13_" + "_".join(str(part) for part in first["loc"]).upper()
        raise ConfigError(
            f"{name}: {first['msg']}.", hint="Correct the environment variable, or unset it."
        ) from None


def _unforeseen(error: Exception) -> A13Error:
    """What a user is told about an error that is none of A13's own."""
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return A13Error(
            f"{place}{error.strerror or error}.",
            hint="Mend this (space, permissions), then `a13 resume WORKSPACE` goes on.",
        )
    first = (str(error).strip().splitlines() or [""])[0]
    return A13Error(
        f"A13 did not foresee this: {type(error).__name__}: {first[:300]}",
        hint="`a13 resume WORKSPACE` tries the step again; "
        "`python -X dev -m a13 …` shows the traceback for a report.",
    )


def _given(prd: str) -> str | Path:
    """A path, or the text of standard input."""
    if prd == "-":
        return sys.stdin.read()
    return Path(prd)


def _answers(pairs: list[str]) -> dict[str, str]:
    answers = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip() or not text.strip():
            raise ConfigError(f"{pair!r} is not ID=TEXT.", hint="Example: --answer Q-1='5 years'")
        answers[key.strip()] = text.strip()
    return answers


def _watch(as_json: bool, work: Callable[..., A13Result]) -> A13Result:
    """Run with live progress on standard error (none with --json)."""
    if as_json:
        return work()
    from .view import Progress

    with Progress() as progress:
        return work(on_event=progress.hear)


def _finish(result: A13Result, as_json: bool) -> NoReturn:
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    else:
        from .view import show_result

        show_result(result)
    raise typer.Exit(result.exit_code)


def _complain(error: A13Error) -> None:
    typer.secho(f"error: {error.message}", fg=typer.colors.RED, err=True)
    if error.hint:
        typer.echo(f"  {error.hint}", err=True)
