"""The agent's doors: async, streaming, tool, sub-agent, planners and settings."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from a13 import A13Agent, A13Result, Budget
from a13.domain.design import Column, Design, Relation, Volume
from a13.domain.progress import Event
from a13.testing import ScriptedPlanner

BUDGET = Budget(samples_per_query=5, rows_per_relation=1_000)


@pytest.fixture
def tiny() -> Design:
    notes = Relation(
        name="notes",
        columns=(
            Column(name="id", type="bigint", identity=True),
            Column(name="body", type="text"),
        ),
        primary_key=("id",),
        volume=Volume(rows=100, assumed=False),
    )
    return Design(name="notes", relations=(notes,))


def agent_for(design: Design) -> A13Agent:
    return A13Agent(ScriptedPlanner(proposals=[design] * 5), budget=BUDGET)


def test_run_works_inside_a_running_loop(tiny: Design, tmp_path: Path) -> None:
    async def notebook() -> A13Result:
        return agent_for(tiny).run("notes", workspace=tmp_path / "run")

    assert asyncio.run(notebook()).status == "completed"


def test_arun_keeps_the_loop_free(tiny: Design, tmp_path: Path) -> None:
    async def both() -> tuple[A13Result, int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.01)

        ticking = asyncio.create_task(tick())
        result = await agent_for(tiny).arun("notes", workspace=tmp_path / "run")
        ticking.cancel()
        return result, ticks

    result, ticks = asyncio.run(both())
    assert result.status == "completed"
    assert ticks > 3


def test_cancelling_arun_leaves_a_run_that_can_be_resumed(tiny: Design, tmp_path: Path) -> None:
    async def impatient() -> None:
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()
        work = asyncio.create_task(
            agent.arun(
                "notes",
                workspace=tmp_path / "run",
                on_event=lambda event: loop.call_soon_threadsafe(begun.set),
            )
        )
        await begun.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    agent = agent_for(tiny)
    asyncio.run(impatient())
    assert agent.resume(tmp_path / "run").status == "completed"


def test_stream_tells_events_and_ends_with_the_result(tiny: Design, tmp_path: Path) -> None:
    items = list(agent_for(tiny).stream("notes", workspace=tmp_path / "run"))
    assert isinstance(items[-1], A13Result)
    steps = list(dict.fromkeys(item.step for item in items[:-1] if isinstance(item, Event)))
    assert steps == [
        "intake", "design", "migrate", "optimize", "manage_data", "document", "acceptance",
    ]  # fmt: skip


def test_closing_a_stream_early_cancels_the_run(tiny: Design, tmp_path: Path) -> None:
    agent = agent_for(tiny)
    stream = agent.stream("notes", workspace=tmp_path / "run")
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert agent.resume(tmp_path / "run").status == "completed"


def test_astream(tiny: Design, tmp_path: Path) -> None:
    async def collect() -> list[Event | A13Result]:
        agent = agent_for(tiny)
        return [item async for item in agent.astream("notes", workspace=tmp_path / "run")]

    items = asyncio.run(collect())
    assert isinstance(items[-1], A13Result)
    assert len(items) > 10


def test_errors_pass_through_a_stream(tiny: Design, tmp_path: Path) -> None:
    from a13.errors import InputError

    with pytest.raises(InputError):
        list(agent_for(tiny).stream("", workspace=tmp_path / "run"))


def test_plan_needs_no_server_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("A13_PG_BIN", "/nowhere")
    design = A13Agent().plan("# Shop\n\n## Data model\n\n- **Customer**: name (text)\n")
    assert [r.name for r in design.relations] == ["customers"]
    assert "rules" in design.planner
    assert list(tmp_path.iterdir()) == []


def test_the_default_workspace_lies_under_the_current_directory(
    tiny: Design, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = agent_for(tiny).run("# My notes\n\ntext")
    assert Path(result.workspace).parent == tmp_path / "a13-runs"
    assert Path(result.workspace).name.startswith("my-notes-")


def test_the_graph_can_be_drawn() -> None:
    drawing = A13Agent().graph.get_graph().draw_mermaid()
    names = (
        "intake design clarify migrate rollback optimize index_tuning manage_data restore "
        "approve apply document acceptance"
    )
    for node in names.split():
        assert node in drawing


def test_an_orchestrator_calls_the_tool(tiny: Design, tmp_path: Path) -> None:
    tool = agent_for(tiny).as_tool()
    call = {
        "type": "tool_call",
        "id": "1",
        "name": tool.name,
        "args": {"prd": "# Notes", "workspace": str(tmp_path / "run")},
    }
    message = tool.invoke(call)
    assert isinstance(message, ToolMessage)
    assert isinstance(message.artifact, A13Result)
    assert message.artifact.status == "completed"
    assert "notes" in str(message.content)


def test_the_tool_answers_misuse_with_text(tiny: Design, tmp_path: Path) -> None:
    tool = agent_for(tiny).as_tool()
    for args in ({}, {"workspace": str(tmp_path)}, {"prd": ""}):
        call = {"type": "tool_call", "id": "1", "name": tool.name, "args": args}
        message = tool.invoke(call)
        assert message.status == "error"
        assert len(str(message.content)) > 20


def test_the_subagent_takes_the_prd_from_the_last_human_message(
    tiny: Design, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    graph = agent_for(tiny).as_subagent()
    told = [HumanMessage("# Notes\n\na PRD"), AIMessage("I hand this over.")]
    answer = graph.invoke({"messages": told})
    assert answer["structured_response"]["status"] == "completed"
    assert answer["messages"][-1].name == "a13_database_engineer"
    empty = graph.invoke({"messages": [AIMessage("nothing")]})
    assert "no PRD" in empty["messages"][-1].text


def test_any_checkpointer_will_do(tiny: Design, tmp_path: Path) -> None:
    from langgraph.checkpoint.memory import InMemorySaver

    planner = ScriptedPlanner(proposals=[tiny])
    agent = A13Agent(planner, budget=BUDGET, checkpointer=InMemorySaver())

    def stop(event: Event) -> None:
        if event.step == "optimize":
            agent.cancel()

    assert agent.run("notes", workspace=tmp_path / "run", on_event=stop).status == "failed"
    assert not (tmp_path / "run/.a13/checkpoints.sqlite").exists()
    assert agent.resume(tmp_path / "run").status == "completed"
