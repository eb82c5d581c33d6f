"""Where requests go, and how a JSON body becomes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from dragoman.errors import MessageError
from dragoman.plugin import WireRequest

from dragoman_openai.codec.parameters import add_endpoint_kwargs


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go.

    Args:
        url: The whole address, encoded, with its query if it has one.
        model: The body's ``model``; ``None`` where the address says it.
        headers: Headers that go with every request; none of them a credential.
    """

    url: str
    model: str | None
    headers: Mapping[str, str] = field(default_factory=dict)


def json_request(
    endpoint: Endpoint, body: Mapping[str, Any], endpoint_kwargs: Mapping[str, Any], accept: str = "application/json"
) -> WireRequest:
    """Return the request that carries a body, with the adapter's own headers and query.

    Raises:
        MessageError: Something in the body has no JSON form.
    """
    headers = {"Content-Type": "application/json", "Accept": accept, **endpoint.headers}
    url = add_endpoint_kwargs(endpoint.url, headers, endpoint_kwargs) if endpoint_kwargs else endpoint.url
    try:
        return WireRequest("POST", url, headers, orjson.dumps(body, default=_plain))
    except TypeError as error:
        raise MessageError(f"the request cannot be written as JSON: {error}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
