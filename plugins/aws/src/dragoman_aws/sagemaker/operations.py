"""The operations of sagemaker-runtime, and the optional arguments that each of them takes.

``endpoint_kwargs`` name them as AWS does. Headers, lengths and patterns: service model of sagemaker-runtime, botocore
1.44.5.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, NamedTuple, NoReturn

from dragoman.errors import UnsupportedError


class Operation(Enum):
    """An operation: its name, the end of its path, and the header for the type of the answer."""

    INVOKE = ("InvokeEndpoint", "invocations", "Content-Type", "Accept")
    STREAM = (
        "InvokeEndpointWithResponseStream",
        "invocations-response-stream",
        "Content-Type",
        "X-Amzn-SageMaker-Accept",
    )
    ASYNC = (
        "InvokeEndpointAsync",
        "async-invocations",
        "X-Amzn-SageMaker-Content-Type",
        "X-Amzn-SageMaker-Accept",
    )

    def __init__(self, title: str, path: str, content_type_header: str, accept_header: str) -> None:
        self.title = title
        self.path = path
        self.content_type_header = content_type_header
        self.accept_header = accept_header


ALL = frozenset(Operation)
_REALTIME = frozenset({Operation.INVOKE, Operation.STREAM})
_INVOKE = frozenset({Operation.INVOKE})
_ASYNC = frozenset({Operation.ASYNC})

#: Returns the header's text; raises ``ValueError`` with what is expected instead.
Check = Callable[[Any], str]


class Argument(NamedTuple):
    """An optional argument: where it travels, which operations take it, what it may be. No header: the ``Accept``."""

    header: str | None
    operations: frozenset[Operation]
    check: Check


def _text(pattern: str, longest: int, expected: str) -> Check:
    matches = re.compile(pattern, re.ASCII).fullmatch

    def check(value: Any) -> str:
        if not isinstance(value, str) or len(value) > longest or not matches(value):
            raise ValueError(f"{expected} is expected, up to {longest} characters")
        return value

    return check


def _number(least: int, most: int) -> Check:
    def check(value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most} is expected")
        return str(value)

    return check


_PRINTABLE = r"[!-~][ -~]*"
_LINE = _text(r"[ -~]*", 1024, "one line of ASCII text")
_NAME = _text(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*", 63, "a name of letters, digits and hyphens")
_SHORT = _text(_PRINTABLE, 64, "one line of ASCII text that does not begin with a blank")
_SESSION = _text(r"NEW_SESSION|[a-zA-Z0-9](-*[a-zA-Z0-9])*", 256, "NEW_SESSION, or a session's id")

ARGUMENTS: Mapping[str, Argument] = {
    "Accept": Argument(None, ALL, _LINE),
    "CustomAttributes": Argument("X-Amzn-SageMaker-Custom-Attributes", ALL, _LINE),
    "EnableExplanations": Argument(
        "X-Amzn-SageMaker-Enable-Explanations", _INVOKE, _text(r"[ -~]+", 64, "an expression in one line")
    ),
    "Filename": Argument(
        "X-Amzn-SageMaker-Filename",
        _ASYNC,
        _text(r"(?!.*\..*\.)[a-zA-Z0-9][a-zA-Z0-9_.-]*", 32, "a file's name with one dot at most"),
    ),
    "InferenceComponentName": Argument("X-Amzn-SageMaker-Inference-Component", _REALTIME, _NAME),
    "InferenceId": Argument("X-Amzn-SageMaker-Inference-Id", ALL, _SHORT),
    "InvocationTimeoutSeconds": Argument("X-Amzn-SageMaker-InvocationTimeoutSeconds", _ASYNC, _number(1, 3600)),
    "PrefixAwareId": Argument("X-Amzn-SageMaker-Prefix-Aware-Id", _REALTIME, _SHORT),
    "RequestTTLSeconds": Argument("X-Amzn-SageMaker-RequestTTLSeconds", _ASYNC, _number(60, 21600)),
    "S3OutputPathExtension": Argument(
        "X-Amzn-SageMaker-S3OutputPathExtension",
        _ASYNC,
        _text(r"(?!s3:|https:)[a-zA-Z0-9!_.*'()/-]+", 512, "the end of a path in S3"),
    ),
    "SessionId": Argument("X-Amzn-SageMaker-Session-Id", _REALTIME, _SESSION),
    "TargetContainerHostname": Argument("X-Amzn-SageMaker-Target-Container-Hostname", _REALTIME, _NAME),
    "TargetModel": Argument(
        "X-Amzn-SageMaker-Target-Model", _INVOKE, _text(_PRINTABLE, 1024, "the model's file, such as model-a.tar.gz")
    ),
    "TargetVariant": Argument("X-Amzn-SageMaker-Target-Variant", _REALTIME, _NAME),
}

#: Arguments that the document says elsewhere -> where.
_ELSEWHERE: Mapping[str, str] = {
    "EndpointName": "the endpoint is the adapter's model",
    "Body": "the body is what the mapping writes",
    "ContentType": "use mapping.content_type",
    "InputLocation": "use connection.s3.input",
}
_NEW_SESSION = "NEW_SESSION"


def add_arguments(headers: dict[str, str], endpoint_kwargs: Mapping[str, Any], operation: Operation) -> None:
    """Write the call's own arguments into the headers.

    Raises:
        UnsupportedError: One is unknown, not this operation's, said elsewhere, or not what AWS takes.
    """
    for name, value in endpoint_kwargs.items():
        argument = ARGUMENTS.get(name)
        if argument is None:
            _refuse_unknown(name)
        if operation not in argument.operations:
            takers = ", ".join(o.title for o in Operation if o in argument.operations)
            _refuse(f"{operation.title} does not take it", name, f"it is for {takers}{_instead(operation, argument)}")
        try:
            text = argument.check(value)
        except ValueError as error:
            raise UnsupportedError(str(error), path=f"endpoint_kwargs.{name}") from None
        if operation is Operation.STREAM and name == "SessionId" and text == _NEW_SESSION:
            _refuse("a stream cannot open a session", name, "open it with a call that is not streamed")
        header = argument.header or operation.accept_header
        if argument.header is not None and header in headers:
            _refuse("is said twice", name, "remove connection.inference_component, or this")
        headers[header] = text


def _instead(operation: Operation, argument: Argument) -> str:
    if operation is Operation.STREAM and Operation.INVOKE in argument.operations:
        return "; set capabilities.streaming to false"
    return ""


def _refuse_unknown(name: str) -> NoReturn:
    if elsewhere := _ELSEWHERE.get(name):
        _refuse("cannot be set here", name, elsewhere)
    _refuse("is not known", name, f"there are {', '.join(ARGUMENTS)}")


def _refuse(what: str, name: str, hint: str) -> NoReturn:
    raise UnsupportedError(what, path=f"endpoint_kwargs.{name}", hint=hint)
