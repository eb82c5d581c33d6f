"""The provider ``langchain``: a class that the settings name, without code; and a plugin that is one class."""

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest
from dragoman import Engine, Settings
from dragoman.errors import DocumentError, PluginError, SettingsError, UnsupportedError
from dragoman.plugins import load_plugins

langchain_core = pytest.importorskip("langchain_core", reason="langchain-core is not installed")

CLASSES = {
    "plain": "classes_of_the_test:Plain",
    "renamed": "classes_of_the_test:Renamed",
    "bare": "classes_of_the_test:Bare",
    "tool": "classes_of_the_test:NoModel",
    "missing": "no_such_package_of_ours:Model",
}

MODULE = '''
"""Chat models of a package that somebody installed."""
from langchain_core.language_models import SimpleChatModel
from pydantic import ConfigDict, Field, SecretStr

class Bare(SimpleChatModel):
    model: str = "x"

    @property
    def _llm_type(self):
        return "bare"

    def _call(self, messages, stop=None, run_manager=None, **kwargs):
        return messages[-1].text

class Plain(Bare):
    api_key: SecretStr | None = None
    base_url: str = "https://default.example"
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: list[str] | None = None
    max_retries: int = 5
    timeout: int = 60
    reasoning_effort: str | None = None
    model_kwargs: dict = {}

class Renamed(Bare):
    """As older packages have it: other names, and aliases that alone are taken."""
    model: str = Field(alias="model_name")
    acme_api_key: SecretStr = Field(alias="api_key")
    max_output_tokens: int | None = None
    random_seed: int | None = Field(None, alias="seed")
    stop_sequences: list[str] | None = None

class NoModel:
    pass
'''


@pytest.fixture(autouse=True)
def classes(monkeypatch):
    module = ModuleType("classes_of_the_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(MODULE, module.__name__, "exec"), module.__dict__)  # noqa: S102  (the test's own text)
    monkeypatch.setenv("PLAIN_KEY", "sk-canary")
    return module


@pytest.fixture
async def engine():
    bridge = EntryPoint("langchain", "dragoman.langchain_driver.bridge", "dragoman.plugins")
    async with Engine(Settings(langchain={"classes": CLASSES}), plugins=load_plugins(found=[bridge])) as engine:
        yield engine


def document(kind="plain", arguments=None, **members):
    connection = {"class": kind, **({} if arguments is None else {"arguments": arguments})}
    return {"provider": "langchain", "model": "m-1", "connection": connection, **members}


# --- by configuration alone -------------------------------------------------------------------------------------------


async def test_a_document_calls_a_class_that_the_settings_name(engine):
    response = await engine.chat(document(), "Hello")
    assert (response.text, response.provider) == ("Hello", "langchain")
    assert [piece async for piece in engine.stream(document(), "Hello").text()] == ["Hello"]


async def test_the_runtime_goes_without_saying(engine):
    resolved = await engine.resolve(document())
    assert resolved.adapter.runtime == "langchain"
    assert resolved.origins["runtime"] == "provider langchain"
    with pytest.raises(DocumentError, match="runtime"):
        await engine.resolve(document(runtime="native"))


async def test_each_member_finds_its_argument(engine):
    model = await engine.langchain_model(
        document(
            arguments={"base_url": "https://acme.example"},
            credentials={"api_key": "PLAIN_KEY"},
            inference={
                "temperature": 0.5,
                "top_p": 0.9,
                "max_tokens": 7,
                "stop_sequences": ["END"],
                "reasoning": {"effort": "low"},
            },
            model_kwargs={"safe": True},
            limits={"timeout_s": 7.5},
        )
    )
    assert type(model).__name__ == "Plain"
    assert (model.model, model.base_url, model.api_key.get_secret_value()) == (
        "m-1",
        "https://acme.example",
        "sk-canary",
    )
    assert (model.temperature, model.top_p, model.max_tokens, model.stop) == (0.5, 0.9, 7, ["END"])
    assert (model.reasoning_effort, model.model_kwargs) == ("low", {"safe": True})
    assert (model.max_retries, model.timeout) == (0, 8)


async def test_other_names_and_aliases_are_found(engine):
    settings = {"max_tokens": 7, "seed": 3, "stop_sequences": ["END"]}
    model = await engine.langchain_model(
        document("renamed", credentials={"acme_api_key": "PLAIN_KEY"}, inference=settings)
    )
    assert (model.model, model.acme_api_key.get_secret_value()) == ("m-1", "sk-canary")
    assert (model.max_output_tokens, model.random_seed, model.stop_sequences) == (7, 3, ["END"])


@pytest.mark.parametrize("path", ["os:system", "langchain_openai:ChatOpenAI", "a.b", "../x", "A"])
async def test_a_document_never_holds_an_import_path(engine, path):
    with pytest.raises(DocumentError, match=r"connection\.class.*\[langchain\.classes\]"):
        await engine.resolve(document(path))


async def test_a_class_that_the_settings_do_not_name_is_refused_with_those_they_do(engine):
    with pytest.raises(UnsupportedError, match=r"connection\.class.*'nobody'.*bare, missing, plain"):
        await engine.chat(document("nobody"), "Hello")


@pytest.mark.parametrize(
    ("members", "what"),
    [
        ({"inference": {"seed": 3}}, r"inference\.seed.*Plain has no field"),
        ({"inference": {"response_format": {"type": "json_object"}}}, r"inference\.response_format"),
        ({"inference": {"reasoning": {"budget_tokens": 9}}}, r"inference\.reasoning\.budget_tokens"),
        ({"endpoint_kwargs": {"headers": {"x": "y"}}}, r"endpoint_kwargs.*connection\.arguments"),
        ({"credentials": {"apikey": "PLAIN_KEY"}}, r"credentials\.apikey.*did you mean api_key"),
        ({"arguments": {"base_ulr": "x"}}, r"connection\.arguments\.base_ulr.*did you mean base_url"),
        ({"arguments": {"temperature": 1}}, r"arguments\.temperature.*inference\.temperature"),
        ({"arguments": {"max_retries": 1}}, r"arguments\.max_retries.*limits\.max_attempts"),
        ({"arguments": {"api_key": "sk-1"}}, r"arguments\.api_key.*credentials"),
        ({"arguments": {"cache": True}}, r"arguments\.cache"),
        ({"kind": "bare", "model_kwargs": {"a": 1}}, r"model_kwargs"),
        ({"model_kwargs": {"model": "m-9"}}, r"model_kwargs\.model: .*say it in model"),
        ({"model_kwargs": {"top_p": 1}}, r"model_kwargs\.top_p: .*inference\.top_p"),
        ({"model_kwargs": {"base_url": "https://x"}}, r"model_kwargs\.base_url: .*connection\.arguments"),
        ({"model_kwargs": {"extra_headers": {"authorization": "x"}}}, r"model_kwargs\.extra_headers"),
        ({"model_kwargs": {"extra_body": {"model": "m-9"}}}, r"model_kwargs\.extra_body"),
        ({"kind": "missing"}, r"no_such_package_of_ours.*install"),
    ],
)
async def test_what_finds_no_argument_is_refused(engine, members, what):
    with pytest.raises(UnsupportedError, match=what):
        await engine.chat(document(**members), "Hello")


async def test_a_class_that_is_no_chat_model_is_refused(engine):
    with pytest.raises(PluginError, match="NoModel is no LangChain chat model"):
        await engine.chat(document("tool"), "Hello")


async def test_a_wrong_argument_is_told_without_its_value(engine):
    with pytest.raises(PluginError, match="base_url") as refused:
        await engine.chat(document(arguments={"base_url": {"canary": 1}}), "Hello")
    assert "canary" not in str(refused.value)


async def test_a_missing_secret_is_named(engine):
    with pytest.raises(Exception, match="NO_SUCH_KEY"):
        await engine.chat(document(credentials={"api_key": "NO_SUCH_KEY"}), "Hello")


@pytest.mark.parametrize("path", ["module", "module:", ":Class", "a b:C", "m:C.d", "m:C()"])
def test_settings_take_nothing_but_a_module_and_a_class(path):
    with pytest.raises(ValueError, match="module:Class"):
        Settings(langchain={"classes": {"one": path}})


def test_settings_say_where_a_wrong_path_was_written(tmp_path):
    (tmp_path / "dragoman.toml").write_text('[langchain.classes]\none = "module"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"dragoman\.toml: langchain\.classes one is no module:Class"):
        Settings.load(tmp_path)


def test_the_bridge_comes_with_the_engine():
    (plugin,) = [plugin for plugin in load_plugins().loaded if plugin.name == "langchain"]
    assert plugin.distribution == "dragoman"
    assert [d.kind for d in plugin.providers] == ["langchain"]


# --- a plugin that is one class ---------------------------------------------------------------------------------------

PLUGIN = """
from dragoman.plugin import Connection, LangChainProvider, ProviderDescription, hookimpl

PLUGIN_API = (1, 0)

class PlainConnection(Connection):
    base_url: str = "https://plain.example"

class PlainProvider(LangChainProvider):
    model_class = "classes_of_the_test:Plain"

@hookimpl
def dragoman_providers():
    return [ProviderDescription(
        "plain", "Plain", f"{__name__}:PlainProvider", PlainConnection,
        credentials={"api_key": "PLAIN_KEY"}, native=False,
    )]
"""


async def test_a_plugin_names_its_class_and_that_is_all(plugin_module):
    plain = {"provider": "plain", "model": "m-1", "inference": {"temperature": 0}}
    async with Engine(Settings(), plugins=load_plugins(found=[plugin_module(PLUGIN, "plain")])) as engine:
        assert (await engine.chat(plain, "Hello")).text == "Hello"
        model = await engine.langchain_model(plain)
        assert (model.temperature, model.api_key.get_secret_value()) == (0, "sk-canary")
        assert model.base_url == "https://plain.example"
        model = await engine.langchain_model({**plain, "connection": {"base_url": "https://acme.example"}})
        assert model.base_url == "https://acme.example"
        with pytest.raises(UnsupportedError, match=r"inference\.top_k"):
            await engine.chat(plain, "Hello", top_k=3)
