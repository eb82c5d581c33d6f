"""Structured logs: one JSON object a line, with the request's id; bodies only where `server.log_bodies` asks for them.

Lines of requests are gathered and written a few times a second, so that a busy server does not pay a system call for
each of them.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import sys
from collections.abc import Callable
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, BinaryIO

import orjson

from dragoman.server.exchange import Exchange

FLUSH_S = 0.25
MAX_HELD_BYTES = 64 * 1024

#: The request that the running task answers.
current_exchange: ContextVar[Exchange | None] = ContextVar("dragoman_current_exchange", default=None)


class JsonFormatter(logging.Formatter):
    """Writes a record of Python's logging as one JSON object, without any secret that is known."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": _time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        exchange = current_exchange.get()
        if exchange is not None:
            line["request_id"] = exchange.request_id
            if exchange.trace_id is not None:
                line["trace_id"] = exchange.trace_id
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return self._redact(orjson.dumps(line, default=str).decode())


def log_to_stderr(redact: Callable[[str], str], *, debug: bool) -> None:
    """Send the logs of the engine and of the server to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(redact))
    for name, level in (("dragoman", logging.DEBUG if debug else logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
        logger.propagate = False


class RequestLog:
    """One line for each request.

    Args:
        stream: Where the lines go; ``None``: nowhere.
        redact: Takes known secret values out of bodies, where the deployment asks for bodies.
    """

    def __init__(self, stream: BinaryIO | None, redact: Callable[[str], str]) -> None:
        self._stream = stream
        self._redact = redact
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    def write(self, exchange: Exchange) -> None:
        """Take the line of a request that is over."""
        if self._stream is None:
            return
        caller = exchange.caller
        line: dict[str, Any] = {
            "time": _time(exchange.started_at),
            "level": "info",
            "logger": "dragoman.request",
            "request_id": exchange.request_id,
            "client": exchange.client,
            "method": exchange.method,
            "path": exchange.path,
            "status": exchange.status,
            "duration_ms": round(exchange.duration_s * 1000, 2),
            "bytes_in": exchange.bytes_in,
            "bytes_out": exchange.bytes_out,
            "principal": caller.name if caller else None,
            "project": caller.project if caller else None,
            "adapter": exchange.adapter,
            "error_code": exchange.error_code,
        }
        if exchange.trace_id is not None:
            line["trace_id"] = exchange.trace_id
        if exchange.bodies is not None:
            line["request_body"] = self._redact(exchange.bodies.request.decode("utf-8", "replace"))
            line["answer_body"] = self._redact(exchange.bodies.answer.decode("utf-8", "replace"))
        data = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > MAX_HELD_BYTES:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_S, self.flush)

    def flush(self) -> None:
        """Write what is held."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        held, self._held, self._held_bytes = self._held, [], 0
        if held and self._stream is not None:
            try:
                self._stream.write(b"".join(held))
                self._stream.flush()
            except (BrokenPipeError, ValueError):
                self._stream = None  # nobody reads any more
            except OSError:
                pass  # a full disk, for example: these lines are lost, the next ones need not be


def _time(seconds: float) -> str:
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1000):03d}+00:00"


@lru_cache(maxsize=8)
def _second(seconds: int) -> str:
    """Return the beginning that the lines of one second have in common."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()[:19]
