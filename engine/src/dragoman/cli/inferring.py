"""``dragoman adapters infer``: a mapping proposed from one sample request and the answer to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dragoman.cli.options import global_options, json_option
from dragoman.cli.output import json_text, note, write, write_json, write_line
from dragoman.errors import DocumentError, Problem

if TYPE_CHECKING:
    from dragoman.mapping.infer import Finding, Proposal

EPILOG = """\b
Examples:
  dragoman adapters infer --request request.json --response response.json
  dragoman adapters infer --request request.json --response response.json > draft.yaml
"""

#: What the dry run asks.
QUESTION = "Hello"


@click.command(epilog=EPILOG)
@click.option("--request", metavar="FILE", required=True, help="JSON that the endpoint takes.")
@click.option("--response", metavar="FILE", required=True, help="JSON that it answered with.")
@json_option
@global_options
def infer(request: str, response: str, as_json: bool) -> None:
    """Propose a mapping from a sample request and its answer, and show what it would send.

    Prints the members of an adapter document; what was found, and what is a guess, is told on stderr.
    """
    from dragoman.mapping.infer import infer_mapping

    asked, answered = _read(request), _read(response)
    proposal = infer_mapping(asked, answered)
    members = _members(proposal)
    body, text = _dry_run(members, answered)
    if as_json:
        findings = [{"path": f.path, "message": f.message, "certain": f.is_certain} for f in proposal.findings]
        write_json({"document": members, "findings": findings, "dry_run": {"request": body, "text": text}})
        return
    _print(members, body, text)
    for finding in proposal.findings:
        note(_said(finding))


def _read(file: str) -> Any:
    try:
        return json.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise DocumentError(file, [Problem("", f"cannot be read: {reason}")]) from None
    except json.JSONDecodeError as error:
        problem = Problem("", f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}")
        raise DocumentError(file, [problem]) from None


def _members(proposal: Proposal) -> dict[str, Any]:
    """Return the members of an adapter document that the proposal fills."""
    named = {
        "mapping": proposal.mapping,
        "prompt": proposal.prompt,
        "inference": proposal.inference,
        "model_kwargs": proposal.model_kwargs,
    }
    return {name: value for name, value in named.items() if value}


def _dry_run(members: dict[str, Any], answered: Any) -> tuple[Any, str]:
    """Return the body that the proposal makes of a question, and the text that it finds in the sample answer."""
    from dragoman.adapter import Inference, PayloadMapping, Prompt
    from dragoman.mapping import compile_payload
    from dragoman.messages import messages_from
    from dragoman.provider import CallSettings, ChatRequest

    prompt = Prompt.model_validate(members["prompt"]) if "prompt" in members else None
    payload = compile_payload(PayloadMapping.model_validate(members["mapping"]), prompt)
    inference = Inference.model_validate(members.get("inference", {}))
    settings = CallSettings(inference, model_kwargs=members.get("model_kwargs", {}))
    request = ChatRequest(messages_from(QUESTION), settings)
    body = json.loads(payload.encode(request, "model"))
    return body, payload.decode(json.dumps(answered).encode(), request).text


def _print(members: dict[str, Any], body: Any, text: str) -> None:
    from dragoman.documents import write_document

    write(write_document(members, ".yaml"))
    write_line()
    write_line(f"# It asks {QUESTION!r} with: {json_text(body)}")
    write_line(f"# It reads the sample answer as: {json_text(text)}")


def _said(finding: Finding) -> str:
    place = f"{finding.path} {finding.message}" if finding.path else finding.message
    return place if finding.is_certain else f"{place} (check this)"
