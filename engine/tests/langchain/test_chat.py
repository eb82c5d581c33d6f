"""The chat model: what a LangChain program says reaches the provider, and what the provider says reaches it."""

import asyncio
import copy
import pickle

import pytest

pytest.importorskip("langchain_core", reason="langchain-core is not installed")

from dragoman import Adapter, Engine, Settings
from dragoman.errors import AdapterNotFoundError, DocumentError, RateLimitedError, UnsupportedError
from dragoman.events import (
    Finished,
    ProviderFields,
    ReasoningDelta,
    RefusalDelta,
    Report,
    Reported,
    Started,
    TextDelta,
    ToolCallDelta,
    Usage,
    UsageReported,
)
from dragoman.langchain import ChatDragoman
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.exceptions import ModelError
from langchain_core.load import dumpd, load
from langchain_core.messages import HumanMessage
from pydantic import ValidationError

USAGE = Usage(10, 7, 17, 4, 2, 3, "provider")
TEXT = [Started("r-1", "m-1-2026", "q-1"), TextDelta("Hello "), TextDelta("there"), Finished("stop", "end_turn")]
THOUGHT = [
    ReasoningDelta("Let me "),
    ReasoningDelta("see."),
    ReasoningDelta(signature="sig"),
    ReasoningDelta("More.", redacted="sealed"),
    TextDelta("Hello "),
    TextDelta("there"),
    ToolCallDelta(0, "c-1", "look", '{"a"'),
    ToolCallDelta(0, arguments=": 1}"),
    UsageReported(USAGE),
    Finished("tool_calls", "tool_use"),
]


def merged(chunks):
    first, *rest = chunks
    return first.__add__(rest)


def blocks_of(message):
    return [{k: v for k, v in block.items() if k != "index"} for block in message.content_blocks]


# --- what is said -----------------------------------------------------------------------------------------------------


def test_settings_of_the_object_reach_the_provider(face, script):
    script.events[:] = TEXT
    model = face(temperature=0.5, max_tokens=9, stop=["END"], seed=3, inference={"volume": 11})
    model.invoke("Hi")
    (request,) = script.asked
    inference = request.settings.inference
    assert (inference.temperature, inference.max_tokens, inference.seed, inference.volume) == (0.5, 9, 3, 11)
    assert inference.stop_sequences == ["END"]
    assert [m.text for m in request.messages] == ["Hi"]


def test_settings_of_the_call_win(face, script):
    script.events[:] = TEXT
    face(temperature=0.5, stop=["END"]).invoke("Hi", temperature=0, stop=["you"], volume=2)
    inference = script.asked[0].settings.inference
    assert (inference.temperature, inference.stop_sequences, inference.volume) == (0, ["you"], 2)


def test_no_stop_at_a_call_overrules_the_object(face, script):
    script.events[:] = TEXT
    face(stop=["END"]).invoke("Hi", stop=[])
    assert script.asked[0].settings.inference.stop_sequences is None


def test_limits_and_model(face, engine, script):
    script.events[:] = [TextDelta("Hi"), Finished("stop")]
    model = face(timeout=7, max_retries=0, override={"limits": {"chunk_timeout_s": 5}})
    answer = model.invoke("Hi", model="m-2", timeout=8)
    limits = script.asked[0].settings.limits
    assert (limits.timeout_s, limits.max_attempts, limits.chunk_timeout_s) == (8, 1, 5)
    assert answer.response_metadata["model_name"] == "m-2"
    assert model.override == {"limits": {"chunk_timeout_s": 5}}


def test_a_document_is_as_good_as_a_name(engine, script):
    script.events[:] = TEXT
    document = {"provider": "scripted", "model": "m-9", "inference": {"temperature": 0.25}}
    for adapter in (document, Adapter.model_validate(document)):
        assert ChatDragoman(adapter=adapter, engine=engine).invoke("Hi").text == "Hello there"
    assert script.asked[1].settings.inference.temperature == 0.25


def test_what_the_provider_does_not_know_is_refused_when_it_is_called(face):
    with pytest.raises(DocumentError, match=r"inference\.loudness"):
        face().invoke("Hi", loudness=3)


def test_an_unknown_argument_is_refused_and_not_shown():
    with pytest.raises(ValidationError) as refused:
        ChatDragoman(adapter="chatty", temprature="sk-canary")
    assert "temprature" in str(refused.value)
    assert "sk-canary" not in str(refused.value)


def test_a_key_is_refused_with_what_to_do_and_not_shown():
    with pytest.raises(ValidationError, match="name") as refused:
        ChatDragoman(adapter="chatty", api_key="sk-canary")
    assert "sk-canary" not in str(refused.value)


def test_more_retries_than_an_adapter_may_have_are_refused():
    with pytest.raises(ValidationError, match="max_retries"):
        ChatDragoman(adapter="chatty", max_retries=10)


def test_an_adapter_for_another_operation_is_refused(face):
    with pytest.raises(UnsupportedError, match="embed"):
        face(adapter="vectors").invoke("Hi")


# --- what is answered -------------------------------------------------------------------------------------------------


def test_text_is_plain_text_with_all_that_is_known_of_it(face, script):
    report = Report("capped", "max_tokens is 3", "inference.max_tokens")
    script.events[:] = [*TEXT[:-1], Reported(report), UsageReported(USAGE), TEXT[-1]]
    answer = face().invoke("Hi")
    assert answer.content == "Hello there"
    assert answer.usage_metadata == {
        "input_tokens": 10,
        "output_tokens": 7,
        "total_tokens": 17,
        "input_token_details": {"cache_read": 4, "cache_creation": 2},
        "output_token_details": {"reasoning": 3},
    }
    assert answer.response_metadata == {
        "model_name": "m-1-2026",
        "finish_reason": "stop",
        "provider_finish_reason": "end_turn",
        "adapter": "chatty",
        "provider": "scripted",
        "response_id": "r-1",
        "request_id": "q-1",
        "usage_source": "provider",
        "reports": [report._asdict()],
    }


def test_estimated_usage_says_so(face, script):
    script.events[:] = TEXT
    answer = face().invoke("Hi")
    assert answer.usage_metadata["total_tokens"] > 0
    assert answer.response_metadata["usage_source"] == "estimated"


def test_reasoning_and_calls_are_standard_blocks(face, script):
    script.events[:] = THOUGHT
    assert blocks_of(face().invoke("Hi")) == [
        {"type": "reasoning", "reasoning": "Let me see.", "extras": {"signature": "sig"}},
        {"type": "reasoning", "reasoning": "More.", "extras": {"redacted_content": "sealed"}},
        {"type": "text", "text": "Hello there"},
        {"type": "tool_call", "id": "c-1", "name": "look", "args": {"a": 1}},
    ]


@pytest.mark.parametrize("output_version", [None, "v1"])
@pytest.mark.parametrize("events", [TEXT, THOUGHT], ids=["text", "thought"])
def test_a_stream_amounts_to_the_whole_answer(face, script, events, output_version):
    script.events[:] = events
    model = face(output_version=output_version)
    whole, streamed = model.invoke("Hi"), merged(list(model.stream("Hi")))
    assert blocks_of(streamed) == blocks_of(whole)
    assert streamed.text == whole.text == "Hello there"
    assert streamed.tool_calls == whole.tool_calls
    assert streamed.usage_metadata == whole.usage_metadata
    assert streamed.response_metadata == whole.response_metadata


def test_a_stream_tells_usage_once_and_its_last_chunk(face, script):
    script.events[:] = THOUGHT
    chunks = list(face().stream("Hi"))
    assert [chunk.usage_metadata is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert [chunk.chunk_position for chunk in chunks] == [None] * (len(chunks) - 1) + ["last"]


def test_citations_are_annotations(face, script):
    cited = {"url": "https://a.example", "title": "A", "start_index": 0, "end_index": 5, "rank": 1}
    fields = {"annotations": [{"type": "url_citation", "url_citation": cited}], "logprobs": {"content": []}}
    script.events[:] = [
        TextDelta("Hello"),
        ProviderFields({**fields, "citations": [{"source": "d-1"}]}),
        Finished("stop"),
    ]
    for answer in (face().invoke("Hi"), merged(list(face().stream("Hi")))):
        notes = [note for block in answer.content_blocks for note in block.get("annotations", ())]
        assert notes == [
            {
                "type": "citation",
                **{name: value for name, value in cited.items() if name != "rank"},
                "extras": {"rank": 1},
            },
            {"type": "non_standard_annotation", "value": {"source": "d-1"}},
        ]
        assert answer.text == "Hello"
        assert answer.additional_kwargs == {"logprobs": {"content": []}}


def test_a_refusal_is_kept(face, script):
    script.events[:] = [RefusalDelta("I "), RefusalDelta("won't"), Finished("refusal")]
    for answer in (face().invoke("Hi"), merged(list(face().stream("Hi")))):
        assert answer.additional_kwargs["refusal"] == "I won't"
        assert answer.response_metadata["finish_reason"] == "refusal"


def test_arguments_that_are_no_json_are_an_invalid_call(face, script):
    script.events[:] = [ToolCallDelta(0, "c-1", "look", '{"a": '), Finished("length")]
    answer = face().invoke("Hi")
    assert answer.tool_calls == []
    assert [call["args"] for call in answer.invalid_tool_calls] == ['{"a": ']


def test_an_answer_goes_back_as_it_came(face, script):
    script.events[:] = THOUGHT
    model = face()
    for answer in (model.invoke("Hi"), merged(list(model.stream("Hi")))):
        model.invoke([HumanMessage("Hi"), answer, HumanMessage("Go on")])
        again = script.asked[-1].messages
        reasoning, more, text, call = again[1].parts
        assert (reasoning.text, reasoning.signature) == ("Let me see.", "sig")
        assert (more.text, more.redacted) == ("More.", "sealed")
        assert (text.text, call.id, call.name, call.arguments) == ("Hello there", "c-1", "look", '{"a": 1}')


# --- asynchronous, and from several loops ---------------------------------------------------------------------------


def test_one_model_serves_several_event_loops(face, script):
    script.events[:] = TEXT
    model = face()

    async def ask():
        return (await model.ainvoke("Hi")).text, "".join([chunk.text async for chunk in model.astream("Hi")])

    assert [asyncio.run(ask()) for _ in range(3)] == [("Hello there", "Hello there")] * 3


async def test_it_may_be_called_synchronously_where_a_loop_runs(face, script):
    script.events[:] = TEXT
    assert face().invoke("Hi").text == "Hello there"


async def test_an_engine_without_a_thread_gets_one(plugin_module, script):
    from importlib.metadata import EntryPoint

    from dragoman.plugins import load_plugins

    script.events[:] = TEXT
    entry = EntryPoint("scripted", script.__name__, "dragoman.plugins")
    async with Engine(Settings(), plugins=load_plugins(found=[entry])) as engine:
        model = ChatDragoman(adapter="chatty", engine=engine)
        assert [chunk.text for chunk in model.stream("Hi")][:2] == ["Hello ", "there"]
        assert (await model.ainvoke("Hi")).text == "Hello there"


# --- callbacks, traces ------------------------------------------------------------------------------------------------


class Witness(BaseCallbackHandler):
    def __init__(self):
        self.started, self.tokens, self.errors, self.ended = [], [], [], []

    def on_chat_model_start(self, serialized, messages, **rest):
        self.started.append((serialized, rest))

    def on_llm_new_token(self, token, **rest):
        self.tokens.append(token)

    def on_llm_end(self, response, **rest):
        self.ended.append(response)

    def on_llm_error(self, error, **rest):
        self.errors.append(error)


def test_callbacks_hear_of_a_run(face, script):
    script.events[:] = TEXT
    witness, model = Witness(), face(temperature=0)
    list(model.stream("Hi", config={"callbacks": [witness], "run_name": "greeting", "metadata": {"who": "us"}}))
    ((serialized, told),) = witness.started
    assert told["name"] == "greeting"
    assert told["metadata"] | {"ls_provider": "scripted", "ls_model_name": "m-1", "who": "us"} == told["metadata"]
    assert serialized["kwargs"] == {"adapter": "chatty", "temperature": 0}
    assert witness.tokens == ["Hello ", "there", ""]
    assert len(witness.ended) == 1


def test_callbacks_hear_of_an_error(face, script):
    script.events[:] = [RateLimitedError("too many")]
    witness = Witness()
    with pytest.raises(RateLimitedError):
        face().invoke("Hi", config={"callbacks": [witness]})
    assert [type(error).__name__ for error in witness.errors] == ["RateLimitedError"]


async def test_a_message_is_named_after_its_run(face, script):
    script.events[:] = TEXT
    ids = {chunk.id async for chunk in face().astream("Hi")}
    assert len(ids) == 1
    assert ids.pop().startswith("lc_run--")


def test_traces_say_what_is_called(face):
    params = face(max_tokens=5, stop=["END"])._get_ls_params(stop=None)
    assert params == {
        "ls_provider": "scripted",
        "ls_model_name": "m-1",
        "ls_model_type": "chat",
        "ls_max_tokens": 5,
        "ls_stop": ["END"],
    }
    assert face()._get_ls_params(model="m-2", temperature=1)["ls_model_name"] == "m-2"


async def test_traces_do_not_wait_for_the_adapter(face):
    assert face()._get_ls_params()["ls_provider"] == "dragoman"
    document = {"provider": "scripted", "model": "m-9"}
    params = face(adapter=document)._get_ls_params()
    assert (params["ls_provider"], params["ls_model_name"]) == ("scripted", "m-9")


def test_a_text_is_measured_without_a_tokenizer(face):
    assert face().get_num_tokens("twelve bytes") == 3


# --- errors -----------------------------------------------------------------------------------------------------------


def test_an_error_belongs_to_both_trees(face, script):
    script.events[:] = [RateLimitedError("too many", status=429, retry_after_s=3)]
    with pytest.raises(RateLimitedError) as raised:
        face().invoke("Hi")
    error = raised.value
    assert isinstance(error, ModelError)
    assert error.is_retryable
    assert (error.status, error.retry_after_s, error.provider) == (429, 3, "scripted")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  (our own bytes)
    assert (type(again), str(again), again.status) == (type(error), str(error), 429)


async def test_errors_of_streams_too(face, script):
    script.events[:] = [TextDelta("Hel"), RateLimitedError("too many")]
    with pytest.raises(ModelError):
        _ = [chunk async for chunk in face().astream("Hi")]
    with pytest.raises(AdapterNotFoundError):
        _ = [chunk async for chunk in face(adapter="nobody").astream("Hi")]


# --- copies -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path):
    (tmp_path / "dragoman.toml").write_text('default_adapter = "local"\n[plugins]\nallow = []\n', encoding="utf-8")
    return tmp_path


def test_a_pickle_carries_name_and_path_alone(config):
    model = ChatDragoman(adapter="chatty", engine=Engine.from_config(config), temperature=0, override={"model": "m"})
    with pytest.raises(AdapterNotFoundError):
        model.invoke("Hi")  # by now it knows its engine, and has a thread
    again = pickle.loads(pickle.dumps(model))  # noqa: S301  (our own bytes)
    assert again.engine is None
    assert again.config == str(config / "dragoman.toml")
    assert (again.adapter, again.temperature, again.override) == ("chatty", 0, {"model": "m"})
    assert again.bound_engine.settings.file == config / "dragoman.toml"


def test_objects_of_one_configuration_share_an_engine(config):
    one, other = (ChatDragoman(adapter=name, config=config) for name in ("a", "b"))
    assert one.bound_engine is other.bound_engine
    assert pickle.loads(pickle.dumps(one)).bound_engine is one.bound_engine  # noqa: S301  (our own bytes)


def test_an_engine_without_a_file_does_not_travel(face):
    with pytest.raises(pickle.PicklingError, match="config="):
        pickle.dumps(face())


def test_a_config_beside_an_engine_is_refused(engine, config):
    with pytest.raises(ValidationError, match="not both"):
        ChatDragoman(adapter="chatty", engine=engine, config=config)


def test_copies_in_a_process_share_the_engine(face, engine, script):
    script.events[:] = TEXT
    model = face(override={"limits": {"timeout_s": 5}})
    for twin in (copy.copy(model), copy.deepcopy(model), model.model_copy()):
        assert twin.engine is engine
        assert twin.invoke("Hi").text == "Hello there"


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_langchains_json_is_read_back(config):
    model = ChatDragoman(adapter="chatty", config=config, temperature=0, stop=["END"], max_retries=1)
    again = load(dumpd(model), allowed_objects=[ChatDragoman], valid_namespaces=["dragoman"])
    assert dumpd(again) == dumpd(model)


def test_its_text_shows_no_engine(face):
    assert "ngine" not in repr(face())
    assert isinstance(face(), ChatDragoman)
