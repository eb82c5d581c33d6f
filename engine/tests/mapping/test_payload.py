"""The payload as a plugin uses it: inside a codec, over loopback, and in documents that are resolved."""

from __future__ import annotations

import pytest
from dragoman.adapter import PayloadMapping
from dragoman.documents import parse_document, write_document
from dragoman.engine import Engine
from dragoman.errors import DocumentError, InvalidRequestError, ProtocolError, ServerError
from dragoman.mapping import compile_payload
from dragoman.plugins import load_plugins
from dragoman.provider import Payload
from dragoman.settings import Settings

PLAIN = {"request": {"p": {"$": "prompt"}}, "response": {"text": "data.answer"}}


def test_equal_documents_share_a_payload() -> None:
    one = PayloadMapping.model_validate({"preset": "tgi", "response": {"text": "x"}})
    other = PayloadMapping.model_validate({"response": {"text": "x"}, "preset": "tgi"})
    assert compile_payload(one) is compile_payload(other)
    assert compile_payload(one) is not compile_payload(PayloadMapping(preset="tgi"))


def test_members_go_over_the_wire_in_the_order_they_are_written(payload_of, ask) -> None:
    payload = payload_of(request={"z": {"$": "prompt"}, "a": {"y": 1, "b": 2}}, response={"text": "t"})
    assert payload.encode(ask(kwargs={"m": 1, "c": 2}), "m") == b'{"z":"hi","a":{"y":1,"b":2},"m":1,"c":2}'


@pytest.mark.parametrize(
    ("mapping", "streams", "content_type", "accept"),
    [
        (PLAIN, False, "application/json", "application/json"),
        ({**PLAIN, "stream": {"text": "t"}}, True, "application/json", "application/json"),
        ({**PLAIN, "framing": "raw", "accept": "text/plain"}, True, "application/json", "text/plain"),
        ({**PLAIN, "content_type": "text/plain"}, False, "text/plain", "application/json"),
    ],
)
def test_payload_says_what_it_is(mapping, streams, content_type, accept, payload_of) -> None:
    payload: Payload = payload_of(**mapping)
    assert (payload.streams, payload.content_type, payload.accept) == (streams, content_type, accept)


def test_body_that_is_no_json_is_text(payload_of, ask) -> None:
    payload = payload_of(request={"$": "prompt"}, framing="raw", content_type="application/x-text")
    assert payload.encode(ask("Grüße"), "m") == "Grüße".encode()
    response = payload.decode("Grüße zurück".encode(), ask())
    assert (response.text, response.finish_reason) == ("Grüße zurück", "unknown")
    with pytest.raises(ProtocolError, match="no UTF-8"):
        payload.decode(b"\xff", ask())
    with pytest.raises(DocumentError, match=r"mapping\.request: gives no text"):
        payload_of(request={"p": {"$": "prompt"}}, framing="raw", content_type="text/plain").encode(ask(), "m")


# --- answers that are not what the mapping says ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "answer", "said"),
    [
        (
            "data.answer",
            '{"data": {"reply": "secret"}}',
            "`data.answer` finds nothing in the answer: data is an object, without answer",
        ),
        ("data.answer", '{"data": ["secret"]}', "data is a list of 1, without answer"),
        ("data.answer", '{"data": {"answer": null}}', r"data\.answer is null"),
        ("data.answer", '{"data": {"answer": 7}}', "gives a number where text is expected"),
        ("data.answer", '{"data": {"answer": ["secret"]}}', r"gives a list of 1 where text is expected .*join"),
        ("data.answer", '["secret"]', "the whole is a list of 1, without data"),
        ("data.answer", '"secret"', "the whole is text, without data"),
        (
            "join('', data[].text)",
            '{"data": [{"txt": "secret"}]}',
            r"data is a list of 1, without \\[\\]\\.text".replace("\\\\", "\\"),
        ),
        ("join('', data[].text)", '{"data": [{"text": 7}]}', r"data\[\]\.text is a list of 1"),
        (
            "[0].text || data.text",
            '{"data": "secret"}',
            "the whole is an object, without .0.; data is text, without text",
        ),
        ("data.answer", "", "is not JSON"),
        ("data.answer", "<html>secret</html>", "is not JSON"),
        ("data.answer", '{"data": {"answer": "secret"', "is not JSON"),
    ],
)
def test_missing_path_is_an_error_that_shows_where_it_stopped(text, answer, said, payload_of, ask) -> None:
    payload = payload_of(**{**PLAIN, "response": {"text": text}})
    with pytest.raises(ProtocolError, match=said) as error:
        payload.decode(answer.encode(), ask())
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("answer", ['{"data": {"answer": ""}}', '{"data": {"answer": "", "why": "stop"}}'])
def test_empty_text_that_is_there_is_an_answer(answer, payload_of, ask) -> None:
    assert payload_of(**PLAIN).decode(answer.encode(), ask()).text == ""


def test_list_without_elements_is_an_empty_text(payload_of, ask) -> None:
    payload = payload_of(**{**PLAIN, "response": {"text": "join('', data[].text)"}})
    assert payload.decode(b'{"data": []}', ask()).text == ""


def test_tool_call_without_a_name_is_a_protocol_error(payload_of, ask) -> None:
    rules = {"text": "t", "tool_calls": {"each": "calls", "name": "function"}}
    with pytest.raises(ProtocolError, match=r"mapping\.response\.tool_calls\.name finds no name.*an object"):
        payload_of(**{**PLAIN, "response": rules}).decode(b'{"calls": [{"fn": "x"}]}', ask())


@pytest.mark.parametrize(
    ("answer", "kind", "said", "code"),
    [
        (b'{"error": "too long", "code": 413, "data": {"answer": "a"}}', InvalidRequestError, "too long", "413"),
        (b'{"error": {"message": "broken", "x": 1}}', ServerError, "broken", None),
        (b'{"error": {"x": 1}}', ServerError, '{"x":1}', None),
        (b'{"error": true}', ServerError, "does not say which", None),
    ],
)
def test_error_with_status_200_is_a_typed_error(answer, kind, said, code, payload_of, ask) -> None:
    rules = {"text": "data.answer", "error": "error", "error_code": "code"}
    payload = payload_of(**{**PLAIN, "response": rules, "error_map": {"413": "invalid_request"}})
    with pytest.raises(kind) as error:
        payload.decode(answer, ask())
    assert said in str(error.value)
    assert error.value.provider_code == code


@pytest.mark.parametrize("value", ["null", "false", '""', "[]", "{}"])
def test_member_that_says_no_error_is_none(value, payload_of, ask) -> None:
    payload = payload_of(**{**PLAIN, "response": {"text": "data.answer", "error": "error"}})
    assert payload.decode(b'{"error": %s, "data": {"answer": "a"}}' % value.encode(), ask()).text == "a"


@pytest.mark.parametrize(
    ("body", "said"),
    [(b'{"error": "no"}', "no"), (b'{"error": null}', None), (b"[1]", None), (b"<html>", None), (b"", None)],
)
def test_error_message_of_a_refusal(body, said, payload_of) -> None:
    payload = payload_of(**{**PLAIN, "response": {"text": "t", "error": "error"}})
    assert payload.error_message(body) == said
    assert payload_of(**PLAIN).error_message(body) is None


@pytest.mark.parametrize(
    ("rules", "answer", "usage"),
    [
        ({"tokens_in": "a", "tokens_out": "b"}, '"a": 1, "b": 2', (1, 2, 3)),
        ({"tokens_in": ["a", "b", "missing"], "tokens_out": "missing"}, '"a": 1, "b": 2', (3, None, None)),
        ({"tokens_in": "a", "tokens_out": "b"}, '"a": "1", "b": true', (None, None, None)),
        ({"tokens_in": "a", "tokens_out": "b"}, '"a": 1.0, "b": 2.5', (1, None, None)),
        ({"tokens_in": "a", "tokens_out": "b"}, '"a": -1, "b": null', (None, None, None)),
        ({"tokens_out": "length(b)"}, '"b": [1, 2]', (None, 2, None)),
    ],
)
def test_figures_are_whole_numbers_or_not_given(rules, answer, usage, payload_of, ask) -> None:
    payload = payload_of(**{**PLAIN, "response": {"text": "t", **rules}})
    found = payload.decode(b'{"t": "x", %s}' % answer.encode(), ask()).usage
    assert (found.input_tokens, found.output_tokens, found.total_tokens) == usage
    assert found.source == ("absent" if usage == (None, None, None) else "provider")


# --- documents ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mapping", "path"),
    [
        ({}, "mapping.request"),
        ({"request": {"p": {"$": "prompt"}}}, "mapping.response.text"),
        ({**PLAIN, "framing": "sse"}, "mapping.stream.text"),
        ({**PLAIN, "framing": "jsonl", "stream": {"finish": "x"}}, "mapping.stream.text"),
        ({**PLAIN, "response": {"text": "a.0.b"}}, "mapping.response.text"),
        ({**PLAIN, "response": {"text": "a", "tokens_in": ["b", "&c"]}}, "mapping.response.tokens_in[1]"),
        ({**PLAIN, "response": {"text": "a", "extra": {"x": "{a: b}"}}}, "mapping.response.extra.x"),
        ({**PLAIN, "response": {"text": "a", "tool_calls": {"name": "b"}}}, "mapping.response.tool_calls.each"),
        ({**PLAIN, "stream": {"text": "a", "skip": "("}}, "mapping.stream.skip"),
        ({**PLAIN, "finish_map": {"end": "finished"}}, "mapping.finish_map.end"),
        ({**PLAIN, "error_map": {"500": "broken"}}, "mapping.error_map.500"),
    ],
)
def test_mapping_that_does_not_hold_is_refused_with_its_path(mapping, path, payload_of) -> None:
    with pytest.raises(DocumentError) as refused:
        payload_of(**mapping)
    assert path in [problem.path for problem in refused.value.problems]


MAPPED_PLUGIN = '''
"""A plugin that sends what its adapter's mapping says, and nothing of its own."""
from dragoman.errors import error_class_for_status
from dragoman.plugin import *

PLUGIN_API = (1, 0)

class Where(Connection):
    url: str

class MappedCodec(Codec):
    def __init__(self, target, payload):
        self.target, self.payload, self.framing = target, payload, payload.framing

    def encode(self, request):
        headers = {"Content-Type": self.payload.content_type, "Accept": self.payload.accept}
        return WireRequest("POST", self.target.connection.url, headers, self.payload.encode(request, self.target.model))

    def decode(self, request, reply):
        return self.payload.decode(reply.body, request)

    def decode_stream(self, request, reply):
        return self.payload.decoder(request)

    def error(self, reply):
        said = self.payload.error_message(reply.body) or "no word"
        return error_class_for_status(reply.status)(said, status=reply.status)

class MappedProvider(Provider):
    def open(self, target, context):
        return context.codec_session(MappedCodec(target, context.payload(target)), NoAuth())

@hookimpl
def dragoman_providers():
    return [ProviderDescription(
        kind="mapped", title="Mapped", factory=f"{__name__}:MappedProvider", connection=Where,
        operations=("chat", "embed"), mapping=True,
    )]
'''


@pytest.fixture
async def engine(plugin_module):
    plugins = load_plugins(found=[plugin_module(MAPPED_PLUGIN, "mapped")])
    async with Engine(Settings(), plugins=plugins) as engine:
        yield engine


def adapter(url: str = "http://127.0.0.1:9/", **members):
    return {"provider": "mapped", "model": "endpoint", "connection": {"url": url}, **members}


async def test_plugin_composes_a_payload_into_its_codec(engine) -> None:
    document = adapter(
        mapping={"preset": "tgi"}, prompt={"preset": "mistral-instruct"}, model_kwargs={"typical_p": 0.2}
    )
    run = await engine.dry_run(document, "hi", max_tokens=5)
    assert run.body == {
        "inputs": "<s>[INST] hi [/INST]",
        "parameters": {"max_new_tokens": 5, "return_full_text": False, "details": True, "typical_p": 0.2},
        "stream": False,
    }


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"mapping": {"preset": "nope"}}, r"mapping\.preset: there is no preset 'nope'"),
        (
            {"mapping": {"preset": "tgi", "response": {"text": "[a, b]"}}},
            r"mapping\.response\.text: '\[a, b\]' multi-selects",
        ),
        ({"mapping": {"preset": "tgi", "respons": {}}}, r"mapping\.respons: is not a member here"),
        ({"mapping": {"preset": "tgi", "stream": {"txt": "a"}}}, r"mapping\.stream\.txt: is not a member here"),
        ({"mapping": {"preset": "openai-chat"}, "prompt": {"preset": "titan"}}, "prompt: is not used"),
        ({"mapping": {"preset": "tgi"}, "operation": "embed"}, r"mapping\.preset: tgi is for operation chat"),
        ({"mapping": {"preset": "titan-embed"}}, r"mapping\.preset: titan-embed is for operation embed"),
    ],
)
async def test_document_with_a_broken_mapping_fails_when_it_is_resolved(members, said, engine) -> None:
    with pytest.raises(DocumentError, match=said):
        await engine.resolve(adapter(**members))


async def test_embedding_mapping_resolves_and_is_not_for_chat(engine) -> None:
    document = adapter(mapping={"preset": "cohere-embed"}, operation="embed")
    assert (await engine.resolve(document)).target.operation == "embed"


async def test_target_without_a_mapping_is_refused_with_what_to_do(engine) -> None:
    with pytest.raises(DocumentError, match=r"mapping: is missing \(name a preset"):
        await engine.chat(adapter(), "hi")


def test_mapping_survives_yaml() -> None:
    document = adapter(
        mapping={
            "preset": "tgi",
            "request": {"p": {"$": "prompt"}, "q": [{"$each": "tools", "do": {"$": "name"}}], "n": None},
            "response": {"tokens_in": ["a", "b"], "tool_calls": {"each": "c", "name": "n"}, "extra": {"x": '"a b"'}},
            "stream": {"done": "x == 'y'"},
            "error_map": {"424": "server"},
            "ignore": ["inference.seed"],
        },
        prompt={"preset": "titan", "end": "Bot:\n", "strip": True},
    )
    assert parse_document(write_document(document, ".yaml"), ".yaml", "x") == document
