"""The codec of Converse and ConverseStream."""

from __future__ import annotations

from dragoman.errors import DocumentError, Problem, ProviderError
from dragoman.events import Response
from dragoman.plugin import ChatRequest, Codec, Target, WireReply, WireRequest

from dragoman_aws.bedrock.address import EVENT_STREAM, model_url
from dragoman_aws.bedrock.connection import BedrockConnection, Guardrail
from dragoman_aws.bedrock.converse.decode import decode_answer
from dragoman_aws.bedrock.converse.encode import encode_body
from dragoman_aws.bedrock.converse.reports import reports_on
from dragoman_aws.bedrock.converse.settings import Dialect
from dragoman_aws.bedrock.converse.stream import ConverseStreamDecoder
from dragoman_aws.bedrock.embed_families import EMBED_FAMILIES
from dragoman_aws.bedrock.errors import error_of
from dragoman_aws.bedrock.families import family_of
from dragoman_aws.eventstream import EventStream

__all__ = ["ConverseCodec", "Dialect", "dialect_of"]


class ConverseCodec(Codec):
    """Pure functions between our values and Converse's JSON.

    Args:
        endpoint: Address of bedrock-runtime, without a path.
        model: Anything that can be invoked: an id or an ARN. It is never read, and goes into the path whole.
        dialect: Where the settings of the model's family go.
        guardrail: What every call passes; ``None`` = none.
        who: The identity that calls, for errors.
    """

    framing = EventStream

    def __init__(
        self, endpoint: str, model: str, dialect: Dialect, guardrail: Guardrail | None = None, *, who: str
    ) -> None:
        path = model_url(endpoint, model)
        self._urls = {False: f"{path}/converse", True: f"{path}/converse-stream"}
        self._dialect = dialect
        self._guardrail = guardrail
        self._who = who

    def encode(self, request: ChatRequest) -> WireRequest:
        stream = request.stream
        headers = {"Content-Type": "application/json", "Accept": EVENT_STREAM if stream else "application/json"}
        body = encode_body(request, self._dialect, self._guardrail, headers)
        return WireRequest("POST", self._urls[stream], headers, body)

    def decode(self, request: ChatRequest, reply: WireReply) -> Response:
        return decode_answer(reply, reports_on(request.messages))

    def decode_stream(self, request: ChatRequest, reply: WireReply) -> ConverseStreamDecoder:
        return ConverseStreamDecoder(reply, self._who, reports_on(request.messages))

    def error(self, reply: WireReply) -> ProviderError:
        return error_of(reply, self._who)


def dialect_of(target: Target) -> Dialect:
    """Return where the settings of the target's family go."""
    connection: BedrockConnection = target.connection
    if connection.family in EMBED_FAMILIES:
        problem = Problem("connection.family", f"{connection.family} only embeds", "set operation: embed, or remove it")
        raise DocumentError(f"provider {target.provider}", [problem])
    return Dialect(family_of(connection.family, target.base_model), connection.request_fields)
