"""How a secret gets into a request of botocore's, and out of an answer, without its log seeing it. Blocking."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dragoman.secret import Secret

#: Which of botocore's loggers write bodies of requests and answers.
_BODIES = ("botocore.endpoint", "botocore.parsers", "botocore.hooks", "botocore.retryhandler", "botocore.retries")


@contextmanager
def unlogged() -> Iterator[None]:
    """Keep botocore from logging bodies meanwhile, in every thread."""

    class Nothing(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            return False

    nothing = Nothing()
    loggers = [logging.getLogger(name) for name in _BODIES]
    for logger in loggers:
        logger.addFilter(nothing)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(nothing)


@contextmanager
def filled_in(client: Any, operation: str, mark: str, secret: Secret) -> Iterator[None]:
    """Replace a mark by a secret in the body of an operation's requests, before they are signed."""
    name = client.meta.method_to_api_mapping[operation]
    event = f"request-created.{client.meta.service_model.service_id.hyphenize()}.{name}"

    def fill(request: Any, **_: Any) -> None:
        body = request.data if isinstance(request.data, bytes) else str(request.data).encode()
        request.data = body.replace(json.dumps(mark).encode(), json.dumps(secret.reveal()).encode())

    client.meta.events.register_first(event, fill)
    try:
        yield
    finally:
        client.meta.events.unregister(event, fill)
