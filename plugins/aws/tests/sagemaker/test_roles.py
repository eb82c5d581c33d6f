"""The adapter's role makes every call: the endpoint's, those to S3, and the key of the OpenAI route."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from dragoman import Engine
from dragoman.errors import PermissionDeniedError
from dragoman.testing.upstream import Reply

from ..edge import Admitted  # noqa: TID252  (the tests are no package to install)
from .conftest import SageMaker

Make = Callable[..., dict[str, Any]]

ROLE = "arn:aws:iam::444455556666:role/Invoke"
ASSUMED = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey>
<SessionToken>role-token</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""


@pytest.fixture
def role(sagemaker: SageMaker) -> dict[str, Any]:
    """Return the connection's members of a role that the edge's STS lends to alice."""
    sagemaker.edge.admit(Admitted("ASIAROLE", "role-secret", "role-token", who="role"))
    sagemaker.edge.route("POST", "/", Reply.text(ASSUMED, content_type="text/xml"))
    return {"roles": [{"arn": ROLE, "external_id": "x-1"}], "sts_endpoint_url": sagemaker.edge.url}


def callers(sagemaker: SageMaker) -> list[tuple[str, str]]:
    return [(caller.service, caller.who) for caller in sagemaker.edge.callers]


async def test_an_endpoint_is_called_as_the_role_that_is_assumed_once(
    engine: Engine, document: Make, sagemaker: SageMaker, role: dict[str, Any]
) -> None:
    sagemaker.says(Reply.json([{"generated_text": "Yes"}]))
    for _ in range(2):
        assert (await engine.chat(document(connection=role), "hi")).text == "Yes"
    assert callers(sagemaker) == [("sts", "alice"), ("sagemaker", "role"), ("sagemaker", "role")]


async def test_what_lies_in_s3_is_put_and_read_as_the_role(
    engine: Engine, document: Make, sagemaker: SageMaker, role: dict[str, Any]
) -> None:
    places = {"input": "s3://requests/a", "endpoint_url": sagemaker.edge.url, "first_poll_s": 0.001}
    sagemaker.says(Reply((b"{}",), 202, {"x-amzn-sagemaker-outputlocation": "s3://answers/1"}), "async-invocations")
    sagemaker.edge.route("PUT", "/requests/a/.*", Reply())
    sagemaker.edge.route("GET", "/answers/1", Reply.json([{"generated_text": "Yes"}]))
    adapter = document(connection={**role, "invocation": "async", "s3": places})
    assert (await engine.chat(adapter, "hi")).text == "Yes"
    assert callers(sagemaker) == [("sts", "alice"), ("s3", "role"), ("sagemaker", "role"), ("s3", "role")]


async def test_the_key_of_the_openai_route_is_the_roles(
    engine: Engine, document: Make, sagemaker: SageMaker, role: dict[str, Any]
) -> None:
    pytest.importorskip("dragoman_openai")
    said = {"choices": [{"message": {"content": "Yes"}, "finish_reason": "stop"}]}
    sagemaker.says(Reply.json(said), "openai/v1/chat/completions")
    adapter = {**document(connection={**role, "route": "openai"}), "mapping": None}
    assert (await engine.chat(adapter, "hi")).text == "Yes"
    assert callers(sagemaker) == [("sts", "alice"), ("sagemaker", "role")]


async def test_a_refusal_names_the_role(
    engine: Engine, document: Make, sagemaker: SageMaker, role: dict[str, Any]
) -> None:
    sagemaker.says(Reply.json({"Message": "no"}, 403, x_amzn_errortype="AccessDeniedException"))
    with pytest.raises(PermissionDeniedError, match=ROLE):
        await engine.chat(document(connection=role), "hi")
