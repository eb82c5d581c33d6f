"""STS on the edge: it gives out sessions that the edge then lets in, and can be told how long they last."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

from dragoman.testing.upstream import Received, Reply

from .edge import Admitted, Caller, Edge, query_error

_ANSWER = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>{key.access_key_id}</AccessKeyId><SecretAccessKey>{key.secret_access_key}</SecretAccessKey>
<SessionToken>{key.session_token}</SessionToken><Expiration>{expiration}</Expiration></Credentials>
<AssumedRoleUser><Arn>{key.who}</Arn><AssumedRoleId>AROA:x</AssumedRoleId></AssumedRoleUser></AssumeRoleResult>
</AssumeRoleResponse>"""


class Sts:
    """AssumeRole at the edge's root. ``asked`` holds each call's arguments, and under ``who`` its caller."""

    def __init__(self, edge: Edge) -> None:
        self.asked: list[dict[str, str]] = []
        self.lifetime_s = 3600.0
        self.refusal: tuple[str, str, int] | None = None
        self.issued: list[Admitted] = []
        self._edge = edge
        self._numbers = itertools.count(1)
        edge.route("POST", "/", self._answer)

    def _answer(self, request: Received, caller: Caller) -> Reply:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        self.asked.append({**form, "who": caller.who})
        if self.refusal:
            return query_error(*self.refusal)
        number = next(self._numbers)
        who = f"{form['RoleArn']}/{form['RoleSessionName']} #{number}"
        key = Admitted(f"ASIASESSION{number}", f"secret {number}", f"token {number}", who)
        self._edge.admit(key)
        self.issued.append(key)
        expiration = datetime.now(UTC) + timedelta(seconds=self.lifetime_s)
        stamp = expiration.strftime("%Y-%m-%dT%H:%M:%SZ")
        return Reply.text(_ANSWER.format(key=key, expiration=stamp), 200, "text/xml")
