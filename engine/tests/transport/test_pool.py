import asyncio
import gc
import sys
import weakref

from dragoman.adapter import Limits
from dragoman.transport.pool import TransportPool

LIMITS = Limits()


async def answer(connection, request):
    await connection.answer(b"{}")


async def call(pool, request):
    return (await (await pool.transport()).send(request, LIMITS)).status


async def test_one_loop_has_one_transport_until_it_is_closed(serve):
    upstream = await serve(answer)
    pool = TransportPool()
    first, second = await asyncio.gather(pool.transport(), pool.transport())
    assert first is second
    assert await call(pool, upstream.request()) == 200
    await pool.aclose()
    await upstream.all_closed()
    assert await pool.transport() is not first
    await pool.aclose()
    await pool.aclose()


async def test_loops_one_after_the_other_and_side_by_side_have_their_own(serve):
    upstream = await serve(answer)
    request = upstream.request()
    pool = TransportPool()
    assert await call(pool, request) == 200

    def loops_in_a_thread():
        return [asyncio.run(call(pool, request)) for _ in range(3)]

    for _ in range(2):
        statuses = await asyncio.gather(*(asyncio.to_thread(loops_in_a_thread) for _ in range(2)))
        assert statuses == [[200] * 3] * 2
    assert await call(pool, request) == 200
    assert len(upstream.connections) == 13
    await pool.aclose()
    await upstream.all_closed()


async def test_closing_one_loop_leaves_the_others_alone(serve):
    upstream = await serve(answer)
    request = upstream.request()
    pool = TransportPool()
    here = await pool.transport()

    async def call_and_close():
        await call(pool, request)
        await pool.aclose()

    await asyncio.to_thread(lambda: asyncio.run(call_and_close()))
    assert await pool.transport() is here
    assert await call(pool, request) == 200
    await pool.aclose()


async def test_a_pool_that_is_dropped_closes_its_connections(serve):
    upstream = await serve(answer)
    pool = TransportPool()
    assert await call(pool, upstream.request()) == 200
    del pool
    gc.collect()
    await upstream.all_closed()


def test_loops_that_were_closed_are_forgotten():
    pool = TransportPool()

    async def use():
        await pool.transport()
        return weakref.ref(asyncio.get_running_loop())

    loops = [asyncio.run(use()) for _ in range(5)]
    gc.collect()
    assert [loop() for loop in loops[:-1]] == [None] * 4


PROGRAM = """
import asyncio, gc, sys
from dragoman.adapter import Limits
from dragoman.provider import WireRequest
from dragoman.transport.pool import TransportPool

pool = TransportPool()
assert "httptools" not in sys.modules

async def main():
    request = WireRequest("POST", sys.argv[1] + "/", {}, b"{}")
    transport = await pool.transport()
    assert (await transport.send(request, Limits())).status == 200
    async with transport.stream(request, Limits()) as (reply, pieces):
        assert [piece async for piece in pieces] == [b"{}"]

for _ in range(3):
    asyncio.run(main())
    gc.collect()
print("done")
"""


async def test_a_program_that_closes_nothing_ends_without_a_warning(serve):
    upstream = await serve(answer)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM, upstream.url,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    # Development mode remarks on the step that imports the HTTP client; nothing else may be said.
    remarks = [line for line in err.decode().splitlines() if not line.startswith("Executing <Task")]
    assert (out.decode().strip(), remarks, process.returncode) == ("done", [], 0)
