"""A request's head on the wire, and the address that its URL names."""

import pytest
from dragoman.transport.faults import BadAddressError, UnwritableError
from dragoman.transport.request_head import Address, head_of, parse_url
from hypothesis import given, strategies

URLS = {
    "http://Model.Example": Address(False, "model.example", 80, "model.example", "/"),
    "https://model.example/v1?a=b": Address(True, "model.example", 443, "model.example", "/v1?a=b"),
    "https://model.example:443/": Address(True, "model.example", 443, "model.example", "/"),
    "http://model.example:443/": Address(False, "model.example", 443, "model.example:443", "/"),
    "http://[::1]:8000/v1": Address(False, "::1", 8000, "[::1]:8000", "/v1"),
    "http://h/a%2Fb/%C3%BC?x=%20#part": Address(False, "h", 80, "h", "/a%2Fb/%C3%BC?x=%20"),
    "http://h/modèle?à": Address(False, "h", 80, "h", "/mod%C3%A8le?%C3%A0"),
    "http://model.example./": Address(False, "model.example.", 80, "model.example.", "/"),
    "http://bücher.example/": Address(False, "bücher.example", 80, "xn--bcher-kva.example", "/"),
}


@pytest.mark.parametrize("url", URLS)
def test_a_url_is_taken_apart(url):
    assert parse_url(url) == URLS[url]


@pytest.mark.parametrize(
    "url",
    [
        "", "h", "/path", "ftp://h/", "http://", "http:///path", "http://u:p@h/", "http://u@h/", "http://h:port/",
        "http://h:99999/", "http://[::1/", "http://h/a b", "http://h/a\r\nX: y", "http://h\n/", " http://h/", "http://h/\0",
        "http://" + "x" * 64 + "ü.example/", "http://h/\ud800",
    ],
)  # fmt: skip
def test_what_is_none_is_refused(url):
    with pytest.raises(BadAddressError):
        parse_url(url)


def lines_of(method="POST", headers=None, body=b"{}", url="http://h/v1"):
    first, *rest = head_of(method, parse_url(url), headers or {}, body).decode().removesuffix("\r\n\r\n").split("\r\n")
    return first, dict(line.split(": ", 1) for line in rest)


def test_what_every_request_says_is_added():
    first, headers = lines_of(headers={"Content-Type": "application/json"})
    assert first == "POST /v1 HTTP/1.1"
    assert headers.pop("User-Agent").startswith("dragoman")
    assert headers == {
        "Host": "h", "Content-Type": "application/json", "Accept": "*/*", "Accept-Encoding": "gzip, deflate",
        "Content-Length": "2",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["accept", "ACCEPT-ENCODING", "user-agent", "Host"])
def test_what_the_request_says_itself_is_left(name):
    _, headers = lines_of(headers={name: "mine"})
    assert [value for known, value in headers.items() if known.lower() == name.lower()] == ["mine"]


@pytest.mark.parametrize(
    ("method", "body", "length"), [("GET", None, None), ("DELETE", None, None), ("POST", None, "0"), ("PUT", b"", "0"),
                                   ("GET", b"{}", "2")]
)  # fmt: skip
def test_the_length_of_the_body_is_said(method, body, length):
    assert lines_of(method, body=body)[1].get("Content-Length") == length


@pytest.mark.parametrize(
    "name", ["Content-Length", "transfer-encoding", "Connection", "Expect", "Upgrade", "", "a b", "a:", "a\r\nb", "ü"]
)
def test_a_header_that_would_say_where_the_message_ends_is_refused(name):
    with pytest.raises(UnwritableError):
        head_of("POST", parse_url("http://h/"), {name: "1"}, b"{}")


@pytest.mark.parametrize("method", ["HEAD", "CONNECT", "", "GET /x HTTP/1.1\r\nX:"])
def test_a_method_whose_answer_has_another_shape_is_refused(method):
    with pytest.raises(UnwritableError):
        head_of(method, parse_url("http://h/"), {}, None)


@given(strategies.text(), strategies.text())
def test_a_value_stays_in_its_line(first, second):
    try:
        head = head_of("POST", parse_url("http://h/"), {"A": first, "B": second}, b"")
    except UnwritableError:
        return
    plain = head_of("POST", parse_url("http://h/"), {"A": "", "B": ""}, b"")
    assert head.count(b"\r") == head.count(b"\n") == plain.count(b"\n")
    assert b"\0" not in head
