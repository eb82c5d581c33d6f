"""What has to be allowed for an adapter: as its provider says, for those who may use it, without a secret."""

import pytest
from dragoman import Caller, Engine, Settings, SyncEngine
from dragoman.errors import DocumentError, PermissionDeniedError, PluginError, PolicyError, UnsupportedError
from dragoman.plugins import load_plugins

CANARY = "canary-9d1b77e0c2fa"

PLUGIN = '''
"""A provider that has policies, and one that has none."""
from dragoman.errors import PermissionDeniedError
from dragoman.events import Finished
from dragoman.plugin import *

PLUGIN_API = (1, 0)

class GateConnection(Connection):
    gate: str = "north"
    does: str | None = None

class GateProvider(Provider):
    async def permissions(self, target, settings, context, purposes):
        key = (await context.secret(target.credentials["key"])).reveal()
        if target.connection.does == "breaks":
            raise RuntimeError(f"no gate for {key}")
        if target.connection.does == "refuses":
            raise PermissionDeniedError(f"nothing to allow for {key}")
        if target.connection.does == "leaks":
            return Permissions([Permission({"keys": [key]}, key, key)], (key,), {"gatefile": key})
        document = {"at": target.connection.gate, "may": purposes, "hot": settings.inference.temperature}
        permission = Permission(document, "gatekeeper", "passes")
        return Permissions([permission], ("the hour is not known",), {"gatefile": "x"})

@hookimpl
def dragoman_providers():
    return [
        ProviderDescription("gate", "Gate", f"{__name__}:GateProvider", connection=GateConnection,
                            credentials={"key": "GATE_KEY"}, permission_purposes=("pass", "look", "close")),
        ProviderDescription("open", "Open", f"{__name__}:Provider"),
    ]
'''

GATE = {"name": "g", "provider": "gate", "model": "m"}


@pytest.fixture
def plugins(plugin_module, monkeypatch):
    monkeypatch.setenv("GATE_KEY", CANARY)
    return load_plugins(found=[plugin_module(PLUGIN, "gate")])


@pytest.fixture
async def engine(plugins):
    async with Engine(Settings(), plugins=plugins) as engine:
        yield engine


async def test_they_are_for_a_call_where_nothing_else_is_said(engine):
    found = await engine.permissions({**GATE, "inference": {"temperature": 0.5}})
    assert found.as_dict() == {
        "permissions": [
            {"principal": "gatekeeper", "title": "passes", "document": {"at": "north", "may": ["pass"], "hot": 0.5}}
        ],
        "notes": ["the hour is not known"],
        "snippets": {"gatefile": "x"},
    }


async def test_each_purpose_is_asked_for_once(engine):
    [permission] = (await engine.permissions(GATE, purposes=["look", "close", "look"])).permissions
    assert permission.document["may"] == ["look", "close"]


async def test_an_override_counts(engine):
    [permission] = (await engine.permissions(GATE, {"connection": {"gate": "south"}})).permissions
    assert permission.document["at"] == "south"


async def test_what_a_caller_may_not_change_is_refused(plugins):
    user = Caller("u", ["user"])
    async with Engine(Settings(stage="prod"), plugins=plugins) as engine:
        with pytest.raises(PolicyError, match=r"connection\.gate"):
            await engine.permissions(GATE, {"connection": {"gate": "south"}}, caller=user)


async def test_an_unknown_purpose_is_refused_with_those_that_are_known(engine):
    with pytest.raises(UnsupportedError, match=r"no policy for 'fly' \(one of pass, look, close\)"):
        await engine.permissions(GATE, purposes=["look", "fly"])


async def test_a_provider_without_policies_says_so(engine):
    with pytest.raises(UnsupportedError, match="provider open has no policies to show"):
        await engine.permissions({"provider": "open", "model": "m"})


async def test_of_several_upstreams_the_one_that_is_taken_counts_and_a_note_says_which(engine):
    upstreams = {"far": {"tier": 1, "connection": {"gate": "east"}}, "near": {"connection": {"gate": "west"}}}
    found = await engine.permissions({**GATE, "upstreams": upstreams})
    assert found.permissions[0].document["at"] == "west"
    assert found.notes[0] == "took upstream 'near', the heaviest of the lowest tier: the policy is for that one"


async def test_an_adapter_that_does_not_hold(engine):
    with pytest.raises(DocumentError, match=r"connection\.door"):
        await engine.permissions({**GATE, "connection": {"door": "x"}})


async def test_no_secret_is_told_whatever_the_provider_says(engine):
    assert CANARY not in repr(await engine.permissions({**GATE, "connection": {"does": "leaks"}}))


@pytest.mark.parametrize(("does", "kind"), [("breaks", PluginError), ("refuses", PermissionDeniedError)])
async def test_a_failure_names_the_fault_and_no_secret(engine, does, kind):
    with pytest.raises(kind) as failed:
        await engine.permissions({**GATE, "connection": {"does": does}})
    assert CANARY not in f"{failed.value}{failed.value!r}"
    assert "nothing to allow" in str(failed.value) or "the permissions of provider gate broke" in str(failed.value)


def test_programs_without_an_event_loop_have_them_too(plugins):
    with SyncEngine(Engine(Settings(), plugins=plugins)) as engine:
        assert engine.run(engine.engine.permissions(GATE)).snippets == {"gatefile": "x"}
