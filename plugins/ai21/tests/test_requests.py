"""What is written for AI21, and what is refused because its API does not know it."""

from __future__ import annotations

from typing import Any

import pytest
from dragoman.errors import DocumentError, UnsupportedError
from dragoman.messages import Message, Text
from dragoman.testing.upstream import Reply

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}


@pytest.fixture(params=["native", "langchain"])
def runtime(request):
    if request.param == "langchain":
        pytest.importorskip("langchain_openai", reason="dragoman-ai21[langchain] is not installed")
    return request.param


@pytest.fixture
def ask(engine, upstream, adapter, answer, runtime):
    """Call the model through one of its doors and return the body it was sent."""

    async def call(messages: Any = "hi", document: dict[str, Any] | None = None, **rest: Any) -> Any:
        upstream.answer(Reply.json(answer()))
        await engine.chat({**adapter, "runtime": runtime, **(document or {})}, messages, **rest)
        body = upstream.received[-1].json()
        if body.get("stream") is False:  # openai's SDK says what is the default
            del body["stream"]
        return body

    return call


async def test_settings_and_documents_are_written(ask, upstream, canary):
    documents = [{"content": "It opens at nine."}, {"content": "b", "id": "hours", "metadata": {"author": "Ann"}}]
    settings = {
        "temperature": 0.4, "top_p": 0.9, "max_tokens": 17, "stop_sequences": ["END"], "documents": documents,
        "response_format": {"type": "json_object"},
    }  # fmt: skip
    assert await ask(**settings) == {
        "model": "jamba-mini",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.4, "top_p": 0.9, "max_tokens": 17, "stop": ["END"],
        "documents": documents,
        "response_format": {"type": "json_object"},
    }  # fmt: skip
    assert upstream.received[-1].target == "/studio/v1/chat/completions"
    assert upstream.received[-1].headers["authorization"] == f"Bearer {canary}"


async def test_other_members_go_as_they_are(ask):
    members = {"mock_response": {"a": 1}, "tool_choice": "required", "reasoning_effort": "low"}
    assert (await ask(document={"model_kwargs": members})).items() >= members.items()


async def test_messages_of_several_texts_are_one_text_each(ask):
    body = await ask(
        [
            Message("system", (Text("be "), Text("brief"))),
            Message("developer", (Text("be kind"),)),
            Message("user", (Text("hel"), Text("lo"))),
        ]
    )
    assert body["messages"] == [
        {"role": "system", "content": "be brief"},
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "hello"},
    ]


async def test_a_tool_and_its_result_are_written(ask):
    body = await ask(
        [
            {"role": "user", "content": "weather?"},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "rain"},
        ],
        tools=[{**TOOL, "function": {**TOOL["function"], "strict": False}}],
        tool_choice="auto",
    )
    assert body["tools"] == [TOOL]
    assert not {"tool_choice", "parallel_tool_calls"} & body.keys()
    assert body["messages"][1:] == [
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
    ]


@pytest.mark.parametrize(
    ("path", "messages", "rest"),
    [
        ("tool_choice", "hi", {"tools": [TOOL], "tool_choice": "required"}),
        ("tool_choice", "hi", {"tools": [TOOL], "tool_choice": "weather"}),
        (r"tools\[0\]\.strict", "hi", {"tools": [{**TOOL, "function": {**TOOL["function"], "strict": True}}]}),
        (r"messages\[0\]\.name", [{"role": "user", "content": "hi", "name": "ann"}], {}),
        (
            r"messages\[0\]\.content\[1\]",
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "look"},
                        {"type": "image_url", "image_url": {"url": "https://h/a.png"}},
                    ],
                }
            ],
            {},
        ),
        ("inference.seed", "hi", {"seed": 1}),
        ("inference.top_k", "hi", {"top_k": 1}),
        ("inference.presence_penalty", "hi", {"presence_penalty": 1}),
        ("inference.reasoning.effort", "hi", {"reasoning": {"effort": "low"}}),
        (
            r"(inference\.)?response_format",
            "hi",
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
        ),
        ("model_kwargs.n", "hi", {"document": {"model_kwargs": {"n": 2}}}),
        ("model_kwargs.documents", "hi", {"document": {"model_kwargs": {"documents": []}}}),
    ],
)
async def test_what_the_api_does_not_know_is_refused_with_its_place(ask, upstream, path, messages, rest):
    with pytest.raises(UnsupportedError, match=path):
        await ask(messages, **rest)
    assert not upstream.received


@pytest.mark.parametrize("mode", ["none", "auto"])
async def test_a_choice_that_cannot_be_said_says_what_to_do(engine, upstream, adapter, mode):
    choice = {"none": "none", "auto": {"type": "auto", "parallel": False}}[mode]
    with pytest.raises(Exception, match="tool") as caught:
        await engine.chat(adapter, "hi", tools=[TOOL], tool_choice=choice)
    assert "tool_choice" in str(caught.value)
    assert not upstream.received


@pytest.mark.parametrize(
    ("documents", "path"),
    [
        ([{"id": "a"}], "inference.documents.0.content"),
        ([{"content": ""}], "inference.documents.0.content"),
        ([{"content": "a", "title": "b"}], "inference.documents.0.title"),
        ([{"content": "a", "metadata": {"a": 1}}], "inference.documents.0.metadata.a"),
    ],
)
async def test_a_document_that_is_none_is_named(engine, adapter, documents, path):
    with pytest.raises(DocumentError) as caught:
        await engine.resolve(adapter, {"inference": {"documents": documents}})
    assert [problem.path for problem in caught.value.problems] == [path]
