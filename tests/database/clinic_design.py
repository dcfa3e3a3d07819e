"""A design with one of everything, for tests of probes, drills and retention."""

from __future__ import annotations

from a13.domain.design import (
    Check,
    Column,
    Design,
    Exclusion,
    ForeignKey,
    Index,
    IndexKey,
    Relation,
    Retention,
    Role,
    Tenancy,
    Unique,
)


def _id() -> Column:
    return Column(name="id", type="bigint", identity=True)


def _tenant() -> Column:
    return Column(name="clinic_id", type="bigint")


def design() -> Design:
    """Clinics with doctors, patients, rooms, visits, invoices, notes; tenants, cycles, ranges."""
    clinic = Relation(
        name="clinic",
        columns=(
            _id(),
            Column(name="code", type="character varying(12)"),
            Column(name="head_doctor_id", type="bigint", nullable=True),
        ),
        primary_key=("id",),
        uniques=(Unique(columns=("code",)),),
        foreign_keys=(
            ForeignKey(columns=("head_doctor_id",), references="doctor", deferrable=True),
        ),
    )
    doctor = Relation(
        name="doctor",
        columns=(
            _id(),
            _tenant(),
            Column(name="email", type="text", classification="personal"),
            Column(name="mentor_id", type="bigint", nullable=True),
        ),
        primary_key=("id",),
        uniques=(Unique(columns=("clinic_id", "id")), Unique(columns=("email",))),
        checks=(Check(expression="email like '%@%'"),),
        foreign_keys=(
            ForeignKey(columns=("clinic_id",), references="clinic", on_delete="RESTRICT"),
            ForeignKey(columns=("mentor_id",), references="doctor", on_delete="SET NULL"),
        ),
        tenant_column="clinic_id",
    )
    patient = Relation(
        name="patient",
        columns=(
            Column(name="id", type="uuid"),
            _tenant(),
            Column(name="name", type="text", classification="sensitive"),
            Column(name="born", type="date"),
            Column(name="status", type="text", values=("active", "left")),
            Column(name="left_on", type="date", nullable=True),
            Column(name="on_hold", type="boolean", default="false"),
        ),
        primary_key=("id",),
        uniques=(Unique(columns=("clinic_id", "id")),),
        checks=(
            Check(expression="born > date '1900-01-01'", name="ck_patient_born"),
            Check(expression="(status = 'left') = (left_on is not null)", name="ck_patient_left"),
        ),
        foreign_keys=(ForeignKey(columns=("clinic_id",), references="clinic"),),
        tenant_column="clinic_id",
        retention=Retention(
            period="P10Y",
            action="anonymise",
            clock_column="left_on",
            hold="on_hold",
            basis="medical law",
            assumed=False,
        ),
    )
    visit = Relation(
        name="visit",
        columns=(
            _id(),
            _tenant(),
            Column(name="doctor_id", type="bigint"),
            Column(name="patient_id", type="uuid"),
            Column(name="starts_at", type="timestamp with time zone"),
            Column(name="ends_at", type="timestamp with time zone"),
            Column(name="cancelled", type="boolean", default="false"),
            Column(name="price", type="numeric(10,2)"),
            Column(name="vat", type="numeric(10,2)"),
            Column(name="total", type="numeric(10,2)", generated="price + vat"),
        ),
        primary_key=("id",),
        checks=(
            Check(expression="ends_at > starts_at", name="ck_visit_period"),
            Check(expression="price >= 0 and vat >= 0", name="ck_visit_price"),
        ),
        exclusions=(
            Exclusion(
                equal_columns=("doctor_id",),
                start_column="starts_at",
                end_column="ends_at",
                where="not cancelled",
            ),
        ),
        foreign_keys=(
            ForeignKey(
                columns=("clinic_id", "doctor_id"),
                references="doctor",
                referenced_columns=("clinic_id", "id"),
            ),
            ForeignKey(
                columns=("clinic_id", "patient_id"),
                references="patient",
                referenced_columns=("clinic_id", "id"),
            ),
        ),
        indexes=(Index(keys=(IndexKey(column="starts_at"),), method="btree"),),
        tenant_column="clinic_id",
        retention=Retention(
            period="P7Y", action="drop", clock_column="starts_at", basis="tax", assumed=False
        ),
    )
    visit_note = Relation(
        name="visit_note",
        columns=(
            Column(name="visit_id", type="bigint"),
            Column(name="line", type="smallint"),
            _tenant(),
            Column(name="body", type="text"),
        ),
        primary_key=("visit_id", "line"),
        checks=(Check(expression="length(body) between 1 and 400", name="ck_visit_note_body"),),
        foreign_keys=(ForeignKey(columns=("visit_id",), references="visit", on_delete="CASCADE"),),
        tenant_column="clinic_id",
    )
    insurance = Relation(
        name="insurance",
        columns=(
            Column(name="patient_id", type="uuid"),
            Column(name="number", type="text", nullable=True),
            Column(name="void", type="boolean", default="false"),
        ),
        primary_key=("patient_id",),
        uniques=(Unique(columns=("number",), where="not void", name="uq_insurance_live"),),
        foreign_keys=(ForeignKey(columns=("patient_id",), references="patient"),),
    )
    doctor_patient = Relation(
        name="doctor_patient",
        columns=(
            Column(name="doctor_id", type="bigint"),
            Column(name="patient_id", type="uuid"),
            Column(name="since", type="date"),
        ),
        primary_key=("doctor_id", "patient_id"),
        foreign_keys=(
            ForeignKey(columns=("doctor_id",), references="doctor"),
            ForeignKey(columns=("patient_id",), references="patient", on_delete="CASCADE"),
        ),
        retention=Retention(period="", action="keep"),
    )
    audit = Relation(
        name="audit_event",
        columns=(
            _id(),
            Column(name="at", type="timestamp with time zone"),
            Column(name="doc", type="jsonb", classification="personal"),
        ),
        primary_key=("id",),
        retention=Retention(period="P1Y", action="archive", clock_column="at"),
    )
    relations = (
        clinic, doctor, patient, visit, visit_note, insurance, doctor_patient, audit,
    )  # fmt: skip
    return Design(
        name="test_clinic",
        relations=relations,
        tenancy=Tenancy(relation="clinic", setting="app.tenant_id"),
        roles=(
            Role(
                name="test_clinic_reader",
                select=("visit", "audit_event"),
                insert=("audit_event",),
            ),
        ),
    )
