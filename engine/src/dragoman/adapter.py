"""The adapter document: one serializable description of everything that a model call needs.

A document is *sparse*: an absent member is inherited from the layers below, then from the defaults written here. The
same models describe a layer (where ``null`` says "remove what lies below") and an effective document (which holds no
``null``). What a provider adds, its ``connection`` and extra ``inference`` fields, is validated by the plugin's own
models when the document is resolved.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, ValidationError, field_validator

from dragoman.errors import DocumentError, Problem

Operation = Literal["chat", "embed", "rerank"]
Runtime = Literal["native", "langchain"]

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]*\Z")

#: Members that belong to one document and are never inherited from a base.
IDENTITY_MEMBERS = ("version", "name", "aliases", "title", "base")

#: A tag's key, as the clouds take them for cost allocation: 1 to 128 characters, without blanks at the ends.
TAG_KEY_PATTERN = re.compile(r"(?! )[\w .:/=+@-]{1,128}(?<! )")
_LONGEST_TAG_VALUE = 256
_MOST_TAGS = 200

Decimalish = Annotated[str, BeforeValidator(lambda v: str(v) if isinstance(v, int | float) else v)]


class Section(BaseModel):
    """A group of the document: unknown members are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=())


class ReasoningSettings(Section):
    """How much the model may think. A provider that knows only one of the two refuses the other."""

    effort: str | None = Field(
        None, description="none, minimal, low, medium, high and the like, in the provider's words"
    )
    budget_tokens: int | None = Field(None, ge=0, description="at most this many tokens of reasoning")


class JsonSchemaFormat(Section):
    """A JSON Schema that the answer must follow."""

    name: str | None = Field(None, description="a short name; `answer` where a provider needs one")
    description: str | None = None
    schema_: dict[str, Any] | None = Field(None, alias="schema", description="the JSON Schema, kept as it is")
    strict: bool | None = None

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, protected_namespaces=())


class ResponseFormat(Section):
    """The shape of the answer: free text, any JSON object, or JSON that follows a schema."""

    type: Literal["text", "json_object", "json_schema"] | None = "text"
    json_schema: JsonSchemaFormat | None = None


class InferenceSettings(BaseModel):
    """Base of the inference settings of every operation.

    A plugin may add fields of its own; they are validated when the document is resolved, and refused where the
    provider does not know them.
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False, protected_namespaces=())

    configuration: str | None = Field(None, description="name of an inference configuration, expanded underneath")


class EmbedInference(InferenceSettings):
    """What can be set for operation embed; a provider that does not know one of them refuses it."""

    dimensions: int | None = Field(None, ge=1, description="the length of each vector")
    input_type: str | None = Field(
        None, description="what the texts are for, in the provider's word; absent = what the call says they are for"
    )
    truncate: str | None = Field(
        None, description="which end of too long a text is cut off, in the provider's word; absent = it is refused"
    )
    normalize: bool | None = Field(None, description="whether each vector gets length 1")
    encodings: list[str] | None = Field(
        None, description="the forms of each vector, in the provider's words, for example float, int8; absent = float"
    )


class RerankInference(InferenceSettings):
    """What can be set for operation rerank; a provider that does not know one of them refuses it."""

    max_tokens_per_document: int | None = Field(
        None, ge=1, description="how much of each document is read; the rest is cut off"
    )


class Inference(InferenceSettings):
    """Inference settings of a chat, in one vocabulary and unit system for all providers."""

    temperature: float | None = Field(
        None, ge=0, description="0 is the most predictable; the upper end is the provider's"
    )
    top_p: float | None = Field(
        None, ge=0, le=1, description="sample from the smallest set of tokens with this probability"
    )
    top_k: int | None = Field(None, ge=0, description="sample from the k likeliest tokens")
    max_tokens: int | None = Field(None, ge=1, description="the answer's length, in tokens, reasoning included")
    stop_sequences: list[str] | None = Field(None, description="texts that end the answer; they are not part of it")
    seed: int | None = Field(None, description="makes sampling repeatable where the provider supports it")
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    reasoning: ReasoningSettings | None = None
    response_format: ResponseFormat | None = None

    @field_validator("stop_sequences", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


#: Our setting, below ``inference`` -> the names that endpoints give it, as :func:`plain_setting` writes them.
SETTING_NAMES: Mapping[str, frozenset[str]] = {
    "temperature": frozenset({"temperature", "temp"}),
    "top_p": frozenset({"topp", "p"}),
    "top_k": frozenset({"topk", "k"}),
    "max_tokens": frozenset(
        {
            "maxtokens", "maxnewtokens", "maxlength", "maxlen", "maxtokencount", "maxgenlen", "maxoutputtokens",
            "maxcompletiontokens", "maxtokenstosample", "npredict", "numpredict", "maxgeneratedtokens",
        }
    ),
    "stop_sequences": frozenset({"stop", "stopsequences", "stopwords", "stopstrings"}),
    "seed": frozenset({"seed", "randomseed"}),
    "presence_penalty": frozenset({"presencepenalty"}),
    "frequency_penalty": frozenset({"frequencypenalty"}),
    "reasoning.budget_tokens": frozenset(
        {"budgettokens", "thinkingbudget", "reasoningbudget", "thinkingbudgettokens", "reasoningtokens"}
    ),
    "reasoning.effort": frozenset({"reasoningeffort", "effort", "thinkinglevel"}),
    "dimensions": frozenset(
        {"dimensions", "dimension", "outputdimension", "outputdimensionality", "outputembeddinglength"}
    ),
    "max_tokens_per_document": frozenset({"maxtokensperdocument", "maxtokensperdoc", "maxchunksperdoc"}),
}  # fmt: skip


def plain_setting(name: object) -> str:
    """Return a setting's name without case and word breaks: ``maxOutputTokens`` and ``max_output_tokens`` are one."""
    folded = unicodedata.normalize("NFKC", str(name)).casefold()
    return "".join(character for character in folded if character.isalnum())


class Prompt(Section):
    """How messages become one prompt, for endpoints that take text: a family's markers, by preset or written out.

    Without `preset` the section stands for itself: what it does not say, the prompt cannot express.
    """

    preset: str | None = Field(
        None, description="a shipped set of role markers, for example llama-2-chat; members beside it change it"
    )
    start: str | None = Field(None, description="text before everything")
    system: str | None = Field(None, description="how a system message is written; {content} stands for its text")
    user: str | None = Field(None, description="how a user message is written; {content} stands for its text")
    user_with_system: str | None = Field(
        None,
        description="how the first user message is written where there is a system message: {system} and {content}; "
        "for families that have no system message of its own",
    )
    assistant: str | None = Field(
        None, description="how an assistant message is written; {content} stands for its text"
    )
    end: str | None = Field(None, description="text after everything, where the model begins to write")
    strip: bool | None = Field(None, description="whether white space around each message's text is cut off")
    alternate: bool | None = Field(
        None, description="whether consecutive messages of one role are joined by a blank line, so that roles alternate"
    )


class ToolCallRules(Section):
    """Where the tool calls of an answer are, and the parts of each; in a stream: the pieces in one frame."""

    each: str | None = Field(None, description="the list of calls, or the one call; the rules below read each of them")
    index: str | None = Field(None, description="in a stream: which call a piece belongs to; absent = by their order")
    id: str | None = Field(None, description="the call's id; absent = one is made up")
    name: str | None = Field(None, description="the tool's name")
    arguments: str | None = Field(None, description="the arguments: JSON text, or the object itself")


Sum = str | list[str]


class AnswerRules(Section):
    """Where the parts of an answer are: one expression each; the empty text takes a preset's rule out."""

    text: str | None = Field(None, description="the answer's text; one that finds nothing is an error")
    reasoning: str | None = Field(None, description="the readable reasoning")
    signature: str | None = Field(None, description="the proof of that reasoning, which goes back with the next turn")
    redacted: str | None = Field(None, description="reasoning that came sealed, which goes back with the next turn")
    refusal: str | None = Field(None, description="the model's own words for not answering")
    tool_calls: ToolCallRules | None = Field(None, description="the tool calls the model asks for")
    finish: str | None = Field(None, description="why the answer ended, in the endpoint's word; see finish_map")
    tokens_in: Sum | None = Field(None, description="tokens read, cached ones included; several are added")
    tokens_out: Sum | None = Field(None, description="tokens written, reasoning included; several are added")
    tokens_cached: Sum | None = Field(None, description="tokens read from a cache, of tokens_in")
    tokens_cache_written: Sum | None = Field(None, description="tokens written to a cache, of tokens_in")
    tokens_reasoning: Sum | None = Field(None, description="tokens of reasoning, of tokens_out")
    id: str | None = Field(None, description="the endpoint's id of the answer")
    model: str | None = Field(None, description="the model the endpoint says it used")
    error: str | None = Field(
        None, description="an error's text, or anything but false, empty or null; looked for whatever the status"
    )
    error_code: str | None = Field(None, description="the endpoint's word for the kind of error; see error_map")
    extra: dict[str, str | None] | None = Field(
        None, description="other members to keep, by the name they get in the response's extra"
    )


class RankingRules(Section):
    """For operation rerank: where the documents' scores are, and the parts of each."""

    each: str | None = Field(None, description="the list of scored documents; the rules below read each of them")
    index: str | None = Field(
        None, description="the document's place in the request, from 0; absent = scores in the order of the documents"
    )
    score: str | None = Field(None, description="how relevant the document is: the higher, the more")


class ResponseRules(AnswerRules):
    """Where the parts of a whole answer are."""

    embeddings: str | None = Field(
        None, description="for operation embed: the list of vectors, or the one vector, in the order of the texts"
    )
    ranking: RankingRules | None = Field(None, description="for operation rerank: where the scores are")


class StreamRules(AnswerRules):
    """Where the parts of one frame of a stream are; in `text` and `reasoning` the new piece, not the text so far."""

    skip: str | None = Field(None, description="frames to pass over: those where it is not false, empty or null")
    done: str | None = Field(None, description="the last frame: the one where it is not false, empty or null")


class PayloadMapping(Section):
    """Request, response, stream, usage and error shapes, for endpoints with JSON of their own.

    Expressions are JMESPath, restricted; docs/mapping.md describes them and the request that they read.
    """

    preset: str | None = Field(None, description="a shipped mapping, for example tgi; members beside it change it")
    request: Any = Field(None, description='a JSON skeleton; a leaf {"$": "expression"} is filled from the request')
    response: ResponseRules | None = Field(None, description="where the parts of a whole answer are")
    stream: StreamRules | None = Field(None, description="where the parts of one frame of a stream are")
    framing: Literal["sse", "jsonl", "json", "raw"] | None = Field(
        None,
        description="how a stream is cut: sse, jsonl (one JSON value after another), raw (nothing but text), or json "
        "(no stream: one value at the end); absent = sse with stream rules, json without",
    )
    finish_map: dict[str, str | None] | None = Field(
        None,
        description="the endpoint's word -> stop, length, stop_sequence, tool_calls, content_filter, refusal, error",
    )
    error_map: dict[str, str | None] | None = Field(
        None, description="the endpoint's error_code -> an error's code, for example rate_limited; absent = server"
    )
    ignore: list[str] | None = Field(
        None,
        description="settings that the endpoint cannot take and that are left out and reported, for example "
        "inference.seed; others that the skeleton does not read are refused",
    )
    content_type: str | None = Field(
        None, description="absent = application/json; of another type the skeleton must give text, sent as it is"
    )
    accept: str | None = Field(None, description="the answer's type to ask for; absent = application/json")


class Constraints(Section):
    """Limits of the model that act: too long an input is refused, `max_tokens` is capped and the cap reported."""

    max_input_tokens: int | None = Field(None, ge=1)
    max_total_tokens: int | None = Field(None, ge=1)


class Capabilities(Section):
    """What the model can do, declared and never guessed from its name. Absent means: not declared, so not refused."""

    streaming: bool | None = None
    tools: bool | None = None
    images: bool | None = None
    documents: bool | None = None
    audio: bool | None = None
    video: bool | None = None
    system: bool | None = None
    structured_output: bool | None = None
    reasoning: bool | None = None


class ExclusiveRule(Section):
    """Of these settings the model takes one. With `keep` the others are left out and reported; without it: refused."""

    exclusive: list[str] = Field(min_length=2, description="paths, for example inference.temperature")
    keep: str | None = Field(None, description="the path that stays where several are set")


class ForbidRule(Section):
    """The model does not take this setting. With `drop` it is left out and reported; without it: refused."""

    forbid: str = Field(description="a path, for example inference.top_k")
    drop: bool = False


class RangeRule(Section):
    """The model takes this setting within these ends, both included."""

    range: str = Field(description="a path, for example inference.temperature")
    minimum: float | None = None
    maximum: float | None = None


def _rule_kind(rule: Any) -> str | None:
    named = rule if isinstance(rule, Mapping) else vars(rule)
    return next((kind for kind in ("exclusive", "forbid", "range") if kind in named), None)


Rule = ExclusiveRule | ForbidRule | RangeRule
TaggedRule = Annotated[
    Annotated[ExclusiveRule, Tag("exclusive")]
    | Annotated[ForbidRule, Tag("forbid")]
    | Annotated[RangeRule, Tag("range")],
    Discriminator(
        _rule_kind, custom_error_type="rule", custom_error_message="a rule has one of exclusive, forbid and range"
    ),
]


class Pricing(Section):
    """What the model costs. Amounts are decimals written as text, so that no cent is lost to binary fractions."""

    currency: str | None = Field(None, description="ISO 4217, for example USD")
    input_per_million: Decimalish | None = Field(None, description="per million input tokens")
    output_per_million: Decimalish | None = Field(None, description="per million output tokens")
    cached_input_per_million: Decimalish | None = None
    cache_write_input_per_million: Decimalish | None = None
    source: str | None = Field(None, description="where the figures come from")
    checked: str | None = Field(None, description="the day they were looked up, YYYY-MM-DD")

    @field_validator(
        "input_per_million", "output_per_million", "cached_input_per_million", "cache_write_input_per_million"
    )
    @classmethod
    def _decimal(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"\d+(\.\d+)?", value):
            raise ValueError('a decimal amount such as "3.00" is expected')
        return value


class Limits(Section):
    """Deadlines in seconds, attempts and concurrency of one call through this adapter."""

    timeout_s: float | None = Field(600, gt=0, description="the whole call, all attempts; null = no limit")
    connect_timeout_s: float | None = Field(10, gt=0, description="until the connection stands; null = no limit")
    first_byte_timeout_s: float | None = Field(
        None, gt=0, description="until the answer begins; null = timeout_s alone"
    )
    chunk_timeout_s: float | None = Field(120, gt=0, description="between two pieces of a stream; null = no limit")
    max_attempts: int | None = Field(3, ge=1, le=10, description="1 = no retry")
    max_concurrency: int | None = Field(None, ge=1, description="calls at a time in this process; null = no limit")
    max_batch_size: int | None = Field(
        None, ge=1, description="embed and rerank: texts in one request; null = as many as the provider takes"
    )


class Notice(Section):
    """What a person must see before the first use: a third-party model's disclaimer, terms or EULA."""

    text: str | None = None
    terms_url: str | None = None
    required: bool | None = Field(
        False,
        description="whether the gateway refuses every call of a caller who has not accepted it; false = only the page "
        "asks",
    )


class Upstream(BaseModel):
    """One of several targets: a patch of the document, with its share (`weight`) and its turn (`tier`)."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False, protected_namespaces=())

    weight: float | None = Field(1, ge=0, description="share among the upstreams of one tier")
    tier: int | None = Field(0, ge=0, description="the lowest tier is used first")


class Adapter(Section):
    """An adapter document. Every member may be absent; what a call needs is checked when it is resolved."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), title="Dragoman adapter")

    version: Literal[1] | None = Field(1, description="version of the document's format")
    name: str | None = Field(None, description="unique; lower case letters, digits, dot, underscore, hyphen")
    aliases: list[str] | None = Field(None, description="other names it answers to; any text")
    title: str | None = Field(None, description="what a person sees")
    base: str | None = Field(None, description="name of an adapter to build on; absent = from scratch")
    operation: Operation | None = "chat"
    provider: str | None = Field(None, description="a plugin's provider kind")
    model: str | None = Field(None, description="what the call addresses: a model id, deployment, endpoint or ARN")
    base_model: str | None = Field(None, description="the model behind it, for facts only: capabilities, rules, price")
    inference: Inference | None = None
    model_kwargs: dict[str, Any] | None = Field(
        None, description="merged into the request body; cannot set a member that the codec writes itself"
    )
    endpoint_kwargs: dict[str, Any] | None = Field(
        None, description="go with the call, as headers or call arguments; no authentication, host or address"
    )
    connection: dict[str, Any] | None = Field(None, description="the provider's own settings")
    credentials: dict[str, str | None] | None = Field(None, description="field -> name of a secret; never a value")
    mapping: PayloadMapping | None = None
    prompt: Prompt | None = None
    constraints: Constraints | None = None
    capabilities: Capabilities | None = None
    rules: list[TaggedRule] | None = None
    pricing: Pricing | None = None
    limits: Limits | None = None
    upstreams: dict[str, Upstream | None] | None = Field(
        None, description="several targets: id -> a patch of this document"
    )
    notice: Notice | None = None
    tags: dict[str, str | None] | None = Field(
        None, description="what its calls are booked under, for usage and cost by team, product and the like"
    )
    runtime: Runtime | None = Field(
        "native",
        description="native = codec or mapping; langchain = the plugin's LangChain class, which promises less: no dry "
        "run, and cancelling does not stop a blocking client's thread",
    )

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str | None) -> str | None:
        if value is not None and not NAME_PATTERN.match(value):
            raise ValueError(
                "lower case letters, digits, dot, underscore and hyphen are allowed, for example my-model.v2"
            )
        return value

    @field_validator("tags")
    @classmethod
    def _plain_tags(cls, tags: dict[str, str | None] | None) -> dict[str, str | None] | None:
        if len(tags or {}) > _MOST_TAGS:
            raise ValueError(f"at most {_MOST_TAGS} tags are allowed")
        for key, value in (tags or {}).items():
            if not TAG_KEY_PATTERN.fullmatch(key):
                raise ValueError(f"{key[:40]!r} is no tag: 1 to 128 letters, digits, blanks and _.:/=+-@ are allowed")
            if value is not None and len(value) > _LONGEST_TAG_VALUE:
                raise ValueError(f"the tag {key} is longer than {_LONGEST_TAG_VALUE} characters")
        return tags

    def as_document(self) -> dict[str, Any]:
        """Return the sparse JSON form: what was set, nothing else."""
        return self.model_dump(mode="json", exclude_unset=True, by_alias=True)

    @property
    def settings(self) -> Inference:
        """The inference settings; empty where the document has none."""
        return self.inference or _NO_INFERENCE

    @property
    def bounds(self) -> Limits:
        """The limits, with the defaults where the document sets none."""
        return self.limits or _DEFAULT_LIMITS


_NO_INFERENCE = Inference()
_DEFAULT_LIMITS = Limits()


def slug(text: str) -> str:
    """Return a plain name for any text: ``Model 1 (EU)`` becomes ``model-1-eu``; empty where nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9._]+", "-", plain).strip("-._")


def digest(document: Mapping[str, Any]) -> str:
    """Return a short fingerprint: equal documents have equal digests, whatever the order of their members.

    ``1`` and ``1.0`` are the same number.

    Raises:
        DocumentError: The document holds something that is no JSON data, or an integer beyond 64 bits.
    """
    try:
        canonical = orjson.dumps(_canonical(document), option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise DocumentError("document", [Problem("", f"cannot be written as JSON: {error}")]) from None
    return hashlib.sha256(canonical).hexdigest()[:32]


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _canonical(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(v) for v in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def check_document(document: Mapping[str, Any], subject: str) -> Adapter:
    """Return the document as a model, or raise with every field that is wrong.

    Args:
        document: A layer or an effective document in its JSON form.
        subject: What the error calls it, for example ``adapter my-model``.
    """
    try:
        return Adapter.model_validate(document)
    except ValidationError as error:
        raise DocumentError(subject, problems_of(error, document)) from None


def problems_of(error: ValidationError, given: Any = None, prefix: str = "") -> list[Problem]:
    """Turn pydantic's findings into problems with dotted paths, without the values that were given.

    Args:
        error: What validation found.
        given: What was validated; it tells members from the branches of a union, which pydantic's paths name too.
            ``None``: unknown, paths stay as pydantic gives them.
        prefix: What the paths begin with.
    """
    problems = []
    for finding in error.errors(include_url=False, include_input=False):
        location = finding["loc"] if given is None else _members(finding["loc"], given)
        path = ".".join([*([prefix] if prefix else ()), *map(str, location)])
        if finding["type"] in _TAG_FINDINGS:
            tags = finding["ctx"].get("expected_tags", "")
            path, hint = (
                f"{path}.{finding['ctx']['discriminator'].strip(chr(39))}",
                f"one of {tags.replace(chr(39), '')}",
            )
            problems.append(Problem(path, _TAG_FINDINGS[finding["type"]], hint if tags else None))
        else:
            problems.append(Problem(path, _say(finding), _HINTS.get(finding["type"])))
    return problems


def _members(location: Sequence[int | str], given: Any) -> list[int | str]:
    path: list[int | str] = []
    for position, part in enumerate(location):
        last = position == len(location) - 1
        if isinstance(given, Mapping):
            if part not in given and not last:
                continue  # a branch of a union
            given = given.get(part)
        elif isinstance(given, list | tuple) and isinstance(part, int):
            given = given[part] if part < len(given) else None
        else:
            continue
        path.append(part)
    return path


def _say(finding: Mapping[str, Any]) -> str:
    text: str = finding["msg"]
    if finding["type"] == "extra_forbidden":
        return "is not a member here"
    text = text.removeprefix("Value error, ").removeprefix("Input ")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


_TAG_FINDINGS = {"union_tag_not_found": "is missing", "union_tag_invalid": "is not known here"}
_HINTS = {
    "extra_forbidden": "check the spelling; `dragoman adapters schema` lists every member",
}
