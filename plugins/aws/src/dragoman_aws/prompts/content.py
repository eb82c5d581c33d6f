"""What a variant says, apart from where it is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

#: What the engine's templates take as a variable; the service takes other names as well.
VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]{0,63})\s*\}\}")
_BRACES = re.compile(r"\{\{|\}\}")


@dataclass(frozen=True)
class Content:
    """A variant's templates and tools.

    Args:
        text: One message of the user; instead of ``messages``.
        system: What the model is told beforehand.
        messages: Role and template of each message.
        tools: OpenAI's definitions.
        tool_choice: ``auto``, ``none``, ``required`` or a tool's name; ``None`` = the model chooses.
    """

    text: str | None = None
    system: str | None = None
    messages: tuple[tuple[str, str], ...] = ()
    tools: tuple[Mapping[str, Any], ...] = field(default=())
    tool_choice: str | None = None

    @classmethod
    def of(cls, variant: Any) -> Content:
        """Return what a variant of :mod:`dragoman.prompts` says."""
        messages = tuple((message.role, message.content) for message in variant.messages or ())
        return cls(variant.text, variant.system, messages, tuple(variant.tools), variant.tool_choice)

    @property
    def conversation(self) -> tuple[tuple[str, str], ...]:
        """Role and template of everything that is said, the system's first."""
        told = (("system", self.system),) if self.system is not None else ()
        said = (("user", self.text),) if self.text is not None else ()
        return (*told, *said, *self.messages)

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of its variables, in the order in which they appear."""
        found = (match[1] for _, template in self.conversation for match in VARIABLE.finditer(template))
        return tuple(dict.fromkeys(found))

    def as_members(self) -> dict[str, Any]:
        """Return it as the members of a variant's document."""
        members: dict[str, Any] = {}
        if self.system is not None:
            members["system"] = self.system
        if self.text is not None:
            members["text"] = self.text
        else:
            members["messages"] = [{"role": role, "content": template} for role, template in self.messages]
        if self.tools:
            members["tools"] = [dict(tool) for tool in self.tools]
        if self.tool_choice is not None:
            members["tool_choice"] = self.tool_choice
        return members


def in_one_spelling(template: str) -> str:
    """Return a template with its variables as the service writes them: ``{{name}}``."""
    return VARIABLE.sub(lambda match: f"{{{{{match[1]}}}}}", template)


def strange_braces(template: str) -> Iterator[str]:
    """Yield what stands in double braces and is no variable of the engine's."""
    rest = VARIABLE.sub("", template)
    for match in _BRACES.finditer(rest):
        yield rest[match.start() : match.start() + 24]
