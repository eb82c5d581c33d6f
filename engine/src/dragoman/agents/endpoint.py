"""Where a tool's calls go when it is an HTTP endpoint, as an agent's document says it."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

#: ``{city}`` in a path.
PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]{0,63})\}")

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")
#: Names under which services take keys.
_KEY_NAME = re.compile(
    r"(proxy-)?authorization|cookie|.*(api[-_]?key|access[-_]?key|token|secret|password|credentials?)", re.IGNORECASE
)
#: Headers that the HTTP client writes.
_FRAMING = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade", "te"})

DEFAULT_MAX_ANSWER_BYTES = 64 * 1024
MAX_ANSWER_BYTES = 1024 * 1024


class Part(BaseModel):
    """A part of an agent's document: unknown members are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class BearerAuth(Part):
    """The secret as a bearer token."""

    kind: Literal["bearer"]
    secret: str = Field(min_length=1, description="name of the secret")


class HeaderAuth(Part):
    """The secret in a header of the service's own."""

    kind: Literal["header"]
    name: str = Field(description="the header, for example X-Api-Key")
    secret: str = Field(min_length=1, description="name of the secret")
    prefix: str = Field("", description="stands before the secret's value")

    @field_validator("name")
    @classmethod
    def _is_a_header(cls, name: str) -> str:
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _FRAMING:
            raise ValueError("is no name of a header that a credential can go into")
        return name

    @field_validator("prefix")
    @classmethod
    def _is_one_line(cls, prefix: str) -> str:
        return _one_line(prefix)


class QueryAuth(Part):
    """The secret as a member of the query, for services that take it nowhere else: their logs hold it then."""

    kind: Literal["query"]
    name: str = Field(min_length=1, description="the query's member, for example appid")
    secret: str = Field(min_length=1, description="name of the secret")


class BasicAuth(Part):
    """A user's name, and the secret as the password."""

    kind: Literal["basic"]
    user: str
    secret: str = Field(min_length=1, description="name of the secret")


Auth = Annotated[BearerAuth | HeaderAuth | QueryAuth | BasicAuth, Field(discriminator="kind")]


class Endpoint(Part):
    """An HTTP endpoint. Arguments go into the path where it names them, the others into the body or the query."""

    url: str = Field(description="the address; {name} in its path is the argument of that name")
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field(
        "POST", description="GET and DELETE send arguments in the query, the others as a JSON body"
    )
    headers: dict[str, str] = Field({}, description="sent with every call; credentials go into auth")
    auth: Auth | None = Field(None, description="how calls are signed; absent = not at all")
    timeout_s: float | None = Field(None, gt=0, le=3600, description="absent = the agent's limits.tool_timeout_s")
    max_answer_bytes: int = Field(
        DEFAULT_MAX_ANSWER_BYTES,
        ge=1,
        le=MAX_ANSWER_BYTES,
        description="of a longer answer the beginning is read, and the model is told so",
    )

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The names of the arguments that go into the path."""
        return tuple(dict.fromkeys(PLACEHOLDER.findall(self.url)))

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise ValueError("is no address") from None
        if parts.scheme not in ("http", "https") or not host:
            raise ValueError("is no address that begins with https:// or http://")
        if "@" in parts.netloc:
            raise ValueError("holds credentials; they go into auth, by the name of a secret")
        if parts.fragment:
            raise ValueError("has a part behind #, which is never sent")
        if not re.fullmatch(r"[!-~]+", url):
            raise ValueError("holds spaces or letters beyond ASCII; percent-encode them, and write hosts as xn--")
        if "{" in parts.netloc or "{" in parts.query:
            raise ValueError("has {} outside its path; other arguments are sent by themselves")
        if re.search(r"[{}]", PLACEHOLDER.sub("", parts.path)):
            raise ValueError("has a brace that is no {name} of an argument")
        return url

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a header")
            if _KEY_NAME.fullmatch(name):
                raise ValueError(f"{name} is for credentials, which go into auth, by the name of a secret")
            if name.lower() in _FRAMING:
                raise ValueError(f"{name} is written by the HTTP client")
            _one_line(value)
        return headers


def _one_line(value: str) -> str:
    if not _HEADER_VALUE.fullmatch(value):
        raise ValueError("one line of ASCII text is expected")
    return value
