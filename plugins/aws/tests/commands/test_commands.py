"""The commands, run whole: a deployment in a folder, an account of the emulator behind a role."""

from __future__ import annotations

import io
import json
import sys

import pytest
from dragoman.cli.main import main
from dragoman.documents import parse_document

from ..cloud import REGION, allow, trust  # noqa: TID252

GATEWAY, MODELS = "565656565656", "787878787878"
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"
SETTINGS = """
[plugins]
allow = ["aws"]
[connections.bedrock]
region = "us-east-1"
auth = {{kind = "aws_keys"}}
roles = [{{arn = "{role}", external_id = "x-7f3a"}}]
control_endpoint_url = "{url}"
sts_endpoint_url = "{url}"
"""


@pytest.fixture(scope="module")
def identities(cloud):
    gateway = cloud.user(GATEWAY, "commands-gateway", allow("sts:AssumeRole"))
    return gateway, cloud.role(MODELS, "commands", trust(gateway.arn, "x-7f3a"), allow("bedrock:*"))


@pytest.fixture
def deployment(tmp_path, monkeypatch, cloud, identities):
    gateway, role = identities
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", gateway.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", gateway.secret_access_key)
    (tmp_path / "adapters").mkdir()
    (tmp_path / "dragoman.toml").write_text(SETTINGS.format(role=role, url=cloud.url), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(deployment, capsys, monkeypatch):
    def call(*arguments, code=0, stdin=""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
        ended = main(arguments)
        out, err = capsys.readouterr()
        assert ended == code, err
        return out, err

    return call


@pytest.fixture
def read(run):
    return lambda *arguments: json.loads(run(*arguments, "--json")[0])


# --- profiles ----------------------------------------------------------------------------------------------------


def test_a_profile_from_its_creation_to_an_adapter_and_its_end(run, read, deployment):
    made = read(
        *("bedrock", "profiles", "create", "team-a", "--from", HAIKU),
        *("--description", "cost of a", "--tag", "team=a", "--save", "team-a"),
    )
    assert made["arn"].startswith(f"arn:aws:bedrock:{REGION}:{MODELS}:application-inference-profile/")
    assert read("adapters", "show", "team-a", "--effective")["model"] == made["arn"]
    run("bedrock", "profiles", "tag", "team-a", "team=b", "env=prod")
    run("bedrock", "profiles", "untag", "team-a", "team")
    shown = read("bedrock", "profiles", "show", "team-a")
    assert (shown["tags"], shown["base_model"]) == ({"env": "prod"}, HAIKU)
    [listed] = read("bedrock", "profiles", "list", "--type", "application")["profiles"]
    assert listed["id"] == made["id"]
    run("bedrock", "profiles", "delete", "team-a", code=130)  # nobody said yes
    run("bedrock", "profiles", "delete", "team-a", stdin="y\n")
    assert read("bedrock", "profiles", "list", "--type", "application") == {"profiles": []}


def test_a_cross_region_profile_is_shown_and_saved(read, run):
    shown = read("bedrock", "profiles", "show", f"us.{HAIKU}", "--save", "haiku")
    assert (shown["geo_region"], shown["model"], shown["status"]) == ("us", HAIKU, "ACTIVE")
    effective = read("adapters", "show", "haiku", "--effective")
    assert (effective["model"], effective["base_model"]) == (f"us.{HAIKU}", HAIKU)
    system = read("bedrock", "profiles", "list", "--type", "system", "--model", HAIKU, "--geo", "us")["profiles"]
    assert [profile["id"] for profile in system] == [f"us.{HAIKU}"]


def test_a_geography_that_is_not_there_is_refused_with_those_that_are(run, deployment):
    there = f"of this model there are here: us.{HAIKU}"
    for arguments in (
        ("profiles", "show", f"jp.{HAIKU}"),
        ("profiles", "create", "a", "--from", f"jp.{HAIKU}"),
        (
            "routers",
            "create",
            "r",
            "--model",
            f"jp.{HAIKU}",
            "--model",
            HAIKU,
            "--fallback",
            HAIKU,
            "--difference",
            "5",
        ),
    ):
        _, err = run("bedrock", *arguments, code=1)
        assert f"there is no profile jp.{HAIKU} in us-east-1" in err
        assert there in err
    (deployment / "p.yaml").write_text(f"profiles: [{{name: a, source: jp.{HAIKU}}}]", encoding="utf-8")
    assert there in run("bedrock", "profiles", "apply", "p.yaml", code=1)[1]
    _, err = run("bedrock", "profiles", "show", "nobody", code=1)
    assert "there is no application profile 'nobody'" in err


def test_a_declaration_is_applied_after_its_plan_and_a_second_time_changes_nothing(run, read, deployment):
    file = deployment / "profiles.yaml"
    file.write_text(f"profiles:\n- name: declared\n  source: us.{HAIKU}\n  tags: {{team: a}}\n", encoding="utf-8")
    planned = read("bedrock", "profiles", "apply", str(file), "--dry-run")
    assert [(s["action"], s["name"]) for s in planned["steps"]] == [("create", "declared")]
    assert read("bedrock", "profiles", "list", "--type", "application") == {"profiles": []}
    out, _ = run("bedrock", "profiles", "apply", str(file), stdin="y\n")
    assert out.splitlines()[1].split()[:2] == ["create", "declared"]
    again = read("bedrock", "profiles", "apply", str(file), "--yes")
    assert [s["action"] for s in again["steps"]] == ["leave"]
    file.write_text(f"profiles:\n- name: declared\n  source: {HAIKU}\n", encoding="utf-8")
    _, err = run("bedrock", "profiles", "apply", str(file), "--yes")
    assert "declared gets a new ARN" in err
    run("bedrock", "profiles", "delete", "declared", "--yes")


REPLACED = """\
# Costs of team a; see the wiki.
provider: bedrock
model: {arn}   # the profile
upstreams:
  b: {{model: {arn}}}
  other: {{model: "{arn}x"}}
"""


def test_adapters_of_a_replaced_profile_are_listed_and_rewritten_with_their_comments(run, read, deployment):
    declare = "profiles:\n- {{name: replaced, source: {source}}}\n".format
    file = deployment / "profiles.yaml"
    file.write_text(declare(source=f"us.{HAIKU}"), encoding="utf-8")
    old = read("bedrock", "profiles", "apply", str(file), "--yes")["profiles"][0]["arn"]
    adapter = deployment / "adapters" / "team-a.yaml"
    adapter.write_text(REPLACED.format(arn=old), encoding="utf-8")
    file.write_text(declare(source=HAIKU), encoding="utf-8")

    planned, err = run("bedrock", "profiles", "apply", str(file), "--dry-run", "--json")
    assert [(a["adapter"], a["paths"]) for a in json.loads(planned)["adapters"]] == [
        ("team-a", ["model", "upstreams.b.model"])
    ]
    assert f"the adapter team-a (file {adapter}) names {old} as its model, upstreams.b.model and has to be ch" in err
    assert adapter.read_text(encoding="utf-8") == REPLACED.format(arn=old)

    applied, err = run("bedrock", "profiles", "apply", str(file), "--yes", "--json", "--write-adapters")
    new = json.loads(applied)["profiles"][0]["arn"]
    assert f"{adapter} names {new} now" in err
    assert adapter.read_text(encoding="utf-8") == REPLACED.format(arn=new).replace(f"{new}x", f"{old}x")
    run("bedrock", "profiles", "delete", "replaced", "--yes")


def test_profiles_of_a_template_become_adapters(run, read, deployment):
    made = read("bedrock", "profiles", "create", "of-template", "--from", HAIKU)
    template = f"""Resources:
  TeamA:
    Type: AWS::Bedrock::ApplicationInferenceProfile
    Properties: {{InferenceProfileName: of-template, ModelSource: {{CopyFrom: !Sub "x${{AWS::Region}}{HAIKU}"}}}}
"""
    (deployment / "template.yaml").write_text(template, encoding="utf-8")
    [document] = read("bedrock", "profiles", "import", "--template", "template.yaml")["documents"]
    assert document == {
        "name": "teama",
        "provider": "bedrock",
        "model": made["arn"],
        "base_model": HAIKU,
        "connection": {"region": REGION},
    }
    run("bedrock", "profiles", "import", made["arn"], "--save", "imported")
    assert read("adapters", "show", "imported")["model"] == made["arn"]
    run("bedrock", "profiles", "delete", "of-template", "--yes")


def test_another_identity_can_be_chosen(run, cloud, identities):
    gateway, _ = identities
    powerless = cloud.role(MODELS, "commands-powerless", trust(gateway.arn, "y-7f3a"))
    chosen = ("--role", powerless, "--external-id", "y-7f3a")
    _, err = run("bedrock", "profiles", "list", *chosen, code=1)
    assert f"made with {powerless}" in err
    assert "bedrock:ListInferenceProfiles" in err


def test_what_is_asked_offline_calls_nobody(run, read, deployment):
    (deployment / "dragoman.toml").write_text('[plugins]\nallow = ["aws"]\n', encoding="utf-8")
    listed = read("bedrock", "profiles", "list", "--offline", "--model", HAIKU)["profiles"]
    assert [p["id"] for p in listed] == [f"{geo}.{HAIKU}" for geo in ("apac", "eu", "us-gov", "us")]
    assert read("bedrock", "profiles", "show", f"us.{HAIKU}", "--offline")["routes"]["us-east-1"] == [
        "us-east-1",
        "us-west-2",
    ]
    _, err = run("bedrock", "profiles", "show", f"jp.{HAIKU}", "--offline", code=1)
    assert "the model has profiles in: apac, eu, us, us-gov" in err
    assert read("bedrock", "profiles", "geo", "ap-northeast-1")["geographies"] == ["apac", "jp"]
    router = read("bedrock", "routers", "show", "anthropic.claude:1", "--offline", "--region", "us-east-1")
    assert router["models"][0] == f"us.{HAIKU}"


def test_a_router_from_its_creation_to_its_end(run, read):
    lite, pro = "amazon.nova-lite-v1:0", "amazon.nova-pro-v1:0"
    made = read(
        *("bedrock", "routers", "create", "nova", "--model", lite, "--model", pro),
        *("--fallback", pro, "--difference", "25", "--save", "nova"),
    )
    assert made["fallback"].endswith(pro)
    assert read("adapters", "show", "nova")["model"] == made["arn"]
    assert [r["name"] for r in read("bedrock", "routers", "list", "--type", "custom")["routers"]] == ["nova"]
    assert read("bedrock", "routers", "show", "nova")["quality_difference_percent"] == 25
    run("bedrock", "routers", "delete", "nova", "--yes")
    assert run("bedrock", "routers", "list", "--type", "custom")[0] == "There are no such routers.\n"


# --- policies ----------------------------------------------------------------------------------------------------


def write_adapter(deployment, name, text):
    (deployment / "adapters" / f"{name}.yaml").write_text(text, encoding="utf-8")


def test_the_policy_of_an_adapter_is_for_its_role_and_for_who_assumes_it(read, deployment, identities, run):
    write_adapter(deployment, "claude", f"provider: bedrock\nmodel: us.{HAIKU}\nbase_model: {HAIKU}\n")
    grants = json.loads(run("policy", "claude")[0])
    assert [entry["principal"] for entry in grants] == [identities[1], None]
    resources = grants[0]["policy"]["Statement"][0]["Resource"]
    assert resources[0] == f"arn:aws:bedrock:us-east-1:{MODELS}:inference-profile/us.{HAIKU}"
    assert grants[1]["policy"]["Statement"][0]["Action"] == "sts:AssumeRole"


def statements(run, *arguments):
    return json.loads(run("policy", *arguments)[0])["Statement"]


def test_what_calls_bring_along_is_allowed_as_well(run, deployment):
    guarded = (
        f"provider: bedrock\nmodel: {HAIKU}\n"
        "connection: {roles: [], guardrail: {identifier: abc123, version: DRAFT}, count_tokens_model: m}\n"
    )
    write_adapter(deployment, "guarded", guarded)
    found = {s["Sid"]: s for s in statements(run, "guarded", "--account", MODELS)}
    assert found["Guard"]["Resource"] == f"arn:aws:bedrock:us-east-1:{MODELS}:guardrail/abc123"
    assert found["CountTokens"]["Resource"] == "arn:aws:bedrock:us-east-1::foundation-model/m"


def test_endpoints_of_sagemaker(run, deployment):
    endpoint = (
        "provider: sagemaker\nmodel: llama\nmapping: {preset: lmi-sse}\n"
        "connection: {region: us-west-2, inference_component: ic-1}\n"
    )
    write_adapter(deployment, "llama", endpoint)
    [statement] = statements(run, "llama", "--account", MODELS)
    assert statement["Action"] == ["sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream"]
    assert statement["Resource"] == [
        f"arn:aws:sagemaker:us-west-2:{MODELS}:endpoint/llama",
        f"arn:aws:sagemaker:us-west-2:{MODELS}:inference-component/ic-1",
    ]


def test_a_set_a_file_and_secrets_become_one_policy(run, deployment):
    declaration = f"profiles:\n- name: a\n  source: us.{HAIKU}\n"
    (deployment / "profiles.yaml").write_text(declaration, encoding="utf-8")
    found = statements(
        run, "profiles.yaml", "amazon.nova-lite-v1:0", "--region", REGION, "--account", MODELS, "--secret", "prod/keys"
    )
    assert [s["Sid"] for s in found] == ["Invoke", "ReadSecrets"]
    assert "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0" in found[0]["Resource"]


def test_what_is_not_known_is_told_beside_the_policy(run):
    out, err = run("policy", "xx.acme.new", "--base-model", "acme.new", "--region", REGION, "--account", MODELS)
    assert "arn:aws:bedrock:*::foundation-model/acme.new" in out
    assert "where xx.acme.new sends requests from us-east-1 is not known" in err


@pytest.mark.parametrize(("form", "begins"), [("cloudformation", "AWSTemplateFormatVersion"), ("terraform", "data ")])
def test_snippets(run, form, begins):
    assert run("policy", f"us.{HAIKU}", "--region", REGION, "--format", form)[0].startswith(begins)


def test_a_role_is_a_trust_policy_and_what_it_may_do(run):
    target = ("amazon.nova-lite-v1:0", "--region", REGION)
    trusting = ("--trust", GATEWAY, "--external-id", "x-7f3a")
    template = parse_document(run("policy", *target, *trusting, "--format", "cloudformation")[0], ".yaml", "template")
    [role] = template["Resources"].values()
    assert role["Type"] == "AWS::IAM::Role"
    assert role["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Action"] == "sts:AssumeRole"
    assert [policy["PolicyName"] for policy in role["Properties"]["Policies"]] == ["dragoman"]
    written = run("policy", *trusting, "--format", "terraform")[0]
    assert written.startswith('resource "aws_iam_role" "dragoman" {')
    assert "takes --format cloudformation or terraform" in run("policy", *target, *trusting, code=2)[1]


def test_what_allows_nothing_is_an_error_and_no_empty_policy(run):
    out, err = run("policy", "amazon.nova-lite-v1:0", "--region", REGION, "--for", "prompt", code=1)
    assert out == ""
    assert "there is nothing to allow: the target is no prompt" in err


def test_a_principal_is_a_role_or_a_user(run):
    _, err = run("policy", "amazon.nova-lite-v1:0", "--region", REGION, "--principal", "Gateway", code=1)
    assert "the ARN of a role or user is expected" in err


def test_of_several_upstreams_the_one_that_is_called_counts_and_that_is_told(run, deployment):
    several = (
        f"provider: bedrock\nmodel: {HAIKU}\nconnection: {{roles: []}}\n"
        "upstreams: {far: {tier: 1, connection: {region: eu-west-1}}, near: {connection: {region: us-west-2}}}\n"
    )
    write_adapter(deployment, "several", several)
    out, err = run("policy", "several")
    assert json.loads(out)["Statement"][0]["Resource"] == f"arn:aws:bedrock:us-west-2::foundation-model/{HAIKU}"
    assert "took upstream 'near', the heaviest of the lowest tier: the policy is for that one" in err


def test_tools_and_asynchronous_answers(run, deployment):
    searching = f"provider: bedrock\nmodel: {HAIKU}\nconnection: {{roles: []}}\n"
    write_adapter(deployment, "searching", searching + "inference: {system_tools: [nova_grounding]}\n")
    found = {s["Sid"]: s for s in statements(run, "searching", "--account", MODELS)}
    assert found["UseTools"]["Resource"] == f"arn:aws:bedrock::{MODELS}:system-tool/amazon.nova_grounding"
    write_adapter(
        deployment,
        "patient",
        "provider: sagemaker\nmodel: llama\nmapping: {preset: tgi}\n"
        "connection: {region: us-west-2, invocation: async}\n",
    )
    assert "say where with --s3-output" in run("policy", "patient", "--account", MODELS)[1]
    out, err = run("policy", "patient", "--account", MODELS, "--s3-output", "s3://outbox/answers")
    assert ([s["Sid"] for s in json.loads(out)["Statement"]], err) == (
        ["InvokeEndpoint", "ReadAnswers", "AwaitAnswers"],
        "",
    )


def test_trust_policies(run):
    trusting = json.loads(run("policy", "--trust", GATEWAY, "--external-id", "x-7f3a")[0])["Statement"][0]
    assert trusting["Principal"] == {"AWS": f"arn:aws:iam::{GATEWAY}:root"}
    assert trusting["Condition"] == {"StringEquals": {"sts:ExternalId": "x-7f3a"}}
    names = ("--namespace", "llm", "--service-account", "gateway")
    irsa = json.loads(run("policy", "--trust-oidc", "https://oidc.test/id/X", "--account", MODELS, *names)[0])
    assert irsa["Statement"][0]["Principal"] == {"Federated": f"arn:aws:iam::{MODELS}:oidc-provider/oidc.test/id/X"}
    assert "needs --namespace" in run("policy", "--trust-oidc", "https://oidc.test/id/X", code=2)[1]
    assert "a target, --secret" in run("policy", code=2)[1]
