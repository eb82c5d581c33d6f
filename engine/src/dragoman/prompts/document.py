"""What a prompt's document holds, and what becomes of it with values in the place of its variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from dragoman.adapter import NAME_PATTERN, problems_of
from dragoman.errors import DocumentError, MessageError, Problem
from dragoman.spelling import settings_in_one_spelling
from dragoman.templates import Values, check_template, check_values, filled, filled_length, variables_of

#: Of one prompt, with the values in it.
MAX_RENDERED_CHARS = 1_000_000
MAX_VARIANTS = 3

_VARIANT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

#: How a version is asked for: by its number, or what the document says now, or the newest number.
VersionWord = Literal["draft", "latest"]
VersionLike = int | VersionWord
VERSION_WORDS: tuple[VersionWord, ...] = ("draft", "latest")


def as_version(value: Any) -> VersionLike:
    """Return how a version is asked for, from a number or a text; raise ``ValueError`` for what asks for none."""
    for word in VERSION_WORDS:
        if value == word:
            return word
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("a version is a number, draft or latest")
    return value


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class PromptMessage(_Part):
    """A message of a chat prompt."""

    role: Literal["user", "assistant"]
    content: str

    _checked = field_validator("content")(check_template)


class Variant(_Part):
    """One way to ask: a text, or a conversation."""

    adapter: str | None = Field(None, description="whom it is asked; absent = the settings' default_adapter")
    model: str | None = Field(
        None,
        min_length=1,
        description="what is called over the adapter's connection instead of its model: an id, or an ARN",
    )
    base_model: str | None = Field(None, description="the model behind `model`, for facts only")
    text: str | None = Field(None, description="one user message; instead of messages")
    system: str | None = Field(None, description="what the model is told beforehand")
    messages: list[PromptMessage] | None = Field(None, min_length=1, description="a conversation; instead of text")
    tools: list[dict[str, Any]] = Field([], description="tools that the model may call, in OpenAI's form")
    tool_choice: str | None = Field(None, description="auto, none, required, or a tool's name; absent = auto")
    inference: dict[str, Any] = Field({}, description="settings of its calls, as an adapter has them")

    @field_validator("text", "system")
    @classmethod
    def _template(cls, text: str | None) -> str | None:
        return None if text is None else check_template(text)

    @field_validator("messages")
    @classmethod
    def _conversation(cls, messages: list[PromptMessage] | None) -> list[PromptMessage] | None:
        roles = [message.role for message in messages or ()]
        if roles and "user" not in roles:
            raise ValueError("at least one message of the user is expected")
        if any(one == other for one, other in pairwise(roles)):
            raise ValueError("user and assistant take turns: write two messages of one role as one")
        return messages

    @field_validator("inference")
    @classmethod
    def _in_one_spelling(cls, settings: dict[str, Any]) -> dict[str, Any]:
        try:
            return settings_in_one_spelling(settings, "inference")
        except DocumentError as error:
            raise ValueError(str(error.problems[0])) from None

    @model_validator(mode="after")
    def _holds(self) -> Variant:
        if (self.text is None) == (self.messages is None):
            raise ValueError("one of text and messages is expected")
        if self.base_model is not None and self.model is None:
            raise ValueError("base_model says what is behind model, and there is no model")
        if self.tool_choice == "required" and not self.tools:
            raise ValueError("tool_choice is required, and there are no tools")
        names = [str(name) for name in map(_tool_name, self.tools)]
        if self.tool_choice not in (None, "auto", "none", "required", *names):
            known = ", ".join(("auto", "none", "required", *names))
            raise ValueError(f"tool_choice is none of {known}")
        return self

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of its variables, in the order in which they appear."""
        return variables_of(self._templates())

    def override(self) -> dict[str, Any]:
        """Return what its calls change of the adapter.

        Facts of the adapter's own model do not hold for another one: its price and what is known by ``base_model``.
        """
        other_model = {"model": self.model, "base_model": self.base_model, "pricing": None} if self.model else {}
        return {**other_model, **({"inference": self.inference} if self.inference else {})}

    def _templates(self) -> Iterator[str]:
        yield from (part for part in (self.system, self.text) if part is not None)
        yield from (message.content for message in self.messages or ())


def _tool_name(tool: Mapping[str, Any]) -> Any:
    function = tool.get("function")
    return function.get("name") if isinstance(function, Mapping) else tool.get("name")


class Prompt(_Part):
    """A prompt as its document has it."""

    name: str
    title: str | None = None
    description: str | None = None
    default_version: VersionLike = Field(
        "draft",
        description="what is used where a call names no version: draft (this document), latest, or a number",
    )
    default_variant: str | None = Field(None, description="absent = the first one")
    variants: dict[str, Variant] = Field(min_length=1, max_length=MAX_VARIANTS)

    @field_validator("variants")
    @classmethod
    def _named(cls, variants: dict[str, Variant]) -> dict[str, Variant]:
        for name in variants:
            if not _VARIANT_NAME.fullmatch(name):
                raise ValueError(
                    "a variant's name begins with a letter or digit and has at most 100 of them, _, - and ."
                )
        return variants

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
        chosen = name or self.default
        if chosen not in self.variants:
            known = ", ".join(self.variants)
            raise MessageError(f"the prompt {self.name} has no variant {chosen!r}", hint=f"there are: {known}")
        return self.variants[chosen]

    @property
    def default(self) -> str:
        """The name of the default variant."""
        return self.default_variant or next(iter(self.variants))

    def content(self) -> dict[str, Any]:
        """Return what a version of it holds: all but the name, and which version counts.

        The default variant is named: the order of variants is no part of a digest.
        """
        written = self.model_dump(mode="json", exclude_unset=True, exclude={"name", "default_version"})
        return {**written, "default_variant": self.default}


def prompt_from(document: Mapping[str, Any], name: str) -> Prompt:
    """Return a document as the prompt of a name.

    Raises:
        DocumentError: It does not hold; every problem with its path.
    """
    subject = f"prompt {name}"
    if not NAME_PATTERN.match(name):
        raise DocumentError(subject, [Problem("name", "is not a plain name", "small letters, digits and . _ -")])
    if document.get("name", name) != name:
        problem = Problem("name", "is not the file's name, or that under which it is saved", f"{name}; or leave it out")
        raise DocumentError(subject, [problem])
    try:
        return Prompt.model_validate({**document, "name": name})
    except ValidationError as error:
        raise DocumentError(subject, problems_of(error, document)) from None


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt with its values, ready to be called: whom it is asked, and with what.

    ``override`` is what the variant changes of the adapter, ``inference`` the part of it that are settings.
    """

    adapter: str | None
    messages: list[dict[str, str]]
    tools: list[dict[str, Any]]
    inference: dict[str, Any]
    tool_choice: str | None = None
    model: str | None = None
    override: dict[str, Any] | None = None

    def as_object(self) -> dict[str, Any]:
        """Return the JSON form."""
        always = ("adapter", "messages", "tools", "inference")
        rest = {name: getattr(self, name) for name in ("model", "tool_choice") if getattr(self, name) is not None}
        return {**{name: getattr(self, name) for name in always}, **rest}


def render(prompt: Prompt, values: Values, variant: str | None = None) -> Rendered:
    """Return a variant with values in the place of its variables.

    Raises:
        MessageError: A variable has no value, a value has no variable, or the whole is too long.
    """
    chosen = prompt.variant(variant)
    check_values(f"the prompt {prompt.name}", chosen.variables, values)
    told = [("system", chosen.system)] if chosen.system is not None else []
    said = [("user", chosen.text)] if chosen.text is not None else []
    said += [(message.role, message.content) for message in chosen.messages or ()]
    left = MAX_RENDERED_CHARS
    messages = []
    for role, template in (*told, *said):
        left -= filled_length(template or "", values)
        if left < 0:
            raise MessageError(f"the prompt {prompt.name} is longer than {MAX_RENDERED_CHARS} characters")
        messages.append({"role": role, "content": filled(template or "", values)})
    return Rendered(
        chosen.adapter,
        messages,
        list(chosen.tools),
        dict(chosen.inference),
        tool_choice=chosen.tool_choice,
        model=chosen.model,
        override=chosen.override() or None,
    )
