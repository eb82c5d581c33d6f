"""LiteLLM's proxy, with its master key as the only one: without its database it books nothing and knows no other keys.

python gateway_litellm.py prepare UPSTREAM FOLDER PORT    writes its configuration; prints how it is started
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

KEY = "sk-litellm-bench"
CONFIGURATION = """\
model_list:
  - model_name: bench
    litellm_params: {{model: openai/gpt-4o-mini, api_base: "{upstream}/v1", api_key: sk-bench}}
general_settings: {{master_key: {key}}}
litellm_settings: {{telemetry: false, num_retries: 0}}
"""


def main() -> None:
    _, _, upstream, where, port = sys.argv
    folder = Path(where)
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(CONFIGURATION.format(upstream=upstream, key=KEY), encoding="utf-8")
    program = str(Path(sys.executable).parent / "litellm")
    options = ["--host", "127.0.0.1", "--port", port, "--num_workers", "1"]
    started = {
        "command": [program, "--config", str(folder / "config.yaml"), *options],
        "key": KEY,
        "model": "bench",
        "health": "/health/liveliness",
        "versions": {name: version(name) for name in ("litellm", "uvicorn", "openai", "httpx")},
    }
    print(json.dumps(started))


if __name__ == "__main__":
    main()
