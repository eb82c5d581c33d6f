"""The codec of the chat-completions protocol, for every provider that speaks it.

Another plugin makes its own provider from a :class:`Dialect` and an :class:`Endpoint`.
"""

from __future__ import annotations

from dragoman.errors import ProviderError
from dragoman.events import Response
from dragoman.plugin import ChatRequest, Codec, WireReply, WireRequest

from dragoman_openai.codec.decode import decode_answer
from dragoman_openai.codec.dialect import COMMON_PARAMETERS, Dialect
from dragoman_openai.codec.encode import encode_body
from dragoman_openai.codec.endpoint import Endpoint, json_request
from dragoman_openai.codec.errors import error_of
from dragoman_openai.codec.messages import left_out
from dragoman_openai.codec.parameters import written_members
from dragoman_openai.codec.stream import ChatStreamDecoder

__all__ = ["COMMON_PARAMETERS", "ChatCodec", "Dialect", "Endpoint"]


class ChatCodec(Codec):
    """Pure functions between our values and the protocol's JSON."""

    framing = "sse"

    def __init__(self, endpoint: Endpoint, dialect: Dialect) -> None:
        self.endpoint = endpoint
        self.dialect = dialect
        self._places = written_members(dialect)

    def encode(self, request: ChatRequest) -> WireRequest:
        body = encode_body(request, self.endpoint.model, self.dialect, self._places)
        accept = "text/event-stream" if request.stream else "application/json"
        return json_request(self.endpoint, body, request.settings.endpoint_kwargs, accept)

    def decode(self, request: ChatRequest, reply: WireReply) -> Response:
        return decode_answer(reply, left_out(request.messages, self.dialect))

    def decode_stream(self, request: ChatRequest, reply: WireReply) -> ChatStreamDecoder:
        return ChatStreamDecoder(reply, left_out(request.messages, self.dialect))

    def error(self, reply: WireReply) -> ProviderError:
        return error_of(reply)
