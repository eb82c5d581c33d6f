"""What ``embed`` and ``rerank`` show of an answer, and the files that vectors are written to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from dragoman.cli.answers import usage_object
from dragoman.cli.output import note, table, write_json
from dragoman.errors import DragomanError
from dragoman.events import EmbedResponse, RerankResponse, Usage

#: Of a long answer the table shows this many texts, of each text this many characters, of each vector the first few.
ROWS, CHARACTERS, NUMBERS = 20, 60, 3


# --- vectors -----------------------------------------------------------------------------------------------------


def print_object(response: EmbedResponse) -> None:
    """Print the whole answer as one JSON object, on one line: vectors are long."""
    write_json(embedding_object(response), indent=None)


def print_lines(response: EmbedResponse, texts: Sequence[str]) -> None:
    """Print one JSON object a line."""
    for line in _line_objects(response, texts):
        write_json(line, indent=None)


def print_table(response: EmbedResponse, texts: Sequence[str]) -> None:
    """Print a summary: for each text its vector's length and beginning, or that it has none."""
    rows = []
    for index, (text, vector) in enumerate(zip(texts[:ROWS], response.vectors, strict=False)):
        begins = "failed" if vector is None else ", ".join(f"{value:.4f}" for value in vector[:NUMBERS]) + ", …"
        rows.append((str(index), "" if vector is None else str(len(vector)), begins, excerpt(text)))
    table(("text", "dimensions", "vector", "begins"), rows)
    if len(texts) > ROWS:
        note(f"{len(texts) - ROWS} more texts are not shown; --json, --jsonl and --output give all of them")


def save(response: EmbedResponse, texts: Sequence[str], path: Path) -> None:
    """Write the vectors to a file: one object a line, or the whole answer; a file that is there is replaced.

    Raises:
        DragomanError: It cannot be written.
    """
    if path.suffix.lower() == ".json":
        pieces: Iterator[Any] = iter([embedding_object(response)])
    else:
        pieces = _line_objects(response, texts)
    try:
        with path.open("wb") as file:
            for piece in pieces:
                file.write(orjson.dumps(piece, option=orjson.OPT_APPEND_NEWLINE))
    except OSError as error:
        raise DragomanError(f"{path} cannot be written: {error.strerror}") from None


def embedding_object(response: EmbedResponse) -> dict[str, Any]:
    """Return the JSON form of vectors; what only some answers have is left out of the others."""
    return {
        "vectors": response.vectors,
        **({"encodings": response.encodings} if response.encodings else {}),
        **_beside(response),
    }


def _line_objects(response: EmbedResponse, texts: Sequence[str]) -> Iterator[dict[str, Any]]:
    for index, text in enumerate(texts):
        line: dict[str, Any] = {"index": index, "text": text}
        if index in response.failures:
            line["error"] = response.failures[index].as_dict()
        else:
            line["vector"] = response.vectors[index]
        for name, forms in response.encodings.items():
            line[name] = forms[index]
        yield line


# --- rankings ----------------------------------------------------------------------------------------------------


def ranking_object(response: RerankResponse, documents: Sequence[str]) -> dict[str, Any]:
    """Return the JSON form of a ranking, with the documents' texts."""
    results = [
        {"rank": rank, "index": ranked.index, "score": ranked.score, "text": documents[ranked.index]}
        for rank, ranked in enumerate(response.results, 1)
    ]
    return {"results": results, **_beside(response)}


def print_ranking(response: RerankResponse, documents: Sequence[str]) -> None:
    """Print the ranking as a table; ``document`` counts from 0, in the order that the documents were given."""
    rows = [
        (str(rank), f"{ranked.score:.4f}", str(ranked.index), " ".join(documents[ranked.index].split()))
        for rank, ranked in enumerate(response.results, 1)
    ]
    table(("rank", "score", "document", "text"), rows)


# --- both --------------------------------------------------------------------------------------------------------


def tell(response: EmbedResponse | RerankResponse, output: str | None = None) -> None:
    """Tell on stderr where the vectors went, what the call cost, and what else there is to know."""
    if output is not None:
        note(f"written to {output}")
    note(_cost(response.usage))
    for report in response.reports:
        note(report.message)


def excerpt(text: str) -> str:
    """Return the beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= CHARACTERS else f"{line[: CHARACTERS - 1]}…"


def _cost(usage: Usage) -> str:
    if usage.input_tokens is None:
        return "the provider gave no figures for what it read"
    about = "about " if usage.source == "estimated" else ""
    return f"{about}{usage.input_tokens} tokens read"


def _beside(response: EmbedResponse | RerankResponse) -> dict[str, Any]:
    sometimes = {
        "failures": [{"index": index, **error.as_dict()} for index, error in sorted(response.failures.items())],
        "response_id": response.response_id,
        "upstream": response.upstream,
        "reports": [report._asdict() for report in response.reports],
        "extra": response.extra,
    }
    return {
        "usage": usage_object(response.usage),
        "adapter": response.adapter,
        "provider": response.provider,
        "model": response.model,
        "request_id": response.request_id,
        **{name: value for name, value in sometimes.items() if value},
    }
