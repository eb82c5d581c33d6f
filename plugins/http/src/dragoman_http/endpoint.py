"""Where calls go and what goes with them, filled in once for each target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dragoman.errors import DocumentError, Problem, UnsupportedError
from dragoman.plugin import Target, WireRequest

from dragoman_http.connection import HeaderAuth, HttpConnection
from dragoman_http.fields import check_header, query_pairs, text_of, with_query
from dragoman_http.template import MODEL, fill_address, fill_text

_KWARGS = ("headers", "query")


class Endpoint:
    """An endpoint with its address, headers and query.

    Raises:
        DocumentError: The model or a variable cannot stand where the address has a place for it.
    """

    def __init__(self, target: Target) -> None:
        connection: HttpConnection = target.connection
        self.model = target.model
        self.method = connection.method
        variables = {**connection.variables, MODEL: target.model}
        self._url = _filled("url", connection.url, variables)
        self._stream_url = _filled("stream_url", connection.stream_url or connection.url, variables)
        self._headers = {name: _header(name, value, variables) for name, value in connection.headers.items()}
        self._query = [
            (name, fill_text(text, variables))
            for name, value in connection.query.items()
            for _, text in query_pairs(name, value)
        ]
        self._taken = {name.lower() for name in self._headers}
        if isinstance(connection.auth, HeaderAuth):
            self._taken.add(connection.auth.name.lower())

    def request(
        self,
        body: bytes,
        *,
        content_type: str,
        accept: str,
        endpoint_kwargs: Mapping[str, Any],
        streams: bool = False,
    ) -> WireRequest:
        """Return a request with its body.

        Raises:
            UnsupportedError: A member of ``endpoint_kwargs`` is not known here, or cannot be set.
        """
        if unknown := sorted(set(endpoint_kwargs) - set(_KWARGS)):
            hint = "there are headers and query; members of the body go into model_kwargs"
            raise UnsupportedError("is not known", path=f"endpoint_kwargs.{unknown[0]}", hint=hint)
        headers = {"Content-Type": content_type, "Accept": accept, **self._headers, **self._own(endpoint_kwargs)}
        query = [*self._query, *self._own_query(endpoint_kwargs)]
        url = with_query(self._stream_url if streams else self._url, query)
        return WireRequest(self.method, url, headers, body)

    def _own(self, endpoint_kwargs: Mapping[str, Any]) -> dict[str, str]:
        headers: dict[str, str] = {}
        for name, value in _section(endpoint_kwargs, "headers").items():
            path = f"endpoint_kwargs.headers.{name}"
            if name.lower() in self._taken or name.lower() in {known.lower() for known in headers}:
                raise UnsupportedError("is said twice", path=path, hint="the adapter's connection says it")
            try:
                headers[name] = check_header(name, value)
            except ValueError as error:
                raise UnsupportedError(str(error), path=path) from None
        return headers

    def _own_query(self, endpoint_kwargs: Mapping[str, Any]) -> list[tuple[str, str]]:
        pairs: list[tuple[str, str]] = []
        for name, value in _section(endpoint_kwargs, "query").items():
            path = f"endpoint_kwargs.query.{name}"
            if name in {known for known, _ in self._query}:
                raise UnsupportedError("is said twice", path=path, hint="connection.query says it")
            try:
                pairs += query_pairs(name, value)
            except ValueError as error:
                raise UnsupportedError(str(error), path=path) from None
        return pairs


def _section(endpoint_kwargs: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = endpoint_kwargs.get(name, {})
    if not isinstance(section, Mapping):
        raise UnsupportedError("an object is expected", path=f"endpoint_kwargs.{name}")
    return section


def _filled(member: str, template: str, variables: Mapping[str, str]) -> str:
    try:
        return fill_address(template, variables)
    except ValueError as error:
        raise DocumentError("connection", [Problem(f"connection.{member}", str(error), "check model")]) from None


def _header(name: str, value: Any, variables: Mapping[str, str]) -> str:
    try:
        return check_header(name, fill_text(text_of(value), variables))
    except ValueError as error:
        raise DocumentError("connection", [Problem(f"connection.headers.{name}", str(error))]) from None
