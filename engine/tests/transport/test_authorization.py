import asyncio
import threading

import pytest
from dragoman.errors import CallTimeoutError, ServerError
from dragoman.provider import Authorizer, Credentials
from dragoman.transport import authorization
from dragoman.transport.authorization import CredentialCache


class Tokens(Authorizer):
    """Hands out numbered tokens, each when the test lets it."""

    identity = "tokens"

    def __init__(self, clock, life_s=3600.0):
        self.clock = clock
        self.life_s = life_s
        self.acquired = 0
        self.started = asyncio.Event()
        self.ended = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.error = None

    async def acquire(self):
        self.acquired += 1
        number = self.acquired
        self.started.set()
        try:
            await self.gate.wait()
        finally:
            self.ended.set()
        if self.error is not None:
            raise self.error
        return Credentials(number, None if self.life_s is None else self.clock.now_s + self.life_s)

    def sign(self, request, credentials):
        return request

    def placeholder(self):
        return Credentials("***")


class Clock:
    now_s = 1_000_000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def cache(clock):
    return CredentialCache(now_s=clock)


@pytest.fixture
async def tokens(clock):
    return Tokens(clock)


async def values(*calls):
    return [credentials.value for credentials in await asyncio.gather(*calls)]


async def test_credentials_are_acquired_once_and_kept(cache, tokens):
    assert await values(*(cache.get(tokens) for _ in range(20))) == [1] * 20
    assert await values(cache.get(tokens)) == [1]


async def test_credentials_are_shared_by_identity(cache, tokens, clock):
    other = Tokens(clock)
    third = Tokens(clock)
    third.identity = "another"
    assert await values(cache.get(tokens), cache.get(other), cache.get(third)) == [1, 1, 1]
    assert (tokens.acquired, other.acquired, third.acquired) == (1, 0, 1)


async def test_credentials_without_an_expiry_are_acquired_for_each_call(cache, tokens):
    tokens.life_s = None
    assert [await values(cache.get(tokens)) for _ in range(3)] == [[1], [2], [3]]


async def test_credentials_that_come_to_expire_are_kept_from_then_on(cache, tokens):
    tokens.life_s = None
    await cache.get(tokens)
    tokens.life_s = 3600.0
    assert [await values(cache.get(tokens)) for _ in range(2)] == [[2], [2]]


async def test_the_others_go_on_when_the_first_waiter_is_cancelled(cache, tokens):
    tokens.gate.clear()
    first = asyncio.create_task(cache.get(tokens))
    await tokens.started.wait()
    others = [asyncio.create_task(cache.get(tokens)) for _ in range(5)]
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    tokens.gate.set()
    assert await values(*others) == [1] * 5
    assert tokens.acquired == 1


async def test_an_acquire_that_nobody_waits_for_any_more_is_ended_and_the_next_starts_afresh(cache, tokens):
    tokens.gate.clear()
    calls = [asyncio.create_task(cache.get(tokens)) for _ in range(3)]
    await tokens.started.wait()
    for call in calls:
        call.cancel()
    await asyncio.wait_for(tokens.ended.wait(), 20)
    tokens.gate.set()
    assert await values(cache.get(tokens)) == [2]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_failure_reaches_all_who_wait_and_is_not_kept(cache, tokens):
    tokens.error = ServerError("the token service is down", status=503)
    failures = await asyncio.gather(*(cache.get(tokens) for _ in range(3)), return_exceptions=True)
    assert [(type(f), str(f), f.status) for f in failures] == [(ServerError, "the token service is down", 503)] * 3
    assert len({id(f) for f in failures}) == 3  # the engine writes into each what it belongs to
    tokens.error = None
    assert await values(cache.get(tokens)) == [2]


async def test_an_acquire_that_stalls_is_ended(cache, tokens, monkeypatch):
    monkeypatch.setattr(authorization, "ACQUIRE_TIMEOUT_S", 0.02)
    tokens.gate.clear()
    with pytest.raises(CallTimeoutError, match=r"could not be obtained within 0\.02 s"):
        await cache.get(tokens)
    tokens.gate.set()
    assert await values(cache.get(tokens)) == [2]


@pytest.mark.parametrize(
    ("life_s", "left_s", "refreshed"), [(3600, 301, False), (3600, 299, True), (100, 21, False), (100, 19, True)]
)
async def test_credentials_are_refreshed_shortly_before_they_expire(cache, tokens, clock, *, life_s, left_s, refreshed):
    tokens.life_s = life_s
    await cache.get(tokens)
    clock.now_s += life_s - left_s
    assert await values(cache.get(tokens)) == [2 if refreshed else 1]


async def test_ahead_of_need_one_refreshes_and_the_others_do_not_wait(cache, tokens, clock):
    await cache.get(tokens)
    clock.now_s += 3600 - 200
    tokens.gate.clear()
    tokens.started.clear()
    refreshing = asyncio.create_task(cache.get(tokens))
    await tokens.started.wait()
    assert await values(cache.get(tokens), cache.get(tokens)) == [1, 1]
    tokens.gate.set()
    assert (await refreshing).value == 2
    assert await values(cache.get(tokens)) == [2]
    assert tokens.acquired == 2


@pytest.mark.parametrize("left_s", [59, 0, -100])
async def test_in_need_all_wait_for_the_new_credentials(cache, tokens, clock, left_s):
    await cache.get(tokens)
    clock.now_s += 3600 - left_s
    assert await values(*(cache.get(tokens) for _ in range(5))) == [2] * 5
    assert tokens.acquired == 2


async def test_a_refresh_that_fails_ahead_of_need_is_no_failure_and_is_tried_again_later(cache, tokens, clock):
    await cache.get(tokens)
    clock.now_s += 3600 - 200
    tokens.error = RuntimeError("down")
    assert [await values(cache.get(tokens)) for _ in range(3)] == [[1], [1], [1]]
    assert tokens.acquired == 2
    tokens.error = None
    clock.now_s += 11
    assert await values(cache.get(tokens)) == [3]


async def test_a_refresh_that_fails_in_need_is_a_failure(cache, tokens, clock):
    await cache.get(tokens)
    clock.now_s += 3600 - 30
    tokens.error = ServerError("down")
    with pytest.raises(ServerError):
        await cache.get(tokens)


async def test_forgotten_credentials_are_acquired_anew(cache, tokens):
    await cache.get(tokens)
    cache.forget(tokens)
    assert await values(cache.get(tokens)) == [2]


async def test_many_refusals_of_the_same_credentials_cause_one_acquire(cache, tokens):
    refused = await cache.get(tokens)

    async def call_again():
        cache.forget(tokens, refused)
        return await cache.get(tokens)

    assert await values(*(call_again() for _ in range(10))) == [2] * 10
    assert (await call_again()).value == 2


async def test_what_is_forgotten_while_it_is_acquired_is_not_kept(cache, tokens):
    tokens.gate.clear()
    waiting = asyncio.create_task(cache.get(tokens))
    await tokens.started.wait()
    cache.forget(tokens)
    tokens.gate.set()
    assert (await waiting).value == 1
    assert await values(cache.get(tokens)) == [2]


def test_event_loops_share_the_values_and_not_the_waiting(cache, clock):
    async def get():
        return (await cache.get(Tokens(clock))).value

    assert asyncio.run(get()) == 1
    both = threading.Barrier(2)
    seen = []

    def run():
        both.wait()
        seen.append(asyncio.run(get()))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1, 1]


def test_an_acquire_under_way_when_its_loop_ends_does_not_stop_the_next_loop(cache, clock):
    async def give_up():
        tokens = Tokens(clock)
        tokens.gate.clear()
        task = asyncio.create_task(cache.get(tokens))
        await tokens.started.wait()
        return task

    asyncio.run(give_up())
    assert asyncio.run(values_of_a_new(cache, clock)) == [1]


async def values_of_a_new(cache, clock):
    return await values(cache.get(Tokens(clock)))


async def test_refreshes_are_counted_and_looked_up_keys_are_not(clock, cache):
    tokens = Tokens(clock, life_s=600)
    await cache.get(tokens)
    await cache.get(tokens)
    assert (cache.acquired, cache.failed) == (1, 0)
    tokens.error = ServerError("not now", status=503)
    clock.now_s += 600
    with pytest.raises(ServerError):
        await cache.get(tokens)
    assert (cache.acquired, cache.failed) == (1, 1)
    key = Tokens(clock, life_s=None)
    key.identity = "key"
    await cache.get(key)
    assert (cache.acquired, cache.failed) == (1, 1)
