"""Lists and maps of objects have fields of their own, from the JSON Schema of an entry, by keyboard alone."""

import pytest
from playwright.sync_api import expect

from .steps import complete, document, row, unfold


@pytest.fixture
def page(tab):
    page = tab.open("edit/acme-rows")
    complete(page)
    return page


def focused(page):
    return page.evaluate("document.activeElement.closest('[data-path]')?.dataset.path")


def test_a_row_is_added_filled_and_moved_by_keyboard(page):
    """A list is replaced as a whole, so the first change copies what is inherited."""
    page.get_by_role("button", name="Add to passes").focus()
    page.keyboard.press("Enter")
    assert focused(page) == "connection.passes.2.gate"
    page.keyboard.type("roof")
    page.keyboard.press("Alt+ArrowUp")
    assert focused(page) == "connection.passes.1.gate"
    page.keyboard.press("Alt+ArrowUp")
    complete(page)
    passes = [{"gate": "roof"}, {"gate": "outer", "code": "a"}, {"gate": "inner"}]
    assert document(page) == {"connection": {"passes": passes}}
    page.get_by_role("button", name="Remove passes 2").press("Enter")
    assert focused(page) == "connection.passes.1.gate"
    expect(row(page, "connection.passes.1.gate").get_by_role("textbox")).to_have_value("inner")
    page.get_by_role("button", name="Reset connection.passes", exact=True).click()
    expect(row(page, "connection.passes")).to_contain_text("inherited:")
    assert page.get_by_label("The document as text").input_value() == "{}"


def test_what_is_wrong_in_a_row_stands_at_its_field(page):
    page.get_by_role("button", name="Change the inherited ones").click()
    row(page, "connection.passes.1.hours").get_by_role("textbox").fill("30")
    field = row(page, "connection.passes.1.hours")
    expect(field.locator(".problem").first).to_contain_text("at most 24")
    expect(row(page, "connection.passes.0.hours").locator(".problem")).to_have_count(0)
    expect(page.locator("#verdict")).to_contain_text("connection.passes")
    page.locator("#verdict").get_by_role("button").first.click()
    assert focused(page) == "connection.passes.1.hours"


def test_a_map_inherits_entry_by_entry(page):
    far = row(page, "connection.mirrors.far.share")
    expect(far).to_contain_text("inherited: 2")
    far.get_by_role("textbox").fill("3")
    page.get_by_label("Name of a new entry in mirrors").fill("near")
    page.keyboard.press("Enter")
    assert focused(page) == "connection.mirrors.near.share"
    complete(page)
    assert document(page) == {"connection": {"mirrors": {"far": {"share": 3}, "near": {}}}}
    row(page, "connection.mirrors.near.share").get_by_role("textbox").fill("5")
    row(page, "connection.mirrors.near.share").get_by_role("textbox").fill("")
    page.get_by_role("button", name="Remove mirrors far").click()
    complete(page)
    assert document(page) == {"connection": {"mirrors": {"far": None, "near": {}}}}
    page.get_by_role("button", name="Bring back mirrors far").click()
    expect(row(page, "connection.mirrors.far.share")).to_contain_text("inherited: 2")


def test_rules_have_the_fields_of_their_kind(page):
    unfold(page, "rules")
    page.get_by_role("button", name="Add to rules").click()
    page.get_by_label("kind").last.select_option("range")
    row(page, "rules.0.range").get_by_role("textbox").fill("inference.volume")
    row(page, "rules.0.maximum").get_by_role("textbox").fill("5")
    complete(page)
    assert document(page) == {"rules": [{"range": "inference.volume", "maximum": 5}]}


def test_an_upstream_has_the_fields_of_its_providers_connection(page):
    unfold(page, "upstreams")
    page.get_by_label("Name of a new entry in upstreams").fill("south")
    page.keyboard.press("Enter")
    row(page, "upstreams.south.connection.site").get_by_role("textbox").fill("harbour")
    row(page, "upstreams.south.weight").get_by_role("textbox").fill("2")
    complete(page)
    assert document(page) == {"upstreams": {"south": {"weight": 2, "connection": {"site": "harbour"}}}}


def test_rows_are_locked_with_their_list(keyed):
    page = keyed("dev", "developer").open("edit/acme-rows")
    complete(page)
    expect(row(page, "connection.passes")).to_contain_text("locked: may be changed by role admin only")
    expect(page.get_by_role("button", name="Add to passes")).to_be_disabled()
    unfold(page, "upstreams")
    expect(page.get_by_label("Name of a new entry in upstreams")).to_be_disabled()


def test_a_change_of_the_text_changes_the_rows_and_undo_brings_them_back(page):
    box = page.get_by_label("The document as text")
    box.fill("connection:\n  passes: [{gate: one}, {gate: two}, {gate: three}]\n")
    expect(row(page, "connection.passes.2.gate").get_by_role("textbox")).to_have_value("three")
    page.get_by_role("button", name="Remove passes 1").click()
    expect(row(page, "connection.passes.0.gate").get_by_role("textbox")).to_have_value("two")
    page.get_by_role("tab", name="Document").press("Control+z")
    expect(row(page, "connection.passes.0.gate").get_by_role("textbox")).to_have_value("one")
