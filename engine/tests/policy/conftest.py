"""A deployment with a provider that has roles, as those of a cloud do, and its policy."""

import pytest
from dragoman.engine import Engine
from dragoman.plugins import load_plugins
from dragoman.settings import Settings

VAULT_PLUGIN = '''
"""A plugin whose provider takes on roles."""
from typing import ClassVar
from dragoman.plugin import *
from dragoman.events import Finished, Started, TextDelta

PLUGIN_API = (1, 0)

class Role(Connection):
    arn: str
    external_id: str | None = None
    policy: str | None = None

class Auth(Connection):
    kind: str = "default"
    role_arn: str | None = None

class VaultConnection(Connection):
    identities: ClassVar = (Identity("roles.*.arn", ("external_id",)), Identity("auth.role_arn"))
    region: str | None = None
    auth: Auth = Auth()
    roles: list[Role] = []

class VaultInference(Inference):
    volume: int | None = None

class VaultSession(Session):
    async def stream(self, request):
        yield Started(model="vault")
        yield TextDelta("open")
        yield Finished("stop", "done")

class VaultProvider(Provider):
    def open(self, target, context):
        return VaultSession()

@hookimpl
def dragoman_providers():
    return [
        ProviderDescription(
            kind="vault", title="Vault", factory=f"{__name__}:VaultProvider", connection=VaultConnection,
            inference=VaultInference, mapping=True, credentials={"key": "VAULT_KEY", "other": None},
        ),
        ProviderDescription(kind="shed", title="Shed", factory=f"{__name__}:VaultProvider"),
    ]
'''

ADAPTERS = {
    "plain": """
        title: Plain
        provider: vault
        model: m-1
        inference: {temperature: 0.5, max_tokens: 100}
        rules: [{range: inference.max_tokens, maximum: 200}, {range: inference.temperature, minimum: 0, maximum: 1}]
        connection: {region: here}
        """,
    "with-role": """
        base: plain
        connection: {roles: [{arn: "arn:aws:iam::111111111111:role/Mine", external_id: "mine"}]}
        credentials: {other: FILE_KEY}
        """,
    "secret-base": """
        provider: vault
        model: m-secret
        connection: {region: secret}
        """,
    "on-secret": """
        base: secret-base
        title: On top of it
        """,
    "plain-first": """
        base: plain
        upstreams:
          first: {}
          second: {tier: 1, model: m-dear}
        """,
    "balanced": """
        provider: vault
        model: m-1
        connection: {region: here}
        upstreams:
          one: {connection: {region: one}}
          two: {tier: 1, connection: {region: two}, credentials: {key: TWO_KEY}}
        """,
}


@pytest.fixture
def deployed(tmp_path, plugin_module):
    """Make an engine: ``deployed("dev", rules=[…])``; what is named goes into the section ``policy``."""
    for name, text in ADAPTERS.items():
        (tmp_path / "adapters").mkdir(exist_ok=True)
        (tmp_path / "adapters" / f"{name}.yaml").write_text(text)
    (tmp_path / "inference").mkdir()
    (tmp_path / "inference" / "loud.yaml").write_text("volume: 11\n")
    plugins = load_plugins(found=[plugin_module(VAULT_PLUGIN, "vault")])

    def make(stage="prod", audit=None, **policy):
        settings = Settings(
            stage=stage,
            adapters_directory=tmp_path / "adapters",
            inference_directory=tmp_path / "inference",
            policy=policy,
        )
        return Engine(settings, plugins=plugins, audit=audit)

    return make
