"""The pages: complete with much and with little, never a claim without its record."""

from __future__ import annotations

import posixpath
import re

import pytest
from jinja2 import UndefinedError
from markdown_it import MarkdownIt

from a13.documents import Dossier, document_paths, write_documents
from a13.documents.retention_page import goes_with, period_words
from a13.documents.write import tidy, write_pages
from a13.domain.apply import (
    ApplyPlan,
    ApplyReport,
    CatalogDelta,
    LockTaken,
    StatementEffect,
    TargetFacts,
)
from a13.domain.catalog import CatalogConstraint, CatalogIndex
from a13.domain.design import Check, Design, Unique
from a13.domain.findings import Failure
from a13.domain.measurement import DrillReport, DrillStep, IndexTrial, Probe
from a13.domain.naming import application_role_name, check_name, unique_name
from a13.domain.recovery import RetentionReport, RetentionStep
from a13.domain.reports import TuningHistory
from a13.domain.requirements import Citation, Requirement
from a13.templates import render

PARSER = MarkdownIt("gfm-like", {"linkify": False}).enable("table")


def test_a_rich_and_a_minimal_run_give_all_write_pages(rich: Dossier, minimal: Dossier) -> None:
    for dossier in (rich, minimal):
        written = write_documents(dossier)
        assert set(written) == set(document_paths(dossier))
        for path in (
            "README.md",
            "docs/architecture/database.md",
            "docs/operations/backup-and-recovery.md",
            "docs/operations/migrations.md",
            "docs/operations/performance-tuning.md",
            "docs/operations/retention.md",
        ):
            assert written[path].startswith("# ")
            assert written[path].endswith("\n")
            assert "\n\n\n" not in written[path]
    assert "models.py" not in document_paths(minimal)


def test_equal_dossiers_give_equal_texts(rich: Dossier) -> None:
    again = Dossier.model_validate_json(rich.model_dump_json())
    assert write_documents(rich) == write_documents(again)


def test_links_lead_to_files_or_records(rich: Dossier) -> None:
    known = {r.id for r in rich.records}
    files = {*document_paths(rich), "evidence/ledger.jsonl", "task-progress.md"}
    files |= {f"migrations/versions/{r.filename}" for r in rich.revisions}
    for path, text in write_pages(rich).items():
        for words, target in re.findall(r"\[([^\]\[]*)\]\(([^)]+)\)", text):
            if target.startswith("#"):
                continue
            where = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
            assert where in files, (path, target)
            if words.startswith("E-"):
                assert words in known, (path, words)
        assert "E-9999" not in text, "an id without a record is no evidence"


def test_every_table_of_a_page_has_equal_rows(rich: Dossier) -> None:
    for path, text in write_pages(rich).items():
        width = 0
        for token in PARSER.parse(text):
            if token.type == "thead_open":
                width = 0
            width += token.type == "th_open"
        rows = [line for line in text.splitlines() if line.startswith("| ")]
        assert rows or path.endswith("retention.md")


def test_the_database_page_says_what_was_seen(rich: Dossier) -> None:
    page = write_pages(rich)["docs/architecture/database.md"]
    for words in (
        "planner: rules 0.1.0, no model; 1 line of the PRD not understood",
        "**✓ met**", "**✗ not met**", "**? not proved**",
        "```mermaid\nerDiagram",
        "| `total` | `numeric(12,2)` | no | – | – | internal | With tax (EUR) |",
        "`btree (customer_id, placed_at DESC)`",
        "`tenant_isolation_orders`",
        "0 of 1 probe as designed",
        "**nothing serves it**",
        "**missing:** `constraint:orders.ck_missing`",
        "p95 1.23 ms with 20 clients",
        "Confirmation: [E-0004]",
        "| 9 | `asdf \\| <b>` |",
    ):  # fmt: skip
        assert words in page, words


def test_the_runbook_shows_the_commands_that_ran(rich: Dossier) -> None:
    page = write_pages(rich)["docs/operations/backup-and-recovery.md"]
    assert "pg_basebackup --pgdata=$DRILL/backup -X fetch" in page
    assert "/private/w1" not in page
    assert "/opt/pg" not in page
    assert "_fill in_" in page
    assert "A page of orders was overwritten. [E-0008]" in page
    assert "| RTO, how long it may take | 10 min | line 12 | 2.5 s | ✓ | [E-0007]" in page


def test_commands_that_are_joined_are_found_one_by_one(minimal: Dossier) -> None:
    command = ("pg_basebackup", "--pgdata=/w/x y/b", "&&", "/bin/pg_verifybackup", "/w/x y/b")
    tail = ("postgres", '--restore_command=cp /w/x y/archive/%f "%p"')
    drill = DrillReport(
        steps=(
            DrillStep(name="base", passed=True, seconds=1, command=command, exit_code=0),
            DrillStep(name="recovery", passed=True, seconds=1, command=tail, exit_code=0),
        ),
        passed=True,
    )
    page = write_pages(minimal.model_copy(update={"drill": drill}))[
        "docs/operations/backup-and-recovery.md"
    ]
    assert page.count("As it ran in the drill") == 3
    assert "pg_verifybackup '$DRILL" in page


def test_a_failed_drill_is_not_a_backup(rich: Dossier) -> None:
    assert rich.drill is not None
    steps = (rich.drill.steps[0].model_copy(update={"passed": False}),)
    drill = rich.drill.model_copy(update={"passed": False, "steps": steps})
    page = write_pages(rich.model_copy(update={"drill": drill}))[
        "docs/operations/backup-and-recovery.md"
    ]
    assert "The last drill FAILED at: base backup" in page


def test_nothing_measured_is_said_as_such(minimal: Dossier) -> None:
    written = write_pages(minimal)
    assert "Not measured in this run." in written["docs/operations/performance-tuning.md"]
    assert "No recovery was drilled" in written["docs/operations/backup-and-recovery.md"]
    assert "Not measured: no proof was run." in written["docs/operations/migrations.md"]
    assert "Not judged" in written["docs/architecture/database.md"]


def test_the_performance_page_names_its_conditions(rich: Dossier) -> None:
    page = write_pages(rich)["docs/operations/performance-tuning.md"]
    assert "PostgreSQL 18.6 (2 cores, 8.0 GiB) with 1,000 rows in 1 table" in page
    assert "| `never_run` | p95 &lt; 50 ms with 20 clients | – |" in page
    assert "**✗ failed**: 42P01 does not exist" in page
    assert "**yes**" in page
    assert "66.7×" in page


def _trial(rich: Dossier, name: str, **more: object) -> IndexTrial:
    first = rich.trials[0]
    index = first.index.model_copy(update={"name": name})
    return first.model_copy(update={"index": index, "ddl": f"CREATE INDEX {name} …", **more})


def _tuned(rich: Dossier, *stated: str) -> Dossier:
    """A dossier with three trials and a record of tuning for each count that is stated."""
    trials = (
        _trial(
            rich,
            "ix_a",
            kept=False,
            reason="97% faster",
            after_ms=1,
            size_bytes=9_000_000,
            blocks=179.2,
        ),
        _trial(rich, "ix_b", reason="98% faster", before_stopped=True, before_ms=5000, blocks=35),
        _trial(rich, "ix_a", kept=False, used=False, reason="the plan does not use it"),
    )
    step = next(record for record in rich.records if record.step == "index_tuning")
    rounds = tuple(
        step.model_copy(
            update={"id": f"E-01{n:02d}", "attempt": n, "facts": (("trials", stated[n - 1]),)}
        )
        for n in range(1, len(stated) + 1)
    )
    others = tuple(record for record in rich.records if record.step != "index_tuning")
    return rich.model_copy(
        update={
            "tuning": TuningHistory(trials=trials),
            "records": (*others, *rounds),
            "evidence": (("tuning", rounds[-1].id),),
        }
    )


def test_each_trial_stands_under_the_record_of_its_round(rich: Dossier) -> None:
    page = write_pages(_tuned(rich, "2", "1"))["docs/operations/performance-tuning.md"]
    first, second = page.split("### Round 1")[1].split("## What would")[0].split("### Round 2")
    assert "E-0101" in first and "E-0102" not in first
    assert "E-0102" in second and "E-0101" not in second
    assert "CREATE INDEX ix_b" in first and "CREATE INDEX ix_b" not in second
    assert "stopped after 5 s" in first
    assert "≥ " in first
    assert "dropped: 97% faster; `ix_b` was kept: smaller, reads less" in first
    assert "35 against 179 blocks" in first
    assert "dropped: the plan does not use it |" in second


@pytest.mark.parametrize("stated", [("2", "2"), ("", "1"), ("x", "3")])
def test_where_rounds_are_not_known_all_records_stand_for_all_trials(
    rich: Dossier, stated: tuple[str, ...]
) -> None:
    page = write_pages(_tuned(rich, *stated))["docs/operations/performance-tuning.md"]
    assert "### Round" not in page
    assert "Shown by [E-0101](../../evidence/ledger.jsonl), [E-0102]" in page


def test_a_missed_sla_without_trials_is_not_passed_over(rich: Dossier) -> None:
    assert rich.performance is not None
    missed = rich.performance.measurements[0].model_copy(update={"verdict": "missed"})
    performance = rich.performance.model_copy(update={"measurements": (missed,)})
    other = rich.model_copy(update={"performance": performance, "tuning": None})
    page = write_pages(other)["docs/operations/performance-tuning.md"]
    assert "though the SLA is missed by orders_of_customer" in page
    assert "no measured SLA was missed" not in page


def test_the_migrations_page_tells_what_a_downgrade_loses(rich: Dossier) -> None:
    page = write_pages(rich)["docs/operations/migrations.md"]
    assert "every row of the table" in page
    assert "no (CONCURRENTLY)" in page
    assert "| `0001` | `42P07` | The catalog is as before | ✓ | [E-0002]" in page
    assert rich.proof is not None
    proof = rich.proof.model_copy(update={"revision": "0001", "passed": False})
    failed = write_pages(rich.model_copy(update={"proof": proof}))["docs/operations/migrations.md"]
    assert "**failed**" in failed
    assert "not reached" in failed


def test_what_was_done_to_a_users_own_database_is_told(rich: Dossier) -> None:
    target = TargetFacts(
        description="postgresql://app@db/shop", database="shop", role="app", server_version="15.9",
        major=15, superuser=False, may_create_tables=True, may_create_roles=False,
        may_create_extensions=False, tables=(), size_bytes=1, revision=None, fingerprint="f",
        not_proved=("PostGIS is missing",),
    )  # fmt: skip
    effect = StatementEffect(
        revision="0001", statement="CREATE TABLE x", element="relation:x", seconds=0.1,
        locks=(LockTaken(relation="old", mode="ShareLock"),),
    )  # fmt: skip
    plan = ApplyPlan(
        target=target, revisions=(), effects=(effect,), expected=CatalogDelta(),
        expected_seconds=0.1, rollback="alembic downgrade base", server_version="18.6",
    )  # fmt: skip
    name = "docs/operations/migrations.md"
    page = write_pages(rich.model_copy(update={"plan": plan}))[name]
    assert "**Nothing was applied.**" in page
    assert "ShareLock on old" in page
    assert "PostGIS" in page
    done = ApplyReport(plan_sha256=plan.sha256, revision="0002", passed=True, seconds=1.5)
    page = write_pages(rich.model_copy(update={"plan": plan, "applied": done}))[name]
    assert "Applied up to revision 0002 in 1.5 s." in page
    failed = done.model_copy(
        update={"passed": False, "rolled_back": True, "failure": Failure(kind="x", message="no")}
    )
    page = write_pages(rich.model_copy(update={"plan": plan, "applied": failed}))[name]
    assert "The apply FAILED: no. The catalog was seen to be as before." in page


def test_hostile_words_of_a_prd_reach_no_page_alive() -> None:
    bad = "<script>alert(1)</script> | `x` <svg onload=alert(1)>\n# h [a](javascript:1) -->"
    line = Citation(line=1, quote=bad)
    design = Design(
        name=bad,
        title=bad,
        purpose=bad,
        planner=bad,
        requirements=(Requirement(id=bad, kind="rule", text=bad, source=line, elements=(bad,)),),
    )
    for path, text in write_pages(Dossier(design=design)).items():
        for token in PARSER.parse(text):
            assert not token.type.startswith("html"), path
            for child in token.children or ():
                assert not child.type.startswith("html"), path
                assert "javascript" not in str(child.attrs), path
        titles = [t for t in PARSER.parse(text) if t.type == "heading_open" and t.tag == "h1"]
        assert len(titles) == 1, path


def test_secrets_do_not_reach_a_page(minimal: Dossier) -> None:
    design = minimal.design.model_copy(
        update={"purpose": "Connect with postgresql://app:hunter2@db/app please."}
    )
    for text in write_documents(minimal.model_copy(update={"design": design})).values():
        assert "hunter2" not in text


def test_evidence_is_found_by_topic_then_by_kind(rich: Dossier) -> None:
    assert rich.evidence_for("query:anything") == ("E-0005",)
    assert rich.evidence_for("drill", "restore") == ("E-0007", "E-0008")
    assert rich.evidence_for("ghost", "unknown") == ()
    own = rich.model_copy(update={"evidence": (*rich.evidence, ("query:mine", "E-0006"))})
    assert own.evidence_for("query:mine") == ("E-0006",)


@pytest.mark.parametrize(
    ("period", "words"),
    [("P7Y", "7 years"), ("P1D", "1 day"), ("P1Y6M", "1 year 6 months"), ("", "for ever"),
     ("PT5M", "PT5M")],
)  # fmt: skip
def test_periods_in_words(period: str, words: str) -> None:
    assert period_words(period) == words


def test_tidy_leaves_code_blocks_alone() -> None:
    text = "a  \n\n\nb\n```\nx  \n\n\ny\n```\n\n\n\nc\n"
    assert tidy(text) == "a\n\nb\n```\nx  \n\n\ny\n```\n\nc\n"


def test_a_template_without_a_value_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("docs/database.md.j2", title="only")


def test_rows_that_go_with_a_parent_are_not_kept_for_ever(rich: Dossier) -> None:
    steps = (
        RetentionStep(relation="lines", classification="internal", action="keep", reason="Kept."),
        RetentionStep(relation='odd "x"', classification="internal", action="keep"),
        RetentionStep(relation="rooms", classification="internal", action="keep"),
        RetentionStep(
            relation="orders",
            classification="internal",
            action="drop",
            period="P7Y",
            clock_column="placed_at",
            assumed=False,
            action_sql=(
                "DELETE FROM lines WHERE (order_id) IN (SELECT id FROM orders t0 WHERE true)",
                'DELETE FROM "odd ""x""" WHERE true',
                "DELETE FROM orders t0 WHERE true",
            ),
        ),
    )
    report = RetentionReport(steps=steps)
    assert goes_with(report) == {"lines": ("orders",), 'odd "x"': ("orders",)}
    other = rich.model_copy(update={"retention": report})
    page = write_pages(other)["docs/operations/retention.md"]
    assert "| `lines` | as long as its `orders` | – | deleted with them |" in page
    assert "| `rooms` | for ever | – | keep |" in page
    assert "knows no legal hold" in page


def test_holds_are_shown_only_where_there_are_any(rich: Dossier) -> None:
    page = write_pages(rich)["docs/operations/retention.md"]
    assert rich.retention is not None
    assert ("| On hold |" in page) == any(step.hold for step in rich.retention.steps)
    free = tuple(step.model_copy(update={"hold": None}) for step in rich.retention.steps)
    proofs = tuple(proof.model_copy(update={"held": 0}) for proof in rich.retention.proofs)
    report = rich.retention.model_copy(update={"steps": free, "proofs": proofs})
    pages = write_pages(rich.model_copy(update={"retention": report}))
    assert "On hold" not in pages["docs/operations/retention.md"]


def _with_rules(rich: Dossier) -> Dossier:
    """The dossier, whose orders have a partial unique rule and a check named by a hash."""
    source = (Citation(line=7, quote="One open order per customer."),)
    relation = rich.design.relation("orders")
    check = Check(expression="total <= 9000", text="at most 9000", sources=source)
    rule = Unique(columns=("customer_id",), where="shipped_at IS NULL", sources=source)
    grown = relation.model_copy(
        update={
            "checks": (*relation.checks, check),
            "uniques": (*relation.uniques, rule),
        }
    )
    name, unique = check_name(grown, check), unique_name(grown, rule)
    assert rich.catalog is not None
    table = rich.catalog.table("orders")
    live = table.model_copy(
        update={
            "indexes": (
                *table.indexes,
                CatalogIndex(
                    name=unique,
                    definition=f"CREATE UNIQUE INDEX {unique} ON public.orders USING btree "
                    "(customer_id) WHERE (shipped_at IS NULL)",
                    method="btree",
                    columns=("customer_id",),
                    unique=True,
                    valid=True,
                    size_bytes=0,
                ),
            ),
            "constraints": (
                *table.constraints,
                CatalogConstraint(
                    name=name,
                    kind="check",
                    definition="CHECK ((total <= 9000))",
                    columns=("total",),
                ),
            ),
        }
    )
    tables = tuple(live if t.name == "orders" else t for t in rich.catalog.tables)
    probe = Probe(
        element=f"constraint:orders.{unique}", statement="INSERT", expected="23505",
        observed="23505", passed=True,
    )  # fmt: skip
    requirement = Requirement(
        id="R-9",
        kind="rule",
        text="At most 9000",
        source=source[0],
        elements=(f"constraint:orders.{name}",),
    )
    design = rich.design.replace(grown).model_copy(update={"requirements": (requirement,)})
    return rich.model_copy(
        update={
            "design": design,
            "catalog": rich.catalog.model_copy(update={"tables": tables}),
            "probes": (*rich.probes, probe),
        }
    )


def test_a_partial_unique_rule_is_a_constraint_with_its_words_and_probes(rich: Dossier) -> None:
    page = write_pages(_with_rules(rich))["docs/architecture/database.md"]
    section = page.split("### `orders`")[1].split("\n### ")[0]
    constraints, indexes = section.split("**Constraints**")[1].split("**Indexes**")
    row = next(line for line in constraints.splitlines() if "unique, some rows" in line)
    assert "`uq_orders_customer_id`" in row
    assert "WHERE (shipped_at IS NULL)" in row
    assert "One open order per customer. (line 7)" in row
    assert "1 of 1 probe as designed" in row
    assert "its rule, above" in indexes
    assert "| Size |" not in indexes, "sizes of a database with few rows say nothing"


def test_a_check_that_is_named_by_a_hash_is_shown_with_its_rule(rich: Dossier) -> None:
    page = write_pages(_with_rules(rich))["docs/architecture/database.md"]
    assert re.search(r"`ck_orders_[0-9a-f]{8}` \| check \| .*\| at most 9000 \(line 7\) \|", page)
    assert re.search(r"`constraint:orders\.ck_orders_[0-9a-f]{8}`: `total <= 9000`", page)


def test_the_example_of_settings_names_the_real_role(rich: Dossier) -> None:
    page = write_pages(rich)["docs/operations/performance-tuning.md"]
    role = application_role_name(rich.design)
    assert f"CREATE ROLE APP_LOGIN LOGIN IN ROLE {role};" in page
    assert "ALTER ROLE app " not in page


def test_a_query_that_was_stopped_has_no_times(rich: Dossier) -> None:
    assert rich.performance is not None
    name = rich.performance.measurements[0].query
    failure = Failure(kind="query", message="canceling statement", sqlstate="57014")
    stopped = rich.performance.measurements[0].model_copy(
        update={"failure": failure, "p50_ms": 30_000, "p95_ms": 30_000, "verdict": "missed"}
    )
    requirement = Requirement(
        id="R-9", kind="sla", text="Fast", source=Citation(line=7, quote="Fast"),
        elements=(f"query:{name}",),
    )  # fmt: skip
    pages = write_pages(
        rich.model_copy(
            update={
                "performance": rich.performance.model_copy(update={"measurements": (stopped,)}),
                "design": rich.design.model_copy(update={"requirements": (requirement,)}),
            }
        )
    )
    text = "".join(pages.values())
    assert "30,000" not in text and "30000" not in text
    page = pages["docs/operations/performance-tuning.md"]
    assert "**✗ failed**: 57014 canceling statement" in page
    row = next(x for x in pages["docs/architecture/database.md"].splitlines() if "| R-9 |" in x)
    assert "**failed**" in row
