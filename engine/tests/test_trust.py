"""Whose an address is: the deployment's is called wherever it leads, an API caller's only where it may."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from dragoman import Engine, Settings
from dragoman.catalog import Catalog, Entry
from dragoman.errors import AddressRefusedError, DocumentError, SettingsError
from dragoman.merge import Layer
from dragoman.plugins import Plugins, load_plugins
from dragoman.resolve import Resolved, resolve
from dragoman.testing.upstream import Reply, Upstream

PLUGIN = '''
"""A provider that asks its address, and where it should a token endpoint before."""
from typing import Annotated
from pydantic import Field
from dragoman.events import Response
from dragoman.messages import Message, Text
from dragoman.plugin import *

PLUGIN_API = (1, 0)

class File(Connection):
    path: str | None = Field(None, json_schema_extra=DEPLOYMENT_ONLY)
    note: str | None = None

class AskingConnection(Connection):
    url: str = "http://127.0.0.1:1"
    token_url: str | None = None
    command: list[str] | None = Field(None, json_schema_extra=DEPLOYMENT_ONLY)
    file: File | None = None
    files: list[File] | None = None

class Token(Authorizer):
    identity = "the one token"
    def __init__(self, context, url):
        self.context, self.url = context, url
    async def acquire(self):
        from dragoman.secret import Secret
        reply = await self.context.send(WireRequest("GET", self.url, {}), Limits())
        return Credentials(Secret(reply.body.decode()), self.context.now_s() + 3600)
    def sign(self, request, credentials):
        return WireRequest(request.method, request.url, {**request.headers, "Token": credentials.value.reveal()})
    def placeholder(self):
        return Credentials("")

class AskingCodec(Codec):
    def __init__(self, url):
        self.url = url
    def encode(self, request):
        return WireRequest("GET", self.url, {})
    def decode(self, request, reply):
        return Response(Message("assistant", (Text(reply.body.decode()),)), "stop")
    def decode_stream(self, request, reply):
        raise NotImplementedError
    def error(self, reply):
        raise NotImplementedError

class AskingProvider(Provider):
    def open(self, target, context):
        connection = target.connection
        who = Token(context, connection.token_url) if connection.token_url else NoAuth()
        return context.codec_session(AskingCodec(connection.url), who)

@hookimpl
def dragoman_providers():
    return [ProviderDescription(
        kind="asking", title="Asking", factory=f"{__name__}:AskingProvider", connection=AskingConnection,
    )]
'''

Ask = Callable[..., Any]


@pytest.fixture
def plugins(plugin_module: Any) -> Plugins:
    return load_plugins(found=[plugin_module(PLUGIN, "asking")])


@pytest.fixture
def inside() -> Iterator[Upstream]:
    """A server on this machine that no API caller should reach."""
    with Upstream() as upstream:
        upstream.answer(Reply.text("hello"))
        yield upstream


@pytest.fixture
async def engine(plugins: Plugins) -> AsyncIterator[Engine]:
    async with Engine(Settings(), plugins=plugins) as engine:
        yield engine


def asking(**connection: Any) -> dict[str, Any]:
    return {"provider": "asking", "model": "m", "connection": connection}


async def ask(engine: Engine, adapter: Any, override: Any = None, *, trusted: bool) -> str:
    resolved = await engine.resolve(adapter, override, trusted=trusted)
    return (await engine.chat(resolved, "hello")).text


# --- calls -------------------------------------------------------------------------------------------------------


async def test_what_a_program_names_is_called(engine: Engine, inside: Upstream) -> None:
    assert (await engine.chat(asking(url=inside.url), "hello")).text == "hello"
    assert (await engine.chat(asking(), "hello", override={"connection": {"url": inside.url}})).text == "hello"


@pytest.mark.parametrize("override", [None, {"connection": {"url": "{url}"}}])
async def test_what_an_api_caller_names_is_not(engine: Engine, inside: Upstream, override: Any) -> None:
    override = override and {"connection": {"url": inside.url}}
    with pytest.raises(AddressRefusedError):
        await ask(engine, asking(url=inside.url), override, trusted=False)
    assert not inside.connections


async def test_the_token_endpoint_counts_as_well(engine: Engine, inside: Upstream) -> None:
    document = asking(url="https://8.8.8.8", token_url=inside.url)
    with pytest.raises(AddressRefusedError):
        await ask(engine, document, trusted=False)
    assert not inside.connections


async def test_a_session_or_token_of_the_deployment_is_not_lent_to_a_caller(engine: Engine, inside: Upstream) -> None:
    document = asking(url=inside.url, token_url=inside.url)
    assert await ask(engine, document, trusted=True) == "hello"
    asked = len(inside.received)
    with pytest.raises(AddressRefusedError):
        await ask(engine, document, trusted=False)
    assert len(inside.received) == asked
    assert await ask(engine, document, trusted=True) == "hello"


async def test_the_settings_may_allow_it(plugins: Plugins, inside: Upstream) -> None:
    settings = Settings(network={"allowed_hosts": [inside.url.removeprefix("http://")]})
    async with Engine(settings, plugins=plugins) as engine:
        assert await ask(engine, asking(url=inside.url), trusted=False) == "hello"


async def test_a_caller_who_leaves_the_connection_alone_uses_the_deployments(
    inside: Upstream, plugins: Plugins
) -> None:
    async with Engine(Settings(connections={"asking": {"url": inside.url}}), plugins=plugins) as engine:
        assert await ask(engine, {"provider": "asking", "model": "m"}, {"model": "n"}, trusted=False) == "hello"


# --- whose it is -------------------------------------------------------------------------------------------------


@pytest.fixture
def resolved(plugins: Plugins) -> Callable[..., Resolved]:
    """Resolve with a deployment of two adapters: one of a file, one that an API caller has saved."""

    def make(adapter: Any, override: Any = None, *, trusted: bool = False) -> Resolved:
        file = {"name": "file", **asking(url="http://inside")}
        spread = {
            **file,
            "name": "spread",
            "upstreams": {"a": {"weight": 2}, "b": {"connection": {"url": "http://other"}}},
        }
        layers = [
            Layer("file file.yaml", file),
            Layer("file spread.yaml", spread),
            Layer("saved", {"name": "saved", **asking(url="http://inside")}, trusted=False),
        ]
        catalog = Catalog({layer.document["name"]: Entry(layer.document["name"], (layer,)) for layer in layers})
        return resolve(catalog, plugins, adapter, override, trusted=trusted)

    return make


TRUSTED = {
    "a name": ("file", None),
    "a name, another model": ("file", {"model": "n", "inference": {"seed": 1}}),
    "a base": ({"base": "file", "model": "n"}, None),
    "an own document without a connection": ({"provider": "asking", "model": "m"}, None),
    "a value taken away": ("file", {"connection": {"url": None}}),
    "another share of an upstream": ("spread", {"upstreams": {"b": {"model": "n"}}}),
}
UNTRUSTED = {
    "an override": ("file", {"connection": {"url": "http://x"}}, ("connection.url",)),
    "the same value once more": ("file", {"connection": {"url": "http://inside"}}, ("connection.url",)),
    "anything of the connection": ("file", {"connection": {"file": {"note": "x"}}}, ("connection.file.note",)),
    "an own document": (asking(url="http://x"), None, ("connection.url",)),
    "an own document on a base": ({"base": "file", "connection": {"url": "http://x"}}, None, ("connection.url",)),
    "a saved one": ("saved", None, ("connection.url",)),
    "a saved one as the base": ({"base": "saved"}, None, ("connection.url",)),
    "an upstream of its own": (
        "file", {"upstreams": {"a": {"connection": {"url": "http://x"}}}}, ("connection.url",),
    ),
    "a part of an upstream": (
        "spread", {"upstreams": {"b": {"weight": 9, "connection": {"url": "http://x"}}}}, ("connection.url",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", TRUSTED)
def test_these_are_the_deployments(resolved: Callable[..., Resolved], way: str) -> None:
    assert resolved(*TRUSTED[way]).trusted


@pytest.mark.parametrize("way", UNTRUSTED)
def test_these_are_a_callers(resolved: Callable[..., Resolved], way: str) -> None:
    adapter, override, paths = UNTRUSTED[way]
    found = resolved(adapter, override)
    assert (found.trusted, found.untrusted) == (False, paths)


def test_a_targets_key_says_whose_it_is(resolved: Callable[..., Resolved]) -> None:
    document = asking(url="http://x")
    ours, theirs = resolved(document, trusted=True), resolved(document, trusted=False)
    assert ours.document == theirs.document
    assert ours.target_key != theirs.target_key


# --- what only the deployment may set ----------------------------------------------------------------------------

OF_THE_MACHINE = {
    "connection.command": {"command": ["cat", "/etc/passwd"]},
    "connection.file.path": {"file": {"path": "/etc/passwd"}},
    "connection.files.path": {"files": [{"note": "x"}, {"path": "/etc/passwd"}]},
}


@pytest.mark.parametrize("path", OF_THE_MACHINE)
def test_a_caller_cannot_name_what_is_on_the_machine(resolved: Callable[..., Resolved], path: str) -> None:
    override = {"connection": OF_THE_MACHINE[path]}
    assert resolved("file", override, trusted=True)
    with pytest.raises(DocumentError) as caught:
        resolved("file", override)
    assert [problem.path for problem in caught.value.problems] == [path]


def test_what_the_deployment_named_may_stay(resolved: Callable[..., Resolved]) -> None:
    found = resolved({"base": "file", "connection": {"file": {"note": "x"}}})
    assert found.untrusted == ("connection.file.note",)


def test_a_class_that_calls_by_itself_is_refused(resolved: Callable[..., Resolved]) -> None:
    with pytest.raises(DocumentError, match=r"connection\.url: cannot be an API caller's"):
        resolved("file", {"runtime": "langchain", "connection": {"url": "https://x"}})


@pytest.mark.parametrize("entry", ["http://x", "a b", "10.0.0.1/8", "x:0", "1.2.3", "*", ""])
def test_a_setting_that_is_no_host_is_refused_when_it_is_read(entry: str) -> None:
    with pytest.raises(SettingsError, match="network"):
        Settings.load(network={"allowed_hosts": [entry]})
