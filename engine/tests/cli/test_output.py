import os
import pty
import subprocess

import pytest


def on_terminal(command, columns=60, **environment):
    """Run a command with its stdout on a pseudo-terminal; return what it showed."""
    ours, theirs = pty.openpty()
    os.set_blocking(ours, True)
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env={**os.environ, "COLUMNS": str(columns), "TERM": "xterm-256color", **environment},
    ) as process:
        os.close(theirs)
        shown = b""
        while piece := _read(ours):
            shown += piece
        process.wait(60)
    os.close(ours)
    return shown.decode()


def _read(descriptor):
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other side has closed
        return b""


def test_a_piped_listing_is_neither_cut_nor_coloured(command, deployment):
    model = "m" * 150
    (deployment / "adapters" / "long.yaml").write_text(f"base: scripted\nmodel: {model}\n")
    shown = command("adapters", "list", COLUMNS="20").out
    assert model in shown
    assert str(deployment / "adapters" / "long.yaml") in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("columns", [8, 40, 200])
def test_a_listing_fits_a_terminal_of_any_width(deployment, script, columns):
    shown = on_terminal([*script, "adapters", "list"], columns)
    assert "NAME" in shown.replace("\r\n", "") or columns < 10
    assert "Traceback" not in shown


def test_a_terminal_gets_style_and_no_color_takes_it_away(deployment, script):
    assert "\x1b[" in on_terminal([*script, "adapters", "list"])
    assert "\x1b[" not in on_terminal([*script, "adapters", "list"], NO_COLOR="1")


def test_a_model_cannot_command_the_terminal(deployment, script):
    shown = on_terminal([*script, "chat", "!escape"])
    assert "\x1b[31m" not in shown
    assert "\\x1b[31m\\x07" in shown


def test_piped_text_is_left_as_it_is(run):
    assert run("chat", "!escape").out == "\x1b[31m\x07\n"


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_any_encoding_can_carry_an_answer(command, as_json):
    shown = command("chat", *as_json, "gr\u00fc\u00df \U0001f600", PYTHONIOENCODING="ascii")
    assert (shown.code, shown.err) == (0, "")
    if as_json:
        assert shown.json["text"] == "gr\u00fc\u00df \U0001f600 "
    else:
        assert shown.out == "gr\\xfc\\xdf \\U0001f600 \n"


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_half_a_character_does_not_stop_the_answer(command, as_json):
    shown = command("chat", *as_json, "a !surrogate b")
    assert shown.code == 0
    assert "\\ud800" in shown.out


@pytest.mark.parametrize("arguments", [["chat", "!flood"], ["chat", "--stream", "--json", "!flood"]])
def test_a_reader_that_leaves_ends_the_command_quietly(deployment, script, arguments):
    marker = deployment / "closed"
    with subprocess.Popen(
        [*script, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "SCRIPTED_CLOSED": str(marker)},
    ) as process:
        process.stdout.read(1)
        process.stdout.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (1, b"")
    assert marker.read_text() == "closed"


@pytest.mark.parametrize("arguments", [["adapters", "schema"], ["--help"]])
def test_nobody_reads_at_all(deployment, script, arguments):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*script, *arguments], stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_standard_output_may_be_closed(deployment, script):
    done = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *script, "chat", "hi"],  # noqa: S607
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")  # noqa: PTH110
def test_a_full_disk_is_one_clear_line(deployment, script):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [*script, "config"], stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "error: the output cannot be written: No space left on device\n"
