"""Catalogs as text, and a dossier with something in every field."""

from __future__ import annotations

import pytest

from a13.documents import Dossier
from a13.domain.catalog import (
    Catalog,
    CatalogColumn,
    CatalogConstraint,
    CatalogIndex,
    CatalogPolicy,
    CatalogTable,
)
from a13.domain.design import (
    Column,
    Design,
    Index,
    IndexKey,
    Objectives,
    Relation,
    Retention,
    Role,
    Tenancy,
    Unread,
    Waiver,
)
from a13.domain.evidence import CRITERIA, Criterion, Environment, Record
from a13.domain.findings import Failure, Finding
from a13.domain.measurement import (
    DrillReport,
    DrillStep,
    IndexTrial,
    IntegrityCheck,
    LoadedRelation,
    Probe,
    QueryMeasurement,
    RevisionProof,
    TableDigest,
)
from a13.domain.plan import RelationVolume
from a13.domain.recovery import RestoreReport, RetentionProof, RetentionReport, RetentionStep
from a13.domain.reports import PerformanceReport, TuningHistory
from a13.domain.requirements import Assumption, Citation, Decision, Question, Requirement
from a13.domain.revision import Revision
from a13.domain.workload import Sla, WorkloadQuery

SHOP = """
customers: id*, email!, full_name, phone?, created_at
addresses: id*, customer_id>customers, line_1, line_2?, postal_code, city, country_code
categories: id*, parent_id>categories?, name!, position
products: id*, category_id>categories, sku!, title, description?, price, currency, active
orders: id*, customer_id>customers, billing_address_id>addresses, shipping_address_id>addresses?, \
status, placed_at, total
order_lines: order_id*>orders, line_number*, product_id>products, quantity, unit_price
payments: id*, order_id>orders!, provider, provider_reference, amount, paid_at?
shipments: id*, order_id>orders, carrier, tracking_code?, shipped_at?
reviews: id*, product_id>products, customer_id>customers, rating, body?, created_at
audit_events: id*, actor, action, subject_table, subject_id, happened_at
"""

HELPDESK = """
tenants: id*, name, slug!, plan, created_at
users: id*, tenant_id>tenants, email, full_name, password_hash, last_seen_at?, active
teams: id*, tenant_id>tenants, name
team_members: team_id*>teams, user_id*>users, tenant_id>tenants, since
contacts: id*, tenant_id>tenants, organisation_id>organisations?, email, full_name, phone?
organisations: id*, tenant_id>tenants, name, domain?, sla_policy_id>sla_policies?
sla_policies: id*, tenant_id>tenants, name, first_response_minutes, resolution_minutes
tickets: id*, tenant_id>tenants, number, subject, contact_id>contacts, assignee_id>users?, \
team_id>teams?, category_id>categories?, sla_policy_id>sla_policies?, status, priority, \
opened_at, closed_at?
ticket_messages: id*, tenant_id>tenants, ticket_id>tickets, author_user_id>users?, \
author_contact_id>contacts?, body, internal, created_at
attachments: id*, tenant_id>tenants, message_id>ticket_messages, file_name, media_type, size_bytes
tags: id*, tenant_id>tenants, name
ticket_tags: ticket_id*>tickets, tag_id*>tags, tenant_id>tenants
categories: id*, tenant_id>tenants, parent_id>categories?, name
ticket_events: id*, tenant_id>tenants, ticket_id>tickets, actor_id>users?, kind, payload, \
happened_at
satisfaction_ratings: ticket_id*>tickets, tenant_id>tenants, score, comment?, rated_at
articles: id*, tenant_id>tenants, section_id>article_sections, author_id>users, title, body, \
state, published_at?
article_sections: id*, tenant_id>tenants, name, position
article_feedback: id*, tenant_id>tenants, article_id>articles, contact_id>contacts?, helpful, at
automations: id*, tenant_id>tenants, name, trigger, conditions, actions, enabled
automation_runs: id*, tenant_id>tenants, automation_id>automations, ticket_id>tickets, ran_at, \
outcome
webhooks: id*, tenant_id>tenants, url, secret, enabled
webhook_deliveries: id*, tenant_id>tenants, webhook_id>webhooks, event_id>ticket_events, \
status_code?, delivered_at?
"""

_TYPES = (
    ("_at", "timestamp with time zone"), ("id", "bigint"), ("price", "numeric(12,2)"),
    ("total", "numeric(12,2)"), ("amount", "numeric(12,2)"), ("number", "integer"),
    ("quantity", "integer"), ("position", "integer"), ("minutes", "integer"),
    ("code", "character varying(40)"),
    ("active", "boolean"), ("enabled", "boolean"), ("payload", "jsonb"),
)  # fmt: skip


def catalog_of(text: str) -> Catalog:
    """A catalog from lines `table: column, …`: `*` primary key, `!` unique, `?` null, `>` FK."""
    tables = []
    for line in text.strip().splitlines():
        name, _, rest = line.partition(":")
        columns, primary, constraints = [], [], []
        for word in rest.split(","):
            word, nullable = word.strip().rstrip("?"), word.strip().endswith("?")
            word, unique = word.rstrip("!"), word.endswith("!")
            word, _, parent = word.partition(">")
            column, key = word.rstrip("*"), word.endswith("*")
            type_name = next((t for end, t in _TYPES if column.endswith(end)), "text")
            columns.append(CatalogColumn(name=column, type=type_name, nullable=nullable))
            if key:
                primary.append(column)
            if unique:
                constraints.append(
                    CatalogConstraint(
                        name=f"uq_{name}_{column}",
                        kind="unique",
                        columns=(column,),
                        definition=f"UNIQUE ({column})",
                    )
                )
            if parent:
                constraints.append(
                    CatalogConstraint(
                        name=f"fk_{name}_{column}",
                        kind="foreign key",
                        columns=(column,),
                        definition=f"FOREIGN KEY ({column}) REFERENCES {parent}(id)",
                        references=parent,
                        referenced_columns=("id",),
                    )
                )
        constraints.append(
            CatalogConstraint(
                name=f"pk_{name}",
                kind="primary key",
                columns=tuple(primary),
                definition=f"PRIMARY KEY ({', '.join(primary)})",
            )
        )
        index = CatalogIndex(
            name=f"pk_{name}",
            definition=f"CREATE UNIQUE INDEX pk_{name} ON public.{name} USING btree "
            f"({', '.join(primary)})",
            method="btree",
            columns=tuple(primary),
            unique=True,
            valid=True,
            size_bytes=16384,
            constraint=True,
        )
        tables.append(
            CatalogTable(
                name=name,
                columns=tuple(columns),
                constraints=tuple(constraints),
                indexes=(index,),
            )
        )
    return Catalog(server_version="18.6", database="a13", tables=tuple(tables))


@pytest.fixture(scope="session")
def shop() -> Catalog:
    return catalog_of(SHOP)


@pytest.fixture(scope="session")
def helpdesk() -> Catalog:
    return catalog_of(HELPDESK)


@pytest.fixture(scope="session")
def helpdesk_design() -> Design:
    return Design(
        name="helpdesk", title="Helpdesk", planner="rules", tenancy=Tenancy(relation="tenants")
    )


def record(number: int, step: str, claim: str, **more: object) -> Record:
    """A record of the ledger."""
    outcome = more.pop("outcome", "passed")
    return Record.model_validate(
        {
            "id": f"E-{number:04}",
            "at": "2026-01-02T03:04:05Z",
            "step": step,
            "claim": claim,
            "outcome": outcome,
            **more,
        }
    )


@pytest.fixture
def minimal() -> Dossier:
    """What there is when the run ended in its first step."""
    return Dossier(design=Design(name="empty"))


@pytest.fixture
def rich(shop: Catalog) -> Dossier:
    """Something in every field."""
    line = Citation(line=12, quote="Orders are found by customer.")
    query = WorkloadQuery(
        name="orders_of_customer",
        purpose="A customer's orders, newest first",
        sql="SELECT id FROM orders WHERE customer_id = :customer_id ORDER BY placed_at DESC",
        sla=Sla(percentile=95, target_ms=50, concurrency=20, source=line),
        origin="prd",
    )
    index = Index(
        keys=(IndexKey(column="customer_id"), IndexKey(column="placed_at", descending=True)),
        serves=("orders_of_customer",),
        origin="tuning",
        name="ix_orders_customer",
    )
    orders = Relation(
        name="orders",
        columns=(
            Column(name="id", type="bigint", identity=True),
            Column(name="customer_id", type="bigint", classification="personal"),
            Column(name="total", type="numeric(12,2)", unit="EUR", comment="With tax"),
        ),
        primary_key=("id",),
        indexes=(index,),
        retention=Retention(
            period="P7Y", action="archive", clock_column="placed_at", assumed=False
        ),
        comment="What a customer bought.",
    )
    design = Design(
        name="shop",
        title="Corner shop",
        purpose="Sells things to people.",
        planner="rules 0.1.0, no model",
        relations=(orders,),
        roles=(Role(name="clerk", comment="Serves customers", select=("orders",)),),
        tenancy=Tenancy(relation="customers"),
        workload=(query, query.model_copy(update={"name": "never_run"})),
        objectives=Objectives(rpo_seconds=60, rto_seconds=600, rto_source=line),
        requirements=(
            Requirement(
                id="R-1",
                kind="entity",
                text="There are orders",
                source=line,
                elements=("relation:orders", "column:orders.total"),
            ),
            Requirement(
                id="R-2",
                kind="sla",
                text="Fast",
                source=line,
                elements=("query:orders_of_customer",),
            ),
            Requirement(id="R-3", kind="other", text="Blue", source=line, about_data=False),
            Requirement(id="R-4", kind="rule", text="Nobody serves it", source=line),
            Requirement(
                id="R-5",
                kind="rule",
                text="Gone",
                source=line,
                elements=("constraint:orders.ck_missing",),
            ),
            Requirement(
                id="R-6",
                kind="recovery",
                text="Back soon",
                source=line,
                elements=("objective:rto",),
            ),
            Requirement(
                id="R-7",
                kind="retention",
                text="Seven years",
                source=line,
                elements=("retention:orders",),
            ),
        ),
        assumptions=(Assumption(id="A-1", text="10,000 customers", reason="none stated"),),
        questions=(
            Question(id="Q-1", text="How many?", default="10,000", source=line),
            Question(id="Q-2", text="Which currency?", blocking=True),
        ),
        decisions=(
            Decision(
                id="D-1",
                title="Surrogate keys",
                reason="Emails change",
                source=line,
                elements=("constraint:orders.pk_orders", "index:ix_orders_customer"),
            ),
        ),
        waivers=(Waiver(key="nf:orders", reason="history"),),
        unread=(Unread(line=9, text="asdf | <b>", reason="no shape fits"),),
    )
    live = []
    for table in shop.tables:
        if table.name == "orders":
            built = CatalogIndex(
                name="ix_orders_customer",
                definition="CREATE INDEX ix_orders_customer ON public.orders USING btree "
                "(customer_id, placed_at DESC)",
                method="btree",
                columns=("customer_id", "placed_at"),
                unique=False,
                valid=True,
                size_bytes=1_300_000,
            )
            policy = CatalogPolicy(
                name="tenant_isolation_orders",
                command="ALL",
                roles=("public",),
                using="(customer_id = 1)",
                with_check=None,
            )
            table = table.model_copy(
                update={
                    "indexes": (*table.indexes, built),
                    "policies": (policy,),
                    "row_security": True,
                    "force_row_security": True,
                    "grants": (("clerk", "SELECT"),),
                    "comment": "Orders of customers",
                }
            )
        live.append(table)
    catalog = shop.model_copy(update={"tables": tuple(live), "extensions": ("btree_gist",)})
    digests = (TableDigest(table="orders", rows=2000, digest="ab" * 32),)
    environment = Environment(
        server="PostgreSQL 18.6", cpu="2 cores", ram_bytes=8 << 30, seed=13, a13="0.1.0"
    )
    records = (
        record(1, "design", "1 relation"),
        record(
            2,
            "rollback",
            "The catalog is as before",
            facts=(("revision", "0001"), ("sqlstate", "42P07")),
        ),
        record(3, "migrate", "up, down, up"),
        record(4, "migrate", "2 probes"),
        record(5, "optimize", "measured", environment=environment),
        record(6, "index_tuning", "1 kept"),
        record(7, "manage_data", "drilled"),
        record(8, "restore", "restored"),
        record(9, "manage_data", "retention drilled"),
    )
    fingerprint = "0123456789abcdef" * 4
    pair = (("orders", 200, "cd" * 32),)
    performance = PerformanceReport(
        server="PostgreSQL 18.6",
        volumes=(
            RelationVolume(
                relation="orders",
                rows=1000,
                stated_rows=9000,
                assumed=False,
                capped=True,
                reason="rows_per_relation",
            ),
        ),
        loaded=(LoadedRelation(relation="orders", rows=1000, size_bytes=90_000, seconds=0.2),),
        measurements=(
            QueryMeasurement(
                query="orders_of_customer",
                sql=query.sql,
                samples=40,
                p50_ms=0.4,
                p95_ms=1.234,
                p99_ms=12.34,
                max_ms=120.0,
                clients=20,
                rows=3,
                plan="Index Scan",
                plan_json='[{"Plan": {"Index Name": "ix_orders_customer"}}]',
                sla=query.sla,
                verdict="not_proved",
                reason="the volume was capped",
            ),
            QueryMeasurement(
                query="broken",
                sql="SELECT 1",
                samples=0,
                p50_ms=0,
                p95_ms=0,
                p99_ms=0,
                max_ms=0,
                failure=Failure(kind="query", message="does not exist", sqlstate="42P01"),
            ),
        ),
        samples_per_query=40,
    )
    return Dossier(
        design=design,
        catalog=catalog,
        criteria=tuple(
            Criterion(id=id, text=text, verdict=verdict, reason="seen", evidence=("E-0003",))
            for (id, text), verdict in zip(
                CRITERIA, ("met", "not met", "not proved", "met"), strict=True
            )
        ),
        findings=(Finding(rule="nf", severity="warning", element="orders", message="hm"),),
        revisions=(
            Revision(
                id="0001",
                down_revision=None,
                message="schema",
                filename="0001_schema.py",
                upgrade=("CREATE TABLE orders (id bigint)",),
                downgrade=("DROP TABLE orders",),
                transactional=True,
                sha256="ef" * 32,
            ),
            Revision(
                id="0002",
                down_revision="0001",
                message="index",
                filename="0002_index.py",
                upgrade=("CREATE INDEX CONCURRENTLY ix_orders_customer ON orders (customer_id)",),
                downgrade=("DROP INDEX CONCURRENTLY ix_orders_customer",),
                transactional=False,
                sha256="ee" * 32,
            ),
        ),
        proof=RevisionProof(
            revision="0002",
            steps=("upgrade", "downgrade", "upgrade"),
            fingerprint_before=fingerprint,
            fingerprint_up=fingerprint,
            fingerprint_down=fingerprint,
            fingerprint_again=fingerprint,
            rows_before=pair,
            rows_after=pair,
            passed=True,
            seconds=1.5,
        ),
        probes=(
            Probe(
                element="constraint:orders.pk_orders",
                statement="INSERT",
                expected="23505",
                observed="23505",
                passed=True,
            ),
            Probe(
                element="policy:orders",
                statement="SELECT",
                expected="0 rows",
                observed="1 row",
                passed=False,
            ),
        ),
        performance=performance,
        tuning=TuningHistory(
            trials=(
                IndexTrial(
                    relation="orders",
                    index=index,
                    ddl="CREATE INDEX ix_orders_customer …",
                    query="orders_of_customer",
                    before_ms=80,
                    after_ms=1.2,
                    size_bytes=1_300_000,
                    build_seconds=0.4,
                    used=True,
                    kept=True,
                    reason="66 times faster",
                ),
            ),
            advice=("Partition orders by month",),
        ),
        drill=DrillReport(
            steps=(
                DrillStep(
                    name="base backup",
                    passed=True,
                    seconds=1.1,
                    exit_code=0,
                    command=(
                        "/opt/pg/bin/pg_basebackup",
                        "--pgdata=/private/w1/backup",
                        "-X",
                        "fetch",
                    ),
                ),
                DrillStep(
                    name="verify",
                    passed=True,
                    seconds=0.1,
                    exit_code=0,
                    command=("/opt/pg/bin/pg_verifybackup", "/private/w1/backup"),
                ),
                DrillStep(name="recovery", passed=True, seconds=2.0, detail="recovered"),
            ),
            before=digests,
            after_pitr=digests,
            after_dump=digests,
            integrity=(IntegrityCheck(check="amcheck", target="orders", passed=True),),
            rpo_seconds=0.0,
            rto_seconds=2.5,
            backup_bytes=30 << 20,
            passed=True,
        ),
        restore=RestoreReport(
            steps=(DrillStep(name="restore", passed=True, seconds=1.0),),
            before=digests,
            after=digests,
            root_cause="A page of orders was overwritten.",
            seconds=1.0,
            passed=True,
        ),
        retention=RetentionReport(
            steps=(
                RetentionStep(
                    relation="orders",
                    classification="personal",
                    action="archive",
                    period="P7Y",
                    clock_column="placed_at",
                    assumed=False,
                    count_sql="SELECT count(*) FROM orders WHERE placed_at < %(now)s",
                    action_sql=("DELETE FROM orders WHERE placed_at < %(now)s",),
                ),
                RetentionStep(relation="reviews", classification="internal", action="keep"),
            ),
            proofs=(
                RetentionProof(
                    relation="orders",
                    now="2030-01-01",
                    rows=20,
                    due=3,
                    affected=3,
                    untouched=True,
                    passed=True,
                ),
            ),
            passed=True,
        ),
        records=records,
        evidence=(
            ("design", "E-0001"),
            ("rollback", "E-0002"),
            ("proof", "E-0003"),
            ("probes", "E-0004"),
            ("performance", "E-0005"),
            ("tuning", "E-0006"),
            ("drill", "E-0007"),
            ("restore", "E-0008"),
            ("retention", "E-0009"),
            ("ghost", "E-9999"),
        ),
        thread_id="t-1",
        artefacts=(("task-progress.md", "what was done, with the head of the ledger"),),
    )
