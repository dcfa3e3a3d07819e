"""The intake: what a user hands over as a PRD, as text that the planners can read.

Accepted are text, bytes, and a path to a file, in UTF-8 (with or without a byte order mark) or in
UTF-16 and UTF-32 with one. Line numbers are those of the decoded text.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from ..domain.design import Design
from ..domain.identifiers import snake_case
from ..domain.requirements import subject_of_heading
from ..errors import InputError

MAX_BYTES = 2_000_000
_SHAPE = "See a13.domain.design.Design for the shape of a design."

# UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode_prd(data: bytes, *, max_bytes: int = MAX_BYTES) -> str:
    """The text of a PRD's bytes.

    Raises InputError for bytes that are too many, empty, or not text.
    """
    if len(data) > max_bytes:
        raise InputError(
            f"The PRD has {len(data):,} bytes; the limit is {max_bytes:,}.",
            hint="Split it by domain, or raise A13_MAX_PRD_BYTES.",
            size_bytes=len(data),
            limit_bytes=max_bytes,
        )
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(
            f"The PRD is not text in {encoding.upper()} (byte {error.start}).",
            hint="Save it as UTF-8, or as UTF-16 with a byte order mark.",
        ) from None
    return check_text(text)


def check_text(text: str) -> str:
    """The text with `\\n` line ends. Raises InputError where it is empty or binary."""
    if "\x00" in text:
        raise InputError(
            "The PRD holds NUL characters, so it is not plain text.",
            hint="Save it as UTF-8, or as UTF-16 with a byte order mark.",
        )
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise InputError(
            "The PRD is empty.", hint="Write down at least the things that the product keeps."
        )
    return text


def read_prd(source: str | bytes | Path, *, max_bytes: int = MAX_BYTES) -> str:
    """The PRD's text from Markdown text, bytes or a path.

    A string of one line that names an existing file, or ends like a file name, is a path. Raises
    InputError where the file is missing or cannot be read, and as `decode_prd` does.
    """
    if isinstance(source, bytes):
        return decode_prd(source, max_bytes=max_bytes)
    if isinstance(source, str):
        path = as_path(source)
        if path is None:
            if len(source) > max_bytes or len(source.encode(errors="replace")) > max_bytes:
                return decode_prd(source.encode(errors="replace"), max_bytes=max_bytes)
            return check_text(source)
        source = path
    try:
        if source.stat().st_size > max_bytes:
            raise InputError(
                f"The PRD {source.name!r} has {source.stat().st_size:,} bytes; "
                f"the limit is {max_bytes:,}.",
                hint="Split it by domain, or raise A13_MAX_PRD_BYTES.",
            )
        data = source.read_bytes()
    except OSError as error:
        raise InputError(
            f"The PRD {str(source)!r} cannot be read: {error.strerror or error}.",
            hint="Give the path of a Markdown file, or the text itself.",
        ) from None
    return decode_prd(data, max_bytes=max_bytes)


def parse_design(text: str, *, name: str) -> Design:
    """The structured design that a JSON text holds. Raises InputError; `name` is the file's."""
    try:
        given = json.loads(text)
    except ValueError as error:
        raise InputError(f"{name} is not JSON: {error}.", hint=_SHAPE) from None
    except RecursionError:
        raise InputError(f"{name} is nested too deeply to be a design.", hint=_SHAPE) from None
    if not isinstance(given, dict):
        raise InputError(f"{name} holds no JSON object.", hint=_SHAPE)
    return read_design(given)


def read_design(given: Design | Mapping[str, Any]) -> Design:
    """A structured design, if it is valid and can be written down and read back.

    Infinite numbers and halves of surrogate pairs cannot. Raises InputError.
    """
    try:
        design = Design.model_validate(given)
        again = Design.model_validate_json(design.model_dump_json())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"The structured design is not valid: {place}: {first['msg']}.", hint=_SHAPE
        ) from None
    except (PydanticSerializationError, RecursionError):
        raise InputError(
            "The structured design holds characters that are not text.",
            hint="Take out unpaired surrogates (\\ud800 to \\udfff).",
        ) from None
    if again != design:
        raise InputError("The structured design cannot be written as JSON.", hint=_SHAPE)
    return design


def as_path(text: str) -> Path | None:
    """The path that a one-line string means, or None where it is the PRD itself."""
    if "\n" in text or "\x00" in text or not text.strip() or len(text) > 1024:
        return None
    path = Path(text).expanduser()
    try:
        if path.is_file():
            return path
    except OSError:
        return None
    looks_like_file = (
        path.suffix.lower() in {".md", ".markdown", ".txt", ".json"} and "\t" not in text
    )
    return path if looks_like_file and len(text.split()) < 12 else None


def title_of(text: str, fallback: str) -> str:
    """A short identifier for a run: the file's stem or the PRD's first heading."""
    for line in text.splitlines()[:50]:
        if line.startswith("# "):
            return snake_case(subject_of_heading(line[2:]))[:40].strip("_") or fallback
    return fallback
