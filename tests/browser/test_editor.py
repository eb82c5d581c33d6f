"""The adapter editor: what a person was promised of it, from an empty field to a saved adapter."""

import json
import re

from playwright.sync_api import expect

from .steps import ask, choose, complete, document, row

GALILEO = {
    "name": "custom:llama <b>chat</b>",
    "modelId": "meta-llama/Llama-2-13b-chat",
    "framework": {
        "type": "SageMakerEndpoint",
        "endpointName": "jumpstart-llama2-13b",
        "endpointRegion": "us-west-2",
        "modelKwargs": {"temperature": 0.6, "max_new_tokens": 500},
        "endpointKwargs": {"CustomAttributes": "accept_eula=true"},
    },
    "adapter": {
        "contentHandler": {
            "input": {"promptKey": "inputs", "modelKwargsKey": "parameters"},
            "output": {"jsonpath": "[0].generation"},
        }
    },
}


def test_from_an_empty_field_to_an_answer_of_a_custom_model(tab):
    """In the page that this one replaces the form of a custom model was dead: its change handler left early."""
    page = tab.open("models")
    page.get_by_role("link", name="Custom", exact=True).click()
    row(page, "provider").get_by_role("combobox").select_option("acme")
    row(page, "model").get_by_role("textbox").fill("voice-9")
    expect(row(page, "connection.site")).to_contain_text("required")
    row(page, "connection.site").get_by_role("textbox").fill("west")
    complete(page)
    ask(page, "Hello")
    expect(page.get_by_role("log")).to_contain_text("voice-9 at west, volume None: Hello")
    expect(page.get_by_role("log")).to_contain_text("7 in, 5 out")
    assert document(page) == {"provider": "acme", "model": "voice-9", "connection": {"site": "west"}}


def test_a_base_fills_the_fields_and_only_what_differs_is_kept(tab):
    """Choosing a base neither copies it into the draft nor empties what it does not copy, as it did before."""
    page = tab.open("edit")
    page.get_by_label("Base model").select_option("acme-voice")
    volume = row(page, "inference.volume")
    expect(volume).to_contain_text("inherited: 4")
    volume.get_by_role("textbox").fill("7")
    expect(volume).to_contain_text("instead of 4")
    complete(page)
    assert document(page) == {"base": "acme-voice", "inference": {"volume": 7}}
    page.get_by_role("tab", name="Changes").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("inference.volume")
    ask(page, "Hello")
    expect(page.get_by_role("log")).to_contain_text("voice-1 at north, volume 7.0: Hello")
    volume.get_by_role("button", name="Reset").click()
    expect(volume).to_contain_text("inherited: 4")
    assert document(page) == {"base": "acme-voice"}


def test_a_third_party_plugin_gets_a_complete_form(tab):
    page = tab.open("edit")
    row(page, "provider").get_by_role("combobox").select_option("acme")
    expect(row(page, "inference.tone")).to_be_visible()
    options = row(page, "inference.tone").get_by_role("combobox").locator("option").all_text_contents()
    assert options[1:] == ["calm", "lively"]
    expect(row(page, "inference.volume")).to_contain_text("how loud the answer is")
    expect(row(page, "inference.volume")).to_contain_text("0 to 11")
    expect(row(page, "connection.compress")).to_contain_text("default: yes")
    row(page, "connection.auth.kind").get_by_role("combobox").select_option("token")
    row(page, "connection.auth.scope").get_by_role("textbox").fill("speak")
    row(page, "connection.headers").get_by_role("button", name="Add").click()
    row(page, "connection.headers").get_by_label("name").fill("X-Team")
    row(page, "connection.headers").get_by_label("value").fill("voices")
    row(page, "connection.proxy.port").get_by_role("textbox").fill("99999")
    expect(row(page, "connection.proxy.port")).to_contain_text("at most 65535")
    row(page, "connection.proxy.port").get_by_role("textbox").fill("3128")
    assert document(page)["connection"] == {
        "auth": {"kind": "token", "scope": "speak"},
        "headers": {"X-Team": "voices"},
        "proxy": {"port": 3128},
    }


def test_another_provider_leaves_nothing_of_the_one_before(tab):
    """Switching the framework used to keep the other framework's fields."""
    page = tab.open("edit")
    row(page, "provider").get_by_role("combobox").select_option("acme")
    row(page, "connection.site").get_by_role("textbox").fill("west")
    row(page, "provider").get_by_role("combobox").select_option("local")
    expect(row(page, "connection.site")).to_have_count(0)
    assert document(page) == {"provider": "local"}


def test_wrong_json_is_told_with_its_line_at_the_field(tab):
    """Wrong JSON used to be a warning in the console and nothing else."""
    page = tab.open("edit/acme-voice")
    page.get_by_text("Model and endpoint kwargs").click()
    kwargs = row(page, "model_kwargs")
    kwargs.get_by_role("textbox").fill('{\n  "stop": ["a", "b"],\n  "top" 1\n}')
    expect(kwargs).to_contain_text('line 3, column 9: : is expected after the name, found "1"')
    kwargs.get_by_role("textbox").fill('{"a": 1, "a": 2}')
    expect(kwargs).to_contain_text('the member "a" is given twice')
    kwargs.get_by_role("textbox").fill('{"stop": ["a", "b"]}')
    expect(kwargs.locator(".problem")).to_have_count(0)
    assert document(page)["model_kwargs"] == {"stop": ["a", "b"]}  # a list stays a list


def test_what_is_wrong_is_told_at_the_exact_field(tab):
    page = tab.open("edit/acme-voice")
    row(page, "inference.volume").get_by_role("textbox").fill("loud")
    expect(row(page, "inference.volume").locator(".problem")).to_contain_text(["a number is expected", "valid number"])
    expect(row(page, "inference.temperature").locator(".problem")).to_have_count(0)
    expect(page.locator("#verdict")).to_contain_text("inference.volume")


def test_form_and_text_are_in_step(tab):
    page = tab.open("edit")
    box = page.get_by_label("The document as text")
    box.fill("provider: acme\nmodel: m\nconnection:\n  site: east\ninference: {volume: 3}\n")
    expect(row(page, "connection.site").get_by_role("textbox")).to_have_value("east")
    row(page, "inference.volume").get_by_role("textbox").fill("5")
    expect(box).to_have_value(re.compile("volume: 5"))
    box.fill("provider: acme\n  model: m\n")
    expect(page.get_by_role("tabpanel")).to_contain_text("line 2")
    page.get_by_label("Format", exact=True).select_option("effective")
    expect(box).to_have_attribute("readonly", "")


def test_work_in_progress_survives_a_reload(tab):
    page = tab.open("edit/acme-voice")
    row(page, "inference.volume").get_by_role("textbox").fill("9")
    page.reload()
    expect(row(page, "inference.volume").get_by_role("textbox")).to_have_value("9")
    expect(page.get_by_text("This is a draft that was not saved.")).to_be_visible()
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(row(page, "inference.volume")).to_contain_text("inherited: 4")


def test_an_adapter_is_saved_changed_rolled_back_and_deleted(tab):
    page = tab.open("edit")
    page.get_by_label("Base model").select_option("acme-voice")
    complete(page)
    page.keyboard.press("Control+s")
    page.get_by_label("Name", exact=True).fill("mine")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_text("saved revision 1")).to_be_visible()
    row(page, "inference.volume").get_by_role("textbox").fill("2")
    complete(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("saved revision 2")).to_be_visible()
    choose(page, "revisions")
    page.get_by_role("button", name="Roll back to revision 1").click()
    expect(page.get_by_text("saved revision 3")).to_be_visible()
    assert document(page) == {"name": "mine", "base": "acme-voice"}
    choose(page, "delete")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("heading", name="Models").wait_for()
    expect(page.locator('[data-name="mine"]')).to_have_count(0)


def test_a_conflict_is_shown_and_nothing_is_overwritten(new_tab, gateway):
    tab = new_tab(gateway, refusals=True)
    gateway.saved_by_somebody_else("shared", {"base": "acme-voice", "inference": {"volume": 1}})
    page = tab.open("edit/shared")
    row(page, "inference.volume").get_by_role("textbox").fill("2")
    complete(page)
    gateway.saved_by_somebody_else("shared", {"base": "acme-voice", "inference": {"volume": 3}})
    page.get_by_role("button", name="Save", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Revision 2 was saved by somebody else")
    expect(dialog.get_by_role("row", name="inference.volume")).to_contain_text("3")
    dialog.get_by_role("button", name="Take theirs").click()
    expect(row(page, "inference.volume").get_by_role("textbox")).to_have_value("3")


def test_the_exact_request_is_shown_and_copied_as_curl(tab):
    page = tab.open("edit/gpt")
    page.get_by_role("tab", name="Request").click()
    page.get_by_role("button", name="Show the request").click()
    expect(page.locator("#dry-run")).to_contain_text("/chat/completions")
    expect(page.locator("#dry-run")).to_contain_text('"content": "Hello"')


def test_a_galileo_document_is_imported(tab):
    page = tab.open("edit")
    choose(page, "import")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Of", exact=True).select_option("galileo")
    dialog.get_by_label("Or its text").fill(json.dumps(GALILEO))
    dialog.get_by_role("button", name="Read").click()
    expect(row(page, "provider").get_by_role("combobox")).to_have_value("sagemaker")
    expect(row(page, "model").get_by_role("textbox")).to_have_value("jumpstart-llama2-13b")
    expect(row(page, "title").get_by_role("textbox")).to_have_value(re.compile("<b>chat</b>"))


def test_a_link_carries_the_document_and_never_a_secret(new_tab, gateway):
    tab = new_tab(gateway, permissions=["clipboard-read", "clipboard-write"])
    page = tab.open("edit")
    box = page.get_by_label("The document as text")
    box.fill("base: acme-voice\ninference: {volume: 6}\n")
    complete(page)
    choose(page, "share")
    expect(page.get_by_text("Link copied")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    other = new_tab(gateway).page
    other.goto(link)
    expect(row(other, "inference.volume").get_by_role("textbox")).to_have_value("6")
    box.fill("base: acme-voice\nmodel_kwargs: {api_key: sk-1234567890abcdef}\n")
    expect(row(page, "inference.volume")).to_contain_text("inherited: 4")
    choose(page, "share")
    expect(page.get_by_text("A link must hold no secret")).to_be_visible()
