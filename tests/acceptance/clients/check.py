"""What every client's script shares: checks run one by one, and each says whether it held."""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

GATEWAY = os.environ["GATEWAY"]
KEY = os.environ["GATEWAY_KEY"]

GREETING = "Hello there, how are you today?"
CHAT = "Good morning"
WEATHER = "What is the weather in 'Paris' for 3 days? Use get_weather."
FAILS = {status: f"please fail with {status}" for status in (400, 429, 500)}
BREAKS = "please break off"
VECTOR = [0.25, -0.5, 1.0]

WEATHER_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
WEATHER_TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "description": "Weather of a city", "parameters": WEATHER_SCHEMA},
}


def run(*checks: Callable[[], Any]) -> None:
    """Run the checks; end with 1 where one of them failed."""
    failed = False
    for check in checks:
        try:
            outcome = check()
            if inspect.isawaitable(outcome):
                asyncio.run(_finished(outcome))
            print(f"ok {check.__name__}")
        except Exception as error:  # noqa: BLE001  (whatever a client raises is the finding)
            traceback.print_exc()
            print(f"failed {check.__name__}: {type(error).__name__}: {str(error)[:500]}")
            failed = True
    sys.exit(failed)


async def _finished(outcome: Any) -> None:
    await outcome


def raised(kind: type[BaseException], call: Callable[[], Any]) -> Any:
    """Return the error that a call raises."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised")
