"""The codec of the protocol's ``embeddings``: texts to vectors."""

from __future__ import annotations

import sys
from array import array
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from dragoman.adapter import EmbedInference
from dragoman.errors import ProviderError, UnsupportedError
from dragoman.events import EmbedResponse
from dragoman.plugin import EmbedCodec, EmbedRequest, WireReply, WireRequest

from dragoman_openai.codec.decode import answer_of, broken
from dragoman_openai.codec.dialect import EmbedDialect
from dragoman_openai.codec.endpoint import Endpoint, json_request
from dragoman_openai.codec.errors import error_in_answer, error_of, request_id_of
from dragoman_openai.codec.parameters import merge_model_kwargs
from dragoman_openai.codec.vocabulary import usage_of

_ANSWER_MEMBERS = frozenset({"object", "data", "model", "usage", "id"})


class EmbeddingsCodec(EmbedCodec):
    """Pure functions between texts and the protocol's JSON. Texts travel as texts, never as tokens."""

    def __init__(self, endpoint: Endpoint, dialect: EmbedDialect) -> None:
        self.endpoint = endpoint
        self.dialect = dialect
        self.max_texts = dialect.max_texts

    def encode(self, request: EmbedRequest) -> WireRequest:
        body: dict[str, Any] = {} if self.endpoint.model is None else {"model": self.endpoint.model}
        body["input"] = list(request.texts)
        body.update(embed_members(request.settings.inference, self.dialect))
        merge_model_kwargs(body, request.settings.model_kwargs, WRITTEN_MEMBERS)
        return json_request(self.endpoint, body, request.settings.endpoint_kwargs)

    def decode(self, request: EmbedRequest, reply: WireReply) -> EmbedResponse:
        answer = answer_of(reply)
        if answer.get("error"):
            raise error_in_answer(answer, reply)
        return EmbedResponse(
            vectors=_vectors(answer.get("data"), len(request.texts), reply),
            usage=usage_of(answer.get("usage")),
            model=answer.get("model") or None,
            response_id=answer.get("id") or None,
            request_id=request_id_of(reply),
            extra={name: value for name, value in answer.items() if name not in _ANSWER_MEMBERS and value is not None},
        )

    def error(self, reply: WireReply) -> ProviderError:
        return error_of(reply)


# --- settings ----------------------------------------------------------------------------------------------------

#: Body member -> where it is set instead of in ``model_kwargs``.
WRITTEN_MEMBERS: Mapping[str, str] = {
    "model": "model",
    "input": "the call's texts",
    "dimensions": "inference.dimensions",
    "user": "inference.user",
    "encoding_format": "connection.encoding_format",
}
_PLAIN = ("dimensions", "user")


def embed_members(inference: EmbedInference, dialect: EmbedDialect) -> dict[str, Any]:
    """Return the body members of the settings; raise ``UnsupportedError`` for a setting that has no place."""
    members = {name: value for name in _PLAIN if (value := getattr(inference, name, None)) is not None}
    if dialect.encoding_format is not None:
        members["encoding_format"] = dialect.encoding_format
    if inference.input_type is not None:
        if not dialect.input_type:
            _refuse(f"{dialect.name} does not take it", "inference.input_type", _AS_MEMBER)
        members["input_type"] = inference.input_type
    if inference.truncate is not None:
        _refuse(f"{dialect.name} does not take it", "inference.truncate", _AS_MEMBER)
    if inference.normalize is not None and inference.normalize is not (dialect.normalized or None):
        said = "'s vectors always have length 1" if dialect.normalized else " does not take it"
        _refuse(f"{dialect.name}{said}", "inference.normalize", None if dialect.normalized else _AS_MEMBER)
    if inference.encodings not in (None, ["float"]):
        _refuse("vectors come as numbers alone", "inference.encodings", "remove it with null")
    for name in inference.model_extra or ():
        _refuse(f"{dialect.name} does not take it", f"inference.{name}", _AS_MEMBER)
    return members


_AS_MEMBER = "a body member goes into model_kwargs"


def _refuse(what: str, path: str, hint: str | None) -> NoReturn:
    raise UnsupportedError(what, path=path, hint=hint)


# --- vectors -----------------------------------------------------------------------------------------------------


def _vectors(data: Any, count: int, reply: WireReply) -> list[list[float] | None]:
    """Return the vectors in the order of their indexes; servers that send none send them in the order of the texts."""
    items: Sequence[Any] = data if isinstance(data, list) else ()
    if len(items) != count or not all(isinstance(item, dict) for item in items):
        raise broken(reply, f"the answer has {len(items)} vectors for {count} texts")
    vectors: list[list[float] | None] = [None] * count
    for position, item in enumerate(items):
        index = item.get("index", position)
        if type(index) is not int or not 0 <= index < count or vectors[index] is not None:
            raise broken(reply, "the answer's vectors do not belong to the texts one by one")
        vectors[index] = _vector(item.get("embedding"), reply)
    return vectors


def _vector(value: Any, reply: WireReply) -> list[float]:
    if isinstance(value, str):
        return _decoded(value, reply)
    if isinstance(value, list) and value and _NUMBERS.issuperset(map(type, value)):
        return value
    raise broken(reply, "the answer has a vector that is no list of numbers")


_NUMBERS = frozenset({float, int})


def _decoded(text: str, reply: WireReply) -> list[float]:
    """Return the floats of 32 bits, lowest byte first, that a text in base64 holds."""
    floats = array("f")
    try:
        floats.frombytes(b64decode(text, validate=True))
    except (Base64Error, ValueError):
        raise broken(reply, "the answer has a vector that is no base64 of floats") from None
    if not floats:
        raise broken(reply, "the answer has a vector without numbers")
    if sys.byteorder == "big":
        floats.byteswap()
    return floats.tolist()
