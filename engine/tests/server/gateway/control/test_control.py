"""The control API: who may do what, revisions with their tags, keys, usage, the audit log, the OpenAPI document."""

import asyncio
import csv
import io
import re

import httpx
import pytest

NEW = {"provider": "scripted", "model": "m-new", "inference": {"temperature": 0.2}}


@pytest.fixture
def gateway(serve):
    return serve(stage="dev")


@pytest.fixture
def admin(gateway):
    with gateway.client(gateway.key("boss", "admin")) as client:
        yield client


@pytest.fixture
def developer(gateway):
    with gateway.client(gateway.key("dev", "developer")) as client:
        yield client


@pytest.fixture
def user(gateway):
    with gateway.client(gateway.key()) as client:
        yield client


def chat(client, model):
    ask = {"model": model, "messages": [{"role": "user", "content": "!model"}]}
    answer = client.post("/v1/chat/completions", json=ask)
    return answer.json()["choices"][0]["message"]["content"] if answer.is_success else answer.status_code


# --- adapters ----------------------------------------------------------------------------------------------------


def test_an_adapter_is_saved_used_changed_rolled_back_and_deleted(admin):
    made = admin.put("/api/adapters/fresh", json={"document": NEW, "reason": "try it"}, headers={"if-none-match": "*"})
    assert (made.status_code, made.json()["number"]) == (201, 1)
    assert chat(admin, "fresh") == "m-new"
    tag = made.headers["etag"]
    assert admin.get("/api/adapters/fresh").headers["etag"] == tag
    second = admin.put("/api/adapters/fresh", json={"document": {**NEW, "model": "m-2nd"}}, headers={"if-match": tag})
    assert second.json()["number"] == 2
    assert chat(admin, "fresh") == "m-2nd"
    stale = admin.put("/api/adapters/fresh", json={"document": NEW}, headers={"if-match": tag})
    assert (stale.status_code, stale.json()["error"]["code"]) == (412, "revision_conflict")
    tag = second.headers["etag"]
    back = admin.post("/api/adapters/fresh/roll-back", json={"revision": 1}, headers={"if-match": tag})
    assert back.json()["restored"] == 1
    assert chat(admin, "fresh") == "m-new"
    gone = admin.delete("/api/adapters/fresh", headers={"if-match": back.headers["etag"]})
    assert gone.status_code == 200
    assert chat(admin, "fresh") == 404
    history = admin.get("/api/adapters/fresh/revisions").json()["revisions"]
    assert [(row["number"], row["deleted"]) for row in history] == [(4, True), (3, False), (2, False), (1, False)]
    assert history[-1]["reason"] == "try it"
    actions = [row["action"] for row in admin.get("/api/audit").json()["entries"]]
    assert actions[:4] == ["adapter.delete", "adapter.roll_back", "adapter.save", "adapter.save"]


def test_if_match_with_a_star_means_whatever_is_saved(admin):
    star = {"if-match": "*"}
    assert admin.put("/api/adapters/fresh", json={"document": NEW}, headers=star).status_code == 412
    assert admin.put("/api/adapters/fresh", json={"document": NEW}, headers={"if-none-match": "*"}).status_code == 201
    for number in (2, 3):
        assert admin.put("/api/adapters/fresh", json={"document": NEW}, headers=star).json()["number"] == number
    assert admin.post("/api/adapters/fresh/roll-back", json={"revision": 1}, headers=star).status_code == 200
    assert admin.delete("/api/adapters/fresh", headers=star).status_code == 200
    assert admin.delete("/api/adapters/fresh", headers=star).status_code == 412


def test_an_alias_with_a_slash_is_one_part_of_an_address(admin):
    for written in ("a%2Fb", "a%2fb"):
        assert admin.get(f"/api/adapters/{written}").json()["name"] == "model"
    assert admin.get("/api/adapters/a/b").status_code == 404
    assert admin.get("/api/adapters/a%2Fb/revisions").json()["error"]["code"] == "not_saved"


@pytest.mark.parametrize("path", ["/api/adapters/fresh/revisions", "/api/nothing", "/v2/models"])
def test_what_is_not_there_is_told_in_words_for_everybody(admin, path):
    error = admin.get(path).json()["error"]
    assert error["code"] in ("not_saved", "unknown_url")
    assert "model" not in error["display_message"]
    assert error["display_message"].endswith(".")


@pytest.mark.parametrize(
    ("headers", "status"), [({}, 428), ({"if-match": "nonsense"}, 412), ({"if-match": '"7-abc"'}, 412)]
)
def test_a_write_names_the_revision_that_it_starts_from(admin, headers, status):
    assert admin.put("/api/adapters/fresh", json={"document": NEW}, headers=headers).status_code == status
    assert chat(admin, "fresh") == 404


def test_a_document_that_does_not_hold_is_not_saved(admin):
    answer = admin.put(
        "/api/adapters/fresh",
        json={"document": {"provider": "nobody", "model": "m", "limits": {"max_attempts": 0}}},
        headers={"if-none-match": "*"},
    )
    assert answer.status_code in (400, 422)
    assert "limits.max_attempts" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("name", "aliases", "path", "why"),
    [
        ("fresh", ["a/b"], "aliases", "'a/b' is an alias of adapter 'model' already"),
        ("fresh", ["other"], "aliases", "'other' is the name of adapter 'other' already"),
        ("a.b", [], "name", "'a.b' is an alias of adapter 'dotted' already"),
    ],
)
def test_a_name_that_another_adapter_answers_to_is_not_given_away(admin, name, aliases, path, why):
    dotted = {"document": {**NEW, "aliases": ["a.b"]}}
    assert admin.put("/api/adapters/dotted", json=dotted, headers={"if-none-match": "*"}).status_code == 201
    document = {"document": {**NEW, "aliases": aliases}}
    answer = admin.put(f"/api/adapters/{name}", json=document, headers={"if-none-match": "*"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (409, "name_taken", path)
    assert why in error["message"]
    assert (chat(admin, "a/b"), chat(admin, "a.b"), chat(admin, "other")) == ("secret-endpoint", "m-new", "m-2")


async def test_of_adapters_saved_at_a_time_one_gets_an_alias_and_nothing_of_the_others_is_kept(gateway, admin):
    names = [f"new-{number}" for number in range(8)]
    document = {"document": {**NEW, "aliases": ["wanted"]}}
    async with httpx.AsyncClient(base_url=gateway.url, headers=admin.headers, timeout=30) as client:
        saving = [client.put(f"/api/adapters/{n}", json=document, headers={"if-none-match": "*"}) for n in names]
        answers = dict(zip(names, await asyncio.gather(*saving), strict=True))
    (winner,) = [name for name, answer in answers.items() if answer.status_code == 201]
    assert admin.get("/api/adapters/wanted").json()["name"] == winner
    for name in set(names) - {winner}:
        error = answers[name].json()["error"]
        assert (answers[name].status_code, error["code"], error["param"]) == (409, "name_taken", "aliases")
        assert f"'wanted' is an alias of adapter {winner!r} already" in error["message"]
        assert admin.get(f"/api/adapters/{name}/revisions").json()["error"]["code"] == "not_saved"
    audited = admin.get("/api/audit").json()["entries"]
    assert [row["subject"] for row in audited if row["action"] == "adapter.save"] == [f"adapter {winner}"]


async def test_a_name_and_an_alias_that_are_the_same_are_not_saved_at_a_time(gateway, admin):
    documents = {"wanted": NEW, "fresh": {**NEW, "aliases": ["wanted"]}}
    async with httpx.AsyncClient(base_url=gateway.url, headers=admin.headers, timeout=30) as client:
        saving = [
            client.put(f"/api/adapters/{name}", json={"document": document}, headers={"if-none-match": "*"})
            for name, document in documents.items()
        ]
        answers = await asyncio.gather(*saving)
    assert sorted(answer.status_code for answer in answers) == [201, 409]


def test_an_alias_is_free_when_its_adapter_gives_it_up_and_rolling_back_does_not_take_it_again(admin):
    def put(name, aliases, **headers):
        document = {"document": {**NEW, "aliases": aliases}}
        return admin.put(f"/api/adapters/{name}", json=document, headers=headers or {"if-none-match": "*"})

    star = {"if-match": "*"}
    assert put("changed", ["one"]).status_code == put("deleted", ["two"]).status_code == 201
    tags = {
        "changed": put("changed", [], **star).headers["etag"],
        "deleted": admin.delete("/api/adapters/deleted", headers=star).headers["etag"],
    }
    assert put("heir", ["one", "two"]).status_code == 201
    for (name, tag), alias in zip(tags.items(), ("one", "two"), strict=True):
        answer = admin.post(f"/api/adapters/{name}/roll-back", json={"revision": 1}, headers={"if-match": tag})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "name_taken")
        assert f"'{alias}' is an alias of adapter 'heir' already" in answer.json()["error"]["message"]
        assert [row["number"] for row in admin.get(f"/api/adapters/{name}/revisions").json()["revisions"]] == [2, 1]


@pytest.mark.parametrize("stage", ["test", "prod"])
def test_saving_is_no_way_around_the_stage(serve, stage):
    gateway = serve(stage=stage)
    with gateway.client(gateway.key("boss", "admin")) as admin:
        new = admin.put("/api/adapters/fresh", json={"document": NEW}, headers={"if-none-match": "*"})
        over = {"document": {"inference": {"temperature": 0.9}}}
        tuned = admin.put("/api/adapters/model", json=over, headers={"if-none-match": "*"})
        moved = admin.put(
            "/api/adapters/model", json={"document": {"model": "m-9"}}, headers={"if-match": tuned.headers["etag"]}
        )
    assert (new.status_code, tuned.status_code, moved.status_code) == (403, 201, 403)
    assert {problem["path"] for problem in moved.json()["error"]["problems"]} == {"model"}


def test_a_developer_tunes_and_does_not_move(developer):
    over = {"document": {"inference": {"temperature": 0.9}, "model_kwargs": {"x": 1}}}
    assert developer.put("/api/adapters/model", json=over, headers={"if-none-match": "*"}).status_code == 201
    moved = developer.put("/api/adapters/other", json={"document": {"model": "m-9"}}, headers={"if-none-match": "*"})
    assert moved.status_code == 403


def test_a_saved_adapter_cannot_name_roles_or_secrets_that_are_not_known(admin):
    for rest in ({"connection": {"roles": [{"arn": "arn:aws:iam::1:role/x"}]}}, {"credentials": {"key": "PATH"}}):
        answer = admin.put("/api/adapters/fresh", json={"document": {**NEW, **rest}}, headers={"if-none-match": "*"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "policy")


def test_a_key_for_one_adapter_administers_no_other(gateway):
    with gateway.client(gateway.key("narrow", "admin", adapters=["other"])) as narrow:
        assert narrow.get("/api/adapters/model").status_code == 404
        assert (
            narrow.put("/api/adapters/model", json={"document": {}}, headers={"if-none-match": "*"}).status_code == 404
        )
        assert [row["name"] for row in narrow.get("/api/adapters").json()["adapters"]] == ["other"]


def test_a_key_for_one_adapter_makes_no_key_for_others(gateway):
    with gateway.client(gateway.key("narrow", "admin", adapters=["other"])) as narrow:
        asked = {"name": "wide", "project": "p", "roles": ["admin"]}
        assert narrow.post("/api/keys", json=asked).status_code == 403
        assert narrow.post("/api/keys", json={**asked, "adapters": ["other", "model"]}).status_code == 403
        assert narrow.post("/api/keys", json={**asked, "adapters": ["other"]}).status_code == 201


def test_what_the_policy_refuses_here_is_in_the_audit_log_as_well(admin, developer):
    asked = {"json": {"document": {"model": "m-9"}}, "headers": {"if-none-match": "*"}}
    assert developer.put("/api/adapters/model", **asked).status_code == 403
    entry = admin.get("/api/audit").json()["entries"][0]
    assert (entry["actor"], entry["action"], entry["outcome"]) == ("dev", "adapter.save", "refused")
    assert entry["paths"] == ["model"]
    assert entry["request_id"]


def test_only_administrators_see_where_calls_go(admin, developer, user):
    for client in (developer, user):
        shown = client.get("/api/adapters/model")
        assert shown.json()["effective"]["inference"] == {"temperature": 0.5}
        assert "secret-" not in shown.text
        assert "secret-" not in client.get("/api/adapters").text
    shown = admin.get("/api/adapters/model").json()
    assert shown["effective"]["model"] == "secret-endpoint"
    assert shown["origins"]["inference.temperature"].startswith("file ")


def test_a_document_is_validated_without_being_saved(developer):
    good = developer.post("/api/adapters/validate", json={"document": NEW}).json()
    assert (good["valid"], good["effective"]["inference"]) == (True, {"temperature": 0.2})
    bad = developer.post(
        "/api/adapters/validate", json={"document": {"provider": "scripted", "inference": {"x": 1}}}
    ).json()
    assert bad["valid"] is False
    assert {problem["path"] for problem in bad["problems"]} >= {"model"} or bad["problems"]


# --- the rest ----------------------------------------------------------------------------------------------------


def test_keys_are_made_listed_and_revoked(gateway, admin):
    made = admin.post("/api/keys", json={"name": "new", "project": "p", "adapters": ["other"]})
    assert made.status_code == 201
    secret, key_id = made.json()["secret"], made.json()["id"]
    with gateway.client(secret) as client:
        assert chat(client, "other") == "m-2"
        assert chat(client, "model") == 404
        listed = admin.get("/api/keys")
        assert secret not in listed.text
        assert key_id in {key["id"] for key in listed.json()["keys"]}
        assert admin.delete(f"/api/keys/{key_id}").json()["state"] == "revoked"
        assert chat(client, "other") == 401


def test_usage_is_everybodys_for_administrators_and_ones_own_for_others(admin, user):
    chat(user, "model")
    chat(admin, "other")
    assert admin.get("/api/usage?by=adapter").json()["total"]["requests"] == 2
    own = user.get("/api/usage?by=adapter&principal=boss").json()
    assert own["total"]["requests"] == 1
    assert admin.get("/api/usage?by=nothing").status_code == 422


def test_usage_is_told_by_what_was_called_and_by_tags(serve):
    tagged = "{base: other, tags: {team: a, product: search}, base_model: family, upstreams: {far: {tags: {zone: f}}}}"
    gateway = serve(adapters={"tagged": tagged})
    with gateway.client(gateway.key("boss", "admin")) as admin:
        chat(admin, "tagged")
        chat(admin, "other")
        groups = admin.get("/api/usage?by=model,base_model,tag:team").json()["groups"]
        assert [(g["model"], g["base_model"], g["tag:team"], g["requests"]) for g in groups] == [
            ("m-2", "family", "a", 1),
            ("m-2", None, None, 1),
        ]
        assert admin.get("/api/usage?tag:product=search").json()["total"]["requests"] == 1
        assert admin.get("/api/usage?upstream=far&by=tag:zone").json()["groups"][0]["tag:zone"] == "f"
        assert admin.get("/api/usage", params={"by": "tag:a'\"b"}).status_code == 422
        assert admin.get("/api/usage?tag:=x").status_code == 422


def test_usage_is_told_as_csv_too(admin, user):
    chat(user, "model")
    told = admin.get("/api/usage?by=adapter,key&format=csv")
    assert told.headers["content-type"] == "text/csv; charset=utf-8"
    (row,) = csv.DictReader(io.StringIO(told.text))
    assert (row["adapter"], row["requests"], row["currency"], row["cost"]) == ("model", "1", "USD", "17")
    assert admin.get("/api/usage?format=xml").status_code == 422


@pytest.mark.parametrize("query", ["by=model", "by=day,upstream", "model=secret-endpoint"])
def test_where_calls_went_is_told_to_administrators_only(user, developer, query):
    for client in (user, developer):
        refused = client.get(f"/api/usage?{query}")
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "permission")
    assert user.get("/api/usage?by=base_model,tag:team").status_code == 200


def test_a_name_that_another_key_has_as_well_shows_nothing_of_it(gateway, user):
    chat(user, "model")
    with gateway.client(gateway.key()) as namesake:
        assert namesake.get("/api/usage").json()["total"]["requests"] == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/keys"),
        ("POST", "/api/keys"),
        ("DELETE", "/api/keys/x"),
        ("GET", "/api/audit"),
        ("GET", "/api/plugins"),
        ("GET", "/api/secrets"),
        ("POST", "/api/reload"),
        ("POST", "/api/adapters/dry-run"),
        ("PUT", "/api/adapters/model"),
        ("DELETE", "/api/adapters/model"),
        ("POST", "/api/adapters/model/roll-back"),
    ],
)
def test_users_administer_nothing(user, method, path):
    answer = user.request(method, path, json={} if method != "GET" else None)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "permission")


def test_what_there_is_and_how_it_stands(admin, user):
    assert [row["kind"] for row in admin.get("/api/providers").json()["providers"]] == ["scripted"]
    assert admin.get("/api/plugins").json()["loaded"][0]["name"] == "scripted"
    assert "SCRIPTED_KEY" in {row["name"] for row in admin.get("/api/secrets").json()["secrets"]}
    assert admin.get("/api/schemas/adapter").json()["title"] == "Dragoman adapter"
    assert "ledger" in admin.get("/api/health").json()
    assert set(user.get("/api/health").json()) == {"status"}
    assert admin.post("/api/reload").json()["adapters"] == 5


def test_a_file_that_changes_is_read_anew_on_demand(gateway, admin):
    (gateway.application.settings.root / "adapters" / "late.yaml").write_text("{provider: scripted, model: m-late}")
    admin.post("/api/reload")
    assert chat(admin, "late") == "m-late"


def test_the_openapi_document_describes_every_operation(admin):
    document = admin.get("/api/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))
            answer = admin.request(
                method.upper(), re.sub(r"{\w+}", "nothing", path), json={} if method != "get" else None
            )
            assert answer.status_code != 405
            assert answer.status_code < 500
    ids = [operation["operationId"] for operations in document["paths"].values() for operation in operations.values()]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("path", ["/api", "/api/nothing", "/api/adapters/a/b/c"])
def test_an_address_that_is_none(admin, path):
    assert admin.get(path).status_code == 404
    assert admin.patch("/api/adapters/model").status_code == 405


@pytest.mark.parametrize(
    "path", ["/api/usage?since=0001-01-01T00:00:00%2B14:00", "/api/audit?until=9999-12-31T23:59:59-14:00"]
)
def test_a_moment_outside_of_the_calendar(admin, path):
    assert (admin.get(path).status_code, admin.get(path).json()["error"]["code"]) == (422, "invalid_query")


def test_usage_by_the_same_thing_twice_is_by_it_once(admin):
    assert admin.get("/api/usage?by=day,day").json()["by"] == ["day"]


@pytest.mark.parametrize(
    "rest", [{"roles": []}, {"expires_at": "9999-12-31T23:59:59-14:00"}], ids=["no role", "an end after the calendar's"]
)
def test_a_key_that_cannot_be(admin, rest):
    assert admin.post("/api/keys", json={"name": "n", "project": "p", **rest}).status_code == 422


def test_a_dry_run_of_what_are_no_messages(admin):
    answer = admin.post("/api/adapters/dry-run", json={"adapter": "model", "messages": 5})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_messages")
