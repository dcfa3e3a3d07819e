"""The words that generated rows are made of, and which column gets which.

`KINDS` is read from the top: the first kind one of whose words is part of the column's name wins.
Addresses under example.com and telephone numbers with 555-01 belong to nobody (RFC 2606, NANP).
"""

from __future__ import annotations

FIRST_NAMES = tuple(
    """
    Ada Amara Anton Aylin Beatriz Björn Carlos Chen Chloé Daniel Dmitri Elena Emeka Emma Farid
    Fatima Gabriel Grace Hana Hassan Ines Ivan Jamal Johanna Kaito Kavya Leila Liam Lucía Magnus
    Maria Mateo Mei Nadia Noah Olga Omar Priya Rosa Samuel Sofia Tariq Thandi Tomás Uma Viktor
    Wanjiru Yara Yusuf Zoe
    """.split()
)
LAST_NAMES = tuple(
    """
    Adeyemi Andersson Becker Bianchi Campbell Castro Chen Cohen Dubois Eriksen Fernández Fischer
    García Haddad Hansen Hughes Ivanova Jansen Johnson Kaya Kim Kowalski Kumar Larsen Lee López
    Martin Mbeki Meyer Moreau Müller Nakamura Nguyen Novak Okafor Olsen Patel Pereira Petrov Reyes
    Rossi Santos Sato Schmidt Silva Singh Smith Tanaka Weber Yilmaz
    """.split()
)
CITIES = tuple(
    "London,Berlin,Madrid,Lagos,São Paulo,Toronto,Mumbai,Nairobi,Lyon,Kraków,Osaka,Porto,Leeds,"
    "Gothenburg,Zürich,Utrecht,Austin,Bogotá,Hanoi,Perth".split(",")
)
STREETS = tuple(
    "High Street,Mill Lane,Station Road,Park Avenue,Church Street,Bridge Road,Garden Way,"
    "Market Square,River Walk,Oak Drive".split(",")
)
COUNTRIES = tuple(
    "United Kingdom,Germany,Spain,Nigeria,Brazil,Canada,India,Kenya,France,Poland,Japan,Portugal,"
    "Sweden,Switzerland,Netherlands,United States,Colombia,Vietnam,Australia,Italy".split(",")
)
COUNTRY_CODES = tuple("GB DE ES NG BR CA IN KE FR PL JP PT SE CH NL US CO VN AU IT".split())
CURRENCIES = tuple("EUR USD GBP CHF SEK PLN JPY INR BRL CAD".split())
LANGUAGES = tuple("en de fr es pt pl nl sv it ja".split())
TIME_ZONES = tuple(
    "Europe/London Europe/Berlin Europe/Madrid Africa/Lagos America/Sao_Paulo America/Toronto "
    "Asia/Kolkata Asia/Tokyo Europe/Warsaw Australia/Perth".split()
)
ADJECTIVES = tuple(
    "Amber Bright Calm Classic Coastal Crimson Early Eastern Golden Grand Green Hidden Ivory "
    "Little Lunar Modern Northern Open Polar Quiet Rapid Royal Silver Solid Southern Swift Urban "
    "Western Wild".split()
)
NOUNS = tuple(
    "Anchor Atlas Beacon Bridge Canvas Cedar Compass Crane Delta Ember Falcon Field Forge Garden "
    "Grove Harbor Lantern Meadow Orchard Peak Pilot Prairie River Signal Spruce Station Summit "
    "Valley Willow".split()
)
SENTENCES = (
    "Arrived on time and complete.",
    "Please call before the visit.",
    "Asked for an invoice by post.",
    "Checked and confirmed by the team.",
    "Follow up next week with the details.",
    "The first attempt did not work; the second did.",
    "Prefers the morning, never on a Friday.",
    "Left a note at the front desk.",
    "Needs a new part before we can go on.",
    "Everything is as agreed, nothing is open.",
    "Reported twice, solved with a restart.",
    "Waiting for an answer from the other side.",
)
TITLES = (
    "Printer does not answer", "Quarterly review", "New account", "Change of address",
    "Login fails after update", "Order arrived damaged", "Question about the invoice",
    "Request for access", "Meeting notes", "Plan for the spring", "Renewal of the contract",
    "Missing item",
)  # fmt: skip
JOBS = tuple(
    "Engineer,Accountant,Nurse,Teacher,Clerk,Manager,Technician,Designer,Analyst,Driver".split(",")
)
COMPANIES = ("Ltd", "GmbH", "Group", "Partners", "& Co", "AB", "Labs", "Works")
COLOURS = tuple("black white blue green red grey silver brown".split())
GENDERS = ("female", "male", "other")
MIME_TYPES = ("application/pdf", "image/png", "image/jpeg", "text/plain", "text/csv")
UNITS = ("piece", "kg", "hour", "box", "litre", "metre")
TAGS = tuple("new urgent vip export fragile gift review internal seasonal follow-up".split())
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64)",
    "Mozilla/5.0 (Windows NT 10.0)",
    "Mozilla/5.0 (Macintosh)",
)
WORDS = tuple(w.lower() for w in NOUNS)

# What a text column holds, by the words of its name.
KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("email", ("email", "mail")),
    ("phone", ("phone", "mobile", "telephone", "tel", "fax")),
    ("digest", ("hash", "token", "secret", "fingerprint", "checksum", "sha256", "md5", "signature",
                "password", "digest", "etag", "salt")),
    ("user_agent", ("agent_string", "user_agent", "browser")),
    ("url", ("url", "uri", "website", "link", "homepage", "endpoint", "href")),
    ("address_ip", ("ip",)),
    ("file", ("file", "filename", "path", "attachment", "key_path")),
    ("mime", ("mime", "content_type", "media_type")),
    ("slug", ("slug", "handle", "subdomain", "domain", "permalink")),
    ("username", ("username", "login", "nickname", "screen_name")),
    ("first_name", ("first", "given", "forename")),
    ("last_name", ("last", "surname", "family")),
    ("city", ("city", "town", "municipality", "location", "region", "state_name", "place")),
    ("currency", ("currency",)),
    ("country_code", ("country_code", "iso_code")),
    ("country", ("country", "nationality")),
    ("postcode", ("postcode", "postal", "zip", "zipcode")),
    ("street", ("street", "address", "line1", "line2")),
    ("time_zone", ("timezone", "time_zone", "tz")),
    ("language", ("language", "locale", "lang")),
    ("company", ("company", "organisation", "organization", "employer", "vendor_name")),
    ("code", ("code", "sku", "number", "reference", "ref", "no", "serial", "barcode", "ean", "isbn",
              "plate", "iban", "vat", "mrn", "icd", "licence", "license", "account", "key",
              "identifier", "external")),
    ("sentence", ("description", "note", "notes", "comment", "comments", "body", "message", "text",
                  "summary", "reason", "details", "content", "bio", "instructions", "remarks",
                  "diagnosis", "feedback", "answer", "symptoms", "findings", "error")),
    ("title", ("title", "subject", "headline", "question", "topic")),
    ("colour", ("colour", "color")),
    ("gender", ("gender", "sex")),
    ("job", ("job", "occupation", "profession", "position_title", "specialty", "role")),
    ("unit", ("unit", "uom")),
    ("version", ("version", "release")),
    ("thing", ("name", "label", "display")),
)  # fmt: skip

# Relations whose `name` is a person's.
PEOPLE = frozenset(
    """
    customer user patient employee person people contact member student teacher doctor clinician
    author owner staff guest driver nurse client agent passenger applicant candidate subscriber
    tutor coach player volunteer donor tenant_user manager
    """.split()
)
ORGANISATIONS = frozenset(
    """
    tenant organisation organization company supplier vendor account merchant partner employer
    manufacturer insurer publisher brand
    """.split()
)


def singular(word: str) -> str:
    """The word without a plural's ending, good enough to look it up here."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def text_kind(relation: str, column: str) -> str:
    """What the text column of that name in that relation holds ("word" where the name is silent).

    >>> text_kind("customers", "email_address"), text_kind("customers", "name")
    ('email', 'person')
    """
    parts = column.split("_")
    for kind, words in KINDS:
        for word in words:
            hit = word in parts if "_" not in word else word in column
            if hit:
                return _whose(relation, column) if kind == "thing" else kind
    return "word"


def _whose(relation: str, column: str) -> str:
    words = {singular(w) for w in (*relation.split("_"), *column.split("_"))}
    last = singular(relation.split("_")[-1])
    if column in ("full_name", "contact_name") or last in PEOPLE or "person" in words:
        return "person"
    if column.split("_")[0] in PEOPLE:
        return "person"
    return "company" if last in ORGANISATIONS else "thing"
