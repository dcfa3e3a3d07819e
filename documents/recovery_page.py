"""`docs/operations/backup-and-recovery.md`: the runbook, written from the drill that tested it."""

from __future__ import annotations

from ..domain.identifiers import quote, quote_literal
from ..domain.measurement import DrillReport, DrillStep, TableDigest
from ..templates import render
from .database_page import stamp
from .dossier import Dossier
from .drill_commands import Commands, commands_of
from .entities import tables_of
from .markdown import (
    NOT_MEASURED,
    Linker,
    Md,
    block,
    code,
    count,
    inline,
    joined,
    size,
    table,
)
from .markdown import seconds as duration

PAGE = "docs/operations/backup-and-recovery.md"


def recovery_page(dossier: Dossier) -> str:
    """The text of the page."""
    link = Linker(PAGE, dossier.ledger_path)
    drill = dossier.drill
    steps = drill.steps if drill else ()
    shown = Commands(steps)
    return render(
        "docs/backup-and-recovery.md.j2",
        title=inline(dossier.design.title or dossier.design.name),
        stamp=stamp(dossier),
        drilled=drill is not None,
        summary=_summary(dossier, link),
        objectives=_objectives(dossier, link),
        what=_what(dossier),
        per_size=_per_size(drill),
        drill_steps=_steps(steps, shown),
        where=shown.note(),
        backup_ran=shown.ran("pg_basebackup"),
        verify_ran=shown.ran("pg_verifybackup"),
        dump_ran=shown.ran("pg_dump"),
        recovery_ran=shown.ran("postgres"),
        restore_ran=shown.ran("createdb", "pg_restore", "psql"),
        checks_ran=_checks_ran(drill),
        archive_timeout=_archive_timeout(dossier),
        digests=_digests(drill),
        integrity=_integrity(dossier, link),
        validation=_validation(dossier),
        restore=_restore(dossier, link),
        causes=_causes(dossier, link),
    )


def _summary(dossier: Dossier, link: Linker) -> Md:
    drill = dossier.drill
    if drill is None:
        return Md("**No recovery was drilled in this run.** The steps below are not tested here.")
    evidence = link.evidence(dossier.evidence_for("drill"))
    rows = sum(digest.rows for digest in drill.before)
    if drill.passed:
        words = (
            f"The last drill passed: {count(rows, 'row')} in {count(len(drill.before), 'table')} "
            f"came back with equal counts and hashes on {dossier.server_name or 'a second server'}."
        )
    else:
        failed = ", ".join(step.name for step in drill.steps if not step.passed) or "its end"
        words = f"The last drill FAILED at: {failed}. Treat this database as without a backup."
    return joined((words, evidence))


def _objectives(dossier: Dossier, link: Linker) -> Md:
    stated = dossier.design.objectives
    drill = dossier.drill
    evidence = link.evidence(dossier.evidence_for("drill"))
    rows = []
    for name, means, wanted, source, seen in (
        ("RPO", "how much may be lost", stated.rpo_seconds, stated.rpo_source,
         drill.rpo_seconds if drill else None),
        ("RTO", "how long it may take", stated.rto_seconds, stated.rto_source,
         drill.rto_seconds if drill else None),
    ):  # fmt: skip
        verdict = "–"
        if wanted is not None:
            verdict = "? not proved" if seen is None else "✓" if seen <= wanted else "✗ missed"
        rows.append(
            (
                Md(f"{name}, {means}"),
                Md(duration(wanted) if wanted is not None else "none stated"),
                Md(f"line {source.line}" if source else "–"),
                Md(duration(seen)),
                Md(verdict),
                evidence if seen is not None and evidence else Md("–"),
            )
        )
    headers = ("Objective", "Wanted", "PRD", "Measured in the drill", "Verdict", "Evidence")
    return table(headers, rows)


def _per_size(drill: DrillReport | None) -> Md:
    """How the measured time may scale: seconds per GB of backup, as a figure and not a promise."""
    if drill is None or not drill.backup_bytes:
        return Md("The size of a backup was not measured.")
    words = f"The base backup of the drill held {size(drill.backup_bytes)}."
    if drill.rto_seconds is not None:
        words += (
            f" Recovery of it took {duration(drill.rto_seconds)}, start of the server included."
            " A larger database takes longer, mostly by its size: drill again at your volume before"
            " you promise a time."
        )
    if drill.archive_timeout_seconds is not None:
        words += (
            f" WAL was archived at least every {duration(drill.archive_timeout_seconds)}; of "
            f"{count(drill.commits, 'commit')} made while it ran, {drill.commits_lost:,} were lost."
        )
    return Md(words)


def _archive_timeout(dossier: Dossier) -> int:
    """Seconds between two archived segments: a minute, or half the RPO where that is less."""
    stated = dossier.design.objectives.rpo_seconds
    return 60 if stated is None else max(1, min(60, stated // 2))


def _checks_ran(drill: DrillReport | None) -> Md:
    if drill is None or not drill.integrity:
        return Md("Not run in this drill.")
    good = sum(check.passed for check in drill.integrity)
    return Md(
        f"{good} of {count(len(drill.integrity), 'integrity check')} of the drill passed, amcheck "
        "among them where it is listed below (see [The drill](#the-drill))."
    )


def _what(dossier: Dossier) -> Md:
    names = [t.name for t in tables_of(dossier.catalog)] if dossier.catalog else []
    rows = [
        (
            "Whole cluster",
            Md("`pg_basebackup` with a manifest, checked by `pg_verifybackup`"),
            "daily, and after each migration",
            _time(dossier, "pg_basebackup"),
        ),
        (
            "Every change",
            Md("archived WAL (`archive_mode = on`), for recovery to a point in time"),
            Md("as written; `archive_timeout` bounds the RPO of a quiet server"),
            Md("–"),
        ),
        (
            f"One copy by content ({count(len(names), 'table')})"
            if names
            else "One copy by content",
            Md("`pg_dump --format=directory`, readable by newer versions"),
            "weekly, and before an upgrade of PostgreSQL",
            _time(dossier, "pg_dump"),
        ),
    ]
    return table(("What", "How", "How often (proposed)", "Took in the drill"), rows)


def _time(dossier: Dossier, program: str) -> Md:
    steps = dossier.drill.steps if dossier.drill else ()
    taken = [s.seconds for s in steps if any(words[0] == program for words in commands_of(s))]
    return Md(duration(sum(taken)) if taken else NOT_MEASURED)


def _steps(steps: tuple[DrillStep, ...], shown: Commands) -> Md:
    rows = [
        (
            inline(step.name),
            Md("✓" if step.passed else "**✗ failed**"),
            Md(duration(step.seconds)),
            code(shown.line(step)) or Md("–"),
            Md("–" if step.exit_code is None else str(step.exit_code)),
            inline(step.detail),
        )
        for step in steps
    ]
    return table(("Step", "Passed", "Took", "Command", "Exit code", "Seen"), rows, "No step ran.")


def _digests(drill: DrillReport | None) -> Md:
    if drill is None or not drill.before:
        return Md("No digests were taken.")

    def of(digests: tuple[TableDigest, ...], before: TableDigest) -> Md:
        found = next((d for d in digests if d.table == before.table), None)
        if found is None:
            return Md("–")
        return Md("equal" if found == before else f"**differs** ({count(found.rows, 'row')})")

    rows = [
        (
            code(d.table), Md(f"{d.rows:,}"), code(d.digest[:16]),
            of(drill.after_pitr, d), of(drill.after_dump, d),
        )
        for d in drill.before
    ]  # fmt: skip
    headers = ("Table", "Rows", "Hash", "After point-in-time recovery", "After dump and restore")
    return table(headers, rows)


def _integrity(dossier: Dossier, link: Linker) -> Md:
    found = dossier.drill.integrity if dossier.drill else ()
    rows = [
        (
            inline(check.check),
            inline(check.target),
            Md("✓" if check.passed else "**✗**"),
            inline(check.detail),
        )
        for check in found
    ]
    evidence = link.evidence(dossier.evidence_for("integrity", "drill")) if rows else Md("")
    words = f"Evidence: {evidence}\n\n" if evidence else ""
    return Md(words + table(("Check", "Of", "Passed", "Seen"), rows, "No integrity check ran."))


def _validation(dossier: Dossier) -> Md:
    lines = ["-- Does every table answer, with a plausible number of rows?"]
    tables = tables_of(dossier.catalog) if dossier.catalog else ()
    names = [quote(table.name) for table in tables]
    lines.append(
        "\nUNION ALL ".join(
            f"SELECT {quote_literal(n)} AS table_name, count(*) FROM {n}" for n in names
        )
        + ";"
        if names
        else "SELECT relname, n_live_tup FROM pg_stat_user_tables ORDER BY relname;"
    )
    lines += [
        "",
        "-- Are all constraints and indexes valid? Both must return no row.",
        "SELECT conrelid::regclass, conname FROM pg_constraint WHERE NOT convalidated;",
        "SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid;",
        "",
        "-- Has recovery ended? Must be false before the application comes back.",
        "SELECT pg_is_in_recovery();",
        "",
        "-- Which revision is this? Must be the one that the application expects.",
        "SELECT version_num FROM public.alembic_version;",
    ]
    return block("\n".join(lines), "sql")


def _restore(dossier: Dossier, link: Linker) -> Md:
    report = dossier.restore
    if report is None:
        return Md("The run met no corrupt server, so this branch did not run here.")
    words = "passed: counts and hashes are equal" if report.passed else "**failed**"
    evidence = link.evidence(dossier.evidence_for("restore"))
    shown = Commands(report.steps)
    head = joined((Md(f"A corrupt server was found and restored; the restore {words}."), evidence))
    note = f"\n\n{shown.note()}" if shown.note() else ""
    return Md(f"{head}\n\n{_steps(report.steps, shown)}{note}")


def _causes(dossier: Dossier, link: Linker) -> Md:
    report = dossier.restore
    if report is None:
        return Md("No corruption was found, so there is no cause to tell.")
    evidence = link.evidence(dossier.evidence_for("restore"))
    parts = [Md(joined((report.root_cause or "The cause is not known.", evidence)))]
    places = [
        (
            inline(damage.kind),
            code(damage.relation) or Md("–"),
            code(damage.file),
            Md("–" if damage.block is None else str(damage.block)),
            inline(damage.detail),
        )
        for damage in report.damage
    ]
    if places:
        parts.append(table(("Damage", "Relation", "File", "Page", "Seen"), places))
    runs = {run.rule: run for run in report.rule_runs}
    for rule in report.rules:
        run = runs.get(rule.name)
        seen = "not run" if run is None else "passed" if run.passed else "**failed**"
        parts.append(
            Md(
                f"New check {code(rule.name)}, {seen}: {inline(rule.reason)}\n\n"
                + block(rule.sql, "sql")
            )
        )
    return Md("\n\n".join(parts))
