"""The policies as they are printed (golden files), and as IAM decides by them, pair by pair."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dragoman.documents import write_document
from dragoman.errors import DocumentError
from dragoman_aws.permissions import as_cloudformation, as_terraform, grant, merged, trust_account
from dragoman_aws.profiles import CrossRegionInferenceProfile, PromptRouter

from ..cloud import Cloud  # noqa: TID252
from .cases import ACCOUNT, APPLICATION, CASES, CUSTOM_ROUTER, HAIKU, SONNET

GOLDEN = Path(__file__).parent / "golden"
CUSTOM_MODEL = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:custom-model/amazon.nova-lite-v1:0/abcdef123456"
PROVISIONED = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:provisioned-model/abcdef123456"
ENDPOINT = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/llama"


@pytest.mark.parametrize("name", CASES)
def test_the_policy_is_the_one_on_file(name):
    assert CASES[name].granted.document == json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def test_every_file_has_a_case():
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_iam_allows_what_aws_documents_and_nothing_beside_it(cloud: Cloud, name):
    case = CASES[name]
    document = json.dumps(case.granted.document)

    def decided(action, resource):
        iam = cloud.as_root(ACCOUNT, "iam")
        found = iam.simulate_custom_policy(PolicyInputList=[document], ActionNames=[action], ResourceArns=[resource])
        return found["EvaluationResults"][0]["EvalDecision"]

    assert {pair: decided(*pair) for pair in case.allowed} == dict.fromkeys(case.allowed, "allowed")
    assert {pair: decided(*pair) for pair in case.denied} == dict.fromkeys(case.denied, "implicitDeny")


def test_a_value_grants_the_same_as_its_id():
    profile = CrossRegionInferenceProfile.from_config("us", SONNET)
    assert grant(profile, region="us-east-1", account=ACCOUNT).document == CASES["cross-region"].granted.document
    router = PromptRouter.default("anthropic.claude:1", "us-east-1", ACCOUNT)
    by_id = grant("anthropic.claude:1", region="us-east-1", account=ACCOUNT)
    assert grant(router, region="us-east-1", account=ACCOUNT).document == by_id.document


# --- what is not known is told -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted({*CASES} - {"cross-region-unknown", "secrets"}))
def test_an_exact_policy_says_nothing_else(name):
    assert CASES[name].granted.notes == ()


@pytest.mark.parametrize(
    ("target", "settings", "told"),
    [
        ("us.new.model-9", {"region": "us-east-1"}, "where us.new.model-9 sends requests from us-east-1 is not known"),
        (
            f"us.{HAIKU}",
            {"region": "ca-central-1"},
            "from ca-central-1 is not known: the policy allows the model in ev",
        ),
        (f"us.{HAIKU}", {"region": "us-east-1", "account": ""}, "the account is not known"),
        (APPLICATION, {}, "the policy allows the profile alone, which is not enough"),
        (APPLICATION, {"base_model": HAIKU}, "allows its base_model in every region"),
        (CUSTOM_MODEL, {}, "no permission to invoke a custom model itself"),
        (PROVISIONED, {"uses": ["access"]}, "which foundation models are behind the target is not known"),
        (ENDPOINT, {"uses": ["lookup"]}, "nothing tells the target's state"),
        (CUSTOM_ROUTER, {}, "the policy allows the router alone, which is not enough"),
        (HAIKU, {"region": "us-east-1", "uses": ["batch"]}, "iam:PassRole for the batch job's role is left out"),
        (HAIKU, {"region": "us-east-1", "uses": ["prompt"]}, "the target is no prompt"),
    ],
)
def test_what_is_not_known_is_told(target, settings, told):
    [note] = grant(target, **{"account": ACCOUNT, **settings}).notes
    assert told in note


@pytest.mark.parametrize(
    ("target", "settings", "problem"),
    [
        (HAIKU, {}, "region: is missing"),
        ("arn:aws:s3:::bucket", {}, "is not the ARN of something that Bedrock invokes"),
        (HAIKU, {"region": "us-east-1", "uses": ["everything"]}, "'everything' is not known"),
        (f"jp.{SONNET}", {"region": "ap-northeast-1"}, "the model has profiles in: apac, eu, global, us"),
        (
            "arn:aws:bedrock:us-east-1:111122223333:guardrail/abc",
            {},
            "is not the ARN of something that Bedrock invokes",
        ),
    ],
)
def test_what_cannot_be_granted_is_refused(target, settings, problem):
    with pytest.raises(DocumentError, match=problem):
        grant(target, **settings)


# --- snippets ----------------------------------------------------------------------------------------------------


def test_a_set_shares_its_statements_and_keeps_sids_apart():
    names = ("model", "cross-region", "list")
    [one] = merged(CASES[name].granted for name in names)
    sids = [statement["Sid"] for statement in one.document["Statement"]]
    assert sids == ["Invoke", "ListModels"]
    assert len(one.document["Statement"][0]["Resource"]) == 5


def test_cloudformation_takes_the_stacks_account_and_attaches_to_the_role():
    open_account = grant(f"us.{HAIKU}", region="us-east-1")
    for_role = grant(HAIKU, f"arn:aws:iam::{ACCOUNT}:role/path/Invoke", region="us-east-1")
    resources = as_cloudformation([open_account, for_role])["Resources"]
    first, second = resources["DragomanPolicy1"], resources["DragomanPolicy2"]
    assert first["Type"] == "AWS::IAM::ManagedPolicy"
    assert first["Properties"]["PolicyDocument"]["Statement"][0]["Resource"][0] == {
        "Fn::Sub": f"arn:aws:bedrock:us-east-1:${{AWS::AccountId}}:inference-profile/us.{HAIKU}"
    }
    assert (second["Type"], second["Properties"]["Roles"]) == ("AWS::IAM::Policy", ["Invoke"])


def test_a_role_takes_what_is_allowed_to_nobody_in_particular():
    granted = [grant(HAIKU, region="us-east-1"), grant(SONNET, f"arn:aws:iam::{ACCOUNT}:user/Eve", region="us-east-1")]
    trust = trust_account("444455556666", external_id="dragoman-7f3a")
    resources = as_cloudformation(granted, trust)["Resources"]
    assert list(resources) == ["DragomanRole", "DragomanPolicy2"]
    role = resources["DragomanRole"]["Properties"]
    assert role["AssumeRolePolicyDocument"] == trust
    assert [policy["PolicyDocument"] for policy in role["Policies"]] == [granted[0].document]
    written = as_terraform(granted, trust)
    assert written.count("role = aws_iam_role.dragoman.name") == written.count('user = "Eve"') == 1
    assert terraform_documents(written) == [trust, *(one.document for one in granted)]


@pytest.mark.parametrize("trust", [None, trust_account("444455556666")], ids=["policies", "role"])
def test_cloudformation_takes_every_template(trust):
    linting = pytest.importorskip("cfnlint.api", reason="cfn-lint, which comes with moto[server], is not installed")
    role = f"arn:aws:iam::{ACCOUNT}:role/Invoke"
    granted = [case.granted for case in CASES.values()] + [grant(f"us.{HAIKU}", role, region="us-east-1", account="")]
    template = write_document(as_cloudformation(granted, trust), ".yaml")
    assert [str(match) for match in linting.lint_all(template) if match.rule.id[0] in "EW"] == []


@pytest.mark.parametrize("name", CASES)
def test_terraform_says_the_same_as_json(name):
    granted = CASES[name].granted
    mine = json.loads(json.dumps(granted.document).replace(":*:", ":${data.aws_caller_identity.current.account_id}:"))
    written = as_terraform([granted])
    expected = mine if "data.aws_caller_identity" in written else granted.document
    assert terraform_documents(written) == [expected]


def terraform_documents(text):
    """Return the policies of a file, read by a parser of Terraform's language."""
    hcl2 = pytest.importorskip("hcl2", reason="python-hcl2 is not installed")
    found = []
    for resource in hcl2.loads(text)["resource"]:
        [[arguments]] = [named.values() for named in resource.values()]
        written = arguments.get("policy") or arguments["assume_role_policy"]
        found.append(json.loads(written.removeprefix("${jsonencode(").removesuffix(")}").replace('" = ', '": ')))
    return found


def test_terraform_is_one_resource_a_grant():
    written = as_terraform([grant(f"us.{HAIKU}", f"arn:aws:iam::{ACCOUNT}:role/Invoke", region="us-east-1")])
    assert written == (GOLDEN / "cross-region.tf").read_text(encoding="utf-8")
