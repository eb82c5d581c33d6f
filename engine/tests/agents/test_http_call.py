"""From a tool's arguments to the request, from the reply to what the model is told."""

import json

import pytest
from dragoman.agents import Endpoint
from dragoman.agents.http_call import (
    MAX_ERROR_CHARS,
    ToolFailedError,
    argument_problems,
    check_schema,
    decode,
    encode,
    sign,
)
from dragoman.errors import MessageError
from dragoman.provider import WireReply, WireRequest
from dragoman.secret import Secret


def endpoint(url="https://a.example/v1", **members):
    return Endpoint.model_validate({"url": url, **members})


# --- the request -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_arguments_are_a_json_body(method):
    request = encode(endpoint(method=method, headers={"X-A": "b"}), {"city": "Zürich", "deep": {"n": [1, None]}})
    assert (request.method, request.url) == (method, "https://a.example/v1")
    assert json.loads(request.body or b"") == {"city": "Zürich", "deep": {"n": [1, None]}}
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["X-A"] == "b"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_arguments_are_a_query(method):
    arguments = {"city": "a b&c=d", "hot": True, "n": 1.5, "tags": ["x", "y"], "deep": {"a": 1}, "none": None}
    request = encode(endpoint(method=method), arguments)
    assert request.url == (
        "https://a.example/v1?city=a%20b%26c%3Dd&hot=true&n=1.5&tags=x&tags=y&deep=%7B%22a%22%3A%201%7D"
    )
    assert request.body is None


def test_a_query_of_the_address_stays():
    assert encode(endpoint("https://a.example/?u=m", method="GET"), {"c": 1}).url == "https://a.example/?u=m&c=1"
    assert encode(endpoint("https://a.example/?u=m", method="GET"), {}).url == "https://a.example/?u=m"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("Rome", "Rome"), ("../admin", "..%2Fadmin"), ("a b?x=1#y", "a%20b%3Fx%3D1%23y"), ("%2e%2e", "%252e%252e"),
        ("Zürich", "Z%C3%BCrich"), (7, "7"), (True, "true"),
    ],
)  # fmt: skip
def test_an_argument_in_the_path_stays_one_segment_and_is_not_sent_again(value, written):
    request = encode(endpoint("https://a.example/c/{city}/now"), {"city": value, "n": 1})
    assert request.url == f"https://a.example/c/{written}/now"
    assert json.loads(request.body or b"") == {"n": 1}


@pytest.mark.parametrize("value", ["", ".", "..", None, ["a"], {"a": 1}])
def test_what_cannot_be_a_segment_is_refused(value):
    with pytest.raises(ToolFailedError, match="the argument city"):
        encode(endpoint("https://a.example/c/{city}"), {"city": value})


@pytest.mark.parametrize(
    ("auth", "headers", "url"),
    [
        ({"kind": "bearer"}, {"Authorization": "Bearer s3cret"}, "https://a.example/"),
        ({"kind": "basic", "user": "me"}, {"Authorization": "Basic bWU6czNjcmV0"}, "https://a.example/"),
        ({"kind": "header", "name": "X-Key", "prefix": "k "}, {"X-Key": "k s3cret"}, "https://a.example/"),
        ({"kind": "query", "name": "appid"}, {}, "https://a.example/?appid=s3cret"),
    ],
)
def test_the_secret_goes_where_the_service_wants_it(auth, headers, url):
    declared = endpoint("https://a.example/", auth={**auth, "secret": "KEY"})
    assert declared.auth is not None
    signed = sign(WireRequest("GET", "https://a.example/", {}), declared.auth, Secret("s3cret"))
    assert (signed.headers, signed.url) == (headers, url)


def test_a_secret_that_breaks_the_line_is_refused_without_being_shown():
    declared = endpoint(auth={"kind": "bearer", "secret": "KEY"})
    assert declared.auth is not None
    with pytest.raises(ToolFailedError, match="the secret KEY is no line") as caught:
        sign(WireRequest("GET", "https://a.example/", {}), declared.auth, Secret("s3cret\nHost: b"))
    assert "s3cret" not in str(caught.value)


# --- the reply ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("application/json", b'{"a": 1}', '{"a": 1}'),
        ("application/problem+json; charset=utf-8", b"{}", "{}"),
        ("text/html; charset=iso-8859-1", "é".encode("latin-1"), "é"),
        ("text/plain; charset=nosuch", "é".encode(), "é"),
        ("", b"plain", "plain"),
        ("application/json", b"", "done: a.example answered 200, with nothing in it"),
    ],
)
def test_a_text_is_told_as_it_is(kind, body, said):
    assert decode(WireReply(200, {"content-type": kind}, body), "a.example") == said


def test_a_text_that_was_cut_says_so():
    told = decode(WireReply(200, {"content-type": "text/plain"}, b"abc"), "a.example", cut_at=3)
    assert told.startswith("abc\n[")
    assert "first 3 bytes" in told


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (WireReply(500, {}, b""), "a.example answered 500"),
        (WireReply(404, {"content-type": "text/plain"}, b"nobody"), "a.example answered 404: nobody"),
        (WireReply(302, {"location": "http://169.254.169.254/"}, b""), "which is not followed"),
        (WireReply(200, {"content-type": "image/png"}, b"\x89PNG"), "answered with image/png, which is no text"),
    ],
)
def test_what_is_no_result_is_a_failure_that_says_why(reply, said):
    with pytest.raises(ToolFailedError, match=said):
        decode(reply, "a.example")


def test_of_a_long_error_the_beginning_is_told():
    with pytest.raises(ToolFailedError) as caught:
        decode(WireReply(500, {"content-type": "text/plain"}, b"x" * 10_000), "a.example")
    assert len(str(caught.value)) < MAX_ERROR_CHARS + 100


# --- arguments ---------------------------------------------------------------------------------------------------

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "maximum": 9}, "of": {"$ref": "#/$defs/word"}},
    "required": ["n"],
    "additionalProperties": False,
    "$defs": {"word": {"type": "string"}},
}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"n": 1, "of": "a"}, []),
        ({}, ["'n' is a required property"]),
        ({"n": 10}, ["n: 10 is greater than the maximum of 9"]),
        ({"n": 1, "of": 2}, ["of: 2 is not of type 'string'"]),
        ({"n": 1, "more": 2}, ["Additional properties are not allowed ('more' was unexpected)"]),
    ],
)
def test_arguments_are_held_against_the_schema(arguments, said):
    pytest.importorskip("jsonschema")
    assert argument_problems(SCHEMA, arguments) == said


def test_a_schema_is_never_fetched():
    pytest.importorskip("jsonschema")
    with pytest.raises(MessageError, match="which is not in it"):
        check_schema({"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:9/schema.json"}}})


def test_what_is_no_schema_is_refused():
    pytest.importorskip("jsonschema")
    with pytest.raises(MessageError, match=r"properties\.n\.type"):
        check_schema({"type": "object", "properties": {"n": {"type": "nosuch"}}})
