"""The base of every value that A13 passes around."""

from __future__ import annotations

import hashlib
import json

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen value: unknown fields are an error, equality is by content."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def content_hash(self) -> str:
        """The hash of the value's canonical JSON."""
        return sha256_of_json(self.model_dump(mode="json"))


def canonical_json(value: object) -> str:
    """The one spelling of a JSON value: sorted keys, no spaces, UTF-8 kept."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256_of_json(value: object) -> str:
    """The hash of `canonical_json(value)`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
