"""A real llama.cpp server, with a model of half a megabyte that is made here and writes nonsense."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from dragoman import Engine

MODEL = "tiny"
API_KEY = "sk-llama"
CONTEXT_TOKENS = 512

_VOCABULARY = 320
_WIDTH = 64
_HEADS = 4
_FEED_FORWARD = 128
_BLOCKS = 2
_END, _TURN_STARTS, _TURN_ENDS = 256, 257, 258
_CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "<|im_start|>assistant\n"
)


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a model of llama's architecture: random weights, one token a byte."""
    if missing := [name for name in ("llama_cpp", "gguf") if importlib.util.find_spec(name) is None]:
        pytest.skip(f"{' and '.join(missing)} not installed: `nox -s llamacpp` builds llama.cpp")
    import gguf
    import numpy as np

    path = tmp_path_factory.mktemp("llamacpp") / "tiny.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(2048)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(_BLOCKS)
    writer.add_feed_forward_length(_FEED_FORWARD)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_vocab_size(_VOCABULARY)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    _write_tokens(writer, gguf.TokenType)
    random = np.random.default_rng(7)
    for name, shape in _tensors():
        weights = np.ones(shape) if name.endswith("norm.weight") else random.normal(0, 0.2, shape)
        if name == "output.weight":
            weights[[row for row in range(_VOCABULARY) if not _is_printable(row)]] = 0
        writer.add_tensor(name, weights.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _write_tokens(writer: Any, kind: Any) -> None:
    tokens = [_byte_token(byte) for byte in range(256)] + ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    unused = [f"<|unused{number}|>" for number in range(_VOCABULARY - len(tokens))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([*tokens, *unused])
    writer.add_token_types([kind.NORMAL] * 256 + [kind.CONTROL] * 3 + [kind.UNUSED] * len(unused))
    writer.add_token_merges([f"{_byte_token(ord('t'))} {_byte_token(ord('h'))}"])
    writer.add_bos_token_id(_END)
    writer.add_eos_token_id(_END)
    writer.add_add_bos_token(False)
    writer.add_chat_template(_CHATML)


def _byte_token(byte: int) -> str:
    """Return the character that stands for a byte in GPT-2's vocabulary: itself where it is visible."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return chr(byte) if byte in visible else chr(256 + sum(other not in visible for other in range(byte)))


def _is_printable(token: int) -> bool:
    """Whether a token may be written: the others get no weight, so that the nonsense is text."""
    return 32 <= token < 127


def _tensors() -> Iterator[tuple[str, tuple[int, ...]]]:
    square, wide, narrow = (_WIDTH, _WIDTH), (_FEED_FORWARD, _WIDTH), (_WIDTH, _FEED_FORWARD)
    yield "token_embd.weight", (_VOCABULARY, _WIDTH)
    for block in range(_BLOCKS):
        yield f"blk.{block}.attn_norm.weight", (_WIDTH,)
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            yield f"blk.{block}.{part}.weight", square
        yield f"blk.{block}.ffn_norm.weight", (_WIDTH,)
        yield f"blk.{block}.ffn_gate.weight", wide
        yield f"blk.{block}.ffn_up.weight", wide
        yield f"blk.{block}.ffn_down.weight", narrow
    yield "output_norm.weight", (_WIDTH,)
    yield "output.weight", (_VOCABULARY, _WIDTH)


@pytest.fixture(scope="session")
def base_url(model_file: Path) -> Iterator[str]:
    """Run llama.cpp's server on a free port until the last test has ended."""
    command = [
        sys.executable, "-m", "llama_cpp.server", "--model", str(model_file), "--model_alias", MODEL,
        "--n_ctx", str(CONTEXT_TOKENS), "--api_key", API_KEY, "--host", "127.0.0.1", "--port", "0",
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as server:
        try:
            yield f"http://127.0.0.1:{_port_of(server)}/v1"
        finally:
            server.terminate()


def _port_of(server: subprocess.Popen[str]) -> str:
    """Return the port that the server says it listens on, and let it talk on from there."""
    assert server.stderr
    said = []
    for line in server.stderr:
        said.append(line)
        if found := re.search(r"running on http://127\.0\.0\.1:(\d+)", line):
            threading.Thread(target=server.stderr.read, daemon=True).start()
            return found[1]
    pytest.fail("llama.cpp's server did not start:\n" + "".join(said[-20:]))


@pytest.fixture
async def engine(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    monkeypatch.setenv("LLAMA_CPP_API_KEY", API_KEY)
    async with Engine() as engine:
        yield engine


@pytest.fixture
def adapter(base_url: str) -> dict[str, Any]:
    """An adapter as a user of llama.cpp writes it, saved nowhere."""
    return {
        "provider": "openai-compatible",
        "model": MODEL,
        "connection": {"server": "llama-cpp", "base_url": base_url},
        "credentials": {"api_key": "LLAMA_CPP_API_KEY"},
        "inference": {"temperature": 0},
        "limits": {"max_attempts": 1},
    }
