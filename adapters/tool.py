"""A13 as a LangChain tool, for orchestrator agents that delegate to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from ..domain.result import RunResult
from ..errors import A13Error
from .display import to_markdown

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

DESCRIPTION = (
    "Database engineer. Give it a product requirements document (Markdown) and it returns a "
    "tested PostgreSQL database: schema, reversible migrations, indexes measured against the "
    "SLAs, a drilled backup, documents. It may answer with questions or ask for an approval: "
    "call it again with the workspace it names, and the answers or the approval."
)


class Answer(BaseModel):
    """The answer to one question."""

    id: str = Field(description="Id of the question.")
    text: str = Field(description="The answer, in the words of the PRD.")


class ToolInput(BaseModel):
    """Either `prd` (a new run) or `workspace` (go on with one)."""

    prd: str | None = Field(default=None, description="The PRD as Markdown text, or a path to it.")
    workspace: str | None = Field(default=None, description="Workspace of a run to go on with.")
    answers: list[Answer] | None = Field(default=None, description="Answers to open questions.")
    approve: bool | None = Field(default=None, description="True approves, False rejects a plan.")


def make_tool(
    run: Callable[..., RunResult], resume: Callable[..., RunResult], *, name: str
) -> BaseTool:
    """A structured tool over `run` and `resume`. A13's own errors come back as text."""
    from langchain_core.tools import StructuredTool, ToolException

    def call(
        prd: str | None = None,
        workspace: str | None = None,
        answers: list[Answer] | None = None,
        approve: bool | None = None,
    ) -> tuple[str, RunResult]:
        try:
            if workspace is not None and prd is None:
                said = {answer.id: answer.text for answer in answers or []}
                result = resume(workspace, answers=said or None, approve=approve)
            elif prd is not None and answers is None and approve is None:
                result = run(prd, workspace=workspace)
            else:
                raise ToolException(
                    "Give prd for a new run, or workspace (with answers or approve) to go on."
                )
        except A13Error as error:
            raise ToolException(str(error)) from error
        return to_markdown(result), result

    return StructuredTool.from_function(
        call,
        name=name,
        description=DESCRIPTION,
        args_schema=ToolInput,
        response_format="content_and_artifact",
        handle_tool_error=True,
    )
