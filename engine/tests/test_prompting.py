"""Asking with prompts: whom a variant calls, within whose rights, and what a comparison shows."""

from decimal import Decimal

import pytest
from dragoman import Caller, Engine, Settings, SyncEngine
from dragoman.errors import AdapterNotFoundError, MessageError, PolicyError
from dragoman.plugins import load_plugins
from dragoman.prompting import PromptAsked

COUNTING_PLUGIN = '''
"""A provider that counts, says how it was called, and fails on demand."""
import json
from dragoman.errors import ServerError
from dragoman.events import Finished, TextDelta, Usage, UsageReported
from dragoman.plugin import *

PLUGIN_API = (1, 0)

class CountingSession(Session):
    def __init__(self, target):
        self.target = target

    async def stream(self, request):
        if request.messages[-1].text == "fail":
            raise ServerError("it broke", status=500)
        choice = request.tool_choice
        yield TextDelta(json.dumps({
            "model": self.target.model, "inference": request.settings.inference.model_dump(exclude_unset=True),
            "tools": [t.name for t in request.tools], "choice": choice and choice.name,
        }))
        yield UsageReported(Usage(1000, 500, 1500, source="provider"))
        yield Finished("stop")

class CountingProvider(Provider):
    def open(self, target, context):
        return CountingSession(target)

@hookimpl
def dragoman_providers():
    return [ProviderDescription(
        kind="counting", title="Counting", factory=f"{__name__}:CountingProvider", connection=Connection,
        inference=Inference,
    )]
'''

ADAPTERS = {
    "priced": """
        provider: counting
        model: m-1
        base_model: known
        limits: {max_attempts: 1}
        rules: [{range: inference.temperature, minimum: 0, maximum: 1}]
        pricing: {currency: USD, input_per_million: "3.00", output_per_million: "15.00"}
        """,
    "plain": "{provider: counting, model: m-2}",
}
PROMPT = """
variants:
  one: {adapter: priced, text: "Tell {{ what }}", inference: {temperature: 0.5}}
  two: {adapter: plain, text: "Sing"}
  three: {adapter: priced, model: "arn:profile", text: "Play"}
"""


@pytest.fixture
def settings(tmp_path):
    for folder in ("adapters", "prompts"):
        (tmp_path / folder).mkdir()
    for name, text in ADAPTERS.items():
        (tmp_path / "adapters" / f"{name}.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "prompts" / "mixed.yaml").write_text(PROMPT, encoding="utf-8")
    return Settings(adapters_directory=tmp_path / "adapters", prompts_directory=tmp_path / "prompts")


@pytest.fixture
def plugins(plugin_module):
    return load_plugins(found=[plugin_module(COUNTING_PLUGIN, "counting")])


@pytest.fixture
async def engine(settings, plugins):
    async with Engine(settings, plugins=plugins) as engine:
        yield engine


async def test_a_variant_calls_another_model_over_its_adapters_connection(engine):
    assert '"model": "arn:profile"' in (await engine.prompt("mixed", variant="three")).text
    resolved = (await engine.prepare_prompt(PromptAsked("mixed", {}, "three"))).resolved
    assert resolved.name == "priced"
    assert not {"base_model", "pricing"} & set(resolved.document)  # facts of the adapter's own model
    assert '"model": "m-2"' in (await engine.prompt("mixed", variant="three", adapter="plain")).text


async def test_tools_and_the_choice_of_one_go_with_the_call(engine, settings):
    tool = "{type: function, function: {name: find, parameters: {type: object}}}"
    variant = f"{{adapter: plain, text: Hi, tools: [{tool}], tool_choice: find}}"
    (settings.prompts_folder / "tools.yaml").write_text(f"variants: {{a: {variant}}}", encoding="utf-8")
    assert '"tools": ["find"], "choice": "find"' in (await engine.prompt("tools")).text


# --- side by side ------------------------------------------------------------------------------------------------


async def test_variants_side_by_side_with_times_tokens_and_cost(engine):
    one, two, three = await engine.compare("mixed", {"what": "me"})
    assert (one.variant, one.adapter, one.model, one.cost.amount) == ("one", "priced", "m-1", Decimal("0.0105"))
    assert (one.usage.input_tokens, one.usage.output_tokens, one.cost.currency) == (1000, 500, "USD")
    assert 0 <= one.first_token_s <= one.duration_s
    assert (two.cost, three.cost) == (None, None)  # no price; another model's price
    assert one.as_object()["cost"] == "0.0105"


async def test_what_one_variant_raises_stops_no_other(engine, settings):
    document = "variants: {a: {adapter: priced, text: fail}, b: {adapter: plain, text: Hi}, c: {adapter: no, text: Hi}}"
    (settings.prompts_folder / "half.yaml").write_text(document, encoding="utf-8")
    a, b, c = await engine.compare("half")
    assert "it broke" in a.as_object()["error"]
    assert b.error is None
    assert isinstance(c.error, AdapterNotFoundError)


async def test_a_value_that_no_variant_has_is_an_error_before_anybody_is_asked(engine):
    with pytest.raises(MessageError, match="age: no variant has such a variable"):
        await engine.compare("mixed", {"what": "me", "age": 7})


def test_programs_without_a_loop_ask_and_compare_as_well(settings, plugins):
    with SyncEngine(Engine(settings, plugins=plugins)) as engine:
        assert '"temperature": 0.5' in engine.prompt("mixed", {"what": "me"}).text
        assert len(engine.compare("mixed", {"what": "me"})) == 3


# --- callers -----------------------------------------------------------------------------------------------------


async def test_a_caller_asks_with_what_the_deployment_wrote(engine):
    caller = Caller("somebody")
    assert '"model": "arn:profile"' in (await engine.prompt("mixed", variant="three", caller=caller)).text
    response = await engine.prompt("mixed", {"what": "me"}, caller=caller, temperature=0.9)
    assert '"temperature": 0.9' in response.text


async def test_a_caller_needs_the_right_to_the_adapter(engine):
    caller = Caller("narrow", adapters=["plain"])
    with pytest.raises(AdapterNotFoundError):
        await engine.prompt("mixed", {"what": "me"}, caller=caller)
    one, two, _ = await engine.compare("mixed", {"what": "me"}, caller=caller)
    assert isinstance(one.error, AdapterNotFoundError)
    assert two.error is None


@pytest.mark.parametrize("adapter", [{"base": "priced", "model": "m-9"}, {"provider": "counting", "model": "m"}])
async def test_what_a_caller_adds_is_judged(engine, adapter):
    with pytest.raises(PolicyError):
        await engine.prompt("mixed", variant="two", adapter=adapter, caller=Caller("somebody"))


async def test_a_setting_with_a_range_is_not_removed_through_a_prompt(engine, settings):
    (settings.adapters_folder / "priced.yaml").write_text(
        ADAPTERS["priced"] + "inference: {temperature: 0.1}\n", encoding="utf-8"
    )
    await engine.reload()
    with pytest.raises(PolicyError, match="has a range"):
        await engine.prompt("mixed", {"what": "me"}, caller=Caller("somebody"), temperature=None)


async def test_a_privileged_document_of_a_caller_is_told_to_the_audit(settings, plugins):
    told = []

    async def audit(change):
        told.append([".".join(c.path) for c in change.changes])

    dev = settings.model_copy(update={"stage": "dev"})
    async with Engine(dev, plugins=plugins, audit=audit) as engine:
        boss = Caller("boss", roles=["admin"])
        await engine.prompt("mixed", variant="two", adapter={"base": "plain", "model": "m-9"}, caller=boss)
    assert [sorted(paths) for paths in told] == [["base", "model"]]
