"""`dragoman serve`: keys, roles, the policy at stage prod, the ledger, figures and the log of requests are on.

python gateway_dragoman.py prepare UPSTREAM FOLDER PORT    makes a deployment with one key; prints how it is started
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

ADAPTER = """\
provider: openai-compatible
model: gpt-4o-mini
connection: {{base_url: "{upstream}/v1"}}
credentials: {{api_key: OPENAI_API_KEY}}
pricing: {{currency: USD, input_per_million: "0.15", output_per_million: "0.60"}}
"""


def main() -> None:
    _, _, upstream, where, port = sys.argv
    folder = Path(where)
    (folder / "adapters").mkdir(parents=True)
    (folder / "inference").mkdir()
    (folder / "dragoman.toml").write_text('stage = "prod"\n', encoding="utf-8")
    (folder / "adapters" / "bench.yaml").write_text(ADAPTER.format(upstream=upstream), encoding="utf-8")
    dragoman = str(Path(sys.executable).parent / "dragoman")
    config = ["--config", str(folder)]
    create = [dragoman, "keys", "create", "--name", "bench", "--project", "bench", "--json", *config]
    key = json.loads(subprocess.run(create, check=True, capture_output=True, text=True).stdout)["secret"]
    names = ("dragoman", "dragoman-openai", "uvicorn", "uvloop", "httptools", "orjson")
    started = {
        "command": [dragoman, "serve", "--port", port, *config],
        "key": key,
        "model": "bench",
        "health": "/ready",
        "versions": {name: version(name) for name in names},
    }
    print(json.dumps(started))


if __name__ == "__main__":
    main()
