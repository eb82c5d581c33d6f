"""Header fields and query members, as an adapter and a call write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

#: What an adapter or a call sets, in text; a list writes a query's member several times.
QueryValue = str | int | float | bool | list[str | int | float | bool]

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")
_SIGNED = "credentials belong to connection.auth"
#: Names under which services take keys; a document holds none, and a call brings none.
_KEY_NAME = re.compile(
    r"(.*[-_.])?(api[-_]?key|subscription[-_]?key|access[-_]?key|(auth|access|id|session|bearer)[-_]?token|token|secret"
    r"|client[-_]?secret|password|credentials?)([-_]id)?",
    re.IGNORECASE,
)
_KEY_QUERY = frozenset({"key", "sig", "signature", "code"})
_FRAMED = "the transport writes it"
_DESCRIBED = "the mapping's {} says it"

#: Fields that nobody sets here -> who says it instead.
NOT_SET_HERE: Mapping[str, str] = {
    **dict.fromkeys(("authorization", "proxy-authorization", "cookie", "x-amz-security-token"), _SIGNED),
    **dict.fromkeys(("host", "forwarded", "x-forwarded-host"), "connection.url says where a call goes"),
    **dict.fromkeys(("via", "x-real-ip", "x-forwarded-for"), "proxies say whom a call is for"),
    **dict.fromkeys(("x-forwarded-port", "x-forwarded-proto"), "proxies say how a call came"),
    **dict.fromkeys(("content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"), _FRAMED),
    **dict.fromkeys(("expect", "keep-alive", "proxy-connection", "accept-encoding", "content-encoding"), _FRAMED),
    "content-type": _DESCRIBED.format("content_type"),
    "accept": _DESCRIBED.format("accept"),
}

#: Those of them that an authorizer may be told to write.
KEY_HEADERS = frozenset({"authorization", "proxy-authorization"})


def check_header(name: str, value: Any) -> str:
    """Return a field's value as text; raise ``ValueError`` where it cannot be set."""
    if not _NAME.fullmatch(name):
        raise ValueError("is no name of a header")
    if why := NOT_SET_HERE.get(name.lower()) or (_SIGNED if _KEY_NAME.fullmatch(name) else None):
        raise ValueError(f"cannot be set here: {why}")
    text = text_of(value)
    if not _VALUE.fullmatch(text):
        raise ValueError("one line of ASCII text is expected")
    return text


def text_of(value: Any) -> str:
    """Return a text, a number, or a truth value in text; raise ``ValueError`` for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise ValueError("text, a number, true or false is expected")
    return str(value)


def query_pairs(name: str, value: Any) -> list[tuple[str, str]]:
    """Return a query's member, once for each element of a list; raise ``ValueError`` where it cannot be set."""
    if _KEY_NAME.fullmatch(name) or name.lower() in _KEY_QUERY:
        raise ValueError(f"cannot be set here: {_SIGNED}")
    return [(name, text_of(one)) for one in (value if isinstance(value, list | tuple) else [value])]


def with_query(url: str, pairs: list[tuple[str, str]]) -> str:
    """Return the address with its query, percent-encoded so that signatures hold."""
    return f"{url}?{urlencode(pairs, quote_via=quote, safe='-_.~')}" if pairs else url
