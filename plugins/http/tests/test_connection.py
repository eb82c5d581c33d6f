"""What a connection may say, and what is refused when the adapter is resolved."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from dragoman import Engine
from dragoman.errors import AddressRefusedError, DocumentError
from dragoman.testing.upstream import Upstream
from dragoman_http.connection import HttpConnection
from dragoman_http.template import fill_address

Document = Callable[..., dict[str, Any]]

ADDRESSES = {
    "https://h.example/v1": "https://h.example/v1",
    "https://h.example": "https://h.example",
    "https://h.example/{model}": "https://h.example/a%2Fb%20c",
    "https://h.example/{+model}/run": "https://h.example/a/b%20c/run",
    "https://h.example/m/{model}:go": "https://h.example/m/a%2Fb%20c:go",
    "https://{region}-api.example:8443/{region}": "https://eu-1-api.example:8443/eu-1",
    "http://[::1]:80/x": "http://[::1]:80/x",
    "https://h.example/a%20b/../{region}": "https://h.example/a%20b/../eu-1",
}


@pytest.mark.parametrize("template", ADDRESSES)
def test_addresses_are_filled_in(template: str) -> None:
    connection = HttpConnection(url=template, variables={"region": "eu-1"})
    assert fill_address(connection.url, {"model": "a/b c", "region": "eu-1"}) == ADDRESSES[template]


NO_ADDRESSES = [
    "", "h.example", "ftp://h.example", "file:///etc/passwd", "https://", "https:///x", "https://u:p@h.example",
    "https://h.example/?a=b", "https://h.example/#a", "https://h.example:x/", "https://h.example/{Model}",
    "https://h.example/{model", "https://h.example/{}", "https://{model}.example/", "https://{+model}/",
    "https://h.example/{other}", "https://h.example/ä", "https://h.example/a b", "https://h.example/a\nb",
    "https://ümlaut.example/",
]  # fmt: skip


@pytest.mark.parametrize("url", NO_ADDRESSES)
async def test_what_is_no_address_is_refused_with_its_path(engine: Engine, document: Document, url: str) -> None:
    with pytest.raises(DocumentError) as caught:
        await engine.resolve(document(url=url))
    assert {problem.path for problem in caught.value.problems} <= {"connection.url", "connection"}


@pytest.mark.parametrize("model", ["..", ".", "a/../b", "../../admin", "a//b", "/a", "a/"])
async def test_a_model_leads_to_no_other_path(
    engine: Engine, endpoint: Upstream, document: Document, model: str
) -> None:
    adapter = document({"model": model}, url=f"{endpoint.url}/models/{{+model}}/ask")
    with pytest.raises(DocumentError, match=r"connection\.url"):
        await engine.chat(adapter, "Hi")
    assert not endpoint.received


@pytest.mark.parametrize("value", ["a/b", "a@b", "a:1", "", "-a", "a.", "a b", "a#", "ä", "[::1]"])
async def test_a_variable_chooses_no_other_server(engine: Engine, document: Document, value: str) -> None:
    adapter = document(url="https://{region}.h.example/", variables={"region": value})
    with pytest.raises(DocumentError, match="region cannot stand in a host"):
        await engine.resolve(adapter)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a key among the headers": ({"headers": {"X-Api-Key": "k"}}, "connection.auth"),
    "authorization": ({"headers": {"Authorization": "Bearer k"}}, "connection.auth"),
    "a cookie": ({"headers": {"cookie": "a=b"}}, "connection.auth"),
    "a host": ({"headers": {"Host": "h"}}, "connection.url"),
    "whom a call is for": ({"headers": {"X-Forwarded-For": "192.0.2.1"}}, "proxies say"),
    "two headers of one name": ({"headers": {"X-A": "1", "x-a": "2"}}, "said twice"),
    "a header of two lines": ({"headers": {"X-A": "1\r\nX-B: 2"}}, "one line"),
    "a key in the query": ({"query": {"key": "k"}}, "connection.auth"),
    "the model as a variable": ({"variables": {"model": "m"}}, "adapter's own"),
    "GET": ({"method": "GET"}, "method"),
    "a header of auth among the headers": (
        {"headers": {"X-Who": "1"}, "auth": {"kind": "header", "name": "x-who"}}, "auth writes",
    ),
    "a header that carries no key": ({"auth": {"kind": "header", "name": "Content-Length"}}, "can carry a key"),
    "an unknown auth": ({"auth": {"kind": "magic"}}, "connection.auth.kind"),
    "a colon in the user's name": ({"auth": {"kind": "basic", "username": "a:b"}}, "auth.username"),
    "a grant among the parameters": (
        {
            "auth": {
                "kind": "oauth_client", "token_url": "https://t.example", "client_id": "c",
                "parameters": {"client_secret": "s"},
            }
        },
        "client_secret",
    ),
    "a variable in the token's address": (
        {"auth": {"kind": "oauth_client", "token_url": "https://{x}.example", "client_id": "c"}}, "no variables",
    ),
    "tls without https": ({"url": "http://h.example", "tls": {"ca_file": "ca.pem"}}, "https://"),
    "tls with nothing": ({"url": "https://h.example", "tls": {}}, "ca_file or"),
    "a key without a certificate": ({"url": "https://h.example", "tls": {"client_key_file": "k"}}, "needs client_c"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
async def test_what_cannot_be_is_refused_when_the_adapter_is_resolved(
    engine: Engine, document: Document, case: str
) -> None:
    connection, words = REFUSED[case]
    with pytest.raises(DocumentError, match=words):
        await engine.resolve(document(**connection))


async def test_aws_signatures_without_their_plugin_say_what_to_install(
    engine: Engine, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("dragoman_aws", "dragoman_aws.identity.connection"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DocumentError, match=r"pip install 'dragoman-http\[aws\]'"):
        await engine.resolve(document(auth={"kind": "aws_sigv4", "service": "execute-api"}))


# --- what an API caller may say ----------------------------------------------------------------------------------

OF_THE_MACHINE = {
    "connection.tls.ca_file": {"url": "https://h.example", "tls": {"ca_file": "/etc/passwd"}},
    "connection.auth.tls.ca_file": {
        "auth": {
            "kind": "oauth_client", "token_url": "https://t.example", "client_id": "c", "tls": {"ca_file": "/x"},
        }
    },
}  # fmt: skip


@pytest.mark.parametrize("path", OF_THE_MACHINE)
async def test_an_api_caller_names_no_file(engine: Engine, document: Document, path: str) -> None:
    adapter = document(**OF_THE_MACHINE[path])
    assert (await engine.resolve(adapter)).trusted
    with pytest.raises(DocumentError) as caught:
        await engine.resolve(adapter, trusted=False)
    assert path in [problem.path for problem in caught.value.problems]


async def test_an_api_callers_address_is_checked(engine: Engine, endpoint: Upstream, document: Document) -> None:
    resolved = await engine.resolve(document(), trusted=False)
    with pytest.raises(AddressRefusedError):
        await engine.chat(resolved, "Hi")
    assert not endpoint.received
