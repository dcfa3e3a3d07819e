"""The lexicon: words of PRDs and what they mean for a database. Meant to be read and extended.

Types are written as people write them; `domain.types.canonical_type` gives them one spelling.
Where a PRD states a type, the stated one holds and this file is not asked.
"""

from __future__ import annotations

from ...domain.design import Classification

MONEY = "numeric(12,2)"
TIME = "timestamptz"

# What a PRD writes as a type → the PostgreSQL type.
STATED_TYPES: dict[str, str] = {
    "text": "text", "long text": "text", "short text": "text", "free text": "text",
    "rich text": "text", "markdown": "text", "html": "text", "string": "text", "str": "text",
    "char": "text", "varchar": "text", "character varying": "text", "nvarchar": "text",
    "clob": "text", "url": "text", "uri": "text", "link": "text", "email": "text",
    "e-mail": "text", "citext": "citext", "phone": "text", "slug": "text", "file": "text",
    "image": "text", "code": "text", "hash": "text",
    "int": "integer", "integer": "integer", "whole number": "integer", "number": "integer",
    "count": "integer", "smallint": "smallint", "bigint": "bigint", "long": "bigint",
    "serial": "integer", "bigserial": "bigint", "autoincrement": "bigint", "counter": "integer",
    "int4": "integer", "int8": "bigint", "int2": "smallint", "tinyint": "smallint",
    "decimal": "numeric(12,4)", "numeric": "numeric(12,4)", "money": MONEY, "currency": MONEY,
    "amount": MONEY, "price": MONEY, "monetary": MONEY,
    "percentage": "numeric(5,2)", "percent": "numeric(5,2)", "rate": "numeric(7,4)",
    "float": "double precision", "double": "double precision", "real": "double precision",
    "double precision": "double precision",
    "bool": "boolean", "boolean": "boolean", "flag": "boolean", "yes/no": "boolean",
    "true/false": "boolean", "checkbox": "boolean",
    "date": "date", "day": "date", "datetime": TIME, "date/time": TIME, "date time": TIME,
    "date and time": TIME, "timestamp": TIME, "timestamptz": TIME, "instant": TIME,
    "timestamp with time zone": TIME, "timestamp without time zone": "timestamp",
    "time": "time", "time of day": "time", "interval": "interval", "duration": "interval",
    "uuid": "uuid", "guid": "uuid", "uuidv4": "uuid", "uuidv7": "uuid",
    "json": "jsonb", "jsonb": "jsonb", "object": "jsonb", "map": "jsonb", "dictionary": "jsonb",
    "binary": "bytea", "bytea": "bytea", "blob": "bytea", "bytes": "bytea",
    "inet": "inet", "ip": "inet", "ip address": "inet", "cidr": "cidr", "mac address": "macaddr",
    "list of text": "text[]", "list of strings": "text[]", "list of string": "text[]",
    "array of text": "text[]", "array of strings": "text[]", "text[]": "text[]",
    "string[]": "text[]", "list": "text[]", "array": "text[]", "tags": "text[]",
    "list of integers": "integer[]", "list of numbers": "integer[]", "integer[]": "integer[]",
    "int[]": "integer[]", "uuid[]": "uuid[]", "tstzrange": "tstzrange", "daterange": "daterange",
    "tsvector": "tsvector", "date range": "daterange", "time range": "tstzrange",
}  # fmt: skip

# The last word of a name (in the singular) → its type.
NAME_TYPES: dict[str, str] = {
    **dict.fromkeys(
        "price cost amount total subtotal balance salary wage fee budget revenue deposit payment "
        "charge discount tax refund fare rent premium payout bonus spend credit debit turnover "
        "tip surcharge income expense".split(),
        MONEY,
    ),
    **dict.fromkeys(
        "quantity qty count capacity age stock year position seat floor level sequence order "
        "rank ranking point score rating priority version attempt retry reserved page minute "
        "hour second refill inventory size length_minute step turn lap goal place week "
        "threshold beds bedroom bathroom mileage views copies guests".split(),
        "integer",
    ),
    **dict.fromkeys("percentage percent".split(), "numeric(5,2)"),
    **dict.fromkeys(
        "weight height width length depth distance area volume temperature speed".split(),
        "numeric(12,3)",
    ),
    **dict.fromkeys("latitude lat longitude lng lon".split(), "numeric(9,6)"),
    **dict.fromkeys(
        "date birthday birthdate dob anniversary deadline day".split(), "date"
    ),
    **dict.fromkeys(
        "time timestamp datetime moment instant".split(), TIME
    ),
    **dict.fromkeys(
        "active enabled disabled archived verified published deleted visible hidden default "
        "approved paid featured abnormal completed confirmed flag public private optional "
        "available locked required included opt-in".split(),
        "boolean",
    ),
    **dict.fromkeys("payload metadata settings setting json preference option detail configuration "
                    "config attribute raw".split(), "jsonb"),
    **dict.fromkeys("ip".split(), "inet"),
    **dict.fromkeys("uuid guid".split(), "uuid"),
    **dict.fromkeys("tag keyword scope label_list".split(), "text"),
}  # fmt: skip

# Whole names that would mislead by their last word.
WHOLE_NAME_TYPES: dict[str, str] = {
    "ip_address": "inet", "client_ip": "inet", "on_hand": "integer", "house_number": "text",
    "line_number": "integer", "page_number": "integer", "version_number": "integer",
    "sequence_number": "integer", "row_number": "integer", "row": "integer",
    "sort_order": "integer", "display_order": "integer", "tax_rate": "numeric(5,2)",
    "interest_rate": "numeric(7,4)", "exchange_rate": "numeric(18,8)", "vat_rate": "numeric(5,2)",
    "hourly_rate": MONEY, "daily_rate": MONEY, "rate": "numeric(12,4)", "size": "text",
    "opening_time": "time", "closing_time": "time", "time_of_day": "time", "time_zone": "text",
    "timezone": "text", "max_uses": "integer", "usage": "integer", "seats": "integer",
    "payment_method": "text", "tax_number": "text", "tax_id": "text", "credit_card": "text",
    "birth_place": "text", "place": "text", "level": "text", "default_language": "text",
    "postal_address": "text", "order_position": "integer", "day_of_week": "smallint",
    "weekday": "smallint", "month": "smallint", "year": "integer", "start": TIME, "end": TIME,
    "start_time": TIME, "end_time": TIME, "starts": TIME, "ends": TIME, "place_of_birth": "text",
    "seat": "text", "seat_number": "text", "priority": "text", "settings": "jsonb",
    "tags": "text[]", "scopes": "text[]", "events": "text[]", "keywords": "text[]",
    "labels": "text[]", "skills": "text[]", "aliases": "text[]", "valid_from": TIME,
    "valid_until": TIME, "valid_to": TIME, "details": "jsonb", "content_size": "bigint",
    "file_size": "bigint", "size_in_bytes": "bigint", "size_bytes": "bigint",
    "order": "integer", "expiry": "date", "expiry_date": "date", "expiration": "date",
}  # fmt: skip

BOOLEAN_PREFIXES = (
    "is_", "has_", "can_", "accepts_", "allows_", "allow_", "requires_", "wants_", "needs_",
    "whether_", "should_", "was_", "enable_", "uses_",
)  # fmt: skip

# Endings of a participle that make "<word> at" a time: placed_at, read_at.
TIME_SUFFIXES = ("_at", "_timestamp", "_datetime")
DATE_SUFFIXES = ("_on", "_date", "_day", "_birthday")

UNITS: dict[str, str] = {
    "euro": "EUR", "euros": "EUR", "eur": "EUR", "€": "EUR", "chf": "CHF", "franc": "CHF",
    "francs": "CHF", "usd": "USD", "$": "USD", "dollar": "USD", "dollars": "USD", "gbp": "GBP",
    "£": "GBP", "pounds": "GBP", "nok": "NOK", "sek": "SEK", "dkk": "DKK", "jpy": "JPY",
    "inr": "INR", "cents": "cents", "cent": "cents",
    "minutes": "min", "minute": "min", "min": "min", "hours": "h", "hour": "h", "seconds": "s",
    "second": "s", "ms": "ms", "milliseconds": "ms", "days": "d", "grams": "g", "gram": "g",
    "kg": "kg", "kilograms": "kg", "g": "g", "cm": "cm", "mm": "mm", "metres": "m", "meters": "m",
    "km": "km", "kilometres": "km", "kilometers": "km", "miles": "mi", "bytes": "bytes",
    "kb": "kB", "mb": "MB", "litres": "l", "liters": "l", "ml": "ml", "percent": "%", "%": "%",
    "°c": "°C", "celsius": "°C", "kwh": "kWh", "kw": "kW", "sqm": "m²", "m²": "m²", "m2": "m²",
}  # fmt: skip
CURRENCIES = frozenset({"EUR", "CHF", "USD", "GBP", "NOK", "SEK", "DKK", "JPY", "INR"})

# Words in a column's name → its classification, from the most to the least severe.
CLASSIFIED: tuple[tuple[Classification, frozenset[str]], ...] = (
    ("secret", frozenset("password passphrase secret pin cvv token private_key api_key".split())),
    ("sensitive", frozenset(
        "ssn passport diagnosis allergy allergen religion ethnicity iban medication health "
        "biometric fingerprint icd icd10 icd_10 icd11 atc_code loinc_code snomed insurance_number "
        "national_id tax_id social_security criminal disability sexual medical symptom symptoms "
        "findings anamnesis comorbidity vaccination immunization blood_type blood_group "
        "blood_pressure dosage medication_name health_status lab_value".split())),
    ("personal", frozenset(
        "email e_mail mail phone mobile telephone fax first_name last_name full_name surname "
        "given_name family_name middle_name birth_date birthday birthdate date_of_birth dob "
        "ip_address street recipient gender sex nationality".split())),
)  # fmt: skip

# Words in an entity's name that make it a record of somebody's health, and what such a record says
# about them, by the words of its columns. Elsewhere these words are harmless.
HEALTH_ENTITIES = frozenset(
    """
    allergy anamnesis diagnosis encounter consultation examination hospitalization hospitalisation
    immunization immunisation lab laboratory medication prescription surgery symptom therapy
    treatment triage vaccination vital vitals condition_record medical health
    """.split()
)
HEALTH_DETAILS = frozenset(
    """
    substance severity reaction medication drug dose dosage strength finding findings reason
    complaint description diagnosis symptom note notes comment value result abnormal assessment plan
    summary outcome indication instruction instructions vaccine atc icd loinc body
    """.split()
)

# Entities that are places or organisations: how to reach them is nobody's personal data.
ORGANISATIONS = frozenset(
    """
    site branch warehouse store shop office location facility depot building plant department
    company organisation organization clinic hospital school library hotel restaurant venue
    pharmacy laboratory station terminal hub centre center headquarters agency institution
    """.split()
)
ORGANISATION_DETAILS = frozenset("street phone telephone fax mobile".split())

# Entities that are people: their plain `name` and `address` are personal too.
PEOPLE = frozenset(
    """
    person customer user patient client employee contact member guest visitor student teacher
    doctor physician nurse practitioner driver passenger candidate applicant subscriber guardian
    parent owner tenant lecturer instructor author reader attendee participant staff worker agent
    supplier_contact lead borrower player coach host traveller traveler donor volunteer rider
    courier technician pilot
    """.split()
)

# What a verb makes of the person at its end: "assigned to a user" → assignee_id.
ROLE_NOUNS: dict[str, str] = {
    "assigned to": "assignee", "written by": "author", "authored by": "author",
    "owned by": "owner", "managed by": "manager", "reviewed by": "reviewer",
    "approved by": "approver", "led by": "lead", "supervised by": "supervisor",
    "reported by": "reporter", "hosted by": "host", "organised by": "organiser",
    "organized by": "organizer", "created by": "created_by", "updated by": "updated_by",
    "invited by": "invited_by", "taught by": "teacher", "requested by": "requested_by",
    "uploaded by": "uploaded_by", "reports to": "manager", "prescribed by": "prescribed_by",
}  # fmt: skip

# Fields that name a person without saying which entity: taken when the PRD has one such entity.
ACTOR_FIELDS = frozenset(
    "author owner assignee manager reviewer approver creator created_by updated_by invited_by "
    "uploaded_by reporter actor recorded_by approved_by requested_by assigned_to".split()
)

TENANT_NOUNS = (
    "tenant", "organization", "organisation", "workspace", "company", "account", "customer_account",
    "business", "firm", "school", "studio", "agency", "practice", "shop", "store", "merchant",
    "client",
)  # fmt: skip

# A plural field with one of these heads is a list of parts, not a set shared with others.
PARTS = frozenset(
    "line item entry comment attachment note event log row step image photo message address part "
    "section chapter question answer option slot payment reply detail".split()
)

# Words of the surface of an application, which decide even where entities are named.
SURFACE = frozenset(
    """
    ui ux interface dark mode keyboard mouse wcag accessibility printed printable print dragged
    drag animation tooltip theme responsive reload typing translated wireframe css font fonts
    """.split()
)

# Words that make a sentence's subject something that no database serves.
NOT_DATA = frozenset(
    """
    ui ux interface screen screens page layout button buttons colour colours color colors font
    animation theme dark mode keyboard mouse browser responsive mobile android ios wcag
    accessibility accessible language languages translated translation logo brand design print
    printed printable dragged drag drop tooltip icon icons wifi reload typing snappy look feel
    font fonts offline hardware cpu css html javascript email-client deployment kubernetes docker
    availability uptime chrome safari firefox tablet smartphone screenreader contrast
    """.split()
)
