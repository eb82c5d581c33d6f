"""Payloads for operations on texts, embed and rerank: one mapping, compiled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Generic, TypeVar

import orjson

from dragoman.adapter import Operation, PayloadMapping
from dragoman.errors import DocumentError, Problem, ProtocolError, ProviderError, UnsupportedError
from dragoman.events import EmbedResponse, Ranked, Report, RerankResponse
from dragoman.mapping.coverage import Coverage
from dragoman.mapping.explain import kind_of
from dragoman.mapping.parts import JSON, body_bytes, json_of, preset_problems, skeleton_of
from dragoman.mapping.presets import expand_mapping
from dragoman.mapping.rules import RankingRule, RuleCompiler, Rules, usage_of
from dragoman.mapping.skeleton import Skeleton
from dragoman.mapping.view import EMBED_VIEW, RERANK_VIEW, View, settings_of
from dragoman.provider import EmbedRequest, RerankRequest

Q = TypeVar("Q", EmbedRequest, RerankRequest)


class _TextsPayload(Generic[Q]):
    """What both operations share: settings are covered, the skeleton is filled, errors are read."""

    def __init__(self, mapping: PayloadMapping, skeleton: Skeleton, rules: Rules) -> None:
        self.content_type = mapping.content_type or JSON
        self.accept = mapping.accept or JSON
        self._skeleton = skeleton
        self._rules = rules
        self._coverage = Coverage(skeleton.reads, skeleton.cases, mapping.ignore or ())

    def encode(self, request: Q, model: str) -> bytes:
        settings = settings_of(request.settings.inference)
        self._coverage.refuse_unread_settings(settings)
        kwargs = request.settings.model_kwargs
        seen = {**self._members(request), "params": settings, "model": model, "model_kwargs": dict(kwargs)}
        given = {name: value for name, value in seen.items() if value not in (None, {})}
        return body_bytes(self._skeleton.body(View(given, {}), kwargs), self.content_type)

    def error_message(self, body: bytes) -> str | None:
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError:
            return None
        return self._rules.error_message(value)

    def error_word(self, body: bytes) -> tuple[str, type[ProviderError] | None] | None:
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError:
            return None
        return self._rules.error_word(value)

    def _members(self, request: Q) -> dict[str, Any]:
        raise NotImplementedError

    def _answer(self, body: bytes) -> Any:
        value = json_of(body)
        self._rules.raise_error(value)
        return value

    def _about(self, value: Any, request: Q) -> dict[str, Any]:
        """Return the members that every answer has."""
        rules = self._rules
        return {
            "usage": usage_of(dict(rules.figures(value))),
            "model": rules.model.word(value) if rules.model else None,
            "response_id": rules.id.word(value) if rules.id else None,
            "reports": self._reports(request),
            "extra": rules.extras(value),
        }

    def _reports(self, request: Q) -> tuple[Report, ...]:
        return tuple(self._coverage.ignored_settings(request.settings.inference))


class MappedEmbeddings(_TextsPayload[EmbedRequest]):
    """See :class:`dragoman.provider.EmbedPayload`; made by :func:`compile_embed_payload`."""

    def __init__(self, mapping: PayloadMapping, skeleton: Skeleton, rules: Rules) -> None:
        super().__init__(mapping, skeleton, rules)
        self.max_texts = _max_texts(skeleton)

    def decode(self, body: bytes, request: EmbedRequest) -> EmbedResponse:
        value, rule = self._answer(body), self._rules.embeddings
        found = rule.find(value) if rule else None
        if rule is None or not found:
            raise rule.nothing(value, "the answer") if rule else ProtocolError("the mapping reads no embeddings")
        return EmbedResponse([*_vectors(found, rule.path)], **self._about(value, request))

    def _members(self, request: EmbedRequest) -> dict[str, Any]:
        return {"texts": list(request.texts), "purpose": request.purpose}


class MappedRanking(_TextsPayload[RerankRequest]):
    """See :class:`dragoman.provider.RerankPayload`; made by :func:`compile_rerank_payload`."""

    def decode(self, body: bytes, request: RerankRequest) -> RerankResponse:
        value, rule = self._answer(body), self._rules.ranking
        if rule is None:
            raise ProtocolError("the mapping reads no ranking")
        ranked = sorted(_ranked(value, rule), key=lambda one: (-one.score, one.index))
        return RerankResponse(ranked, **self._about(value, request))

    def _members(self, request: RerankRequest) -> dict[str, Any]:
        return {"query": request.query, "documents": list(request.documents), "top_n": request.top_n}


# --- reading answers ---------------------------------------------------------------------------------------------


def _vectors(found: Any, path: str) -> Iterator[list[float] | None]:
    """Yield the vectors of a list of vectors, or the one vector."""
    if not isinstance(found, list):
        raise ProtocolError(f"{path} gives {kind_of(found)} where vectors are expected")
    for vector in [found] if _is_number(found[0]) else found:
        if not (isinstance(vector, list) and vector and _is_number(vector[0])):
            raise ProtocolError(f"{path} gives {kind_of(vector)} where a vector is expected")
        yield vector


def _ranked(value: Any, rule: RankingRule) -> Iterator[Ranked]:
    found = rule.each.find(value)
    if not isinstance(found, list) or not found:
        raise rule.each.nothing(value, "the answer")
    for position, one in enumerate(found):
        index = rule.index.find(one) if rule.index else position
        score = rule.score.find(one)
        if not isinstance(index, int) or isinstance(index, bool):
            raise ProtocolError(f"mapping.response.ranking.index gives {kind_of(index)} where a place is expected")
        if not _is_number(score):
            raise ProtocolError(f"{rule.score.path} gives {kind_of(score)} where a score is expected")
        yield Ranked(index, float(score))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# --- compiling ---------------------------------------------------------------------------------------------------


def compile_embed_payload(mapping: PayloadMapping) -> MappedEmbeddings:
    """Return the payload of a mapping for operation embed; equal mappings share one.

    Raises:
        DocumentError: naming everything that is wrong, with its path.
    """
    return _compiled_embeddings(_written(mapping))


def compile_rerank_payload(mapping: PayloadMapping) -> MappedRanking:
    """Return the payload of a mapping for operation rerank; as :func:`compile_embed_payload`."""
    return _compiled_ranking(_written(mapping))


@lru_cache(maxsize=256)
def _compiled_embeddings(document: bytes) -> MappedEmbeddings:
    mapping, skeleton, rules = _compile(document, "embed", EMBED_VIEW, ("texts",))
    return MappedEmbeddings(mapping, skeleton, rules)


@lru_cache(maxsize=256)
def _compiled_ranking(document: bytes) -> MappedRanking:
    mapping, skeleton, rules = _compile(document, "rerank", RERANK_VIEW, ("query", "documents"))
    return MappedRanking(mapping, skeleton, rules)


def _written(mapping: PayloadMapping) -> bytes:
    try:
        return orjson.dumps(mapping.model_dump(mode="json", exclude_unset=True))
    except (TypeError, ValueError, RecursionError) as error:
        raise DocumentError("mapping", [Problem("mapping", f"cannot be written as JSON: {error}")]) from None


def _compile(
    document: bytes, operation: Operation, view: Mapping[str, Any], needed: Iterable[str]
) -> tuple[PayloadMapping, Skeleton, Rules]:
    mapping, preset = expand_mapping(PayloadMapping.model_validate_json(document))
    problems = preset_problems(preset, operation)
    skeleton = skeleton_of(mapping, view, problems)
    compiler = RuleCompiler({}, mapping.error_map or {})
    rules = compiler.rules(mapping.response, "mapping.response")
    problems += compiler.problems
    missing = {"embed": ("embeddings", rules.embeddings), "rerank": ("ranking", rules.ranking)}[operation]
    if missing[1] is None and not compiler.problems:
        problems.append(Problem(f"mapping.response.{missing[0]}", "is missing"))
    if skeleton is not None:
        unread = [name for name in needed if not skeleton.reads.holds(name)]
        problems += [Problem("mapping.request", f"does not read {name}, so it would not be sent") for name in unread]
    if problems or skeleton is None:
        raise DocumentError("mapping", problems)
    return mapping, skeleton, rules


#: Texts that nobody writes, to see which of them a skeleton sends.
_PROBES = ("\ue000probe-0\ue001", "\ue000probe-1\ue001", "\ue000probe-2\ue001")


def _max_texts(skeleton: Skeleton) -> int | None:
    """Return how many texts a skeleton sends: some read only the first one."""
    probe: dict[str, Any] = {"texts": list(_PROBES), "model": "m"}
    try:
        body = orjson.dumps(skeleton.body(View(probe, {}), {}))
    except UnsupportedError:  # a switch on something else: nothing is known
        return None
    sent = [orjson.dumps(text)[1:-1] in body for text in _PROBES]
    return None if all(sent) else max(1, sum(sent))
