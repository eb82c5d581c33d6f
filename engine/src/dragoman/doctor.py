"""The check of an adapter: from its document to a call of one token, step by step, until one fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from dragoman.adapter import Limits
from dragoman.calls import redacted
from dragoman.errors import (
    AddressRefusedError,
    CallTimeoutError,
    DocumentError,
    DragomanError,
    InvalidRequestError,
    PluginError,
    RateLimitedError,
    SecretError,
    UnsupportedError,
)
from dragoman.events import EmbedResponse, Event, RerankResponse, Started
from dragoman.inspection import CheckStep
from dragoman.messages import messages_from
from dragoman.policy import Caller
from dragoman.provider import (
    Authorizer,
    ChatRequest,
    Codec,
    Context,
    EmbedCodec,
    EmbedRequest,
    Provider,
    RerankCodec,
    RerankRequest,
    Session,
    Tls,
    WireRequest,
)
from dragoman.resolve import AdapterLike, Resolved
from dragoman.resolving import Resolving
from dragoman.secret import Secret
from dragoman.transport.authorization import ACQUIRE_TIMEOUT_S

#: What the call says. Short, and no model refuses it.
QUESTION = "Hi"
DOCUMENTS = ("A river.", "A loaf of bread.")

#: How long the address may take for an answer of any kind.
#: The first counts TLS in, and is the shorter one: a connection that stands and says nothing is told from none.
_REACH = Limits(connect_timeout_s=10.0, first_byte_timeout_s=15.0, chunk_timeout_s=5.0)

_QUOTA = "a limit of the provider is reached: wait, ask the provider for a higher one, or set limits.max_concurrency"


class Examined(Resolving, Protocol):
    """What the check needs of the engine."""

    def stream(self, adapter: Resolved, messages: str) -> Any: ...
    async def embed(self, adapter: Resolved, texts: str) -> EmbedResponse: ...
    async def rerank(self, adapter: Resolved, query: str, documents: tuple[str, ...]) -> RerankResponse: ...


async def examine(
    engine: Examined, adapter: AdapterLike | None, override: Mapping[str, Any] | None = None, *, caller: Caller | None
) -> AsyncGenerator[CheckStep, None]:
    """Yield the steps, the failed one last; raise nothing that an adapter or a provider can be at fault for."""
    redact = await engine.redactor()
    async with aclosing(_steps(engine, adapter, override, caller)) as steps:
        async for step in steps:
            yield _redacted(step, redact)
            if step.state == "failed":
                return


def _redacted(step: CheckStep, redact: Callable[[str], str]) -> CheckStep:
    hint = redact(step.hint) if step.hint else step.hint
    return replace(step, message=redact(step.message), hint=hint, detail=redacted(step.detail, redact))


async def _steps(
    engine: Examined, adapter: AdapterLike | None, override: Mapping[str, Any] | None, caller: Caller | None
) -> AsyncGenerator[CheckStep, None]:
    try:
        resolved = await engine.resolve(adapter, override, caller=caller)
    except DragomanError as error:
        yield _not_resolved(error)
        return
    target = resolved.target
    yield CheckStep.ok("document", f"the adapter {resolved.name or '(unsaved)'} holds", digest=resolved.digest)
    try:
        provider = await engine.provider_of(resolved)
    except DragomanError as error:
        yield CheckStep.failed("plugin", error)
        return
    yield CheckStep.ok("plugin", f"provider {target.provider} is there, with operation {target.operation}")
    bench = _Bench(engine, resolved, provider, _Watched(engine.context_of(resolved)))
    for taken in (bench.request, bench.credentials, bench.network, bench.own, bench.call):
        async with aclosing(taken()) as steps:
            async for step in steps:
                yield step


def _not_resolved(error: DragomanError) -> CheckStep:
    """Name the step by what is wrong: nobody brings the provider, the mapping does not hold, or the document."""
    name = "plugin" if isinstance(error, PluginError) else "document"
    if isinstance(error, DocumentError):
        paths = {problem.path.partition(".")[0] for problem in error.problems}
        if paths == {"provider"}:
            name = "plugin"
        elif paths and paths <= {"mapping", "prompt"}:
            name = "mapping"
    return CheckStep.failed(name, error)


class _Watched:
    """The context of a provider under check: it notes who would sign, by which certificates, and which secrets.

    Everything else is the engine's own context.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self.authorizer: Authorizer | None = None
        self.tls: Tls | None = None
        self.read: list[str] = []
        self.missing: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    async def secret(self, name: str) -> Secret:
        try:
            found = await self._context.secret(name)
        except SecretError:
            self.missing.append(name)
            raise
        self.read.append(name)
        return found

    def codec_session(self, codec: Codec, authorizer: Authorizer, *, tls: Tls | None = None) -> Session:
        self.authorizer, self.tls = authorizer, tls
        return self._context.codec_session(codec, authorizer, tls=tls)

    def embed_session(self, codec: EmbedCodec, authorizer: Authorizer, *, tls: Tls | None = None) -> Session:
        self.authorizer, self.tls = authorizer, tls
        return self._context.embed_session(codec, authorizer, tls=tls)

    def rerank_session(self, codec: RerankCodec, authorizer: Authorizer, *, tls: Tls | None = None) -> Session:
        self.authorizer, self.tls = authorizer, tls
        return self._context.rerank_session(codec, authorizer, tls=tls)


@dataclass(slots=True)
class _Bench:
    """One adapter under check. ``wire`` is the request of its call; ``None`` where it cannot be shown."""

    engine: Examined
    resolved: Resolved
    provider: Provider
    watched: _Watched
    wire: WireRequest | None = None
    notes: tuple[str, ...] = ()

    @property
    def context(self) -> Context:
        return cast("Context", self.watched)

    # --- the request

    async def request(self) -> AsyncGenerator[CheckStep, None]:
        """Open a session and write the request of the call, without credentials."""
        self.resolved = _with_limits(self.resolved)
        if self.resolved.adapter.runtime == "langchain":
            self.resolved = _with_one_token(self.resolved)
            yield CheckStep.skipped("request", "a LangChain class makes the requests; the call shows whether they work")
            return
        try:
            session = self.provider.open(self.resolved.target, self.context)
        except DragomanError as error:
            yield CheckStep.failed("request", error)
            return
        try:
            yield await self._written(session)
        finally:
            await session.aclose()

    async def _written(self, session: Session) -> CheckStep:
        shortest = _with_one_token(self.resolved)
        try:
            try:
                self.wire = await session.dry_run(_request(shortest))
                self.resolved = shortest
            except UnsupportedError as error:
                if not (error.path or "").endswith("max_tokens"):
                    raise
                self.wire = await session.dry_run(_request(self.resolved))
                self.notes = ("the answer's length cannot be bounded by this adapter",)
        except UnsupportedError as error:
            if type(session).dry_run is Session.dry_run:
                return CheckStep.skipped("request", error.message)
            return CheckStep.failed("request", error)
        except DragomanError as error:
            return CheckStep.failed("request", error)
        by = "by its mapping" if self.resolved.target.mapping else "in the provider's dialect"
        return CheckStep.ok("request", f"{self.wire.method} {_without_query(self.wire.url)}, written {by}")

    # --- who calls

    async def credentials(self) -> AsyncGenerator[CheckStep, None]:
        """Obtain the credentials anew, and say which secrets they took."""
        authorizer = self.watched.authorizer
        if authorizer is None:
            yield CheckStep.skipped("credentials", "none are obtained before the call")
            return
        failure: DragomanError | None = None
        try:
            async with asyncio.timeout(ACQUIRE_TIMEOUT_S):
                await authorizer.acquire()
        except TimeoutError:
            failure = CallTimeoutError(f"credentials could not be obtained within {ACQUIRE_TIMEOUT_S:g} s")
        except DragomanError as error:
            failure = error
        if self.watched.missing and failure is not None:
            yield CheckStep.failed("secrets", failure, missing=self.watched.missing)
            return
        if names := list(dict.fromkeys(self.watched.read)):
            yield CheckStep.ok("secrets", f"there are {', '.join(names)}", read=names)
        if failure is not None:
            yield CheckStep.failed("credentials", failure, await self._explained(failure))
            return
        yield CheckStep.ok("credentials", f"calls are made by {authorizer.describe() or 'the identity of the adapter'}")

    # --- the way there

    async def network(self) -> AsyncGenerator[CheckStep, None]:
        """Ask the address for anything at all: any answer shows that name, connection and certificates hold."""
        if self.wire is None:
            yield CheckStep.skipped("network", "the address is not known before the call")
            return
        parts = urlsplit(self.wire.url)
        if parts.scheme not in ("http", "https") and self.watched.authorizer is None:
            yield CheckStep.skipped("network", "nothing goes over the network")
            return
        server = f"{parts.scheme}://{parts.netloc}"
        request = WireRequest("GET", f"{server}/", {"Accept": "*/*"})
        started = time.perf_counter()
        try:
            reply = await self.watched.send(request, _REACH, tls=self.watched.tls)
            answered = f"it answered with status {reply.status}"
        except CallTimeoutError as error:
            if error.phase == "connect":
                yield CheckStep.failed("network", error)
                return
            answered = "it stands, and nothing was answered at its root"
        except DragomanError as error:
            yield CheckStep.failed("network", error, _way_hint(error, server))
            return
        spent_ms = round((time.perf_counter() - started) * 1000, 1)
        what = "name, connection and TLS" if parts.scheme == "https" else "name and connection (no TLS)"
        yield CheckStep.ok("network", f"{server}: {what} hold; {answered}", round_trip_ms=spent_ms)

    # --- what the provider looks at

    async def own(self) -> AsyncGenerator[CheckStep, None]:
        """Take the provider's own steps."""
        try:
            async with aclosing(self.provider.check(self.resolved.target, self.context)) as steps:
                async for step in steps:
                    yield step
        except DragomanError as error:
            yield CheckStep.failed("provider", error)
        except Exception as error:  # noqa: BLE001  (a plugin's fault must not end the check without a word)
            what = f"the check of provider {self.resolved.target.provider} broke: {type(error).__name__}: {error}"
            yield CheckStep.failed("provider", PluginError(what))

    # --- the call

    async def call(self) -> AsyncGenerator[CheckStep, None]:
        """Call, with as short an answer as the model takes."""
        try:
            step = await self._called()
        except DragomanError as error:
            name = "secrets" if isinstance(error, SecretError) else "call"
            yield CheckStep.failed(name, error, await self._explained(error))
            return
        yield step

    async def _called(self) -> CheckStep:
        operation = self.resolved.target.operation
        started = time.perf_counter()
        if operation == "embed":
            vectors = (await self.engine.embed(self.resolved, QUESTION)).complete()
            size = len(vectors[0])
            return CheckStep.ok("call", f"a vector of {size} numbers came", total_s=_since(started), dimensions=size)
        if operation == "rerank":
            ranked = await self.engine.rerank(self.resolved, QUESTION, DOCUMENTS)
            found = len(ranked.results)
            return CheckStep.ok("call", f"{found} documents were ranked", total_s=_since(started), results=found)
        try:
            return await self._chatted(self.resolved)
        except (InvalidRequestError, UnsupportedError):
            unbounded = _without_bound(self.resolved)
            if unbounded is None:
                raise
            return await self._chatted(unbounded, "the model takes no answer of one token, so it was not bounded")

    async def _chatted(self, resolved: Resolved, *notes: str) -> CheckStep:
        started = time.perf_counter()
        first_s: float | None = None
        async with self.engine.stream(resolved, QUESTION) as stream:
            async for event in stream:
                if first_s is None and _is_of_the_answer(event):
                    first_s = _since(started)
            response = stream.response
        total_s, usage = _since(started), response.usage
        shown = f"the first token came after {first_s} s" if first_s is not None else f"an empty answer in {total_s} s"
        notes = (*self.notes, *notes, *(report.message for report in response.reports))
        return CheckStep.ok(
            "call",
            "; ".join([f"{response.model or resolved.target.model} answered: {shown}", *notes]),
            first_token_s=first_s,
            total_s=total_s,
            finish_reason=response.finish_reason,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            request_id=response.request_id,
        )

    async def _explained(self, failure: DragomanError) -> str | None:
        """Return what to do; ``None`` leaves the error's own hint."""
        try:
            said = await self.provider.explain(failure, self.resolved.target, self.context)
        except Exception:  # noqa: BLE001  (whatever an explanation stumbles over, the failure itself is told)
            said = None
        return said or (_QUOTA if isinstance(failure, RateLimitedError) and not failure.hint else None)


def _is_of_the_answer(event: Event) -> bool:
    return type(event).__name__.endswith("Delta") and not isinstance(event, Started)


def _since(started: float) -> float:
    return round(time.perf_counter() - started, 3)


def _without_query(url: str) -> str:
    return url.partition("?")[0]


def _way_hint(error: DragomanError, server: str) -> str | None:
    """Return what to do where nobody is reached; ``None`` leaves the error's own hint."""
    if isinstance(error, AddressRefusedError) or error.hint:
        return None
    return f"check the address in the adapter's connection, and that {server} can be reached from this machine"


# --- the shortest call -------------------------------------------------------------------------------------------


def _with_limits(resolved: Resolved) -> Resolved:
    """Return the adapter with one attempt: what fails is told at once."""
    limits = resolved.settings.limits.model_copy(update={"max_attempts": 1})
    return replace(resolved, settings=replace(resolved.settings, limits=limits))


def _with_one_token(resolved: Resolved) -> Resolved:
    if resolved.target.operation != "chat":
        return resolved
    return _with_max_tokens(resolved, 1)


def _without_bound(resolved: Resolved) -> Resolved | None:
    """Return the adapter with the bound of its own document; ``None`` where that is what it has."""
    own = (resolved.document.get("inference") or {}).get("max_tokens")
    if resolved.settings.inference.max_tokens == own:
        return None
    return _with_max_tokens(resolved, own)


def _with_max_tokens(resolved: Resolved, max_tokens: int | None) -> Resolved:
    inference = resolved.settings.inference.model_copy(update={"max_tokens": max_tokens})
    return replace(resolved, settings=replace(resolved.settings, inference=inference))


def _request(resolved: Resolved) -> ChatRequest | EmbedRequest | RerankRequest:
    settings = resolved.settings
    if resolved.target.operation == "embed":
        return EmbedRequest((QUESTION,), settings)
    if resolved.target.operation == "rerank":
        return RerankRequest(QUESTION, DOCUMENTS, settings)
    return ChatRequest(messages_from(QUESTION), settings, stream=True)
