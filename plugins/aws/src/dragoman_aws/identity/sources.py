"""Where the first credentials of an identity come from, and the roles they take on. Blocking: botocore and STS."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import botocore.session
import orjson
from botocore import UNSIGNED
from botocore.config import Config
from botocore.loaders import create_loader
from dragoman.errors import SecretError
from dragoman.secret import Secret

from dragoman_aws.identity.connection import AwsDefaultAuth, AwsKeysAuth, AwsProfileAuth, Role, WebIdentityAuth
from dragoman_aws.identity.errors import ask
from dragoman_aws.identity.identity import Identity
from dragoman_aws.signing import Keys

#: The engine retries, and bounds an acquire as a whole.
_TIMES: dict[str, Any] = {"connect_timeout": 5, "read_timeout": 15, "retries": {"total_max_attempts": 1}}


class Acquired(NamedTuple):
    """Keys and the wall-clock time, in seconds since 1970, at which they expire; ``None`` where they say nothing."""

    keys: Keys
    expires_at_s: float | None


def acquire(identity: Identity, given: Keys | None = None) -> Acquired:
    """Return the credentials that an identity's calls are signed with, freshly obtained.

    Args:
        identity: Whose.
        given: The keys that its secrets hold, for ``aws_keys``.

    Raises:
        SecretError: There are no credentials, or their source cannot be read.
        ProviderError: STS refused, or cannot be reached.
    """
    held = _START[type(identity.auth)](identity, identity.auth, given)
    for position in range(len(identity.roles)):
        held = _assume(identity, position, held.keys)
    return held


class SdkSession(botocore.session.Session):  # type: ignore[misc]
    """A botocore session of an identity's region, which takes no address from the environment or the shared files.

    What botocore itself asks STS for, in its chain of credentials, goes to the identity's address of STS.

    Args:
        identity: Whose region and address of STS.
        profile: A profile that is named; ``None`` = none.
        default_profile: Whether ``AWS_PROFILE`` may name one instead.
    """

    def __init__(self, identity: Identity, *, profile: str | None = None, default_profile: bool = False) -> None:
        super().__init__(None if default_profile else {"profile": _NO_PROFILE}, profile=profile)
        self.register_component("data_loader", _data_loader())
        self._sts_endpoint_url = identity.sts_endpoint_url
        self.set_config_variable("region", identity.region)
        self.set_config_variable("ignore_configured_endpoint_urls", True)
        self.set_config_variable("sts_regional_endpoints", "regional")

    def create_client(self, service_name: str, *args: Any, **kwargs: Any) -> Any:
        """Return a client; without an address of its own, STS is the identity's."""
        if service_name == "sts" and self._sts_endpoint_url:
            kwargs.setdefault("endpoint_url", self._sts_endpoint_url)
        return super().create_client(service_name, *args, **kwargs)


#: A variable of a session that is read from nowhere: no member of a file, no variable, no default, no conversion.
_NO_PROFILE = (None, None, None, None)


@cache
def _data_loader() -> Any:
    """Return the one loader that parses botocore's data files; each session would parse them again."""
    return create_loader()


# --- the first credentials ---------------------------------------------------------------------------------------


def _default(identity: Identity, auth: AwsDefaultAuth, given: Keys | None) -> Acquired:
    session = SdkSession(identity, default_profile=True)
    return _from_chain(identity, session, "give the process an AWS identity, or choose another connection.auth.kind")


def _profile(identity: Identity, auth: AwsProfileAuth, given: Keys | None) -> Acquired:
    session = SdkSession(identity, profile=auth.profile)
    return _from_chain(identity, session, "check the profile in ~/.aws/config and ~/.aws/credentials")


def _from_chain(identity: Identity, session: SdkSession, hint: str) -> Acquired:
    """Resolve with a session of its own each time, so that nothing is used that an earlier one has kept."""
    who = identity.start
    found = ask("AWS's chain of credentials", who, session.get_credentials)
    frozen = ask("AWS's chain of credentials", who, found.get_frozen_credentials) if found else None
    if frozen is None or not frozen.access_key or not frozen.secret_key:
        raise SecretError(f"{who} yield nothing", hint=hint)
    expiry = getattr(found, "_expiry_time", None)  # botocore has no public name for it
    return Acquired(
        _keys(frozen.access_key, frozen.secret_key, frozen.token),
        expiry.timestamp() if isinstance(expiry, datetime) else None,
    )


def _from_secrets(identity: Identity, auth: AwsKeysAuth, given: Keys | None) -> Acquired:
    if given is None:
        raise SecretError(f"{identity.start} were not read")
    return Acquired(given, None)


def _web_identity(identity: Identity, auth: WebIdentityAuth, given: Keys | None) -> Acquired:
    asked = {
        "RoleArn": auth.role_arn,
        "RoleSessionName": auth.session_name,
        "DurationSeconds": auth.duration_s,
        "WebIdentityToken": _token(auth.token_file),
    }
    return _ask_sts(identity, None, "assume_role_with_web_identity", asked, identity.start)


def _token(path: str) -> str:
    try:
        token = Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise SecretError(f"the web identity's token file cannot be read: {reason}", hint=f"check {path}") from None
    if not token:
        raise SecretError("the web identity's token file is empty", hint=f"check {path}")
    return token


_START: dict[type, Callable[[Identity, Any, Keys | None], Acquired]] = {
    AwsDefaultAuth: _default,
    AwsKeysAuth: _from_secrets,
    AwsProfileAuth: _profile,
    WebIdentityAuth: _web_identity,
}


# --- roles -------------------------------------------------------------------------------------------------------


def _assume(identity: Identity, position: int, keys: Keys) -> Acquired:
    who = identity.up_to(position)
    return _ask_sts(identity, keys, "assume_role", _request(identity.roles[position]), who)


def _request(role: Role) -> dict[str, Any]:
    """Return the arguments of AssumeRole."""
    asked: dict[str, Any] = {
        "RoleArn": role.arn,
        "RoleSessionName": role.session_name,
        "DurationSeconds": role.duration_s,
    }
    if role.external_id is not None:
        asked["ExternalId"] = role.external_id
    if role.tags:
        asked["Tags"] = [{"Key": name, "Value": value} for name, value in role.tags.items()]
    if role.policy is not None:
        asked["Policy"] = orjson.dumps(role.policy).decode()
    return asked


def _ask_sts(identity: Identity, keys: Keys | None, operation: str, asked: dict[str, Any], who: str) -> Acquired:
    """Call STS with the keys, or unsigned where there are none."""

    def call() -> Any:
        with closing(_sts(identity, keys)) as sts:
            return getattr(sts, operation)(**asked)

    answer = ask("AWS STS", who, call)
    issued = answer["Credentials"]
    return Acquired(
        _keys(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"]),
        issued["Expiration"].timestamp(),
    )


def _sts(identity: Identity, keys: Keys | None) -> Any:
    session = SdkSession(identity)
    if keys is None:
        return session.create_client("sts", config=Config(signature_version=UNSIGNED, **_TIMES))
    return session.create_client(
        "sts",
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key.reveal(),
        aws_session_token=keys.session_token.reveal() if keys.session_token else None,
        config=Config(**_TIMES),
    )


def _keys(access_key_id: str, secret_access_key: str, session_token: str | None) -> Keys:
    return Keys(access_key_id, Secret(secret_access_key), Secret(session_token) if session_token else None)
