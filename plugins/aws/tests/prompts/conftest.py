"""An engine whose adapters call the edge, which plays prompt management."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from dragoman import Engine, Settings
from dragoman.documents import write_document
from dragoman.prompts import Prompt
from dragoman_aws.profiles import Account
from dragoman_aws.prompts import ManagedPrompts

from ..edge import Admitted, Edge  # noqa: TID252
from .service import PromptManagement

CANARY = "canary-7f3a9b2c4d5e6f708192"
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"
ARN = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/cew2pa5r8hog"

#: Name -> what it says beside provider and connection.
ADAPTERS: Mapping[str, dict[str, Any]] = {
    "haiku": {"model": f"us.{HAIKU}", "base_model": HAIKU, "inference": {"max_tokens": 500, "temperature": 0.7}},
    "team-a": {"model": ARN, "base_model": HAIKU},
    "guarded": {"model": HAIKU, "connection": {"guardrail": {"identifier": "abc", "version": "1"}}},
    "mapped": {"model": HAIKU, "mapping": {"preset": "claude-messages"}},
    "headed": {"model": HAIKU, "endpoint_kwargs": {"requestMetadata": {"a": "b"}}},
    "endpoint": {"provider": "sagemaker", "model": "llama", "mapping": {"preset": "openai-chat"}},
    "embeds": {"model": "amazon.titan-embed-text-v2:0", "operation": "embed"},
}


@pytest.fixture
def service(edge: Edge) -> PromptManagement:
    edge.admit(Admitted("AKIDEXAMPLE", CANARY, who="alice"))
    return PromptManagement(edge)


@pytest.fixture
def deployment(edge: Edge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a deployment: settings, adapters, and nothing else."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    (tmp_path / "adapters").mkdir()
    (tmp_path / "inference").mkdir()
    (tmp_path / "prompts").mkdir()
    (tmp_path / "inference" / "precise.yaml").write_text("temperature: 0\ntopP: 0.5\n", encoding="utf-8")
    for name, members in ADAPTERS.items():
        document = {"provider": "bedrock", **members}
        (tmp_path / "adapters" / f"{name}.yaml").write_text(write_document(document, ".yaml"), encoding="utf-8")
    settings = f"""
[plugins]
allow = ["aws"]
[connections.bedrock]
region = "us-east-1"
auth = {{kind = "aws_keys"}}
control_endpoint_url = "{edge.url}"
sts_endpoint_url = "{edge.url}"
endpoints = {{bedrock-agent = "{edge.url}"}}
"""
    (tmp_path / "dragoman.toml").write_text(settings, encoding="utf-8")
    return tmp_path


@pytest.fixture
async def engine(deployment: Path) -> AsyncIterator[Engine]:
    async with Engine(Settings.load(deployment / "dragoman.toml")) as engine:
        yield engine


@pytest.fixture
async def prompts(engine: Engine, service: PromptManagement) -> AsyncIterator[ManagedPrompts]:
    async with await Account.of(engine) as account:
        yield ManagedPrompts(account)


def prompt(name: str = "summary", **members: Any) -> Prompt:
    """Return a prompt; ``variants`` are by name, or the members of one that is called plain."""
    variants = members.pop("variants", None)
    own = [n for n in ("text", "messages", "system", "tools", "inference", "adapter") if n in members]
    one = {n: members.pop(n) for n in own}
    return Prompt.model_validate(
        {"name": name, "variants": variants or {"plain": {"adapter": "haiku", **one}}, **members}
    )
