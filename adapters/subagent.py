"""A13 as a sub-agent: a graph with `messages` in and out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.graph.state import CompiledStateGraph
from typing_extensions import TypedDict

from ..domain.result import RunResult
from ..errors import A13Error
from .display import to_markdown


class SubagentState(TypedDict, total=False):
    """What the sub-agent shares with its parent graph."""

    messages: Annotated[list[AnyMessage], add_messages]
    structured_response: dict[str, Any]


def make_subagent(
    run: Callable[..., RunResult], *, name: str
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """A compiled graph: the last human message is the PRD, the answer is the result's summary.

    `structured_response` holds the result as JSON-able data. At a hand-off the last message may
    be a tool's, so the PRD is looked for in the last human one.
    """

    def engineer(state: SubagentState) -> SubagentState:
        """Run A13 on the PRD of the conversation."""
        humans = [m for m in state.get("messages", []) if isinstance(m, HumanMessage)]
        if not humans:
            return {"messages": [AIMessage("There is no PRD in the conversation.", name=name)]}
        try:
            result = run(humans[-1].text)
        except A13Error as error:
            return {"messages": [AIMessage(str(error), name=name)]}
        return {
            "messages": [AIMessage(to_markdown(result), name=name)],
            "structured_response": result.model_dump(mode="json"),
        }

    graph = StateGraph(SubagentState)
    graph.add_node("engineer", engineer)
    graph.add_edge(START, "engineer")
    graph.add_edge("engineer", END)
    return graph.compile(name=name)
