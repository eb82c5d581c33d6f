"""A payload: one mapping and one prompt, compiled. The body half of a codec, for endpoints with JSON of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from dragoman.adapter import Operation, PayloadMapping, Prompt
from dragoman.errors import DocumentError, Problem, ProtocolError, ProviderError
from dragoman.events import Response
from dragoman.mapping.answer import answer_of
from dragoman.mapping.coverage import Coverage, coverage_problems
from dragoman.mapping.framing import JsonValues, LooseEvents, Whole
from dragoman.mapping.parts import JSON, body_bytes, json_of, preset_problems, skeleton_of
from dragoman.mapping.presets import PayloadPreset, expand_mapping, expand_prompt
from dragoman.mapping.prompt import PromptWriter, prompt_problems
from dragoman.mapping.rules import RuleCompiler, Rules
from dragoman.mapping.skeleton import Skeleton
from dragoman.mapping.stream import RuleDecoder, TextDecoder, WholeDecoder
from dragoman.mapping.texts import compile_embed_payload, compile_rerank_payload
from dragoman.mapping.view import CHAT_VIEW, ViewBuilder, settings_of
from dragoman.messages import Message, Text
from dragoman.provider import ChatRequest, Framing, StreamDecoder
from dragoman.transport.framing import Raw

#: What compiles a mapping of the other operations.
TEXT_COMPILERS: Mapping[Operation, Callable[[PayloadMapping], Any]] = {
    "embed": compile_embed_payload,
    "rerank": compile_rerank_payload,
}

#: What is asked for where server-sent events are to come: some servers choose by it; errors still come as JSON.
EVENTS = "text/event-stream, application/json;q=0.9"

#: ``mapping.framing`` -> what makes the framing of one stream.
FRAMINGS: Mapping[str, Callable[[], Framing]] = {
    "sse": LooseEvents,
    "jsonl": JsonValues,
    "json": Whole,
    "raw": Raw,
}


class MappedPayload:
    """See :class:`dragoman.provider.Payload`; made by :func:`compile_payload`, and shared by all requests."""

    def __init__(self, mapping: PayloadMapping, prompt: Prompt, skeleton: Skeleton, rules: RuleSet) -> None:
        self.content_type = mapping.content_type or JSON
        self.accept = mapping.accept or JSON
        self.stream_accept = mapping.accept or (EVENTS if rules.framing == "sse" else JSON)
        self.streams = rules.framing != "json"
        self.framing = FRAMINGS[rules.framing]
        self._rules = rules
        self._skeleton = skeleton
        self._coverage = Coverage(skeleton.reads, skeleton.cases, mapping.ignore or ())
        self._view = ViewBuilder(skeleton.reads, skeleton.cases, PromptWriter(prompt), streams=self.streams)

    def encode(self, request: ChatRequest, model: str) -> bytes:
        settings = settings_of(request.settings.inference)
        self._coverage.refuse_unread(request, settings)
        view = self._view.build(request, model, settings)
        body = self._skeleton.body(view, request.settings.model_kwargs)
        return body_bytes(body, self.content_type)

    def decode(self, body: bytes, request: ChatRequest) -> Response:
        reports = self._coverage.reports(request)
        if self._rules.answer.text is None:
            return Response(_text_message(body), reports=reports)
        return answer_of(json_of(body), self._rules.answer, reports)

    def decoder(self, request: ChatRequest) -> StreamDecoder:
        reports = self._coverage.reports(request)
        if self._rules.framing == "raw":
            return TextDecoder(reports)
        if self._rules.framing == "json":
            return WholeDecoder(self._rules.answer, reports)
        return RuleDecoder(self._rules.frame, reports)

    def error_message(self, body: bytes) -> str | None:
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError:
            return None
        return self._rules.answer.error_message(value)

    def error_word(self, body: bytes) -> tuple[str, type[ProviderError] | None] | None:
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError:
            return None
        return self._rules.answer.error_word(value)


def _text_message(body: bytes) -> Message:
    try:
        return Message("assistant", (Text(body.decode()),))
    except UnicodeDecodeError:
        raise ProtocolError("the endpoint's answer is no UTF-8 text") from None


# --- compiling ---------------------------------------------------------------------------------------------------


class RuleSet(NamedTuple):
    """The compiled rules for a whole answer and for a frame, and how a stream is framed."""

    answer: Rules
    frame: Rules
    framing: str


def compile_payload(mapping: PayloadMapping, prompt: Prompt | None = None) -> MappedPayload:
    """Return the payload of a mapping; equal documents share one.

    Raises:
        DocumentError: naming everything that is wrong, with its path.
    """
    try:  # the members stay in the order they are written: that is their order on the wire
        documents = orjson.dumps([_document(mapping), _document(prompt)])
    except (TypeError, ValueError, RecursionError) as error:
        raise DocumentError("mapping", [Problem("mapping", f"cannot be written as JSON: {error}")]) from None
    return _compiled(documents)


def mapping_problems(mapping: PayloadMapping, prompt: Prompt | None, operation: Operation) -> list[Problem]:
    """Return what is wrong with a mapping and its prompt, for a document that is being resolved."""
    try:
        if operation == "chat":
            compile_payload(mapping, prompt)
        else:
            TEXT_COMPILERS[operation](mapping)
    except DocumentError as error:
        return list(error.problems)
    return []


def _document(section: PayloadMapping | Prompt | None) -> dict[str, Any] | None:
    return None if section is None else section.model_dump(mode="json", exclude_unset=True)


@lru_cache(maxsize=256)
def _compiled(documents: bytes) -> MappedPayload:
    written, prompt_written = orjson.loads(documents)
    mapping, preset = expand_mapping(PayloadMapping.model_validate(written))
    problems = preset_problems(preset, "chat")
    prompt = _prompt(prompt_written, preset)
    problems += prompt_problems(prompt)
    skeleton = skeleton_of(mapping, CHAT_VIEW, problems)
    rules = _rules(mapping, problems)
    if skeleton is not None:
        problems += coverage_problems(skeleton.reads, mapping.ignore or ())
        if prompt_written is not None and not skeleton.reads.holds("prompt"):
            problems.append(Problem("prompt", "is not used: mapping.request does not read it", "remove it with null"))
    if problems or skeleton is None:
        raise DocumentError("mapping", problems)
    return MappedPayload(mapping, prompt, skeleton, rules)


def _prompt(written: Any, preset: PayloadPreset | None) -> Prompt:
    section = None if written is None else Prompt.model_validate(written)
    return expand_prompt(section, preset.prompt if preset else None)


def _rules(mapping: PayloadMapping, problems: list[Problem]) -> RuleSet:
    framing = mapping.framing or ("json" if mapping.stream is None else "sse")
    compiler = RuleCompiler(mapping.finish_map or {}, mapping.error_map or {})
    answer = compiler.rules(mapping.response, "mapping.response")
    frame = compiler.rules(mapping.stream, "mapping.stream", mapping.response)
    problems += compiler.problems
    if not compiler.problems:
        if answer.text is None and not (framing == "raw" and mapping.response is None):
            problems.append(Problem("mapping.response.text", "is missing: it says where the answer's text is"))
        if frame.text is None and framing in ("sse", "jsonl"):
            problems.append(Problem("mapping.stream.text", f"is missing, which framing {framing} needs"))
    return RuleSet(answer, frame, framing)
