"""The indexes that were tried: round by round, what each brought and why it was dropped."""

from __future__ import annotations

from collections.abc import Iterable

from ..domain.evidence import Record
from ..domain.measurement import IndexTrial
from ..domain.naming import index_name
from .dossier import Dossier
from .markdown import Linker, Md, code, joined, milliseconds, size, table
from .markdown import seconds as duration

_STEP = "index_tuning"
_HEADERS = (
    "Index", "Query", "Before", "After", "Gain", "Size", "Built in", "Used", "Outcome",
)  # fmt: skip
# A candidate that brings less than this share was not in the running, whatever else was kept.
_LEAST = 0.2


def trial_tables(dossier: Dossier, link: Linker) -> Md:
    """A table of trials for each round of tuning, with the record of the round."""
    parts = []
    rounds = rounds_of(dossier)
    for number, (record, trials) in enumerate(rounds, start=1):
        evidence = link.evidence((record.id,))
        if len(rounds) > 1:
            parts.append(f"### Round {number}")
        parts.append(f"Shown by {evidence}.")
        parts.append(_table(dossier, trials))
    if rounds:
        return Md("\n\n".join(parts))
    # Which round a trial belongs to is not known: the records of all rounds stand for all trials.
    ids = [record.id for record in dossier.records_of(_STEP)] or dossier.evidence_for("tuning")
    evidence = link.evidence(ids)
    words = f"Shown by {evidence}." if evidence else "No record speaks of them."
    return Md(f"{words}\n\n{_table(dossier, dossier.trials)}")


def rounds_of(dossier: Dossier) -> tuple[tuple[Record, tuple[IndexTrial, ...]], ...]:
    """Each tuning record with its trials; empty where the records do not account for all trials.

    A record says how many trials its round had, and the history holds the rounds in order.
    """
    newest: dict[int, Record] = {}  # a pass that was interrupted left an older record behind
    for record in dossier.records_of(_STEP):
        newest[record.attempt] = record
    rounds = []
    start = 0
    for record in newest.values():
        stated = dict(record.facts).get("trials", "")
        if not stated.isdigit():
            return ()
        rounds.append((record, dossier.trials[start : start + int(stated)]))
        start += int(stated)
    if start != len(dossier.trials):
        return ()
    return tuple(entry for entry in rounds if entry[1])


def _table(dossier: Dossier, trials: tuple[IndexTrial, ...]) -> Md:
    rows = []
    for trial in trials:
        gain = trial.before_ms / trial.after_ms if trial.after_ms > 0 else 0.0
        least = "≥ " if trial.before_stopped else ""
        known = gain and trial.used and not trial.after_stopped
        rows.append(
            (
                code(trial.ddl),
                code(trial.query),
                _time(trial.before_ms, trial.before_stopped),
                _time(trial.after_ms, trial.after_stopped) if trial.used else Md("–"),
                Md(f"{least}{gain:.1f}×" if known else "–"),
                Md(size(trial.size_bytes) if trial.size_bytes else "–"),
                Md(duration(trial.build_seconds) if trial.size_bytes else "–"),
                Md("yes" if trial.used else "no"),
                _outcome(dossier, trial, trials),
            )
        )
    return table(_HEADERS, rows)


def _time(value_ms: float, stopped: bool) -> Md:
    """A time, or the limit at which the query was stopped: that is no time of the query."""
    return Md(f"stopped after {duration(value_ms / 1000)}" if stopped else milliseconds(value_ms))


def _outcome(dossier: Dossier, trial: IndexTrial, trials: Iterable[IndexTrial]) -> Md:
    if trial.kept:
        return joined((Md("**kept**"), trial.reason), ": ")
    why = [trial.reason] if trial.reason else []
    won = trial.used and trial.after_ms <= trial.before_ms * (1 - _LEAST)
    if won:
        kept = [t for t in trials if t.kept and t.query == trial.query]
        instead = min(kept, key=lambda t: t.after_ms, default=None)
        why.append(_instead(dossier, trial, instead) if instead else "no plan needs it")
    return joined((Md("dropped"), joined(why, "; ")), ": ")


def _instead(dossier: Dossier, trial: IndexTrial, kept: IndexTrial) -> Md:
    """What the kept index has that this one has not, as far as the figures say."""
    relation = dossier.design.find(kept.relation)
    name = index_name(relation, kept.index) if relation else kept.index.name or ""
    words = []
    if kept.after_ms < trial.after_ms:
        words.append("faster")
    if kept.size_bytes < trial.size_bytes:
        words.append("smaller")
    figures = [milliseconds(kept.after_ms), size(kept.size_bytes)]
    if kept.blocks is not None and trial.blocks is not None and kept.blocks < trial.blocks:
        words.append("reads less")
        figures.append(f"{kept.blocks:,.0f} against {trial.blocks:,.0f} blocks")
    better = ", ".join(words)
    return Md(f"{code(name)} was kept: {f'{better} ' if better else ''}({', '.join(figures)})")
