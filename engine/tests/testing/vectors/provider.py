"""The provider: ``POST /vectors`` and ``POST /ranking``."""

import json

from dragoman.errors import ProtocolError, UnsupportedError, error_class_for_status
from dragoman.events import EmbedResponse, Ranked, RerankResponse, Usage
from dragoman.plugin import EmbedCodec, HeaderKey, Provider, RerankCodec, WireRequest


class VectorsProvider(Provider):
    def open(self, target, context):
        authorizer = HeaderKey(context, target.credentials["api_key"])
        url = target.connection.base_url
        if target.operation == "embed":
            return context.embed_session(Embed(url, target.model), authorizer)
        return context.rerank_session(Rerank(url, target.model), authorizer)


class _Wire:
    path = ""

    def __init__(self, url, model):
        self.url, self.model = f"{url}/{self.path}", model

    def request(self, request, body, takes):
        inference = request.settings.inference.model_dump(exclude_none=True, exclude={"configuration"})
        for name, value in inference.items():
            if name not in takes:
                raise UnsupportedError("this provider does not take it", path=f"inference.{name}")
            body[name] = value
        if request.settings.endpoint_kwargs or request.settings.model_kwargs:
            raise UnsupportedError(f"takes none: {[*request.settings.model_kwargs]}", path="model_kwargs")
        body["model"] = self.model
        return WireRequest("POST", self.url, {"Content-Type": "application/json"}, json.dumps(body).encode())

    def error(self, reply):
        try:
            message = str(json.loads(reply.body)["error"]["message"])
        except (ValueError, KeyError, TypeError):
            message = f"the provider answered {reply.status}"
        return error_class_for_status(reply.status)(message, status=reply.status)


class Embed(_Wire, EmbedCodec):
    path = "vectors"
    max_texts = 4

    def encode(self, request):
        body = {"texts": list(request.texts)}
        if request.purpose:
            body["purpose"] = request.purpose
        return self.request(request, body, {"dimensions", "truncate"})

    def decode(self, request, reply):
        answer = parse(reply)
        vectors = answer["vectors"]
        return EmbedResponse(vectors, usage=Usage(answer["tokens"], 0, answer["tokens"], source="provider"))


class Rerank(_Wire, RerankCodec):
    path = "ranking"
    max_documents = 20

    def encode(self, request):
        return self.request(request, {"query": request.query, "documents": list(request.documents)}, set())

    def decode(self, request, reply):
        results = [Ranked(row["index"], row["score"]) for row in parse(reply)["ranking"]]
        return RerankResponse(results)


def parse(reply):
    try:
        answer = json.loads(reply.body)
        return {**answer, "one": answer.get("vectors") or answer["ranking"]}
    except (ValueError, KeyError, AttributeError, TypeError):
        raise ProtocolError("the answer is not what was promised") from None
