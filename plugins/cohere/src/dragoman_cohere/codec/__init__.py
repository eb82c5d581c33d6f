"""The codec of Cohere's chat, v2 of the API."""

from __future__ import annotations

from dragoman.errors import ProviderError
from dragoman.events import Response
from dragoman.plugin import ChatRequest, Codec, WireReply, WireRequest

from dragoman_cohere.codec.decode import decode_answer
from dragoman_cohere.codec.messages import encode_messages, left_out
from dragoman_cohere.codec.parameters import WRITTEN_MEMBERS, write_inference
from dragoman_cohere.codec.stream import ChatStreamDecoder
from dragoman_cohere.codec.tools import write_tools
from dragoman_cohere.errors import error_of
from dragoman_cohere.wire import Endpoint, Wire, merge_model_kwargs, post

__all__ = ["ChatCodec"]


class ChatCodec(Codec):
    """Pure functions between our values and the JSON of ``POST /v2/chat``.

    Args:
        endpoint: Where requests go.
        send_tool_plan: Whether the plan of an earlier turn goes back.
    """

    framing = "sse"

    def __init__(self, endpoint: Endpoint, *, send_tool_plan: bool = True) -> None:
        self.endpoint = endpoint
        self.send_tool_plan = send_tool_plan

    def encode(self, request: ChatRequest) -> WireRequest:
        settings = request.settings
        body: Wire = {
            "model": self.endpoint.model,
            "messages": encode_messages(request.messages, send_tool_plan=self.send_tool_plan),
        }
        write_inference(body, settings.inference)
        if request.tools:
            write_tools(body, request.tools, request.tool_choice)
        if request.stream:
            body["stream"] = True
        merge_model_kwargs(body, settings.model_kwargs, WRITTEN_MEMBERS)
        return post(self.endpoint, body, settings.endpoint_kwargs, stream=request.stream)

    def decode(self, request: ChatRequest, reply: WireReply) -> Response:
        return decode_answer(reply, left_out(request.messages, send_tool_plan=self.send_tool_plan))

    def decode_stream(self, request: ChatRequest, reply: WireReply) -> ChatStreamDecoder:
        return ChatStreamDecoder(reply, left_out(request.messages, send_tool_plan=self.send_tool_plan))

    def error(self, reply: WireReply) -> ProviderError:
        return error_of(reply)
