"""What administrators see and do: identities and what they need, usage, plugins, secrets, keys, the audit log."""

import json

import pytest
from playwright.sync_api import expect

from .steps import choose, complete, document, row, send

DIAL = {
    "models": {
        "GPT 4 <i>EU</i>": {
            "type": "chat",
            "displayName": "GPT-4 <b>EU</b>",
            "endpoint": "https://dial.example/openai/deployments/gpt-4/chat/completions",
            "upstreams": [{"endpoint": "https://eu.openai.azure.com/openai/deployments/gpt-4/chat/completions"}],
        },
        "second": {
            "type": "chat",
            "endpoint": "https://dial.example/openai/deployments/second/chat/completions",
            "upstreams": [{"endpoint": "https://eu.openai.azure.com/openai/deployments/second/chat/completions"}],
        },
    }
}


def test_who_would_i_be_tells_the_identity(tab):
    page = tab.open("edit/acme-voice")
    complete(page)
    page.get_by_role("button", name="Check: who would I be?").click()
    step = page.get_by_role("row", name="identity")
    expect(step).to_contain_text("calls are made as acme:assumed/north")
    expect(step).to_contain_text("<i>north</i>")
    expect(page.get_by_role("row", name="call").last).to_contain_text("ok")
    page = tab.open("models")
    expect(page.locator('[data-name="acme-voice"]')).to_contain_text("check passed")


def test_who_would_i_be_tells_the_missing_permission_of_a_draft(tab):
    page = tab.open("edit/acme-voice")
    complete(page)
    row(page, "connection.site").get_by_role("textbox").fill("guarded")
    page.get_by_role("button", name="Check: who would I be?").click()
    step = page.get_by_role("row", name="permission")
    expect(step).to_contain_text("failed")
    expect(step).to_contain_text("acme:assumed/north may not speak")
    expect(step).to_contain_text("allow acme:Speak for it")


def test_what_must_be_allowed_for_a_draft(tab):
    page = tab.open("edit/acme-voice")
    complete(page)
    row(page, "connection.site").get_by_role("textbox").fill("west")
    page.get_by_label("What for").select_option("list")
    page.get_by_role("button", name="Permissions: what must be allowed?").click()
    connection = page.locator('[data-section="connection"]')
    expect(connection).to_contain_text("calls as <i>north</i> acme:assumed/north")
    assert json.loads(connection.locator("pre").text_content()) == {"may": ["list"], "at": "west"}
    expect(connection).to_contain_text("the <b>gate</b> is not known")
    expect(connection.get_by_role("button", name="Copy as acmefile")).to_be_visible()


def test_a_dial_configuration_is_imported_and_one_model_chosen(tab):
    page = tab.open("edit")
    choose(page, "import")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Of", exact=True).select_option("dial")
    dialog.get_by_label("Or its text").fill(json.dumps(DIAL))
    dialog.get_by_role("button", name="Read").click()
    expect(dialog).to_contain_text("2 found")
    dialog.get_by_role("button", name="GPT-4 <b>EU</b>").click()
    expect(row(page, "provider").get_by_role("combobox")).to_have_value("azure-openai")
    expect(row(page, "title").get_by_role("textbox")).to_have_value("GPT-4 <b>EU</b>")


@pytest.mark.parametrize("way", ["import", "paste"])
def test_yaml_comes_in_from_a_file_or_the_clipboard_and_a_wrong_one_is_told_with_its_line(tab, tmp_path, way):
    page = tab.open("edit")
    choose(page, way)
    dialog = page.get_by_role("dialog")
    text = dialog.get_by_label("Or its text" if way == "import" else "JSON or YAML")
    use = dialog.get_by_role("button", name="Read" if way == "import" else "Use it")
    text.fill("provider: acme\n  model: m\n")
    use.click()
    expect(dialog.get_by_role("alert")).to_contain_text("line 2")
    wanted = "provider: acme\nmodel: m\nconnection: {site: west}\n"
    if way == "import":
        (tmp_path / "mine.yaml").write_text(wanted)
        dialog.get_by_label("File").set_input_files(tmp_path / "mine.yaml")
        expect(text).to_have_value(wanted)
    else:
        text.fill(wanted)
    use.click()
    complete(page)
    assert document(page) == {"provider": "acme", "model": "m", "connection": {"site": "west"}}


def test_usage_is_drawn_by_day_and_group_and_goes_into_a_file(new_tab, gateway):
    tab = new_tab(gateway, refusals=True, accept_downloads=True)
    page = tab.open("try/acme-voice")
    send(page, "Hello")
    page.locator(".figures").wait_for()
    send(page, "limited")
    expect(page.get_by_role("alert")).to_be_visible()
    page = tab.open("usage")
    for chart in ("Requests", "Tokens", "Cost", "Time, 95 % of calls within"):
        expect(page.get_by_role("img", name=chart)).to_be_visible()
    expect(page.locator("svg title", has_text="failed").first).to_have_count(1)
    line = page.get_by_role("row").filter(has=page.get_by_role("cell", name="acme-voice", exact=True))
    expect(line).to_contain_text("USD")
    with page.expect_download() as found:
        page.get_by_role("button", name="Download CSV").click()
    assert '"acme-voice"' in found.value.path().read_text()
    page.get_by_label("By").select_option("provider")
    expect(page.get_by_role("cell", name="acme", exact=True)).to_be_visible()


def test_others_see_their_own_usage_alone(keyed, stages):
    served = stages("dev")
    other = keyed("dev", "developer")
    send(other.open("try/acme-terms"), "Hello")
    other.page.get_by_role("button", name="Accept").click()
    other.page.locator(".figures").wait_for()
    page = keyed("dev", "user").open("usage")
    expect(page.get_by_role("heading", name="No calls yet")).to_be_visible()
    assert served.application is not None


def test_a_key_is_shown_once_and_opens_nothing_after_it_is_revoked(tab):
    page = tab.open("keys")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name", exact=True).fill("a <b>program</b>")
    page.get_by_label("Adapters").fill("acme-voice, local")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#new-key")).to_contain_text("drg_")
    secret = page.locator("#new-key").inner_text()
    ask = f"fetch('/v1/models', {{headers: {{'x-upstream-key': '{secret}'}}}}).then(r => r.status)"
    page.get_by_role("button", name="Close").click()
    assert page.evaluate(ask) == 200
    line = page.get_by_role("row", name="a <b>program</b>")
    expect(line).to_contain_text("active")
    expect(line).to_contain_text("acme-voice, local")
    page.get_by_role("button", name="Revoke a <b>program</b>").click()
    page.get_by_role("button", name="Revoke", exact=True).click()
    expect(line).to_contain_text("revoked")
    assert secret not in page.content()


def test_the_audit_log_is_searched_and_holds_markup_as_text(tab, gateway):
    gateway.saved_by_somebody_else("audited", {"base": "acme-voice", "title": "<img src=x onerror=alert(1)>"})
    page = tab.open("audit")
    page.get_by_label("Of what").fill("adapter audited")
    line = page.get_by_role("row", name="adapter audited").first
    expect(line).to_contain_text("adapter.save")
    expect(line).to_contain_text("somebody else")
    expect(line).to_contain_text("title")
    expect(page.get_by_text("1 entries")).to_be_visible()


def test_plugins_and_secrets_are_named_without_a_value(tab):
    page = tab.open("plugins")
    expect(page.get_by_role("row", name="acme")).to_contain_text("Acme")
    page = tab.open("secrets")
    expect(page.get_by_role("row", name="ACME_KEY")).to_contain_text("absent")
