"""Every view: no serious accessibility violation, no error, a picture in light and in dark."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from .conftest import PICTURES

VIEWS = (
    "models", "edit", "edit/acme-voice", "try/acme-voice", "compare", "mapping", "prompt", "usage", "plugins",
    "secrets", "keys", "audit",
)  # fmt: skip


@pytest.fixture(scope="package")
def axe():
    found = find_spec("axe_playwright_python")
    if found is None:
        pytest.skip("axe-core is not installed: nox -s browser")
    return Path(found.origin).with_name("axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_view_has_a_serious_violation(new_tab, gateway, axe, scheme):
    tab = new_tab(gateway, color_scheme=scheme)
    PICTURES.mkdir(exist_ok=True)
    found = {}
    for view in VIEWS:
        page = tab.open(view)
        used(page, view)
        page.wait_for_function("document.documentElement.dataset.theme")
        page.screenshot(path=PICTURES / f"{view.replace('/', '-')}-{scheme}.png")
        page.evaluate(axe)
        only = {} if scheme == "light" else {"runOnly": ["color-contrast"]}  # the rest is the same in both
        result = page.evaluate("only => axe.run(document, {resultTypes: ['violations'], ...only})", only)
        serious = [v for v in result["violations"] if v["impact"] in ("serious", "critical")]
        if serious:
            found[view] = [(v["id"], [node["html"][:160] for node in v["nodes"][:3]]) for v in serious]
    assert found == {}


def used(page, view):
    """Leave the view as a person sees it who has begun to use it."""
    if view.startswith("edit"):
        page.locator("#verdict").wait_for()
    if view == "edit/acme-voice":
        page.locator('[data-path="title"] input').fill("The voice of Acme, louder")
        page.locator('[data-path="inference.volume"] input[type=text]').fill("9")
        page.get_by_text("1 set here").nth(1).wait_for()
        page.evaluate("scrollTo(0, 0)")
    if view.startswith("try"):
        page.get_by_label("Message").fill("What is a dragoman?")
        page.get_by_role("button", name="Send").click()
        page.locator(".figures").wait_for()
    if view == "mapping":
        page.get_by_role("button", name="Propose a mapping").click()
        page.locator("#extracted").wait_for()
    if view == "compare":
        page.get_by_role("button", name="Ask all").click()
        page.locator("[data-lane] .figures").nth(1).wait_for()
    if view == "prompt":
        page.get_by_text("[INST]").first.wait_for()


def test_the_page_follows_the_system_and_the_choice(new_tab, gateway):
    page = new_tab(gateway, color_scheme="dark").open("models")
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(background) == "rgb(20, 22, 21)"
    page.get_by_label("Theme").select_option("light")
    assert page.evaluate(background) == "rgb(246, 246, 244)"
    page.reload()
    page.locator("main h1").wait_for()
    assert page.evaluate(background) == "rgb(246, 246, 244)"


def test_a_tablet_scrolls_in_one_direction(new_tab, gateway):
    tab = new_tab(gateway, viewport={"width": 768, "height": 1024})
    for view in ("models", "edit/acme-voice", "try/acme-voice", "usage", "compare"):
        page = tab.open(view)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view


def test_everything_is_reached_by_keyboard(tab):
    page = tab.open("models")
    page.keyboard.press("/")
    page.keyboard.type("voice of")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent") == "The voice of Acme"
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="The voice of Acme").wait_for()
    page.get_by_label("Message").focus()
    page.keyboard.type("Hello")
    page.keyboard.press("Control+Enter")
    page.get_by_text("voice-1 at north, volume 4.0: Hello", exact=True).wait_for()
    page.locator("main").focus()
    page.keyboard.press("g")
    page.keyboard.press("e")
    page.locator('main[data-view="edit"] h1').wait_for()
    page.get_by_role("tab", name="Document").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="Changes").get_attribute("aria-selected") == "true"


def test_the_skip_link_leads_to_the_view(tab):
    page = tab.open("models")
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert page.url.endswith("#/models")
