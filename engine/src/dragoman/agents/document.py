"""An agent as its document has it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from dragoman.adapter import NAME_PATTERN, Inference, check_document, problems_of
from dragoman.agents.endpoint import Endpoint, Part
from dragoman.errors import DocumentError, Problem
from dragoman.spelling import in_one_spelling
from dragoman.templates import check_template, variables_of

DEFAULT_MAX_STEPS = 10
MAX_STEPS = 100
MAX_TOOLS = 64

_FUNCTION_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Function(Part):
    """A tool as the model sees it, in OpenAI's form."""

    name: str = Field(description="letters, digits, _ and -; at most 64")
    description: str | None = Field(None, description="what it does and when it is of use: the model reads this")
    parameters: dict[str, Any] = Field(
        {"type": "object", "properties": {}}, description="JSON Schema of its arguments; absent = it takes none"
    )
    strict: bool | None = Field(None, description="whether arguments follow the schema to the letter, where known")

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not _FUNCTION_NAME.fullmatch(name):
            raise ValueError("is no name of a function: letters, digits, _ and -, at most 64")
        return name

    @field_validator("parameters")
    @classmethod
    def _describe_an_object(cls, schema: dict[str, Any]) -> dict[str, Any]:
        if schema.get("type") != "object":
            raise ValueError("is no JSON Schema of an object; it begins with type: object")
        return schema


class AgentTool(Part):
    """A tool: one that an installed package offers, or a function with its endpoint."""

    entry_point: str | None = Field(None, description="its name in the entry-point group dragoman.tools")
    type: Literal["function"] | None = Field(None, description="OpenAI's word beside function; may be left out")
    function: Function | None = Field(None, description="what the model sees; goes with http")
    http: Endpoint | None = Field(None, description="where its calls go; goes with function")

    @model_validator(mode="after")
    def _is_one_kind(self) -> AgentTool:
        by_http = (self.function is not None, self.http is not None)
        if any(by_http) if self.entry_point is not None else not all(by_http):
            raise ValueError("either entry_point, or function and http are expected")
        self._check_placeholders()
        return self

    def _check_placeholders(self) -> None:
        if self.function is None or self.http is None:
            return
        schema = self.function.parameters
        for name in self.http.placeholders:
            if name not in (schema.get("properties") or {}) or name not in (schema.get("required") or ()):
                raise ValueError(f"http.url names {{{name}}}, which is no required argument in function.parameters")


class AgentLimits(Part):
    """Bounds of one run."""

    max_steps: int = Field(DEFAULT_MAX_STEPS, ge=1, le=MAX_STEPS, description="calls of the model")
    timeout_s: float = Field(600, gt=0, le=86_400, description="seconds for the whole run")
    tool_timeout_s: float = Field(60, gt=0, le=3600, description="seconds for one call of a tool")


class AgentDocument(Part):
    """An agent: whom it asks, what it is told, and which tools it has."""

    name: str | None = Field(None, description="the file's name; absent where it is saved nowhere")
    title: str | None = None
    description: str | None = None
    adapter: str | dict[str, Any] | None = Field(
        None, description="name of an adapter, or a whole one such as {base: NAME, model: ID}; absent = default_adapter"
    )
    instruction: str | None = Field(None, description="what the model is told beforehand; takes {{ variables }}")
    inference: Inference = Field(Inference(), description="settings of its calls, over the adapter's")
    tools: list[AgentTool] = Field([], max_length=MAX_TOOLS)
    limits: AgentLimits = AgentLimits()

    @field_validator("instruction")
    @classmethod
    def _is_a_template(cls, text: str | None) -> str | None:
        return None if text is None else check_template(text)

    @model_validator(mode="after")
    def _functions_differ(self) -> AgentDocument:
        names = [tool.function.name for tool in self.tools if tool.function]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"tools: two functions are named {twice}")
        return self

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the instruction's variables, in their order."""
        return variables_of([self.instruction or ""])

    @property
    def override(self) -> dict[str, Any] | None:
        """What it lays over its adapter; ``None`` for nothing."""
        settings = self.inference.model_dump(exclude_unset=True, by_alias=True)
        return {"inference": settings} if settings else None

    def secrets(self) -> Iterator[tuple[str, str]]:
        """Yield the names of the secrets that its tools send, each with its path in the document."""
        for number, tool in enumerate(self.tools):
            if tool.http is not None and tool.http.auth is not None:
                yield f"tools.{number}.http.auth.secret", tool.http.auth.secret

    @property
    def tool_names(self) -> tuple[str, ...]:
        """The names of its tools; of an installed one, that of its entry point."""
        return tuple(tool.entry_point or (tool.function.name if tool.function else "") for tool in self.tools)

    def as_document(self) -> dict[str, Any]:
        """Return its JSON form: what was said, and nothing that was not."""
        return self.model_dump(mode="json", exclude_unset=True, by_alias=True)


def agent_from(document: Mapping[str, Any], name: str | None = None) -> AgentDocument:
    """Return an agent from its document.

    Args:
        document: In its JSON form.
        name: Under which it is kept; ``None``: it is saved nowhere, and named as it says.

    Raises:
        DocumentError: It does not hold; every problem with its path.
    """
    said = document.get("name", name)
    subject = f"agent {name or '(unsaved)'}"
    if name is not None and said != name:
        problem = Problem("name", "is not the file's name, or that under which it is saved", f"{name}; or leave it out")
        raise DocumentError(subject, [problem])
    if said is not None and not (isinstance(said, str) and NAME_PATTERN.match(said)):
        raise DocumentError(subject, [Problem("name", "is not a plain name", "small letters, digits and . _ -")])
    document = in_one_spelling(document if name is None else {"name": name, **document}, subject)
    if isinstance(adapter := document.get("adapter"), Mapping):
        document["adapter"] = in_one_spelling(adapter, subject)
    try:
        agent = AgentDocument.model_validate(document)
    except ValidationError as error:
        raise DocumentError(subject, map(_with_hint, problems_of(error, document))) from None
    if isinstance(agent.adapter, Mapping):
        try:
            check_document(agent.adapter, subject)
        except DocumentError as error:
            raise DocumentError(subject, [replace(p, path=f"adapter.{p.path}") for p in error.problems]) from None
    return agent


def _with_hint(problem: Problem) -> Problem:
    if problem.message != "is not a member here" or problem.path.startswith("inference"):
        return problem
    return replace(problem, hint="check the spelling; the page on agents lists every member")
