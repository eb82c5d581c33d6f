"""``dragoman chat``: one question, or a conversation."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from dragoman.cli.invocation import Invocation
from dragoman.cli.options import global_options, json_option, pass_invocation
from dragoman.cli.output import aside, is_terminal, note, write_json
from dragoman.cli.showing import print_request, show_notice

if TYPE_CHECKING:
    from dragoman.cli.answers import Printer
    from dragoman.cli.calls import Call
    from dragoman.cli.invocation import Running
    from dragoman.cli.questions import Question

EPILOG = """\b
Examples:
  dragoman chat "Tell me about iterators"
  dragoman chat -a my-model --system "Answer in French" "What is a list?"
  git diff | dragoman chat "Review this change"
  dragoman chat -a ./draft.yaml --set inference.temperature=0 --set inference.seed=7 "Hi"
  dragoman chat -a my-model --set inference.top_p=null --dry-run "Hi"
  dragoman chat --messages talk.json --tools tools.json --json
  dragoman chat --image photo.png "What is this?"
  dragoman chat -a my-model --set inference.temperature=0 --save my-model-exact

In a conversation: /help, /set PATH=VALUE, /clear, /exit; Ctrl-C ends an answer, Ctrl-D the conversation.
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """How the result is shown, and what else is to be done."""

    as_json: bool
    stream: bool | None
    show_reasoning: bool
    dry_run: bool
    save: str | None
    force: bool

    @property
    def in_pieces(self) -> bool:
        """Whether the answer is streamed: as text unless it is refused, as JSON where it is asked for."""
        return not self.as_json if self.stream is None else self.stream


@click.command(epilog=EPILOG)
@click.argument("prompt", required=False)
@click.option("-a", "--adapter", metavar="NAME|FILE", help="The adapter, or a document; else default_adapter.")
@click.option("-s", "--system", metavar="TEXT", help="The system message.")
@click.option("--set", "assignments", metavar="PATH=VALUE", multiple=True, help="Change one value; null removes it.")
@click.option("--override", "overrides", metavar="FILE", multiple=True, help="Change what a document says.")
@click.option("--messages", "messages_file", metavar="FILE|-", help="Begin with these messages, shaped as OpenAI's.")
@click.option("--tools", "tools_file", metavar="FILE", help="Offer these tools, shaped as OpenAI's.")
@click.option("--tool-choice", metavar="CHOICE", help="auto, none, required, or the name of a tool.")
@click.option("--image", "images", metavar="FILE|URL", multiple=True, help="Send an image with the prompt.")
@click.option("--video", "videos", metavar="FILE|URL", multiple=True, help="Send a film with the prompt.")
@click.option("--file", "files", metavar="FILE", multiple=True, help="Send a text or a document with the prompt.")
@click.option("--stdin/--no-stdin", default=None, help="Wait for piped text, or leave it; else it is read if any.")
@click.option("--stream/--no-stream", default=None, help="Show the answer as it comes; the default but for --json.")
@click.option("--show-reasoning", is_flag=True, help="Show what the model thinks, on stderr.")
@click.option("--dry-run", is_flag=True, help="Print the request, credentials masked, and send nothing.")
@click.option("--save", metavar="NAME", help="Save the adapter with these changes; without a PROMPT do only this.")
@click.option("--force", is_flag=True, help="Let --save replace an adapter.")
@json_option
@global_options
@pass_invocation
def chat(invocation: Invocation, /, **given: Any) -> None:
    """Ask a model, once or in a conversation.

    PROMPT is sent, with what is piped in after it; "-" stands for what is piped in. Without either, at a terminal, a
    conversation begins. The answer goes to stdout, everything else to stderr.
    """
    from dragoman.cli.patches import override_from
    from dragoman.cli.questions import question_from

    shown = Shown(**{name: given.pop(name) for name in Shown.__dataclass_fields__})
    adapter = given.pop("adapter")
    override = override_from(given.pop("overrides"), given.pop("assignments"))
    if shown.force and not shown.save:
        raise click.BadParameter("it goes with --save", param_hint="'--force'")
    question = question_from(**given, needed=not shown.save)
    _refuse_endless(shown, question)
    with invocation.running() as running:
        _carry_out(running, adapter, override, question, shown)


def _refuse_endless(shown: Shown, question: Question) -> None:
    """Refuse an open question where no conversation can fill it."""
    if not question.is_open or (shown.save and not shown.dry_run):
        return
    if not is_terminal(sys.stdin) or shown.as_json or shown.dry_run:
        raise click.MissingParameter("Say what to ask.", param_hint="'PROMPT'", param_type="argument")


def _carry_out(
    running: Running, adapter: str | None, override: dict[str, Any], question: Question, shown: Shown
) -> None:
    from dragoman.cli.calls import Call
    from dragoman.cli.references import adapter_from

    engine = running.engine
    reference = None if adapter is None else running.run(adapter_from(engine, adapter))
    call = Call(reference, override, shown.in_pieces)
    if shown.save:
        _save(running, call, shown, alone=question.is_open)
    if shown.dry_run:
        print_request(running.run(call.preview(engine, question)), as_json=shown.as_json)
    elif not question.is_open:
        _answer(running, call, question, shown)
    elif not shown.save:
        _converse(running, call, question, shown)


def _save(running: Running, call: Call, shown: Shown, *, alone: bool) -> None:
    from dragoman.cli.saving import save_adapter

    name = shown.save or ""
    path = running.run(save_adapter(running.engine, name, call.adapter, call.override, force=shown.force))
    if alone and shown.as_json:
        write_json({"adapter": name, "file": str(path)})
    else:
        note(f"the adapter {name} is saved in {path}")


def _answer(running: Running, call: Call, question: Question, shown: Shown) -> None:
    printer = _printer(shown)
    if not shown.as_json:
        show_notice(running, call.adapter, call.override)
    try:
        running.run(call.ask(running.engine, question, printer))
    except BaseException:
        printer.abandon()
        raise


def _printer(shown: Shown) -> Printer:
    from dragoman.cli.answers import EventPrinter, ObjectPrinter, TextPrinter

    if not shown.as_json:
        return TextPrinter(show_reasoning=shown.show_reasoning)
    return EventPrinter() if shown.in_pieces else ObjectPrinter()


def _converse(running: Running, call: Call, question: Question, shown: Shown) -> None:
    from dragoman.cli.conversation import Conversation

    resolved = running.run(running.engine.resolve(call.adapter, call.override))
    target = resolved.target
    aside(f"{resolved.name or 'unsaved adapter'}: {target.model} of {target.provider}; /help, Ctrl-D leaves\n")
    show_notice(running, call.adapter, call.override)
    Conversation(running, call, question, show_reasoning=shown.show_reasoning).hold()
