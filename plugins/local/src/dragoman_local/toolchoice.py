"""Which tools the toy model calls. It cannot judge; it goes by names, so that a program can foresee what it does."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dragoman.errors import UnsupportedError
from dragoman.messages import Tool, ToolChoice

from dragoman_local.conversation import Conversation

#: Shorter words of a tool's name (`get`, `set`, `do`) do not make a prompt speak of the tool.
_MIN_WORD_CHARS = 4
_AUTO = ToolChoice()


def choose_tools(conversation: Conversation, tools: Sequence[Tool], choice: ToolChoice | None) -> tuple[Tool, ...]:
    """Return the tools to call, in order; none where the answer is text.

    * ``none``: no tool. A named one: that tool.
    * ``auto``: after a tool's result no tool; else those that the user's last message names, or else the first one
      whose name shares a word with it (``get_weather`` with "What is the weather …?"), or else none.
    * ``required``: the same among the tools that were not called since the user spoke, or else the first of them; so
      a loop of agent and tools gets through all of them and begins anew.

    Several tools are called at once only if the message names them all and ``parallel`` is not false.

    Raises:
        UnsupportedError: The tool that is demanded is not there.
    """
    choice = choice or _AUTO
    if choice.mode == "none" or not tools:
        return ()
    if choice.mode == "tool":
        return (_demanded(tools, choice.name),)
    if choice.mode == "required":
        fresh = [tool for tool in tools if tool.name not in conversation.called] or list(tools)
        found = _spoken_of(conversation.question, fresh) or (fresh[0],)
    else:
        found = () if conversation.answers_a_tool else _spoken_of(conversation.question, tools)
    return found[:1] if choice.parallel is False else found


def _demanded(tools: Sequence[Tool], name: str | None) -> Tool:
    for tool in tools:
        if tool.name == name:
            return tool
    known = ", ".join(tool.name for tool in tools)
    raise UnsupportedError(f"the tool {name} is demanded and not given", path="tool_choice", hint=f"there are: {known}")


def _spoken_of(text: str, tools: Sequence[Tool]) -> tuple[Tool, ...]:
    named = [(found.start(), i) for i, tool in enumerate(tools) if (found := _name_in(tool.name, text))]
    if named:
        return tuple(tools[i] for _, i in sorted(named))
    spoken = set(_words(text))
    return next(((tool,) for tool in tools if spoken.intersection(_words(tool.name))), ())


def _name_in(name: str, text: str) -> re.Match[str] | None:
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)


def _words(text: str) -> list[str]:
    """Return the longer words of a text or of a name (``getWeather``, ``get_weather``), in lower case."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", text)
    return [word.casefold() for word in re.findall(r"\w+", parted) if len(word) >= _MIN_WORD_CHARS]
