"""One identity: where its first credentials come from, the roles they take on, and where STS is."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace

import orjson
from dragoman.errors import DocumentError, Problem, SecretError
from dragoman.plugin import Target
from dragoman.secret import Secret

from dragoman_aws.identity.connection import AwsConnection, AwsKeysAuth, BedrockAuth, Role
from dragoman_aws.signing import Keys

#: The credential fields that ``aws_keys`` reads; the last one only where an adapter names a secret for it.
_KEY_FIELDS = ("access_key_id", "secret_access_key", "session_token")
#: Access key ids of temporary keys begin so. IAM user guide, "IAM identifiers", read 2026-11.
_TEMPORARY = "ASIA"


@dataclass(frozen=True)
class Identity:
    """Who calls.

    Args:
        auth: Where the first credentials come from.
        region: Whose STS is asked.
        roles: Assumed in turn.
        secrets: For ``aws_keys``: field -> name of its secret; never a value.
        sts_endpoint_url: Address of STS; ``None`` = the region's own.
    """

    auth: BedrockAuth
    region: str
    roles: tuple[Role, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    sts_endpoint_url: str | None = None

    @classmethod
    def of(cls, target: Target, region: str) -> Identity:
        """Return the identity that an adapter's target names."""
        connection: AwsConnection = target.connection
        secrets = {}
        if isinstance(connection.auth, AwsKeysAuth):
            secrets = {name: target.credentials[name] for name in _KEY_FIELDS if target.credentials.get(name)}
            if missing := [name for name in _KEY_FIELDS[:2] if name not in secrets]:
                problems = [Problem(f"credentials.{name}", "is missing", "name the secret") for name in missing]
                raise DocumentError(f"provider {target.provider}", problems)
        return cls(connection.auth, region, tuple(connection.roles), secrets, connection.sts_endpoint_url)

    @property
    def key(self) -> Hashable:
        """Equal for equal identities: names and ARNs, never a secret's value."""
        roles = [role.model_dump(mode="json") for role in self.roles]
        described = (self.auth.model_dump(mode="json"), self.region, roles, self.secrets, self.sts_endpoint_url)
        return ("aws", orjson.dumps(described, option=orjson.OPT_SORT_KEYS))

    @property
    def has_lasting_keys(self) -> bool:
        """Whether calls are signed with keys that belong to no session."""
        return isinstance(self.auth, AwsKeysAuth) and not self.roles and "session_token" not in self.secrets

    def keys_from(self, values: Mapping[str, Secret]) -> Keys | None:
        """Return the keys that the secrets hold; ``None`` where the identity reads none.

        Args:
            values: The members of :attr:`secrets`, with the secrets themselves.
        """
        if not self.secrets:
            return None
        keys = Keys(values["access_key_id"].reveal(), values["secret_access_key"], values.get("session_token"))
        if keys.access_key_id.startswith(_TEMPORARY) and not keys.session_token:
            raise SecretError(
                f"{self.start} are temporary and need their session token",
                hint="name its secret as credentials.session_token",
            )
        return keys

    @property
    def start(self) -> str:
        """The first credentials, for a person."""
        return _START[self.auth.kind].format(auth=self.auth, key=self.secrets.get("access_key_id"))

    @property
    def who(self) -> str:
        """The whole identity, for a person: the role that makes the calls, and how it is reached."""
        if not self.roles:
            return self.start
        *through, last = [role.arn for role in self.roles]
        way = f"through {', '.join(through)} " if through else ""
        return f"{last} (assumed {way}with {self.start})"

    def up_to(self, position: int) -> str:
        """Return who assumes the role at a position: the identity without it and those after it."""
        return replace(self, roles=self.roles[:position]).who


_START = {
    "aws_default": "AWS's default credentials",
    "aws_keys": "the keys of the secret {key}",
    "aws_profile": "the credentials of the AWS profile {auth.profile}",
    "web_identity": "the web identity's session of {auth.role_arn}",
    "bedrock_api_key": "a Bedrock API key",
}
