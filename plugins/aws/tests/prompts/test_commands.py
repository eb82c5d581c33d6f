"""``dragoman bedrock prompts``, run whole: at the edge, and in an account of the emulator behind a role."""

from __future__ import annotations

import asyncio
import io
import json
import sys

import pytest
from dragoman import Engine, Settings
from dragoman.cli.main import main
from dragoman.documents import read_document
from dragoman.testing.upstream import Reply
from dragoman_aws.permissions import grant

from ..cloud import REGION, trust  # noqa: TID252
from .conftest import ARN, CANARY, HAIKU

SUMMARY = """\
description: Two ways.
variants:
  plain: {adapter: haiku, text: "Sum up {{ text }}"}
  terse: {adapter: team-a, system: Be terse., messages: [{role: user, content: "{{ text }}"}]}
"""


@pytest.fixture
def run(deployment, capsys, monkeypatch):
    monkeypatch.chdir(deployment)

    def call(*arguments, code=0, stdin=""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
        ended = main(("bedrock", "prompts", *arguments))
        out, err = capsys.readouterr()
        assert ended == code, err
        assert CANARY not in out + err
        return out, err

    return call


@pytest.fixture
def summary(deployment):
    path = deployment / "prompts" / "summary.yaml"
    path.write_text(SUMMARY, encoding="utf-8")
    return path


def test_the_plan_is_shown_before_anything_is_done(run, service, summary):
    out, _ = run("push", "summary", "--dry-run")
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [
        ["create", "summary-plain"],
        ["create", "summary-terse"],
    ]
    run("push", "summary", code=130)  # nobody said yes
    assert service.drafts == {}
    out, _ = run("push", "summary", "--version", "--description", "first", "--tag", "team=a", stdin="y\n")
    assert "version 1  summary-plain  arn:aws:bedrock:us-east-1:111122223333:prompt/PROMPT0001:1" in out
    assert service.tags["arn:aws:bedrock:us-east-1:111122223333:prompt/PROMPT0002"] == {"team": "a"}
    out, _ = run("push", "summary", "--version", "--tag", "team=a")
    assert [line.split()[:3] for line in out.splitlines()[1:]] == [
        ["leave", "summary-plain", "1"],
        ["leave", "summary-terse", "1"],
    ]


def test_a_file_is_pushed_under_another_name_and_one_variant_of_it(run, service, summary, deployment):
    path = deployment / "else.where.yaml"
    summary.rename(path)
    assert "name else.where-plain: has characters" in run("push", str(path), code=1)[1]
    pushed = json.loads(run("push", str(path), "--as", "s", "--variant", "terse", "--yes", "--json")[0])
    assert [p["name"] for p in pushed["prompts"]] == ["s-terse"]
    assert pushed["steps"][0]["action"] == "create"
    assert "has no variant 'other'" in run("push", str(path), "--variant", "other", code=1)[1]
    assert "it goes with --version" in run("push", str(path), "--description", "a", code=1)[1]


def test_a_version_of_ours_is_pushed_with_its_number(run, service, summary, deployment):
    async def publish():
        async with Engine(Settings.load(deployment / "dragoman.toml")) as engine:
            await engine.prompts.publish("summary")

    asyncio.run(publish())
    summary.write_text(SUMMARY.replace("Sum up", "Shorten"), encoding="utf-8")
    run("push", "summary", "--from", "1", "--version", "--yes")
    assert service.versions["PROMPT0001"][0]["description"] == "version 1 of summary"
    text = service.drafts["PROMPT0001"]["variants"][0]["templateConfiguration"]["text"]["text"]
    assert text == "Sum up {{text}}"
    out, _ = run("push", "summary", "--from", "draft", "--dry-run", "--json")
    assert [step["action"] for step in json.loads(out)["steps"]] == ["update", "leave"]
    assert "a version is a number" in run("push", "summary", "--from", "newest", code=1)[1]


def test_they_are_listed_imported_and_deleted(run, service, summary, deployment):
    assert run("list")[0] == "There are no prompts.\n"
    run("push", "summary", "--yes", "--version")
    listed = json.loads(run("list", "--json")[0])["prompts"]
    assert [(p["name"], p["description"]) for p in listed] == [
        ("summary-plain", "Two ways."),
        ("summary-terse", "Two ways."),
    ]
    assert "summary-plain" in run("list")[0]
    out, err = run("import", "summary-terse")
    (deployment / "shown.yaml").write_text(out, encoding="utf-8")
    assert read_document(deployment / "shown.yaml") == {
        "name": "summary-terse",
        "description": "Two ways.",
        "variants": {
            "terse": {
                "adapter": "team-a",
                "system": "Be terse.",
                "messages": [{"role": "user", "content": "{{text}}"}],
            }
        },
    }
    assert "this is the draft" in err
    run("delete", "summary-terse", code=130)
    run("delete", "summary-terse", "--yes")
    assert "there is no prompt 'summary-terse'" in run("import", "summary-terse", code=1)[1]


PROFILE = {
    "inferenceProfileName": "team-a",
    "inferenceProfileId": "cew2pa5r8hog",
    "inferenceProfileArn": ARN,
    "models": [{"modelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{HAIKU}"}],
    "status": "ACTIVE",
    "type": "APPLICATION",
}


def test_variants_are_put_together_from_several_prompts(run, service, summary, deployment, edge):
    edge.route("GET", r"/inference-profiles/cew2pa5r8hog", Reply.json(PROFILE))
    edge.route("POST", r"/listTagsForResource", Reply.json({"tags": []}))
    run("push", "summary", "--yes", "--version")
    summary.unlink()
    run("import", "summary-plain", "--version", "1", "--into", "both", "--variant", "long")
    _, err = run("import", "summary-terse", "--into", "both", "--write-adapter", "terse-model")
    written = deployment / "prompts" / "both.yaml"
    assert f"the prompt both is saved in {written}" in err
    document = read_document(written)
    assert (list(document["variants"]), document["description"]) == (["long", "terse"], "Two ways.")
    assert document["variants"]["terse"]["adapter"] == "terse-model"
    made = read_document(deployment / "adapters" / "terse-model.yaml")
    assert (made["model"], made["base_model"]) == (ARN, HAIKU)
    _, err = run("import", "summary-terse", "--into", "both", "--variant", "long", code=1)
    assert "variants.long: is there, and says something else" in err
    run("import", "summary-terse", "--into", "both", "--variant", "long", "--force")
    assert read_document(written)["variants"]["long"]["system"] == "Be terse."
    assert main(("prompts", "render", "both", "--var", "text=x")) == 0


def test_an_account_behind_a_role_with_the_generated_policy_alone(run, cloud, deployment, monkeypatch):
    ours, theirs = "151515151515", "161616161616"
    gateway = cloud.user(ours, "prompts-gateway", {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"})
    every = f"arn:aws:bedrock:{REGION}:{theirs}:prompt/*"
    statements = grant(every, account=theirs, uses=["manage"], base_model="m").document["Statement"]
    may = cloud.role(theirs, "prompts", trust(gateway.arn, "x-7f3a"), *statements)
    may_not = cloud.role(theirs, "prompts-not", trust(gateway.arn, "x-7f3a"))
    settings = (deployment / "dragoman.toml").read_text(encoding="utf-8")
    url = settings.partition('sts_endpoint_url = "')[2].partition('"')[0]
    (deployment / "dragoman.toml").write_text(settings.replace(url, cloud.url), encoding="utf-8")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", gateway.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", gateway.secret_access_key)
    (deployment / "prompts" / "one.yaml").write_text("variants: {a: {adapter: haiku, text: Hi}}\n", encoding="utf-8")
    chosen = ("--external-id", "x-7f3a", "--role")
    made = json.loads(run("push", "one", "--yes", "--json", "--version", *chosen, may)[0])["prompts"][0]
    assert made["arn"].startswith(f"arn:aws:bedrock:{REGION}:{theirs}:prompt/")
    assert json.loads(run("push", "one", "--dry-run", "--json", *chosen, may)[0])["steps"][0]["action"] == "leave"
    assert json.loads(run("import", "one-a", "--json", *chosen, may)[0])["variants"]["a"]["text"] == "Hi"
    _, err = run("push", "one", "--yes", *chosen, may_not, code=1)
    assert "allow bedrock:ListPrompts" in err
    assert may_not in err
    run("delete", made["arn"], "--yes", *chosen, may)
