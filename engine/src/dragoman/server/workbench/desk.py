"""Which question goes to which answer, under ``/api/workbench``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qsl

import orjson

from dragoman.engine import Engine
from dragoman.errors import DocumentError, NotSavedError, RevisionConflictError
from dragoman.policy import Caller
from dragoman.server.exchange import JSON, Exchange
from dragoman.server.refusals import Refusal
from dragoman.server.state import State
from dragoman.server.workbench import administration, catalogue, drafts, identity, imports, mappings, notices, saved
from dragoman.server.workbench.question import Answer, Handler, Question, problems_in

PREFIX = "/api/workbench/"
MAX_BODY_BYTES = 4 * 1024 * 1024
BODY_TIMEOUT_S = 30

_ANSWERS: Mapping[tuple[str, str], Handler] = {
    ("GET", "session"): catalogue.session,
    ("GET", "models"): catalogue.models,
    ("GET", "form"): catalogue.form,
    ("POST", "check"): drafts.check,
    ("POST", "dry-run"): drafts.dry_run,
    ("POST", "text"): drafts.text,
    ("POST", "identity"): identity.who,
    ("POST", "mapping"): mappings.propose,
    ("POST", "mapping-trial"): mappings.attempt,
    ("POST", "prompt"): mappings.prompt,
    ("POST", "import"): imports.read,
    ("POST", "notice"): notices.accept,
    ("GET", "adapters"): saved.show,
    ("PUT", "adapters"): saved.save,
    ("DELETE", "adapters"): saved.remove,
    ("GET", "revisions"): saved.history,
    ("POST", "roll-back"): saved.roll_back,
    ("GET", "usage"): administration.usage,
    ("GET", "plugins"): administration.plugins,
    ("GET", "secrets"): administration.secrets,
    ("GET", "keys"): administration.keys,
    ("POST", "keys"): administration.create_key,
    ("DELETE", "keys"): administration.revoke_key,
    ("GET", "audit"): administration.audit,
}

_TAG = re.compile(r'(?:W/)?"(\d{1,18})-')


class Desk:
    """Answers the page; a door like the others."""

    def __init__(self, engine: Engine, state: State) -> None:
        self._engine = engine
        self._state = state

    async def __call__(self, exchange: Exchange, caller: Caller, name: str | None) -> None:
        """Answer one question."""
        word, _, rest = exchange.path.removeprefix(PREFIX).partition("/")
        handler = _ANSWERS.get((exchange.method, word))
        if handler is None:
            known = any(word == other for _, other in _ANSWERS)
            status, code = (405, "method_not_allowed") if known else (404, "unknown_url")
            raise Refusal(status, code, f"nothing answers {exchange.method} {exchange.path[:200]}")
        query = dict(parse_qsl(exchange.scope.get("query_string", b"").decode("latin-1")))
        question = Question(
            self._engine, self._state, caller, exchange.request_id, rest, query, expected=_expected(exchange.headers)
        )
        if exchange.method in ("POST", "PUT"):
            question = replace(question, body=await exchange.json_object(MAX_BODY_BYTES, BODY_TIMEOUT_S))
        await _send(exchange, await _answered(handler, question))


async def _answered(handler: Handler, question: Question) -> Answer:
    try:
        return await handler(question)
    except RevisionConflictError as error:
        raise Refusal(412, "conflict", str(error)) from None
    except NotSavedError as error:
        raise Refusal(404, "not_saved", str(error)) from None
    except DocumentError as error:
        if question.caller.role != "admin":
            raise
        raise Refusal(400, "invalid_settings", str(error), problems=tuple(problems_in(error))) from None


async def _send(exchange: Exchange, answer: Answer) -> None:
    headers = [JSON, (b"cache-control", b"no-store")]
    if answer.etag:
        headers.append((b"etag", answer.etag.encode()))
    await exchange.answer(answer.status, orjson.dumps(answer.data, default=list), headers)


def _expected(headers: Mapping[bytes, bytes]) -> int | None:
    """Return the revision that a change is made from; 0: there is none yet."""
    if headers.get(b"if-none-match", b"").strip() == b"*":
        return 0
    tag = headers.get(b"if-match", b"").decode("latin-1").strip()
    if not tag:
        return None
    if found := _TAG.match(tag):
        return int(found[1])
    raise Refusal(412, "conflict", "If-Match names no revision of ours; read the adapter again")
