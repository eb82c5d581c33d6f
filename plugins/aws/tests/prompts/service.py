"""Prompt management on the edge: requests are read, and answers written, by botocore's model of the service."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from struct import pack, unpack
from typing import Any
from urllib.parse import parse_qs, unquote

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from dragoman.testing.upstream import Received, Reply

from ..edge import Caller, Edge, error  # noqa: TID252

Json = dict[str, Any]
ACCOUNT = "111122223333"
MODEL = ServiceModel(Loader().load_service_model("bedrock-agent", "service-2"), "bedrock-agent")
OPERATIONS = (
    *("CreatePrompt", "UpdatePrompt", "GetPrompt", "ListPrompts", "DeletePrompt", "CreatePromptVersion"),
    *("TagResource", "ListTagsForResource"),
)


class RefusedByModelError(Exception):
    """A request that the service's model does not have."""


class PromptManagement:
    """The prompts of one region, in memory. ``calls`` holds the operations that came, in their order."""

    def __init__(self, edge: Edge, page_size: int = 2) -> None:
        self.calls: list[str] = []
        self.requests: list[Json] = []
        self.drafts: dict[str, Json] = {}
        self.versions: dict[str, list[Json]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.single_precision = True
        self.page_size = page_size
        self._tokens: dict[str, str] = {}
        self._numbers = itertools.count(1)
        for name in OPERATIONS:
            http = MODEL.operation_model(name).http
            path = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(http["requestUri"]))
            edge.route(http["method"], path, self._handler(name))

    def _handler(self, name: str) -> Callable[[Received, Caller], Reply]:
        operation = MODEL.operation_model(name)

        def answer(request: Received, caller: Caller) -> Reply:
            assert caller.service == "bedrock"
            try:
                given = parsed(request, operation)
            except RefusedByModelError as refused:
                return error("ValidationException", str(refused), 400)
            self.calls.append(name)
            self.requests.append(given)
            try:
                said = getattr(self, f"_{name}")(given, caller)
            except KeyError:
                return error("ResourceNotFoundException", "The prompt was not found.", 404)
            return Reply.json(shaped(said, operation.output_shape), operation.http["responseCode"])

        return answer

    # --- operations ----------------------------------------------------------------------------------------------

    def _CreatePrompt(self, given: Json, caller: Caller) -> Json:
        token = given["clientToken"]
        if token in self._tokens:
            return self.drafts[self._tokens[token]]
        prompt_id = f"PROMPT{next(self._numbers):04d}"
        arn = f"arn:aws:bedrock:{caller.region}:{ACCOUNT}:prompt/{prompt_id}"
        self._tokens[token] = prompt_id
        self.tags[arn] = dict(given.get("tags", {}))
        self.drafts[prompt_id] = self._kept(given, id=prompt_id, arn=arn, version="DRAFT", createdAt=_now())
        self.versions[prompt_id] = []
        return self.drafts[prompt_id]

    def _UpdatePrompt(self, given: Json, caller: Caller) -> Json:
        before = self.drafts[given.pop("promptIdentifier")]
        stays = {name: before[name] for name in ("id", "arn", "version", "createdAt")}
        self.drafts[before["id"]] = self._kept(given, **stays)
        return self.drafts[before["id"]]

    def _kept(self, given: Json, **more: Any) -> Json:
        whole = {name: value for name, value in given.items() if name not in ("clientToken", "tags")}
        return {**(single(whole) if self.single_precision else whole), **more, "updatedAt": _now()}

    def _GetPrompt(self, given: Json, caller: Caller) -> Json:
        version = given.get("promptVersion", "DRAFT")
        rows = [self.drafts[given["promptIdentifier"]], *self.versions[given["promptIdentifier"]]]
        return next(iter(row for row in rows if row["version"] == version), None) or {}["no such version"]

    def _ListPrompts(self, given: Json, caller: Caller) -> Json:
        rows = list(self.drafts.values())
        if prompt_id := given.get("promptIdentifier"):
            rows = [self.drafts[prompt_id], *reversed(self.versions[prompt_id])]
        begin = int(given.get("nextToken", "0"))
        page = rows[begin : begin + self.page_size]
        members = ("name", "description", "id", "arn", "version", "createdAt", "updatedAt")
        more = {"nextToken": str(begin + self.page_size)} if begin + self.page_size < len(rows) else {}
        return {"promptSummaries": [{m: row[m] for m in members if m in row} for row in page], **more}

    def _DeletePrompt(self, given: Json, caller: Caller) -> Json:
        prompt_id = given["promptIdentifier"]
        if version := given.get("promptVersion"):
            self.versions[prompt_id] = [row for row in self.versions[prompt_id] if row["version"] != version]
            return {"id": prompt_id, "version": version}
        del self.drafts[prompt_id]
        return {"id": prompt_id}

    def _CreatePromptVersion(self, given: Json, caller: Caller) -> Json:
        draft = self.drafts[given["promptIdentifier"]]
        number = str(len(self.versions[draft["id"]]) + 1)
        described = {"description": given["description"]} if "description" in given else {}
        row = {**draft, **described, "version": number, "arn": f"{draft['arn']}:{number}"}
        self.versions[draft["id"]].append(row)
        self.tags[row["arn"]] = dict(given.get("tags", {}))
        return row

    def _TagResource(self, given: Json, caller: Caller) -> Json:
        self.tags[given["resourceArn"]] |= given["tags"]
        return {}

    def _ListTagsForResource(self, given: Json, caller: Caller) -> Json:
        return {"tags": self.tags[given["resourceArn"]]}


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat()


def single(value: Any) -> Any:
    """Return a value as it comes back from a store that keeps numbers with single precision."""
    if isinstance(value, float):
        return unpack("f", pack("f", value))[0]
    if isinstance(value, Mapping):
        return {name: single(inner) for name, inner in value.items()}
    return [single(item) for item in value] if isinstance(value, list) else value


# --- by the service's model --------------------------------------------------------------------------------------


def parsed(request: Received, operation: Any) -> Json:
    """Return the arguments of a request; raise where the model knows none of its members, or their limits not hold."""
    shape = operation.input_shape
    path, _, query = request.target.partition("?")
    given: Json = json.loads(request.body) if request.body else {}
    uri = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(operation.http["requestUri"]))
    places = re.fullmatch(uri, path)
    assert places is not None
    for name, member in shape.members.items():
        location, spelt = member.serialization.get("location"), member.serialization.get("name", name)
        if location == "uri":
            given[name] = unquote(places[spelt])
        elif location == "querystring" and spelt in parse_qs(query):
            given[name] = parse_qs(query)[spelt][0]
    report = ParamValidator().validate({n: v for n, v in given.items() if n != "maxResults"}, shape)
    if report.has_errors():
        raise RefusedByModelError(report.generate_report())
    if wrong := list(beyond(given, shape, "")):
        raise RefusedByModelError("; ".join(wrong))
    return given


def beyond(value: Any, shape: Any, path: str) -> Iterator[str]:
    """Yield where a value is longer than the model allows, or not of its pattern; documents are anything."""
    if shape.metadata.get("document"):
        return
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max")
    size = value if isinstance(value, int | float) else len(value)
    if size < least or (most is not None and size > most):
        yield f"{path} is {size}"
    pattern = shape.metadata.get("pattern", r"[\s\S]*")
    if shape.name == "TaggableResourcesArn":  # the model writes /d where it means digits
        pattern = r"arn:aws:bedrock:[a-z0-9-]+:\d{12}:prompt/[0-9A-Za-z]{10}(:\d+)?"
    if shape.type_name == "string" and not re.fullmatch(pattern, value):
        yield f"{path} is not of its pattern"
    if shape.type_name == "structure":
        for name, inner in value.items():
            yield from beyond(inner, shape.members[name], f"{path}.{name}")
    if shape.type_name == "list":
        for number, inner in enumerate(value):
            yield from beyond(inner, shape.member, f"{path}.{number}")


def shaped(value: Any, shape: Any) -> Any:
    """Return an answer; fail where the model has no such member, or misses one."""
    if shape is None or shape.metadata.get("document"):
        return value
    if shape.type_name == "structure":
        assert set(value) <= set(shape.members), set(value) - set(shape.members)
        assert set(shape.required_members) <= set(value), set(shape.required_members) - set(value)
        return {name: shaped(inner, shape.members[name]) for name, inner in value.items()}
    if shape.type_name == "list":
        return [shaped(inner, shape.member) for inner in value]
    return value
