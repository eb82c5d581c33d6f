"""Two verbs of S3, as an adapter's identity: objects that a call leaves and picks up."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote

from dragoman.errors import (
    AuthenticationError,
    PermissionDeniedError,
    ProtocolError,
    ProviderError,
    error_class_for_status,
)
from dragoman.plugin import Authorizer, Context, Limits, WireReply, WireRequest

from dragoman_aws.identity.region import dns_suffix


class Location(NamedTuple):
    """An object in S3."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @classmethod
    def of(cls, uri: str) -> Location:
        """Return the location that ``s3://bucket/key`` names; raise ``ProtocolError`` for anything else."""
        found = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.+)", uri)
        if found is None:
            raise ProtocolError("SageMaker named a place that is not in S3")
        return cls(found[1], found[2])


class Objects:
    """Reads and writes objects in one region.

    Args:
        context: Of the engine.
        authorizer: Signs for the service ``s3``.
        region: The buckets' region, which is the endpoint's.
        endpoint_url: Address of S3; ``None`` = the region's own, with the bucket in the host's name.
    """

    def __init__(self, context: Context, authorizer: Authorizer, region: str, endpoint_url: str | None) -> None:
        self._context = context
        self._authorizer = authorizer
        self._region = region
        self._endpoint_url = endpoint_url

    async def put(self, place: Location, body: bytes, content_type: str, limits: Limits) -> WireReply:
        """Write an object."""
        return await self._send("PUT", place, {"Content-Type": content_type}, body, limits)

    async def get(self, place: Location, limits: Limits) -> WireReply:
        """Read an object; the reply's status is 404 where it is not there, or not yet."""
        return await self._send("GET", place, {}, None, limits)

    async def _send(
        self, method: str, place: Location, headers: dict[str, str], body: bytes | None, limits: Limits
    ) -> WireReply:
        request = WireRequest(method, self.url(place), headers, body)
        credentials = await self._context.credentials(self._authorizer)
        return await self._context.send(self._authorizer.sign(request, credentials), limits)

    def url(self, place: Location) -> str:
        """Return the address of an object."""
        key = quote(place.key, safe="/-_.~")
        if self._endpoint_url is not None:
            return f"{self._endpoint_url}/{place.bucket}/{key}"
        host = f"s3.{self._region}.{dns_suffix(self._region)}"
        if "." in place.bucket:  # no certificate holds for a bucket's name with dots
            return f"https://{host}/{place.bucket}/{key}"
        return f"https://{place.bucket}.{host}/{key}"


#: Codes with which S3 refuses the credentials themselves. S3 API reference, "Error responses", read 2026-11.
_STALE = frozenset(
    {"ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch", "TokenRefreshRequired"}
)


def refusal_of(reply: WireReply, what: str, who: str, action: str) -> ProviderError:
    """Return the error of a reply outside 2xx.

    Args:
        reply: The answer; its body is XML that names a code.
        what: What did not happen, as a sentence.
        who: The identity that made the call, for a person.
        action: What its policies must allow.
    """
    found = re.search(rb"<Code>([A-Za-z]{1,64})</Code>", reply.body)
    code = found[1].decode() if found else None
    stale = code in _STALE
    kind = AuthenticationError if stale else error_class_for_status(reply.status)
    hint = f"the call was made with {who}"
    if kind is PermissionDeniedError:
        hint += f"; allow {action}"
    return kind(
        f"{what}: S3 answered {reply.status}{f' {code}' if code else ''}",
        status=reply.status,
        provider_code=code,
        request_id=reply.headers.get("x-amz-request-id"),
        stale_credentials=stale,
        hint=hint,
    )
