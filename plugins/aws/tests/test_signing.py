"""Signatures, equal to botocore's."""

from __future__ import annotations

import base64
import string
from datetime import UTC, datetime
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from botocore.auth import SIGNED_HEADERS_BLACKLIST, S3SigV4Auth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from dragoman.plugin import WireRequest
from dragoman.secret import Secret
from dragoman_aws.signing import UNSIGNED_HEADERS, Keys, Signer
from hypothesis import given, settings
from hypothesis import strategies as st

NOW_S = 1_793_000_000.0
LASTING = Keys("AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))
TEMPORARY = Keys("ASIAEXAMPLE", Secret("temporary/secret"), Secret("session+token/=="))
ARN = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/cew2pa5r8hog"


def by_botocore(request: WireRequest, keys: Keys, service: str, region: str) -> dict[str, str]:
    """Return the headers that botocore sends."""
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    signer = kind(_credentials(keys), service, region)
    sent = AWSRequest(method=request.method, url=request.url, headers=dict(request.headers), data=request.body)
    _at_now(signer, sent)
    return dict(sent.headers.items())


def _credentials(keys: Keys) -> Credentials:
    token = keys.session_token.reveal() if keys.session_token else None
    return Credentials(keys.access_key_id, keys.secret_access_key.reveal(), token)


def _at_now(signer: SigV4Auth, request: AWSRequest) -> None:
    """Do what ``add_auth`` does, at a time of our own."""
    request.context["timestamp"] = datetime.fromtimestamp(NOW_S, UTC).strftime("%Y%m%dT%H%M%SZ")
    signer._modify_request_before_signing(request)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(text, request))


# --- equal to botocore -------------------------------------------------------------------------------------------

_SEGMENT = st.one_of(
    st.text(max_size=12).map(lambda text: quote(text, safe="")),
    st.text(max_size=12).map(lambda text: quote(text, safe=":@!$&'()*+,;=~")),
    st.sampled_from([".", "..", "", quote(ARN, safe=""), quote("a/b:c d%é", safe="")]),
)
_PATHS = st.lists(_SEGMENT, max_size=6).map(lambda segments: "/" + "/".join(segments))
_QUERY_TEXT = st.text(max_size=8).map(lambda text: quote(text, safe=""))
_PAIR = st.one_of(st.tuples(_QUERY_TEXT, _QUERY_TEXT).map("=".join), _QUERY_TEXT)
_QUERIES = st.lists(_PAIR, max_size=5).map("&".join)
_HOSTS = st.sampled_from(
    [
        *("bedrock-runtime.us-east-1.amazonaws.com", "VPCE-Example.amazonaws.com", "127.0.0.1:8080", "[::1]:4566"),
        *("example.com:443", "example.com:80"),
    ]
)
_HEADER_NAMES = st.one_of(
    st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=12).map(lambda name: f"X-{name}"),
    st.sampled_from(
        [
            *("Content-Type", "accept", "User-Agent", "Expect", "X-Amzn-Trace-Id", "X-Amz-Security-Token", "TE"),
            *("X-Amzn-SageMaker-Custom-Attributes", "X-Amz-Date", "Authorization", "Host", "connection"),
        ]
    ),
)
_HEADER_VALUES = st.text(string.printable.translate({ord(c): None for c in "\r\n\x0b\x0c"}), max_size=20)


def _apart(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): (name, value) for name, value in headers.items()}


_HEADERS = st.dictionaries(_HEADER_NAMES, _HEADER_VALUES, max_size=6).map(lambda h: dict(_apart(h).values()))


#: Older versions of botocore sign a few headers that the present one leaves out, since they change on the way.
_SIGNED_BY_OLDER_ONES = UNSIGNED_HEADERS - set(SIGNED_HEADERS_BLACKLIST)


@settings(max_examples=400)
@given(
    method=st.sampled_from(["GET", "POST", "put"]),
    scheme=st.sampled_from(["http", "https"]),
    host=_HOSTS,
    path=_PATHS,
    query=_QUERIES,
    headers=_HEADERS,
    body=st.one_of(st.none(), st.binary(max_size=50)),
    keys=st.sampled_from([LASTING, TEMPORARY]),
    scope=st.sampled_from([("bedrock", "us-east-1"), ("sagemaker", "eu-central-1"), ("s3", "us-west-2")]),
)
def test_every_request_is_signed_as_botocore_signs_it(method, scheme, host, path, query, headers, body, keys, scope):
    if keys.session_token is None:  # botocore signs a foreign token; ours is dropped, since it is nobody's
        headers = {name: value for name, value in headers.items() if name.lower() != "x-amz-security-token"}
    headers = {name: value for name, value in headers.items() if name.lower() not in _SIGNED_BY_OLDER_ONES}
    url = f"{scheme}://{host}{path}" + (f"?{query}" if query else "")
    request = WireRequest(method, url, headers, body)
    signed = Signer(*scope).sign(request, keys, now_s=NOW_S)
    assert _apart(signed.headers) == _apart(by_botocore(request, keys, *scope))
    assert (signed.method, signed.url, signed.body) == (method, url, body)


@given(query=_QUERIES, keys=st.sampled_from([LASTING, TEMPORARY]), host=_HOSTS)
def test_an_address_is_presigned_as_botocore_does_it(query, keys, host):
    url = f"https://{host}/a%20b" + (f"?{query}" if query else "")
    request = AWSRequest(method="POST", url=url)
    _at_now(SigV4QueryAuth(_credentials(keys), "sagemaker", "us-east-1", expires=900), request)
    presigned = Signer("sagemaker", "us-east-1").presign("POST", url, keys, now_s=NOW_S, expires_s=900)
    assert presigned == request.url


@pytest.mark.parametrize("service", ["sagemaker", "bedrock"])
def test_a_short_lived_api_key_is_a_presigned_call(service):
    token = Signer(service, "eu-west-1").bearer_token(TEMPORARY, now_s=NOW_S, expires_s=43200).reveal()
    request = AWSRequest("POST", f"https://{service}.amazonaws.com/", params={"Action": "CallWithBearerToken"})
    _at_now(SigV4QueryAuth(_credentials(TEMPORARY), service, "eu-west-1", expires=43200), request)
    prefix, encoded = token.split("-api-key-")
    decoded = base64.b64decode(encoded).decode()
    assert prefix == service
    assert f"https://{decoded}" == request.url + "&Version=1"
    assert parse_qs(urlsplit(f"//{decoded}").query)["X-Amz-Expires"] == ["43200"]


# --- promises of our own -----------------------------------------------------------------------------------------


def test_the_given_request_is_left_as_it_is():
    request = WireRequest("POST", "https://example.com/", {"X-A": "1"}, b"{}")
    Signer("bedrock", "us-east-1").sign(request, TEMPORARY, now_s=NOW_S)
    assert request == WireRequest("POST", "https://example.com/", {"X-A": "1"}, b"{}")


def test_a_signer_follows_keys_and_days():
    signer = Signer("bedrock", "us-east-1")
    request = WireRequest("POST", "https://example.com/", {}, b"{}")
    for keys in (LASTING, TEMPORARY, LASTING):
        assert signer.sign(request, keys, now_s=NOW_S).headers == by_botocore(request, keys, "bedrock", "us-east-1")
    tomorrow = signer.sign(request, LASTING, now_s=NOW_S + 86400).headers
    assert tomorrow == Signer("bedrock", "us-east-1").sign(request, LASTING, now_s=NOW_S + 86400).headers


def test_a_hash_that_the_request_brings_is_signed_as_it_is():
    request = WireRequest("PUT", "https://example.com/", {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}, b"long")
    signed = Signer("bedrock", "us-east-1").sign(request, LASTING, now_s=NOW_S)
    assert signed.headers == by_botocore(request, LASTING, "bedrock", "us-east-1")


def test_keys_do_not_show_themselves():
    assert "temporary/secret" not in repr(TEMPORARY)
    assert "session+token" not in str(TEMPORARY)
