"""The codec of the chat-completions protocol, for every provider that speaks it.

Another plugin makes its own provider from a :class:`Dialect` and an :class:`Endpoint`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dragoman.errors import ProviderError
from dragoman.events import Response
from dragoman.plugin import ChatRequest, Codec, WireReply, WireRequest

from dragoman_openai.codec.decode import decode_answer
from dragoman_openai.codec.dialect import COMMON_PARAMETERS, Dialect
from dragoman_openai.codec.encode import encode_body
from dragoman_openai.codec.errors import error_of
from dragoman_openai.codec.messages import left_out
from dragoman_openai.codec.parameters import add_endpoint_kwargs, written_members
from dragoman_openai.codec.stream import ChatStreamDecoder

__all__ = ["COMMON_PARAMETERS", "ChatCodec", "Dialect", "Endpoint"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go.

    Args:
        url: The whole address, encoded, with its query if it has one.
        model: The body's ``model``; ``None`` where the address says it.
        headers: Headers that go with every request; none of them a credential.
    """

    url: str
    model: str | None
    headers: Mapping[str, str] = field(default_factory=dict)


class ChatCodec(Codec):
    """Pure functions between our values and the protocol's JSON."""

    framing = "sse"

    def __init__(self, endpoint: Endpoint, dialect: Dialect) -> None:
        self.endpoint = endpoint
        self.dialect = dialect
        self._places = written_members(dialect)

    def encode(self, request: ChatRequest) -> WireRequest:
        endpoint = self.endpoint
        headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream" if request.stream else "application/json",
            **endpoint.headers,
        }
        url = endpoint.url
        if request.settings.endpoint_kwargs:
            url = add_endpoint_kwargs(url, headers, request.settings.endpoint_kwargs)
        return WireRequest("POST", url, headers, encode_body(request, endpoint.model, self.dialect, self._places))

    def decode(self, request: ChatRequest, reply: WireReply) -> Response:
        return decode_answer(reply, left_out(request.messages, self.dialect))

    def decode_stream(self, request: ChatRequest, reply: WireReply) -> ChatStreamDecoder:
        return ChatStreamDecoder(reply, left_out(request.messages, self.dialect))

    def error(self, reply: WireReply) -> ProviderError:
        return error_of(reply)
