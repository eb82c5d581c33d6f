"""Every view: no serious accessibility violation, no error, a picture in light and in dark."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from .conftest import PICTURES

VIEWS = (
    "models", "edit", "edit/acme-voice", "edit/acme-rows", "try/acme-voice", "compare", "mapping", "prompt", "usage",
    "plugins", "secrets", "keys", "audit",
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
        result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
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


def test_the_first_view_asks_for_little(new_tab, gateway):
    """What stands between a person and the list of models: few requests, none that waits for more than two others."""
    tab = new_tab(gateway)
    page = tab.open("models")
    loaded = page.evaluate("performance.getEntriesByType('resource').map((r) => [r.name, r.encodedBodySize])")
    paths = [name.removeprefix(gateway.url) for name, _ in loaded]
    assert len(set(paths)) <= 10, paths
    assert not any("form" in path or "editor" in path for path in paths)
    assert sum(size for name, size in loaded if "/page/" in name) < 40_000  # compressed
    page.reload()
    page.locator("main h1").wait_for()
    sent = page.evaluate("performance.getEntriesByType('resource').map((r) => [r.name, r.transferSize])")
    assert sum(size for name, size in sent if "/page/" in name) < 5_000  # the browser has the files


def test_the_schemas_are_asked_for_once(tab):
    page = tab.open("edit")
    page.locator("#verdict").wait_for()
    page.get_by_role("link", name="Models").click()
    page.get_by_role("heading", name="Models").wait_for()
    with page.expect_response("**/api/workbench/form") as again:
        page.get_by_role("link", name="Adapter", exact=True).click()
    assert again.value.status == 304
    page.locator("#verdict").wait_for()


def test_a_tablet_scrolls_in_one_direction(new_tab, gateway):
    tab = new_tab(gateway, viewport={"width": 768, "height": 1024})
    for view in VIEWS:
        page = tab.open(view)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view


#: What can be used of a view, without what the page takes out of the order on purpose.
USABLE = """
    [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')]
        .filter((e) => e.tabIndex >= 0 && !e.disabled && e.checkVisibility({visibilityProperty: true}))
"""


def test_everything_is_reached_by_keyboard(tab):
    """The tab key goes through every view from end to end, and shows where it is."""
    missed = {}
    for view in VIEWS:
        page = tab.open(view)
        if view.startswith("edit"):
            page.locator("#verdict").wait_for()
        page.evaluate("""() => {
            window.seen = new Set(); window.unmarked = [];
            document.addEventListener('focusin', ({target}) => {
                seen.add(target);
                const {outlineStyle, outlineWidth} = getComputedStyle(target);
                if (outlineStyle === 'none' || outlineWidth === '0px') unmarked.push(target.outerHTML.slice(0, 120));
            });
            document.activeElement.blur();
            document.querySelector('.skip').focus();
        }""")
        for _ in range(page.evaluate(f"{USABLE}.length") + 2):
            page.keyboard.press("Tab")
        left = page.evaluate(f"{USABLE}.filter((e) => !seen.has(e)).map((e) => e.outerHTML.slice(0, 120))")
        if found := left + page.evaluate("unmarked"):
            missed[view] = found[:5]
    assert missed == {}


def test_the_usual_things_are_done_by_keyboard(tab):
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
