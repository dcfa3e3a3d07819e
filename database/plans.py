"""Reading EXPLAIN (FORMAT JSON): nodes, a one-line summary, blocks.

Source: PostgreSQL 18 manual, section 14.1.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Node = dict[str, Any]


def root_of(plan_json: str) -> Node:
    """The topmost node of an EXPLAIN (FORMAT JSON) text; empty where there is no plan."""
    if not plan_json:
        return {}
    document = json.loads(plan_json)
    node: Node = document[0]["Plan"]
    return node


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    if node:
        yield node
    for child in node.get("Plans", ()):
        yield from walk(child)


def summary(plan_json: str) -> str:
    """`Limit > Sort > Seq Scan orders`: the longest way down, with what is scanned."""
    parts = [_label(node) for node in walk(root_of(plan_json))]
    return " > ".join(parts[:12]) + (" > …" if len(parts) > 12 else "")


def indexes_used(plan_json: str) -> set[str]:
    """The names of the indexes that the plan reads."""
    nodes = walk(root_of(plan_json))
    return {node["Index Name"] for node in nodes if "Index Name" in node}


def blocks(plan_json: str) -> tuple[int, int]:
    """Shared blocks that were found in the cache, and blocks that were read."""
    root = root_of(plan_json)
    return int(root.get("Shared Hit Blocks", 0)), int(root.get("Shared Read Blocks", 0))


def rows_of(node: Node) -> float:
    """Rows that a node gave in all its loops."""
    return float(node.get("Actual Rows", 0)) * float(node.get("Actual Loops", 1))


def rows_removed(node: Node) -> float:
    """Rows that a node read and threw away, in all its loops."""
    keys = ("Filter", "Index Recheck", "Join Filter")
    removed = sum(float(node.get(f"Rows Removed by {key}", 0)) for key in keys)
    return removed * float(node.get("Actual Loops", 1))


def _label(node: Node) -> str:
    kind = str(node["Node Type"])
    on = node.get("Index Name") or node.get("Relation Name")
    return f"{kind} {on}" if on else kind
