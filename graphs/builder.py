"""The whole graph on one page.

                ┌────────────── rollback ◄────────┐
                ▼                                 │ a revision failed
    intake → design ───────────────► migrate ─────┤
               ▲ ▼                                ▼
             clarify        index_tuning ◄──► optimize          an SLA is missed
                                                  ▼
                                 restore ◄──► manage_data       corruption was found
                                                  ▼
              acceptance ◄── document ◄── (approve → apply)     a user's own database only

Nodes decide and update together by `Command`; the annotations of their return types are the
edges. A kept index goes from index_tuning through migrate, where it is proved like any other
revision.
"""

from __future__ import annotations

from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from .context import RunContext
from .nodes.approve import apply, approve
from .nodes.design import clarify, design
from .nodes.document import acceptance, document
from .nodes.intake import intake
from .nodes.manage_data import manage_data, restore
from .nodes.migrate import migrate, rollback
from .nodes.optimize import index_tuning, optimize
from .state import State

# More steps than every loop budget together can take; a bug then ends in an error, not in a loop.
RECURSION_LIMIT = 200


def build_graph(
    checkpointer: BaseCheckpointSaver[Any] | None = None, *, name: str = "a13_database_engineer"
) -> CompiledStateGraph[State, RunContext, State, State]:
    """The compiled graph. Without a checkpointer it cannot be resumed."""
    graph = StateGraph(State, context_schema=RunContext)
    graph.add_node("intake", intake)
    graph.add_node("design", design)
    graph.add_node("clarify", clarify)
    graph.add_node("migrate", migrate)
    graph.add_node("rollback", rollback)
    graph.add_node("optimize", optimize)
    graph.add_node("index_tuning", index_tuning)
    graph.add_node("manage_data", manage_data)
    graph.add_node("restore", restore)
    graph.add_node("approve", approve)
    graph.add_node("apply", apply)
    graph.add_node("document", document)
    graph.add_node("acceptance", acceptance)
    graph.add_edge(START, "intake")
    graph.add_edge("acceptance", END)
    return graph.compile(checkpointer=checkpointer, name=name)
