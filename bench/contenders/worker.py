"""The process that every contender runs in: reads commands, makes calls, answers with the CPU time they took.

One JSON line first: the versions of Python and of the contender's distributions. Then one line each way:

    call 200 2      make 200 whole calls with a conversation of 2 messages
    stream 50 20    read 50 streams to their end, with a conversation of 20 messages
    {"cpu_s": …, "wall_s": …, "text": …}    for all of them together; text is the last answer

The process ends with its standard input. What a library prints goes to standard error.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import version
from typing import Any, Protocol

MODEL = "gpt-4o-mini"
API_KEY = "sk-bench"

#: Calls before each measured row, so that a connection that was closed meanwhile is not counted.
UNCOUNTED = 3

#: OpenAI-shaped dicts, as a user writes them.
Messages = list[Any]


class Contender(Protocol):
    """One way to call a model. Both return the answer's text, so that none can leave work out."""

    async def call(self, messages: Messages) -> str: ...

    async def stream(self, messages: Messages) -> str: ...

    async def aclose(self) -> None: ...


def conversation(length: int) -> Messages:
    """Return ``length`` messages of about 60 characters: a system message, then user and assistant in turn."""
    messages: Messages = [
        {"role": "system", "content": "You are a helpful assistant. Answer briefly and to the point."}
    ]
    for turn in range(1, length):
        role = "user" if turn % 2 else "assistant"
        messages.append({"role": role, "content": f"Turn {turn}: what would you see from the top of that hill?"})
    return messages


def serve(make: Callable[[str], Contender], distributions: Sequence[str]) -> None:
    """Serve commands for the contender that ``make`` returns for the upstream's base URL (the first argument)."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    print(json.dumps({"python": platform.python_version(), **{name: version(name) for name in distributions}}),
          file=answers, flush=True)  # fmt: skip
    with asyncio.Runner() as runner:
        contender = runner.run(_made(make, sys.argv[1]))
        for line in sys.stdin:
            operation, times, length = line.split()
            once = {"call": contender.call, "stream": contender.stream}[operation]
            answer = runner.run(_measure(once, int(times), conversation(int(length))))
            print(json.dumps(answer), file=answers, flush=True)
        runner.run(contender.aclose())


async def _made(make: Callable[[str], Contender], base_url: str) -> Contender:
    return make(base_url)  # on the loop: some clients want one when they are made


async def _measure(once: Callable[[Messages], Awaitable[str]], times: int, messages: Messages) -> dict[str, Any]:
    for _ in range(UNCOUNTED):
        text = await once(messages)
    gc.collect()
    cpu_s, wall_s = _cpu_s(), time.perf_counter()
    for _ in range(times):
        text = await once(messages)
    return {"cpu_s": _cpu_s() - cpu_s, "wall_s": time.perf_counter() - wall_s, "text": text}


def _cpu_s() -> float:
    """Return user and system seconds of this process, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
