import pytest
from dragoman.server.state.settings_file import SettingsFile
from dragoman.settings import Settings

START = 'stage = "dev"\n[server]\nport = 1000\n[connections.local]\nregion = "here"\n'


@pytest.fixture
def file(tmp_path):
    written = tmp_path / "dragoman.toml"
    written.write_text(START)
    return written


@pytest.fixture
def problem_with(file, monkeypatch):
    """Return what is said once the file has another text."""
    monkeypatch.setenv("DRAGOMAN_SERVER__GRACE_S", "5")
    watched = SettingsFile(Settings.load(file, server={"host": "127.0.0.9"}))

    def say(text):
        file.write_text(text)
        watched.look()
        return watched.problem

    return say


def test_a_file_that_stays_or_says_the_same_needs_no_restart(problem_with):
    assert problem_with(START) is None
    assert problem_with("# a comment\n" + START) is None


def test_settings_that_wait_for_a_restart_are_named_until_the_file_is_as_it_was(problem_with):
    changed = START.replace("1000", "2000\nmax_concurrency = 7").replace("here", "there")
    assert problem_with(changed).endswith(": restart to take over connections, server.port, server.max_concurrency")
    assert problem_with(START) is None


def test_what_a_variable_or_a_flag_decides_waits_for_nothing(problem_with):
    assert problem_with(START.replace("1000", '1000\ngrace_s = 9\nhost = "0.0.0.0"')) is None


@pytest.mark.parametrize(("text", "why"), [("stage = ", "a restart would fail"), ("stag = 1", "did you mean stage")])
def test_a_file_that_a_restart_would_fail_with_is_told(problem_with, text, why):
    assert why in problem_with(text)


def test_a_file_that_is_gone_is_told(file):
    watched = SettingsFile(Settings.load(file))
    file.unlink()
    watched.look()
    assert "is gone or unreadable" in watched.problem


def test_without_a_file_there_is_none_to_change():
    watched = SettingsFile(Settings())
    watched.look()
    assert watched.problem is None


def test_the_log_says_it_once(problem_with, caplog):
    for _ in range(3):
        problem_with(START.replace("dev", "test"))
    problem_with(START)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
