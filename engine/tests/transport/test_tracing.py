"""Which hosts are told of a call's trace."""

import pytest
from dragoman.provider import WireRequest
from dragoman.settings import AllowedHost
from dragoman.transport.tracing import OutgoingTrace

TRACE = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}


@pytest.mark.parametrize(
    ("entry", "url", "is_told"),
    [
        ("llm.internal", "https://llm.internal/v1", True),
        ("llm.internal", "https://LLM.internal./v1", True),
        ("llm.internal", "https://not-llm.internal/v1", False),
        ("llm.internal:8000", "http://llm.internal:8000/v1", True),
        ("llm.internal:8000", "http://llm.internal:9000/v1", False),
        ("10.1.0.0/16", "http://10.1.2.3:8000/v1", True),
        ("10.1.0.0/16", "http://10.2.2.3:8000/v1", False),
        ("10.1.0.0/16", "http://llm.internal/v1", False),
        ("[fd00::/8]", "http://[fd00::1]/v1", True),
    ],
)
def test_only_named_hosts_are_told(entry, url, is_told):
    sent = OutgoingTrace(TRACE, [AllowedHost.of(entry)]).added_to(WireRequest("POST", url, {"a": "b"}))
    assert sent.headers == ({**TRACE, "a": "b"} if is_told else {"a": "b"})


def test_a_header_that_the_adapter_sets_itself_is_left_alone():
    wire = WireRequest("POST", "https://llm.internal/v1", {"traceparent": "mine"})
    assert OutgoingTrace(TRACE, [AllowedHost.of("llm.internal")]).added_to(wire).headers == {"traceparent": "mine"}
