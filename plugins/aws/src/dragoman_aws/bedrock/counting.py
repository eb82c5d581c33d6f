"""Counting the input before it is sent: Bedrock's CountTokens, for adapters that name a model that counts."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence

import orjson
from dragoman.errors import DragomanError
from dragoman.events import Event, Response, Usage
from dragoman.plugin import Authorizer, ChatRequest, Context, Session, WireReply, WireRequest

from dragoman_aws.bedrock.address import model_url
from dragoman_aws.bedrock.converse import ConverseCodec

logger = logging.getLogger("dragoman.aws")

#: Members of Converse's body that CountTokens takes; service model of bedrock-runtime, botocore 1.44.5.
_COUNTED = ("messages", "system", "toolConfig", "additionalModelRequestFields")


class CountingSession(Session):
    """A session that asks Bedrock how long the input is; where Bedrock does not say, the engine estimates.

    Args:
        inner: The session that makes the calls.
        codec: Its codec.
        authorizer: Who signs.
        context: Of the engine.
        endpoint: Address of bedrock-runtime, without a path.
        model: The model that counts.
    """

    def __init__(
        self,
        inner: Session,
        codec: ConverseCodec,
        authorizer: Authorizer,
        context: Context,
        *,
        endpoint: str,
        model: str,
    ) -> None:
        self._inner = inner
        self._codec = codec
        self._authorizer = authorizer
        self._context = context
        self._url = f"{model_url(endpoint, model)}/count-tokens"

    def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        return self._inner.stream(request)

    def arrivals(self, request: ChatRequest) -> AsyncGenerator[Sequence[Event], None]:
        return self._inner.arrivals(request)

    async def generate(self, request: ChatRequest) -> Response:
        return await self._inner.generate(request)

    async def dry_run(self, request: ChatRequest) -> WireRequest:
        return await self._inner.dry_run(request)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def count_tokens(self, request: ChatRequest) -> Usage | None:
        body = orjson.loads(self._codec.encode(request).body or b"{}")
        asked = {"input": {"converse": {name: body[name] for name in _COUNTED if name in body}}}
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        wire = WireRequest("POST", self._url, headers, orjson.dumps(asked))
        try:
            credentials = await self._context.credentials(self._authorizer)
            reply = await self._context.send(self._authorizer.sign(wire, credentials), request.settings.limits)
        except DragomanError as error:
            logger.warning("the input was not counted, its size is estimated: %s", error.code)
            return None
        return self._read(reply)

    def _read(self, reply: WireReply) -> Usage | None:
        if not 200 <= reply.status < 300:
            error = self._codec.error(reply)
            logger.warning("the input was not counted, its size is estimated: %s %s", reply.status, error.provider_code)
            return None
        answer = orjson.loads(reply.body)
        return Usage(input_tokens=answer["inputTokens"], source="provider", detail=answer)
