"""Who gets in, and what each role may do in each stage: with a key, and with a token of an issuer."""

import json
import time
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from dragoman.testing.upstream import Reply, Upstream
from playwright.sync_api import expect

from .steps import ask, complete, row, unfold

jwt = pytest.importorskip("jwt", reason="the gateway is not installed: dragoman[server]")
ISSUER = "https://issuer.test/pool"


IN_DEV_ALONE = "locked: may be changed by role admin in stage dev only"
LOCKED = {
    ("prod", "admin"): {"connection.site": IN_DEV_ALONE, "inference.volume": None},
    ("test", "admin"): {"connection.site": IN_DEV_ALONE},
    ("dev", "developer"): {"connection.site": "locked: may be changed by role admin only", "inference.volume": None},
    ("prod", "user"): {"title": IN_DEV_ALONE, "model_kwargs": "by role developer only", "inference.volume": None},
}


@pytest.mark.parametrize(("stage", "role"), LOCKED)
def test_fields_that_role_or_stage_forbid_are_locked_with_the_reason(keyed, stage, role):
    page = keyed(stage, role).open("edit/acme-voice")
    complete(page)
    unfold(page, "kwargs")
    for path, reason in LOCKED[stage, role].items():
        field = row(page, path)
        if reason is None:
            expect(field.get_by_role("textbox")).to_be_enabled()
        else:
            expect(field).to_contain_text(reason)
            expect(field.get_by_role("textbox")).to_be_disabled()


@pytest.mark.parametrize(("stage", "role"), [("prod", "user"), ("test", "developer")])
def test_who_is_no_administrator_tries_and_shares_a_draft_of_what_they_may_change(keyed, stage, role):
    tab = keyed(stage, role, permissions=["clipboard-read", "clipboard-write"], accept_downloads=True)
    page = tab.open("edit/acme-voice")
    complete(page)
    row(page, "inference.volume").get_by_role("textbox").fill("7")
    ask(page, "Hello")
    expect(page.get_by_role("log")).to_contain_text("volume 7.0: Hello")
    page.get_by_label("More actions").select_option("share")
    expect(page.get_by_text("Link copied")).to_be_visible()
    assert "#/share/" in page.evaluate("navigator.clipboard.readText()")
    with page.expect_download() as found:
        page.get_by_label("More actions").select_option("export")
    assert json.loads(found.value.path().read_text()) == {"inference": {"volume": 7}}
    page = tab.open("compare")
    page.get_by_role("button", name="Ask all").click()
    expect(page.locator("[data-lane] .figures")).to_have_count(2)


def test_the_exact_request_hides_where_it_goes_from_who_is_no_administrator(keyed):
    page = keyed("prod", "user").open("edit/gpt")
    page.get_by_role("tab", name="Request").click()
    page.get_by_role("button", name="Show the request").click()
    shown = page.locator("#dry-run")
    expect(shown).to_contain_text('"content": "Hello"')
    expect(shown).to_contain_text("Address and headers are for administrators")
    expect(shown).not_to_contain_text("gpt-4o")
    expect(shown).not_to_contain_text("openai.com")


def test_a_developer_saves_what_the_policy_lets_them_change(keyed, stages):
    """What they may not see of the revision before stays in the one that they save."""
    stages("test").saved_by_somebody_else("acme-terms", {"connection": {"site": "hidden"}, "inference": {"volume": 1}})
    page = keyed("test", "developer").open("edit/acme-terms")
    complete(page)
    volume = row(page, "inference.volume")
    expect(volume.get_by_role("textbox")).to_have_value("1")
    volume.get_by_role("textbox").fill("2")
    complete(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("saved revision 2 by developer at test")).to_be_visible()
    revision = stages("test").application.state.store.current("adapter")["acme-terms"]
    assert revision.document == {"name": "acme-terms", "connection": {"site": "hidden"}, "inference": {"volume": 2}}


def test_who_cannot_save_or_define_another_model_reads_why(keyed):
    tab = keyed("prod", "user")
    page = tab.open("edit/acme-voice")
    complete(page)
    row(page, "inference.volume").get_by_role("textbox").fill("7")
    expect(page.locator("#why-not")).to_contain_text("Developers and administrators save adapters")
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    page = tab.open("edit")
    expect(page.locator("#not-here")).to_contain_text("may be changed by role admin in stage dev only")
    assert page.get_by_role("link", name="Keys").count() == 0


def test_a_wrong_key_says_what_to_do(new_tab, stages):
    page = new_tab(stages("dev"), refusals=True).page
    page.goto(stages("dev").url)
    page.get_by_label("Key or token").fill("drg_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("the key is not known here")
    expect(page.get_by_role("alert")).to_contain_text("Sign in again")


# --- tokens of an issuer -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def signing():
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def trusting(serve, signing, browser):
    """A gateway that trusts an issuer whose keys are published on loopback."""
    key = {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(signing.public_key())), "kid": "k1", "alg": "RS256"}
    with Upstream() as published:
        published.answer(Reply.json({"keys": [key]}))
        about = {
            "issuer": ISSUER, "jwks_url": f"{published.url}/jwks", "audience": ["app"], "leeway_s": 0,
            "roles": {"Administrators": "admin"}, "default_role": "user", "name_claim": "email",
        }  # fmt: skip
        yield serve(stage="dev", server={"issuers": [about]})


def token(signing, **claims):
    about = {"iss": ISSUER, "aud": "app", "sub": "1", "email": "ada@example.com", "exp": int(time.time()) + 600}
    return jwt.encode({**about, **claims}, signing, "RS256", headers={"kid": "k1"})


def test_a_token_opens_the_page_as_who_it_names(new_tab, trusting, signing):
    page = new_tab(trusting, refusals=True).sign_in(token(signing, groups=["Administrators"]))
    expect(page.get_by_text("ada@example.com")).to_be_visible()
    expect(page.get_by_role("link", name="Keys")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page = new_tab(trusting, refusals=True).sign_in(token(signing))
    expect(page.get_by_role("navigation", name="Views")).to_contain_text("Usage")
    assert page.get_by_role("link", name="Keys").count() == 0


def test_a_token_of_somebody_else_is_refused_with_the_reason(new_tab, trusting, signing):
    page = new_tab(trusting, refusals=True).page
    page.goto(trusting.url)
    page.get_by_label("Key or token").fill(token(signing, aud="another"))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("is for another audience")


def test_a_token_that_ends_while_the_page_is_open_costs_no_work(new_tab, trusting, signing, monkeypatch):
    tab = new_tab(trusting, refusals=True)
    tab.sign_in(token(signing, groups=["Administrators"]))
    page = tab.open("edit/acme-voice")
    complete(page)
    row(page, "inference.volume").get_by_role("textbox").fill("9")
    complete(page)

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(hours=1)

    with monkeypatch.context() as turned:
        turned.setattr("jwt.api_jwt.datetime", Later)
        later = SimpleNamespace(time=lambda: time.time() + 3600, monotonic=time.monotonic)
        turned.setattr("dragoman.server.tokens.time", later)
        row(page, "inference.volume").get_by_role("textbox").fill("8")
        expect(page.get_by_role("alert")).to_contain_text("the token has expired")
    tab.sign_in(token(signing, groups=["Administrators"]))
    expect(row(page, "inference.volume").get_by_role("textbox")).to_have_value("8")
