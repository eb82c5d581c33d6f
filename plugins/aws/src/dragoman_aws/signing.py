"""Signature version 4: pure functions of a request, keys and the time.

Held equal to botocore's ``SigV4Auth``, ``S3SigV4Auth`` and ``SigV4QueryAuth`` by tests.
"""

from __future__ import annotations

import hmac
import time
from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from dragoman.plugin import WireRequest
from dragoman.secret import Secret

_ALGORITHM = "AWS4-HMAC-SHA256"
_EMPTY_SHA256 = sha256(b"").hexdigest()
#: What every request is signed with anew.
_OWN_HEADERS = frozenset({"authorization", "date", "x-amz-date", "x-amz-security-token"})
#: What may change on the way, and is not signed.
UNSIGNED_HEADERS = frozenset(
    {
        *("baggage", "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "te"),
        *("traceparent", "tracestate", "trailer", "transfer-encoding", "upgrade", "user-agent", "x-amzn-trace-id"),
    }
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Keys(NamedTuple):
    """An access key; ``session_token`` belongs to temporary ones."""

    access_key_id: str
    secret_access_key: Secret
    session_token: Secret | None = None


class Signer:
    """Signs requests to one service in one region.

    The key of a day is derived once and kept while the same secret signs; nothing else is kept.

    Args:
        service: The service's name for signing: ``bedrock``, ``sagemaker``, ``s3``, …
        region: The region's name.
    """

    __slots__ = ("_held", "_is_s3", "region", "service")

    def __init__(self, service: str, region: str) -> None:
        self.service = service
        self.region = region
        self._is_s3 = service == "s3"  # S3 signs the path as it is, and wants the body's hash as a header
        self._held: tuple[Secret, str, bytes] | None = None

    def sign(self, request: WireRequest, keys: Keys, *, now_s: float) -> WireRequest:
        """Return the request with ``Authorization``, ``X-Amz-Date`` and, for temporary keys, their token.

        Headers of these names, and ``Date``, are replaced. A body's hash that the request brings as
        ``X-Amz-Content-SHA256`` is taken as it is. ``now_s`` is wall-clock time in seconds since 1970.
        """
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OWN_HEADERS}
        stamp = _stamp(int(now_s))
        headers["X-Amz-Date"] = stamp
        if keys.session_token:
            headers["X-Amz-Security-Token"] = keys.session_token.reveal()
        digest = _given_digest(headers) or (sha256(request.body).hexdigest() if request.body else _EMPTY_SHA256)
        if self._is_s3:
            headers["X-Amz-Content-SHA256"] = digest
        signed, canonical = self._canonical(request.method, request.url, headers, digest)
        signature = self._signature(canonical, keys, stamp)
        headers["Authorization"] = (
            f"{_ALGORITHM} Credential={keys.access_key_id}/{self._scope(stamp)}, "
            f"SignedHeaders={signed}, Signature={signature}"
        )
        return WireRequest(request.method, request.url, headers, request.body)

    def presign(self, method: str, url: str, keys: Keys, *, now_s: float, expires_s: int) -> str:
        """Return the address with the signature in its query, good for ``expires_s`` seconds and an empty body.

        Of a query member that the address holds several times the first counts, as in botocore.
        """
        parts = urlsplit(url)
        stamp = _stamp(int(now_s))
        query: dict[str, str] = {}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            query.setdefault(name, value)
        query |= {
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"{keys.access_key_id}/{self._scope(stamp)}",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": str(expires_s),
            "X-Amz-SignedHeaders": "host",
        }
        if keys.session_token:
            query["X-Amz-Security-Token"] = keys.session_token.reveal()
        encoded = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in query.items())
        presigned = urlunsplit((parts.scheme, parts.netloc, parts.path, encoded, ""))
        _, canonical = self._canonical(method, presigned, {}, "UNSIGNED-PAYLOAD" if self._is_s3 else _EMPTY_SHA256)
        return f"{presigned}&X-Amz-Signature={self._signature(canonical, keys, stamp)}"

    def bearer_token(self, keys: Keys, *, now_s: float, expires_s: int) -> Secret:
        """Return a short-lived API key of the service: a presigned call, in base64.

        It is good for ``expires_s`` seconds, at most twelve hours, and not longer than the keys. Held against the
        scheme of AWS's own token generators for Bedrock and SageMaker, read 2026-11; the host is the same in every
        region.
        """
        url = f"https://{self.service}.amazonaws.com/?Action=CallWithBearerToken"
        presigned = self.presign("POST", url, keys, now_s=now_s, expires_s=expires_s).removeprefix("https://")
        return Secret(f"{self.service}-api-key-{b64encode(f'{presigned}&Version=1'.encode()).decode()}")

    def _canonical(self, method: str, url: str, headers: Mapping[str, str], digest: str) -> tuple[str, str]:
        """Return the signed headers' names and the canonical request."""
        address, _, query = url.partition("#")[0].partition("?")
        host, path = _canonical_address(address, is_s3=self._is_s3)
        canonical_query = _sorted_query(query.split("&")) if query else ""
        lines: dict[str, str] = {}
        for name, value in headers.items():
            lower = name.lower()
            if lower not in UNSIGNED_HEADERS:
                text = " ".join(value.split())
                lines[lower] = f"{lines[lower]},{text}" if lower in lines else text
        lines.setdefault("host", host)
        names = sorted(lines)
        signed = ";".join(names)
        canonical_headers = "\n".join([f"{name}:{lines[name]}" for name in names])
        return signed, f"{method.upper()}\n{path}\n{canonical_query}\n{canonical_headers}\n\n{signed}\n{digest}"

    def _signature(self, canonical: str, keys: Keys, stamp: str) -> str:
        text = f"{_ALGORITHM}\n{stamp}\n{self._scope(stamp)}\n{sha256(canonical.encode()).hexdigest()}"
        return hmac.digest(self._day_key(keys, stamp[:8]), text.encode(), "sha256").hex()

    def _scope(self, stamp: str) -> str:
        return f"{stamp[:8]}/{self.region}/{self.service}/aws4_request"

    def _day_key(self, keys: Keys, day: str) -> bytes:
        held = self._held
        secret = keys.secret_access_key.reveal()
        if held is not None and held[1] == day and held[0].reveal() == secret:
            return held[2]
        key = f"AWS4{secret}".encode()
        for part in (day, self.region, self.service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        self._held = (keys.secret_access_key, day, key)
        return key


def _given_digest(headers: Mapping[str, str]) -> str | None:
    return next((value for name, value in headers.items() if name.lower() == "x-amz-content-sha256"), None)


@lru_cache(maxsize=2)
def _stamp(now_s: int) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_s))


@lru_cache(maxsize=512)
def _canonical_address(address: str, *, is_s3: bool) -> tuple[str, str]:
    """Return host and path as they are signed. A model has one address; a query may hold a token and is not kept."""
    scheme, netloc, path, _, _ = urlsplit(address)
    return _host(scheme, netloc), path if is_s3 else _encoded_again(path)


def _host(scheme: str, netloc: str) -> str:
    """Return what goes into ``Host``: lower case, without user and without the scheme's own port."""
    parts = urlsplit(f"{scheme}://{netloc}")
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    return host if parts.port in (None, _DEFAULT_PORTS.get(scheme)) else f"{host}:{parts.port}"


def _encoded_again(path: str) -> str:
    """Return the path without dot segments and doubled slashes, percent-encoded once more."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment and segment != ".":
            kept.append(segment)
    slash = "/" if path.endswith("/") and kept else ""
    return quote(f"/{'/'.join(kept)}{slash}", safe="/~")


def _sorted_query(pairs: Iterable[str]) -> str:
    split = sorted(pair.partition("=")[::2] for pair in pairs)
    return "&".join(f"{name}={value}" for name, value in split)
