from __future__ import annotations

import contextlib

import orjson
import pytest
from dragoman.errors import DocumentError, MessageError, UnsupportedError
from dragoman.mapping.skeleton import MAX_DEPTH, compile_skeleton
from dragoman.mapping.view import CHAT_VIEW, View
from dragoman.messages import Image, Message, ToolCall
from hypothesis import given
from hypothesis import strategies as st

PROMPT = {"$": "prompt"}


def test_leaves_are_filled_and_keep_their_types(body_of, ask) -> None:
    skeleton = {
        "text": PROMPT,
        "n": {"$": "params.max_tokens"},
        "t": {"$": "params.temperature"},
        "stop": {"$": "params.stop_sequences"},
        "stream": {"$": "stream"},
        "model": {"$": "model"},
        "fixed": [1, "two", None, {"three": False}],
    }
    body = body_of(skeleton, ask("hello", max_tokens=5, temperature=0.5, stop_sequences=["x"]))
    assert body == {
        "text": "hello",
        "n": 5,
        "t": 0.5,
        "stop": ["x"],
        "stream": False,
        "model": "the-model",
        "fixed": [1, "two", None, {"three": False}],
    }


def test_absent_values_drop_the_key_and_what_they_empty(body_of, ask) -> None:
    skeleton = {
        "prompt": PROMPT,
        "gone": {"$": "params.top_p"},
        "config": {"p": {"$": "params.top_p"}, "k": {"$": "params.top_k"}},
        "list": [{"$": "params.seed"}, {"x": {"$": "params.seed"}}],
        "kept": {"p": {"$": "params.top_p"}, "fixed": 1},
        "written": {},
        "written_list": [],
    }
    assert body_of(skeleton, ask()) == {"prompt": "hi", "kept": {"fixed": 1}, "written": {}, "written_list": []}


@pytest.mark.parametrize(
    ("leaf", "settings", "written"),
    [
        ({"$": "params.top_k", "default": 40}, {}, 40),
        ({"$": "params.top_k", "default": None}, {}, None),
        ({"$": "params.top_k", "default": 40}, {"top_k": 0}, 0),
        ({"$": "params.temperature", "map": {"0": "greedy"}}, {"temperature": 0.0}, "greedy"),
        ({"$": "params.temperature", "map": {"0": "greedy"}}, {"temperature": 0.5}, 0.5),
        ({"$": "params.temperature > `0`"}, {"temperature": 0.5}, True),
        ({"$": "stream", "map": {"false": "whole"}}, {}, "whole"),
        ({"$": "params.seed", "map": {str(2**70): 1}}, {"seed": 2**70}, 1),
        ({"$": "params.stop_sequences", "map": {'["a","b"]': "both"}}, {"stop_sequences": ["a", "b"]}, "both"),
    ],
)
def test_default_and_map(leaf, settings, written, body_of, ask) -> None:
    body = body_of({"prompt": PROMPT, "x": leaf}, ask(**settings))
    assert body["x"] == written


def test_number_that_json_cannot_hold_is_refused(body_of, ask) -> None:
    with pytest.raises(MessageError, match="cannot be written as JSON"):
        body_of({"prompt": PROMPT, "seed": {"$": "params.seed"}}, ask(seed=2**70))


def test_map_to_null_leaves_the_member_out(body_of, ask) -> None:
    leaf = {"$": "params.temperature", "map": {"0": None}}
    assert body_of({"prompt": PROMPT, "t": leaf}, ask(temperature=0)) == {"prompt": "hi"}


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
MESSAGES = [
    {"role": "system", "content": "Be terse."},
    {"role": "user", "content": [{"type": "text", "text": "look"}, IMAGE]},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "42"},
    {"role": "user", "content": "so?"},
]
TOOLS = [{"name": "f", "description": "d", "parameters": {"type": "object"}}, {"name": "g"}]


def test_each_and_switch_write_a_conversation(body_of, ask) -> None:
    skeleton = {
        "chat": {
            "$each": "messages",
            "do": {
                "who": {"$": "role", "map": {"assistant": "bot"}},
                "said": {"$": "content"},
                "parts": {
                    "$each": "blocks",
                    "do": {
                        "$switch": "type",
                        "cases": {"text": {"t": {"$": "text"}}, "image": {"i": {"$": "data"}, "kind": {"$": "format"}}},
                    },
                },
                "calls": {"$each": "tool_calls", "do": {"f": {"$": "name"}, "args": {"$": "input"}}},
                "of": {"$": "tool_call_id"},
            },
        },
        "functions": {"$each": "tools", "do": {"name": {"$": "name"}, "schema": {"$": "parameters"}}},
    }
    assert body_of(skeleton, ask(MESSAGES, tools=TOOLS)) == {
        "chat": [
            {"who": "system", "said": "Be terse.", "parts": [{"t": "Be terse."}]},
            {"who": "user", "parts": [{"t": "look"}, {"i": "aGk=", "kind": "png"}]},
            {"who": "bot", "calls": [{"f": "f", "args": {"x": 1}}]},
            {"who": "tool", "said": "42", "parts": [{"t": "42"}], "of": "c1"},
            {"who": "user", "said": "so?", "parts": [{"t": "so?"}]},
        ],
        "functions": [
            {"name": "f", "schema": {"type": "object"}},
            {"name": "g", "schema": {"type": "object", "properties": {}}},
        ],
    }


def test_turns_alternate_and_hold_everything_but_system_messages(body_of, ask) -> None:
    block = {
        "$switch": "type",
        "cases": {"text": {"$": "text"}, "tool_call": {"$": "name"}, "tool_result": {"$": "text"}},
    }
    skeleton = {
        "system": {"$": "system"},
        "turns": {"$each": "turns", "do": {"role": {"$": "role"}, "blocks": {"$each": "blocks", "do": block}}},
    }
    conversation = [MESSAGES[0], {"role": "user", "content": "look"}, *MESSAGES[2:]]
    assert body_of(skeleton, ask(conversation)) == {
        "system": "Be terse.",
        "turns": [
            {"role": "user", "blocks": ["look"]},
            {"role": "assistant", "blocks": ["f"]},
            {"role": "user", "blocks": ["42", "so?"]},
        ],
    }


def test_where_system_is_read_messages_and_prompt_leave_it_out(body_of, ask) -> None:
    conversation = [MESSAGES[0], {"role": "user", "content": "hi"}]
    chat = {"$each": "messages", "do": {"$": "content"}}
    assert body_of({"s": {"$": "system"}, "m": chat}, ask(conversation)) == {"s": "Be terse.", "m": ["hi"]}
    assert body_of({"m": chat}, ask(conversation)) == {"m": ["Be terse.", "hi"]}
    assert body_of({"s": {"$": "system"}, "p": PROMPT}, ask(conversation)) == {"s": "Be terse.", "p": "hi"}


def test_switch_without_value_writes_nothing_and_null_is_a_case_that_writes_nothing(body_of, ask) -> None:
    choice = {"$switch": "tool_choice.mode", "cases": {"auto": None, "required": {"any": {}}}, "else": "other"}
    skeleton = {"p": PROMPT, "c": choice, "n": {"$": "tool_choice.name"}}
    assert body_of(skeleton, ask(choice="auto")) == {"p": "hi"}
    assert body_of(skeleton, ask(choice="required")) == {"p": "hi", "c": {"any": {}}}
    assert body_of(skeleton, ask(choice="f")) == {"p": "hi", "c": "other", "n": "f"}
    del choice["else"]
    assert body_of(skeleton, ask()) == {"p": "hi"}


# --- what has no place -------------------------------------------------------------------------------------------

BLOCKS = {"$each": "turns", "do": {"$each": "blocks", "do": {"$switch": "type", "cases": {"text": {"$": "text"}}}}}
CONTENT = {"$each": "messages", "do": {"role": {"$": "role"}, "content": {"$": "content"}}}


LATE_IMAGE = Message("assistant", (ToolCall("c", "f", "{}"), Image(data=b"x", media_type="image/png")))


@pytest.mark.parametrize(
    ("skeleton", "messages", "path", "said"),
    [
        (BLOCKS, MESSAGES[1:2], r"messages\[0\]\.content\[1\]", "has no case for image "),
        (BLOCKS, MESSAGES[2:3], r"messages\[0\]\.content\[0\]", "has no case for tool_call "),
        (BLOCKS, MESSAGES[:1], r"messages\[0\]", "no place for system messages"),
        (CONTENT, MESSAGES[1:2], r"messages\[0\]\.content\[1\]", "no place for Image"),
        (CONTENT, MESSAGES[2:3], r"messages\[0\]", "no place for tool calls"),
        (CONTENT, MESSAGES[3:4], r"messages\[0\]", "no place for tool results"),
        (PROMPT, MESSAGES[1:2], r"messages\[0\]\.content\[1\]", "no place for Image"),
        (
            CONTENT | {"do": {**CONTENT["do"], "calls": {"$": "tool_calls[0].name"}}},
            [LATE_IMAGE],
            r"messages\[0\]\.content\[1\]",
            "no place for Image",
        ),
        (PROMPT, MESSAGES[3:4], r"messages\[0\]", "cannot hold a message of role tool"),
    ],
)
def test_part_without_a_place_is_refused_with_its_path(skeleton, messages, path, said, body_of, ask) -> None:
    with pytest.raises(UnsupportedError, match=rf"^{path}: .*{said}"):
        body_of({"x": skeleton}, ask(messages))


def test_system_message_in_the_conversation_is_refused_where_system_is_a_member(body_of, ask) -> None:
    late = [{"role": "user", "content": "a"}, MESSAGES[0], {"role": "user", "content": "b"}]
    with pytest.raises(UnsupportedError, match=r"^messages\[1\]: .*after the conversation began"):
        body_of({"s": {"$": "system"}, "p": PROMPT}, ask(late))


def test_system_message_alone_is_refused_where_system_is_a_member(body_of, ask) -> None:
    with pytest.raises(UnsupportedError, match=r"^messages: .*without a conversation"):
        body_of({"s": {"$": "system"}, "p": PROMPT}, ask(MESSAGES[:1]))


@pytest.mark.parametrize(
    ("expression", "asked", "path"),
    [
        ("params.response_format.type", {"response_format": {"type": "json_object"}}, r"inference\.response_format"),
        ("tool_choice.mode", {"choice": "none"}, "tool_choice"),
        ("stream", {}, r"mapping\.request\.x"),
    ],
)
def test_value_without_a_case_is_refused_by_the_callers_name_for_it(expression, asked, path, body_of, ask) -> None:
    with pytest.raises(UnsupportedError, match=rf"^{path}: this mapping has no case for \w+ \(it has other\)"):
        body_of({"p": PROMPT, "x": {"$switch": expression, "cases": {"other": 1}}}, ask(**asked))


def test_tool_arguments_that_are_no_object_are_refused_where_an_object_is_wanted(body_of, ask) -> None:
    broken = [
        {**MESSAGES[2], "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{"}}]}
    ]
    calls = {"$each": "messages", "do": {"c": {"$": "content"}, "t": {"$each": "tool_calls", "do": {"$": "input"}}}}
    with pytest.raises(MessageError, match=r"messages\[0\]: the tool call's arguments"):
        body_of({"x": calls}, ask(broken))


# --- model_kwargs ------------------------------------------------------------------------------------------------

NESTED = {
    "inputs": PROMPT,
    "parameters": {"t": {"$": "params.temperature"}, "details": True, "$spread": "model_kwargs"},
}


def test_kwargs_go_where_the_skeleton_says_and_else_on_the_root(body_of, ask) -> None:
    kwargs = {"typical_p": 0.2, "extra": {"a": [1]}}
    assert body_of(NESTED, ask(kwargs=kwargs))["parameters"] == {"details": True, **kwargs}
    assert body_of({"inputs": PROMPT}, ask(kwargs=kwargs)) == {"inputs": "hi", **kwargs}
    alone = {"inputs": PROMPT, "parameters": {"$spread": "model_kwargs"}}
    assert body_of(alone, ask(kwargs=kwargs)) == {"inputs": "hi", "parameters": kwargs}
    assert body_of(alone, ask()) == {"inputs": "hi", "parameters": {}}


def test_kwargs_merge_into_objects(body_of, ask) -> None:
    skeleton = {"p": PROMPT, "config": {"t": {"$": "params.temperature"}}}
    assert body_of(skeleton, ask(kwargs={"config": {"new": 1}})) == {"p": "hi", "config": {"new": 1}}
    assert body_of(skeleton, ask(kwargs={"config": {"new": 1}}, temperature=1))["config"] == {"t": 1.0, "new": 1}
    assert body_of(skeleton, ask()) == {"p": "hi"}, "what was merged into one body is not in the next"


@pytest.mark.parametrize(
    ("skeleton", "kwargs", "said"),
    [
        (NESTED, {"t": 1}, r"^model_kwargs\.t: .*written by the mapping.*use inference\.temperature"),
        (NESTED, {"details": False}, r"^model_kwargs\.details: "),
        ({"p": PROMPT}, {"p": "other"}, r"^model_kwargs\.p: "),
        ({"p": PROMPT, "c": {"t": {"$": "params.temperature"}}}, {"c": {"t": 1}}, r"^model_kwargs\.c\.t: "),
        ({"p": PROMPT, "c": {"t": {"$": "params.temperature"}}}, {"c": 1}, r"^model_kwargs\.c: "),
        ([PROMPT], {"t": 1}, r"^model_kwargs: .*no object"),
    ],
)
def test_kwarg_cannot_overwrite_what_the_skeleton_writes(skeleton, kwargs, said, body_of, ask) -> None:
    with pytest.raises(UnsupportedError, match=said):
        body_of(skeleton, ask(kwargs=kwargs))


def test_kwarg_that_an_expression_reads_is_not_added_again(body_of, ask) -> None:
    skeleton = {"p": PROMPT, "x": {"$": "model_kwargs.a"}}
    assert body_of(skeleton, ask(kwargs={"a": 1, "b": 2})) == {"p": "hi", "x": 1, "b": 2}
    assert body_of({"p": PROMPT, "x": {"$": "model_kwargs"}}, ask(kwargs={"a": 1})) == {"p": "hi", "x": {"a": 1}}


# --- what is refused when it is loaded ---------------------------------------------------------------------------


def deep(depth: int) -> object:
    return {"x": deep(depth - 1)} if depth else PROMPT


@pytest.mark.parametrize(
    ("skeleton", "problem"),
    [
        (
            {"x": {"$": "{a: b}"}},
            r"mapping\.request\.x\.\$: '\{a: b\}' multi-selects are not taken.*\(at character 0\)",
        ),
        ({"x": {"$": 1}}, r"x\.\$: must be an expression"),
        ({"x": {"$": "promt"}}, r"the request has no 'promt'; there are prompt"),
        ({"x": {"$": "messages[0].contents"}}, "messages has no 'contents'"),
        ({"x": {"$each": "messages", "do": {"$": "blocks[].txt"}}}, "messages.blocks has no 'txt'"),
        ({"x": {"$": "messages"}}, "messages cannot be written as a whole"),
        ({"x": {"$each": "messages", "do": {"$": "@"}}}, "messages cannot be written as a whole"),
        ({"x": {"$each": "messages"}}, r"x\.do: is missing"),
        ({"x": {"$each": "`[1, 2]`", "do": 1}}, "takes its list from the request"),
        ({"x": {"$each": "messages && `[1, 2]`", "do": 1}}, "takes its list from the request"),
        ({"x": {"$switch": "stream"}}, r"x\.cases: must be an object"),
        ({"x": {"$": "stream", "map": [1]}}, r"x\.map: must be an object"),
        ({"x": {"$": "stream", "defualt": 1}}, "defualt: is not a member of this form"),
        ({"x": {"$if": "stream"}}, r"x\.\$if: is no form"),
        ({"x": {"$spread": "kwargs"}}, r"x\.\$spread: must be"),
        ({"x": [{"$spread": "model_kwargs"}]}, r"x\[0\]\.\$spread: must be"),
        ({"x": {"$spread": "model_kwargs"}, "$spread": "model_kwargs"}, "more than once"),
        (deep(MAX_DEPTH + 1), f"nested more than {MAX_DEPTH} deep"),
        (deep(200), f"nested more than {MAX_DEPTH} deep"),
        (deep(900), "cannot be written as JSON"),
        ({"x": 1}, "reads neither prompt, messages nor turns"),
        ({"x": {"$each": "messages", "do": {"$": "role"}}}, "neither their content nor their blocks"),
    ],
)
def test_skeleton_is_refused_with_reason_and_path(skeleton, problem, body_of, ask) -> None:
    with pytest.raises(DocumentError, match=problem):
        body_of(skeleton, ask())


def test_every_problem_is_named_at_once(body_of, ask) -> None:
    skeleton = {"p": PROMPT, "a": {"$": "&x"}, "b": {"$": "nope"}, "c": {"$each": "tools"}}
    with pytest.raises(DocumentError) as refused:
        body_of(skeleton, ask())
    assert [p.path for p in refused.value.problems] == [
        "mapping.request.a.$",
        "mapping.request.b.$",
        "mapping.request.c.do",
    ]


def test_each_over_something_that_is_no_list_is_refused(body_of, ask) -> None:
    with pytest.raises(DocumentError, match=r"mapping\.request\.x: params\.temperature is no list"):
        body_of({"p": PROMPT, "x": {"$each": "params.temperature", "do": 1}}, ask(temperature=1))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=4),
    max_leaves=15,
)


@given(JSON)
def test_skeleton_without_expressions_is_the_body(document: object) -> None:
    skeleton = compile_skeleton(document, CHAT_VIEW)
    assert skeleton.body(View({}, {}), {}) == document


@given(JSON)
def test_no_value_of_the_request_is_dropped(document: object) -> None:
    """What a leaf finds is written as it is, whatever it is, unless it is null."""
    skeleton = compile_skeleton({"x": {"$": "params.anything"}}, CHAT_VIEW)
    view = View({"params": {"anything": document}}, {})
    assert skeleton.body(view, {}) == ({} if document is None else {"x": document})


FORMS = st.recursive(
    JSON
    | st.sampled_from(
        [
            {"$": "prompt"},
            {"$": "params.seed"},
            {"$": "nope"},
            {"$": "[a,b]"},
            {"$": 3},
            {"$each": "tools", "do": {"$": "name"}},
            {"$each": "tools"},
            {"$switch": "stream", "cases": {"true": 1}},
            {"$spread": "model_kwargs"},
            {"$x": 1},
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "b", "$", "$each", "do", "cases", "$switch", "default", "map"]), inner, max_size=3
        )
    ),
    max_leaves=10,
)


@given(FORMS)
def test_any_skeleton_is_refused_or_makes_json(document: object) -> None:
    view = View({"prompt": "hi", "stream": True, "tools": [{"name": "f"}]}, {})
    with contextlib.suppress(DocumentError, UnsupportedError):
        body = compile_skeleton(document, CHAT_VIEW).body(view, {})
        assert orjson.loads(orjson.dumps(body)) == body
