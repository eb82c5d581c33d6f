"""What the engine hands a provider: secrets, sessions over its transport, payloads, credentials, threads, a clock."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from dragoman.adapter import Limits, PayloadMapping
from dragoman.errors import DocumentError, Problem
from dragoman.provider import (
    Authorizer,
    Codec,
    Credentials,
    EmbedCodec,
    EmbedPayload,
    Payload,
    RerankCodec,
    RerankPayload,
    Session,
    Target,
    Tls,
    WireReply,
    WireRequest,
)
from dragoman.secret import Secret
from dragoman.transport.authorization import CredentialCache
from dragoman.transport.codec_session import CodecSession, EmbedSession, RerankSession
from dragoman.transport.line import Line
from dragoman.transport.pool import TransportPool

A = ParamSpec("A")
T = TypeVar("T")


class EngineContext:
    """What the engine hands a provider; see :class:`dragoman.provider.Context`."""

    def __init__(
        self, read_secret: Callable[[str], Awaitable[Secret]], threads: ThreadPoolExecutor, transports: TransportPool
    ) -> None:
        self._read_secret = read_secret
        self._threads = threads
        self._transports = transports
        self.cache = CredentialCache()

    async def secret(self, name: str) -> Secret:
        return await self._read_secret(name)

    def codec_session(self, codec: Codec, authorizer: Authorizer, *, tls: Tls | None = None) -> Session:
        return CodecSession(codec, self._line(authorizer, tls))

    def embed_session(self, codec: EmbedCodec, authorizer: Authorizer, *, tls: Tls | None = None) -> Session:
        return EmbedSession(codec, self._line(authorizer, tls))

    def rerank_session(self, codec: RerankCodec, authorizer: Authorizer, *, tls: Tls | None = None) -> Session:
        return RerankSession(codec, self._line(authorizer, tls))

    def _line(self, authorizer: Authorizer, tls: Tls | None) -> Line:
        return Line(authorizer, self._transports, self.cache, tls=tls)

    def payload(self, target: Target) -> Payload:
        from dragoman.mapping import compile_payload

        return compile_payload(_mapping_of(target), target.prompt)

    def embed_payload(self, target: Target) -> EmbedPayload:
        from dragoman.mapping import compile_embed_payload

        return compile_embed_payload(_mapping_of(target))

    def rerank_payload(self, target: Target) -> RerankPayload:
        from dragoman.mapping import compile_rerank_payload

        return compile_rerank_payload(_mapping_of(target))

    async def send(self, request: WireRequest, limits: Limits, *, tls: Tls | None = None) -> WireReply:
        transport = await self._transports.transport(tls)
        return await transport.send(request, limits)

    async def credentials(self, authorizer: Authorizer) -> Credentials:
        return await self.cache.get(authorizer)

    async def run_blocking(self, function: Callable[A, T], *args: A.args, **kwargs: A.kwargs) -> T:
        return await run_in(self._threads, function, *args, **kwargs)

    def now_s(self) -> float:
        return time.time()


def _mapping_of(target: Target) -> PayloadMapping:
    if target.mapping is None:
        raise DocumentError(
            f"an adapter of provider {target.provider}",
            [Problem("mapping", "is missing", "name a preset, for example mapping: {preset: tgi}")],
        )
    return target.mapping


async def run_in(threads: ThreadPoolExecutor, function: Callable[A, T], *args: A.args, **kwargs: A.kwargs) -> T:
    """Run a blocking function in a pool of threads."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(threads, functools.partial(function, *args, **kwargs))
