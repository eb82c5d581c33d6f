"""Whatever anybody wrote stays text: a dialog, an error or an outside request would fail the test of each tab."""

import json

from playwright.sync_api import expect

from .steps import choose, complete, row, send, unfold

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script><b>bold</b>"
MADE = "main img:not([alt='']), main script, main b:not(.figures b), main i, dialog img, dialog script, dialog b"


def plain(page):
    assert page.locator(MADE).count() == 0


def test_names_models_answers_and_provider_errors(new_tab, gateway):
    tab = new_tab(gateway, refusals=True)
    page = tab.open("models")
    entry = page.locator('[data-name="markup"]')
    expect(entry).to_contain_text("<img src=x onerror=alert(1)><b>bold</b>")
    expect(entry).to_contain_text("<b>alias</b>")
    plain(page)
    page = tab.open("try/markup")
    send(page, MARKUP)
    expect(page.get_by_role("log")).to_contain_text("<script>alert(1)</script> at <i>here</i>")
    send(page, "fail")
    expect(page.get_by_role("alert")).to_contain_text("<img src=x onerror=alert(1)> the key was refused")
    plain(page)
    page = tab.open("compare")
    expect(page.get_by_role("checkbox", name="markup")).to_be_visible()
    plain(page)


def test_documents_in_every_tab_of_the_editor(tab):
    page = tab.open("edit/markup")
    complete(page)
    row(page, "inference.tags").get_by_role("textbox").fill(MARKUP)
    complete(page)
    for name in ("Changes", "Request", "Document"):
        page.get_by_role("tab", name=name).click()
        plain(page)
    unfold(page, "upstreams")
    page.get_by_label("Name of a new entry in upstreams").fill(MARKUP)
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name=f"upstreams {MARKUP}")).to_be_visible()
    plain(page)


def test_imported_and_shared_documents(new_tab, gateway):
    tab = new_tab(gateway)
    page = tab.open("edit")
    choose(page, "import")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Of", exact=True).select_option("galileo")
    dialog.get_by_label("Or its text").fill(json.dumps({MARKUP: MARKUP, "modelId": MARKUP}))
    dialog.get_by_role("button", name="Read").click()
    expect(dialog.get_by_role("alert")).to_be_visible()
    plain(page)
    dialog.get_by_role("button", name="Close").click()
    page.goto(f"{tab.url}/#/models")
    page.goto(f"{tab.url}/#/share/eyJ0aXRsZSI6IjxpbWcgc3JjPXggb25lcnJvcj1hbGVydCgxKT4iLCJfX3Byb3RvX18iOnsieCI6MX19")
    shared = "title: <img src=x onerror=alert(1)>\n__proto__:\n  x: 1\n"
    expect(page.get_by_label("The document as text")).to_have_value(shared)
    plain(page)


def test_prompts_and_mappings(tab):
    page = tab.open("prompt")
    page.get_by_label("Text of message 1").fill(MARKUP)
    page.get_by_label("A user message").fill("<b>{content}</b>")
    expect(page.locator("#prompt-preview")).to_contain_text(MARKUP)
    plain(page)
    page = tab.open("mapping")
    page.get_by_label("What it answered").fill(json.dumps([{"generated_text": MARKUP}]))
    page.get_by_role("button", name="Propose a mapping").click()
    expect(page.locator("#extracted")).to_have_text(MARKUP)
    plain(page)


def test_what_the_gateway_tells_of_usage_audit_keys_and_plugins(new_tab, gateway):
    """Whatever these hold: the gateway's own answers are made to hold markup in every text."""
    tab = new_tab(gateway)
    gateway.key("of somebody", "user")

    def spoilt(route):
        reply = route.fetch()
        route.fulfill(response=reply, json=_spoilt(reply.json()))

    for address in ("usage", "audit", "keys", "plugins", "secrets"):
        tab.page.route(f"**/api/{address}*", spoilt)
    tab.page.route("**/api/workbench/models", spoilt)
    for view in ("usage", "audit", "keys", "plugins", "secrets", "models", "try", "compare"):
        page = tab.open(view)
        plain(page)
        assert page.get_by_text("onerror").count(), view


def _spoilt(value):
    """Return JSON data with markup behind every text that is no day, and its structure as it was."""
    if isinstance(value, dict):
        return {name: inner if name in KEPT else _spoilt(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_spoilt(inner) for inner in value]
    return value + MARKUP if isinstance(value, str) else value


#: Figures, days and words that the page chooses by.
KEPT = {
    "day",
    "costs",
    "at",
    "created_at",
    "expires_at",
    "last_used_at",
    "state",
    "outcome",
    "operation",
    "digest",
    "cost",
}
