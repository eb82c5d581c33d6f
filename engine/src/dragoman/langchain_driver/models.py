"""The models of one session, by the settings they were built with."""

from __future__ import annotations

import asyncio
import functools
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson

from dragoman.langchain_driver.building import Build, BuildContext, build_model
from dragoman.langchain_driver.driven import Driven
from dragoman.langchain_driver.threads import Threads
from dragoman.provider import CallSettings

#: A LangChain model holds its settings, so each set of them has its own. Beyond this many, the one that is idle longest
#: is closed.
MAX_MODELS = 32


class Models:
    """Builds models when they are first needed; closes one when it is retired and its last call is over."""

    def __init__(
        self, build: Build, make_context: Callable[[], Awaitable[BuildContext]], threads: Threads, provider: str
    ) -> None:
        self._build = build
        self._make_context = make_context
        self._threads = threads
        self._provider = provider
        self._built: OrderedDict[bytes, _Built] = OrderedDict()

    @asynccontextmanager
    async def lease(self, settings: CallSettings) -> AsyncGenerator[Driven, None]:
        """Hold the model for these settings, built now if it is not; any number of first calls build one."""
        key = _key(settings)
        built = self._built.get(key)
        if built is None:
            built = self._built[key] = _Built(asyncio.create_task(self._make(settings)))
        self._built.move_to_end(key)
        built.users += 1
        try:
            if len(self._built) > MAX_MODELS:
                await self._retire(next(iter(self._built)))
            try:
                model, _ = await asyncio.shield(built.making)
            except Exception:
                if self._built.get(key) is built:  # the next call builds anew
                    await self._retire(key)
                raise
            yield model
        finally:
            built.users -= 1
            await built.close_if_idle()

    async def forget(self) -> None:
        """Build anew from now on, with secrets as they are then."""
        for key in list(self._built):
            await self._retire(key)

    async def _retire(self, key: bytes) -> None:
        built = self._built.pop(key)
        built.retired = True
        await built.close_if_idle()

    async def _make(self, settings: CallSettings) -> tuple[Driven, BuildContext]:
        context = await self._make_context()
        make = functools.partial(_make, self._build, settings, context, self._provider)
        try:
            return await self._threads.run(make), context
        except BaseException:
            await context.aclose()
            raise


class _Built:
    """A model, there or still being built, and how many calls use it."""

    def __init__(self, making: asyncio.Task[tuple[Driven, BuildContext]]) -> None:
        self.making = making
        self.users = 0
        self.retired = False
        making.add_done_callback(_look_at)

    async def close_if_idle(self) -> None:
        if not self.retired or self.users:
            return
        self.making.cancel()  # nobody waits for it; does nothing where it is done
        if self.making.done() and not self.making.cancelled() and self.making.exception() is None:
            await self.making.result()[1].aclose()


def _look_at(making: asyncio.Task[Any]) -> None:
    if not making.cancelled():
        making.exception()  # whoever waited has it; where nobody did, it is not to be logged as lost


def _make(build: Build, settings: CallSettings, context: BuildContext, provider: str) -> Driven:
    return Driven.of(build_model(build, settings, context, provider), f"provider {provider}")


def _key(settings: CallSettings) -> bytes:
    inference = settings.inference
    parts = (
        inference.model_dump(mode="json", exclude_none=True),
        settings.model_kwargs,
        settings.endpoint_kwargs,
        settings.limits.model_dump(mode="json"),
    )
    return orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)
