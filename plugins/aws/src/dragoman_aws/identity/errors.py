"""What AWS and botocore refuse, as errors of ours that say who called and what was missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError
from dragoman.errors import (
    AuthenticationError,
    CallTimeoutError,
    ConnectionFailedError,
    DragomanError,
    InvalidRequestError,
    PermissionDeniedError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    SecretError,
    ServerError,
    error_class_for_status,
)

from dragoman_aws.identity.denial import denial_hint

T = TypeVar("T")

#: Codes with which AWS refuses the credentials themselves; they may have been replaced meanwhile.
STALE_CODES = frozenset(
    {
        *("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"),
        *("SignatureDoesNotMatch", "InvalidSignatureException", "InvalidAccessKeyId", "InvalidIdentityToken"),
        *("IncompleteSignature", "MissingAuthenticationToken", "MissingAuthenticationTokenException"),
    }
)
#: Codes that say more than their status.
_BY_CODE: dict[str, type[ProviderError]] = {
    **dict.fromkeys(STALE_CODES, AuthenticationError),
    "AccessDenied": PermissionDeniedError,
    "AccessDeniedException": PermissionDeniedError,
    "IDPCommunicationError": ServerError,
    "IDPRejectedClaim": PermissionDeniedError,
    "RegionDisabledException": PermissionDeniedError,
    "Throttling": RateLimitedError,
    "ThrottlingException": RateLimitedError,
    "RequestLimitExceeded": RateLimitedError,
    "TooManyRequestsException": RateLimitedError,
    "ValidationError": InvalidRequestError,
}


def ask(what: str, who: str, call: Callable[[], T]) -> T:
    """Return what a call of botocore returns; raise errors of ours for those of botocore.

    Args:
        what: What is asked, as the beginning of a sentence: ``AWS STS``, ``Secrets Manager``.
        who: The identity, as :attr:`Identity.who` words it.
        call: The call.
    """
    try:
        return call()
    except _TRANSLATED as error:
        failure = _translation(error, what, who)
    raise failure  # here and not above: what botocore raises may hold what it could not read


#: What botocore raises, and what its credential sources let through: a program that is missing, JSON that is broken.
_TRANSLATED = (boto.BotoCoreError, boto.ClientError, ResponseParserError, OSError, ValueError, KeyError)


def _translation(error: Exception, what: str, who: str) -> DragomanError:
    if isinstance(error, boto.ClientError):
        return _refused(error, what, who)
    if isinstance(error, boto.ConnectTimeoutError | boto.ReadTimeoutError):
        return CallTimeoutError(f"{what} did not answer in time")
    if isinstance(error, boto.ConnectionError | boto.HTTPClientError):
        return ConnectionFailedError(f"{what} cannot be reached", hint="check the network and the address")
    if isinstance(error, ResponseParserError):
        return ProtocolError(f"{what} gave an answer that is not AWS's", hint="check the network and its proxy")
    if isinstance(error, boto.BotoCoreError):
        return SecretError(f"{what}: {error}", hint=f"this happened with {who}")
    return SecretError(f"{what} failed: {_reason(error)}", hint=f"this happened with {who}")


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def _refused(error: boto.ClientError, what: str, who: str) -> ProviderError:
    answer: dict[str, Any] = error.response
    code = str(answer.get("Error", {}).get("Code", ""))
    text = str(answer.get("Error", {}).get("Message", "") or "no reason given")
    metadata = answer.get("ResponseMetadata", {})
    status = metadata.get("HTTPStatusCode")
    kind = _BY_CODE.get(code) or error_class_for_status(status or 500)
    return kind(
        f"{what} refused: {code}: {text}",
        status=status,
        provider_code=code or None,
        request_id=metadata.get("RequestId"),
        stale_credentials=code in STALE_CODES,
        hint=denial_hint(text, who) if kind is PermissionDeniedError else f"the call was made with {who}",
    )
