"""The offline planner: structured PRDs read by rules, in small steps.

markdown (blocks) → sections, tables, structure (entities, raw fields, statements) → fences →
fields, modifiers, inference, drafts (relations) → links (keys) → rules → quality → workload →
coverage → finish (the design). `lexicon` holds the words; `repair` answers findings and failures.
"""

from __future__ import annotations

from .planner import SHAPES_UNDERSTOOD, RulesPlanner, read_design

__all__ = ["SHAPES_UNDERSTOOD", "RulesPlanner", "read_design"]
