"""An engine whose settings call the emulator as a user of one account, through a role of another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from dragoman import Engine, Settings
from dragoman_aws.profiles import Account, ApplicationProfiles, PromptRouters

from ..cloud import REGION, Cloud, allow, trust  # noqa: TID252

GATEWAY_ACCOUNT, MODELS_ACCOUNT = "121212121212", "343434343434"


@pytest.fixture(scope="session")
def connection(cloud: Cloud) -> dict:
    """What `[connections.bedrock]` says: the models' account is reached through a role."""
    gateway = cloud.user(GATEWAY_ACCOUNT, "profiles-gateway", allow("sts:AssumeRole"))
    role = cloud.role(MODELS_ACCOUNT, "profiles", trust(gateway.arn, "dragoman-7f3a"), allow("bedrock:*"))
    return {
        "keys": (gateway.access_key_id, gateway.secret_access_key),
        "connection": {
            "region": REGION,
            "auth": {"kind": "aws_keys"},
            "roles": [{"arn": role, "external_id": "dragoman-7f3a"}],
            "control_endpoint_url": cloud.url,
            "sts_endpoint_url": cloud.url,
        },
    }


@pytest.fixture
async def engine(connection: dict, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    key, secret = connection["keys"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    settings = Settings(plugins={"allow": ["aws"]}, connections={"bedrock": connection["connection"]})
    async with Engine(settings) as engine:
        yield engine


@pytest.fixture
async def account(engine: Engine) -> AsyncIterator[Account]:
    async with await Account.of(engine) as account:
        yield account


@pytest.fixture
def profiles(account: Account) -> ApplicationProfiles:
    return ApplicationProfiles(account)


@pytest.fixture
def routers(account: Account) -> PromptRouters:
    return PromptRouters(account)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def tell(told: list[str]) -> Callable[[str], None]:
    return told.append
