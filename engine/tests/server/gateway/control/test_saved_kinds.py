"""Prompts and inference configurations through the control API: saved as adapters are, published, asked."""

import contextlib
import re
from decimal import Decimal

import httpx
import pytest

GREETING = {
    "description": "Greets somebody.",
    "variants": {
        "short": {"adapter": "model", "text": "Greet {{ name }}"},
        "settings": {"adapter": "other", "text": "!settings", "inference": {"topP": 0.5}},
    },
}
NEW = {"if-none-match": "*"}


@pytest.fixture
def gateway(serve):
    served = serve(stage="dev", adapters={"tuned": "{base: model, inference: {configuration: calm}}"})
    root = served.application.settings.root
    (root / "inference" / "calm.yaml").write_text("{temperature: 0.1, description: Calm.}")
    (root / "prompts").mkdir()
    (root / "prompts" / "written.yaml").write_text("variants: {one: {adapter: other, model: m-9, text: '!model'}}")
    return served


@pytest.fixture
def admin(gateway):
    with gateway.client(gateway.key("boss", "admin")) as client:
        client.post("/api/reload")
        yield client


@pytest.fixture
def user(gateway, admin):
    with gateway.client(gateway.key()) as client:
        yield client


def said(answer):
    assert answer.is_success, answer.text
    return answer.json()["choices"][0]["message"]["content"]


def save(client, name, document, tag=None):
    headers = {"if-match": tag} if tag else NEW
    return client.put(f"/api/prompts/{name}", json={"document": document}, headers=headers)


# --- prompts -----------------------------------------------------------------------------------------------------


def test_a_prompt_is_saved_asked_changed_rolled_back_and_deleted(admin, user):
    made = save(admin, "greeting", GREETING)
    assert (made.status_code, made.json()["number"]) == (201, 1)
    ask = {"variables": {"name": "Jo"}}
    assert said(user.post("/api/prompts/greeting/run", json=ask)) == "Greet Jo "
    assert said(user.post("/api/prompts/greeting/run", json={"variant": "settings"})) == '{"top_p": 0.5}'
    changed = {"variants": {"short": {"adapter": "model", "text": "Hail {{ name }}"}}}
    second = save(admin, "greeting", changed, made.headers["etag"])
    assert said(user.post("/api/prompts/greeting/run", json=ask)) == "Hail Jo "
    assert save(admin, "greeting", GREETING, made.headers["etag"]).status_code == 412
    back = admin.post(
        "/api/prompts/greeting/roll-back", json={"revision": 1}, headers={"if-match": second.headers["etag"]}
    )
    assert (back.json()["restored"], back.headers["etag"]) == (1, admin.get("/api/prompts/greeting").headers["etag"])
    assert admin.delete("/api/prompts/greeting", headers={"if-match": back.headers["etag"]}).status_code == 200
    gone = user.post("/api/prompts/greeting/run", json=ask)
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "not_found")
    history = admin.get("/api/prompts/greeting/revisions").json()["revisions"]
    assert [(row["number"], row["deleted"]) for row in history] == [(4, True), (3, False), (2, False), (1, False)]
    actions = [row["action"] for row in admin.get("/api/audit").json()["entries"]]
    assert actions[:4] == ["prompt.delete", "prompt.roll_back", "prompt.save", "prompt.save"]


def test_a_saved_prompt_lies_over_the_file_of_its_name_until_it_is_deleted(admin):
    saved = save(admin, "written", {"variants": {"one": {"adapter": "other", "text": "saved"}}})
    assert said(admin.post("/api/prompts/written/run", json={})) == "saved "
    assert admin.get("/api/prompts/written").json()["source"] == "saved revision 1 by boss"
    admin.delete("/api/prompts/written", headers={"if-match": saved.headers["etag"]})
    assert said(admin.post("/api/prompts/written/run", json={})) == "m-9"


def test_a_version_stays_what_it_is_while_the_draft_goes_on(admin, user):
    tag = save(admin, "greeting", GREETING).headers["etag"]
    first = admin.post("/api/prompts/greeting/publish", json={"description": "the first"})
    assert (first.status_code, first.json()["version"], first.json()["published_by"]) == (201, 1, "boss")
    again = admin.post("/api/prompts/greeting/publish", json={})
    assert (again.status_code, again.json()["version"], again.json()["is_new"]) == (200, 1, False)
    changed = {"default_version": 1, "variants": {"short": {"adapter": "model", "text": "Hail {{ name }}"}}}
    save(admin, "greeting", changed, tag)
    assert admin.post("/api/prompts/greeting/publish", json={}).json()["version"] == 2
    ask = {"variables": {"name": "Jo"}}
    answers = {version: user.post("/api/prompts/greeting/run", json={**ask, "version": version})
               for version in (None, 1, 2, "latest", "draft")}  # fmt: skip
    assert {version: said(answer) for version, answer in answers.items()} == {
        None: "Greet Jo ", 1: "Greet Jo ", 2: "Hail Jo ", "latest": "Hail Jo ", "draft": "Hail Jo ",
    }  # fmt: skip
    missing = admin.post("/api/prompts/greeting/run", json={**ask, "version": 7})
    assert missing.status_code == 404
    assert "there are: draft, 1, 2" in missing.json()["error"]["message"]
    shown = user.get("/api/prompts/greeting?version=1").json()
    assert [row["description"] for row in shown["versions"]] == ["the first", None]
    assert shown["document"]["variants"]["short"]["text"] == "Greet {{ name }}"


def test_publishing_a_draft_that_somebody_changed_meanwhile_is_refused(admin):
    tag = save(admin, "greeting", GREETING).headers["etag"]
    save(admin, "greeting", {"variants": {"short": {"adapter": "model", "text": "Hail"}}}, tag)
    assert admin.post("/api/prompts/greeting/publish", json={}, headers={"if-match": tag}).status_code == 412
    assert admin.get("/api/prompts/greeting").json()["versions"] == []


def test_what_does_not_hold_is_not_saved_and_says_where(admin):
    variants = {
        "hot": {"adapter": "model", "text": "Hi", "inference": {"temperature": 2}},
        "lost": {"adapter": "nobody", "text": "Hi"},
    }
    answer = save(admin, "broken", {"default_version": 3, "variants": variants})
    assert answer.status_code == 400
    assert {problem["path"] for problem in answer.json()["error"]["problems"]} == {
        "variants.hot.inference.temperature", "variants.lost.adapter", "default_version",
    }  # fmt: skip
    checked = admin.post("/api/prompts/validate", json={"document": {"variants": variants}}).json()
    assert (checked["valid"], len(checked["problems"])) == (False, 2)
    assert admin.get("/api/prompts/broken").status_code == 404


@pytest.mark.parametrize(("stage", "status"), [("dev", 201), ("prod", 403)])
def test_another_model_is_saved_by_whom_the_policy_lets(serve, stage, status):
    gateway = serve(stage=stage)
    with gateway.client(gateway.key("boss", "admin")) as admin, gateway.client(gateway.key()) as user:
        document = {"variants": {"one": {"adapter": "model", "model": "m-new", "text": "!model"}}}
        answer = save(admin, "fresh", document)
        assert answer.status_code == status
        if status == 201:
            assert said(user.post("/api/prompts/fresh/run", json={})) == "m-new"
            assert "m-new" not in user.get("/api/prompts/fresh").text
        else:
            assert [p["path"] for p in answer.json()["error"]["problems"]] == ["variants.one.model"]


def test_callers_ask_within_their_rights(gateway, admin, user):
    save(admin, "greeting", GREETING)
    hot = {"variables": {"name": "Jo"}, "inference": {"temperature": 7}}
    assert user.post("/api/prompts/greeting/run", json=hot).status_code == 400
    own = {"variables": {"name": "Jo"}, "adapter": {"provider": "scripted", "model": "m"}}
    assert user.post("/api/prompts/greeting/run", json=own).status_code == 403
    assert said(user.post("/api/prompts/written/run", json={})) == "m-9"  # what the deployment wrote
    with gateway.client(gateway.key("narrow", adapters=["other"])) as narrow:
        (greeting, _) = narrow.get("/api/prompts").json()["prompts"]
        assert list(greeting["variants"]) == ["settings"]
        ask = {"variables": {"name": "Jo"}}
        assert narrow.post("/api/prompts/greeting/run", json={**ask, "variant": "short"}).status_code == 404
        assert narrow.post("/api/prompts/greeting/render", json=ask).status_code == 404
        assert len(narrow.post("/api/prompts/greeting/compare", json=ask).json()["variants"]) == 1
    with gateway.client(gateway.key("nobody", adapters=[])) as nobody:
        assert nobody.get("/api/prompts").json()["prompts"] == []
        assert nobody.get("/api/prompts/greeting").status_code == 404


def test_rendering_asks_nobody_and_comparing_books_each_variant_with_its_cost(gateway, admin, user):
    save(admin, "greeting", GREETING)
    ask = {"variables": {"name": "Jo"}}
    rendered = user.post("/api/prompts/greeting/render", json=ask).json()
    assert rendered["messages"] == [{"role": "user", "content": "Greet Jo"}]
    assert gateway.calls() == []
    short, settings = user.post("/api/prompts/greeting/compare", json=ask).json()["variants"]
    assert (short["text"], short["input_tokens"], short["output_tokens"]) == ("Greet Jo ", 7, 5)
    assert (Decimal(short["cost"]), short["currency"], settings["cost"]) == (Decimal(17), "USD", None)
    assert 0 <= short["first_token_s"] <= short["seconds"]
    booked = gateway.calls()
    assert sorted(call["adapter"] for call in booked) == ["model", "other"]
    assert {call["principal"] for call in booked} == {"somebody"}
    failing = {"variants": {"one": {"adapter": "model", "text": "!error:filter"}, "two": GREETING["variants"]["short"]}}
    save(admin, "half", failing)
    one, two = user.post("/api/prompts/half/compare", json=ask).json()["variants"]
    assert (one["error"]["code"], two["text"]) == ("content_filter", "Greet Jo ")


def test_who_leaves_a_comparison_stops_every_variant_and_all_are_booked(gateway, admin, module_of_plugin, until):
    variants = {name: {"adapter": adapter, "text": "!hang"} for name, adapter in (("a", "model"), ("b", "other"))}
    save(admin, "slow", {"variants": variants})
    state = module_of_plugin().state
    with contextlib.suppress(httpx.ReadTimeout):
        admin.post("/api/prompts/slow/compare", json={}, timeout=0.5)
    until(lambda: state["closed"] == 2)
    until(lambda: len(gateway.calls()) == 2)
    booked = gateway.calls()
    assert {(call["status"], call["error_code"]) for call in booked} == {(499, "client_gone")}
    assert sorted(call["adapter"] for call in booked) == ["model", "other"]
    assert all(call["input_tokens"] > 0 for call in booked)


def test_terms_are_accepted_before_a_prompt_is_asked(serve):
    terms = "{text: Be kind., required: true}"
    gateway = serve(stage="dev", adapters={"strict": f"{{provider: scripted, model: m, notice: {terms}}}"})
    with gateway.client(gateway.key("boss", "admin")) as admin:
        save(admin, "kind", {"variants": {"one": {"adapter": "strict", "text": "Hi"}}})
        refused = admin.post("/api/prompts/kind/run", json={})
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "notice_not_accepted")
        (row,) = admin.post("/api/prompts/kind/compare", json={}).json()["variants"]
        assert row["error"]["code"] == "notice_not_accepted"


# --- inference configurations ------------------------------------------------------------------------------------


def temperature(client, adapter):
    return client.get(f"/api/adapters/{adapter}").json()["effective"]["inference"]["temperature"]


def test_a_configuration_is_saved_over_its_file_used_and_taken_back(admin, user):
    assert user.get("/api/inference/calm").json()["settings"] == {"temperature": 0.1}
    document = {"temperature": 0.3, "topP": 0.9, "description": "Calmer."}
    made = admin.put("/api/inference/calm", json={"document": document}, headers=NEW)
    assert made.json()["document"] == {"temperature": 0.3, "top_p": 0.9, "description": "Calmer."}
    assert temperature(user, "tuned") == 0.3
    shown = user.get("/api/inference/calm")
    assert (shown.headers["etag"], shown.json()["description"]) == (made.headers["etag"], "Calmer.")
    admin.delete("/api/inference/calm", headers={"if-match": made.headers["etag"]})
    assert temperature(user, "tuned") == 0.1
    assert [row["name"] for row in user.get("/api/inference").json()["configurations"]] == ["calm"]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"temperature": 1.5}, "the adapter tuned would not hold with it: .*the model takes 0 to 1"),
        ({"volume": "much"}, "the adapter tuned would not hold with it"),
        ({"top_p": 2}, "top_p: should be less than or equal to 1"),
        ({"top_p": 0.1, "topP": 0.2}, "given twice, in two spellings"),
        ({"configuration": "other"}, "cannot name another configuration"),
    ],
)
def test_a_configuration_that_breaks_something_is_not_saved(admin, document, said):
    answer = admin.put("/api/inference/calm", json={"document": document}, headers=NEW)
    assert answer.status_code == 400
    assert re.search(said, answer.json()["error"]["message"])
    assert temperature(admin, "tuned") == 0.1


def test_a_configuration_in_use_is_not_deleted(admin):
    made = admin.put("/api/inference/fresh", json={"document": {"temperature": 0.2}}, headers=NEW)
    variant = {"adapter": "model", "text": "Hi", "inference": {"configuration": "fresh"}}
    prompt = save(admin, "greeting", {"variants": {"one": variant}})
    tag = {"if-match": made.headers["etag"]}
    refused = admin.delete("/api/inference/fresh", headers=tag)
    assert "the prompt greeting would lose it" in refused.json()["error"]["message"]
    admin.delete("/api/prompts/greeting", headers={"if-match": prompt.headers["etag"]})
    over = {"document": {"inference": {"configuration": "fresh"}}}
    admin.put("/api/adapters/model", json=over, headers=NEW)
    refused = admin.delete("/api/inference/fresh", headers=tag)
    assert "the adapter model would not hold" in refused.json()["error"]["message"]


def test_only_administrators_save_and_publish(gateway, user):
    with gateway.client(gateway.key("dev", "developer")) as developer:
        for client in (user, developer):
            assert save(client, "greeting", GREETING).status_code == 403
            assert client.post("/api/prompts/written/publish", json={}).status_code == 403
            assert client.put("/api/inference/calm", json={"document": {}}, headers=NEW).status_code == 403
