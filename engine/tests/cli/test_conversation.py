import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")


# Ctrl-C reaches those whose terminal it is.
OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
PATIENCE_S = 30  # after which a test gives up


class Terminal:
    """A conversation on a pseudo-terminal: what is typed, and what is shown so far."""

    def __init__(self, command, **environment):
        self.ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWN_TERMINAL, *command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**os.environ, "TERM": "dumb", **environment},
        )
        os.close(theirs)
        self.shown = ""

    def until(self, text):
        """Read until the text has been shown; return everything before it since the last time."""
        while text not in self.shown:
            piece = self._read()
            assert piece, f"ended before {text!r} was shown: {self.shown!r}"
            self.shown += _CONTROL.sub("", piece.decode(errors="replace"))
        before, _, self.shown = self.shown.partition(text)
        return before

    def type(self, text):
        os.write(self.ours, text.encode())

    def say(self, text):
        """Type a line at the prompt and return what is shown until the next prompt."""
        self.type(text + "\n")
        self.until(text + "\n")
        return self.until("\n> ") if text[:5] != "/exit" else self.rest()

    def rest(self):
        """Read to the end and return what is left."""
        while piece := self._read():
            self.shown += _CONTROL.sub("", piece.decode(errors="replace"))
        return self.shown

    def interrupt(self):
        """Press Ctrl-C once the command waits: readline notices it only while it waits for a key."""
        state = Path(f"/proc/{self.process.pid}/stat")
        while state.exists() and state.read_text().rpartition(")")[2].split()[0] == "R":
            os.sched_yield()
        self.type("\x03")

    def code(self):
        self.rest()
        return self.process.wait(60)

    def _read(self):
        ready, _, _ = select.select([self.ours], [], [], PATIENCE_S)
        assert ready, f"nothing more is shown after {self.shown!r}"
        try:
            return os.read(self.ours, 65536)
        except OSError:  # the other side has closed
            return b""

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(60)
        os.close(self.ours)


@pytest.fixture
def talk(deployment, script):
    opened = []

    def start(*arguments, **environment):
        terminal = Terminal([*script, "chat", *arguments], **environment)
        opened.append(terminal)
        return terminal

    yield start
    for terminal in opened:
        terminal.close()


def begun(terminal):
    terminal.until("> ")
    return terminal


def test_it_says_whom_it_talks_to_and_answers(talk):
    terminal = talk()
    assert "scripted: script-1 of scripted; /help, Ctrl-D leaves" in terminal.until("> ")
    assert terminal.say("hello there") == "hello there "
    assert terminal.say("and again") == "and again "
    terminal.type("\x04")
    assert terminal.code() == 0


def test_it_remembers_both_sides(talk):
    terminal = begun(talk("--system", "Be brief."))
    terminal.say("one")
    assert json.loads(terminal.say("!history")) == [["system", "Be brief."], ["user", "one"], ["assistant", "one "]]


def test_clear_forgets_all_but_the_beginning(talk):
    terminal = begun(talk("--system", "Be brief."))
    terminal.say("one")
    terminal.say("/clear")
    assert json.loads(terminal.say("!history")) == [["system", "Be brief."]]


def test_help_and_unknown_commands(talk):
    terminal = begun(talk())
    assert "/clear" in terminal.say("/help")
    assert "there is no /nosuch" in terminal.say("/nosuch")
    assert terminal.say("/etc/hosts is a file") == "/etc/hosts is a file "


@pytest.mark.parametrize("word", ["/exit", "/exit now"])
def test_exit_leaves(talk, word):
    terminal = begun(talk())
    terminal.say(word)
    assert terminal.code() == 0


def test_set_changes_the_adapter_and_refuses_what_does_not_hold(talk):
    terminal = begun(talk("--set", "inference.seed=1"))
    assert "changed by now" in terminal.say("/set inference.temperature=0")
    assert json.loads(terminal.say("!settings")) == {"temperature": 0.0, "seed": 1}
    assert "inference.top_p" in terminal.say("/set inference.top_p=9")
    assert "has no '='" in terminal.say("/set nonsense")
    assert json.loads(terminal.say("!settings")) == {"temperature": 0.0, "seed": 1}
    assert '{"inference": {"seed": 1, "temperature": 0}}' in terminal.say("/set")


def test_ctrl_c_ends_the_answer_and_not_the_conversation(talk, deployment):
    marker = deployment / "closed"
    terminal = begun(talk(SCRIPTED_CLOSED=str(marker)))
    terminal.type("half an answer !hang\n")
    terminal.until("!hang\n")
    terminal.until("half an answer ")
    terminal.interrupt()
    terminal.until("> ")
    assert marker.read_text() == "closed"
    said = [["user", "half an answer !hang"], ["assistant", "half an answer "]]
    assert json.loads(terminal.say("!history")) == said


def test_an_answer_that_was_ended_before_it_began_is_forgotten(talk):
    terminal = begun(talk("--show-reasoning"))
    terminal.type("!think:hmm !hang\n")
    terminal.until("!hang\n")
    terminal.until("hmm")
    terminal.interrupt()
    terminal.until("> ")
    assert json.loads(terminal.say("!history")) == []


def test_ctrl_c_at_the_prompt_empties_the_line_and_twice_leaves(talk):
    terminal = begun(talk())
    terminal.type("not sent")
    terminal.until("not sent")
    terminal.interrupt()
    assert "Ctrl-C again leaves" in terminal.until("> ")
    assert terminal.say("sent") == "sent "
    terminal.interrupt()
    terminal.until("> ")
    terminal.interrupt()
    assert terminal.code() == 0


def test_a_failed_call_is_told_and_forgotten(talk):
    terminal = begun(talk())
    terminal.say("one")
    assert terminal.say("half !limited") == "half \nerror: slow down [request request-1]"
    assert "internal: RuntimeError: the plugin broke" in terminal.say("!crash")
    assert json.loads(terminal.say("!history")) == [["user", "one"], ["assistant", "one "]]


def test_a_note_is_told_once(talk):
    terminal = begun(talk())
    assert "note: something was left out" in terminal.say("one !report")
    assert "note" not in terminal.say("two !report")


def test_the_person_answers_tool_calls(talk, deployment):
    (deployment / "tools.json").write_text('[{"name": "weather"}]')
    terminal = begun(talk("--tools", "tools.json"))
    terminal.type('!call:weather:{"city":"Oslo"}\n')
    shown = terminal.until("result of weather call-0: ")
    assert 'tool call call-0: weather({"city":"Oslo"})' in shown
    terminal.type("!unusual\n")
    terminal.until("\n> ")
    assert [role for role, _ in json.loads(terminal.say("!history"))] == ["user", "assistant", "tool", "assistant"]


def test_attachments_go_with_the_first_message(talk, deployment):
    (deployment / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    terminal = begun(talk("--image", "photo.png"))
    assert terminal.say("!parts") == "['Text', 'Image']"
    assert terminal.say("!parts") == "['Text']"


def test_earlier_lines_can_be_edited(talk):
    pytest.importorskip("readline")
    terminal = begun(talk(TERM="xterm"))
    terminal.say("one two")
    terminal.type("\x1b[A\x7f\x7f\x7fsix\n")  # up, three times backspace
    assert terminal.until("\n> ").splitlines()[-1] == "one six "


def test_an_adapter_that_does_not_hold_is_told_before_the_prompt(talk):
    terminal = talk("-a", "nosuch")
    assert "error: there is no adapter 'nosuch'" in terminal.rest()
    assert terminal.code() == 1


@pytest.mark.parametrize("arguments", [["--json"], ["--dry-run"]])
def test_what_needs_a_prompt_does_not_begin_a_conversation(talk, arguments):
    terminal = talk(*arguments)
    assert "error: Missing argument 'PROMPT'" in terminal.rest()
    assert terminal.code() == 2


def test_answers_can_go_to_a_file_while_the_person_sees_the_prompt(deployment, script):
    ours, theirs = pty.openpty()
    with subprocess.Popen([*script, "chat"], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        os.close(theirs)
        os.write(ours, b"hello\n/exit\n")
        out, err = process.communicate(timeout=60)
    os.close(ours)
    assert (process.returncode, out) == (0, b"hello \n")
    assert b"> " in err


def test_being_told_to_stop_ends_it(talk):
    terminal = begun(talk())
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.code() == -signal.SIGTERM
