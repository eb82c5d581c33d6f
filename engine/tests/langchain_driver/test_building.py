"""Building the model: once for its settings, all of them looked at, with secrets as they are; closed at the end."""

import asyncio
import json
import sys
from typing import ClassVar

import pytest
from dragoman import Settings
from dragoman.errors import AuthenticationError, PluginError, SecretError, UnsupportedError
from dragoman.langchain_driver.models import MAX_MODELS
from dragoman.langchain_driver.threads import THREAD_NAME


def taking(model_of, *names):
    """Return a builder that looks at these inference settings."""

    def build(target, settings, context):
        for name in names:
            getattr(settings.inference, name)
        return model_of(settings)

    return build


# --- nothing is dropped in silence -------------------------------------------------------------------------------

EVERY_SETTING = {
    "temperature": 0, "top_p": 0.5, "top_k": 3, "max_tokens": 5, "stop_sequences": ["x"], "seed": 1,
    "presence_penalty": 0.1, "frequency_penalty": 0.1, "reasoning": {"effort": "low"},
    "response_format": {"type": "json_object"}, "volume": 11,
}  # fmt: skip


@pytest.mark.parametrize("name", EVERY_SETTING)
async def test_a_setting_that_the_plugin_does_not_look_at_is_refused(driving, adapter, models, say, name):
    model = models.Whole(steps=[say("ok")])
    document = {**adapter, "inference": {name: EVERY_SETTING[name]}}
    with pytest.raises(UnsupportedError, match=rf"inference\.{name}: .*provider classes makes nothing of it") as caught:
        await driving(lambda *_: model).chat(document, "hi")
    assert caught.value.path == f"inference.{name}"
    assert not model.asked
    assert (await driving(taking(lambda _: model, name)).chat(document, "hi")).text == "ok"


@pytest.mark.parametrize(
    "look",
    [
        lambda inference: inference.model_dump(exclude_none=True),
        dict,
        vars,
        lambda inference: inference.model_copy(update={"seed": 2}),
        lambda inference: inference.model_dump_json(),
    ],
)
async def test_looking_at_all_of_them_at_once_counts(driving, adapter, models, say, look):
    found = []

    def build(target, settings, context):
        found.append(look(settings.inference))
        return models.Whole(steps=[say("ok")])

    await driving(build).chat({**adapter, "inference": EVERY_SETTING}, "hi")
    assert found


async def test_what_the_plugin_sees_are_the_settings(driving, adapter, models, say):
    seen = []

    def build(target, settings, context):
        inference = settings.inference
        seen.append((target.model, inference.temperature, inference.volume, inference.seed, settings.limits.timeout_s))
        seen.append((type(inference).__name__, sorted(inference.model_fields_set)))
        return models.Whole(steps=[say("ok")])

    await driving(build).chat(adapter, "hi", temperature=0.5, volume=3)
    assert seen == [("m", 0.5, 3, None, 30), ("OwnInference", ["temperature", "volume"])]


@pytest.mark.parametrize("member", ["model_kwargs", "endpoint_kwargs"])
async def test_further_arguments_that_the_plugin_does_not_look_at_are_refused(driving, adapter, models, say, member):
    document = {**adapter, member: {"odd": 1}}
    with pytest.raises(UnsupportedError, match=member):
        await driving(lambda *_: models.Whole()).chat(document, "hi")

    def build(target, settings, context):
        assert getattr(settings, member) == {"odd": 1}
        return models.Whole(steps=[say("ok")])

    assert (await driving(build).chat(document, "hi")).text == "ok"


async def test_all_that_is_overlooked_is_named(driving, adapter, models):
    with pytest.raises(UnsupportedError, match=r"nor of inference\.top_p, inference\.seed"):
        await driving(lambda *_: models.Whole()).chat(adapter, "hi", temperature=0, top_p=1, seed=3)


async def test_a_model_asked_for_by_name_is_held_to_the_same(driving, adapter, models):
    engine = driving(lambda *_: models.Whole())
    assert type(await engine.langchain_model(adapter)).__name__ == "Whole"
    with pytest.raises(UnsupportedError, match=r"inference\.seed"):
        await engine.langchain_model(adapter, {"inference": {"seed": 1}})


# --- what may go wrong -------------------------------------------------------------------------------------------


async def test_the_plugins_own_words_about_a_missing_package_are_kept(driving, adapter, models):
    def build(*_):
        raise UnsupportedError("the class needs a package", hint="pip install 'classes[langchain]'")

    with pytest.raises(UnsupportedError, match=r"pip install 'classes\[langchain\]'"):
        await driving(build).chat(adapter, "hi")


async def test_a_missing_package_that_nobody_looked_for_is_named(driving, adapter, models):
    def build(*_):
        import no_such_package  # noqa: F401

    with pytest.raises(PluginError, match=r"provider classes cannot be built: No module named 'no_such_package'"):
        await driving(build).chat(adapter, "hi")


async def test_without_langchain_the_driver_says_so(driving, adapter, monkeypatch):
    monkeypatch.setitem(sys.modules, "langchain_core.language_models", None)
    with pytest.raises(UnsupportedError, match=r"needs the package langchain-core"):
        await driving(lambda *_: object()).chat(adapter, "hi")


async def test_what_is_no_chat_model_is_refused(driving, adapter, models):
    with pytest.raises(PluginError, match=r"provider classes returned str, which is no LangChain chat model"):
        await driving(lambda *_: "gpt").chat(adapter, "hi")


async def test_a_class_that_refuses_its_settings_is_heard_without_them(driving, adapter, models):
    class Strict(models.Whole):
        key: int

    with pytest.raises(PluginError, match=r"refuses its settings: key: ") as caught:
        await driving(lambda *_: Strict(key="sk-canary")).chat(adapter, "hi")
    assert "sk-canary" not in str(caught.value)


async def test_another_failure_shows_no_secret(driving, adapter, models, monkeypatch):
    monkeypatch.setenv("CLASS_KEY", "sk-canary-1234567890")

    def build(target, settings, context):
        raise RuntimeError(f"bad key {context.secret('CLASS_KEY').reveal()}")

    with pytest.raises(PluginError, match=r"RuntimeError: bad key \*\*\*") as caught:
        await driving(build).chat(adapter, "hi")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_a_missing_secret_is_named(driving, adapter, models, monkeypatch):
    monkeypatch.delenv("CLASS_KEY", raising=False)
    with pytest.raises(SecretError, match="CLASS_KEY"):
        await driving(lambda t, s, context: context.secret("CLASS_KEY")).chat(adapter, "hi")


async def test_a_failed_build_is_tried_again_by_the_next_call(driving, adapter, models, say):
    tries = []

    def build(*_):
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("not yet")
        return models.Whole(steps=[say("ok")])

    engine = driving(build)
    with pytest.raises(PluginError):
        await engine.chat(adapter, "hi")
    assert (await engine.chat(adapter, "hi")).text == "ok"


# --- how often, and where ----------------------------------------------------------------------------------------


async def test_first_calls_at_a_time_build_one_model_off_the_loop(driving, adapter, models, say):
    import threading

    threads = []

    def build(*_):
        threads.append(threading.current_thread().name)
        return models.Async(steps=[say("ok")])

    engine = driving(build)
    await asyncio.gather(*[engine.chat(adapter, "hi") for _ in range(50)])
    assert [name.startswith(THREAD_NAME) for name in threads] == [True]


async def test_other_settings_have_a_model_of_their_own(driving, adapter, models, say):
    built = []

    def build(target, settings, context):
        built.append(settings.inference.temperature)
        return models.Async(steps=[say("ok")])

    engine = driving(build)
    for temperature in (0, 1, 0, 1):
        await engine.chat(adapter, "hi", temperature=temperature)
    assert built == [0, 1]


async def test_models_are_bounded_and_closed(driving, adapter, models, say):
    closed = []

    def build(target, settings, context):
        seed = settings.inference.seed

        async def aclose():
            closed.append((seed, "async"))

        context.on_close(lambda: closed.append((seed, "sync")))
        context.on_close(aclose)
        return models.Async(steps=[say("ok")])

    engine = driving(build)
    for seed in range(MAX_MODELS + 2):
        await engine.chat(adapter, "hi", seed=seed)
    assert closed == [(0, "async"), (0, "sync"), (1, "async"), (1, "sync")]
    await engine.aclose()
    assert {seed for seed, _ in closed} == set(range(MAX_MODELS + 2))


async def test_a_model_in_use_is_closed_when_its_call_is_over(driving, adapter, models, say):
    closed = []

    def build(target, settings, context):
        context.on_close(lambda: closed.append(True))
        return models.Async(steps=[say("one"), say("two")])

    engine = driving(build)
    async with engine.stream(adapter, "hi") as stream:
        await anext(stream.__aiter__())
        await engine.aclose()
        assert not closed
    assert closed == [True]


async def test_a_client_that_fails_to_close_hides_no_other(driving, adapter, models, say):
    closed = []

    def build(target, settings, context):
        context.on_close(lambda: closed.append(True))
        context.on_close(lambda: 1 / 0)
        return models.Async(steps=[say("ok")])

    engine = driving(build)
    await engine.chat(adapter, "hi")
    await engine.aclose()
    assert closed == [True]


async def test_what_a_failed_build_had_opened_is_closed(driving, adapter, models):
    closed = []

    def build(target, settings, context):
        context.on_close(lambda: closed.append(True))
        raise RuntimeError

    with pytest.raises(PluginError):
        await driving(build).chat(adapter, "hi")
    assert closed == [True]


# --- secrets -----------------------------------------------------------------------------------------------------


class RefusedError(Exception):
    status_code = 401
    body: ClassVar = {"message": "no longer valid"}


async def test_a_new_key_is_used_without_a_restart(driving, adapter, models, say, tmp_path, monkeypatch):
    monkeypatch.delenv("CLASS_KEY", raising=False)
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps({"CLASS_KEY": "old-key-000000"}))
    keys = []

    def build(target, settings, context):
        key = context.secret("CLASS_KEY").reveal()
        keys.append(key)

        def check():
            if key != "new-key-000000":
                file.write_text(json.dumps({"CLASS_KEY": "new-key-000000"}))
                raise RefusedError

        return models.Blocking(steps=[check, say("welcome")])

    settings = Settings(secrets={"sources": [{"kind": "file", "path": str(file)}]})
    engine = driving(build, settings)
    for _ in range(2):
        assert (await engine.chat(adapter, "hi")).text == "welcome"
    assert keys == ["old-key-000000", "new-key-000000"]


async def test_a_key_that_stays_refused_is_an_error(driving, adapter, models, monkeypatch):
    monkeypatch.setenv("CLASS_KEY", "old-key-000000")
    with pytest.raises(AuthenticationError, match="no longer valid"):
        await driving(lambda *_: models.Blocking(steps=[RefusedError()])).chat(adapter, "hi")
