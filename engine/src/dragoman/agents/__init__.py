"""Agents: named documents with an adapter, an instruction and tools.

Here is what an agent is, and how a tool over HTTP is called; nothing of this needs LangChain, which runs the agent:
:mod:`dragoman.langchain.agents`.
"""

from dragoman.agents.document import AgentDocument, AgentLimits, AgentTool, Function, agent_from
from dragoman.agents.endpoint import Endpoint
from dragoman.agents.entry_points import TOOL_GROUP, load_tool, offered_tools
from dragoman.agents.library import AGENT, AgentList, Agents, FoundAgent, Whose
from dragoman.agents.results import (
    AgentEvent,
    AgentFinished,
    AgentResult,
    AgentStep,
    StepStarted,
    ToolFinished,
    ToolStarted,
    ToolUse,
    summed,
)

__all__ = [
    "AGENT", "TOOL_GROUP", "AgentDocument", "AgentEvent", "AgentFinished", "AgentLimits", "AgentList", "AgentResult",
    "AgentStep", "AgentTool", "Agents", "Endpoint", "FoundAgent", "Function", "StepStarted", "ToolFinished",
    "ToolStarted", "ToolUse", "Whose", "agent_from", "load_tool", "offered_tools", "summed",
]  # fmt: skip
