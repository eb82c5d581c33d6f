"""What the tests of the state share."""

import asyncio
import inspect
import time
import uuid
from decimal import Decimal

import pytest
from dragoman.events import Usage
from dragoman.server.state import CallRecord, State
from dragoman.settings import Settings


@pytest.fixture
def settings(database_url, tmp_path):
    """Return settings for an empty database, of each kind in turn."""
    return Settings(store={"url": database_url, "directory": str(tmp_path / "state")})


@pytest.fixture
async def state(settings):
    """Return a state on an empty database."""
    async with await State.open(settings) as opened:
        yield opened


@pytest.fixture
async def other(settings, state):
    """Return a second state on the same database, as another process has one."""
    async with await State.open(settings) as opened:
        yield opened


@pytest.fixture
def eventually():
    """Wait until a condition holds that nobody announces, of either colour; the deadline ends a wait in vain."""

    async def holds(condition):
        found = condition()
        return await found if inspect.isawaitable(found) else found

    async def wait(condition):
        async with asyncio.timeout(20):
            while not await holds(condition):  # noqa: ASYNC110  (there is no event to wait for)
                await asyncio.sleep(0.01)

    return wait


@pytest.fixture
def call():
    """Make a call to book; what is not said has a default."""

    def make(**values):
        defaults = {
            "call_id": uuid.uuid4().hex,
            "at": time.time(),
            "principal": "alice",
            "project": "search",
            "adapter": "my-model",
            "adapter_digest": "0123456789abcdef",
            "provider": "echo",
            "model": "loud",
            "operation": "chat",
            "duration_s": 0.25,
            "first_token_s": 0.05,
            "status": 200,
            "attempts": 1,
            "usage": Usage(100, 20, 120, source="provider"),
            "cost": Decimal("0.0006"),
            "currency": "USD",
            "bytes_in": 300,
            "bytes_out": 900,
        }
        return CallRecord(**{**defaults, **values})

    return make
