"""What the tests do on the page over and over."""

import json
import re

from playwright.sync_api import expect


def row(page, path):
    return page.locator(f'[data-path="{path}"]')


def complete(page):
    expect(page.locator("[role=status][aria-busy]")).to_have_count(0)
    expect(page.locator("#verdict")).to_have_text("complete: can be called")


def document(page):
    page.get_by_role("tab", name="Document").click()
    page.get_by_label("Format", exact=True).select_option("json")
    box = page.get_by_label("The document as text")
    expect(box).to_have_value(re.compile(r"^\{"))
    return json.loads(box.input_value())


def ask(page, text):
    page.get_by_role("tab", name="Try it").click()
    send(page, text)


def send(page, text):
    page.get_by_label("Message").fill(text)
    page.get_by_role("button", name="Send", exact=True).click()


def choose(page, action):
    page.get_by_label("More actions").select_option(action)


def unfold(page, section):
    page.locator(f'[data-section="{section}"] > summary').click()
