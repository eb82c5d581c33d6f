"""Sessions of one event loop: how calls begin on it."""

from __future__ import annotations

import asyncio

from dragoman.sessions import Turns


async def _begin(turns: Turns, number: int, begun: list[int]) -> None:
    await turns.take()
    begun.append(number)


async def test_calls_that_are_made_at_once_leave_turns_of_the_loop_to_others() -> None:
    turns, begun = Turns(4), list[int]()
    calls = [asyncio.create_task(_begin(turns, number, begun)) for number in range(50)]
    most, before = 0, 0
    while len(begun) < len(calls):
        await asyncio.sleep(0)  # any other task of the application
        most, before = max(most, len(begun) - before), len(begun)
    assert begun == list(range(50))
    assert most == 4


async def test_a_call_that_is_cancelled_while_it_waits_takes_nobodys_turn() -> None:
    turns, begun = Turns(1), list[int]()
    calls = [asyncio.create_task(_begin(turns, number, begun)) for number in range(5)]
    await asyncio.sleep(0)
    calls[1].cancel()
    calls[2].cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert begun == [0, 3, 4]
    await _begin(turns, 5, begun)
    assert begun[-1] == 5
