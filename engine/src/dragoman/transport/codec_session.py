"""The sessions that drive a codec: encode, sign, send, cut into frames, decode."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from dragoman.errors import CallTimeoutError, ConnectionFailedError, ProtocolError
from dragoman.events import EmbedResponse, Event, Report, Reported, RerankResponse, Response
from dragoman.provider import (
    ChatRequest,
    Codec,
    EmbedCodec,
    EmbedRequest,
    RerankCodec,
    RerankRequest,
    Session,
    WireRequest,
)
from dragoman.transport.decoding import Decoding, reading
from dragoman.transport.framing import framing_for
from dragoman.transport.line import Line

BROKEN_AFTER_FINISH = Report(
    "broken_after_finish",
    "the connection broke after the answer was complete; figures that would have followed may be missing",
)


class CodecSession(Session):
    """Drives a codec over the transport of the running event loop; one attempt per call."""

    def __init__(self, codec: Codec, line: Line) -> None:
        self._codec = codec
        self._line = line

    async def generate(self, request: ChatRequest) -> Response:
        """Return the whole answer, asked for as a whole."""
        reply = await self._line.send(self._codec.encode(request), request.settings.limits, self._codec.error)
        return reading(reply, self._codec.decode, request, reply)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """Yield the answer's events as they arrive; closing the generator closes the connection."""
        async with aclosing(self.arrivals(request)) as arrivals:
            async for events in arrivals:
                for event in events:
                    yield event

    async def arrivals(self, request: ChatRequest) -> AsyncGenerator[Sequence[Event], None]:
        """Yield the events of each piece that the network brings."""
        wire, credentials = await self._line.signed(self._codec.encode(request))
        transport = await self._line.transport()
        async with transport.stream(wire, request.settings.limits) as (reply, pieces):
            if not 200 <= reply.status < 300:
                raise self._line.refusal(reply, credentials, self._codec.error)
            decoder = reading(reply, self._codec.decode_stream, request, reply)
            decoding = Decoding(framing_for(self._codec.framing), decoder, reply)
            broken = False
            try:
                async for piece in pieces:
                    if events := decoding.feed(piece):
                        yield events
                    decoding.raise_failure()
            except (ConnectionFailedError, CallTimeoutError):
                if not decoding.is_complete:
                    raise
                broken = True
            if events := decoding.end(broken=broken):
                yield events
            decoding.raise_failure()
            if broken:
                yield (Reported(BROKEN_AFTER_FINISH),)

    async def dry_run(self, request: ChatRequest) -> WireRequest:
        """Return the exact request with its credentials masked, and send nothing."""
        return self._line.masked(self._codec.encode(request))


class EmbedSession(Session):
    """Drives a codec for embeddings; one request per batch."""

    def __init__(self, codec: EmbedCodec, line: Line) -> None:
        self._codec = codec
        self._line = line
        self.max_batch_size = codec.max_texts

    async def embed(self, request: EmbedRequest) -> EmbedResponse:
        """Return one vector for each text."""
        reply = await self._line.send(self._codec.encode(request), request.settings.limits, self._codec.error)
        response = reading(reply, self._codec.decode, request, reply)
        if len(response.vectors) != len(request.texts):
            counts = f"{len(response.vectors)} vectors for {len(request.texts)} texts"
            raise ProtocolError(f"the provider returned {counts}")
        return response

    async def dry_run(self, request: EmbedRequest) -> WireRequest:
        """Return the exact request with its credentials masked, and send nothing."""
        return self._line.masked(self._codec.encode(request))


class RerankSession(Session):
    """Drives a codec for rankings; one request per batch, and as many more as the answer has pages."""

    def __init__(self, codec: RerankCodec, line: Line) -> None:
        self._codec = codec
        self._line = line
        self.max_batch_size = codec.max_documents

    async def rerank(self, request: RerankRequest) -> RerankResponse:
        """Return the scored documents, all pages of them."""
        response, following = await self._page(request, self._codec.encode(request))
        while following is not None:
            page, following = await self._page(request, following)
            response.results += page.results
            if not page.results:
                break  # whatever token an empty page carries
        _check_indexes(response, len(request.documents))
        return response

    async def _page(self, request: RerankRequest, wire: WireRequest) -> tuple[RerankResponse, WireRequest | None]:
        reply = await self._line.send(wire, request.settings.limits, self._codec.error)
        page = reading(reply, self._codec.decode, request, reply)
        return page, reading(reply, self._codec.next_page, request, reply)

    async def dry_run(self, request: RerankRequest) -> WireRequest:
        """Return the exact request with its credentials masked, and send nothing."""
        return self._line.masked(self._codec.encode(request))


def _check_indexes(response: RerankResponse, count: int) -> None:
    """Refuse a ranking that names a document twice, or one that was not sent."""
    indexes = [ranked.index for ranked in response.results]
    if len(set(indexes)) != len(indexes) or any(not 0 <= index < count for index in indexes):
        raise ProtocolError(f"the provider's ranking does not fit the {count} documents that were sent")
