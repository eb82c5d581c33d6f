"""Whatever JSON a body holds, it is read or refused, and never a fault of ours."""

import pytest
from dragoman.engine import Engine
from dragoman.errors import MessageError
from dragoman.server.doors.chat_request import read_chat
from dragoman.server.doors.texts import read_embed, read_rerank
from dragoman.server.refusals import Refusal
from dragoman.settings import Settings
from hypothesis import given
from hypothesis import strategies as st

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["role", "content", "type", "text", "image_url", "url", "function", "name", "arguments", "tool_calls", "id",
             "tool_call_id", "parameters", "input_audio", "file", "refusal", "reasoning_content", "x"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip
FIELDS = (
    "messages", "tools", "tool_choice", "parallel_tool_calls", "n", "stream", "stream_options", "stop", "temperature",
    "reasoning_effort", "response_format", "dragoman", "input", "encoding_format", "purpose", "query", "documents",
    "top_n", "max_tokens_per_doc", "unknown",
)  # fmt: skip
ROLES = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "tool", "system"])}, optional={"content": ANY, "tool_calls": ANY}
)
BODIES = st.fixed_dictionaries(
    {"model": st.just("m"), "messages": st.lists(ROLES, min_size=1, max_size=2) | ANY},
    optional={name: ANY for name in FIELDS if name != "messages"},
)
ENGINE = Engine(Settings())


@pytest.mark.parametrize("read", [read_chat, read_embed, read_rerank])
@given(body=BODIES)
async def test_any_body_is_read_or_refused(read, body):
    try:
        asked = await read(ENGINE, body, None)
    except (Refusal, MessageError):
        return
    assert asked is not None
