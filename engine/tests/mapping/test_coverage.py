"""Nothing that a caller sets is dropped in silence."""

from __future__ import annotations

import pytest
from dragoman.errors import DocumentError, UnsupportedError
from dragoman.messages import Message, Reasoning, Text, ToolChoice

SKELETON = {"prompt": {"$": "prompt"}, "t": {"$": "params.temperature"}, "effort": {"$": "params.reasoning.effort"}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": ["string", None], "default": None}}}


@pytest.mark.parametrize(
    ("setting", "path"),
    [
        ({"top_p": 0.5}, "inference.top_p"),
        ({"top_k": 0}, "inference.top_k"),
        ({"max_tokens": 5}, "inference.max_tokens"),
        ({"stop_sequences": ["x"]}, "inference.stop_sequences"),
        ({"seed": 0}, "inference.seed"),
        ({"presence_penalty": 0}, "inference.presence_penalty"),
        ({"frequency_penalty": 0}, "inference.frequency_penalty"),
        ({"reasoning": {"budget_tokens": 5}}, "inference.reasoning.budget_tokens"),
        ({"response_format": {"type": "json_object"}}, "inference.response_format"),
        ({"own_setting": 1}, "inference.own_setting"),
    ],
)
def test_setting_that_is_not_read_is_refused_with_its_path(setting, path, body_of, ask) -> None:
    with pytest.raises(UnsupportedError) as refused:
        body_of(SKELETON, ask(**setting))
    assert refused.value.path == path
    assert "mapping.ignore" in str(refused.value)


@pytest.mark.parametrize(
    "setting",
    [
        {"temperature": 0},
        {"reasoning": {"effort": "low"}},
        {"reasoning": {}},
        {"stop_sequences": []},
        {"response_format": {"type": "text"}},
        {"configuration": "precise"},
    ],
)
def test_setting_that_is_read_or_says_nothing_passes(setting, body_of, ask) -> None:
    assert body_of(SKELETON, ask(**setting))["prompt"] == "hi"


def test_ignored_setting_is_left_out_and_reported(payload_of, ask) -> None:
    payload = payload_of(request=SKELETON, response={"text": "text"}, ignore=["inference.seed", "inference.top_k"])
    request = ask(seed=1, temperature=1)
    assert payload.encode(request, "m") == b'{"prompt":"hi","t":1.0}'
    (report,) = payload.decode(b'{"text": "yes"}', request).reports
    assert (report.code, report.path) == ("setting_ignored", "inference.seed")
    with pytest.raises(UnsupportedError, match=r"inference\.top_p"):
        payload.encode(ask(top_p=1), "m")


def test_reports_come_with_a_stream_as_well(payload_of, ask, answer_of) -> None:
    payload = payload_of(
        request=SKELETON, response={"text": "text"}, stream={"text": "t"}, framing="jsonl", ignore=["inference.seed"]
    )
    assert [r.path for r in answer_of(payload, b'{"t": "yes"}', request=ask(seed=1)).reports] == ["inference.seed"]


def test_only_inference_settings_can_be_ignored(body_of, ask) -> None:
    with pytest.raises(DocumentError, match=r"mapping\.ignore\[0\]: 'tools' is no inference setting"):
        body_of(SKELETON, ask(), ignore=["tools"])


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"tools": [{"name": "f"}]}, "tools"),
        ({"choice": "required"}, "tool_choice"),
        ({"choice": "none"}, "tool_choice"),
    ],
)
def test_tools_and_tool_choice_that_are_not_read_are_refused(given, path, body_of, ask) -> None:
    with pytest.raises(UnsupportedError, match=rf"^{path}: "):
        body_of(SKELETON, ask(**given))


def test_parallel_calls_are_refused_where_they_cannot_be_said(body_of, ask) -> None:
    skeleton = {**SKELETON, "choice": {"$": "tool_choice.mode"}}
    with pytest.raises(UnsupportedError, match=r"^tool_choice\.parallel: "):
        body_of(skeleton, ask(choice=ToolChoice("auto", parallel=False)))
    with pytest.raises(UnsupportedError, match=r"^tool_choice\.name: "):
        body_of(skeleton, ask(choice=ToolChoice("tool")))
    assert body_of(skeleton, ask(choice="auto"))["choice"] == "auto"


def test_schema_is_sent_whole_with_its_nulls(body_of, ask) -> None:
    skeleton = {"prompt": {"$": "prompt"}, "schema": {"$": "params.response_format.json_schema.schema"}}
    body = body_of(skeleton, ask(response_format=FORMAT))
    assert body["schema"] == {"type": ["string", None], "default": None}


CHAT = {"$each": "messages", "do": {"role": {"$": "role"}, "content": {"$": "content"}, "of": {"$": "tool_call_id"}}}


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([Message("assistant", (Reasoning("hm", "sig"), Text("a")))], "reasoning_not_sent"),
        ([{"role": "tool", "tool_call_id": "1", "content": "no", "is_error": True}], "tool_error_not_marked"),
        ([{"role": "user", "name": "Ada", "content": "a"}], "name_not_sent"),
    ],
)
def test_what_a_conversation_loses_is_reported(messages, code, payload_of, ask) -> None:
    payload = payload_of(request={"chat": CHAT}, response={"text": "text"})
    request = ask(messages)
    payload.encode(request, "m")
    assert [report.code for report in payload.decode(b'{"text": "yes"}', request).reports] == [code]


def blocks(**cases: str) -> dict[str, object]:
    switch = {"$switch": "type", "cases": {name: {"$": member} for name, member in cases.items()}}
    return {"$each": "turns", "do": {"$each": "blocks", "do": switch}}


@pytest.mark.parametrize(
    ("messages", "skeleton", "written"),
    [
        (
            [Message("assistant", (Reasoning("hm", "sig", "sealed"), Text("a")))],
            blocks(text="text", reasoning_signed="signature", reasoning_redacted="redacted"),
            [["sig", "sealed", "a"]],
        ),
        (
            [Message("assistant", (Reasoning("hm"), Text("a")))],
            blocks(text="text", reasoning="text"),
            [["hm", "a"]],
        ),
        (
            [{"role": "user", "name": "Ada", "content": "a"}],
            {"$each": "messages", "do": {"n": {"$": "name"}, "c": {"$": "content"}}},
            [{"n": "Ada", "c": "a"}],
        ),
    ],
)
def test_what_has_a_place_is_sent_and_not_reported(messages, skeleton, written, payload_of, ask, body_of) -> None:
    payload = payload_of(request={"x": skeleton}, response={"text": "text"})
    request = ask(messages)
    assert body_of({"x": skeleton}, request) == {"x": written}
    assert payload.decode(b'{"text": "yes"}', request).reports == ()
