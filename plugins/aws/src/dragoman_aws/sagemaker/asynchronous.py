"""InvokeEndpointAsync: the request is left with the endpoint, and its answer is looked for in S3.

What is in the object at ``FailureLocation`` is not documented; it is read as the container's own error, else as text.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from typing import NamedTuple

from dragoman.errors import (
    CallTimeoutError,
    ConnectionFailedError,
    ProtocolError,
    ProviderError,
    UnsupportedError,
)
from dragoman.events import Event, Report, Reported, Response, replay
from dragoman.messages import Message
from dragoman.plugin import (
    Authorizer,
    ChatRequest,
    Codec,
    Context,
    Limits,
    Payload,
    Session,
    StreamDecoder,
    WireReply,
    WireRequest,
)

from dragoman_aws.sagemaker.codec import Endpoint
from dragoman_aws.sagemaker.connection import S3Places
from dragoman_aws.sagemaker.errors import REQUEST_ID_HEADER, error_of, failure_of
from dragoman_aws.sagemaker.operations import Operation
from dragoman_aws.sagemaker.s3 import Location, Objects, refusal_of

#: What may go with the call itself. Service model of sagemaker-runtime, botocore 1.44.5.
MAX_BODY_BYTES = 128_000
#: So many times in a row S3 may fail to answer before the wait is given up.
MAX_MISSES = 5
GROWTH = 1.5

INPUT_HEADER = "X-Amzn-SageMaker-InputLocation"
_READ = "s3:GetObject, and s3:ListBucket, without which S3 refuses what is not there yet"
_OUTPUT, _FAILURE = "OutputLocation", "FailureLocation"


class AsyncSession(Session):
    """Calls one endpoint asynchronously. Its stream tells how the wait goes, and then the whole answer."""

    def __init__(
        self,
        context: Context,
        endpoint: Endpoint,
        payload: Payload,
        authorizer: Authorizer,
        *,
        places: S3Places,
        objects: Objects,
    ) -> None:
        self._context = context
        self._endpoint = endpoint
        self._payload = payload
        self._places = places
        self._objects = objects
        self._authorizer = authorizer

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """Yield reports while the endpoint works, and then the events of the answer.

        A failure before the endpoint has taken the request may be tried again; one after that is final, since the
        same request would be worked on twice.
        """
        request = replace(request, stream=False)
        receipt = await self._submit(request)
        yield Reported(
            Report("async_accepted", f"the endpoint took the request; its answer will be at {receipt.output}")
        )
        try:
            async for found in self._wait(receipt, request.settings.limits):
                if isinstance(found, Report):
                    yield Reported(found)
                    continue
                response = self._payload.decode(found.body, request)
        except ProviderError as error:
            error.may_retry = False
            error.request_id = error.request_id or receipt.request_id
            raise
        response.request_id = receipt.request_id
        response.extra = {**response.extra, _OUTPUT: str(receipt.output)}
        for event in replay(response):
            yield event

    async def dry_run(self, request: ChatRequest) -> WireRequest:
        """Return the call with its credentials masked; what would be put into S3 is shown as its body."""
        wire = self._endpoint.request(Operation.ASYNC, replace(request, stream=False), self._payload)
        if self._places.input is not None:
            wire.headers[INPUT_HEADER] = f"{self._places.input}/…"
        return self._authorizer.sign(wire, self._authorizer.placeholder())

    async def _submit(self, request: ChatRequest) -> Receipt:
        where = await self._put(request, self._places.input) if self._places.input else None
        codec = _Submission(self._endpoint, self._payload, where)
        taken = await self._context.codec_session(codec, self._authorizer).generate(request)
        failure = taken.extra.get(_FAILURE)
        return Receipt(Location.of(taken.extra[_OUTPUT]), Location.of(failure) if failure else None, taken.request_id)

    async def _put(self, request: ChatRequest, prefix: str) -> Location:
        where = Location.of(f"{prefix}/{uuid.uuid4().hex}")
        body = self._payload.encode(request, self._endpoint.name)
        reply = await self._objects.put(where, body, self._payload.content_type, request.settings.limits)
        if not 200 <= reply.status < 300:
            raise refusal_of(reply, f"S3 did not take the request at {where}", self._endpoint.who, "s3:PutObject")
        return where

    async def _wait(self, receipt: Receipt, limits: Limits) -> AsyncGenerator[Report | WireReply, None]:
        """Yield reports, and at last the reply that holds the answer."""
        loop = asyncio.get_running_loop()
        begun, told_at_s, misses = loop.time(), 1.0, 0
        for pause_s in self._pauses():
            await asyncio.sleep(pause_s)
            try:
                if (answer := await self._look(receipt, limits)) is not None:
                    yield answer
                    return
                misses = 0
            except (ConnectionFailedError, CallTimeoutError):
                misses += 1
                if misses == MAX_MISSES:
                    raise
            waited_s = loop.time() - begun
            if waited_s >= told_at_s:
                told_at_s = 2 * waited_s
                yield Report("async_waiting", f"no answer yet after {waited_s:.0f} s")

    def _pauses(self) -> Iterator[float]:
        pause_s = self._places.first_poll_s
        while True:
            yield min(pause_s, self._places.longest_poll_s)
            pause_s = min(pause_s * GROWTH, self._places.longest_poll_s)

    async def _look(self, receipt: Receipt, limits: Limits) -> WireReply | None:
        """Return the reply that holds the answer, ``None`` where there is nothing yet; raise the failure's error."""
        answer = await self._read(receipt.output, limits)
        if answer is not None or receipt.failure is None:
            return answer
        failure = await self._read(receipt.failure, limits)
        if failure is not None:
            raise failure_of(failure.body, self._payload.error_message)
        return None

    async def _read(self, place: Location, limits: Limits) -> WireReply | None:
        reply = await self._objects.get(place, limits)
        if reply.status == 200:
            return reply
        if reply.status == 404 and b"NoSuchBucket" not in reply.body:
            return None
        if reply.status >= 500 or reply.status == 429:
            raise ConnectionFailedError(f"S3 answered {reply.status}", status=reply.status)
        raise refusal_of(reply, f"the answer cannot be read from {place}", self._endpoint.who, _READ)


class Receipt(NamedTuple):
    """What SageMaker says when it has taken a request: where the answer will be, or the failure."""

    output: Location
    failure: Location | None
    request_id: str | None


class _Submission(Codec):
    """The codec of InvokeEndpointAsync. Its response is the receipt: no message, and the places in ``extra``."""

    def __init__(self, endpoint: Endpoint, payload: Payload, where: Location | None) -> None:
        self._endpoint = endpoint
        self._payload = payload
        self._where = where

    def encode(self, request: ChatRequest) -> WireRequest:
        wire = self._endpoint.request(Operation.ASYNC, request, self._payload)
        if self._where is not None:
            return replace(wire, headers={**wire.headers, INPUT_HEADER: str(self._where)}, body=b"")
        if len(wire.body or b"") > MAX_BODY_BYTES:
            raise UnsupportedError(
                f"the request is longer than the {MAX_BODY_BYTES} bytes that can go with an asynchronous call",
                path="connection.s3.input",
                hint="name a place in S3 where requests are put",
            )
        return wire

    def decode(self, request: ChatRequest, reply: WireReply) -> Response:
        named = {"x-amzn-sagemaker-outputlocation": _OUTPUT, "x-amzn-sagemaker-failurelocation": _FAILURE}
        places = {name: reply.headers[header] for header, name in named.items() if header in reply.headers}
        if _OUTPUT not in places:
            raise ProtocolError("SageMaker took the request and did not say where its answer will be")
        return Response(Message("assistant", ()), request_id=reply.headers.get(REQUEST_ID_HEADER), extra=places)

    def decode_stream(self, request: ChatRequest, reply: WireReply) -> StreamDecoder:
        raise UnsupportedError("an asynchronous call has no stream")

    def error(self, reply: WireReply) -> ProviderError:
        return error_of(reply, self._endpoint.who, self._payload.error_message)
