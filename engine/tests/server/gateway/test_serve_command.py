"""`dragoman serve` as a process of its own: what it says, whom it answers, how it ends."""

import os
import re
import signal
import subprocess
import sys
import threading

import httpx
import openai
import pytest

PATIENCE_S = 60


@pytest.fixture
def folder(tmp_path):
    pytest.importorskip("dragoman_local")
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / "mine.yaml").write_text("{base: local, inference: {max_tokens: 5}}")
    (tmp_path / "dragoman.toml").write_text("")
    return tmp_path


@pytest.fixture
def command(folder):
    """Start the command and return its process and what it says, once it is ready or has ended."""
    running = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "dragoman.cli.main", "serve", "--port", "0", "--config", str(folder), *arguments],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("DRAGOMAN_")},
        )
        said, is_ready = [], threading.Event()

        def listen():
            for line in process.stderr:
                said.append(line)
                if "try: curl" in line:
                    is_ready.set()
            is_ready.set()

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        running.append((process, listener))
        assert is_ready.wait(PATIENCE_S)
        return process, said

    yield start
    for process, listener in running:
        process.kill()
        process.wait(PATIENCE_S)
        listener.join(PATIENCE_S)
        process.stderr.close()


def address(said):
    return re.search(r"http://127\.0\.0\.1:\d+", "".join(said))[0]


def test_without_keys_it_warns_and_answers_this_machine(command):
    process, said = command("--no-auth")
    assert "stage dev" in "".join(said)
    assert "warning: --no-auth" in "".join(said)
    with openai.OpenAI(base_url=f"{address(said)}/v1", api_key="unused") as client:
        answer = client.chat.completions.create(
            model="mine", messages=[{"role": "user", "content": "Tell me about iterators"}]
        )
    assert answer.usage.completion_tokens == 5
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) in (0, -signal.SIGTERM)
    lines = [line for line in said if '"path":"/v1/chat/completions"' in line]
    assert len(lines) == 1
    assert "iterators" not in "".join(said)


def test_with_keys_it_says_how_to_get_in_and_lets_nobody_in_before(command, folder):
    _, said = command()
    assert "stage prod" in "".join(said)
    assert "nobody can get in yet" in "".join(said)
    url = address(said)
    assert httpx.get(f"{url}/v1/models").status_code == 401
    assert httpx.get(f"{url}/health").json() == {"status": "ok"}
    assert httpx.get(f"{url}/ready").status_code == 200
    made = subprocess.run(
        [
            sys.executable,
            "-m",
            "dragoman.cli.main",
            "keys",
            "create",
            "--name",
            "me",
            "--project",
            "p",
            "--config",
            str(folder),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    key = re.search(r"drg_\w+", made.stdout + made.stderr)[0]
    for _ in range(100):  # a change reaches the server within a second
        answer = httpx.get(f"{url}/v1/models", headers={"api-key": key})
        if answer.status_code == 200:
            break
        threading.Event().wait(0.05)
    assert "mine" in {model["id"] for model in answer.json()["data"]}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--no-auth", "--host", "0.0.0.0"], "serves this machine alone"),  # noqa: S104
        (["--host", "192.0.2.77"], "choose another --host"),
        (["--host", "no.such.host.invalid"], "choose another --host"),
    ],
)
def test_what_cannot_be_served_is_one_clear_line(command, arguments, why):
    process, said = command(*arguments)
    assert process.wait(PATIENCE_S) == 1
    assert why in "".join(said)
    assert "Traceback" not in "".join(said)


def test_a_port_that_is_taken_is_one_clear_line(command):
    _, said = command("--no-auth")
    port = address(said).rpartition(":")[2]
    process, second = command("--no-auth", "--port", port)
    assert process.wait(PATIENCE_S) == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use (choose another --port)" in "".join(second)


def test_a_state_folder_that_cannot_be_made_is_one_error_that_says_what_to_do(command, folder):
    (folder / "state").write_text("a file")
    process, said = command()
    assert process.wait(PATIENCE_S) == 1
    (line,) = said
    assert line.startswith("error: the database's folder")
    assert "store.directory" in line


@pytest.mark.parametrize(
    ("missing", "settings", "extra"),
    [
        ("uvicorn", {}, "server"),
        ("aiosqlite", {}, "server"),
        ("uvloop", {}, "server"),
        ("opentelemetry", {"DRAGOMAN_TELEMETRY__ENABLED": "true"}, "telemetry"),
    ],
)
def test_a_missing_extra_is_one_line_that_says_what_to_install(folder, missing, settings, extra):
    program = (
        f"import sys; sys.modules[{missing!r}] = None; sys.argv[1:] = ['serve', '--port', '0', '--config', '.']\n"
        "from dragoman.cli.main import main; sys.exit(main())"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DRAGOMAN_")} | settings
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 1
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "is not installed" in error
    assert f"pip install 'dragoman[{extra}]'" in error
    assert "Traceback" not in done.stderr
