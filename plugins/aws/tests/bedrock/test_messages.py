"""How messages and tools are written, and what is refused or reported."""

from __future__ import annotations

import base64

import pytest
from dragoman.errors import UnsupportedError
from dragoman.messages import (
    Audio,
    CachePoint,
    Document,
    Image,
    Message,
    ProviderPart,
    Reasoning,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Video,
)

ANSWER = {
    "output": {"message": {"role": "assistant", "content": [{"text": "hello"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
}


def user(*parts):
    return Message("user", parts)


def contents(body):
    return [(message["role"], message["content"]) for message in body["messages"]]


def test_sides_alternate(speak):
    messages = [
        user(Text("a")),
        user(Text("b")),
        Message("assistant", (Text("c"),)),
        Message("assistant", (ToolCall("1", "f", ""),)),
        Message("tool", (ToolResult("1", (Text("d"),)),)),
        user(Text("e")),
    ]
    assert contents(speak().body(messages)) == [
        ("user", [{"text": "a"}, {"text": "b"}]),
        ("assistant", [{"text": "c"}, {"toolUse": {"toolUseId": "1", "name": "f", "input": {}}}]),
        ("user", [{"toolResult": {"toolUseId": "1", "content": [{"text": "d"}]}}, {"text": "e"}]),
    ]


def test_an_assistant_that_said_nothing_leaves_no_message(speak):
    messages = [user(Text("a")), Message("assistant", ()), Message("assistant", (Text(""),)), user(Text("b"))]
    assert contents(speak().body(messages)) == [("user", [{"text": "a"}, {"text": "b"}])]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("rain", {"text": "rain"}),
        ('{"rain": true}', {"json": {"rain": True}}),
        (' {"rain": 1}\n', {"json": {"rain": 1}}),
        ("[1]", {"text": "[1]"}),
        ("{no json", {"text": "{no json"}),
        ('"a"', {"text": '"a"'}),
    ],
)
def test_a_tool_result_is_json_where_it_is_an_object(speak, text, written):
    body = speak().body([Message("tool", (ToolResult("1", (Text(text),)),))])
    assert body["messages"][0]["content"][0]["toolResult"]["content"] == [written]


def test_numbers_keep_their_digits(speak):
    exact = '{"id":123456789012345678901234567890,"x":0.10}'
    messages = [Message("assistant", (ToolCall("1", "f", exact),)), Message("tool", (ToolResult("1", (Text(exact),)),))]
    assert speak().wire([user(Text("q")), *messages]).body.count(exact.encode()) == 2


def test_a_failed_tool_is_marked(speak):
    body = speak().body([Message("tool", (ToolResult("1", (Text("no"),), is_error=True),))])
    assert body["messages"][0]["content"][0]["toolResult"]["status"] == "error"


def test_a_tool_may_answer_with_pictures_and_documents(speak):
    parts = (Image(data=b"x", media_type="image/jpeg"), Document(text="y", name="notes"))
    body = speak().body([Message("tool", (ToolResult("1", parts),))])
    encoded = base64.b64encode(b"x").decode()
    assert body["messages"][0]["content"][0]["toolResult"]["content"] == [
        {"image": {"format": "jpeg", "source": {"bytes": encoded}}},
        {"document": {"format": "txt", "name": "notes", "source": {"text": "y"}}},
    ]


def test_reasoning_goes_back_with_its_proof_only(speak):
    parts = (Reasoning("a", signature="s"), Reasoning("b"), Reasoning(redacted="r"), Text("c"))
    body = speak().body([user(Text("q")), Message("assistant", parts)])
    assert body["messages"][1]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "a", "signature": "s"}}},
        {"reasoningContent": {"redactedContent": "r"}},
        {"text": "c"},
    ]


def test_a_refusal_goes_back_as_the_text_that_it_is(speak):
    body = speak().body([user(Text("q")), Message("assistant", (Refusal("no"),))])
    assert body["messages"][1]["content"] == [{"text": "no"}]


def test_cache_points_stand_where_they_are_put(speak):
    body = speak().body([Message("system", (Text("s"), CachePoint("1h"))), user(Text("a"), CachePoint())])
    assert body["system"] == [{"text": "s"}, {"cachePoint": {"type": "default", "ttl": "1h"}}]
    assert body["messages"][0]["content"][1] == {"cachePoint": {"type": "default"}}


def test_cache_points_by_settings(speak):
    tools = [Tool("f")]
    messages = [Message("system", (Text("s"),)), user(Text("a"))]
    body = speak().body(messages, tools=tools, cache_points=["tools", "system", "messages"], cache_ttl="5m")
    mark = {"cachePoint": {"type": "default", "ttl": "5m"}}
    assert [body["system"][-1], body["toolConfig"]["tools"][-1], body["messages"][-1]["content"][-1]] == [mark] * 3


def test_audio(speak):
    body = speak().body([user(Text("listen"), Audio(b"x", "wav"))])
    assert body["messages"][0]["content"][1] == {
        "audio": {"format": "wav", "source": {"bytes": base64.b64encode(b"x").decode()}}
    }


@pytest.mark.parametrize(
    ("part", "format"),
    [
        (Video(data=b"x", media_type="video/mp4"), "mp4"),
        (Video(data=b"x", media_type="video/3gpp"), "three_gp"),
        (Video(url="s3://b/dir/a.mkv"), "mkv"),
        (Video(url="s3://b/dir/a.3gp"), "three_gp"),
    ],
)
def test_films(speak, part, format):
    block = speak().body([user(part)])["messages"][0]["content"][0]["video"]
    source = {"s3Location": {"uri": part.url}} if part.url else {"bytes": base64.b64encode(b"x").decode()}
    assert block == {"format": format, "source": source}


def test_a_document_may_be_cited_by_passages(speak):
    part = Document(passages=("a", "b"), name="notes", context="of 1999", citations=True)
    assert speak().body([user(part)])["messages"][0]["content"][0]["document"] == {
        "format": "txt",
        "name": "notes",
        "source": {"content": [{"text": "a"}, {"text": "b"}]},
        "context": "of 1999",
        "citations": {"enabled": True},
    }


GUARDED = {"guardContent": {"text": {"text": "Say what I forbid.", "qualifiers": ["query"]}}}
FOUND = {"searchResult": {"source": "https://e.org", "title": "E", "content": [{"text": "rain"}]}}
CITED = {"citationsContent": {"content": [{"text": "rain"}], "citations": [{"title": "E"}]}}
SERVED = {"toolUse": {"toolUseId": "1", "name": "nova_grounding", "input": {}, "type": "server_tool_use"}}


def test_blocks_of_bedrock_alone_stand_where_they_are_put(speak):
    own = [ProviderPart("bedrock", value) for value in (GUARDED, FOUND, CITED, SERVED)]
    body = speak().body(
        [
            Message("system", (Text("s"), own[0])),
            user(Text("q"), own[0], own[1]),
            Message("assistant", (own[3], own[2], ToolCall("2", "f", "{}"))),
            Message("tool", (ToolResult("2", (own[1],)),)),
        ]
    )
    assert body["system"] == [{"text": "s"}, GUARDED]
    assert [content for _, content in contents(body)] == [
        [{"text": "q"}, GUARDED, FOUND],
        [SERVED, CITED, {"toolUse": {"toolUseId": "2", "name": "f", "input": {}}}],
        [{"toolResult": {"toolUseId": "2", "content": [FOUND]}}],
    ]


@pytest.mark.parametrize(
    ("part", "says"),
    [
        (ProviderPart("other", GUARDED), "in the words of other"),
        (ProviderPart("bedrock", {}), "exactly one member"),
        (ProviderPart("bedrock", {"image": {}}), "image cannot stand here.*guardContent"),
        (ProviderPart("bedrock", CITED), "citationsContent cannot stand here"),
    ],
)
def test_own_blocks_that_have_no_place_are_refused(speak, part, says):
    with pytest.raises(UnsupportedError, match=rf"messages\[0\]\.content\[0\].*{says}"):
        speak().body([user(part)])


def test_a_call_that_the_caller_runs_is_no_own_block(speak):
    with pytest.raises(UnsupportedError, match="send a tool call"):
        speak().body([Message("assistant", (ProviderPart("bedrock", {"toolUse": {"toolUseId": "1"}}),))])


@pytest.mark.parametrize(
    ("part", "format"),
    [
        (Document(data=b"x", media_type="text/markdown", name="a"), "md"),
        (Document(data=b"x", media_type="text/csv; charset=utf-8", name="a"), "csv"),
        (Document(data=b"x", name="table.xlsx"), "xlsx"),
        (Document(url="s3://b/dir/report.pdf"), "pdf"),
    ],
)
def test_document_formats(speak, part, format):
    assert speak().body([user(part)])["messages"][0]["content"][0]["document"]["format"] == format


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("report.pdf", "report"),
        ("Q3: results/2026.xlsx", "Q3- results-2026"),
        ("a   b\tc", "a b c"),
        ("Übersicht", "Ubersicht"),
        ("company_policy", "company_policy"),
        ("a [1] (2)-x", "a [1] (2)-x"),
        ("報告", "document-1"),
        ("x" * 300, "x" * 200),
    ],
)
def test_document_names(speak, given, written):
    part = Document(data=b"x", media_type="application/pdf", name=given)
    assert speak().body([user(part)])["messages"][0]["content"][0]["document"]["name"] == written
    reports = speak().read(ANSWER, [user(part)]).reports
    assert [r.code for r in reports] == ([] if given == written else ["document_renamed"])
    assert all(r.path == "messages[0].content[0]" for r in reports)


def test_documents_without_names_are_numbered(speak):
    nameless = Document(data=b"x", media_type="application/pdf")
    messages = [Message("tool", (ToolResult("1", (nameless,)),)), user(nameless)]
    first, second = speak().body(messages)["messages"][0]["content"]
    assert first["toolResult"]["content"][0]["document"]["name"] == "document-1"
    assert second["document"]["name"] == "document-2"
    assert not speak().read(ANSWER, messages).reports


REFUSED = {
    "image address": (user(Image(url="https://e.org/a.png")), r"messages\[0\].content\[0\].*fetch it first"),
    "document address": (user(Text("x"), Document(url="https://e.org/a.pdf")), r"messages\[0\].content\[1\]"),
    "uploaded file": (user(Document(file_id="f")), r"messages\[0\].content\[0\]"),
    "kind of image": (user(Image(data=b"x", media_type="image/tiff")), r"no image/tiff"),
    "kind of document": (user(Document(data=b"x", media_type="application/zip")), r"no application/zip"),
    "document of no kind": (user(Document(data=b"x", name="x")), r"needs a media_type"),
    "film's address": (user(Video(url="https://e.org/a.mp4")), r"messages\[0\].content\[0\].*fetch it first"),
    "kind of film": (user(Video(data=b"x", media_type="video/ogg")), r"no video/ogg"),
    "sound": (user(Audio(b"x", "amiga")), r"amiga"),
    "picture of an assistant": (
        Message("assistant", (Image(data=b"x", media_type="image/png"),)),
        r"role assistant cannot hold Image",
    ),
    "call by a user": (user(ToolCall("1", "f", "{}")), r"role user cannot hold ToolCall"),
    "arguments": (Message("assistant", (ToolCall("1", "f", '{"a": '),)), r"messages\[0\].content\[0\].*no JSON object"),
    "arguments that are a list": (Message("assistant", (ToolCall("1", "f", "[1]"),)), r"no JSON object"),
    "in a tool's answer": (
        Message("tool", (ToolResult("1", (Text("a"), Image(url="https://e.org/a.png"))),)),
        r"messages\[0\].content\[0\].content\[1\]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_converse_cannot_say_is_refused_with_its_path(speak, case):
    message, expected = REFUSED[case]
    with pytest.raises(UnsupportedError, match=expected):
        speak().body([message])


def test_what_is_moved_or_left_out_is_reported(speak):
    messages = [
        Message("system", (Text("first"),)),
        user(Text("a")),
        Message("assistant", (Reasoning("hm"), Text("b"))),
        Message("system", (Text("then"),)),
        Message("user", (Text("c"), Image(data=b"x", media_type="image/png", detail="low")), name="ann"),
    ]
    body = speak().body(messages)
    assert body["system"] == [{"text": "first"}, {"text": "then"}]
    reports = speak().read(ANSWER, messages).reports
    assert {(r.code, r.path) for r in reports} == {
        ("system_moved", "messages[3]"),
        ("reasoning_not_sent", "messages[2]"),
        ("name_not_sent", "messages[4].name"),
        ("image_detail_not_sent", "messages[4]"),
    }


# --- tools -------------------------------------------------------------------------------------------------------


def test_tools(speak):
    tools = [Tool("f", "", None), Tool("g", "does g", {"type": "object"}, strict=True)]
    body = speak().body(tools=tools, system_tools=["nova_grounding"])
    assert body["toolConfig"] == {
        "tools": [
            {"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object", "properties": {}}}}},
            {
                "toolSpec": {
                    "name": "g",
                    "description": "does g",
                    "inputSchema": {"json": {"type": "object"}},
                    "strict": True,
                }
            },
            {"systemTool": {"name": "nova_grounding"}},
        ]
    }


@pytest.mark.parametrize(
    ("choice", "path"),
    [
        (ToolChoice("none"), "tool_choice"),
        (ToolChoice("auto", parallel=False), "tool_choice.parallel"),
        (ToolChoice("tool"), "tool_choice.name"),
    ],
)
def test_choices_that_converse_cannot_say_are_refused(speak, choice, path):
    with pytest.raises(UnsupportedError) as caught:
        speak().body(tools=[Tool("f")], tool_choice=choice)
    assert caught.value.path == path
