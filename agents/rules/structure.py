"""Structure: walks the blocks, finds the entities and their fields, and cuts the rest into
statements.

Entities are found as headings with a field table, field list or "Fields:" line; as bold or named
bullets; as rows of tables; as table definitions in fences. Names come first and fields second,
because whether `customer` is a reference depends on whether customers are stored.
"""

from __future__ import annotations

import re

from ...domain.design import Unread
from ...domain.requirements import subject_of_heading
from .book import Book, EntityFact, RawField, SectionRole, Statement, cite
from .fields import is_field_list
from .markdown import (
    Block,
    Bullets,
    Fence,
    Heading,
    Item,
    Paragraph,
    Row,
    Table,
    leading_mark,
    plain,
    sentences,
)
from .recognise import (
    ADD_TABLE,
    FIELDS_MARK,
    NAMED_LIST,
    REQUIREMENT_ID,
    Level,
    entity_name,
    first_sentence,
    has_fields,
    is_field_bullets,
    is_one_field,
    is_typed_field,
    looks_like_field,
    with_captions,
)
from .sections import clean_heading, role_of
from .sla import role_of_row
from .tables import (
    TableKind,
    cells_of,
    columns_of,
    is_dropped,
    kind_of,
    role_of_table,
    without_priority,
)
from .vocabulary import entity_key

MAX_SENTENCE = 1500


class Structure:
    """The first pass over a PRD's blocks."""

    def __init__(self, book: Book, blocks: list[Block]) -> None:
        self.book = book
        self.raw: list[RawField] = []
        self.fences: list[Fence] = []
        self._described: tuple[int, set[str]] = (0, set())
        self._stack: list[Level] = [Level(0, "other")]
        blocks = list(with_captions(blocks))
        # A PRD without a data heading states its data anywhere.
        self.loose = not any(
            isinstance(b, Heading) and role_of(b.text) in ("data", "links") for b in blocks
        )
        for at, block in enumerate(blocks):
            if isinstance(block, Heading):
                following: list[Block] = []
                for other in blocks[at + 1 : at + 12]:
                    if isinstance(other, Heading):
                        break
                    following.append(other)
                self._heading(block, following, first=not book.title)
            else:
                self._block(block)

    # Headings

    def _heading(self, block: Heading, following: list[Block], *, first: bool) -> None:
        text = plain(clean_heading(block.text))
        while len(self._stack) > 1 and self._stack[-1].level >= block.level:
            self._stack.pop()
        parent = self._stack[-1]
        own = role_of(block.text)
        if first and block.level == 1:
            self.book.title = subject_of_heading(text)
            role: SectionRole = own if own == "data" and len(text.split()) <= 3 else "other"
            self._stack.append(Level(block.level, role, "", text))
            return
        if parent.role == "skip":
            self._stack.append(Level(block.level, "skip", "", text))
            return
        strong = any(has_fields(b) for b in following)
        in_data = parent.role == "data" or (self.loose and parent.role in ("other", "requirements"))
        listed = in_data and any(is_field_bullets(b) for b in following)
        named = entity_name(text)
        if (
            named
            and (strong or (listed and own in (None, "data")))
            and own != "skip"
            and not parent.entity
        ):
            key = self._entity(named, block.line, block.text)
            self.book.entities[key].marked |= strong
            if parent.role == "other" and parent.level > 1:
                parent.role = "data"
            self._stack.append(Level(block.level, "data", key, text))
        elif named and parent.role == "data" and own is None and not parent.entity:
            key = self._entity(named, block.line, block.text, weak=True)
            self._stack.append(Level(block.level, "data", key, text))
        else:
            inherit: SectionRole = parent.role if parent.level else "other"
            entity = parent.entity if own is None else ""
            self._stack.append(Level(block.level, own or inherit, entity, text))

    def _entity(self, name: str, line: int, quote: str, *, weak: bool = False) -> str:
        key = entity_key(name) or "n_" + cite(line, name).content_hash()[:8]
        known = self.book.entities.get(key)
        if known is None:
            self.book.entities[key] = EntityFact(name, cite(line, quote), weak=weak)
        else:
            known.weak = known.weak and weak
            if known.fields or self._has_raw(key):
                self.book.assume(
                    f"'{name[:80]}' (line {line}) and '{known.name[:80]}' (line "
                    f"{known.source.line}) are the same entity; their fields are merged",
                    "The names differ only in case, number or separators.",
                )
        return key

    def _has_raw(self, key: str) -> bool:
        at, seen = self._described
        seen.update(raw.entity for raw in self.raw[at:])
        self._described = (len(self.raw), seen)
        return key in seen

    # Blocks

    def _block(self, block: Block) -> None:
        level = self._stack[-1]
        if level.role == "skip":
            return
        if isinstance(block, Paragraph):
            self._paragraph(block, level)
        elif isinstance(block, Bullets):
            for item in block.items:
                self._item(item, level)
        elif isinstance(block, Table):
            self._table(block, level)
        elif isinstance(block, Fence):
            self.fences.append(block)

    def _paragraph(self, block: Paragraph, level: Level) -> None:
        mark = leading_mark(block.text)
        if mark and len(mark[0]) < 60 and role_of(mark[0]) == "skip" and mark[1].strip():
            return
        if level.entity and level.role == "data":
            self._body(level.entity, block.text, block.line, level)
            return
        if mark and self._named_body(mark[0], mark[1], block.text, block.line, level):
            return
        self._say(block.text, block.line, level)

    def _item(self, item: Item, level: Level, requirement: str = "") -> None:
        mark, text = leading_mark(item.text), plain(item.text)
        if mark and role_of(mark[0]) == "skip" and len(mark[0]) < 60 and mark[1].strip(" :"):
            return
        found = REQUIREMENT_ID.match(text.strip())
        if level.role == "questions":
            self._state(" ".join(text.split()), item.line, level)
            return
        if found:
            requirement = found[1]
            self._say(text.strip()[found.end() :].lstrip(" :.)—–-|"), item.line, level, requirement)
        elif level.entity and level.role == "data":
            self._entity_item(item, level)
            return
        elif (
            mark and self._named_body(mark[0], mark[1], item.text, item.line, level, item)
        ) or self._plain_item(item, text, level):
            return
        else:
            inner = role_of(text) if text.rstrip().endswith(":") and item.children else None
            if inner == "skip":
                return
            if inner:
                level = Level(level.level, inner, "", text)
            self._say(item.text, item.line, level, requirement)
        for child in item.children:
            if isinstance(child, Bullets):
                for sub in child.items:
                    self._item(sub, level, requirement)
            elif isinstance(child, Paragraph):
                self._say(child.text, child.line, level, requirement)
            else:
                self._block(child)

    def _entity_item(self, item: Item, level: Level) -> None:
        """An item below an entity's heading: a field, a "Fields:" list or a sentence."""
        text = plain(item.text)
        head = re.match(
            r"\s*(relationships?|relations?|rules?|constraints?|notes?|indexes)\s*:?\s*$",
            text,
            re.I,
        )
        if FIELDS_MARK.match(text) and not text[FIELDS_MARK.match(text).end() :].strip():  # type: ignore[union-attr]
            head = None
        elif head is None and looks_like_field(item.text):
            self.raw.append(RawField(level.entity, item.line, item.text))
            for child in item.children:
                if isinstance(child, Bullets):
                    for sub in child.items:
                        self._say(sub.text, sub.line, level)
            return
        elif head is None:
            self._body(level.entity, item.text, item.line, level)
        for child in item.children:
            if isinstance(child, Bullets):
                for sub in child.items:
                    if head:
                        self._say(sub.text, sub.line, level)
                    else:
                        self._entity_item(sub, level)

    def _named_body(
        self, name: str, rest: str, quote: str, line: int, level: Level, item: Item | None = None
    ) -> bool:
        """`**Name**: …` as an entity, where the section or a "Fields:" mark says that it is one."""
        named = entity_name(name)
        body = plain(rest).strip()
        marked = bool(FIELDS_MARK.search(body[:2000]))
        allowed = level.role == "data" or (self.loose and level.role in ("other", "requirements"))
        children = [b for b in item.children if isinstance(b, Bullets)] if item else []
        nested = allowed and any(is_field_bullets(b) for b in children)
        if not named or not (marked or nested or allowed):
            return False
        if REQUIREMENT_ID.match(name) or (name.rstrip().endswith(".") and not marked):
            return False
        joined = re.match(r"^(?:\([^()]{0,80}\)\s*)?(?:[:：]|—|–|-|→)\s*", body)
        parenthesis = re.match(
            r"^\(([^()]{1,800}(?:\([^()]{0,200}\)[^()]{0,400}){0,20})\)\s*\.?\s*$", body
        )
        if parenthesis and (level.role == "data" or is_field_list(parenthesis[1])):
            body = parenthesis[1]
            if not is_field_list(body) and not nested:
                return False
        elif joined:
            body = body[joined.end() :]
        elif body and not marked:
            return False
        aside = named.lower() in ("note", "notes", "example", "examples", "hint", "warning", "tip")
        if aside and not (marked or nested or is_field_list(first_sentence(body))):
            return False
        if level.role != "data" and not (
            marked or nested or is_field_list(first_sentence(body), least=3)
        ):
            return False
        key = self._entity(named, line, quote)
        self.book.entities[key].marked |= marked
        inner = Level(level.level, "data", key, name)
        # The body is the end of the quote: the line breaks it lacks stand before it.
        at = line + quote.rstrip().count("\n") - body.rstrip().count("\n")
        self._body(key, body, at, inner, inline=level.role == "data")
        for block in children:
            for sub in block.items:
                self._entity_item(sub, inner)
        return True

    def _plain_item(self, item: Item, text: str, level: Level) -> bool:
        """`Customer: name, email` or `Customer (name, email)` without bold type."""
        allowed = level.role == "data" or (self.loose and level.role in ("other", "requirements"))
        if not allowed or (text[:1].islower() and is_typed_field(text)):
            return False
        match = re.match(
            r"\s*([A-Z][\w &/-]{0,60}?|[a-z_]{2,40})\s*(?:[:：]| [—–-] )\s*(\S.*)$", text, re.DOTALL
        )
        if match is None:
            match = re.match(
                r"\s*([A-Z][\w &/-]{0,60}?|[a-z_]{2,40})\s*\((.{3,1500})\)\s*\.?\s*$",
                text,
                re.DOTALL,
            )
        children = [b for b in item.children if isinstance(b, Bullets) and is_field_bullets(b)]
        if match is None and children and entity_name(text.rstrip(":")):
            key = self._entity(text.strip().rstrip(":"), item.line, item.text)
        elif (
            match is None
            or not entity_name(match[1])
            or not (FIELDS_MARK.search(match[2]) or is_field_list(first_sentence(match[2])))
        ):
            return False
        else:
            key = self._entity(match[1].strip(), item.line, item.text)
            inner = Level(level.level, "data", key, match[1])
            self._body(key, match[2], item.line, inner)
        for block in children:
            for sub in block.items:
                self._entity_item(sub, Level(level.level, "data", key, text))
        return True

    def _body(self, key: str, raw: str, line: int, level: Level, *, inline: bool = False) -> None:
        """What is said about an entity: field lists and sentences."""
        entity = self.book.entities[key]
        first = True
        for at, sentence in sentences(raw, line):
            text = plain(sentence)
            match = FIELDS_MARK.search(text)
            lead = text[: match.start()].strip(" ,:;—–") if match else ""
            if match and (not lead or len(lead.split()) <= 12 or lead.endswith((".", ","))):
                self._field_list(key, sentence, at)
                if lead:
                    self._describe(entity, key, lead, at, level)
            elif (
                first
                and not entity.marked
                and not entity.description
                and (is_field_list(text) or (inline and is_one_field(text)))
            ):
                self._field_list(key, sentence, at)
            elif listed := NAMED_LIST.search(sentence):
                self._field_list(key, listed[1], at)
                self._describe(entity, key, sentence[: listed.start()], at, level)
            else:
                self._describe(entity, key, sentence, at, level)
            first = False

    def _describe(self, entity: EntityFact, key: str, text: str, line: int, level: Level) -> None:
        if len(entity.description) < 400:
            entity.description = f"{entity.description} {plain(text)}".strip()
        self._state(plain(text), line, level, subject=key)

    def _field_list(self, key: str, raw: str, line: int) -> None:
        match = FIELDS_MARK.search(raw)
        start = match.end() if match else 0
        body = raw[start:]
        self.raw.append(RawField(key, line + raw[:start].count("\n"), body, {"list": body}))

    # Tables

    def _table(self, table: Table, level: Level) -> None:
        header = [plain(cell) for cell in table.header]
        columns = columns_of(header)
        kind = kind_of(columns, entity=bool(level.entity), data=level.role == "data")
        if kind is TableKind.FIELDS and level.entity:
            for row in table.rows:
                self.raw.append(RawField(level.entity, row.line, "", cells_of(columns, row)))
        elif kind is TableKind.ENTITY_FIELDS:
            self._entity_field_rows(table, columns)
        elif kind is TableKind.ENTITIES:
            for row in table.rows:
                cells = cells_of(columns, row)
                name = entity_name(plain(cells.get("entity", "")))
                if not name:
                    continue
                key = self._entity(name, row.line, " | ".join(row.cells))
                inner = Level(level.level, "data", key, name)
                if cells.get("fields"):
                    self._field_list(key, cells["fields"], row.line)
                for text in (cells.get("notes", ""), cells.get("links", "")):
                    if text.strip():
                        self._describe(self.book.entities[key], key, text, row.line, inner)
        else:
            role = role_of_table(header, columns) or level.role
            for row in table.rows:
                self._row(row, header, role_of_row(role, header, row.cells), level)

    def _entity_field_rows(self, table: Table, columns: dict[str, int]) -> None:
        key = ""
        for row in table.rows:
            cells = cells_of(columns, row)
            name = entity_name(plain(cells.get("entity", "")))
            if name:
                known = entity_key(name)
                key = known if known == key else self._entity(name, row.line, " | ".join(row.cells))
            if key:
                self.raw.append(RawField(key, row.line, "", cells))

    def _row(self, row: Row, header: list[str], role: SectionRole, level: Level) -> None:
        cells = [plain(cell).strip() for cell in row.cells]
        pairs = tuple(
            (head.strip().lower(), cell) for head, cell in zip(header, cells, strict=False) if cell
        )
        if not pairs:
            return
        requirement = ""
        found = REQUIREMENT_ID.match(pairs[0][1])
        if found and len(pairs[0][1]) <= 16:
            requirement = found[1]
        body = [cell for _, cell in pairs[1 if requirement else 0 :]]
        if is_dropped(body):
            return
        body = without_priority(body)
        self._state(
            " | ".join(body), row.line, level, requirement=requirement, role=role, cells=pairs
        )  # fmt: skip

    # Sentences

    def _say(self, raw: str, line: int, level: Level, requirement: str = "") -> None:
        text = plain(raw)
        if level.role == "overview" and not self.book.purpose and len(text) > 40:
            self.book.purpose = " ".join(text.split())[:600]
        for match in ADD_TABLE.finditer(text[:20_000]) if "table" in text.lower() else ():
            at = line + text[: match.start()].count("\n")
            key = self._entity(match[1], at, match[0])
            self._field_list(key, match[2], at)
        for at, sentence in sentences(text, line):
            if lead := re.match(r"([A-Z][\w -]{4,30}):\s", sentence):
                scope = role_of(lead[1])
                if scope == "skip":
                    return
                if lead[1].lower() == "in scope":
                    continue
            self._state(sentence, at, level, requirement=requirement, block=line)

    def _state(
        self,
        text: str,
        line: int,
        level: Level,
        *,
        requirement: str = "",
        subject: str = "",
        role: SectionRole | None = None,
        cells: tuple[tuple[str, str], ...] = (),
        block: int = 0,
    ) -> None:
        text = " ".join(text.split())
        if len(text) > MAX_SENTENCE:
            self.book.unread.append(
                Unread(line=line, text=text[:200], reason="sentence too long to read")
            )
            return
        if not re.search(r"\w", text):
            return
        self.book.statements.append(
            Statement(
                line=line, text=text, role=role or level.role, subject=subject or level.entity,
                requirement=requirement, heading=level.heading, cells=cells, block=block or line,
            )
        )  # fmt: skip
