"""`docs/operations/migrations.md`: the history, the proof of each revision, and the commands."""

from __future__ import annotations

from ..domain.revision import Revision
from ..templates import render
from .database_page import stamp
from .dossier import Dossier
from .markdown import Linker, Md, bullets, code, codes, count, inline, joined, table
from .markdown import seconds as duration

PAGE = "docs/operations/migrations.md"

# First words of an upgrade statement whose reverse destroys rows, and what is lost.
_LOSSES = (
    ("CREATE TABLE ", "every row of the table"),
    ("ALTER TABLE", "the values of the column"),
)


def migrations_page(dossier: Dossier) -> str:
    """The text of the page."""
    link = Linker(PAGE, dossier.ledger_path)
    head = dossier.revisions[-1].id if dossier.revisions else ""
    first = dossier.revisions[0].id if dossier.revisions else ""
    return render(
        "docs/migrations.md.j2",
        title=inline(dossier.design.title or dossier.design.name),
        stamp=stamp(dossier),
        head=code(head) or Md("none"),
        has_history=bool(head),
        history=_history(dossier, link),
        proof=_proof(dossier, link),
        failures=_failures(dossier, link),
        losses=_losses(dossier),
        applied=_applied(dossier, link),
        first=Md(first),
        several=len(dossier.revisions) > 1,
    )


def _history(dossier: Dossier, link: Linker) -> Md:
    rows = [
        (
            code(r.id),
            code(r.down_revision or "") or Md("–"),
            inline(r.message),
            link.file(f"migrations/versions/{r.filename}", r.filename) if r.filename else Md("–"),
            Md(f"{len(r.upgrade)} / {len(r.downgrade)}"),
            Md("yes" if r.transactional else "no (CONCURRENTLY)"),
            _verdict(dossier, r, link),
        )
        for r in dossier.revisions
    ]
    headers = (
        "Revision",
        "After",
        "What",
        "File",
        "Statements up / down",
        "One transaction",
        "Proof",
    )
    return table(headers, rows, "No revision was written.")


def _verdict(dossier: Dossier, revision: Revision, link: Linker) -> Md:
    """The proof runs the whole history; it speaks of every revision up to its own."""
    proof = dossier.proof
    order = [entry.id for entry in dossier.revisions]
    if proof is None or proof.revision not in order:
        return Md("not proved")
    if order.index(revision.id) > order.index(proof.revision):
        return Md("not reached" if not proof.passed else "not proved")
    words = "passed"
    if not proof.passed and revision.id == proof.revision:
        words = "**failed**"
    return joined((Md(words), link.evidence(dossier.evidence_for(f"revision:{revision.id}"))))


def _proof(dossier: Dossier, link: Linker) -> Md:
    proof = dossier.proof
    if proof is None:
        return Md("Not measured: no proof was run.")
    evidence = link.evidence(dossier.evidence_for(f"revision:{proof.revision}"))
    rows = sum(number for _, number, _ in proof.rows_before)
    facts = [
        ("Up to", code(proof.revision)),
        ("Steps", Md(" → ".join(inline(step) for step in proof.steps) or "no step ran")),
        ("Result", joined((Md("passed" if proof.passed else "**failed**"), evidence))),
        ("Server", inline(dossier.server_name)),
        ("Took", Md(duration(proof.seconds))),
        ("Catalog before", code(proof.fingerprint_before[:16])),
        ("Catalog after upgrade", code(proof.fingerprint_up[:16])),
        ("Catalog after downgrade", code(proof.fingerprint_down[:16])),
        ("Catalog after the second upgrade", code(proof.fingerprint_again[:16])),
    ]
    if proof.rows_before:
        words = f"{count(rows, 'row')} in {count(len(proof.rows_before), 'table')}, "
        same = proof.rows_before == proof.rows_after
        words += "equal hashes before and after" if same else "**hashes differ**"
        facts.append(("Rows", Md(words)))
    if proof.failure:
        facts.append(("Failure", inline(f"{proof.failure.sqlstate} {proof.failure.message}")))
    facts += [("Difference", inline(difference)) for difference in proof.differences[:10]]
    return table(("What", "Seen"), facts)


def _failures(dossier: Dossier, link: Linker) -> Md:
    rows = []
    for record in dossier.records_of("rollback"):
        facts = dict(record.facts)
        rows.append(
            (
                code(facts.get("revision", "")) or Md("–"),
                code(facts.get("sqlstate", "")) or Md("–"),
                inline(record.claim),
                Md({"passed": "✓", "failed": "**✗**"}.get(record.outcome, "–")),
                link.evidence((record.id,)),
            )
        )
    headers = ("Revision", "SQLSTATE", "What was seen or done", "Passed", "Evidence")
    return table(headers, rows, "No revision failed in this run.")


def _applied(dossier: Dossier, link: Linker) -> Md:
    """What was planned for and done to the user's own database."""
    plan, done = dossier.plan, dossier.applied
    if plan is None:
        return Md("")
    rows = [
        (
            code(effect.revision),
            code(effect.statement[:120]),
            inline(", ".join(f"{lock.mode} on {lock.relation}" for lock in effect.locks) or "none"),
            codes(effect.rewrites),
            Md(duration(effect.seconds) if effect.measured else "not measured"),
        )
        for effect in plan.effects
    ]
    headers = ("Revision", "Statement", "Locks on existing tables", "Written anew", "Took")
    target = f"{plan.target.description}, PostgreSQL {plan.target.server_version}"
    parts = [
        Md("## Your own database"),
        joined((f"Planned for {target}, measured on a clone of A13's own server (PostgreSQL "
                f"{plan.server_version}).", link.evidence(dossier.evidence_for("approve")))),
        table(headers, rows, "No statement runs."),
        bullets([f"Not proved: {words}" for words in plan.target.not_proved], ""),
    ]  # fmt: skip
    if done is None:
        parts.append(Md("**Nothing was applied.**"))
    else:
        words = f"Applied up to revision {done.revision} in {duration(done.seconds)}."
        if not done.passed:
            words = "The apply FAILED" + (f": {done.failure.message}." if done.failure else ".")
            words += " The catalog was seen to be as before." if done.rolled_back else ""
        parts.append(joined((words, link.evidence(dossier.evidence_for("apply")))))
        left = [f"Differs: {text}" for text in done.differences]
        parts.append(bullets([*left, *(f"Left behind: {text}" for text in done.left)], ""))
    return Md("\n\n".join(part for part in parts if part))


def _losses(dossier: Dossier) -> Md:
    rows = []
    for revision in dossier.revisions:
        for statement in revision.upgrade:
            words = " ".join(statement.split())
            if words.startswith("ALTER TABLE") and " ADD COLUMN " not in words:
                continue
            for start, what in _LOSSES:
                if words.startswith(start):
                    rows.append((code(revision.id), code(words.split(" (")[0][:100]), inline(what)))
    headers = ("Downgrade below", "Undoes", "Loses for good")
    return table(headers, rows, "No revision of this history created a table or a column.")
