"""A conversation at the terminal: lines in, answers out, with a memory."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dragoman.cli.answers import TextPrinter
from dragoman.cli.calls import Call
from dragoman.cli.failures import tell
from dragoman.cli.output import aside, is_terminal, json_text, note
from dragoman.cli.patches import parse_assignment, stacked
from dragoman.cli.questions import Question
from dragoman.events import Report
from dragoman.messages import Message, Text, ToolCall, ToolResult

if TYPE_CHECKING:
    from dragoman.cli.invocation import Running

PROMPT = "> "

# A word after a slash is a command; a path such as /etc/hosts is not.
_COMMAND = re.compile(r"/([a-z]+)(?:\s+(.*))?\Z", re.DOTALL)

HELP = """\
/help            this list
/set PATH=VALUE  change the adapter, for example /set inference.temperature=0; null removes; alone: what is changed
/clear           forget what was said
/exit            leave, as Ctrl-D does
Ctrl-C ends an answer; at the prompt it empties the line, and the second time it leaves.
"""


class Conversation:
    """One person and one model.

    Args:
        running: The engine and its loop; the loop rests while the person types.
        call: How each question is asked.
        question: The system message, tools and attachments to begin with.
        show_reasoning: Whether what the model thinks is shown.
    """

    def __init__(
        self,
        running: Running,
        call: Call,
        question: Question,
        *,
        show_reasoning: bool,
    ) -> None:
        self._running = running
        self._call = call
        self._question = question
        self._beginning = tuple(question.messages)
        self._show_reasoning = show_reasoning
        self._told: set[Report] = set()

    def hold(self) -> None:
        """Talk until the person leaves."""
        _enable_line_editing()
        interrupted = False
        while True:
            try:
                line = _read_line(PROMPT).strip()
                interrupted = False
                if line and not self._take(line):
                    return
            except EOFError:
                aside("\n")
                return
            except KeyboardInterrupt:
                aside("\n")
                if interrupted:
                    return
                aside("Ctrl-C again leaves, and so does Ctrl-D\n")
                interrupted = True

    def _take(self, line: str) -> bool:
        """Obey or answer a line; return whether the conversation goes on."""
        command = _COMMAND.match(line)
        if command is None:
            self._say(line)
            return True
        name, argument = command[1], (command[2] or "").strip()
        if name in ("exit", "quit"):
            return False
        obey = _COMMANDS.get(name)
        if obey is None:
            note(f"there is no /{name}; /help lists what there is")
        else:
            obey(self, argument)
        return True

    # --- speaking ------------------------------------------------------------------------------------------------

    def _say(self, line: str) -> None:
        """Ask, and remember both sides; after a failure or an early end only what makes sense to go on from."""
        kept, attachments = len(self._question.messages), self._question.attachments
        try:
            self._question.ask(line)
            while calls := self._answer():
                self._question.messages.append(_read_results(calls))
        except (KeyboardInterrupt, EOFError):
            aside("\n")
            self._keep_what_came(kept)
        except Exception as error:  # noqa: BLE001  (the person decides when the conversation ends)
            tell(error, self._running.invocation)
            self._question.attachments = attachments
            del self._question.messages[kept:]

    def _answer(self) -> tuple[ToolCall, ...]:
        printer = TextPrinter(show_reasoning=self._show_reasoning, told=self._told)
        try:
            response = self._running.run(self._call.ask(self._running.engine, self._question, printer))
        except Exception:
            printer.abandon()
            raise
        self._question.messages.append(response.message)
        return response.tool_calls

    def _keep_what_came(self, kept: int) -> None:
        came = self._call.so_far
        asked = self._question.messages[-1]
        if came is not None and came.text and asked.role == "user":
            self._question.messages.append(Message("assistant", (Text(came.text),)))
        else:
            del self._question.messages[kept:]

    # --- commands ------------------------------------------------------------------------------------------------

    def _help(self, _: str) -> None:
        aside(HELP)

    def _clear(self, _: str) -> None:
        self._question.messages[:] = self._beginning
        note("what was said is forgotten")

    def _set(self, argument: str) -> None:
        try:
            override = stacked([self._call.override, *([parse_assignment(argument)] if argument else [])])
            self._running.run(self._running.engine.resolve(self._call.adapter, override))
        except Exception as error:  # noqa: BLE001  (the change is not made)
            tell(error, self._running.invocation)
        else:
            self._call.override = override
            note(f"changed by now: {json_text(override)}")


_COMMANDS: Mapping[str, Callable[[Conversation, str], Any]] = {
    "help": Conversation._help,
    "clear": Conversation._clear,
    "set": Conversation._set,
}


def _read_results(calls: tuple[ToolCall, ...]) -> Message:
    """Let the person answer the model's tool calls."""
    results = []
    for call in calls:
        text = _read_line(f"result of {call.name} {call.id}: ")
        results.append(ToolResult(call.id, (Text(text),), name=call.name))
    return Message("tool", tuple(results))


def _read_line(prompt: str) -> str:
    if is_terminal(sys.stdout):
        return input(prompt)
    aside(prompt)  # stdout is for answers alone
    return input()


def _enable_line_editing() -> None:
    with contextlib.suppress(ImportError):  # not on every platform
        import readline  # noqa: F401  (importing it makes input() editable, with a history)
