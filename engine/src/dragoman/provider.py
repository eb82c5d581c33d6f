"""The contract of a plugin: what it describes, what it opens, and what the engine hands it.

A plugin's entry point names a light module: pydantic models and hook implementations, no SDK. Its provider
description names a factory that is imported on first use. The provider opens a *session* for a target in one of three
ways: a :class:`Codec` (pure functions between our values and the provider's JSON, driven by
:meth:`Context.codec_session`), a payload mapping, or a LangChain chat model.

Nothing here but :class:`Context` comes from the engine's upper floors; everything else of the engine is private.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Literal, NamedTuple, ParamSpec, Protocol, TypeVar

from pydantic import BaseModel
from typing_extensions import TypeVar as TypeVarWithDefault

from dragoman.adapter import (
    EmbedInference,
    Inference,
    InferenceSettings,
    Limits,
    Operation,
    PayloadMapping,
    Prompt,
    RerankInference,
)
from dragoman.errors import DragomanError, Problem, ProviderError, UnsupportedError
from dragoman.events import Collector, EmbedResponse, Event, RerankResponse, Response, Usage
from dragoman.inspection import CheckStep, ModelList, Permissions
from dragoman.messages import Message, Tool, ToolChoice
from dragoman.secret import MASK, Secret

#: Version of this contract, (major, minor). A plugin states the one it was written for as ``PLUGIN_API``; it loads
#: where the major is equal and its minor is not above the engine's.
PLUGIN_API = (1, 0)

A = ParamSpec("A")
T = TypeVar("T")
I_co = TypeVarWithDefault("I_co", bound=InferenceSettings, default=Inference, covariant=True)


# --- what a plugin describes -------------------------------------------------------------------------------------


class Identity(NamedTuple):
    """A field of a connection by which calls take on another identity, such as the ARN of a role to assume.

    A caller may change it only to what the deployment's allow list holds, whatever else the policy allows.

    Args:
        path: The field, dotted, from the connection on; ``*`` stands for one place of a list: ``roles.*.arn``.
        prescribed: Fields beside it that the allow list prescribes along with the value: ``external_id``.
    """

    path: str
    prescribed: tuple[str, ...] = ()


class Connection(BaseModel):
    """Base of a provider's connection model: unknown members are refused, values never change.

    ``identities`` names the fields that take on another identity; see :class:`Identity`.
    """

    model_config = {"extra": "forbid", "frozen": True, "protected_namespaces": ()}

    identities: ClassVar[tuple[Identity, ...]] = ()


class Shown:
    """Marks a member of a connection model: its default stands in the effective document, where a person sees it.

    ``auth: Annotated[MyAuth, Shown()] = Field(ApiKeyAuth(), …)``. Meant for what decides who calls.
    """


@dataclass(frozen=True, slots=True)
class ModelRules:
    """What some models do not take, as a row of data.

    Args:
        base_models: Whole values of an adapter's ``base_model`` that the rules hold for.
        rules: Rules as a document has them. They lie underneath the document's own ``rules``, which replace them.
        source: Where the fact comes from.
        checked: The day somebody looked, YYYY-MM-DD.
    """

    base_models: tuple[str, ...]
    rules: tuple[Mapping[str, Any], ...]
    source: str
    checked: str


#: For ``Field(json_schema_extra=…)`` of a connection's field that names something of the machine the engine runs on (a
#: file, a command, a profile), or an address that is called by other means than the engine's transport. The
#: deployment's files and local commands may set it; where an API caller does, the document is refused.
DEPLOYMENT_ONLY: dict[str, Any] = {"x-deployment-only": True}


@dataclass(frozen=True, slots=True)
class ProviderDescription:
    """One provider of a plugin.

    Args:
        kind: What an adapter's ``provider`` says; unique among all plugins.
        title: What a person sees.
        factory: ``module:Class`` of the :class:`Provider`, imported on first use and called without arguments.
        connection: Model of the adapter's ``connection``; a :class:`Connection`.
        inference: Model of the adapter's ``inference``: :class:`~dragoman.adapter.Inference`, or a subclass with the
            provider's own fields.
        embedding: The same for operation embed.
        reranking: The same for operation rerank.
        credentials: Credential field -> default name of its secret (``{"api_key": "OPENAI_API_KEY"}``); ``None`` for
            a field that is used only where an adapter names a secret for it.
        operations: What its sessions can do.
        mapping: Whether it takes the document's ``mapping`` and ``prompt``; where it does not, they are refused.
        native: Whether it has a codec, a mapping or code of its own; false where it is only a LangChain class.
        any_credentials: Whether an adapter may name credentials beside these, under whatever field it likes.
        rules: Rules that hold for models known by their ``base_model``; where two rows name one, both hold.
        documentation_url: Where a person reads on.
        permission_purposes: What :meth:`Provider.permissions` can be asked for, each in a word; the first is a call.
            Empty = the provider knows no policies.
    """

    kind: str
    title: str
    factory: str
    connection: type[BaseModel] = Connection
    inference: type[Inference] = Inference
    embedding: type[EmbedInference] = EmbedInference
    reranking: type[RerankInference] = RerankInference
    credentials: Mapping[str, str | None] = field(default_factory=dict)
    operations: tuple[Operation, ...] = ("chat",)
    mapping: bool = False
    native: bool = True
    any_credentials: bool = False
    rules: tuple[ModelRules, ...] = ()
    documentation_url: str | None = None
    permission_purposes: tuple[str, ...] = ()

    def settings_model(self, operation: Operation) -> type[InferenceSettings]:
        """Return the model of ``inference`` for an operation."""
        models: dict[Operation, type[InferenceSettings]] = {
            "chat": self.inference,
            "embed": self.embedding,
            "rerank": self.reranking,
        }
        return models[operation]


@dataclass(frozen=True, slots=True)
class PredefinedAdapter:
    """An adapter that a plugin brings, as a document; or the reason why one that was asked for cannot be made.

    ``problem`` names exactly what is missing; the entry is then listed as failed, beside the others.
    """

    name: str
    document: Mapping[str, Any] | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class SecretSourceDescription:
    """A place where secrets can come from: ``kind`` is what the settings name, ``settings`` its model.

    Every source also takes ``rename``, ``text_name`` and ``optional``, which the engine handles. A member or property
    ``label`` of the settings, where there is one, tells a person which one it is (``prod/llm-keys``).
    """

    kind: str
    title: str
    settings: type[BaseModel]
    factory: str


class SecretSource(Protocol):
    """Reads one secret document. Built from its settings model: ``factory(settings)``."""

    def read(self) -> str | None:
        """Return the raw text: a JSON object of names and values, or one plain value; ``None`` where it is absent.

        May block; runs off the loop. Raise ``SecretError``, whose text holds no content, where it cannot be read; of
        any other exception only the type is shown.
        """
        ...


class SecretView(Protocol):
    """The secrets that were loaded, by name, for hooks that derive adapters from them."""

    def names(self) -> Sequence[str]:
        """Return every name that a secret source brings, sorted. The process environment is not listed."""
        ...

    def get(self, name: str) -> Secret | None:
        """Return the secret of that name from the sources, then the process environment; ``None`` where absent."""
        ...


@dataclass(frozen=True, slots=True)
class ImporterDescription:
    """Foreign documents that a plugin can turn into adapters.

    Args:
        name: What ``dragoman adapters import --from`` says; unique among all plugins.
        title: What a person sees: whose documents.
        factory: ``module:function``, imported on first use; called as ``function(text, tools)`` with a document's text
            and :class:`ImportTools`. It returns :class:`Imported`, blocks at most for computing, and raises
            ``DocumentError`` where the text is no such document.
    """

    name: str
    title: str
    factory: str


class Imported(NamedTuple):
    """What an importer made of a foreign document.

    ``documents`` are sparse adapter documents, each with its name, bases before those that build on them; ``notes``
    say what could not be taken over as it was, each with its path in the foreign document.
    """

    documents: Sequence[Mapping[str, Any]]
    notes: Sequence[Problem] = ()


class ImportTools(Protocol):
    """What the engine hands an importer."""

    def shorthand_mapping(self, prompt_path: str, kwargs_path: str | None, output_path: str) -> dict[str, Any]:
        """Return the mapping that says the same as three lodash paths.

        Args:
            prompt_path: Where the prompt goes in the request.
            kwargs_path: Where ``model_kwargs`` go; ``None`` spreads them on the root.
            output_path: Where the text is in the answer.

        Raises:
            ValueError: A path cannot be used; the text says why.
        """
        ...


@dataclass(frozen=True, slots=True)
class Tls:
    """Whom the connections of a session trust, and who they say they are. Files in PEM form; changes are noticed.

    Args:
        ca_file: Certificates of authorities, which are trusted and no others; ``None`` = those of the machine.
        client_certificate_file: The client's certificate, with the ones it was issued by; ``None`` = none is shown.
        client_key_file: Its private key, not encrypted; ``None`` = it is in the certificate's file.
        path: What errors call the whole, as a dotted path of the document.
    """

    ca_file: str | None = None
    client_certificate_file: str | None = None
    client_key_file: str | None = None
    path: str = "connection.tls"


# --- what travels ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Target:
    """What a session is opened for: the part of the effective document that decides where calls go.

    Two adapters with equal targets share a session; everything else comes with each request. A server's address is made
    of ``connection`` and nothing else, so that whoever may choose a model chooses no server. ``base_model`` is the
    model behind ``model``, for facts about it only: it is never sent.
    """

    provider: str
    model: str
    connection: Any
    credentials: Mapping[str, str]
    operation: Operation = "chat"
    mapping: PayloadMapping | None = None
    prompt: Prompt | None = None
    base_model: str | None = None


@dataclass(frozen=True, slots=True)
class CallSettings(Generic[I_co]):
    """The part of the effective document that may differ from call to call."""

    inference: I_co
    model_kwargs: Mapping[str, Any] = field(default_factory=dict)
    endpoint_kwargs: Mapping[str, Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One conversation to answer. ``stream`` says which of the two the caller is waiting for."""

    messages: tuple[Message, ...]
    settings: CallSettings
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    stream: bool = False


#: What texts are embedded for: to be found, or to find others with.
Purpose = Literal["document", "query"]


@dataclass(frozen=True, slots=True)
class EmbedRequest:
    """Texts to embed, as many as one request may carry.

    ``purpose`` is a hint: where ``inference.input_type`` is not set, a codec translates it into its provider's word;
    one whose provider has no such notion embeds for both alike.
    """

    texts: tuple[str, ...]
    settings: CallSettings[EmbedInference]
    purpose: Purpose | None = None


@dataclass(frozen=True, slots=True)
class RerankRequest:
    """Documents to put in order by their relevance to a query, as many as one request may carry.

    ``top_n``: how many of the best are wanted; ``None`` = all.
    """

    query: str
    documents: tuple[str, ...]
    settings: CallSettings[RerankInference]
    top_n: int | None = None


@dataclass(slots=True)
class WireRequest:
    """An HTTP request, complete but for its credentials.

    Args:
        method: ``POST`` and the like.
        url: Absolute, encoded as it goes over the wire.
        headers: Name -> value; names as the provider documents them.
        body: The bytes to send; ``None`` for no body.
    """

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class WireReply:
    """An HTTP answer. ``headers`` have lower-case names; ``body`` is decompressed, and empty for a stream."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(slots=True)
class Frame:
    """One frame of a stream: ``data`` as bytes, and the event's name where the framing has one."""

    data: bytes
    event: str | None = None


class Framing(Protocol):
    """Cuts a byte stream into frames, wherever the network cut it."""

    def feed(self, piece: bytes) -> Iterable[Any]:
        """Take the next piece and return the frames that are now complete."""
        ...

    def end(self) -> Iterable[Any]:
        """Return what is still held back; raise :class:`~dragoman.errors.ProtocolError` if it is cut off."""
        ...


#: A framing the engine brings (``sse``: server-sent events; ``jsonl``: one JSON value a line; ``raw``: pieces as
#: they come) or a plugin's own.
FramingChoice = Literal["sse", "jsonl", "raw"] | Callable[[], Framing]


class StreamDecoder(Protocol):
    """Turns the frames of one answer into events."""

    def feed(self, frame: Any) -> Iterable[Event]:
        """Return the events of one frame; raise the provider's error where the frame is one."""
        ...

    def end(self) -> Iterable[Event]:
        """Return what is left when the stream has ended. An answer without its finish is the engine's to refuse."""
        ...


class Codec(ABC):
    """Pure functions between our values and one provider's wire. No I/O, no clock, no state between requests."""

    framing: FramingChoice = "sse"

    @abstractmethod
    def encode(self, request: ChatRequest) -> WireRequest:
        """Return the request to send; raise :class:`~dragoman.errors.UnsupportedError` for what cannot be said."""

    @abstractmethod
    def decode(self, request: ChatRequest, reply: WireReply) -> Response:
        """Return the answer of a 2xx reply; raise :class:`~dragoman.errors.ProtocolError` where a member is missing."""

    @abstractmethod
    def decode_stream(self, request: ChatRequest, reply: WireReply) -> StreamDecoder:
        """Return a decoder for the frames of a 2xx reply, whose body is still to come."""

    @abstractmethod
    def error(self, reply: WireReply) -> ProviderError:
        """Return the error of a reply outside 2xx, by status and the provider's code, never by message text."""


class EmbedCodec(ABC):
    """Pure functions between texts and one provider's wire; see :class:`Codec`.

    ``max_texts`` is how many texts the provider takes in one request; ``None`` = any number. The engine makes as many
    requests as that needs, and keeps the order.
    """

    max_texts: int | None = None

    @abstractmethod
    def encode(self, request: EmbedRequest) -> WireRequest:
        """Return the request to send; raise :class:`~dragoman.errors.UnsupportedError` for what cannot be said."""

    @abstractmethod
    def decode(self, request: EmbedRequest, reply: WireReply) -> EmbedResponse:
        """Return one vector for each text of a 2xx reply, in the order of the texts."""

    @abstractmethod
    def error(self, reply: WireReply) -> ProviderError:
        """Return the error of a reply outside 2xx."""


class RerankCodec(ABC):
    """Pure functions between a query with documents and one provider's wire; see :class:`Codec`.

    ``max_documents`` is how many documents the provider takes in one request; ``None`` = any number. Where there are
    more, the engine makes several requests and puts their results in one order.
    """

    max_documents: int | None = None

    @abstractmethod
    def encode(self, request: RerankRequest) -> WireRequest:
        """Return the request to send; raise :class:`~dragoman.errors.UnsupportedError` for what cannot be said."""

    @abstractmethod
    def decode(self, request: RerankRequest, reply: WireReply) -> RerankResponse:
        """Return the scored documents of a 2xx reply."""

    def next_page(self, request: RerankRequest, reply: WireReply) -> WireRequest | None:
        """Return the request for the rest of an answer that comes in pages; ``None`` where there is no more."""
        return None

    @abstractmethod
    def error(self, reply: WireReply) -> ProviderError:
        """Return the error of a reply outside 2xx."""


# --- payloads ----------------------------------------------------------------------------------------------------


class Payload(Protocol):
    """An endpoint's own JSON, as an adapter's ``mapping`` and ``prompt`` describe it: the body half of a codec.

    :meth:`Context.payload` makes it. A plugin composes it inside its own codec, which adds address, headers and the
    envelope around an answer or its stream; one payload serves any number of requests.
    """

    @property
    def content_type(self) -> str:
        """The type of the bytes that :meth:`encode` returns."""
        ...

    @property
    def accept(self) -> str:
        """The type of answer to ask for."""
        ...

    @property
    def stream_accept(self) -> str:
        """The type of answer to ask for where it is to come in pieces, for endpoints that choose by it."""
        ...

    @property
    def streams(self) -> bool:
        """Whether answers come in pieces; where not, a stream is one whole answer at its end."""
        ...

    @property
    def framing(self) -> Callable[[], Framing]:
        """Makes the framing of one stream, for :attr:`Codec.framing`, or for what is inside a plugin's own framing."""
        ...

    def encode(self, request: ChatRequest, model: str) -> bytes:
        """Return the request's body; ``model`` is what the adapter addresses.

        Raises:
            UnsupportedError: The mapping has no place for what was asked; the path names it.
        """
        ...

    def decode(self, body: bytes, request: ChatRequest) -> Response:
        """Return the answer of a 2xx reply.

        Raises:
            ProtocolError: What the mapping looks for is not there; the text says where its path stopped.
            ProviderError: The body is an error all the same.
        """
        ...

    def decoder(self, request: ChatRequest) -> StreamDecoder:
        """Return a decoder for one stream: for frames of :attr:`framing`, or frames that are one JSON value each."""
        ...

    def error_message(self, body: bytes) -> str | None:
        """Return the endpoint's own words in the body of a refusal; ``None`` where the mapping finds none."""
        ...

    def error_word(self, body: bytes) -> tuple[str, type[ProviderError] | None] | None:
        """Return what ``error_code`` finds in the body of a refusal, and the class that ``error_map`` gives it.

        ``None`` where it finds nothing; a word that the map does not have comes without a class.
        """
        ...


class EmbedPayload(Protocol):
    """A :class:`Payload` for operation embed; :meth:`Context.embed_payload` makes it."""

    @property
    def content_type(self) -> str: ...
    @property
    def accept(self) -> str: ...

    @property
    def max_texts(self) -> int | None:
        """How many texts the mapping has a place for: 1 where it reads the first one alone, else ``None``."""
        ...

    def encode(self, request: EmbedRequest, model: str) -> bytes:
        """Return the request's body; raise ``UnsupportedError`` for what the mapping has no place for."""
        ...

    def decode(self, body: bytes, request: EmbedRequest) -> EmbedResponse:
        """Return the vectors of a 2xx reply; raise as :meth:`Payload.decode` does."""
        ...

    def error_message(self, body: bytes) -> str | None: ...
    def error_word(self, body: bytes) -> tuple[str, type[ProviderError] | None] | None: ...


class RerankPayload(Protocol):
    """A :class:`Payload` for operation rerank; :meth:`Context.rerank_payload` makes it."""

    @property
    def content_type(self) -> str: ...
    @property
    def accept(self) -> str: ...

    def encode(self, request: RerankRequest, model: str) -> bytes:
        """Return the request's body; raise ``UnsupportedError`` for what the mapping has no place for."""
        ...

    def decode(self, body: bytes, request: RerankRequest) -> RerankResponse:
        """Return the scored documents of a 2xx reply; raise as :meth:`Payload.decode` does."""
        ...

    def error_message(self, body: bytes) -> str | None: ...
    def error_word(self, body: bytes) -> tuple[str, type[ProviderError] | None] | None: ...


# --- credentials -------------------------------------------------------------------------------------------------


class Credentials(NamedTuple):
    """What an authorizer signs with.

    ``expires_at_s`` is wall-clock time in seconds since 1970; the engine caches until shortly before. ``None`` means
    that acquiring is cheap and is done for each call.
    """

    value: Any
    expires_at_s: float | None = None


class Authorizer(ABC):
    """Obtains credentials, and signs requests with them. Split in two so that signing is pure and testable."""

    @property
    @abstractmethod
    def identity(self) -> Hashable:
        """Equal for authorizers whose credentials are the same; the engine caches by it. Never a secret value."""

    @abstractmethod
    async def acquire(self) -> Credentials:
        """Return fresh credentials. The engine calls it once for any number of concurrent first calls."""

    @abstractmethod
    def sign(self, request: WireRequest, credentials: Credentials) -> WireRequest:
        """Return the request with its credentials. Pure: no I/O, the given request is left as it is."""

    @abstractmethod
    def placeholder(self) -> Credentials:
        """Return credentials that hold no secret, for a dry run."""

    def describe(self) -> str | None:
        """Return who calls, for a person: ``the key of the secret OPENAI_API_KEY``. No I/O, never a secret's value."""
        return None


class NoAuth(Authorizer):
    """Sends no credentials, for servers that want none."""

    identity = "none"

    async def acquire(self) -> Credentials:
        return Credentials(None)

    def sign(self, request: WireRequest, credentials: Credentials) -> WireRequest:
        return request

    def placeholder(self) -> Credentials:
        return Credentials(None)

    def describe(self) -> str:
        return "nobody in particular: no credentials are sent"


class HeaderKey(Authorizer):
    """Sends one secret in one header, as ``Authorization: Bearer …`` unless told otherwise."""

    def __init__(
        self, context: Context, secret: str, *, header: str = "Authorization", prefix: str = "Bearer "
    ) -> None:
        self._context = context
        self._secret = secret
        self._header = header
        self._prefix = prefix

    @property
    def identity(self) -> Hashable:
        return ("secret", self._secret)

    async def acquire(self) -> Credentials:
        return Credentials(await self._context.secret(self._secret))

    def sign(self, request: WireRequest, credentials: Credentials) -> WireRequest:
        headers = {**request.headers, self._header: self._prefix + credentials.value.reveal()}
        return WireRequest(request.method, request.url, headers, request.body)

    def placeholder(self) -> Credentials:
        return Credentials(Secret(MASK))

    def describe(self) -> str:
        return f"the key of the secret {self._secret}"


# --- sessions ----------------------------------------------------------------------------------------------------


class Session:
    """An open line to one target. One attempt per call: the engine retries, times and reports.

    A session belongs to the event loop it was opened on, and does what the target's operation says: it has
    :meth:`stream`, or :meth:`embed`, or :meth:`rerank`.
    """

    #: Embed and rerank: how many texts or documents one request carries; ``None`` = any number.
    max_batch_size: int | None = None

    def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """Yield the answer's events, as :mod:`dragoman.events` orders them. Closing it stops the provider's work."""
        raise UnsupportedError(f"{type(self).__name__} answers no chat")

    async def arrivals(self, request: ChatRequest) -> AsyncGenerator[Sequence[Event], None]:
        """Yield the same events, those together that arrived together; by default each alone.

        The engine reads answers this way: a wire that brings many events at once need not wait between them.
        """
        async with aclosing(self.stream(request)) as events:
            async for event in events:
                yield (event,)

    async def generate(self, request: ChatRequest) -> Response:
        """Return the whole answer; by default the collected stream."""
        collector = Collector()
        async for event in self.stream(request):
            collector.add(event)
        return collector.response()

    async def count_tokens(self, request: ChatRequest) -> Usage | None:
        """Return the input's size in tokens, ``None`` where the provider cannot tell; the engine then estimates."""
        return None

    async def embed(self, request: EmbedRequest) -> EmbedResponse:
        """Return the vectors of one batch."""
        raise UnsupportedError(f"{type(self).__name__} embeds nothing")

    async def rerank(self, request: RerankRequest) -> RerankResponse:
        """Return the scores of one batch."""
        raise UnsupportedError(f"{type(self).__name__} ranks nothing")

    async def dry_run(self, request: Any) -> WireRequest:
        """Return the exact request with its credentials masked, and send nothing.

        ``request`` is a :class:`ChatRequest`, :class:`EmbedRequest` or :class:`RerankRequest`, as the operation says.
        """
        raise UnsupportedError("this provider cannot show its request without sending it")

    async def aclose(self) -> None:
        """Release what the session holds."""


class Provider:
    """What a description's ``factory`` makes: opens sessions, or builds a LangChain chat model, or both."""

    def open(self, target: Target, context: Context) -> Session:
        """Return a session. Cheap and without I/O: connections are made by the first call.

        Left out by a provider that is described with ``native=False``.
        """
        raise UnsupportedError(f"provider {target.provider} opens no session of its own", hint="set runtime: langchain")

    def langchain(self, target: Target, settings: CallSettings[Any], context: LangChainContext) -> Any:
        """Return the ecosystem's own LangChain class for this target, configured explicitly and in full.

        That is a chat model, for operation embed an ``Embeddings``, for rerank a ``BaseDocumentCompressor``.

        ``settings`` are the call's: every one that is set goes into the model, or is refused with ``UnsupportedError``
        where its class has no place for it. The engine refuses those that are not even looked at. Blocking is allowed;
        environment variables must not be able to redirect or replace anything. Callbacks of the model are not called
        where the engine drives it (``runtime: langchain``).
        """
        raise UnsupportedError(f"provider {target.provider} offers no LangChain class")

    async def models(self, target: Target, context: Context) -> Sequence[ModelList]:
        """Return what can be called at a target's address as its identity, read now.

        ``target.model`` means nothing here. A provider with several sources returns a list for each, with its failure
        where it failed; what this raises stands for all of them.
        """
        raise UnsupportedError(f"provider {target.provider} lists no models")

    async def permissions(
        self, target: Target, settings: CallSettings[Any], context: Context, purposes: Sequence[str]
    ) -> Permissions:
        """Return what has to be allowed, and to whom, for a target to be used with these settings.

        ``purposes`` are some of the description's ``permission_purposes``, at least one. It tells what ought to be, not
        what is: nothing need be asked of anybody. Where there is nothing to allow for them, say so with an error.
        """
        raise UnsupportedError(f"provider {target.provider} has no policies to show")

    async def check(self, target: Target, context: Context) -> AsyncGenerator[CheckStep, None]:
        """Yield what `dragoman doctor` should find out about a target beyond what it does for every provider.

        The engine itself looks at document, mapping, secrets, credentials and network, before this, and makes a call,
        after it. A failed step ends the check. What may not be asked, or is not known, is a skipped step: an identity
        that may call and nothing else is a good one. What is raised fails the step ``provider``.
        """
        nothing: tuple[CheckStep, ...] = ()
        for step in nothing:
            yield step

    async def explain(self, failure: DragomanError, target: Target, context: Context) -> str | None:
        """Return what to do about a failed call, or about credentials that could not be obtained.

        Only where there is more to say than the error's own hint. Asked by the check alone: it may look things up.
        """
        return None


class LangChainProvider(Provider):
    """A provider that is one LangChain chat model: a subclass names the class, and that is all.

    The model is built as :meth:`LangChainContext.chat_model` says, with the members of the connection as further
    arguments. Describe it with ``native=False``.
    """

    #: ``module:Class``, imported on first use.
    model_class: ClassVar[str]

    def langchain(self, target: Target, settings: CallSettings, context: LangChainContext) -> Any:
        return context.chat_model(self.model_class, target, settings, target.connection.model_dump(exclude_none=True))


class LangChainContext(Protocol):
    """What a LangChain class can be built from: the secrets, already read, and who closes what it holds."""

    def chat_model(
        self, named: str, target: Target, settings: CallSettings, arguments: Mapping[str, Any] | None = None
    ) -> Any:
        """Build a chat model from the class's own fields: model, inference settings, credentials, no retries.

        Args:
            named: ``module:Class``.
            target: Says the model, and the credentials: field of the class -> name of the secret.
            settings: Each setting goes into the field that the class has for it.
            arguments: Further arguments of the class, by the names of its fields.

        Raises:
            UnsupportedError: The class has no field for something that is set, or is not installed.
            PluginError: It is no chat model.
        """
        ...

    def class_named(self, name: str) -> str:
        """Return the ``module:Class`` that the deployment's settings have under a name (``[langchain.classes]``).

        Raises:
            UnsupportedError: They have none; the names that there are.
        """
        ...

    def secret(self, name: str) -> Secret:
        """Return a secret; raise :class:`~dragoman.errors.SecretError` where it is absent."""
        ...

    def on_close(self, close: Callable[[], Awaitable[None] | None]) -> None:
        """Have a client of the model closed when the engine no longer drives it.

        Called on the event loop that the model was driven on. A model that a person asked the engine for is that
        person's to close.
        """
        ...


class Context(Protocol):
    """What the engine hands a provider."""

    async def secret(self, name: str) -> Secret:
        """Return a secret by name, as fresh as the deployment's TTL; raise ``SecretError`` where it is absent."""
        ...

    def codec_session(self, codec: Codec, authorizer: Authorizer, *, tls: Tls | None = None) -> Session:
        """Return a session that drives the codec over the engine's transport; ``tls`` is for https, ``None`` = usual.

        The transport refuses an address that an API caller had a hand in and that is not on the public internet.
        """
        ...

    def embed_session(self, codec: EmbedCodec, authorizer: Authorizer, *, tls: Tls | None = None) -> Session:
        """Return a session for operation embed that drives the codec over the engine's transport."""
        ...

    def rerank_session(self, codec: RerankCodec, authorizer: Authorizer, *, tls: Tls | None = None) -> Session:
        """Return a session for operation rerank that drives the codec over the engine's transport."""
        ...

    def payload(self, target: Target) -> Payload:
        """Return the compiled payload of the target's ``mapping`` and ``prompt``.

        Raises:
            DocumentError: The target has no mapping, or one that does not hold; every problem with its path.
        """
        ...

    def embed_payload(self, target: Target) -> EmbedPayload:
        """Return the compiled payload of a target for operation embed; raises as :meth:`payload` does."""
        ...

    def rerank_payload(self, target: Target) -> RerankPayload:
        """Return the compiled payload of a target for operation rerank; raises as :meth:`payload` does."""
        ...

    async def send(self, request: WireRequest, limits: Limits, *, tls: Tls | None = None) -> WireReply:
        """Send one request over the engine's transport and return the whole answer, whatever its status.

        For token endpoints and the like; addresses are checked, and ``tls`` used, as in :meth:`codec_session`. Raises
        ``ConnectionFailedError`` and ``CallTimeoutError``; where the answer is not HTTP or is too long
        ``ProtocolError``, and where the request cannot be written ``InvalidRequestError``.
        """
        ...

    async def credentials(self, authorizer: Authorizer) -> Credentials:
        """Return the authorizer's credentials from the engine's cache, acquired or refreshed as needed."""
        ...

    async def run_blocking(self, function: Callable[A, T], *args: A.args, **kwargs: A.kwargs) -> T:
        """Run a blocking call in the engine's own threads, never in the loop's default pool."""
        ...

    def now_s(self) -> float:
        """Return the wall clock, in seconds since 1970."""
        ...


# --- observation -------------------------------------------------------------------------------------------------


class CallObservation(NamedTuple):
    """What an observer is told: once when a call starts, once when it ends, however it ends.

    ``phase`` is ``start``, ``end``, ``error`` or ``cancelled``; figures are ``None`` until they are known.
    """

    phase: Literal["start", "end", "error", "cancelled"]
    call_id: str
    adapter: str | None
    provider: str
    model: str
    operation: Operation
    attempts: int = 0
    duration_s: float | None = None
    first_event_s: float | None = None
    usage: Usage | None = None
    finish_reason: str | None = None
    error_code: str | None = None
    response_model: str | None = None
    response_id: str | None = None
