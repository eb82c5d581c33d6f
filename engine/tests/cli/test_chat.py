import base64
import json
import os
import signal
import subprocess
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
KEYS = ["text", "tool_calls", "finish_reason", "usage", "adapter", "provider", "model", "request_id"]
USAGE_KEYS = ["input_tokens", "output_tokens", "total_tokens", "cached_input_tokens", "reasoning_tokens", "source"]


def write(name, value):
    Path(name).write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return name


def sent(run, *arguments, stdin=b""):
    """Return the body that would be sent."""
    done = run("chat", "--dry-run", "--json", *arguments, stdin=stdin)
    assert (done.code, done.err) == (0, "")
    return done.json["body"]


# --- text --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [[], ["--stream"], ["--no-stream"]])
def test_the_answer_is_on_stdout_and_nothing_else_is(run, how):
    done = run("chat", *how, "hello there")
    assert (done.code, done.out, done.err) == (0, "hello there \n", "")


def test_pieces_are_written_as_they_come(deployment, script):
    with subprocess.Popen(
        [*script, "chat", "first !hang"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.read(6) == b"first "
        process.kill()


def test_ctrl_c_ends_the_answer_and_closes_its_stream(deployment, script):
    marker = deployment / "closed"
    with subprocess.Popen(
        [*script, "chat", "first !hang"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "SCRIPTED_CLOSED": str(marker)},
    ) as process:
        assert process.stdout.read(6) == b"first "
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert out == b"\n"
    assert err.strip() == b""
    assert marker.read_text() == "closed"


def test_reports_are_notes_on_stderr(run):
    done = run("chat", "before !report after")
    assert done.out == "before after \n"
    assert done.err == "note: something was left out\n"


def test_tool_calls_are_readable(run):
    done = run("chat", "--tools", write("tools.json", [TOOL]), '!call:weather:{"city":"Oslo"}')
    assert done.out == 'tool call call-0: weather({"city":"Oslo"})\n'


def test_a_refusal_is_shown_and_noted(run):
    done = run("chat", "!refuse")
    assert (done.code, done.out) == (0, "I would rather not.\n")
    assert "refused" in done.err


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("length", "cut at the limit"),
        ("content_filter", "content filter"),
        ("unknown/odd_word", "odd_word"),
    ],
)
def test_an_answer_that_did_not_end_by_itself_says_why(run, reason, said):
    done = run("chat", f"text !end:{reason}")
    assert (done.code, done.out) == (0, "text \n")
    assert said in done.err


def test_an_answer_that_ends_in_an_error_fails(run):
    done = run("chat", "text !end:error/overloaded")
    assert (done.code, done.out) == (1, "text \n")
    assert done.err == "error: the provider ended its answer with an error (its word: overloaded)\n"


def test_a_failure_in_the_middle_leaves_what_came_on_a_line_of_its_own(run):
    done = run("chat", "half !crash")
    assert (done.code, done.out) == (1, "half \n")


def test_reasoning_is_shown_on_request_apart_from_the_answer(run):
    assert run("chat", "!think:hmm so").err == ""
    done = run("chat", "--show-reasoning", "!think:hmm so")
    assert (done.out, done.err) == ("so \n", "hmm\n")


def test_a_notice_is_shown_before_the_answer(run):
    write("adapters/gated.yaml", "base: scripted\nnotice: {text: Mind the terms., terms_url: 'https://x.test/eula'}\n")
    assert run("chat", "-a", "gated", "hi").err == "note: Mind the terms. https://x.test/eula\n"


# --- json --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [[], ["--no-stream"]])
def test_json_is_one_object_with_every_promised_member(run, how):
    answer = run("chat", "--json", *how, "hello").json
    assert list(answer)[: len(KEYS)] == KEYS
    assert list(answer["usage"]) == USAGE_KEYS
    assert answer["text"] == "hello "
    assert answer["tool_calls"] == []
    assert answer["finish_reason"] == "stop"
    assert answer["usage"] == dict(zip(USAGE_KEYS, [7, 5, 12, 3, 1, "provider"], strict=True))
    assert (answer["adapter"], answer["provider"], answer["model"]) == ("scripted", "scripted", "script-1")
    assert answer["request_id"] == "request-1"


def test_json_keeps_what_only_some_answers_have(run):
    answer = run("chat", "--json", '!think:hmm !fields !report !call:weather:{"a":1} !end:unknown/odd').json
    assert answer["reasoning"] == "hmm"
    assert answer["extra"] == {"fingerprint": "fp-1"}
    assert answer["reports"] == [{"code": "scripted", "message": "something was left out", "path": "inference.seed"}]
    assert answer["tool_calls"] == [{"id": "call-0", "name": "weather", "arguments": '{"a":1}'}]
    assert (answer["finish_reason"], answer["provider_finish_reason"]) == ("unknown", "odd")


def test_usage_that_the_provider_did_not_report_is_marked(run):
    assert run("chat", "--json", "!unusual").json["usage"]["source"] in ("estimated", "absent")


def test_stream_json_is_one_event_a_line_and_the_whole_answer_last(run):
    *events, last = run("chat", "--stream", "--json", "!think:hmm hello !report !fields").lines
    assert [e["event"] for e in events] == [
        "started",
        "reasoning_delta",
        "text_delta",
        "reported",
        "provider_fields",
        "usage_reported",
        "finished",
    ]
    assert events[2] == {"event": "text_delta", "text": "hello "}
    assert events[3]["report"]["code"] == "scripted"
    assert last["event"] == "response"
    assert list(last)[1 : len(KEYS) + 1] == KEYS
    assert last["text"] == "hello "


def test_a_failure_leaves_stdout_without_half_an_object(run):
    done = run("chat", "--json", "half !crash")
    assert (done.code, done.out) == (1, "")


# --- what is sent ------------------------------------------------------------------------------------------------


def test_a_dry_run_shows_the_request_and_sends_nothing(command):
    shown = command("chat", "--dry-run", "!crash", SCRIPTED_KEY="canary-51f0c2")
    assert (shown.code, shown.err) == (0, "")
    head, _, body = shown.out.partition("\n\n")
    assert head.splitlines() == [
        "POST https://scripted.test/chat",
        "content-type: application/json",
        "authorization: Bearer ***",
    ]
    assert json.loads(body) == {"model": "script-1", "said": ["!crash"], "stream": True, "tools": []}


def test_a_dry_run_as_json_has_exactly_four_members(run):
    shown = run("chat", "--dry-run", "--json", "hi").json
    assert list(shown) == ["method", "url", "headers", "body"]
    assert shown["headers"]["authorization"] == "Bearer ***"
    assert shown["body"]["stream"] is False


@pytest.mark.parametrize(
    ("how", "streams"), [(["--stream", "--json"], True), (["--no-stream", "--json"], False), (["--json"], False)]
)
def test_a_dry_run_is_of_the_call_that_was_written(run, how, streams):
    assert run("chat", "--dry-run", *how, "hi").json["body"]["stream"] is streams


def test_system_messages_prompt_in_their_order(run):
    talk = write("talk.json", [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}])
    assert sent(run, "--system", "Be brief.", "--messages", talk, "three")["said"] == [
        "Be brief.",
        "one",
        "two",
        "three",
    ]


def test_messages_alone_are_enough_and_may_be_a_whole_request(run):
    assert sent(run, "--messages", write("request.json", {"messages": [{"role": "user", "content": "one"}]}))[
        "said"
    ] == ["one"]


def test_messages_that_cannot_be_read_are_named(run):
    failed = run("chat", "--messages", write("talk.json", [{"role": "nobody", "content": "one"}]))
    assert failed.code == 1
    assert "messages[0].role" in failed.err


@pytest.mark.parametrize("shape", [[TOOL], {"tools": [TOOL]}, TOOL])
def test_tools_come_as_a_list_in_an_object_or_alone(run, shape):
    assert sent(run, "--tools", write("tools.json", shape), "hi")["tools"] == ["weather"]


def test_set_and_override_are_layers_and_the_later_wins(run):
    write("change.yaml", "inference: {temperature: 0.1, seed: 5}\n")
    done = run(
        "chat", "-a", "warm", "--override", "change.yaml", "--set", "inference.temperature=0", "--set",
        "inference.top_p=0.5", "!settings",
    )  # fmt: skip
    assert json.loads(done.out) == {"temperature": 0.0, "seed": 5, "top_p": 0.5}


def test_null_removes_what_lies_below(run):
    done = run("chat", "-a", "warm", "--set", "inference.temperature=null", "!settings")
    assert json.loads(done.out) == {"seed": 7}


def test_a_set_value_is_json_else_text(run):
    done = run(
        "chat", "--set", 'inference.stop_sequences=["x", "y"]', "--set", "model=some=text", "--dry-run", "--json", "hi"
    )
    assert done.json["body"]["model"] == "some=text"


def test_an_adapter_can_be_a_file(run):
    write("draft.json", {"base": "scripted", "model": "draft-1"})
    answer = run("chat", "-a", "draft.json", "--json", "hi").json
    assert (answer["adapter"], answer["model"]) == (None, "draft-1")


def test_an_alias_may_look_like_a_path(run):
    assert run("chat", "-a", "a/b", "--json", "hi").json["adapter"] == "scripted"


def test_without_a_default_adapter_one_must_be_named(run, deployment):
    (deployment / "dragoman.toml").write_text("")
    failed = run("chat", "hi")
    assert failed.code == 1
    assert "no adapter is named" in failed.err
    assert "scripted" in failed.err


def test_images_and_files_go_with_the_prompt(run):
    Path("photo.bin").write_bytes(PNG)
    Path("paper.pdf").write_bytes(b"%PDF-1.7\n\xff")
    write("notes.txt", "remember")
    Path("film.mp4").write_bytes(b"\0")
    data_url = "data:image/png;base64," + base64.b64encode(PNG).decode()
    done = run(
        "chat", "--image", "photo.bin", "--image", "https://x.test/a.jpg", "--image", data_url, "--file", "paper.pdf",
        "--file", "notes.txt", "--video", "film.mp4", "--video", "https://x.test/a.mp4", "!parts",
    )  # fmt: skip
    assert done.out.startswith("['Text', 'Image', 'Image', 'Image', 'Video', 'Video', 'Document', 'Text']")


# --- standard input ----------------------------------------------------------------------------------------------


def test_what_is_piped_in_follows_the_prompt(run):
    assert sent(run, "Review this:", stdin=b"line one\nline two\n")["said"] == ["Review this:\n\nline one\nline two"]


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_what_is_piped_in_can_be_all(run, arguments):
    assert sent(run, *arguments, stdin="gr\u00fc\u00df dich".encode())["said"] == ["gr\u00fc\u00df dich"]


def test_piped_text_can_be_left_alone(run):
    assert sent(run, "--no-stdin", "Hi", stdin=b"not this")["said"] == ["Hi"]


def test_messages_can_be_piped_in(run):
    assert sent(run, "--messages", "-", "two", stdin=b'[{"role": "user", "content": "one"}]')["said"] == ["one", "two"]


def test_standard_input_is_not_read_twice(run):
    failed = run("chat", "--messages", "-", "-", stdin=b"[]")
    assert failed.code == 1
    assert "read once" in failed.err


def test_piped_bytes_that_are_no_text_are_refused(run):
    failed = run("chat", "hi", stdin=b"\xff\xfe\xfa")
    assert (failed.code, failed.err) == (1, "error: standard input is not UTF-8 text\n")


def test_a_pipe_through_the_shell(command):
    assert command("chat", "--no-stream", stdin=b"from the pipe\n").out == "from the pipe \n"


def test_a_slow_pipe_is_waited_for_when_it_is_asked_for(deployment, script):
    with subprocess.Popen(
        [*script, "chat", "--stdin", "--dry-run", "--json", "Hi"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        out, _ = process.communicate(b"late", timeout=60)
    assert json.loads(out)["body"]["said"] == ["Hi\n\nlate"]


def test_a_pipe_that_stays_silent_does_not_hold_up_a_prompt(monkeypatch, capsys):
    from dragoman.cli.piped import piped_text

    reading, writing = os.pipe()
    with os.fdopen(reading, encoding="utf-8") as stdin, os.fdopen(writing, "wb"):
        monkeypatch.setattr("sys.stdin", stdin)
        assert piped_text(None, needed=False, patience_s=0.01) == ""
    assert "--stdin waits for it" in capsys.readouterr().err


def test_a_pipe_that_is_needed_is_waited_for(monkeypatch):
    from dragoman.cli.piped import piped_text

    reading, writing = os.pipe()
    with os.fdopen(reading, encoding="utf-8") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        writer = threading.Thread(target=lambda: (os.write(writing, b"at last\n"), os.close(writing)))
        writer.start()
        assert piped_text(None, needed=True, patience_s=0.0) == "at last"
        writer.join()


# --- saving ------------------------------------------------------------------------------------------------------


def test_save_makes_an_adapter_of_base_and_changes(run, deployment):
    saved = run("chat", "-a", "a/b", "--set", "inference.temperature=0", "--save", "exact")
    assert (saved.code, saved.out) == (0, "")
    assert str(deployment / "adapters" / "exact.yaml") in saved.err
    document = run("adapters", "show", "exact", "--json").json
    assert document == {"version": 1, "base": "scripted", "inference": {"temperature": 0}, "name": "exact"}
    assert json.loads(run("chat", "-a", "exact", "!settings").out) == {"temperature": 0.0}


def test_save_goes_on_to_answer_where_there_is_a_prompt(run):
    saved = run("chat", "--set", "inference.seed=3", "--save", "exact", "hello")
    assert saved.out == "hello \n"
    assert "exact is saved" in saved.err


def test_save_as_json_without_a_prompt(run, deployment):
    saved = run("chat", "--save", "exact", "--json")
    assert saved.json == {"adapter": "exact", "file": str(deployment / "adapters" / "exact.yaml")}


def test_save_keeps_an_instruction_to_remove(run):
    run("chat", "-a", "warm", "--set", "inference.temperature=null", "--save", "cool")
    assert json.loads(run("chat", "-a", "cool", "!settings").out) == {"seed": 7}


def test_a_document_from_a_file_is_copied_with_the_changes(run):
    write("draft.yaml", "base: warm\naliases: [mine]\ninference: {temperature: null, top_p: 0.3}\n")
    run("chat", "-a", "draft.yaml", "--set", "inference.seed=8", "--save", "copy")
    assert run("adapters", "show", "copy", "--json").json == {
        "version": 1,
        "base": "warm",
        "inference": {"temperature": None, "top_p": 0.3, "seed": 8},
        "name": "copy",
    }


def test_save_refuses_an_existing_name_without_force(run):
    failed = run("chat", "--set", "inference.seed=3", "--save", "warm")
    assert failed.code == 1
    assert "name: is taken" in failed.err
    assert run("chat", "--set", "inference.seed=3", "--save", "warm", "--force").code == 0
    assert run("adapters", "show", "warm", "--json").json["inference"] == {"seed": 3}


def test_an_adapter_can_be_changed_in_place(run):
    assert run("chat", "-a", "warm", "--set", "inference.seed=9", "--save", "warm", "--force").code == 0
    assert json.loads(run("chat", "-a", "warm", "!settings").out) == {"temperature": 0.9, "seed": 9}


def test_nothing_is_saved_that_does_not_hold(run, deployment):
    failed = run("chat", "--set", "inference.nonsense=1", "--save", "bad")
    assert failed.code == 1
    assert "inference.nonsense" in failed.err
    assert not (deployment / "adapters" / "bad.yaml").exists()


# --- real providers ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(find_spec("dragoman_local") is None, reason="the plugin local is not installed")
def test_the_first_conversation(command, deployment):
    (deployment / "dragoman.toml").write_text('default_adapter = "local"\n')
    done = command("chat", "Tell me about iterators")
    assert done.code == 0
    assert len(done.out.split()) > 3
