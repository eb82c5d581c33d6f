"""``dragoman agents``: named agents, run from a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from dragoman.cli.group import CommandGroup
from dragoman.cli.invocation import Invocation
from dragoman.cli.options import global_options, json_option, pass_invocation, values_of, var_option
from dragoman.cli.output import aside, error_line, note, table, write, write_json, write_line

if TYPE_CHECKING:
    from dragoman.agents import AgentDocument, AgentEvent, AgentList, AgentResult, ToolUse
    from dragoman.engine import Engine

EPILOG = """\b
Examples:
  dragoman agents list
  dragoman agents show weather
  dragoman agents run weather "Is it warm in Rome?" --var unit=celsius
"""

#: What a line of progress shows of a tool's arguments and result.
MAX_SHOWN_CHARS = 200


@click.group(cls=CommandGroup, epilog=EPILOG)
@global_options
def agents() -> None:
    """List, show and run agents with tools."""


@agents.command("list", epilog="\b\nExamples:\n  dragoman agents list\n  dragoman agents list --json")
@json_option
@global_options
@pass_invocation
def list_agents(invocation: Invocation, /, as_json: bool) -> None:
    """List the agents, the files that hold none, and the tools that installed packages offer."""

    async def work(engine: Engine) -> tuple[AgentList, dict[str, str]]:
        from dragoman.agents import offered_tools

        return await engine.agents.list(), await engine.run_blocking(offered_tools)

    found, offered = invocation.run(work)
    if as_json:
        shown = [agent.as_document() for agent in found.agents]
        write_json({"agents": shown, "failures": found.failures, "offered_tools": offered})
        return
    if found.agents:
        table(("NAME", "ADAPTER", "TOOLS", "VARIABLES", "DESCRIPTION"), [_row(agent) for agent in found.agents])
    else:
        write_line("There are no agents.")
    for name, distribution in offered.items():
        note(f"the tool {name} is offered by {distribution}")
    for reason in found.failures.values():
        error_line(f"failed: {reason}")


def _row(agent: AgentDocument) -> tuple[str, ...]:
    adapter = agent.adapter if isinstance(agent.adapter, str) else "(its own)" if agent.adapter else "-"
    return (
        agent.name or "-",
        adapter,
        ", ".join(agent.tool_names) or "-",
        ", ".join(agent.variables) or "-",
        agent.description or "-",
    )


@agents.command("show", epilog="\b\nExamples:\n  dragoman agents show weather")
@click.argument("name")
@global_options
@pass_invocation
def show(invocation: Invocation, /, name: str) -> None:
    """Show an agent's document."""

    async def work(engine: Engine) -> AgentDocument:
        return await engine.agents.get(name)

    write_json(invocation.run(work).as_document())


RUN_EPILOG = """\b
Examples:
  dragoman agents run weather "Is it warm in Rome?" --var unit=celsius
  dragoman agents run weather "Is it warm in Rome?" --var unit=celsius --json | jq .steps
  git diff | dragoman agents run reviewer -
"""


@agents.command("run", epilog=RUN_EPILOG)
@click.argument("name")
@click.argument("question")
@var_option
@click.option("--quiet", is_flag=True, help="Show no steps on stderr.")
@json_option
@global_options
@pass_invocation
def run(
    invocation: Invocation, /, *, name: str, question: str, pairs: Sequence[str], quiet: bool, as_json: bool
) -> None:
    """Run an agent: the answer goes to stdout as it comes, steps and their tools to stderr.

    QUESTION is what it is asked; "-" stands for what is piped in. Needs pip install 'dragoman[agents]'.
    """
    values = values_of(pairs)
    if question == "-":
        from dragoman.cli.piped import piped_text

        question = piped_text(True, needed=True)
    watch = _Watch(show_text=not as_json, show_steps=not quiet)

    async def work(engine: Engine) -> AgentResult:
        from contextlib import aclosing

        from dragoman.agents import AgentFinished

        async with aclosing(engine.agent(name).stream(question, values)) as events:
            async for event in events:
                if isinstance(event, AgentFinished):
                    return event.result
                watch.feed(event)
        raise AssertionError("a run ends with its result, or raises")

    try:
        result = invocation.run(work)
    finally:
        watch.end_line()
    if as_json:
        write_json(result.as_object())
        return
    for report in result.reports:
        note(report.message)
    if result.finish_reason != "stop":
        note(f"the answer ended with {result.finish_reason}")


class _Watch:
    """Shows a run as it goes on."""

    def __init__(self, *, show_text: bool, show_steps: bool) -> None:
        self._show_text = show_text
        self._show_steps = show_steps
        self._is_open = False

    def feed(self, event: AgentEvent) -> None:
        """Show one event."""
        from dragoman.agents import ToolFinished, ToolStarted
        from dragoman.events import RefusalDelta, TextDelta

        match event:
            case TextDelta(text) | RefusalDelta(text) if self._show_text and text:
                write(text)
                self._is_open = not text.endswith("\n")
            case ToolStarted(_, name, arguments):
                self._step(f"→ {name}({_short(arguments)})")
            case ToolFinished(use):
                self._step(_ended(use))

    def end_line(self) -> None:
        """End a line of the answer that has begun."""
        if self._is_open:
            write_line()
            self._is_open = False

    def _step(self, text: str) -> None:
        self.end_line()
        if self._show_steps:
            aside(f"{text}\n")


def _ended(use: ToolUse) -> str:
    return f"{'✗' if use.is_error else '←'} {use.name}: {_short(use.result)}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_SHOWN_CHARS else f"{line[:MAX_SHOWN_CHARS]}…"
