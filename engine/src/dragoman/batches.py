"""Calls that take many texts: cut into batches, made side by side, put together in order.

Each batch is one request with attempts of its own. A batch that fails leaves the others alone: the answer names its
texts and why. A call of which nothing succeeded raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from dragoman.calls import Call, Plan, redact_error
from dragoman.constraints import estimate_texts
from dragoman.errors import CallTimeoutError, DragomanError, ProviderError
from dragoman.events import EmbedResponse, Ranked, RerankResponse, Usage
from dragoman.provider import EmbedRequest, RerankRequest

#: Batches of one call under way at a time; ``limits.max_concurrency`` bounds those of all calls together.
BATCHES_AT_A_TIME = 8

#: Told how many texts are done, failed ones included, and how many there are.
Progress = Callable[[int, int], None]

TQ = TypeVar("TQ", EmbedRequest, RerankRequest)
R = TypeVar("R", EmbedResponse, RerankResponse)

#: What became of each batch, in order.
_Done = Sequence[R | DragomanError]


async def embed(plan: Plan[EmbedRequest], progress: Progress | None = None) -> EmbedResponse:
    """Return the vectors of all texts, in their order."""
    parts = _parts(plan)
    async with Call(plan, slots=nullcontext()) as call:
        done: _Done[EmbedResponse] = await _all(call, plan, parts, plan.session.embed, progress)
        response = _embedded(done, [len(part.texts) for part in parts])
        call.response = _completed(plan, response, plan.request.texts)
        return response


async def rerank(plan: Plan[RerankRequest], progress: Progress | None = None) -> RerankResponse:
    """Return the documents by relevance, whatever batches they went in."""
    request, parts = plan.request, _parts(plan)
    async with Call(plan, slots=nullcontext()) as call:
        done: _Done[RerankResponse] = await _all(call, plan, parts, plan.session.rerank, progress)
        response = _ranked(done, [len(part.documents) for part in parts], request.top_n)
        call.response = _completed(plan, response, [*request.documents, *[request.query] * len(parts)])
        return response


def first_batch(plan: Plan[TQ]) -> tuple[TQ, int]:
    """Return the request of the first batch, and how many batches there are."""
    parts = _parts(plan)
    return parts[0], len(parts)


def _parts(plan: Plan[TQ]) -> list[TQ]:
    """Return one request for each batch."""
    request, cuts = plan.request, _cuts(plan, _texts_of(plan.request))
    if isinstance(request, EmbedRequest):
        return [replace(request, texts=cut) for cut in cuts]
    return [replace(request, documents=cut) for cut in cuts]


def _cuts(plan: Plan[Any], texts: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    bounds = [plan.session.max_batch_size, plan.resolved.settings.limits.max_batch_size]
    size = min([len(texts), *(bound for bound in bounds if bound is not None)])
    return (texts[start : start + size] for start in range(0, len(texts), size))


def _texts_of(request: EmbedRequest | RerankRequest) -> tuple[str, ...]:
    return request.texts if isinstance(request, EmbedRequest) else request.documents


# --- making the requests -----------------------------------------------------------------------------------------


async def _all(
    call: Call, plan: Plan[TQ], parts: Sequence[TQ], make: Callable[[TQ], Any], progress: Progress | None
) -> _Done[Any]:
    """Return what became of each part. Only a call of which no part succeeded raises."""
    done: dict[int, Any] = {}
    turns = asyncio.Semaphore(BATCHES_AT_A_TIME)
    sizes = [len(_texts_of(part)) for part in parts]

    async def one(position: int) -> None:
        async with turns, plan.slots:
            try:
                done[position] = await call.attempts(partial(make, parts[position]))
            except ProviderError as error:
                redact_error(error, plan.redact)
                done[position] = error
        if progress is not None:
            progress(sum(sizes[p] for p in done), sum(sizes))

    async def every() -> None:
        async with asyncio.TaskGroup() as tasks:
            for position in range(len(parts)):
                tasks.create_task(one(position))

    late: CallTimeoutError | None = None
    try:
        await call.deadline.bound(every())
    except CallTimeoutError as error:
        late = error
    except BaseExceptionGroup as group:  # of a refusal, which holds for every part alike
        raise group.exceptions[0] from None
    results = [done.get(position, late) for position in range(len(parts))]
    if not any(isinstance(result, EmbedResponse | RerankResponse) for result in results):
        raise next(result for result in results if isinstance(result, BaseException))
    return results


# --- putting the answers together --------------------------------------------------------------------------------


def _embedded(done: _Done[EmbedResponse], sizes: Sequence[int]) -> EmbedResponse:
    answers = [answer for answer in done if isinstance(answer, EmbedResponse)]
    whole = replace(answers[0], vectors=[], usage=_sum(answers), encodings={}, failures={}, extra=_extra(answers))
    names = dict.fromkeys(name for answer in answers for name in answer.encodings)
    whole.encodings = {name: [] for name in names}
    for answer, size in zip(done, sizes, strict=True):
        part = answer if isinstance(answer, EmbedResponse) else _failed(answer, size)
        start = len(whole.vectors)
        whole.failures.update({start + index: error for index, error in part.failures.items()})
        whole.vectors += part.vectors
        for name in names:
            whole.encodings[name] += part.encodings.get(name, [None] * size)
    whole.reports = tuple(dict.fromkeys(report for answer in answers for report in answer.reports))
    return whole


def _failed(error: DragomanError, size: int) -> EmbedResponse:
    return EmbedResponse([None] * size, failures=dict.fromkeys(range(size), error))


def _ranked(done: _Done[RerankResponse], sizes: Sequence[int], top_n: int | None) -> RerankResponse:
    answers = [answer for answer in done if isinstance(answer, RerankResponse)]
    whole = replace(answers[0], results=[], usage=_sum(answers), failures={}, extra=_extra(answers))
    start = 0
    for answer, size in zip(done, sizes, strict=True):
        if isinstance(answer, RerankResponse):
            whole.results += [Ranked(start + ranked.index, ranked.score) for ranked in answer.results]
            whole.failures.update({start + index: error for index, error in answer.failures.items()})
        else:
            whole.failures.update(dict.fromkeys(range(start, start + size), answer))
        start += size
    whole.results.sort(key=lambda ranked: (-ranked.score, ranked.index))
    del whole.results[len(whole.results) if top_n is None else top_n :]
    whole.reports = tuple(dict.fromkeys(report for answer in answers for report in answer.reports))
    return whole


def _completed(plan: Plan[Any], response: R, texts: Sequence[str]) -> R:
    response.reports = (*plan.reports, *response.reports)
    response.adapter = plan.resolved.name
    response.provider = plan.resolved.target.provider
    response.upstream = plan.resolved.upstream
    if response.usage.source == "absent":
        response.usage = estimate_texts(texts)
    return response


_FIGURES = Usage._fields[: Usage._fields.index("source")]


def _sum(answers: Sequence[EmbedResponse | RerankResponse]) -> Usage:
    """Add up what the provider reported. A figure that one answer lacks is not known for the whole."""
    usages = [answer.usage for answer in answers]
    if len(usages) == 1:
        return usages[0]
    figures = {name: _added([getattr(usage, name) for usage in usages]) for name in _FIGURES}
    source = usages[0].source if len({usage.source for usage in usages}) == 1 else "absent"
    details = [usage.detail for usage in usages]
    detail = _added_members(details) if None not in details else None
    return Usage(**figures, source=source, detail=detail)


def _added(values: Sequence[Any]) -> Any:
    return None if None in values else sum(values)


def _added_members(details: Sequence[Any]) -> dict[str, Any]:
    """Add the numbers of JSON objects member by member; what is no number stays as it came first."""
    whole: dict[str, Any] = {}
    for detail in details:
        for name, value in detail.items():
            if isinstance(value, Mapping):
                whole[name] = _added_members([whole.get(name) or {}, value])
            elif isinstance(value, int | float) and not isinstance(value, bool):
                whole[name] = whole.get(name, 0) + value
            else:
                whole.setdefault(name, value)
    return whole


def _extra(answers: Sequence[EmbedResponse | RerankResponse]) -> dict[str, Any]:
    """Return the other members of the answers, those of the first one where several have one."""
    return {name: value for answer in reversed(answers) for name, value in answer.extra.items()}
