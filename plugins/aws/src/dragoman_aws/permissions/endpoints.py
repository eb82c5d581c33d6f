"""What a SageMaker adapter's calls need, and looking at what it calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from dragoman.errors import DocumentError, Problem
from dragoman.plugin import Target

from dragoman_aws.identity.region import partition
from dragoman_aws.permissions.statements import ANY, Statement
from dragoman_aws.sagemaker.connection import SageMakerConnection
from dragoman_aws.uses import Use

_S3 = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?")


class EndpointUse(NamedTuple):
    """An adapter's endpoint, where and whose it is, and how it is called."""

    target: Target
    connection: SageMakerConnection
    region: str
    account: str
    streaming: bool
    s3_outputs: tuple[str, ...] = ()

    def arn(self, resource: str) -> str:
        """Return the ARN of a thing of SageMaker's."""
        return f"arn:{partition(self.region)}:sagemaker:{self.region}:{self.account or ANY}:{resource}"

    @property
    def endpoint(self) -> str:
        """The endpoint's ARN; names are in small letters there."""
        return self.arn(f"endpoint/{self.target.model.lower()}")

    @property
    def component(self) -> tuple[str, ...]:
        """The ARN of the inference component that is called; none where there is none."""
        name = self.connection.inference_component
        return (self.arn(f"inference-component/{name.lower()}"),) if name else ()


_Allowed = tuple[list[Statement], list[str]]


def statements_for(endpoint: EndpointUse, uses: Sequence[Use]) -> tuple[list[Statement], tuple[str, ...]]:
    """Return what the uses of an endpoint need, and what is not known."""
    statements: list[Statement] = []
    notes: list[str] = []
    for use in uses:
        made = _BY_USE.get(use)
        allowed, told = made(endpoint) if made else ([], [f"an endpoint of SageMaker has no {use}: nothing is allowed"])
        statements += allowed
        notes += told
    return statements, tuple(notes)


def _invoke(endpoint: EndpointUse) -> _Allowed:
    connection = endpoint.connection
    resources = (endpoint.endpoint, *endpoint.component)
    statements = [Statement("InvokeEndpoint", _actions(endpoint), resources)]
    if connection.route == "openai":
        statements.append(Statement("UseBearerToken", ("sagemaker:CallWithBearerToken",), (ANY,)))
    if connection.invocation != "async":
        return statements, []
    if connection.s3 is not None and connection.s3.input is not None:
        _, below = _place(endpoint, connection.s3.input)
        statements.append(Statement("PutInput", ("s3:PutObject",), (below,)))
    return [*statements, *_reading(endpoint)], _not_read(endpoint)


def _actions(endpoint: EndpointUse) -> tuple[str, ...]:
    if endpoint.connection.invocation == "async":
        return ("sagemaker:InvokeEndpointAsync",)
    streams = endpoint.streaming and endpoint.target.operation == "chat"
    more = ("sagemaker:InvokeEndpointWithResponseStream",) if streams else ()
    return ("sagemaker:InvokeEndpoint", *more)


def _reading(endpoint: EndpointUse) -> list[Statement]:
    """Return what waiting for answers takes: without ListBucket, S3 refuses what is not there yet.

    A condition on the prefix would not hold there: GetObject brings none along.
    """
    if not endpoint.s3_outputs:
        return []
    places = [_place(endpoint, output) for output in endpoint.s3_outputs]
    return [
        Statement("ReadAnswers", ("s3:GetObject",), tuple(dict.fromkeys(below for _, below in places))),
        Statement("AwaitAnswers", ("s3:ListBucket",), tuple(dict.fromkeys(bucket for bucket, _ in places))),
    ]


def _not_read(endpoint: EndpointUse) -> list[str]:
    if endpoint.s3_outputs:
        return []
    where = "where the endpoint's configuration puts them"
    return [f"answers are read from S3: allow s3:GetObject and s3:ListBucket {where}, or say where with --s3-output"]


def _place(endpoint: EndpointUse, text: str) -> tuple[str, str]:
    """Return the ARNs of a bucket, and of everything below a place in it."""
    found = _S3.fullmatch(text)
    if found is None:
        raise DocumentError("policy", [Problem("s3", f"{text!r} is no place in S3", "such as s3://bucket/answers")])
    bucket = f"arn:{partition(endpoint.region)}:s3:::{found['bucket']}"
    prefix = (found["prefix"] or "").strip("/")
    return bucket, f"{bucket}/{prefix}/*" if prefix else f"{bucket}/*"


def _lookup(endpoint: EndpointUse) -> _Allowed:
    statements = [Statement("DescribeEndpoint", ("sagemaker:DescribeEndpoint",), (endpoint.endpoint,))]
    if endpoint.component:
        action = "sagemaker:DescribeInferenceComponent"
        statements.append(Statement("DescribeComponent", (action,), endpoint.component))
    return [*statements, Statement("List", ("sagemaker:ListEndpoints",), (ANY,))], []


def _list(endpoint: EndpointUse) -> _Allowed:
    return [Statement("ListEndpoints", ("sagemaker:ListEndpoints", "sagemaker:ListInferenceComponents"), (ANY,))], []


_BY_USE: Mapping[Use, Callable[[EndpointUse], _Allowed]] = {"invoke": _invoke, "lookup": _lookup, "list": _list}
