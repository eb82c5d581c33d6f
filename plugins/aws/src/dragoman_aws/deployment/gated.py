"""Whether the token may fetch the model from Hugging Face; gated models want their terms accepted first."""

from __future__ import annotations

from typing import Any

from dragoman.errors import ModelNotFoundError, PermissionDeniedError
from dragoman.secret import Secret

from dragoman_aws.deployment.control_plane import ControlPlane
from dragoman_aws.deployment.document import Deployment

HUGGING_FACE_URL = "https://huggingface.co"
TIMEOUT_S = 10.0


async def check_access(
    plane: ControlPlane, declared: Deployment, token: Secret | None, url: str = HUGGING_FACE_URL
) -> str:
    """Ask Hugging Face whether the model can be fetched; return what came of it, for a person.

    What Hugging Face says with `/api/models/{id}/auth-check` rests on its client's documentation, huggingface_hub 1.x.
    Where it cannot be reached from here the container still may, so that this is told and no error.

    Args:
        plane: Its threads are used.
        declared: Names the model.
        token: Sent to that address alone.
        url: Hugging Face's address, or that of a mirror.

    Raises:
        PermissionDeniedError: The token may not fetch the model, or there is none and one is needed.
        ModelNotFoundError: There is no such model, or it is private and the token may not see it.
    """
    if declared.model is None:
        return "Hugging Face: not asked, the model's data come from S3"
    address = f"{url.rstrip('/')}/api/models/{declared.model}/auth-check"
    status = await plane.run_blocking(_status, address, token)
    page = f"{url.rstrip('/')}/{declared.model}"
    if status in (401, 403):
        raise PermissionDeniedError(
            f"Hugging Face does not let {_whom(declared)} fetch {declared.model}",
            status=status,
            hint=f"accept the model's terms on {page} with the account that the token belongs to"
            + ("" if token else ", and name its secret as hugging_face_token"),
        )
    if status == 404:
        raise ModelNotFoundError(
            f"Hugging Face has no model {declared.model}, or it is private",
            status=status,
            hint=f"check {page}, and whether the token's account may see it",
        )
    if status is None:
        return f"Hugging Face: access not checked, {url} cannot be reached from here"
    if status != 200:
        return f"Hugging Face: access not checked, it answered with HTTP {status}"
    return f"Hugging Face: {_whom(declared)} may fetch {declared.model}"


def _whom(declared: Deployment) -> str:
    return f"the token of {declared.hugging_face_token}" if declared.hugging_face_token else "a caller without a token"


def _status(address: str, token: Secret | None) -> int | None:
    """Return the answer's status; ``None`` where there is none. Blocks. Redirects are not followed."""
    from botocore.awsrequest import AWSRequest
    from botocore.exceptions import BotoCoreError
    from botocore.httpsession import URLLib3Session

    headers = {"authorization": f"Bearer {token.reveal()}"} if token else {}
    session: Any = URLLib3Session(timeout=TIMEOUT_S)
    try:
        return int(session.send(AWSRequest("GET", address, headers=headers).prepare()).status_code)
    except (BotoCoreError, OSError, ValueError):
        return None
    finally:
        session.close()
