"""Discovery: what works is loaded, what does not is reported with its reason, and neither touches the other."""

import pytest
from dragoman.errors import PluginError
from dragoman.plugins import load_plugins

HEAD = "from dragoman.plugin import *\nPLUGIN_API = (1, 0)\n"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def broken(", "SyntaxError"),
        ("from dragoman.plugin import *", "states no contract version (set PLUGIN_API = (1, 0)"),
        ("PLUGIN_API = (2, 0)", "is written for contract 2.0, this engine has 1.0"),
        ("PLUGIN_API = (1, 9)", "is written for contract 1.9"),
        (HEAD + "@hookimpl\ndef dragoman_provider(): return []", "the hook 'dragoman_provider', which does not exist"),
        (HEAD + "@hookimpl\ndef providers(): return []", "the hook 'providers', which does not exist"),
        (HEAD + "def dragoman_providers(): return []", "dragoman_providers lacks @hookimpl"),
        (HEAD + "@hookimpl\ndef dragoman_adapters(secret): return []", "Argument(s) {'secret'}"),
        (HEAD + "@hookimpl\ndef dragoman_providers(): raise RuntimeError('boom')", "RuntimeError: boom"),
        (HEAD + "@hookimpl\ndef dragoman_providers(): return ['x']", "returned a str where a ProviderDescription"),
        (
            HEAD + "d = ProviderDescription('x', 'X', 'a:B')\n@hookimpl\ndef dragoman_providers(): return [d, d]",
            "describes the provider 'x' twice",
        ),
    ],
)
def test_a_bad_plugin_is_reported_and_the_others_load(plugin_module, echo_plugin, source, says):
    def entry():
        try:
            return plugin_module(source, "bad")
        except BaseException as error:  # noqa: BLE001  (the plugin itself is broken: load() must meet it)
            return _Raising("bad", error)

    plugins = load_plugins(found=[entry(), echo_plugin])
    assert [p.name for p in plugins.loaded] == ["echo"]
    assert [f.name for f in plugins.failed] == ["bad"]
    assert says in plugins.failed[0].reason
    assert "\n" not in plugins.failed[0].reason
    assert plugins.manager.get_plugin("bad") is None


class _Raising:
    """An entry point whose module raises when it is imported."""

    dist = None

    def __init__(self, name, error):
        self.name = name
        self.error = error

    def load(self):
        raise self.error


def test_an_interrupt_by_the_user_is_no_plugins_failure():
    with pytest.raises(KeyboardInterrupt):
        load_plugins(found=[_Raising("slow", KeyboardInterrupt())])


def test_two_plugins_of_one_name_are_both_refused(plugin_module, echo_plugin):
    other = plugin_module(HEAD, "other")
    plugins = load_plugins(found=[echo_plugin, echo_plugin, other])
    assert [p.name for p in plugins.loaded] == ["other"]
    assert [f.name for f in plugins.failed] == ["echo", "echo"]
    assert "neither is used" in plugins.failed[0].reason


def test_two_plugins_with_one_provider_are_both_refused(plugin_module, echo_plugin):
    source = HEAD + "@hookimpl\ndef dragoman_providers(): return [ProviderDescription('echo', 'E', 'a:B')]"
    plugins = load_plugins(found=[echo_plugin, plugin_module(source, "copy"), plugin_module(HEAD, "other")])
    assert [p.name for p in plugins.loaded] == ["other"]
    assert {f.name for f in plugins.failed} == {"echo", "copy"}
    assert all("copy, echo" in f.reason for f in plugins.failed)


@pytest.mark.parametrize("choice", [{"block": ["bad"]}, {"allow": ["echo"]}])
def test_what_is_blocked_is_not_even_imported(echo_plugin, choice):
    imported = _Raising("bad", AssertionError("was imported"))
    plugins = load_plugins(found=[echo_plugin, imported], **choice)
    assert [p.name for p in plugins.loaded] == ["echo"]
    assert plugins.blocked == ("bad",)
    assert plugins.failed == ()


def test_an_allowed_plugin_that_is_not_installed_is_reported(echo_plugin):
    plugins = load_plugins(found=[echo_plugin], allow=["echo", "absent"])
    assert [(f.name, f.reason) for f in plugins.failed] == [("absent", "is on the allow list and not installed")]


def test_one_raising_hook_does_not_stop_the_others(plugin_module, echo_plugin):
    source = HEAD + "@hookimpl\ndef dragoman_adapters(secrets): raise SystemExit('no')"
    answers, failures = load_plugins(found=[plugin_module(source, "bad"), echo_plugin]).call_each(
        "dragoman_adapters", secrets=None
    )
    assert [a.name for a in answers["echo"]] == ["echo"]
    assert failures == {"bad": "SystemExit: no"}


def test_an_unknown_provider_names_those_there_are(echo_plugin):
    plugins = load_plugins(found=[echo_plugin, _Raising("other", ImportError("no sdk"))])
    with pytest.raises(PluginError, match="available: echo"):
        plugins.provider("ehco")
    with pytest.raises(PluginError, match="its plugin did not load: ImportError: no sdk"):
        plugins.provider("other")
