"""``dragoman plugins check`` and ``dragoman plugins new``: what an author is told."""

import subprocess
import sys

import pytest

FAULTY = "import httptools\nPLUGIN_API = (1, 0)\n"
LIGHT = "PLUGIN_API = (1, 0)\n"


@pytest.fixture
def created(tmp_path, site, command, leave_installed, monkeypatch):
    """A plugin that the command made, on the path as an editable installation leaves it."""
    made = command("plugins", "new", "my-server", "--into", str(tmp_path / "made"))
    assert made.code == 0, made.err
    folder = tmp_path / "made" / "my-server"
    assert made.out.strip() == str(folder)
    monkeypatch.setenv("PYTHONPATH", f"{site}:{leave_installed(folder)}")
    return folder


# --- new -----------------------------------------------------------------------------------------------------------


def test_a_new_plugin_is_made_here_unless_told_where(run, deployment):
    done = run("plugins", "new", "mine")
    assert done.code == 0
    assert (deployment / "mine" / "pyproject.toml").is_file()
    assert "dragoman plugins check mine" in done.err


def test_a_name_that_cannot_be_one_is_refused(run, deployment):
    before = sorted(deployment.iterdir())
    done = run("plugins", "new", "My_Server")
    assert (done.code, done.out) == (1, "")
    assert "'My_Server' cannot be a plugin's name: lower case letters, digits and hyphens" in done.err
    assert sorted(deployment.iterdir()) == before


def test_what_is_there_is_left_alone(run, deployment):
    (deployment / "mine").mkdir()
    done = run("plugins", "new", "mine")
    assert done.code == 1
    assert "mine exists already; choose another name, or remove it first" in done.err
    assert not list((deployment / "mine").iterdir())


def test_a_folder_that_cannot_be_written_is_named(run, deployment):
    (deployment / "file").touch()
    done = run("plugins", "new", "mine", "--into", "file")
    assert done.code == 1
    assert done.err.startswith("error: the plugin cannot be written: file/mine")


# --- check ---------------------------------------------------------------------------------------------------------


def test_a_new_plugin_keeps_the_whole_contract_from_outside(created, command):
    done = command("plugins", "check", "my-server", timeout_s=300)
    assert done.code == 0, done.out
    first, _, header, row, *_ = done.out.splitlines()
    assert first == "my-server (dragoman-my-server 0.1.0.dev0)"
    assert header.split() == ["CASE", "PROVIDER", "CONTRACT", "PASSED", "FAILED", "SKIPPED"]
    name, provider, contract, passed, failed, _skipped = row.split()
    assert (name, provider, contract, failed) == ("my-server", "my-server", "chat", "0")
    assert int(passed) > 130
    assert done.out.splitlines()[-1] == "The contract is kept."
    assert done.err == ""


def test_what_is_broken_is_named_with_the_reason(created, command):
    codec = created / "src" / "dragoman_my_server" / "codec.py"
    codec.write_text(codec.read_text().replace('"temperature": "temperature", ', ""))
    done = command("plugins", "check", "my-server", "-k", "feature", "--json")
    assert done.code == 1
    (checked,) = done.json["checked"]
    assert not done.json["kept"]
    ((test, why),) = checked["failed"]
    assert test == "test_feature_is_sent_or_refused[temperature]"
    assert "inference.temperature: this provider does not take it" in why
    shown = command("plugins", "check", "my-server", "-k", "feature")
    assert shown.code == 1
    assert "test_feature_is_sent_or_refused[temperature]" in shown.out
    assert shown.out.splitlines()[-1] == "The contract is not kept."


def test_a_provider_without_a_case_is_held_to_its_description_and_says_so(command):
    done = command("plugins", "check", "scripted", "--json")
    assert done.json["unchecked"] == ["chat of scripted: the plugin ships no case for it"]
    (checked,) = done.json["checked"]
    assert checked["contract"] == "description"
    assert [test for test, _ in checked["failed"]] == ["test_every_field_explains_itself_in_a_form"]


@pytest.mark.parametrize(("source", "code"), [(LIGHT, 0), (FAULTY, 1)])
def test_a_plugin_without_a_provider_is_held_to_being_light(command, install, source, code):
    install("dragoman-bare", source, plugins={"bare": ""})
    done = command("plugins", "check", "bare", "--json")
    assert done.code == code
    (checked,) = done.json["checked"]
    assert (checked["contract"], checked["passed"]) == ("lightness", 1 - code)


@pytest.mark.parametrize(
    ("case", "problem"),
    [
        ("CASE = 1", "it is a int, not a ProviderCase"),
        ("import nothing_like_that", "cannot be loaded: ModuleNotFoundError"),
        (
            "from dragoman.testing import ProviderCase\nCASE = ProviderCase(kind='other', document={})",
            "it is about the provider 'other', which the plugin does not bring",
        ),
    ],
)
def test_a_case_that_cannot_be_used_is_a_failure_of_its_own(command, install, site, case, problem):
    install("dragoman-cased", LIGHT, plugins={"cased": ""})
    (site / "cased_case.py").write_text(case)
    entries = site / "dragoman_cased-1.0.dist-info" / "entry_points.txt"
    entries.write_text(f"{entries.read_text()}\n[dragoman.cases]\nmine = cased_case:CASE\n")
    done = command("plugins", "check", "cased", "--json")
    assert done.code == 1
    (failed,) = [c["failed"] for c in done.json["checked"] if c["name"] == "mine"]
    assert problem in failed[0][1]


def test_a_plugin_that_is_not_there_or_does_not_load_is_one_clear_line(command, install):
    done = command("plugins", "check", "nowhere")
    assert (done.code, done.out) == (1, "")
    assert "no plugin is called 'nowhere' (there are:" in done.err
    install("dragoman-broken", "import nothing_like_that", plugins={"broken": ""})
    done = command("plugins", "check", "broken")
    assert done.code == 1
    assert "the plugin 'broken' did not load: ModuleNotFoundError" in done.err
    assert "Traceback" not in done.err


def test_without_the_extra_it_says_what_to_install(deployment):
    program = (
        "import sys; sys.modules['pytest_asyncio'] = None; "
        "from importlib import util; found = util.find_spec; "
        "util.find_spec = lambda name: None if name == 'pytest_asyncio' else found(name); "
        "from dragoman.cli.main import main; sys.exit(main(['plugins', 'check', 'scripted']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "error: the contract kit needs pytest_asyncio (install it: pip install 'dragoman[testing]')\n"
    )
