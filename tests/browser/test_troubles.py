"""When things go wrong: the gateway is gone, slow or refuses, and what was written stays."""

import re

from playwright.sync_api import expect

from .steps import complete, document, row, send


def test_a_gateway_that_is_gone_loses_nothing_that_was_written(new_tab, gateway):
    tab = new_tab(gateway, refusals=True)
    page = tab.open("try/acme-voice")
    page.route("**/*", lambda route: route.abort())
    send(page, "A long question")
    error = page.get_by_role("log").get_by_role("alert")
    expect(error).to_contain_text("the gateway cannot be reached")
    expect(error).to_contain_text("dragoman serve")
    expect(page.get_by_label("Message")).to_have_value("A long question")
    page.get_by_role("link", name="Usage").click()
    expect(page.get_by_role("alert")).to_contain_text("No connection")
    page.unroute("**/*")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_label("By")).to_be_visible()


def test_a_draft_goes_on_without_the_gateway_and_is_checked_when_it_is_back(new_tab, gateway):
    page = new_tab(gateway, refusals=True).open("edit/acme-voice")
    complete(page)
    page.route("**/api/**", lambda route: route.abort())
    row(page, "inference.volume").get_by_role("textbox").fill("8")
    expect(page.get_by_role("alert")).to_contain_text("the gateway cannot be reached")
    page.unroute("**/api/**")
    row(page, "inference.volume").get_by_role("textbox").fill("9")
    complete(page)


def test_a_limit_says_when_to_try_again(new_tab, gateway):
    page = new_tab(gateway, refusals=True).open("try/acme-voice")
    send(page, "limited")
    expect(page.get_by_role("log").get_by_role("alert")).to_contain_text("Try again in 7 s")
    expect(page.get_by_label("Message")).to_have_value("limited")


def test_a_view_that_takes_its_time_says_so(tab):
    page = tab.open("models")
    page.route("**/api/usage?**", lambda _: None)  # held until nobody holds it any more
    page.get_by_role("link", name="Usage").click()
    expect(page.get_by_text("Loading …")).to_be_visible()
    expect(page.get_by_role("main")).to_have_attribute("aria-busy", "true")
    page.unroute("**/api/usage?**")
    expect(page.get_by_role("heading", name="Usage")).to_be_visible()
    expect(page.get_by_role("main")).not_to_have_attribute("aria-busy", "true")


def test_a_draft_that_is_not_saved_is_marked_and_undone(tab):
    page = tab.open("edit/acme-voice")
    complete(page)
    row(page, "inference.volume").get_by_role("textbox").fill("9")
    complete(page)
    page.get_by_role("link", name="Models").click()
    expect(page.locator('[data-name="acme-voice"]')).to_contain_text("unsaved draft")
    page.go_back()
    expect(page.get_by_text("This is a draft that was not saved.")).to_be_visible()
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(row(page, "inference.volume")).to_contain_text("inherited: 4")
    page.get_by_label("More actions").select_option("undo")
    assert document(page) == {"inference": {"volume": 9}}
    row(page, "inference.volume").get_by_role("button", name="Reset inference.volume").click()
    page.get_by_role("link", name="Models").click()
    expect(page.locator('[data-name="acme-voice"]')).not_to_contain_text("unsaved draft")


def test_a_clone_builds_on_what_it_was_made_from(tab):
    page = tab.open("edit/acme-voice")
    complete(page)
    page.get_by_label("More actions").select_option("clone")
    expect(page.get_by_role("heading", name="Custom model")).to_be_visible()
    complete(page)
    assert document(page)["base"] == "acme-voice"


def test_long_names_and_many_adapters_stay_in_their_place(new_tab, gateway):
    """The catalogue is asked of the gateway; here it answers with two hundred adapters."""
    tab = new_tab(gateway, viewport={"width": 820, "height": 900})
    page = tab.page
    long = {"name": "x" * 64, "title": "A long title " * 12, "model": "arn:" + "y" * 300}

    def many(route):
        answer = route.fetch().json()
        first = next(m for m in answer["models"] if m["name"] == "acme-voice")
        answer["models"] += [{**first, "name": f"m-{i}", "title": None} for i in range(200)] + [{**first, **long}]
        route.fulfill(json=answer)

    page.route("**/api/workbench/models", many)
    for view in ("models", "compare", "edit"):
        tab.open(view)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view
    tab.open("compare")
    page.get_by_label("Filter adapters").fill("m-19")
    expect(page.get_by_role("checkbox", name=re.compile(r"^m-\d+$"))).to_have_count(11)
