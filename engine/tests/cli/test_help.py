import subprocess
import sys

import click
import pytest
from dragoman.cli.commands import TABLE
from dragoman.cli.group import UNCUT
from dragoman.cli.main import root

HEAVY = ("pydantic", "rich", "httptools", "asyncio", "dragoman.engine", "dragoman.settings", "dragoman.plugins")
COMMAND = '''
import click

@click.command()
def greet():
    """Greet."""
    click.echo("hello from a plugin")
'''


@pytest.mark.parametrize("name", TABLE)
def test_the_tables_line_is_the_commands_own(name):
    command = root.get_command(click.Context(root), name)
    assert command.name == name
    assert command.get_short_help_str(UNCUT) == TABLE[name].short_help


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["chat", "--help"], ["adapters", "--help"], ["export", "--help"], ["--version"]]
)
def test_help_imports_neither_the_engine_nor_what_it_needs(arguments, install, deployment):
    install("dragoman-explosive", "raise RuntimeError('imported')", commands={"greet": ":greet"})
    program = (
        "import sys; from dragoman.cli.main import main; "
        f"code = main({arguments!r}); "
        f"loaded = [m for m in {HEAVY!r} if m in sys.modules]; sys.exit(f'loaded {{loaded}}' if loaded else code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_names_each_command_and_teaches_by_examples(command):
    shown = command("--help")
    assert shown.code == 0
    assert shown.err == ""
    for name, entry in TABLE.items():
        assert name in shown.out
        assert entry.short_help in shown.out
    assert 'dragoman chat "Tell me about iterators"' in shown.out


@pytest.mark.parametrize(
    "arguments",
    [
        *([name] for name in TABLE),
        *(["adapters", name] for name in ("list", "show", "validate", "schema", "diff")),
        *(["agents", name] for name in ("list", "show", "run")),
        *(["plugins", name] for name in ("check", "new")),
        *(["keys", name] for name in ("create", "list", "show", "revoke")),
        *(["database", name] for name in ("status", "upgrade", "downgrade")),
        ["export", "kubernetes"],
    ],
)
def test_the_help_of_each_command_has_examples(run, arguments):
    shown = run(*arguments, "--help")
    assert shown.code == 0
    assert f"dragoman {' '.join(arguments)}" in shown.out.split("Examples:")[1]


def test_the_version(run):
    shown = run("--version")
    assert shown.code == 0
    assert shown.out.startswith("dragoman 0.")


def test_a_missing_command_shows_the_help_on_stderr(run):
    shown = run()
    assert (shown.code, shown.out) == (2, "")
    assert "Commands:" in shown.err


# --- commands of plugins -----------------------------------------------------------------------------------------


def test_help_says_which_distribution_brings_a_command(run, install):
    install("dragoman-greeting", COMMAND, commands={"greet": ":greet"})
    assert "greet" in run("--help").out
    assert "from dragoman-greeting 1.0" in run("--help").out
    assert run("greet").out == "hello from a plugin\n"


def test_a_plugins_command_gets_the_invocation(run, install):
    source = """
import click

@click.command()
@click.pass_obj
def ask(invocation):
    answer = invocation.run(lambda engine: engine.chat(None, "hi there"))
    click.echo(f"{invocation.stage}: {answer.text}")
"""
    install("dragoman-asking", source, commands={"ask": ":ask"})
    assert run("--stage", "dev", "ask").out == "dev: hi there \n"


def test_what_a_plugins_command_returns_is_no_exit_code(run, install):
    source = "import click\n@click.command()\ndef odd():\n    return 3\n"
    install("dragoman-odd", source, commands={"odd": ":odd"})
    assert run("odd").code == 0


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('no luck')", "RuntimeError: no luck"),
        ("import sys; sys.exit(0)", "SystemExit"),
        ("greet = 5", "is a int, not a command of click"),
        ("", "AttributeError"),
    ],
)
def test_a_broken_command_is_one_line_when_it_is_called_and_harmless_otherwise(run, install, source, reason):
    install("dragoman-broken", source, commands={"greet": ":greet"})
    assert run("--help").code == 0
    assert run("config").code == 0
    failed = run("greet")
    assert (failed.code, failed.out) == (1, "")
    assert failed.err.startswith("error: the command 'greet' of dragoman-broken 1.0")
    assert reason in failed.err
    assert failed.err.count("\n") == 1


def test_a_command_cannot_take_the_name_of_ours(run, install):
    install("dragoman-greedy", COMMAND, commands={"config": ":greet"})
    shown = run("--help").out
    assert "Refused commands of plugins:" in shown
    assert "from dragoman-greedy 1.0: dragoman has a command of that name" in shown.replace("\n" + " " * 10, " ")
    assert "hello" not in run("config").out
    commands = {c["distribution"]: c["problem"] for c in run("plugins", "--json").json["commands"]}
    assert commands["dragoman-greedy"] == "dragoman has a command of that name"


def test_two_commands_of_one_name_are_both_refused(run, install):
    install("dragoman-one", COMMAND, commands={"greet": ":greet"})
    install("dragoman-two", COMMAND, commands={"greet": ":greet"})
    failed = run("greet")
    assert failed.code == 1
    assert "several plugins bring a command of that name" in failed.err
    refused = [c["distribution"] for c in run("plugins", "--json").json["commands"] if c["problem"]]
    assert refused == ["dragoman-one", "dragoman-two"]


def test_a_blocked_plugins_command_is_not_imported(run, install, deployment):
    install("dragoman-greeting", "raise RuntimeError('imported')", plugins={"greeting": ""}, commands={"greet": ":x"})
    (deployment / "dragoman.toml").write_text('plugins.block = ["greeting"]\n')
    failed = run("greet")
    assert failed.code == 1
    assert "is blocked by the settings" in failed.err


def test_a_dot_in_its_name_puts_a_command_into_an_open_group(run, install):
    install("dragoman-acme", COMMAND, commands={"export.acme": ":greet"})
    assert run("export", "acme").out == "hello from a plugin\n"
    assert "from dragoman-acme 1.0" in run("export", "--help").out
    assert "acme" not in run("--help").out
    assert run("acme").code == 2


def test_a_command_cannot_join_a_closed_group_or_take_a_name_in_an_open_one(run, install):
    install("dragoman-joining", COMMAND, commands={"adapters.greet": ":greet", "export.kubernetes": ":greet"})
    problems = {c["name"]: c["problem"] for c in run("plugins", "--json").json["commands"]}
    assert problems["adapters.greet"] == "dragoman has no group 'adapters' that takes commands"
    assert problems["export.kubernetes"] == "dragoman has a command of that name"
    assert "adapters.greet" in run("--help").out
    assert "hello" not in run("export", "kubernetes", "--help").out


def test_a_plugins_command_takes_the_global_options(run, install, deployment):
    source = COMMAND.replace("@click.command()", "@click.command()\n@click.pass_obj").replace(
        "greet()", "greet(invocation)"
    )
    source = source.replace('"hello from a plugin"', "invocation.settings().stage")
    install("dragoman-greeting", source, commands={"greet": ":greet"})
    assert run("greet", "--stage", "test").out == "test\n"
    assert run("greet", "--stage", "dev").out == "dev\n"


def test_completion_names_commands_without_importing_them(command, install):
    install("dragoman-explosive", "raise RuntimeError('imported')", commands={"greet": ":greet"})
    shown = command(_DRAGOMAN_COMPLETE="bash_complete", COMP_WORDS="dragoman ", COMP_CWORD="1")
    assert {line.partition(",")[2] for line in shown.out.splitlines()} >= {"chat", "greet"}


# --- how errors end ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nosuch"], 2, "No such command 'nosuch'"),
        (["--bogus"], 2, "No such option"),
        (["chat", "--bogus"], 2, "No such option"),
        (["chat", "--set"], 2, "requires an argument"),
        (["chat"], 2, "PROMPT"),
        (["chat", "one", "two"], 2, "unexpected extra argument"),
        (["adapters", "show"], 2, "Missing argument"),
        (["adapters", "diff", "scripted"], 2, "Missing argument"),
        (["chat", "--set", "foo", "hi"], 1, "'foo' has no '='"),
        (["chat", "--set", "=1", "hi"], 1, "does not start with a path"),
        (["chat", "--set", "a..b=1", "hi"], 1, "does not start with a path"),
        (["chat", "--set", "temperature=0", "hi"], 1, "temperature: is not a member here"),
        (["chat", "--set", "inference.top_p=5", "hi"], 1, "inference.top_p"),
        (["chat", "-a", "nosuch", "hi"], 1, "there is no adapter 'nosuch'"),
        (["chat", "-a", "./nosuch.yaml", "hi"], 1, "nosuch.yaml: cannot be read"),
        (["chat", "-a", "nosuch.yaml", "hi"], 1, "nosuch.yaml: cannot be read"),
        (["chat", "--override", "nosuch.json", "hi"], 1, "nosuch.json: cannot be read"),
        (["chat", "--messages", "nosuch.json"], 1, "nosuch.json cannot be read"),
        (["chat", "--tools", "nosuch.json", "hi"], 1, "nosuch.json cannot be read"),
        (["chat", "--tools", "dragoman.toml", "hi"], 1, "is not JSON"),
        (["chat", "--image", "nosuch.png", "hi"], 1, "nosuch.png cannot be read"),
        (["chat", "--image", "dragoman.toml", "hi"], 1, "is no image"),
        (["chat", "--video", "nosuch.mp4", "hi"], 1, "nosuch.mp4 cannot be read"),
        (["chat", "--video", "dragoman.toml", "hi"], 1, "does not end as a film"),
        (["chat", "--file", "nosuch.txt", "hi"], 1, "nosuch.txt cannot be read"),
        (["chat", ""], 1, "there is no text in it"),
        (["chat", "--force", "hi"], 1, "it goes with --save"),
        (["chat", "--tool-choice", "required", "hi"], 1, "no tool is given"),
        (["--config", "nosuch", "config"], 1, "which is not a file"),
        (["chat", "--config", "nosuch", "hi"], 1, "which is not a file"),
        (["--stage", "nosuch", "config"], 1, "stage"),
        (["adapters", "show", "nosuch"], 1, "there is no adapter"),
        (["adapters", "schema", "--provider", "nosuch"], 1, "no plugin brings the provider"),
        (["adapters", "diff", "scripted", "nosuch"], 1, "there is no adapter"),
        (["chat", "!limited"], 1, "slow down [request request-1]"),
        (["chat", "!crash"], 1, "internal: RuntimeError: the plugin broke; run again with --debug"),
    ],
)
def test_each_failure_is_one_clear_line_and_its_exit_code(run, arguments, code, said):
    failed = run(*arguments)
    assert failed.code == code
    assert failed.out == ""
    assert failed.err.startswith("error: ")
    assert said in failed.err
    assert failed.err.count("\n") == 1


def test_several_problems_of_a_document_are_told_beneath_each_other(run):
    failed = run("chat", "--set", "inference.top_p=5", "--set", "inference.temperature=-1", "hi")
    assert failed.code == 1
    first, *problems = failed.err.splitlines()
    assert first == "error: override: 2 problems"
    assert sorted(line.split(":")[0] for line in problems) == ["  inference.temperature", "  inference.top_p"]


@pytest.mark.parametrize("arguments", [["--debug", "chat", "!crash"], ["chat", "!crash", "--debug"]])
def test_debug_shows_where_an_error_came_from(run, arguments):
    failed = run(*arguments)
    assert failed.code == 1
    assert "Traceback" in failed.err
    assert "the plugin broke" in failed.err


@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_a_secret_is_taken_out_of_what_an_error_says(command, debug):
    canary = "canary-8e1f0f6b7a"
    failed = command("chat", *debug, "!leak", SCRIPTED_KEY=canary)
    assert failed.code == 1
    assert "sent ***" in failed.err
    assert canary not in failed.err + failed.out


def test_the_environment_can_ask_for_debugging(command):
    assert "Traceback" in command("chat", "!crash", DRAGOMAN_DEBUG="1").err
    assert "Traceback" not in command("chat", "!crash", DRAGOMAN_DEBUG="0").err
