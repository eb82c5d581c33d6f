"""AWS signatures: recomputed with botocore from what came over the wire."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

import pytest
from dragoman import Engine
from dragoman.errors import AuthenticationError, DocumentError
from dragoman.testing.upstream import Received, Reply, Upstream

from .conftest import ANSWER, CANARY

pytest.importorskip("dragoman_aws", reason="dragoman-http[aws] is not installed")

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

Document = Callable[..., dict[str, Any]]

STS_ANSWER = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<AssumedRoleUser><AssumedRoleId>AROA:dragoman</AssumedRoleId><Arn>arn:aws:sts::111122223333:assumed-role/I/d</Arn>
</AssumedRoleUser><Credentials><AccessKeyId>ASIAASSUMED</AccessKeyId><SecretAccessKey>assumed</SecretAccessKey>
<SessionToken>session</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>
</AssumeRoleResponse>"""

KEYS = {"AKIDEXAMPLE": (CANARY, None), "ASIAASSUMED": ("assumed", "session")}


def expected(request: Received, access_key_id: str, scope: list[str], signed: list[str]) -> str:
    """Return the signature that AWS would compute."""
    secret, token = KEYS[access_key_id]
    assert request.headers.get("x-amz-security-token") == token
    headers = {name: request.headers[name] for name in signed}
    url = f"http://{request.headers['host']}{request.target}"
    signer = SigV4Auth(Credentials(access_key_id, secret), scope[2], scope[1])
    again = AWSRequest(request.method, url, headers=headers, data=request.body)
    again.context["timestamp"] = request.headers["x-amz-date"]
    return str(signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again))


def verified(request: Received) -> Reply:
    """Answer where the signature holds, as an endpoint behind AWS's IAM does."""
    algorithm, _, rest = request.headers.get("authorization", "").partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    access_key_id, *scope = parts["Credential"].split("/")
    signed = parts["SignedHeaders"].split(";")
    holds = hmac.compare_digest(expected(request, access_key_id, scope, signed), parts["Signature"])
    assert algorithm == "AWS4-HMAC-SHA256"
    return ANSWER if holds else Reply.json({"fault": {"text": f"{access_key_id}: wrong signature"}}, 403)


@pytest.fixture
def adapter(endpoint: Upstream, document: Document) -> Document:
    endpoint.answer(verified)

    def make(members: dict[str, Any] | None = None, /, **auth: Any) -> dict[str, Any]:
        named = {"access_key_id": "THE_KEY_ID", "secret_access_key": "THE_SECRET"}
        return document(
            {"credentials": named, "model": "org/m 1", **(members or {})},
            url=f"{endpoint.url}/prod/{{model}}/ask",
            query={"b": "x y/z", "a": ["2", "1"], "c": ""},
            headers={"X-Team": "search"},
            auth={
                "kind": "aws_sigv4",
                "service": "execute-api",
                "region": "eu-central-1",
                "source": {"kind": "aws_keys"},
                **auth,
            },
        )

    return make


@pytest.fixture(autouse=True)
def _key_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY_ID", "AKIDEXAMPLE")


async def test_a_signature_holds(engine: Engine, endpoint: Upstream, adapter: Document) -> None:
    assert (await engine.chat(adapter(), "Hi")).text == "Hello"
    (sent,) = endpoint.received
    assert "AKIDEXAMPLE/" in sent.headers["authorization"]
    assert "/eu-central-1/execute-api/aws4_request" in sent.headers["authorization"]


async def test_a_role_is_assumed_once(engine: Engine, endpoint: Upstream, adapter: Document) -> None:
    with Upstream() as sts:
        sts.answer(Reply.text(STS_ANSWER, 200, "text/xml"))
        roles = [{"arn": "arn:aws:iam::111122223333:role/Invoke", "external_id": "x-1"}]
        role = adapter(roles=roles, sts_endpoint_url=sts.url)
        for _ in range(2):
            assert (await engine.chat(role, "Hi")).text == "Hello"
        assert len(sts.received) == 1
        assert b"ExternalId=x-1" in sts.received[0].body
    assert "ASIAASSUMED/" in endpoint.received[0].headers["authorization"]


async def test_a_dry_run_shows_no_key(engine: Engine, endpoint: Upstream, adapter: Document) -> None:
    shown = await engine.dry_run(adapter(), "Hi")
    assert "Credential=***/" in shown.headers["Authorization"]
    assert CANARY not in repr(shown)
    await engine.chat(adapter(), "Hi")
    assert endpoint.received[0].target == shown.url.removeprefix(endpoint.url)


async def test_a_wrong_key_is_an_error_of_the_endpoint(
    engine: Engine, adapter: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_SECRET", "another")
    with pytest.raises(Exception, match="wrong signature") as caught:
        await engine.chat(adapter(), "Hi")
    assert caught.value.code == "permission_denied"
    assert not isinstance(caught.value, AuthenticationError)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown source": ({"source": {"kind": "magic"}}, "source"),
    "an unknown member": ({"source": {"kind": "aws_keys", "key": "x"}}, r"source\..*key"),
    "a Bedrock key": ({"source": {"kind": "bedrock_api_key"}}, "signs nothing"),
    "no role": ({"roles": [{"arn": "Invoke"}]}, r"roles\.0\.arn: the ARN of a role"),
    "too long a chain": (
        {"roles": [{"arn": "arn:aws:iam::111122223333:role/A"}, {"arn": "arn:aws:iam::111122223333:role/B",
                                                                 "duration_s": 7200}],
         "source": {"kind": "aws_profile", "profile": "p"}},
        "duration_s",
    ),
    "no region": ({"region": "Frankfurt"}, "region"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
async def test_an_identity_that_cannot_be_is_refused_when_the_adapter_is_resolved(
    engine: Engine, adapter: Document, case: str
) -> None:
    auth, words = REFUSED[case]
    with pytest.raises(DocumentError, match=words):
        await engine.resolve(adapter(**auth))


@pytest.mark.parametrize("auth", [{"source": {"kind": "aws_default"}}, {"sts_endpoint_url": "https://sts.example"}])
async def test_an_api_caller_chooses_no_source_and_no_sts(
    engine: Engine, adapter: Document, auth: dict[str, Any]
) -> None:
    with pytest.raises(DocumentError, match="may not set it"):
        await engine.resolve(adapter(**auth), trusted=False)
