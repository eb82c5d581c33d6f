"""Asking with prompts: whom a variant calls, within whose rights, and variants side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from dragoman.errors import DragomanError, MessageError
from dragoman.events import NO_USAGE, Usage
from dragoman.policy import Caller
from dragoman.pricing import Cost, cost_of
from dragoman.prompts import Prompt, Rendered, Values, VersionLike, render
from dragoman.provider import CallObservation
from dragoman.resolve import AdapterLike, Resolved

if TYPE_CHECKING:
    from dragoman.engine import Engine


@dataclass(frozen=True, slots=True)
class PromptAsked:
    """What somebody asked for with a prompt; the members are the arguments of :meth:`dragoman.Engine.prompt`."""

    name: str
    variables: Values
    variant: str | None = None
    version: VersionLike | None = None
    adapter: AdapterLike | None = None
    inference: Mapping[str, Any] = field(default_factory=dict)
    caller: Caller | None = None


class PreparedPrompt(NamedTuple):
    """A prompt that is ready to be called: the adapter with all that the variant and the caller add, and the rest."""

    resolved: Resolved
    rendered: Rendered


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of one variant.

    Args:
        variant: Its name.
        adapter: Who answered, by the adapter's name; ``None`` for a document without one, and where nothing was called.
        model: The model that the provider says it used, else the one that was asked for.
        text: The answer's text.
        finish_reason: Why it ended.
        usage: The tokens.
        first_token_s: Seconds until the answer began; ``None`` where it did not.
        duration_s: Seconds until its end.
        cost: By the adapter's pricing; ``None`` where it has none, or nobody counted the tokens.
        error: What went wrong; ``None``: nothing.
    """

    variant: str
    adapter: str | None = None
    model: str | None = None
    text: str = ""
    finish_reason: str | None = None
    usage: Usage = NO_USAGE
    first_token_s: float | None = None
    duration_s: float | None = None
    cost: Cost | None = None
    error: DragomanError | None = None

    def as_object(self) -> dict[str, Any]:
        """Return the JSON form: the cost as a decimal text, times in seconds to the millisecond."""
        if self.error is not None:
            return {"variant": self.variant, "adapter": self.adapter, "error": str(self.error)}
        return {
            "variant": self.variant,
            "adapter": self.adapter,
            "model": self.model,
            "text": self.text,
            "finish_reason": self.finish_reason,
            "first_token_s": _milliseconds(self.first_token_s),
            "seconds": _milliseconds(self.duration_s),
            "input_tokens": self.usage.input_tokens,
            "output_tokens": self.usage.output_tokens,
            "cost": f"{self.cost.amount:f}" if self.cost else None,
            "currency": self.cost.currency if self.cost else None,
        }


async def prepare(engine: Engine, asked: PromptAsked) -> PreparedPrompt:
    """Return what a prompt's variant would call.

    What the prompt says is the deployment's own, whoever calls it: a file is the deployment's, and what somebody
    saved was judged when they saved it. A caller must be allowed to use the adapter, and to add what they add.

    Raises:
        MessageError: There is no such prompt, variant or version, or the values do not fit.
        AdapterNotFoundError, PolicyError, DocumentError: As :meth:`dragoman.Engine.resolve` raises them.
    """
    prompt = await engine.prompts.get(asked.name, asked.version)
    rendered = render(prompt, asked.variables, asked.variant)
    adapter: AdapterLike | None = asked.adapter
    if adapter is None:
        adapter, override = rendered.adapter, rendered.override
    else:
        override = {"inference": rendered.inference} if rendered.inference else None
    if asked.caller is None:
        return PreparedPrompt(await engine.resolve(adapter, override, asked.inference), rendered)
    if adapter is None:
        adapter = (await engine.resolve(None)).name
    await _judge(engine, asked.caller, adapter, asked.inference)
    return PreparedPrompt(await engine.resolve(adapter, override, asked.inference, trusted=False), rendered)


async def _judge(engine: Engine, caller: Caller, adapter: AdapterLike | None, inference: Mapping[str, Any]) -> None:
    if isinstance(adapter, str):
        engine.policy.check(caller.rights, await engine.catalog(), engine.plugins, adapter, inference=inference)
    else:
        await engine.resolve(adapter, None, inference, caller=caller)  # tells the audit log as well


async def compare(engine: Engine, asked: PromptAsked) -> list[Comparison]:
    """Ask with every variant at once; see :meth:`dragoman.Engine.compare`."""
    each = await each_variant(engine, asked)
    return list(await asyncio.gather(*(_measured(engine, one) for one in each)))


async def each_variant(engine: Engine, asked: PromptAsked) -> list[PromptAsked]:
    """Return what is asked of every variant: a value goes to those that have its variable.

    Raises:
        MessageError: There is no such prompt or version, or a value has no variable in any variant.
    """
    prompt = await engine.prompts.get(asked.name, asked.version)
    known = {variable for variant in prompt.variants.values() for variable in variant.variables}
    if strange := sorted(set(asked.variables) - known):
        raise MessageError(f"the prompt {prompt.name}: {', '.join(strange)}: no variant has such a variable")
    return [replace(asked, variant=name, variables=_own(prompt, name, asked.variables)) for name in prompt.variants]


def _own(prompt: Prompt, variant: str, variables: Values) -> dict[str, Any]:
    return {name: variables[name] for name in prompt.variants[variant].variables if name in variables}


async def _measured(engine: Engine, asked: PromptAsked) -> Comparison:
    try:
        return await measure(engine, asked.variant or "", await engine.prepare_prompt(asked))
    except DragomanError as error:
        return Comparison(asked.variant or "", error=error)


async def measure(engine: Engine, variant: str, prepared: PreparedPrompt, observe: Any = None) -> Comparison:
    """Call what was prepared, as a stream, and return the whole answer with its times, tokens and cost.

    Raises:
        DragomanError: As :meth:`dragoman.Engine.stream` does.
    """
    seen: list[CallObservation] = []

    def take(call: CallObservation) -> None:
        seen.append(call)
        if observe is not None:
            observe(call)

    resolved, rendered = prepared
    stream = engine.stream(
        resolved, rendered.messages, tools=rendered.tools, tool_choice=rendered.tool_choice, observe=take
    )
    async with stream:
        async for _ in stream:
            pass
    response = stream.response
    return Comparison(
        variant,
        adapter=response.adapter,
        model=response.model or resolved.target.model,
        text=response.text,
        finish_reason=response.finish_reason,
        usage=response.usage,
        first_token_s=seen[-1].first_event_s,
        duration_s=seen[-1].duration_s,
        cost=cost_of(response.usage, resolved.adapter.pricing),
    )


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
