"""Calls on somebody's behalf, what the audit log is told, and what callers see of documents."""

import pytest
from dragoman import Caller
from dragoman.errors import PolicyError
from dragoman.policy import shown_document, shown_origins

ADMIN = Caller("boss", roles=["admin"], key_id="k1")


async def test_every_way_to_call_takes_a_caller(deployed):
    user = Caller("somebody")
    async with deployed("dev") as engine:
        assert (await engine.chat("plain", "hi", caller=user, temperature=0)).text == "open"
        assert (await engine.chat("plain", "hi", caller=ADMIN, override={"model": "m-2"})).text == "open"
        async with engine.stream("plain", "hi", caller=user) as stream:
            assert [piece async for piece in stream.text()] == ["open"]
        with pytest.raises(PolicyError):
            await engine.chat("plain", "hi", caller=user, override={"model": "m-2"})
        with pytest.raises(PolicyError):
            await engine.dry_run("plain", "hi", caller=user, override={"model": "m-2"})
        with pytest.raises(PolicyError):
            async for _ in engine.stream("plain", "hi", caller=user, override={"model": "m-2"}):
                pass


async def test_what_was_resolved_is_called_as_it_is(deployed):
    async with deployed("dev") as engine:
        resolved = await engine.resolve("plain", {"title": "Mine"}, caller=ADMIN)
        assert (await engine.chat(resolved, "hi")).adapter == "plain"


async def test_the_audit_log_is_told_of_every_privileged_change_and_of_nothing_else(deployed):
    told = []

    async def audit(change):
        told.append(change)

    engine = deployed("dev", audit=audit)
    await engine.resolve("plain", {"inference": {"seed": 1}, "model_kwargs": {"x": 1}}, caller=ADMIN)
    await engine.resolve("plain", {"model": "m-2"})
    for _ in range(2):  # the second answer comes from the cache
        await engine.resolve("plain", {"model": "m-2", "connection": {"region": "there"}}, caller=ADMIN)
    assert [(t.caller.name, t.caller.key_id, t.adapter) for t in told] == [("boss", "k1", "plain")] * 2
    assert set(told[0].changes) == {(("connection", "region"), "here", "there"), (("model",), "m-1", "m-2")}


async def test_only_administrators_see_where_calls_go(deployed):
    resolved = await deployed().resolve("with-role")
    for role in ("user", "developer"):
        shown = shown_document(resolved.document, role)
        assert shown["inference"] == {"temperature": 0.5, "max_tokens": 100}
        assert not {"model", "connection", "credentials", "endpoint_kwargs"} & set(shown)
        assert not [path for path in shown_origins(resolved.origins, role) if path.startswith(("conn", "model"))]
    assert shown_document(resolved.document, "admin") == resolved.document
    assert shown_origins(resolved.origins, "admin") == resolved.origins
