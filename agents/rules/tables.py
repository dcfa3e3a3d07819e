"""Tables of a PRD: what their headers say about the rows."""

from __future__ import annotations

import re
from enum import Enum, auto

from .book import SectionRole
from .markdown import Row


class TableKind(Enum):
    """What the rows of a table are."""

    FIELDS = auto()
    ENTITY_FIELDS = auto()
    ENTITIES = auto()
    OTHER = auto()


# Kind of column → words of its header. The first kind that matches takes the column.
_HEADERS: tuple[tuple[str, str], ...] = (
    ("id", "id|#|ref|req(?:uirement)? id|no|nr"),
    ("fields", "fields|attributes|columns|key fields|key attributes|main fields|properties|"
               "campos|atributos|felder|attribute list|data fields|data"),
    ("field", "field|attribute|column|property|field name|column name|attribute name|name|"
              "campo|atributo|feld|spalte|champ|attribut|字段|字段名|属性|필드|필드명|列名"),
    ("entity", "entity|table|relation|entity name|table name|object|model|entidad|entidade|"
               "tabla|tabela|tabelle|entität|entité|thing|实体|表|엔티티|테이블|record"),
    ("type", "type|data ?type|format|tipo|typ|datentyp|类型|타입|유형|sql type|kind"),
    ("required", "required|mandatory|req|required\\?|mandatory\\?|obligatorio|pflicht|必填|필수|"
                 "not null"),
    ("nullable", "null|nullable|optional|null\\?|nullable\\?|optional\\?"),
    ("unique", "unique|unique\\?|unique key"),
    ("default", "default|default value|standard|defecto"),
    ("key", "key|keys|pk/fk|pk|constraint|constraints|rules|validation|constraint\\(s\\)|"
            "references|"
            "fk|foreign key|relation"),
    ("values", "values|allowed values|options|enum|possible values"),
    ("classification", "pii|pii\\?|sensitivity|classification|personal|personal data\\?|gdpr"),
    ("links", "relationships|relations|related to|relates to|associations|links"),
    ("notes", "notes|note|description|comment|comments|remarks|meaning|details|purpose|"
              "beschreibung|descripción|descrição|bemerkung|说明|描述|备注|설명|비고|explanation|"
              "example|what it is"),
)  # fmt: skip
_COMPILED = tuple((kind, re.compile(rf"(?:{words})\Z", re.I)) for kind, words in _HEADERS)


def columns_of(header: list[str]) -> dict[str, int]:
    """Kinds of columns by place, each kind once.

    >>> columns_of(["Field", "Type", "Required", "Notes"])
    {'field': 0, 'type': 1, 'required': 2, 'notes': 3}
    """
    found: dict[str, int] = {}
    for at, text in enumerate(header[:30]):
        words = " ".join(text.split()).strip(" *:`")
        for kind, pattern in _COMPILED:
            if kind not in found and pattern.match(words):
                found[kind] = at
                break
    return found


def kind_of(columns: dict[str, int], *, entity: bool, data: bool) -> TableKind:
    """What the rows are. `entity`: the table stands below an entity; `data`: in a data section."""
    detail = {"type", "required", "nullable", "key", "notes", "default", "unique"} & set(columns)
    if "entity" in columns and "field" in columns and "type" in columns:
        return TableKind.ENTITY_FIELDS
    if "field" in columns and detail and entity and "entity" not in columns:
        named_field = columns["field"] == min(columns.values()) or "type" in columns
        return TableKind.FIELDS if named_field else TableKind.OTHER
    if "entity" in columns and "field" in columns and not ({"fields"} & set(columns)) and data:
        return TableKind.ENTITY_FIELDS
    if ("entity" in columns or data) and "fields" in columns and ("entity" in columns):
        return TableKind.ENTITIES
    if data and "entity" in columns and "notes" in columns:
        return TableKind.ENTITIES
    return TableKind.OTHER


_ROLES: tuple[tuple[SectionRole, str], ...] = (
    ("sla", r"\bp(?:50|90|95|99)\b|latency|response time|percentile|\bsla\b|\bslo\b|target time"),
    ("retention", r"keep for|retention|retain|kept for|retention period|delete after|how long"),
    ("roles", r"^(?:role|actor|rolle|rol|papel)\b|may read|can read|permissions?"),
    ("volume", r"how many|volume|rows?\b|growth|expected|number of|records|count|per year|initial"),
    ("recovery", r"\brpo\b|\brto\b"),
    ("links", r"cardinality|multiplicity|^relationship"),
)
_ROLE_PATTERNS = tuple((role, re.compile(words, re.I)) for role, words in _ROLES)


def role_of_table(header: list[str], columns: dict[str, int]) -> SectionRole | None:
    """The role that a table's header gives to its rows, or None where it says nothing."""
    for role, pattern in _ROLE_PATTERNS:
        if any(pattern.search(cell.strip()) for cell in header[:30]):
            return role
    if "id" in columns and any(re.search(r"(?i)requirement|description|story", h) for h in header):
        return "requirements"
    return None


_PRIORITY = re.compile(
    r"(?:must|should|could)(?: have)?|high|medium|low|critical|p[0-4]|mvp|v\d|[123]", re.I
)


_WONT = re.compile(r"won'?t(?: have)?|out of scope|later|future", re.I)


def is_dropped(cells: list[str]) -> bool:
    """True for a requirement that the PRD marks as not to be built ("Won't")."""
    return len(cells) > 1 and any(_WONT.fullmatch(cell) for cell in cells)


def without_priority(cells: list[str]) -> list[str]:
    """The cells without those that only tell a priority ("Must", "P1")."""
    return cells[:1] + [cell for cell in cells[1:] if not _PRIORITY.fullmatch(cell)]


def cells_of(columns: dict[str, int], row: Row) -> dict[str, str]:
    """The cells of a row by kind of column."""
    return {
        kind: row.cells[at].strip() for kind, at in columns.items() if at < len(row.cells)
    }  # fmt: skip
