"""How to test it."""

from dragoman.testing import EmbedWire, ProviderCase, Reply, RerankWire

CONNECTION = {"base_url": "{upstream}"}


class Vectors(EmbedWire):
    max_texts = 4

    def texts(self, sent):
        return sent.json()["texts"]

    def vectors(self, vectors, input_tokens, sent):
        return Reply.json({"vectors": vectors, "tokens": input_tokens})


class Ranking(RerankWire):
    max_documents = 20

    def documents(self, sent):
        return sent.json()["documents"]

    def ranking(self, ranked, sent):
        return Reply.json({"ranking": [{"index": r.index, "score": r.score} for r in ranked]})


EMBED = ProviderCase(
    kind="vectors",
    document={"operation": "embed", "model": "v", "connection": CONNECTION},
    wire=Vectors(),
    supports={"dimensions", "truncate", "purpose"},
    values={"truncate": "tail"},
)
RERANK = ProviderCase(
    kind="vectors", document={"operation": "rerank", "model": "r", "connection": CONNECTION}, wire=Ranking()
)
