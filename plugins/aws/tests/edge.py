"""An edge of AWS on 127.0.0.1 that lets nobody in whose signature is wrong.

    with Edge() as edge:
        edge.admit(Admitted("AKIDEXAMPLE", "secret", who="alice"))
        edge.route("POST", r"/model/[^/]+/converse", lambda request, caller: Reply.json({...}))
        ...  # endpoint_url = edge.url
        assert edge.callers[0].who == "alice"

It takes signatures in the header (also S3's), presigned API keys (``bedrock-api-key-…``), and plain bearer keys. The
signature is recomputed with botocore from what came over the wire. What is admitted and routed may be changed at any
time. Answers are those of the contract kit: ``Reply.json``, ``cut``, ``regrouped``, ``HOLD``, ``RESET``; event streams
are made of :func:`event` and :func:`exception` by :func:`event_stream`.
"""

from __future__ import annotations

import base64
import calendar
import hmac
import json
import re
import time
from binascii import crc32
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from struct import pack
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from dragoman.testing.upstream import Received, Reply, Upstream

#: A signature is taken this long before and after its time.
SKEW_S = 300
UNSIGNED = {"x-amz-signature", "version"}


@dataclass(frozen=True)
class Admitted:
    """A key that the edge knows; ``who`` is what handlers are told."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None
    who: str = "someone"


@dataclass(frozen=True)
class Caller:
    """Who sent a request, once the signature is verified: ``how`` is ``sigv4``, ``api_key`` or ``bearer``."""

    who: str
    how: str
    access_key_id: str = ""
    service: str = ""
    region: str = ""


Handler = Callable[[Received, Caller], Reply]


class RefusedError(Exception):
    """The edge lets a request not in; ``code`` is AWS's."""

    def __init__(self, code: str, message: str, status: int = 403) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


class Edge:
    """The server; use it as ``with``. ``callers`` grows with every request let in, ``refusals`` with the others."""

    def __init__(self) -> None:
        self.upstream = Upstream()
        self.callers: list[Caller] = []
        self.refusals: list[RefusedError] = []
        self._keys: dict[str, Admitted] = {}
        self._expired: set[str] = set()
        self._bearers: dict[str, str] = {}
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []
        self.upstream.answer(self._answer)

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        return self.upstream.url

    @property
    def received(self) -> list[Received]:
        """Every request, also those that were refused."""
        return self.upstream.received

    def admit(self, key: Admitted) -> None:
        """Let a key in; of keys with one id the last counts."""
        self._keys[key.access_key_id] = key
        self._expired.discard(key.access_key_id)

    def admit_bearer(self, token: str, who: str = "someone") -> None:
        """Let a plain bearer key in."""
        self._bearers[token] = who

    def expire(self, access_key_id: str) -> None:
        """Answer as AWS does once a session has expired."""
        self._expired.add(access_key_id)

    def route(self, method: str, path: str, answer: Handler | Reply) -> None:
        """Answer requests whose raw path, without the query, matches the expression as a whole; the last route counts.

        A handler runs in the server's thread.
        """
        handler = (lambda _request, _caller: answer) if isinstance(answer, Reply) else answer
        self._routes.insert(0, (method, re.compile(path), handler))

    def __enter__(self) -> Self:
        self.upstream.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.upstream.__exit__()

    def _answer(self, request: Received) -> Reply:
        try:
            caller = self._verified(request)
        except RefusedError as refused:
            self.refusals.append(refused)
            is_query = "form-urlencoded" in request.headers.get("content-type", "")
            return (query_error if is_query else error)(refused.code, refused.message, refused.status)
        self.callers.append(caller)
        path = request.target.partition("?")[0]
        for method, pattern, handler in self._routes:
            if method == request.method and pattern.fullmatch(path):
                return handler(request, caller)
        return error("UnknownOperationException", f"the edge has no route for {request.method} {path}", 404)

    # --- who it is -----------------------------------------------------------------------------------------------

    def _verified(self, request: Received) -> Caller:
        authorization = request.headers.get("authorization", "")
        scheme, _, rest = authorization.partition(" ")
        if scheme == "AWS4-HMAC-SHA256":
            return self._by_signature(request, rest)
        if scheme == "Bearer":
            return self._by_bearer(rest)
        raise RefusedError("MissingAuthenticationTokenException", "Missing Authentication Token")

    def _by_signature(self, request: Received, rest: str) -> Caller:
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        access_key_id, day, region, service, _ = parts["Credential"].split("/")
        key = self._key(access_key_id, request.headers.get("x-amz-security-token"))
        stamp = request.headers["x-amz-date"]
        signed = parts["SignedHeaders"].split(";")
        if not {"host", "x-amz-date"} <= set(signed) or not stamp.startswith(day):
            raise RefusedError("InvalidSignatureException", "host and x-amz-date must be signed")
        if unsigned := {name for name in request.headers if name.startswith("x-amz-")} - set(signed):
            raise RefusedError("InvalidSignatureException", f"not signed: {sorted(unsigned)}")
        headers = {name: request.headers[name] for name in signed}
        url = f"http://{request.headers['host']}{request.target}"
        expected = signature(key, request.method, url, headers, request.body, (service, region, stamp))
        _compare(expected, parts["Signature"], stamp)
        return Caller(key.who, "sigv4", access_key_id, service, region)

    def _by_bearer(self, token: str) -> Caller:
        if who := self._bearers.get(token):
            return Caller(who, "bearer")
        service, found, encoded = token.partition("-api-key-")
        if not found:
            raise RefusedError("AccessDeniedException", "Invalid API Key format")
        presigned = "https://" + base64.b64decode(encoded).decode()
        query = {name: values[0] for name, values in parse_qs(urlsplit(presigned).query).items()}
        if query.get("Action") != "CallWithBearerToken" or query.get("Version") != "1":
            raise RefusedError("AccessDeniedException", "Invalid API Key format")
        access_key_id, _, region, scope, _ = query["X-Amz-Credential"].split("/")
        key = self._key(access_key_id, query.get("X-Amz-Security-Token"))
        kept = "&".join(
            pair for pair in urlsplit(presigned).query.split("&") if pair.partition("=")[0].lower() not in UNSIGNED
        )
        url = f"https://{urlsplit(presigned).netloc}/?{kept}"
        stamp, headers = query["X-Amz-Date"], {"host": urlsplit(presigned).netloc}
        expected = signature(key, "POST", url, headers, b"", (scope, region, stamp))
        _compare(expected, query["X-Amz-Signature"], stamp, int(query["X-Amz-Expires"]))
        if not urlsplit(presigned).netloc.startswith(f"{service}.") or scope != service:
            raise RefusedError("AccessDeniedException", "the API key is for another service")
        return Caller(key.who, "api_key", access_key_id, service, region)

    def _key(self, access_key_id: str, session_token: str | None) -> Admitted:
        key = self._keys.get(access_key_id)
        if key is None or key.session_token != session_token:
            raise RefusedError("UnrecognizedClientException", "The security token included in the request is invalid.")
        if access_key_id in self._expired:
            raise RefusedError("ExpiredTokenException", "The security token included in the request is expired")
        return key


def signature(
    key: Admitted, method: str, url: str, headers: Mapping[str, str], body: bytes, scope: tuple[str, str, str]
) -> str:
    """Return what botocore signs a request with; ``scope`` is service, region and time stamp."""
    service, region, stamp = scope
    request = AWSRequest(method=method, url=url, data=body, headers=dict(headers))
    request.context["timestamp"] = stamp
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    signer = kind(Credentials(key.access_key_id, key.secret_access_key, key.session_token), service, region)
    return str(signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request))


def _compare(expected: str, given: str, stamp: str, lasts_s: int = SKEW_S) -> None:
    if not hmac.compare_digest(expected, given):
        raise RefusedError("InvalidSignatureException", "The request signature we calculated does not match")
    age_s = time.time() - calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ"))
    if not -SKEW_S <= age_s <= lasts_s:
        raise RefusedError("InvalidSignatureException", "Signature expired")


# --- answers -----------------------------------------------------------------------------------------------------


def error(code: str, message: str, status: int, **headers: str) -> Reply:
    """Return a refusal as the REST services write it: the code is in a header, with a trailer to cut off."""
    named = f"{code}:http://internal.amazon.com/coral/com.amazon.coral.service/"
    return Reply.json({"message": message}, status, **{"x-amzn-errortype": named, **headers})


def query_error(code: str, message: str, status: int) -> Reply:
    """Return a refusal as STS and the other query services write it; some codes have other names there."""
    named = {
        "UnrecognizedClientException": "InvalidClientTokenId",
        "InvalidSignatureException": "SignatureDoesNotMatch",
    }
    text = f"""<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>{named.get(code, code)}</Code><Message>{message}</Message></Error><RequestId>r-1</RequestId></ErrorResponse>"""
    return Reply.text(text, status, "text/xml")


def message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return one message of an event stream."""
    block = b"".join(
        pack(">B", len(name)) + name.encode() + b"\x07" + pack(">H", len(value.encode())) + value.encode()
        for name, value in headers.items()
    )
    prelude = pack(">II", 16 + len(block) + len(payload), len(block))
    whole = prelude + pack(">I", crc32(prelude)) + block + payload
    return whole + pack(">I", crc32(whole))


def event(kind: str, payload: Any, content_type: str = "application/json") -> bytes:
    """Return an event: JSON of ``payload``, or the bytes themselves."""
    return message(
        {":event-type": kind, ":content-type": content_type, ":message-type": "event"}, _payload_bytes(payload)
    )


def exception(kind: str, payload: Any) -> bytes:
    """Return an exception in the middle of a stream; ``kind`` as AWS writes it there (``throttlingException``)."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return message(headers, _payload_bytes(payload))


def event_stream(messages: Iterable[bytes], **headers: str) -> Reply:
    """Return the answer that sends these messages, each in a piece of its own."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(tuple(messages), 200, {"content-type": "application/vnd.amazon.eventstream", **named})


def _payload_bytes(payload: Any) -> bytes:
    return payload if isinstance(payload, bytes) else json.dumps(payload).encode()
