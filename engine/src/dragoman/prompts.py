"""Prompts: named documents with variables, in up to three variants, each with its own adapter and settings.

The template language is one form, ``{{ name }}``: it is replaced by a value, and the value is not read again. So
whoever gives a value can write neither a variable nor anything else of a template.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, ParamSpec, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from dragoman.adapter import NAME_PATTERN, problems_of
from dragoman.documents import SUFFIXES, read_document
from dragoman.errors import DocumentError, MessageError, Problem
from dragoman.settings import Settings

A = ParamSpec("A")
T = TypeVar("T")

#: Of one prompt, with the values in it.
MAX_RENDERED_CHARS = 1_000_000
MAX_VARIANTS = 3

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]{0,63})\s*\}\}")

Values = Mapping[str, str | int | float | bool]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _template(text: str) -> str:
    rest = _VARIABLE.sub("", text)
    if "{{" in rest or "}}" in rest:
        raise ValueError("{{ and }} stand around the name of a variable alone; write braces as a variable's value")
    return text


class PromptMessage(_Part):
    """A message of a chat prompt."""

    role: Literal["user", "assistant"]
    content: str

    _checked = field_validator("content")(_template)


class Variant(_Part):
    """One way to ask: a text, or a conversation."""

    adapter: str | None = Field(None, description="whom it is asked; absent = the settings' default_adapter")
    text: str | None = Field(None, description="one user message; instead of messages")
    system: str | None = Field(None, description="what the model is told beforehand")
    messages: list[PromptMessage] | None = Field(None, min_length=1, description="a conversation; instead of text")
    tools: list[dict[str, Any]] = Field([], description="tools that the model may call, in OpenAI's form")
    inference: dict[str, Any] = Field({}, description="settings of its calls, as an adapter has them")

    @field_validator("text", "system")
    @classmethod
    def _checked(cls, text: str | None) -> str | None:
        return None if text is None else _template(text)

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Variant:
        if (self.text is None) == (self.messages is None):
            raise ValueError("one of text and messages is expected")
        return self

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of its variables, in the order in which they appear."""
        found = (match[1] for template in self._templates() for match in _VARIABLE.finditer(template))
        return tuple(dict.fromkeys(found))

    def _templates(self) -> Iterator[str]:
        yield from (part for part in (self.system, self.text) if part is not None)
        yield from (message.content for message in self.messages or ())


class Prompt(_Part):
    """A prompt as its document has it."""

    name: str
    title: str | None = None
    description: str | None = None
    default_variant: str | None = Field(None, description="absent = the first one")
    variants: dict[str, Variant] = Field(min_length=1, max_length=MAX_VARIANTS)

    @model_validator(mode="after")
    def _default_is_there(self) -> Prompt:
        if self.default_variant is not None and self.default_variant not in self.variants:
            raise ValueError(f"default_variant is none of {', '.join(self.variants)}")
        return self

    def variant(self, name: str | None = None) -> Variant:
        """Return a variant; ``None`` = the default one.

        Raises:
            MessageError: There is none of that name.
        """
        chosen = name or self.default_variant or next(iter(self.variants))
        if chosen not in self.variants:
            known = ", ".join(self.variants)
            raise MessageError(f"the prompt {self.name} has no variant {chosen!r}", hint=f"there are: {known}")
        return self.variants[chosen]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt with its values, ready to be called: whom it is asked, and with what."""

    adapter: str | None
    messages: list[dict[str, str]]
    tools: list[dict[str, Any]]
    inference: dict[str, Any]


def render(prompt: Prompt, values: Values, variant: str | None = None) -> Rendered:
    """Return a variant with values in the place of its variables.

    Raises:
        MessageError: A variable has no value, a value has no variable, or the whole is too long.
    """
    chosen = prompt.variant(variant)
    _check_names(prompt, chosen, values)
    told = [("system", chosen.system)] if chosen.system is not None else []
    said = [("user", chosen.text)] if chosen.text is not None else []
    said += [(message.role, message.content) for message in chosen.messages or ()]
    left = MAX_RENDERED_CHARS
    messages = []
    for role, template in (*told, *said):
        text = _filled(template or "", values)
        left -= len(text)
        if left < 0:
            raise MessageError(f"the prompt {prompt.name} is longer than {MAX_RENDERED_CHARS} characters")
        messages.append({"role": role, "content": text})
    return Rendered(chosen.adapter, messages, list(chosen.tools), dict(chosen.inference))


def _check_names(prompt: Prompt, variant: Variant, values: Values) -> None:
    wanted = set(variant.variables)
    said = (("has no value", wanted - set(values)), ("is no variable of it", set(values) - wanted))
    if problems := [f"{name} {what}" for what, names in said for name in sorted(names)]:
        known = ", ".join(variant.variables) or "none"
        raise MessageError(f"the prompt {prompt.name}: {'; '.join(problems)}", hint=f"its variables: {known}")
    for name, value in values.items():
        if not isinstance(value, str | int | float | bool):
            raise MessageError(f"the prompt {prompt.name}: the value of {name} is no text, number or truth value")


def _filled(template: str, values: Values) -> str:
    return _VARIABLE.sub(lambda match: _shown(values[match[1]]), template)


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# --- the folder --------------------------------------------------------------------------------------------------


class _Reading(Protocol):
    settings: Settings

    def run_blocking(self, function: Callable[A, T], *args: A.args, **kwargs: A.kwargs) -> Awaitable[T]: ...


class PromptList(_Part):
    """The prompts that there are, and by file the reason where one does not hold."""

    prompts: list[Prompt]
    failures: dict[str, str]


class Prompts:
    """The prompts of a deployment, read from their folder each time: a change counts at once."""

    def __init__(self, engine: _Reading) -> None:
        self._engine = engine

    async def list(self) -> PromptList:
        """Return every prompt, sorted by name; files that do not hold are beside them."""
        return await self._engine.run_blocking(self._list)

    async def get(self, name: str) -> Prompt:
        """Return a prompt.

        Raises:
            MessageError: There is none of that name.
            DocumentError: Its document does not hold; every problem with its path.
        """
        return await self._engine.run_blocking(self._get, name)

    def _files(self) -> dict[str, Path]:
        folder = self._engine.settings.prompts_folder
        if folder is None or not folder.is_dir():
            return {}
        return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES}

    def _get(self, name: str) -> Prompt:
        files = self._files()
        if name not in files:
            known = ", ".join(files) or f"none; their folder is {self._engine.settings.prompts_folder or 'not set'}"
            raise MessageError(f"there is no prompt {name!r}", hint=f"there are: {known}")
        return _read(files[name])

    def _list(self) -> PromptList:
        prompts, failures = [], {}
        for path in self._files().values():
            try:
                prompts.append(_read(path))
            except DocumentError as error:
                failures[str(path)] = str(error)
        return PromptList(prompts=prompts, failures=failures)


def _read(path: Path) -> Prompt:
    document = read_document(path)
    subject = f"prompt {path.stem}"
    if not NAME_PATTERN.match(path.stem) or document.get("name", path.stem) != path.stem:
        problem = Problem("name", "is not the file's name", "small letters, digits and . _ -; or leave it out")
        raise DocumentError(subject, [problem])
    try:
        return Prompt.model_validate({**document, "name": path.stem})
    except ValidationError as error:
        raise DocumentError(subject, problems_of(error, document)) from None
