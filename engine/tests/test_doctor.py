"""Every failure that the check of any provider names, provoked on loopback."""

import asyncio
import ssl
import subprocess

import pytest
from dragoman import Caller, Engine, Settings
from dragoman.adapter import Limits
from dragoman.plugins import load_plugins
from dragoman.testing.upstream import HOLD, Reply, Upstream

CANARY = "canary-3c9f51e07ab2"

PLUGIN = '''
"""A provider of one codec, which says what it is asked to say about itself."""
import asyncio
import json
from dragoman.errors import *
from dragoman.events import *
from dragoman.messages import Message, Text
from dragoman.plugin import *

PLUGIN_API = (1, 0)

class WireConnection(Connection):
    url: str = "http://127.0.0.1:9"
    ca_file: str | None = None
    own: str | None = None

class WireCodec(Codec):
    framing = "jsonl"

    def __init__(self, target):
        self.target = target

    def encode(self, request):
        asked = request.settings.inference.max_tokens
        if self.target.connection.own == "no bound" and asked is not None:
            raise UnsupportedError("there is no such member", path="inference.max_tokens")
        if self.target.connection.own == "wrong":
            raise InvalidRequestError("it cannot be asked so")
        if self.target.connection.own == "mute":
            raise UnsupportedError("it takes no text", path="messages")
        body = json.dumps({"max_tokens": asked}).encode()
        return WireRequest("POST", self.target.connection.url + "/chat?key=x", {}, body)

    def decode(self, request, reply):
        return Response(Message("assistant", (Text("Hi"),)), "stop")

    def decode_stream(self, request, reply):
        return Lines()

    def error(self, reply):
        kind = error_class_for_status(reply.status)
        return kind(reply.body.decode() or "refused", status=reply.status, request_id="r-1")

class Lines:
    def feed(self, frame):
        value = json.loads(frame.data)
        if "text" in value:
            return [Started(model="wire-1"), TextDelta(value["text"]), Finished("stop")]
        raise ProtocolError("the answer has no text")

    def end(self):
        return []

class Gate(Authorizer):
    """Lets nobody in, or keeps everybody waiting."""

    def __init__(self, own):
        self.own = own

    @property
    def identity(self):
        return ("gate", self.own)

    async def acquire(self):
        if self.own == "waits":
            await asyncio.Event().wait()
        raise AuthenticationError("the key is not known")

    def sign(self, request, credentials):
        return request

    def placeholder(self):
        return Credentials("x")

class Unshown(Session):
    """A session that cannot show its request."""

    async def stream(self, request):
        for event in (Started(model="wire-1"), TextDelta("Hi"), Finished("stop")):
            yield event

class WireProvider(Provider):
    def open(self, target, context):
        if target.connection.own == "closed":
            raise UnsupportedError("it opens no session")
        if target.connection.own == "unshown":
            return Unshown()
        if target.connection.own in ("waits", "refuses"):
            return context.codec_session(WireCodec(target), Gate(target.connection.own))
        signer = HeaderKey(context, target.credentials["key"])
        tls = Tls(target.connection.ca_file) if target.connection.ca_file else None
        return context.codec_session(WireCodec(target), signer, tls=tls)

    async def check(self, target, context):
        yield CheckStep.skipped("quota", "may not be asked", "allow wire:GetQuota")
        if target.connection.own == "denied":
            yield CheckStep.failed("access", PermissionDeniedError("no access", hint="ask for it"))
        if target.connection.own == "broken":
            raise RuntimeError("the plugin broke")
        if target.connection.own == "raises":
            raise ServerError("the console is down")
        if target.connection.own == "leak":
            yield CheckStep.ok("leak", "read " + (await context.secret("WIRE_KEY")).reveal())

    async def explain(self, failure, target, context):
        if target.connection.own == "speechless":
            raise RuntimeError("the plugin broke")
        return "use the profile eu.wire" if target.connection.own == "explain" else None

    async def models(self, target, context):
        if target.connection.own == "denied":
            raise PermissionDeniedError("may not list " + (await context.secret("WIRE_KEY")).reveal())
        if target.connection.own == "broken":
            raise RuntimeError("the plugin broke")
        return [ModelList("models", [ListedModel("wire-1", "Wire 1", operations=("chat",), can_invoke=True),
                                     ListedModel("wire-2", can_invoke=False, why_not="it is retired",
                                                 adapter={"inference": {"max_tokens": 5}})]),
                ModelList("others", failure=PermissionDeniedError("no"))]

@hookimpl
def dragoman_providers():
    return [ProviderDescription("wire", "Wire", f"{__name__}:WireProvider", connection=WireConnection,
                                credentials={"key": "WIRE_KEY"}, mapping=True),
            ProviderDescription("gone", "Gone", "nowhere_to_be_found:Provider")]
'''

ANSWER = Reply.jsonl([{"text": "Hi"}])


@pytest.fixture
def upstream():
    with Upstream() as server:
        server.answer(lambda request: Reply((), 404) if request.method == "GET" else ANSWER)
        yield server


@pytest.fixture
async def engine(plugin_module, monkeypatch):
    monkeypatch.setenv("WIRE_KEY", CANARY)
    async with Engine(Settings(), plugins=load_plugins(found=[plugin_module(PLUGIN, "wire")])) as engine:
        yield engine


def wire(url, **connection):
    return {"name": "w", "provider": "wire", "model": "m", "connection": {"url": url, **connection}}


async def steps_of(engine, document, **more):
    steps = [step async for step in engine.check(document, **more)]
    assert CANARY not in repr(steps)
    return steps


def last(steps):
    assert all(step.state != "failed" for step in steps[:-1])
    return steps[-1]


async def test_a_sound_adapter_passes_every_step(engine, upstream):
    steps = await steps_of(engine, wire(upstream.url))
    assert [(s.name, s.state) for s in steps] == [
        ("document", "ok"),
        ("plugin", "ok"),
        ("request", "ok"),
        ("secrets", "ok"),
        ("credentials", "ok"),
        ("network", "ok"),
        ("quota", "skipped"),
        ("call", "ok"),
    ]
    by_name = {step.name: step for step in steps}
    assert by_name["request"].message == f"POST {upstream.url}/chat, written in the provider's dialect"
    assert by_name["secrets"].message == "there are WIRE_KEY"
    assert by_name["credentials"].message == "calls are made by the key of the secret WIRE_KEY"
    assert "status 404" in by_name["network"].message
    assert by_name["quota"].hint == "allow wire:GetQuota"
    assert "wire-1 answered: the first token came after" in by_name["call"].message
    assert by_name["call"].detail["finish_reason"] == "stop"
    assert upstream.received[-1].json() == {"max_tokens": 1}


async def test_a_model_that_takes_no_bound_is_called_without_one(engine, upstream):
    call = last(await steps_of(engine, wire(upstream.url, own="no bound")))
    assert call.state == "ok"
    assert "cannot be bounded" in call.message
    assert upstream.received[-1].json() == {"max_tokens": None}


async def test_a_model_that_refuses_an_answer_of_one_token_is_asked_again(engine, upstream):
    def short_is_refused(request):
        if request.method == "GET":
            return Reply((), 404)
        return Reply.text("too short", 400) if request.json()["max_tokens"] == 1 else ANSWER

    upstream.answer(short_is_refused)
    call = last(await steps_of(engine, {**wire(upstream.url), "inference": {"max_tokens": 77}}))
    assert (call.state, upstream.received[-1].json()) == ("ok", {"max_tokens": 77})


# --- what fails before anything is sent --------------------------------------------------------------------------


async def test_an_adapter_that_is_not_there(engine):
    step = last(await steps_of(engine, "nobody"))
    assert (step.name, step.detail["error"]["code"]) == ("document", "adapter_not_found")


async def test_a_document_that_does_not_hold_names_every_member(engine):
    step = last(await steps_of(engine, {**wire("u", colour="red"), "inference": {"volume": 1}}))
    assert step.name == "document"
    assert {problem["path"] for problem in step.detail["error"]["problems"]} == {
        "connection.colour",
        "inference.volume",
    }


async def test_a_provider_that_nobody_brings(engine):
    step = last(await steps_of(engine, {"provider": "acme", "model": "m"}))
    assert step.name == "plugin"
    assert "no plugin brings the provider 'acme'" in step.message


async def test_a_provider_that_cannot_be_imported(engine):
    step = last(await steps_of(engine, {"provider": "gone", "model": "m"}))
    assert step.name == "plugin"
    assert "nowhere_to_be_found" in step.message


async def test_a_mapping_that_does_not_hold(engine):
    document = {**wire("http://127.0.0.1:9"), "mapping": {"preset": "no such preset"}}
    step = last(await steps_of(engine, document))
    assert step.name == "mapping"
    assert "no such preset" in step.message


async def test_a_request_that_cannot_be_written(engine, upstream):
    step = last(await steps_of(engine, wire(upstream.url, own="mute")))
    assert (step.name, step.message) == ("request", "messages: it takes no text")
    assert upstream.received == []


@pytest.mark.parametrize(("own", "said"), [("closed", "it opens no session"), ("wrong", "it cannot be asked so")])
async def test_a_session_that_cannot_be_opened_and_a_request_that_is_refused(engine, upstream, own, said):
    step = last(await steps_of(engine, wire(upstream.url, own=own)))
    assert (step.name, step.message) == ("request", said)
    assert upstream.received == []


async def test_a_session_that_shows_no_request_is_called_all_the_same(engine, upstream):
    steps = {step.name: step for step in await steps_of(engine, wire(upstream.url, own="unshown"))}
    assert [steps[name].state for name in ("request", "credentials", "network", "call")] == ["skipped"] * 3 + ["ok"]
    assert steps["network"].message == "the address is not known before the call"


async def test_credentials_that_are_refused(engine, upstream):
    step = last(await steps_of(engine, wire(upstream.url, own="refuses")))
    assert (step.name, step.message) == ("credentials", "the key is not known")
    assert upstream.received == []


async def test_credentials_that_do_not_come(engine, upstream, monkeypatch):
    monkeypatch.setattr("dragoman.doctor.ACQUIRE_TIMEOUT_S", 0.05)
    step = last(await steps_of(engine, wire(upstream.url, own="waits")))
    assert (step.name, step.message) == ("credentials", "credentials could not be obtained within 0.05 s")


async def test_a_secret_that_is_missing_is_named(engine, upstream, monkeypatch):
    monkeypatch.delenv("WIRE_KEY")
    await engine.reload()
    step = last(await steps_of(engine, wire(upstream.url)))
    assert (step.name, step.detail["missing"]) == ("secrets", ["WIRE_KEY"])
    assert "the secret WIRE_KEY is missing" in step.message
    assert upstream.received == []


# --- what fails on the way ---------------------------------------------------------------------------------------


async def test_a_server_that_is_not_there(engine):
    with Upstream() as gone:
        url = gone.url
    step = last(await steps_of(engine, wire(url)))
    assert step.name == "network"
    assert "Connection refused" in step.message
    assert step.hint == "check the address, and that the server runs"


async def test_a_name_that_is_not_known(engine):
    step = last(await steps_of(engine, wire("http://no-such-host.invalid")))
    assert step.name == "network"
    assert "the host name cannot be resolved" in step.message


async def test_an_address_that_is_none(engine):
    step = last(await steps_of(engine, wire("ftp://models.example.com")))
    assert step.name == "network"
    assert "no http: or https: URL" in step.message


async def test_an_address_that_a_caller_may_not_have_called(plugin_module, upstream, monkeypatch):
    monkeypatch.setenv("WIRE_KEY", CANARY)
    caller = Caller("maria", roles=("admin",))
    async with Engine(Settings(stage="dev"), plugins=load_plugins(found=[plugin_module(PLUGIN, "wire")])) as engine:
        step = last(await steps_of(engine, wire(upstream.url), caller=caller))
    assert (step.name, step.detail["error"]["code"]) == ("network", "address_refused")
    assert "network.allowed_hosts" in step.hint
    assert upstream.received == []


SHORT = Limits(connect_timeout_s=0.2, first_byte_timeout_s=0.5, chunk_timeout_s=0.2)


async def test_a_server_that_does_not_speak(engine, monkeypatch):
    monkeypatch.setattr("dragoman.doctor._REACH", SHORT)
    with Upstream() as server:  # it waits for a request, and the caller for TLS
        step = last(await steps_of(engine, wire(server.url.replace("http:", "https:"))))
    assert (step.name, step.detail["error"]["code"], step.detail["error"]["phase"]) == ("network", "timeout", "connect")


async def test_a_root_that_is_not_answered_is_no_failure(engine, upstream, monkeypatch):
    monkeypatch.setattr("dragoman.doctor._REACH", SHORT)
    upstream.answer(lambda request: Reply((HOLD,)) if request.method == "GET" else ANSWER)
    steps = await steps_of(engine, wire(upstream.url))
    assert last(steps).state == "ok"
    (network,) = [step for step in steps if step.name == "network"]
    assert (network.state, "it stands, and nothing was answered at its root" in network.message) == ("ok", True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Return a certificate for 127.0.0.1 that nobody's list of authorities has, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return certificate, key


async def test_a_certificate_that_is_not_trusted_and_one_that_is(engine, authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority)
    with Upstream(tls=context) as server:
        server.answer(ANSWER)
        refused = last(await steps_of(engine, wire(server.url)))
        assert refused.name == "network"
        assert "the server's TLS certificate is not trusted" in refused.message
        assert server.received == []
        trusted = await steps_of(engine, wire(server.url, ca_file=str(authority[0])))
        assert last(trusted).state == "ok"
        assert any("TLS hold" in step.message for step in trusted)


@pytest.mark.parametrize(
    ("scheme", "said"), [("https", "the TLS handshake failed"), ("http", "the answer is not HTTP")]
)
async def test_a_port_that_speaks_something_else(engine, scheme, said):
    async def greet(reader, writer):
        writer.write(b"220 mail.example.com ESMTP\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        step = last(await steps_of(engine, wire(f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}")))
    assert (step.name, said in step.message) == ("network", True)


# --- what the provider finds out ---------------------------------------------------------------------------------


async def test_a_providers_own_step_ends_the_check(engine, upstream):
    step = last(await steps_of(engine, wire(upstream.url, own="denied")))
    assert (step.name, step.message, step.hint) == ("access", "no access", "ask for it")


async def test_a_plugin_that_breaks_ends_the_check_with_a_word(engine, upstream):
    step = last(await steps_of(engine, wire(upstream.url, own="broken")))
    assert (step.name, step.message) == ("provider", "the check of provider wire broke: RuntimeError: the plugin broke")


async def test_a_providers_own_error_ends_the_check(engine, upstream):
    step = last(await steps_of(engine, wire(upstream.url, own="raises")))
    assert (step.name, step.message) == ("provider", "the console is down")


async def test_a_plugin_that_tells_a_secret_does_not_get_it_through(engine, upstream):
    assert last(await steps_of(engine, wire(upstream.url, own="leak"))).state == "ok"


# --- the call ----------------------------------------------------------------------------------------------------

REFUSALS = [(401, "authentication"), (403, "permission_denied"), (404, "model_not_found"), (500, "server")]


@pytest.mark.parametrize(("status", "code"), REFUSALS)
async def test_a_refused_call_is_told_once_and_with_its_request_id(engine, upstream, status, code):
    upstream.answer(lambda r: Reply((), 404) if r.method == "GET" else Reply.text(f"no: {CANARY}", status))
    step = last(await steps_of(engine, wire(upstream.url)))
    assert (step.name, step.detail["error"]["code"], step.detail["error"]["request_id"]) == ("call", code, "r-1")
    assert [r.method for r in upstream.received].count("POST") == 1


async def test_a_limit_that_is_reached_says_so(engine, upstream):
    upstream.answer(lambda r: Reply((), 404) if r.method == "GET" else Reply.text("slow down", 429))
    step = last(await steps_of(engine, wire(upstream.url)))
    assert (step.name, step.detail["error"]["code"]) == ("call", "rate_limited")
    assert "a limit of the provider is reached" in step.hint


async def test_the_provider_explains_a_failed_call(engine, upstream):
    upstream.answer(lambda r: Reply((), 404) if r.method == "GET" else Reply.text("on demand is not supported", 400))
    step = last(await steps_of(engine, wire(upstream.url, own="explain")))
    assert (step.name, step.hint) == ("call", "use the profile eu.wire")


async def test_an_explanation_that_breaks_leaves_the_failure_as_it_is(engine, upstream):
    upstream.answer(lambda r: Reply((), 404) if r.method == "GET" else Reply.text("no such model", 404))
    step = last(await steps_of(engine, wire(upstream.url, own="speechless")))
    assert (step.name, step.detail["error"]["code"]) == ("call", "model_not_found")


async def test_an_answer_that_cannot_be_read(engine, upstream):
    upstream.answer(lambda r: Reply((), 404) if r.method == "GET" else Reply.jsonl([{"words": "Hi"}]))
    step = last(await steps_of(engine, wire(upstream.url)))
    assert (step.name, step.message) == ("call", "the answer has no text")


async def test_an_answer_that_does_not_come(engine, upstream):
    upstream.answer(lambda r: Reply((), 404) if r.method == "GET" else Reply((HOLD,)))
    step = last(await steps_of(engine, {**wire(upstream.url), "limits": {"timeout_s": 0.2}}))
    assert (step.name, step.detail["error"]["code"]) == ("call", "timeout")
    assert step.detail["error"]["phase"] == "total"


# --- lists -------------------------------------------------------------------------------------------------------


async def test_adapters_of_one_connection_are_asked_once_and_each_source_speaks_for_itself(engine):
    (listed,) = await engine.models([wire("http://a"), {**wire("http://a"), "name": "w2", "model": "other"}])
    assert (listed.provider, listed.adapters) == ("wire", ("w", "w2"))
    assert [(found.source, len(found.models), str(found.failure)) for found in listed.lists] == [
        ("models", 2, "None"),
        ("others", 0, "no"),
    ]


async def test_a_row_becomes_an_adapter_that_holds(engine):
    (listed,) = await engine.models([wire("http://a")])
    document = listed.adapter_for(listed.lists[0].models[1], "mine")
    assert document == {
        "version": 1,
        "name": "mine",
        "provider": "wire",
        "model": "wire-2",
        "connection": {"url": "http://a"},
        "inference": {"max_tokens": 5},
    }
    assert (await engine.resolve(document)).name == "mine"


async def test_what_a_provider_refuses_or_breaks_is_in_its_list_and_hides_no_other(engine):
    listed = await engine.models([wire("u", own="denied"), wire("u", own="broken"), wire("u")])
    said = [str(one.lists[0].failure) for one in listed]
    assert said[1:] == ["the list of provider wire broke: RuntimeError: the plugin broke", "None"]
    assert said[0].startswith("may not list ")
    assert CANARY not in said[0]


async def test_a_provider_without_adapters_is_asked_as_it_is_by_default(engine):
    (listed,) = await engine.models(provider="wire")
    assert (listed.adapters, listed.document) == ((), {"provider": "wire"})
    assert listed.adapter_for(listed.lists[0].models[0], "one")["model"] == "wire-1"
