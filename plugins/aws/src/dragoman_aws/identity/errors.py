"""What AWS and botocore refuse, as errors of ours that say who called and what was missing."""

from __future__ import annotations

from typing import Any

from botocore import exceptions as boto
from dragoman.errors import (
    AuthenticationError,
    CallTimeoutError,
    ConnectionFailedError,
    DragomanError,
    InvalidRequestError,
    PermissionDeniedError,
    ProviderError,
    RateLimitedError,
    SecretError,
    error_class_for_status,
)

from dragoman_aws.identity.denial import denial_hint

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
    "IDPRejectedClaim": PermissionDeniedError,
    "RegionDisabledException": PermissionDeniedError,
    "Throttling": RateLimitedError,
    "ThrottlingException": RateLimitedError,
    "RequestLimitExceeded": RateLimitedError,
    "TooManyRequestsException": RateLimitedError,
    "ValidationError": InvalidRequestError,
}


def refused(error: boto.ClientError, what: str, who: str) -> ProviderError:
    """Return the error of an AWS API's answer.

    Args:
        error: As botocore raised it.
        what: What was asked for, as the beginning of a sentence: ``AWS STS``, ``Secrets Manager``.
        who: The identity, as :attr:`Identity.who` words it.
    """
    answer: dict[str, Any] = error.response
    code = str(answer.get("Error", {}).get("Code", ""))
    text = str(answer.get("Error", {}).get("Message", "") or "no reason given")
    metadata = answer.get("ResponseMetadata", {})
    status = metadata.get("HTTPStatusCode")
    kind = _BY_CODE.get(code) or error_class_for_status(status or 500)
    hint = denial_hint(text, who) if kind is PermissionDeniedError else f"the call was made with {who}"
    return kind(
        f"{what} refused: {code}: {text}",
        status=status,
        provider_code=code or None,
        request_id=metadata.get("RequestId"),
        stale_credentials=code in STALE_CODES,
        hint=hint,
    )


def failed(error: boto.BotoCoreError, what: str, who: str) -> DragomanError:
    """Return the error of whatever botocore raised before AWS answered; the arguments as in :func:`refused`."""
    if isinstance(error, boto.ConnectTimeoutError | boto.ReadTimeoutError):
        return CallTimeoutError(f"{what} did not answer in time", phase="provider")
    if isinstance(error, boto.ConnectionError | boto.HTTPClientError):
        return ConnectionFailedError(f"{what} cannot be reached", hint="check the network and the address")
    return SecretError(f"{what}: {error}", hint=f"the credentials of {who} are wanted")
