"""Profiles that something else has made."""

from __future__ import annotations

import re

import pytest
from dragoman.errors import DocumentError, ModelNotFoundError
from dragoman.testing.upstream import Reply, Upstream
from dragoman_aws.profiles import (
    Account,
    DeclaredProfile,
    imported_from_arn,
    imported_from_attributes,
    imported_from_template,
)
from dragoman_aws.profiles.importing import imported_from_stack, names_in_template, read_template

ARN = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/cew2pa5r8hog"
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"
TYPE = "AWS::Bedrock::ApplicationInferenceProfile"


def test_by_arn():
    profile = imported_from_arn(ARN)
    assert (profile.id, profile.base_model) == ("cew2pa5r8hog", None)
    assert profile.as_adapter() == {"provider": "bedrock", "model": ARN, "connection": {"region": "us-east-1"}}
    with pytest.raises(DocumentError, match="is that of a foundation-model"):
        imported_from_arn(f"arn:aws:bedrock:us-east-1::foundation-model/{HAIKU}")


def test_by_attributes():
    profile = imported_from_attributes(ARN, identifier="cew2pa5r8hog", model=HAIKU)
    assert profile.base_model == HAIKU
    assert profile.as_adapter()["base_model"] == HAIKU
    with pytest.raises(DocumentError, match="is 'another', and the ARN ends with 'cew2pa5r8hog'"):
        imported_from_attributes(ARN, identifier="another")


def template(**properties):
    return {"Resources": {"TeamA": {"Type": TYPE, "Properties": properties}, "Bucket": {"Type": "AWS::S3::Bucket"}}}


SOURCE = f"arn:aws:bedrock:us-east-1::foundation-model/{HAIKU}"


def test_from_a_template():
    given = template(
        InferenceProfileName="team-a",
        Description="cost of a",
        ModelSource={"CopyFrom": SOURCE},
        Tags=[{"Key": "team", "Value": "a"}],
    )
    assert imported_from_template(given) == {"TeamA": DeclaredProfile("team-a", SOURCE, "cost of a", {"team": "a"})}


YAML = f"""\
Resources:
  TeamA:  # with what CloudFormation alone works out
    Type: {TYPE}
    Properties:
      InferenceProfileName: team-a
      Description: !If [Named, cost of a, !Ref AWS::NoValue]
      ModelSource: {{CopyFrom: !Sub "arn:aws:bedrock:${{AWS::Region}}::foundation-model/{HAIKU}"}}
      Tags: !GetAtt Tags.All
"""


def test_names_from_a_template_with_short_forms(tmp_path):
    path = tmp_path / "template.yaml"
    path.write_text(YAML, encoding="utf-8")
    assert names_in_template(read_template(path)) == {"TeamA": "team-a"}
    with pytest.raises(DocumentError, match=r"Resources\.TeamA\.Properties\.ModelSource\.CopyFrom: is an expression"):
        imported_from_template(read_template(path))
    path.write_text(YAML.replace("team-a", "!Sub '${AWS::StackName}-a'"), encoding="utf-8")
    with pytest.raises(DocumentError, match=r"InferenceProfileName: is an expression .import the stack"):
        names_in_template(read_template(path))
    for text in ("a: [", "- a"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(DocumentError, match=re.escape(str(path))):
            read_template(path)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"Resources": {}}, f"there is no {TYPE}"),
        (template(InferenceProfileName="a"), "Resources.TeamA.Properties.ModelSource.CopyFrom: is missing"),
        (
            template(InferenceProfileName={"Ref": "Name"}, ModelSource={"CopyFrom": SOURCE}),
            "InferenceProfileName: is an expression .import the stack",
        ),
        (template(InferenceProfileName="a?", ModelSource={"CopyFrom": SOURCE}), "Resources.TeamA.name"),
    ],
)
def test_a_template_that_says_too_little_is_refused(given, problem):
    with pytest.raises(DocumentError, match=problem):
        imported_from_template(given)


PAGE = """<ListStackResourcesResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
<ListStackResourcesResult>{token}<StackResourceSummaries>{members}</StackResourceSummaries></ListStackResourcesResult>
</ListStackResourcesResponse>"""
MEMBER = """<member><LogicalResourceId>{name}</LogicalResourceId><ResourceType>{type}</ResourceType>
<PhysicalResourceId>{id}</PhysicalResourceId><LastUpdatedTimestamp>2026-11-01T00:00:00Z</LastUpdatedTimestamp>
<ResourceStatus>CREATE_COMPLETE</ResourceStatus></member>"""


async def test_from_a_stack_all_pages_of_it(engine, account, profiles):
    made = await profiles.create("of-a-stack", HAIKU, tags={"team": "a"})
    bucket = MEMBER.format(name="Bucket", type="AWS::S3::Bucket", id="bucket")
    own = MEMBER.format(name="TeamA", type=TYPE, id=made.arn)
    with Upstream() as cloudformation:
        cloudformation.answer(
            Reply.text(PAGE.format(token="<NextToken>t1</NextToken>", members=bucket), 200, "text/xml"),
            Reply.text(PAGE.format(token="", members=own), 200, "text/xml"),
        )
        target = (await engine.resolve({"provider": "bedrock", "model": "m"})).target
        async with Account(engine, target, endpoints={"cloudformation": cloudformation.url}) as both:
            found = await imported_from_stack(both, "model-access")
        assert b"NextToken=t1" in cloudformation.received[1].body
    assert {name: (p.arn, p.base_model, p.tags) for name, p in found.items()} == {
        "TeamA": (made.arn, HAIKU, {"team": "a"})
    }
    await profiles.delete(made.arn)


async def test_a_stack_without_profiles_is_told(engine):
    with Upstream() as cloudformation:
        cloudformation.answer(Reply.text(PAGE.format(token="", members=""), 200, "text/xml"))
        target = (await engine.resolve({"provider": "bedrock", "model": "m"})).target
        async with Account(engine, target, endpoints={"cloudformation": cloudformation.url}) as account:
            with pytest.raises(ModelNotFoundError, match="the stack model-access has made no"):
                await imported_from_stack(account, "model-access")
