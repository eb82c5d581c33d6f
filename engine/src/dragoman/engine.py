"""The engine: adapters in, answers out. It resolves, opens sessions and calls; everything else lives below."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

import orjson

from dragoman import batches
from dragoman.adapters import Adapters
from dragoman.asked import Asked, AskedTexts, Wanted, refuse_other_operation, to_embed, to_rerank
from dragoman.batches import TQ, Progress
from dragoman.calls import ChatStream, Observe, Plan, Q, generate, redact_error
from dragoman.catalog import Catalog, Saved, load_catalog
from dragoman.constraints import apply_constraints, refuse_long_texts, refuse_undeclared, streams
from dragoman.context import EngineContext, run_in
from dragoman.errors import DragomanError, SettingsError, UnsupportedError
from dragoman.events import EmbedResponse, Report, RerankResponse, Response
from dragoman.langchain_driver.building import BuildContext, build_model
from dragoman.messages import (
    MessagesLike,
    ToolChoiceLike,
    ToolLike,
    messages_from,
    tool_choice_from,
    tools_from,
)
from dragoman.plugins import Plugins, load_plugins
from dragoman.policy import Caller, Change, Policy
from dragoman.prompting import Comparison, PreparedPrompt, PromptAsked, compare, prepare
from dragoman.prompts import Prompts, Values, VersionLike
from dragoman.provider import (
    CallObservation,
    ChatRequest,
    Context,
    Provider,
    ProviderDescription,
    Purpose,
    SecretView,
    Session,
)
from dragoman.reloading import keep_what_worked
from dragoman.resolve import AdapterLike, Resolved
from dragoman.secret import Secret
from dragoman.secrets import SecretStore
from dragoman.sessions import Lease, OpenSessions, WholeAnswers, import_provider
from dragoman.settings import AllowedHost, Settings
from dragoman.snapshot import Snapshot
from dragoman.transport.pool import TransportPool

if TYPE_CHECKING:
    from dragoman.agents import AgentDocument, Agents
    from dragoman.inspection import CheckStep, Permissions
    from dragoman.langchain.agents import Agent
    from dragoman.listing import Listed
    from dragoman.transport.http import Transport

logger = logging.getLogger("dragoman")

A = ParamSpec("A")
T = TypeVar("T")
K = TypeVar("K")

#: Who runs agents.
AGENT_FACE = "dragoman.langchain.agents"

MAX_THREADS = 16
MAX_RESOLVED = 1024


@dataclass(frozen=True, slots=True)
class DryRun:
    """The exact request that a call would send, its credentials masked. ``body`` is parsed where it is JSON."""

    method: str
    url: str
    headers: dict[str, str]
    body: Any
    adapter: str | None
    provider: str
    model: str
    reports: tuple[Report, ...] = ()


class PrivilegedChange(NamedTuple):
    """A caller's change of fields that are open to administrators only, unless the deployment says otherwise."""

    caller: Caller
    adapter: str | None
    changes: tuple[Change, ...]


class EngineFigures(NamedTuple):
    """What the engine has counted.

    ``waiting`` is how many calls wait for one of ``limits.max_concurrency`` slots, by provider. Credentials are counted
    where they are obtained from somebody, such as STS or a token endpoint; a key that is only looked up is not.
    """

    waiting: Mapping[str, int]
    secret_readings: int
    credentials_acquired: int
    credentials_failed: int


class Engine:
    """Calls models through adapters.

    One engine serves any number of adapters, tasks, threads and event loops; it opens nothing before the first call.
    Close it with :meth:`aclose`, or use it as ``async with``; at the end of ``asyncio.run``, and when the engine is
    dropped, connections close by themselves.

    Args:
        settings: The deployment's settings; ``None`` = the defaults.
        plugins: The plugins to use; ``None`` = all that are installed and allowed by the settings.
        audit: Told of every change of a privileged field that a caller makes and may make, before the call is made.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        plugins: Plugins | None = None,
        audit: Callable[[PrivilegedChange], Awaitable[None]] | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.adapters = Adapters(self)
        self.prompts = Prompts(self)
        self.policy = Policy(self.settings.stage, self.settings.policy)
        self._audit = audit
        self._loading = threading.RLock()
        self._plugins = plugins
        self._secrets: SecretStore | None = None
        self._snapshot: Snapshot | None = None
        self._saved = Saved()
        self._providers: dict[str, Provider] = {}
        self._open: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, OpenSessions] = weakref.WeakKeyDictionary()
        self._threads = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="dragoman")
        in_threads = functools.partial(run_in, self._threads)  # knows no engine: pools outlive one that is dropped
        self._transports = TransportPool(run_blocking=in_threads)
        allowed = [AllowedHost.of(entry) for entry in self.settings.network.allowed_hosts]
        self._checked_transports = TransportPool(allowed=allowed, run_blocking=in_threads)
        for pool in (self._transports, self._checked_transports):
            weakref.finalize(self, pool.leave).atexit = False
        self._context = EngineContext(self._secret, self._threads, self._transports)
        self._checked_context = EngineContext(self._secret, self._threads, self._checked_transports)

    @classmethod
    def from_config(cls, config: str | Path | None = None, **flags: Any) -> Engine:
        """Return an engine for a deployment.

        Args:
            config: A ``dragoman.toml``, or its folder. ``None`` looks at ``DRAGOMAN_CONFIG``, ``./dragoman.toml``
                and ``./config/dragoman.toml``; where there is none, the defaults hold.
            flags: Single settings, which win over file and environment.

        Raises:
            SettingsError: The file cannot be read, or a setting does not hold.
        """
        return cls(Settings.load(config, **flags))

    # --- calls ---------------------------------------------------------------------------------------------------

    async def chat(
        self,
        adapter: AdapterLike | Resolved | None,
        messages: MessagesLike,
        *,
        tools: Sequence[ToolLike] | None = None,
        tool_choice: ToolChoiceLike | None = None,
        override: Mapping[str, Any] | None = None,
        caller: Caller | None = None,
        observe: Observe | None = None,
        **inference: Any,
    ) -> Response:
        """Answer a conversation.

        Args:
            adapter: A name or alias, or a whole document that is saved nowhere; ``None`` takes the default adapter.
                What :meth:`resolve` returned is called as it is: ``override``, ``caller`` and ``inference`` were given
                there.
            messages: A string (one user message), messages, or OpenAI-shaped dicts.
            tools: Tools that the model may call, as values or OpenAI-shaped dicts.
            tool_choice: ``auto``, ``none``, ``required``, or a tool's name.
            override: One more layer of the adapter document, for this call only.
            caller: On whose behalf the call is made: the policy decides what they may override. ``None`` is the
                embedding program itself, which may do anything.
            observe: Told of this call's start and end, beside the plugins' observers; it must not raise.
            inference: Inference settings of this call, for example ``temperature=0``.

        Raises:
            DragomanError: one tree; see :mod:`dragoman.errors`.
        """
        asked = Asked(Wanted(adapter, override, inference, caller, observe), messages, tools, tool_choice, stream=False)
        async with self._planned(asked) as plan:
            return await generate(plan)

    def stream(
        self,
        adapter: AdapterLike | Resolved | None,
        messages: MessagesLike,
        *,
        tools: Sequence[ToolLike] | None = None,
        tool_choice: ToolChoiceLike | None = None,
        override: Mapping[str, Any] | None = None,
        caller: Caller | None = None,
        observe: Observe | None = None,
        **inference: Any,
    ) -> ChatStream:
        """Answer a conversation event by event; the arguments are those of :meth:`chat`."""
        asked = Asked(Wanted(adapter, override, inference, caller, observe), messages, tools, tool_choice, stream=True)
        return ChatStream(self._planned(asked))

    async def dry_run(
        self,
        adapter: AdapterLike | Resolved | None,
        messages: MessagesLike,
        *,
        tools: Sequence[ToolLike] | None = None,
        tool_choice: ToolChoiceLike | None = None,
        override: Mapping[str, Any] | None = None,
        caller: Caller | None = None,
        stream: bool = False,
        **inference: Any,
    ) -> DryRun:
        """Return the exact request that :meth:`chat` or :meth:`stream` would send, and send nothing."""
        asked = Asked(Wanted(adapter, override, inference, caller, None), messages, tools, tool_choice, stream)
        async with self._planned(asked) as plan:
            return await self._dry(plan, plan.request)

    async def embed(
        self,
        adapter: AdapterLike | Resolved | None,
        texts: str | Sequence[str],
        *,
        purpose: Purpose | None = None,
        override: Mapping[str, Any] | None = None,
        caller: Caller | None = None,
        observe: Observe | None = None,
        progress: Progress | None = None,
        **inference: Any,
    ) -> EmbedResponse:
        """Turn texts into vectors, in as many requests as the provider needs for them.

        Args:
            adapter: A name or alias of an adapter for operation embed, or a whole document; ``None``: the default.
            texts: The texts; one text counts as a list of one.
            purpose: Whether the texts are documents to be found, or queries that look for some. Providers that make
                no difference embed both alike; ``inference.input_type`` wins.
            override: One more layer of the adapter document, for this call only.
            caller: On whose behalf; see :meth:`chat`.
            progress: Called with the number of texts that are done and of all texts, after each request.
            inference: Settings of this call, for example ``dimensions=256``.

        Returns:
            The vectors in the order of the texts. Where a request failed for good and others did not, ``failures``
            says which texts have no vector and why; :meth:`~dragoman.EmbedResponse.complete` raises there.

        Raises:
            DragomanError: Nothing could be embedded; one tree, see :mod:`dragoman.errors`.
        """
        async with self._planned_texts(
            to_embed(Wanted(adapter, override, inference, caller, observe), texts, purpose)
        ) as plan:
            return await batches.embed(plan, progress)

    async def rerank(
        self,
        adapter: AdapterLike | Resolved | None,
        query: str,
        documents: Sequence[str],
        *,
        top_n: int | None = None,
        override: Mapping[str, Any] | None = None,
        caller: Caller | None = None,
        observe: Observe | None = None,
        progress: Progress | None = None,
        **inference: Any,
    ) -> RerankResponse:
        """Put documents in order by their relevance to a query.

        Args:
            adapter: A name or alias of an adapter for operation rerank, or a whole document; ``None``: the default.
            query: What the documents should be relevant to.
            documents: The documents, as texts.
            top_n: How many of the best are returned; ``None`` = all.

        The other arguments, the failures and the errors are those of :meth:`embed`.
        """
        asked = to_rerank(Wanted(adapter, override, inference, caller, observe), query, documents, top_n)
        async with self._planned_texts(asked) as plan:
            return await batches.rerank(plan, progress)

    async def embed_dry_run(
        self,
        adapter: AdapterLike | Resolved | None,
        texts: str | Sequence[str],
        *,
        purpose: Purpose | None = None,
        override: Mapping[str, Any] | None = None,
        caller: Caller | None = None,
        **inference: Any,
    ) -> DryRun:
        """Return the first request that :meth:`embed` would send, and send nothing."""
        async with self._planned_texts(
            to_embed(Wanted(adapter, override, inference, caller, None), texts, purpose)
        ) as plan:
            return await self._dry_first(plan)

    async def rerank_dry_run(
        self,
        adapter: AdapterLike | Resolved | None,
        query: str,
        documents: Sequence[str],
        *,
        top_n: int | None = None,
        override: Mapping[str, Any] | None = None,
        caller: Caller | None = None,
        **inference: Any,
    ) -> DryRun:
        """Return the first request that :meth:`rerank` would send, and send nothing."""
        asked = to_rerank(Wanted(adapter, override, inference, caller, None), query, documents, top_n)
        async with self._planned_texts(asked) as plan:
            return await self._dry_first(plan)

    async def prompt(
        self,
        name: str,
        variables: Values | None = None,
        *,
        variant: str | None = None,
        version: VersionLike | None = None,
        adapter: AdapterLike | None = None,
        caller: Caller | None = None,
        observe: Observe | None = None,
        **inference: Any,
    ) -> Response:
        """Ask with a prompt.

        Args:
            name: The prompt's.
            variables: A value for each of its variables.
            variant: Which one; ``None`` = the default one.
            version: A published number, ``draft`` or ``latest``; ``None`` = what the prompt's ``default_version`` says,
                and that is ``draft`` unless it says otherwise.
            adapter: Asks this one instead of the variant's adapter, and as it is: without the variant's ``model``.
            caller: On whose behalf: they must be allowed to use the adapter, and the policy decides over what this
                call adds. What the prompt itself says is the deployment's own.
            observe: As in :meth:`chat`.
            inference: Settings of this call, over the variant's.

        Raises:
            MessageError: There is no such prompt, variant or version, a variable has no value, or a value has no
                variable.
            DragomanError: As in :meth:`chat`.
        """
        asked = PromptAsked(name, variables or {}, variant, version, adapter, inference, caller)
        prepared = await self.prepare_prompt(asked)
        rendered = prepared.rendered
        return await self.chat(
            prepared.resolved,
            rendered.messages,
            tools=rendered.tools,
            tool_choice=rendered.tool_choice,
            observe=observe,
        )

    async def prepare_prompt(self, asked: PromptAsked) -> PreparedPrompt:
        """Return what asking with a prompt would call, and call nothing; raises as :meth:`prompt` does."""
        return await prepare(self, asked)

    async def compare(
        self,
        name: str,
        variables: Values | None = None,
        *,
        version: VersionLike | None = None,
        adapter: AdapterLike | None = None,
        caller: Caller | None = None,
        **inference: Any,
    ) -> list[Comparison]:
        """Ask with every variant of a prompt at once, and return the answers side by side, in the prompt's order.

        A value goes to the variants that have its variable. The arguments are those of :meth:`prompt`; what one variant
        raises is its ``error``, and the others answer all the same.

        Raises:
            MessageError: There is no such prompt or version, or a value has no variable in any variant.
        """
        return await compare(self, PromptAsked(name, variables or {}, None, version, adapter, inference, caller))

    def agent(
        self,
        agent: str | Mapping[str, Any] | AgentDocument,
        *,
        caller: Caller | None = None,
        observe: Observe | None = None,
    ) -> Agent:
        """Return an agent, to be run any number of times: ``await engine.agent("weather").run("Is it warm?")``.

        Args:
            agent: Its name, or a whole document that is saved nowhere.
            caller: On whose behalf: they must be allowed to use its adapter. A document is then the caller's own, and
                the policy judges what it does: it names only secrets that ``policy.secrets`` lists, installed tools
                only where they are an administrator, and its endpoints are on the public internet.
            observe: Told of each call of the model; see :meth:`chat`.

        Raises:
            UnsupportedError: The extra ``dragoman[agents]`` is not installed.
            DocumentError: The document does not hold.
        """
        # The face stands above the engine, which knows it by name alone, as it knows a provider's factory.
        face = import_module(AGENT_FACE)
        made: Agent = face.Agent(self, agent, caller=caller, around=face.observed_by(observe))
        return made

    async def resolve(
        self,
        adapter: AdapterLike | None,
        override: Mapping[str, Any] | None = None,
        inference: Mapping[str, Any] | None = None,
        *,
        caller: Caller | None = None,
        trusted: bool = True,
    ) -> Resolved:
        """Return the effective adapter, with the origin of every value; what a call would use.

        Args:
            adapter: As in :meth:`chat`; ``override`` likewise.
            override: One more layer.
            inference: The call's own settings, the topmost layer.
            caller: On whose behalf; the policy decides what they may override, and nothing of theirs is trusted.
            trusted: False where the override, or the adapter as a document, is an API caller's: what it says about the
                connection then leads to the public internet and to ``network.allowed_hosts``, and nowhere else.

        Raises:
            PolicyError: The caller may not change what ``override``, ``inference`` or the document change.
        """
        snapshot = await self._current()
        if adapter is None:
            adapter = self._default_adapter(snapshot.catalog)
        if caller is None:
            return snapshot.resolve(self.plugins, adapter, override, inference, trusted=trusted)
        resolved, changes = snapshot.resolve_for(
            caller, self.policy, self.plugins, adapter, override=override, inference=inference
        )
        if changes and self._audit is not None:
            await self._audit(PrivilegedChange(caller, resolved.name, changes))
        return resolved

    async def langchain_model(self, adapter: AdapterLike | None, override: Mapping[str, Any] | None = None) -> Any:
        """Return the provider's own LangChain class for an adapter, configured explicitly and in full.

        A chat model; for an adapter that embeds an ``Embeddings``, for one that ranks a ``BaseDocumentCompressor``.

        Raises:
            UnsupportedError: The provider has no LangChain class, its package is not installed, or it makes nothing of
                a setting of the adapter.
        """
        resolved = await self.resolve(adapter, override)
        provider = await self._provider(resolved.description)
        build = functools.partial(provider.langchain, resolved.target)
        context = await self._build_context()
        with self._redacting():
            return await self.run_blocking(build_model, build, resolved.settings, context, resolved.description.kind)

    # --- looking at it -----------------------------------------------------------------------------------------------

    async def check(
        self,
        adapter: AdapterLike | None,
        override: Mapping[str, Any] | None = None,
        *,
        caller: Caller | None = None,
    ) -> AsyncGenerator[CheckStep, None]:
        """Yield the steps of a check, from the document to a call of one token; the first failed one is the last.

        It sends requests: one to the root of the provider's address, those of the provider's own steps, and the call.
        The arguments are those of :meth:`resolve`; nothing is raised that the adapter or its provider is at fault for.
        """
        from dragoman.doctor import examine

        async with aclosing(examine(self, adapter, override, caller=caller)) as steps:
            async for step in steps:
                yield step

    async def models(
        self, adapters: Sequence[AdapterLike] = (), *, provider: str | None = None, caller: Caller | None = None
    ) -> list[Listed]:
        """Return which models can be called, read now from the providers.

        Args:
            adapters: By whose connections; none = by those of every adapter.
            provider: Only this one; where no adapter has it, it is asked as it is by default.
            caller: On whose behalf; only adapters that they may use are asked.

        Raises:
            DragomanError: A named adapter does not hold, or nobody brings the provider. What a provider refuses is in
                its list.
        """
        from dragoman.listing import list_models

        listed = await list_models(self, adapters, provider=provider, caller=caller)
        for failure in (found.failure for one in listed for found in one.lists if found.failure is not None):
            redact_error(failure, await self.redactor())
        return listed

    async def permissions(
        self,
        adapter: AdapterLike | None,
        override: Mapping[str, Any] | None = None,
        *,
        caller: Caller | None = None,
        purposes: Sequence[str] = (),
    ) -> Permissions:
        """Return what has to be allowed for an adapter to be used: policies in its provider's own language.

        Args:
            adapter: As in :meth:`resolve`; ``override`` and ``caller`` likewise.
            purposes: What for, by the words of the provider's description; empty = to call it.

        Raises:
            UnsupportedError: The provider has no policies, or knows none for one of the purposes.
            DragomanError: The adapter does not hold, or there is nothing to allow.
        """
        from dragoman.permissions import permissions_of

        with self._redacting():
            return await permissions_of(self, adapter, override, caller=caller, purposes=purposes)

    async def provider_of(self, resolved: Resolved) -> Provider:
        """Return the provider of an adapter, imported now if it is not; raise ``PluginError`` where it cannot be."""
        return self._providers.get(resolved.description.kind) or await self._provider(resolved.description)

    def context_of(self, resolved: Resolved) -> Context:
        """Return what a provider is handed for an adapter: addresses are checked where a caller had a hand in them."""
        return self._context if resolved.trusted else self._checked_context

    async def transport(self, *, trusted: bool = True) -> Transport:
        """Return the running loop's HTTP client.

        Args:
            trusted: False where an API caller had a hand in the addresses: they are checked then, as those of calls.
        """
        return await (self._transports if trusted else self._checked_transports).transport()

    async def redactor(self) -> Callable[[str], str]:
        """Return what takes every known secret value out of a text."""
        return (await self._store()).redact

    # --- what there is -------------------------------------------------------------------------------------------

    @functools.cached_property
    def agents(self) -> Agents:
        """The deployment's agents, as documents."""
        from dragoman.agents import Agents

        return Agents(self)

    @property
    def plugins(self) -> Plugins:
        """The plugins that loaded and those that failed. Discovers them on first use."""
        if self._plugins is not None:  # each call asks several times: without the lock
            return self._plugins
        with self._loading:
            if self._plugins is None:
                chosen = self.settings.plugins
                self._plugins = load_plugins(allow=chosen.allow, block=chosen.block)
            return self._plugins

    @property
    def secrets(self) -> SecretStore:
        """The deployment's secrets, by name."""
        with self._loading:
            if self._secrets is None:
                self._secrets = SecretStore(self.settings, self.plugins.secret_sources)
            return self._secrets

    async def catalog(self) -> Catalog:
        """Return which adapters and inference configurations there are, and what failed to become one."""
        return (await self._current()).catalog

    async def catalog_with(self, saved: Saved) -> Catalog:
        """Return the catalogue that there would be with these documents saved, in the place of those that are."""
        return (await self._current()).files.with_saved(saved)

    def figures(self) -> EngineFigures:
        """Return what is counted for whoever watches this process. Call it on the loop that makes the calls."""
        sessions = self._open.get(asyncio.get_running_loop())
        caches = (self._context.cache, self._checked_context.cache)
        return EngineFigures(
            waiting=sessions.waiting() if sessions is not None else {},
            secret_readings=self._secrets.readings if self._secrets is not None else 0,
            credentials_acquired=sum(cache.acquired for cache in caches),
            credentials_failed=sum(cache.failed for cache in caches),
        )

    async def reload(self) -> Catalog:
        """Read secrets, adapters and inference configurations anew; calls in progress keep what they began with.

        The new state takes effect as a whole. A file that was good and is bad now keeps what it said before, and is
        among the catalogue's failures.
        """
        store = await self._store()
        await store.reread()
        view = await store.load()
        return (await self.run_blocking(self._load_catalog, view, store.revision, reread=True)).catalog

    async def use_saved(self, saved: Saved) -> Catalog:
        """Lay these saved documents over those of plugins and files, in the place of the ones before.

        They take effect as a whole; calls in progress keep what they began with. One that does not hold is among the
        catalogue's failures.
        """
        self._saved = saved
        store = await self._store()
        view = await store.load()
        return (await self.run_blocking(self._load_catalog, view, store.revision)).catalog

    @property
    def saved(self) -> Saved:
        """The documents that were saved at run time, as :meth:`use_saved` was given them."""
        return self._saved

    async def run_blocking(self, function: Callable[A, T], *args: A.args, **kwargs: A.kwargs) -> T:
        """Run a blocking function in the engine's own threads."""
        return await run_in(self._threads, function, *args, **kwargs)

    async def aclose(self) -> None:
        """Close this event loop's sessions and connections."""
        opened = self._open.pop(asyncio.get_running_loop(), None)
        if opened is not None:
            await opened.aclose()
        await self._transports.aclose()
        await self._checked_transports.aclose()

    async def __aenter__(self) -> Engine:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # --- the way of one call -------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _planned(self, asked: Asked) -> AsyncGenerator[Plan[ChatRequest], None]:
        """Resolve what was asked and hold its session open until the call is over."""
        messages, tools = messages_from(asked.messages), tools_from(asked.tools)
        choice = tool_choice_from(asked.tool_choice)
        if choice is not None and choice.mode in ("required", "tool") and not tools:
            raise UnsupportedError("a tool call is demanded and no tool is given", path="tool_choice")
        resolved = await self._resolved(asked.wanted)
        refuse_other_operation(resolved, "chat")
        request = ChatRequest(messages, resolved.settings, tools, choice, asked.stream)
        refuse_undeclared(resolved, request)
        async with await self._lease(resolved) as lease:
            reports: tuple[Report, ...] = ()
            if resolved.adapter.constraints is not None:
                with self._redacting():
                    request, reports = await apply_constraints(resolved, request, lease.session)
            session = lease.session if streams(resolved) else WholeAnswers(lease.session)
            yield await self._plan(resolved, lease, session, request, reports=reports, observe=asked.wanted.observe)

    @asynccontextmanager
    async def _planned_texts(self, asked: AskedTexts[TQ]) -> AsyncGenerator[Plan[TQ], None]:
        """Resolve an adapter for texts and hold its session open until the call is over."""
        resolved = await self._resolved(asked.wanted)
        refuse_other_operation(resolved, asked.operation)
        refuse_long_texts(resolved, asked.texts)
        async with await self._lease(resolved) as lease:
            request = asked.make_request(resolved.settings)
            yield await self._plan(resolved, lease, lease.session, request, observe=asked.wanted.observe)

    async def _resolved(self, wanted: Wanted) -> Resolved:
        if isinstance(wanted.adapter, Resolved):
            return wanted.adapter
        return await self.resolve(wanted.adapter, wanted.override, wanted.inference, caller=wanted.caller)

    async def _plan(
        self,
        resolved: Resolved,
        lease: Lease,
        session: Session,
        request: Q,
        *,
        reports: Sequence[Report] = (),
        observe: Observe | None,
    ) -> Plan[Q]:
        store = await self._store()
        return Plan(
            resolved=resolved,
            session=session,
            request=request,
            slots=lease.slots,
            reports=(*resolved.reports, *reports),
            reread_secrets=functools.partial(store.reread, store.revision),
            redact=store.redact,
            observe=self._observers(observe),
        )

    async def _dry(self, plan: Plan[Q], request: Q, reports: Sequence[Report] = ()) -> DryRun:
        with self._redacting():
            wire = await plan.session.dry_run(request)
        target = plan.resolved.target
        return DryRun(
            method=wire.method,
            url=wire.url,
            headers=wire.headers,
            body=_readable(wire.body),
            adapter=plan.resolved.name,
            provider=target.provider,
            model=target.model,
            reports=(*plan.reports, *reports),
        )

    async def _dry_first(self, plan: Plan[TQ]) -> DryRun:
        request, count = batches.first_batch(plan)
        reports = [Report("first_request", f"this is the first of {count} requests")] if count > 1 else []
        return await self._dry(plan, request, reports)

    async def _lease(self, resolved: Resolved) -> Lease:
        loop = asyncio.get_running_loop()
        sessions = self._open.get(loop)
        if sessions is None:
            sessions = self._open[loop] = OpenSessions()
        provider = await self.provider_of(resolved)
        await sessions.turns.take()
        return await sessions.lease(resolved, functools.partial(self._open_session, resolved, provider))

    def _open_session(self, resolved: Resolved, provider: Provider) -> Session:
        if resolved.adapter.runtime != "langchain":
            return provider.open(resolved.target, self.context_of(resolved))
        from dragoman.langchain_driver.session import LangChainSession

        build = functools.partial(provider.langchain, resolved.target)
        return LangChainSession(build, self._build_context, resolved.description.kind)

    def _default_adapter(self, catalog: Catalog) -> str:
        if self.settings.default_adapter is None:
            known = ", ".join(catalog.entries) or "none"
            raise SettingsError(
                "no adapter is named and the settings have no default_adapter", hint=f"there are: {known}"
            )
        return self.settings.default_adapter

    async def _store(self) -> SecretStore:
        if self._secrets is None:
            return await self.run_blocking(lambda: self.secrets)
        return self._secrets

    async def _secret(self, name: str) -> Secret:
        return await (await self._store()).get(name)

    async def _build_context(self) -> BuildContext:
        return BuildContext(await (await self._store()).load(), self.settings.langchain.classes)

    async def _current(self) -> Snapshot:
        store = await self._store()
        view = await store.load()
        snapshot = self._snapshot
        if snapshot is None or snapshot.revision != store.revision:
            snapshot = await self.run_blocking(self._load_catalog, view, store.revision)
        return snapshot

    def _load_catalog(self, view: SecretView, revision: int, *, reread: bool = False) -> Snapshot:
        with self._loading:
            before, saved = self._snapshot, self._saved
            if before is None or before.revision != revision or reread:
                files = self._read_files(view, before.files if before else None)
            elif (before.saved.adapters, before.saved.configurations) == (saved.adapters, saved.configurations):
                return before  # other kinds are no part of a catalogue
            else:
                files = before.files
            self._snapshot = Snapshot(revision, files, saved)
            return self._snapshot

    def _read_files(self, view: SecretView, before: Catalog | None) -> Catalog:
        settings = self.settings
        folders = (settings.adapters_folder, settings.inference_folder)
        catalog = load_catalog(self.plugins, view, *folders, settings.connections, previous=before)
        return catalog if before is None else keep_what_worked(catalog, before, self.plugins)

    async def _provider(self, description: ProviderDescription) -> Provider:
        provider = await self.run_blocking(import_provider, description)
        return self._providers.setdefault(description.kind, provider)

    def _observers(self, own: Observe | None) -> Observe | None:
        all_calls = self._observe if self.plugins.observers else None
        if all_calls is None or own is None:
            return own or all_calls

        def both(call: CallObservation) -> None:
            own(call)
            self._observe(call)

        return both

    def _observe(self, call: CallObservation) -> None:
        for name, observer in self.plugins.observers:
            try:
                observer(call)
            except Exception:
                logger.exception("plugin %s: dragoman_observe failed; the call goes on", name)

    @contextmanager
    def _redacting(self) -> Iterator[None]:
        try:
            yield
        except DragomanError as error:
            if self._secrets is not None:
                redact_error(error, self._secrets.redact)
            raise


def _readable(body: bytes | None) -> Any:
    if body is None:
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")
