"""Recognition: which words can name an entity, and which blocks hold its fields."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .book import SectionRole
from .fields import is_field_list, stated_type
from .markdown import (
    Block,
    Bullets,
    Heading,
    Paragraph,
    Table,
    leading_mark,
    plain,
    sentences,
)
from .tables import TableKind, columns_of, kind_of

FIELDS_MARK = re.compile(
    r"(?:(?:key|main|core|its|the|required|important|basic|typical)\s+)?(?:data\s+)?"
    r"(?:fields?|attributes?|columns?|properties|campos|atributos|felder|attribute|spalten|champs|"
    r"attributs|字段|属性|필드|속성)(?:\s+(?:are|include|are:))?\s*[:：]\s*",
    re.I,
)


REQUIREMENT_ID = re.compile(
    r"^\[?((?:[A-Z]{1,8}[-_]){0,2}[A-Z]{1,8}[-_]?\d{1,4}(?:\.\d{1,3})*[a-z]?)\]?(?=$|[\s:.)—–\-|*])"
)


_ENTITY_TAIL = re.compile(
    r"\s*(?:\((?:table|entity|relation|new)\)|\b(?:table|entity|model))\s*$", re.I
)


_ENTITY_HEAD = re.compile(
    r"^(?:table|entity|model|relation|class|object|entidad|tabelle)\s*[:\-–]?\s+(?=\S)", re.I
)


def first_sentence(text: str) -> str:
    return next((s for _, s in sentences(text, 1)), "")


def entity_name(text: str) -> str:
    """The words as an entity's name, or "" where they cannot be one."""
    name = _ENTITY_TAIL.sub("", _ENTITY_HEAD.sub("", " ".join(text.split()).strip("`*_ :")))
    name = re.sub(r"\s*\([^()]{0,60}\)\s*$", "", name).strip(" :-–—[]")
    if not name or len(name) > 300 or not re.search(r"[^\W\d_]", name):
        return ""
    if len(name.split()) > 5 and not re.search(r"[;'\"]", name) and len(name) < 60:
        return ""
    if re.search(r"[.!?]\s", name) or name.lower() in (
        "fields",
        "attributes",
        "columns",
        "relationships",
        "rules",
        "constraints",
        "general",
    ):
        return ""
    return name


def is_one_field(text: str) -> bool:
    """True for a body of one field: "name", "total amount (EUR)"; not for "a label"."""
    head = re.sub(r"\([^()]{0,200}\)", "", text).strip(" .")
    return (
        len(head.split()) <= 3
        and not re.match(r"(?i)(?:an?|the|what|who|how|our|one|see|tbd)\b", head)
        and is_field_list(text, least=1)
    )


def has_fields(block: Block) -> bool:
    if isinstance(block, Table):
        columns = columns_of([plain(cell) for cell in block.header])
        return kind_of(columns, entity=True, data=True) is TableKind.FIELDS
    if isinstance(block, Paragraph):
        return bool(FIELDS_MARK.match(plain(block.text).strip()))
    if isinstance(block, Bullets):
        return any(FIELDS_MARK.match(plain(item.text).strip()) for item in block.items[:3])
    return False


def is_field_bullets(block: Block) -> bool:
    if not isinstance(block, Bullets) or not block.items:
        return False
    likely = sum(1 for item in block.items if looks_like_field(item.text))
    return likely * 2 > len(block.items)


def is_typed_field(text: str) -> bool:
    """True for a name with a type: "note: text" is a field, "Note: see below" is not."""
    typed = re.match(r"\s*([\w ]{1,60}?)\s*[:(]\s*([A-Za-z][\w ]{0,30})", text)
    return bool(typed and len(typed[1].split()) <= 5 and stated_type(typed[2].strip()))


def looks_like_field(raw: str) -> bool:
    """True for an item such as "`email` (text, unique)", "name: text" or "total amount"."""
    text = plain(raw).strip()
    if not text or (text.endswith((".", "?")) and not raw.lstrip().startswith(("`", "**"))):
        return False
    head = re.split(r":| — | – | - |\(|,|→|->", text)[0].strip()
    if not head or len(head.split()) > 5 or REQUIREMENT_ID.match(head):
        return False
    if is_typed_field(text):
        return True
    if re.match(
        r"(?i)(?:has|belongs|contains|each|every|must|one|many|when|if|a|an|the|no|"
        r"relationships?|rules?|constraints?|notes?|indexes|references)\b",
        head,
    ):
        return False
    return bool(re.search(r"[^\W\d_]", head))


def with_captions(blocks: list[Block]) -> list[Block]:
    """The blocks with "**Customer**" above a list or a table turned into a heading of level 7."""
    result: list[Block] = []
    for at, block in enumerate(blocks):
        following = blocks[at + 1] if at + 1 < len(blocks) else None
        if isinstance(block, Paragraph) and len(block.text) < 120 and "\n" not in block.text:
            mark = leading_mark(block.text)
            caption = ""
            if mark and not mark[1].strip(" :"):
                caption = mark[0]
            elif (
                match := re.fullmatch(
                    r"(?:Table|Entity)?:?\s*`?([A-Za-z]\w{1,62})`?\s*:?", block.text
                )
            ) and block.text.endswith((":", "`")):
                caption = match[1]
            if caption and isinstance(following, Bullets | Table):
                result.append(Heading(7, caption, block.line))
                continue
        result.append(block)
    return result


ADD_TABLE = re.compile(
    r"\b(?:add|create|introduce|need|new|have)\s+(?:an?\s+|"
    r"the\s+)?(?:new\s+)?[`\"]?(\w{1,63})[`\"]?\s+table\s*"
    r"\(([^()]{1,1000}(?:\([^()]{0,200}\)[^()]{0,400}){0,20})\)",
    re.I,
)  # fmt: skip
# ": `ship_street`, `ship_city` and the same with `bill_`" at the end of a sentence
NAMED_LIST = re.compile(r":\s*(`\w{1,63}`(?:[^`]{1,40}`\w{1,63}`){1,60}[^`]{0,40})$")


@dataclass(slots=True)
class Level:
    """Where the walk over the blocks stands: the role and the entity of the nearest heading."""

    level: int
    role: SectionRole
    entity: str = ""
    heading: str = ""
