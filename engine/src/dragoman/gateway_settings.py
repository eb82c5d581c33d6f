"""The settings of a deployment that has callers: what they may change, who they are, and what the server bears."""

from __future__ import annotations

import ipaddress
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Stage = Literal["dev", "test", "prod"]
#: What a caller may be, from the least to the most; who is more may do what those below may.
RoleName = Literal["user", "developer", "admin"]
MinimumRole = Literal["user", "developer", "admin", "nobody"]
STAGES: tuple[Stage, ...] = ("dev", "test", "prod")


class Group(BaseModel):
    """Settings that belong together: unknown names are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PolicyRule(Group):
    """The least role that may change these fields of an effective document, in these stages.

    A path covers everything below it; ``*`` stands for one member, or one place of a list. Of several rules for a
    field the last one counts, and the engine's own come first.
    """

    paths: list[str] = Field(min_length=1, description="dotted paths of an adapter document")
    role: MinimumRole = Field(description="the least role that may change them; nobody = none may")
    stages: list[Stage] = Field(list(STAGES), min_length=1, description="the stages that the rule is for")

    @field_validator("paths")
    @classmethod
    def _plain_paths(cls, paths: list[str]) -> list[str]:
        for path in paths:
            if not all(path.split(".")) or path.startswith("*"):
                raise ValueError(f"{path!r} is no path of an adapter document, for example inference.max_tokens")
        return paths


class AllowedIdentity(Group):
    """One value that callers may put into a field that takes on another identity, such as a role's ARN.

    ``value`` may hold ``*``, which stands for any text without ``/``, ``:`` and blanks. ``prescribed`` holds what the
    fields beside it must be; those that the plugin asks about and that are not here must be absent.
    """

    path: str = Field(min_length=1, description="the field, as its plugin names it: connection.roles.*.arn")
    value: str = Field(min_length=1, description="what it may be set to")
    prescribed: dict[str, str] = Field({}, description="what the fields beside it must be: external_id")


class PolicySettings(Group):
    """What callers may change. Without any of it the engine's own rules hold; see docs/policy.md."""

    rules: list[PolicyRule] = Field([], description="after the engine's own; each says who may change which fields")
    identities: list[AllowedIdentity] = Field(
        [], description="the roles and the like that callers may take on where rules let them; none = no other one"
    )
    secrets: list[str] = Field(
        [], description="names of secrets that callers may name beside those that files and plugins name already"
    )
    langchain_runtime: bool = Field(
        False, description="whether callers may set runtime: langchain where rules let them"
    )


class IssuerSettings(Group):
    """Whose tokens open the server: JWTs that this issuer signed, checked against its published keys."""

    issuer: str = Field(min_length=1, description="what the claim `iss` must be")
    jwks_url: str = Field(pattern=r"^https?://", description="where the issuer publishes its keys")
    audience: list[str] = Field(min_length=1, description="of these the audience claim must hold one")
    audience_claim: str = Field("aud", description="`client_id` for access tokens of Amazon Cognito")
    algorithms: list[Literal["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]] = Field(
        ["RS256", "ES256"], min_length=1, description="how its tokens may be signed"
    )
    role_claims: list[str] = Field(
        ["roles", "groups"], description="where roles or groups stand; a dot goes one object down: realm_access.roles"
    )
    roles: dict[str, RoleName] = Field({}, description="the issuer's word -> role")
    default_role: RoleName | None = Field(
        None, description="role of a token that names none of `roles`; none = refused"
    )
    name_claim: str = Field("sub", description="who the caller is in ledger and audit log")
    project_claim: str | None = Field(None, description="what calls are booked on")
    leeway_s: float = Field(30, ge=0, le=300, description="how far the issuer's clock may be off")


class NoticeSettings(Group):
    """What callers must see before they use any model of this gateway; beside what an adapter's `notice` says."""

    text: str | None = Field(None, description="shown as text before the first use of any model")
    terms_url: str | None = Field(None, description="where the terms stand; the text links to it")
    required: bool = Field(
        False,
        description="whether calls of who has not accepted it are refused; false = only the page asks",
    )


class ServerSettings(Group):
    """What `dragoman serve` listens on, whom it lets in, and what it bears."""

    host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0 = every one")
    port: int = Field(8080, ge=0, le=65535, description="0 = any that is free")
    issuers: list[IssuerSettings] = Field([], description="whose tokens open it beside keys; none = keys alone")
    notice: NoticeSettings = Field(NoticeSettings(), description="what callers accept before their first call")
    trusted_proxies: list[str] = Field(
        [], description="networks of proxies whose X-Forwarded-For is believed, for example 10.0.0.0/8"
    )
    max_body_bytes: int = Field(32 * 1024 * 1024, ge=1024, description="a longer request body is refused with 413")
    max_held_bytes: int = Field(
        256 * 1024 * 1024, ge=1024, description="bodies of all requests at a time; what goes beyond is refused with 503"
    )
    max_concurrency: int = Field(2048, ge=1, description="requests at a time; more are refused with 503")
    body_timeout_s: float = Field(30, gt=0, description="until a request's body is there")
    write_timeout_s: float = Field(60, gt=0, description="how long a client may take nothing of its answer")
    grace_s: float = Field(30, ge=0, description="how long answers may go on after a stop was asked for")

    log_bodies: bool = Field(
        False, description="debugging only: the log holds what callers send and are sent, up to 16 KiB of each"
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, networks: list[str]) -> list[str]:
        for network in networks:
            ipaddress.ip_network(network, strict=False)
        return networks

    @model_validator(mode="after")
    def _one_body_fits(self) -> Self:
        if self.max_held_bytes < self.max_body_bytes:
            raise ValueError("max_held_bytes is less than max_body_bytes: the longest body could never be taken")
        return self
