"""What the doctor finds out about Bedrock and SageMaker, at an edge that plays their control planes and STS."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import subprocess
import sys
from urllib.parse import unquote

import pytest
from dragoman import Engine, Settings
from dragoman.errors import DocumentError
from dragoman.testing.upstream import Reply, Upstream
from dragoman_aws.inspection.requesting import request_access, states_of

from .edge import Admitted, error, event, event_stream, query_error

CANARY = "canary-7f3a9b2c4d5e6f708192"
ACCOUNT = "111122223333"
MODEL = "anthropic.claude-sonnet-4-20250514-v1:0"
PROFILE = f"us.{MODEL}"
ME = f"arn:aws:sts::{ACCOUNT}:assumed-role/Invoke/dragoman"

WHO = f"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>{ME}</Arn><UserId>AROA:dragoman</UserId><Account>{ACCOUNT}</Account></GetCallerIdentityResult>
</GetCallerIdentityResponse>"""

FREE = {
    "modelId": MODEL,
    "agreementAvailability": {"status": "AVAILABLE"},
    "authorizationStatus": "AUTHORIZED",
    "entitlementAvailability": "AVAILABLE",
    "regionAvailability": "AVAILABLE",
}


def denied(action, resource="*"):
    return error(
        "AccessDeniedException", f"User: {ME} is not authorized to perform: {action} on resource: {resource}", 403
    )


def json_answer(value):
    return Reply.json(value, 200, **{"content-type": "application/x-amz-json-1.1"})


def json_error(code, message):
    return Reply.json({"__type": code, "message": message}, 400, **{"content-type": "application/x-amz-json-1.1"})


def arn_in(region, model=MODEL):
    return f"arn:aws:bedrock:{region}::foundation-model/{model}"


class Aws:
    """Bedrock and SageMaker of an account; a test changes what it has."""

    def __init__(self, edge):
        self.edge = edge
        self.types = ["ON_DEMAND"]
        self.lifecycle = "ACTIVE"
        self.profiles = {PROFILE: ["us-east-1", "us-west-2"]}
        self.access = {}  # region -> members of the answer that differ, or a reply
        self.quotas = [("On-demand", "requests", 60), ("On-demand", "tokens", 300_000), ("Cross-region", "tokens", 9)]
        edge.admit(Admitted("AKIDEXAMPLE", CANARY, who="alice"))
        edge.route("POST", "/", self._query)
        edge.route("GET", r"/foundation-models/[^/]+", lambda request, _: self._model(request))
        edge.route("GET", r"/foundation-model-availability/[^/]+", self._availability)
        edge.route("GET", r"/inference-profiles/[^/]+", lambda request, _: self._profile(request))
        edge.route("GET", r"/inference-profiles", lambda request, _: self._profiles())
        edge.route("POST", r"/model/[^/]+/converse-stream", event_stream(ANSWER))

    def _query(self, request, caller):
        """Answer as STS, or as Service Quotas, which names its operation in a header."""
        operation = request.headers.get("x-amz-target", "").rpartition(".")[2]
        if not operation:
            return Reply.text(WHO, 200, "text/xml")
        assert (caller.service, request.json()["ServiceCode"]) == ("servicequotas", "bedrock")
        return self.list_quotas(operation, request.json())

    def list_quotas(self, operation, given):
        """Return one quota a page, each after one of another model and one of a longer name."""
        if operation != "ListServiceQuotas":
            return json_answer({"Quotas": []})
        number = int(given.get("NextToken", "0"))
        if number >= len(self.quotas):
            return json_answer({"Quotas": []})
        scope, unit, value = self.quotas[number]
        name = f"{scope} model inference {unit} per minute for Anthropic Claude Sonnet"
        rows = [
            (f"{name} 4.5", 0, "L-4"),
            (f"{name} 4 V1 1M Context Length", 0, "L-1"),
            (f"{name} 4 V1", value, "L-OWN"),
        ]
        quotas = [
            {"QuotaName": n, "Value": v, "QuotaCode": f"{c}{number}", "Adjustable": unit == "requests"}
            for n, v, c in rows
        ]
        return json_answer({"Quotas": quotas, "NextToken": str(number + 1)})

    def _model(self, request):
        if unquote(request.target.rpartition("/")[2]) != MODEL:
            return error("ValidationException", "The provided model identifier is invalid.", 400)
        return Reply.json({"modelDetails": self.model()})

    def model(self):
        return {
            "modelArn": arn_in("us-east-1"),
            "modelId": MODEL,
            "modelName": "Claude Sonnet 4",
            "providerName": "Anthropic",
            "inputModalities": ["TEXT", "IMAGE"],
            "outputModalities": ["TEXT"],
            "responseStreamingSupported": True,
            "inferenceTypesSupported": self.types,
            "modelLifecycle": {"status": self.lifecycle},
        }

    def _availability(self, request, caller):
        said = self.access.get(caller.region, {})
        return said if isinstance(said, Reply) else Reply.json({**FREE, **said})

    def summary(self, name):
        models = [{"modelArn": arn_in(region)} for region in self.profiles[name]]
        arn = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/{name}"
        return {"inferenceProfileName": "Claude", "inferenceProfileArn": arn, "models": models,
                "inferenceProfileId": name, "status": "ACTIVE", "type": "SYSTEM_DEFINED"}  # fmt: skip

    def _profile(self, request):
        name = unquote(request.target.partition("?")[0].removeprefix("/inference-profiles/")).rpartition("/")[2]
        if name not in self.profiles:
            return error("ResourceNotFoundException", "The resource you requested does not exist.", 404)
        return Reply.json(self.summary(name))

    def _profiles(self):
        return Reply.json({"inferenceProfileSummaries": [self.summary(name) for name in self.profiles]})


ANSWER = [
    event("messageStart", {"role": "assistant"}),
    event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hi"}}),
    event("contentBlockStop", {"contentBlockIndex": 0}),
    event("messageStop", {"stopReason": "max_tokens"}),
    event("metadata", {"usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}, "metrics": {"latencyMs": 1}}),
]


@pytest.fixture
def aws(edge):
    return Aws(edge)


@pytest.fixture
async def engine(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    async with Engine(Settings(plugins={"allow": ["aws"]})) as engine:
        yield engine


def document(edge, model=MODEL, provider="bedrock", **members):
    urls = dict.fromkeys(("endpoint_url", "control_endpoint_url", "sts_endpoint_url"), edge.url)
    connection = {"region": "us-east-1", "auth": {"kind": "aws_keys"}, **urls}
    if provider == "bedrock":
        connection["endpoints"] = {"service-quotas": edge.url}
    return {
        "name": "a",
        "provider": provider,
        "model": model,
        "limits": {"max_attempts": 1, "timeout_s": 20},
        **members,
        "connection": {**connection, **members.get("connection", {})},
    }


async def steps_of(engine, document):
    steps = [step async for step in engine.check(document)]
    assert CANARY not in repr(steps)
    assert all(step.state != "failed" for step in steps[:-1])
    return {step.name: step for step in steps}


async def last_of(engine, document):
    return list((await steps_of(engine, document)).values())[-1]


# --- Bedrock -----------------------------------------------------------------------------------------------------


async def test_a_model_that_may_be_called(engine, aws):
    steps = await steps_of(engine, document(aws.edge))
    assert list(steps)[-6:] == ["network", "identity", "model", "model access", "quota", "call"]
    assert steps["secrets"].message == "there are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"
    assert steps["credentials"].message == "calls are made by the keys of the secret AWS_ACCESS_KEY_ID"
    assert (steps["identity"].message, steps["identity"].detail["account"]) == (
        f"AWS knows the caller as {ME}",
        ACCOUNT,
    )
    assert steps["model"].message == "Claude Sonnet 4 is called on demand in us-east-1"
    assert steps["model access"].message == "granted in us-east-1"
    quotas = "on-demand in us-east-1: 60 requests per minute (L-OWN0), 300,000 tokens per minute (L-OWN1)"
    assert steps["quota"].message == quotas
    assert steps["call"].state == "ok"


async def test_a_model_that_is_called_only_through_a_profile_names_it(engine, aws):
    aws.types = ["PROVISIONED"]
    step = await last_of(engine, document(aws.edge))
    assert (step.name, step.hint) == ("model", f"use the profile {PROFILE} as the adapter's model")
    assert step.message == f"{MODEL} cannot be called on demand, only by: provisioned"


async def test_the_same_where_only_the_call_tells(engine, aws):
    aws.edge.route("GET", r"/foundation-models/[^/]+", denied("bedrock:GetFoundationModel", arn_in("us-east-1")))
    text = f"Invocation of model ID {MODEL} with on-demand throughput isn\u2019t supported.".replace("\u2019", "'")
    aws.edge.route("POST", r"/model/[^/]+/converse-stream", error("ValidationException", text, 400))
    steps = await steps_of(engine, document(aws.edge))
    assert (steps["model"].state, steps["call"].state) == ("skipped", "failed")
    assert f"allow bedrock:GetFoundationModel on {arn_in('us-east-1')}" in steps["model"].hint
    assert steps["call"].hint == f"use the profile {PROFILE} as the adapter's model"


async def test_a_model_that_the_region_does_not_have_says_where_it_is(engine, aws):
    known = "amazon.nova-premier-v1:0"
    step = await last_of(engine, document(aws.edge, known))
    assert (step.name, step.message) == ("model", f"Bedrock in us-east-1 has no model {known}")
    assert "connection.region" in step.hint


@pytest.mark.parametrize(
    ("answer", "said", "todo"),
    [
        ({"regionAvailability": "NOT_AVAILABLE"}, "the region does not have it", "region"),
        ({"authorizationStatus": "NOT_AUTHORIZED"}, "the identity is not authorized", "bedrock:InvokeModel"),
        ({"agreementAvailability": {"status": "NOT_AVAILABLE"}}, "terms are not accepted", "dragoman bedrock access"),
        ({"agreementAvailability": {"status": "PENDING"}}, "not granted yet", "try again"),
        (
            {"agreementAvailability": {"status": "ERROR"}},
            "the agreement to its terms failed",
            "dragoman bedrock access",
        ),
        ({"entitlementAvailability": "NOT_AVAILABLE"}, "access is not granted", "dragoman bedrock access"),
    ],
)
async def test_access_that_is_missing(engine, aws, answer, said, todo):
    aws.access["us-east-1"] = answer
    step = await last_of(engine, document(aws.edge))
    assert step.name == "model access"
    assert step.message.startswith(f"{MODEL} in us-east-1: ")
    assert said in step.message
    assert todo in step.hint


async def test_an_identity_that_may_call_and_nothing_else_is_a_good_one(engine, aws):
    aws.edge.route("GET", r"/foundation-models/[^/]+", denied("bedrock:GetFoundationModel"))
    aws.edge.route("GET", r"/foundation-model-availability/.+", denied("bedrock:GetFoundationModelAvailability"))
    aws.edge.route("POST", "/", query_error("RegionDisabledException", "STS is off", 403))
    steps = await steps_of(engine, document(aws.edge))
    assert [steps[name].state for name in ("identity", "model", "model access", "call")] == ["skipped"] * 3 + ["ok"]
    assert "bedrock:GetFoundationModelAvailability" in steps["model access"].hint


async def test_a_control_plane_out_of_reach_does_not_stand_in_the_way(engine, aws):
    with Upstream() as gone:
        nowhere = dict.fromkeys(("control_endpoint_url", "sts_endpoint_url"), gone.url)
    steps = await steps_of(engine, document(aws.edge, connection=nowhere))
    assert (steps["identity"].state, steps["model"].state, steps["call"].state) == ("skipped", "skipped", "ok")
    assert "cannot be reached" in steps["model"].message
    assert "model access" not in steps


async def test_every_region_that_a_profile_reaches_is_asked(engine, aws):
    steps = await steps_of(engine, document(aws.edge, PROFILE))
    expected = f"{PROFILE} sends requests for {MODEL} to us-east-1, us-west-2"
    assert steps["inference profile"].message == expected
    assert steps["model access"].message == "granted in us-east-1, us-west-2"
    aws.access["us-west-2"] = {"entitlementAvailability": "NOT_AVAILABLE"}
    step = await last_of(engine, document(aws.edge, PROFILE))
    assert step.message == f"{MODEL} in us-west-2: access is not granted to this account"
    assert step.detail["regions"] == {"us-east-1": "granted", "us-west-2": "access is not granted to this account"}


async def test_a_profile_that_is_not_there_names_those_that_are(engine, aws):
    step = await last_of(engine, document(aws.edge, f"eu.{MODEL}"))
    assert (step.name, step.message) == ("inference profile", f"there is no profile eu.{MODEL} in us-east-1")
    assert step.hint == f"of this model there are here: {PROFILE}"


async def test_a_call_that_is_denied_names_action_and_resource(engine, aws):
    resource = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/{PROFILE}"
    refusal = denied("bedrock:InvokeModelWithResponseStream", resource)
    aws.edge.route("POST", r"/model/[^/]+/converse-stream", refusal)
    step = await last_of(engine, document(aws.edge, PROFILE))
    assert step.name == "call"
    assert f"allow bedrock:InvokeModelWithResponseStream on {resource} to {ME}" in step.hint


async def test_it_comes_with_the_policy_to_add(engine, aws):
    refusal = denied("bedrock:InvokeModelWithResponseStream", arn_in("us-east-1"))
    aws.edge.route("POST", r"/model/[^/]+/converse-stream", refusal)
    step = await last_of(engine, document(aws.edge))
    policy = json.loads(step.hint.partition("the policy to add: ")[2])
    allowed = [(action, arn) for s in policy["Statement"] for action in s["Action"] for arn in _listed(s["Resource"])]
    assert ("bedrock:InvokeModelWithResponseStream", arn_in("us-east-1")) in allowed


async def test_a_tool_that_is_denied_comes_with_the_statement_for_it(engine, aws):
    tool = f"arn:aws:bedrock::{ACCOUNT}:system-tool/amazon.nova_grounding"
    aws.edge.route("POST", r"/model/[^/]+/converse-stream", denied("bedrock:InvokeTool", tool))
    step = await last_of(engine, document(aws.edge))
    [statement] = json.loads(step.hint.partition("the policy to add: ")[2])["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("bedrock:InvokeTool", tool)


def _listed(value):
    return [value] if isinstance(value, str) else value


async def test_a_quota_of_nothing_is_the_reason_with_its_code(engine, aws):
    aws.quotas[0] = ("On-demand", "requests", 0.0)
    step = await last_of(engine, document(aws.edge))
    name = "On-demand model inference requests per minute for Anthropic Claude Sonnet 4 V1"
    assert (step.name, step.message) == ("quota", f"the quota L-OWN0 '{name}' in us-east-1 is 0 (account)")
    assert "--service-code bedrock --quota-code L-OWN0 --desired-value N --region us-east-1" in step.hint
    aws.quotas = [("On-demand", "tokens", 0.0)]
    step = await last_of(engine, document(aws.edge))
    assert "Service Quotas does not raise it: ask AWS's support" in step.hint


async def test_a_profile_has_the_quotas_of_cross_region_calls(engine, aws):
    steps = await steps_of(engine, document(aws.edge, PROFILE))
    assert steps["quota"].message == "cross-region in us-east-1: 9 tokens per minute (L-OWN2)"
    aws.profiles = {f"global.{MODEL}": ["us-east-1", ""]}
    steps = await steps_of(engine, document(aws.edge, f"global.{MODEL}"))
    assert steps["quota"].state == "skipped"
    assert f"none in us-east-1 whose name is that of {MODEL}, called global cross-region" in steps["quota"].message


async def test_a_quota_that_may_not_be_asked_is_not_known_and_no_failure(engine, aws):
    user = f"User: {ME} is not authorized to perform: servicequotas:ListServiceQuotas"
    for text, hint in ((user, f"allow servicequotas:ListServiceQuotas to {ME}"), ("no", "allow servicequotas:ListSer")):
        aws.list_quotas = lambda *_, text=text: json_error("AccessDeniedException", text)
        steps = await steps_of(engine, document(aws.edge))
        assert (steps["quota"].state, steps["call"].state) == ("skipped", "ok")
        assert steps["quota"].message == "what the account may use of it could not be asked: the identity may not"
        assert hint in steps["quota"].hint


async def test_the_default_counts_where_the_account_lists_none(engine, aws):
    own, aws.quotas = aws.list_quotas, [("On-demand", "tokens", 7.0)]
    aws.list_quotas = lambda operation, given: own(
        "ListServiceQuotas" if operation == "ListAWSDefaultServiceQuotas" else "", given
    )
    steps = await steps_of(engine, document(aws.edge))
    assert steps["quota"].detail["quotas"][0]["origin"] == "default"


async def test_a_quota_that_is_reached(engine, aws):
    refusal = error("ServiceQuotaExceededException", "Too many tokens per day", 400)
    aws.edge.route("POST", r"/model/[^/]+/converse-stream", refusal)
    step = await last_of(engine, document(aws.edge))
    assert (step.name, "Service Quotas shows and raises it" in step.hint) == ("call", True)


async def test_keys_that_aws_does_not_know(engine, aws, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDUNKNOWN")
    await engine.reload()
    step = await last_of(engine, document(aws.edge))
    assert (step.name, step.detail["error"]["code"]) == ("call", "authentication")


async def test_a_model_with_no_profile_says_what_else_there_is(engine, aws):
    aws.types, aws.profiles = ["PROVISIONED"], {}
    step = await last_of(engine, document(aws.edge))
    assert step.hint.startswith("buy provisioned throughput, or choose a model with a profile")


async def test_profiles_that_may_not_be_listed_are_those_of_the_facts(engine, aws):
    aws.types = ["PROVISIONED"]
    aws.edge.route("GET", r"/inference-profiles", denied("bedrock:ListInferenceProfiles"))
    step = await last_of(engine, document(aws.edge))
    assert f"us.{MODEL}" in step.hint


async def test_a_profile_that_may_not_be_looked_at_is_asked_about_by_the_facts(engine, aws):
    aws.edge.route("GET", r"/inference-profiles/.+", denied("bedrock:GetInferenceProfile"))
    steps = await steps_of(engine, document(aws.edge, PROFILE))
    assert steps["inference profile"].state == "skipped"
    assert steps["model access"].message == "granted in us-east-1, us-east-2, us-west-2"


async def test_a_prompt_has_no_state_to_look_at(engine, aws):
    steps = await steps_of(engine, document(aws.edge, f"arn:aws:bedrock:us-east-1:{ACCOUNT}:prompt/PROMPT12345:1"))
    assert (steps["prompt"].state, steps["call"].state) == ("skipped", "ok")


async def test_a_router_that_may_not_be_looked_at_is_called_all_the_same(engine, aws):
    aws.edge.route("GET", r"/prompt-routers/.+", denied("bedrock:GetPromptRouter"))
    steps = await steps_of(engine, document(aws.edge, f"arn:aws:bedrock:us-east-1:{ACCOUNT}:prompt-router/abc"))
    assert (steps["prompt router"].state, steps["call"].state) == ("skipped", "ok")


@pytest.mark.parametrize(
    ("profiles", "hint"),
    [({}, "buy provisioned throughput"), ({PROFILE: ["us-east-1"]}, f"use the profile {PROFILE}")],
)
async def test_on_demand_that_only_the_call_refuses(engine, aws, profiles, hint):
    aws.profiles = profiles
    text = f"Invocation of model ID {MODEL} with on-demand throughput isn't supported."
    aws.edge.route("POST", r"/model/[^/]+/converse-stream", error("ValidationException", text, 400))
    step = await last_of(engine, document(aws.edge))
    assert (step.name, hint in step.hint) == ("call", True)


async def test_a_model_that_only_the_call_does_not_find(engine, aws):
    missing = error("ResourceNotFoundException", "The model is marked as Legacy", 404)
    aws.edge.route("POST", r"/model/[^/]+/converse-stream", missing)
    step = await last_of(engine, document(aws.edge))
    assert (step.name, "connection.region" in step.hint) == ("call", True)


async def test_a_refusal_without_an_action_has_the_hint_of_its_own(engine, aws):
    refusal = error("AccessDeniedException", "You don't have access to the model with the specified model ID.", 403)
    aws.edge.route("POST", r"/model/[^/]+/converse-stream", refusal)
    step = await last_of(engine, document(aws.edge))
    assert (step.name, step.detail["error"]["code"]) == ("call", "permission_denied")
    assert "the policy to add" not in (step.hint or "")


@pytest.mark.parametrize(
    ("arn", "path", "answer", "said"),
    [
        ("provisioned-model/abcdefghijkl", r"/provisioned-model-throughput/.+", {"status": "Creating"}, "is Creating"),
        ("imported-model/abcdefghijkl", r"/imported-models/.+", None, "there is no imported model"),
        (
            "custom-model-deployment/abcdefghijkl",
            r"/model-customization/custom-model-deployments/.+",
            {"status": "Failed"},
            "is Failed",
        ),
        ("custom-model/a/abcdefghijkl", r"/custom-models/.+", {"modelStatus": "Creating"}, "is Creating"),
        ("prompt-router/abc", r"/prompt-routers/.+", None, "there is no prompt router"),
    ],
)
async def test_what_else_is_called_and_cannot_be(engine, aws, arn, path, answer, said):
    missing = error("ResourceNotFoundException", "does not exist", 404)
    aws.edge.route("GET", path, missing if answer is None else Reply.json(answer))
    step = await last_of(engine, document(aws.edge, f"arn:aws:bedrock:us-east-1:{ACCOUNT}:{arn}"))
    assert step.name == arn.partition("/")[0].replace("-", " ")
    assert said in step.message


# --- access ------------------------------------------------------------------------------------------------------


class Commands:
    """The command, with an adapter for the edge."""

    def __init__(self, folder, edge):
        self.folder = folder
        (folder / "adapters").mkdir()
        written = {**document(edge, PROFILE), "name": "claude"}
        (folder / "adapters" / "claude.json").write_text(json.dumps(written), encoding="utf-8")
        (folder / "dragoman.toml").write_text("", encoding="utf-8")

    def run(self, *arguments, stdin=None):
        command = [sys.executable, "-m", "dragoman.cli.main", "bedrock", "access", *arguments]
        return subprocess.run(
            command, cwd=self.folder, input=stdin, capture_output=True, text=True, check=False, timeout=60
        )


@pytest.fixture
def commands(engine, aws, tmp_path):
    return Commands(tmp_path, aws.edge)


@pytest.fixture
def offers(aws):
    """Let the account accept an offer; until then it has no access in us-west-2."""
    aws.access["us-west-2"] = {"agreementAvailability": {"status": "NOT_AVAILABLE"}}
    accepted = []

    def accept(request, caller):
        accepted.append((caller.region, request.json()))
        aws.access["us-west-2"] = {}
        return Reply.json({"modelId": MODEL}, 202)

    offer = Reply.json({"modelId": MODEL, "offers": [{"offerToken": "offer-1", "termDetails": {
        "usageBasedPricingTerm": {"rateCard": []}, "legalTerm": {}, "supportTerm": {}}}]})  # fmt: skip
    aws.edge.route("GET", r"/list-foundation-model-agreement-offers/.+", offer)
    aws.edge.route("POST", r"/create-foundation-model-agreement", accept)
    return accepted


async def test_the_command_shows_access_in_every_region(commands, offers):
    shown = await asyncio.to_thread(commands.run, "claude")
    rows = [line.split(maxsplit=3) for line in shown.stdout.splitlines()[1:]]
    assert (shown.returncode, shown.stderr) == (1, "")
    assert rows[0] == [MODEL, "us-east-1", "granted", "-"]
    assert rows[1][1:] == ["us-west-2", "missing", "access is not granted: its terms are not accepted"]


async def test_access_is_seen_and_requested_in_python(engine, aws, offers):
    resolved = await engine.resolve(document(aws.edge, PROFILE))
    target, context = resolved.target, engine.context_of(resolved)
    states = await states_of(target, context)
    missing = [(state["model"], state["region"]) for state in states if state["usable"] is False]
    assert missing == [(MODEL, "us-west-2")]
    assert await request_access(target, context, missing) == [
        f"{MODEL} in us-west-2: requested; AWS may take some minutes"
    ]
    assert all(state["usable"] for state in await states_of(target, context))


async def test_a_model_without_an_offer_says_where_to_ask(engine, aws):
    aws.access["us-east-1"] = {"entitlementAvailability": "NOT_AVAILABLE"}
    aws.edge.route("GET", r"/list-foundation-model-agreement-offers/.+", Reply.json({"modelId": MODEL, "offers": []}))
    resolved = await engine.resolve(document(aws.edge))
    [line] = await request_access(resolved.target, engine.context_of(resolved), [(MODEL, "us-east-1")])
    assert "there is no offer to accept" in line


async def test_access_of_another_provider_is_refused(engine, sagemaker):
    resolved = await engine.resolve(at(sagemaker))
    with pytest.raises(DocumentError, match="sagemaker has no access to models to be granted"):
        await states_of(resolved.target, engine.context_of(resolved))


async def test_it_requests_what_is_missing_only_after_a_confirmation(commands, offers):
    refused = await asyncio.to_thread(commands.run, "claude", "--request", stdin="n\n")
    assert (refused.returncode, offers) == (1, [])
    assert f"Accept the terms of {MODEL}" in refused.stderr
    done = await asyncio.to_thread(commands.run, "claude", "--request", "--json", stdin="y\n")
    assert (done.returncode, "requested" in done.stderr) == (0, True)
    assert offers == [("us-west-2", {"offerToken": "offer-1", "modelId": MODEL})]
    assert all(state["usable"] for state in json.loads(done.stdout)["access"])


# --- Bedrock's lists ---------------------------------------------------------------------------------------------


async def test_lists_say_what_can_be_called_and_a_source_that_may_not_be_read_stands_beside(engine, aws):
    aws.types = ["PROVISIONED"]
    picture = {**aws.model(), "modelId": "stability.sd3", "outputModalities": ["IMAGE"]}
    vectors = {**aws.model(), "modelId": "cohere.embed", "outputModalities": ["EMBEDDING"]}
    vectors["inferenceTypesSupported"] = ["ON_DEMAND"]
    aws.edge.route("GET", "/foundation-models", Reply.json({"modelSummaries": [aws.model(), picture, vectors]}))
    router = {"promptRouterArn": f"arn:aws:bedrock:us-east-1:{ACCOUNT}:default-prompt-router/anthropic.claude:1",
              "promptRouterName": "Claude", "models": [], "status": "AVAILABLE"}  # fmt: skip
    aws.edge.route("GET", "/prompt-routers", Reply.json({"promptRouterSummaries": [router]}))
    aws.edge.route("GET", "/custom-models", denied("bedrock:ListCustomModels"))
    aws.access["us-west-2"] = {"agreementAvailability": {"status": "NOT_AVAILABLE"}}
    (listed,) = await engine.models([document(aws.edge)])
    lists = {found.source: found for found in listed.lists}
    rows = {row.id: row for found in listed.lists for row in found.models}
    assert rows[MODEL].why_not == f"only through a profile: {PROFILE}"
    assert rows["stability.sd3"].why_not == "no operation of an adapter makes image"
    assert (rows["cohere.embed"].operations, rows["cohere.embed"].can_invoke) == (("embed",), True)
    assert rows[PROFILE].why_not.startswith("in us-west-2: access is not granted: its terms are not accepted")
    assert rows[router["promptRouterArn"]].can_invoke is True
    assert "bedrock:ListCustomModels" in str(lists["custom models"].failure)
    assert lists["imported models"].failure is not None  # the edge has none
    written = listed.adapter_for(rows[PROFILE], "claude")
    assert (written["model"], written["base_model"]) == (PROFILE, MODEL)
    assert (await engine.resolve(written)).target.connection.control_endpoint_url == aws.edge.url


async def test_what_has_a_state_says_so_in_its_row(engine, aws):
    arn = f"arn:aws:bedrock:us-east-1:{ACCOUNT}"
    rows = {
        "/custom-models": {"modelSummaries": [{"modelArn": f"{arn}:custom-model/a/b", "modelName": "c"}]},
        "/model-customization/custom-model-deployments": {
            "modelDeploymentSummaries": [
                {"customModelDeploymentArn": f"{arn}:custom-model-deployment/d", "status": "Creating"}
            ]
        },
        "/imported-models": {"modelSummaries": [{"modelArn": f"{arn}:imported-model/i", "modelName": "i"}]},
        "/provisioned-model-throughputs": {
            "provisionedModelSummaries": [
                {
                    "provisionedModelArn": f"{arn}:provisioned-model/p",
                    "foundationModelArn": arn_in("us-east-1"),
                    "status": "Failed",
                }
            ]
        },
    }
    for path, answer in rows.items():
        aws.edge.route("GET", path, Reply.json(answer))
    (listed,) = await engine.models([document(aws.edge)])
    said = {row.id.rpartition(":")[2]: (row.can_invoke, row.why_not) for one in listed.lists for row in one.models}
    assert said["custom-model/a/b"] == (False, "it is called through provisioned throughput or a deployment of it")
    assert said["custom-model-deployment/d"] == (False, "it is Creating")
    assert said["imported-model/i"] == (True, None)
    assert said["provisioned-model/p"] == (False, "it is Failed")


DAY_S = 86_400


@pytest.mark.parametrize(
    ("ends_in_s", "can_invoke", "said"),
    [
        (-DAY_S, False, "its end of life was "),
        (30 * DAY_S, None, "accounts that did not call it within 30 days are refused"),
        (None, None, "it is a legacy model: "),
    ],
)
async def test_a_model_near_or_past_its_end_says_so_and_so_do_its_profiles(engine, aws, ends_in_s, can_invoke, said):
    lifecycle = {"status": "LEGACY"} if ends_in_s is None else {"status": "LEGACY", "endOfLifeTime": _at(ends_in_s)}
    row = {**aws.model(), "modelLifecycle": lifecycle}
    aws.edge.route("GET", "/foundation-models", Reply.json({"modelSummaries": [row]}))
    (listed,) = await engine.models([document(aws.edge)])
    rows = {found.id: found for source in listed.lists for found in source.models}
    for name in (MODEL, PROFILE):
        assert rows[name].can_invoke is can_invoke
        assert said in rows[name].why_not


def _at(seconds):
    return (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)).isoformat()


# --- SageMaker ---------------------------------------------------------------------------------------------------


class SageMaker:
    """The control plane: one address for all operations, told by a header."""

    def __init__(self, edge):
        self.answers = {"DescribeEndpoint": Reply.json({"EndpointName": "llama", "EndpointStatus": "InService"})}
        edge.admit(Admitted("AKIDEXAMPLE", CANARY, who="alice"))
        edge.route("POST", "/", self._answer)
        edge.route("POST", r"/endpoints/[^/]+/invocations.*", Reply.json([{"generated_text": "Hi"}]))
        self.edge = edge

    def _answer(self, request, _):
        operation = request.headers.get("x-amz-target", "").rpartition(".")[2]
        if not operation:
            return Reply.text(WHO, 200, "text/xml")
        return self.answers.get(operation) or refused("no such thing")


def refused(text, code="ValidationException"):
    return Reply(
        (json.dumps({"__type": code, "message": text}).encode(),), 400, {"content-type": "application/x-amz-json-1.1"}
    )


@pytest.fixture
def sagemaker(edge):
    return SageMaker(edge)


def at(sagemaker, **connection):
    mapped = {"mapping": {"preset": "tgi"}, "capabilities": {"streaming": False}}
    return document(sagemaker.edge, "llama", "sagemaker", connection=connection, **mapped)


async def test_an_endpoint_that_answers(engine, sagemaker):
    steps = await steps_of(engine, at(sagemaker))
    assert (steps["endpoint"].message, steps["identity"].state) == ("llama is InService", "ok")
    assert steps["call"].state == "ok"


async def test_an_endpoint_that_failed_tells_why(engine, sagemaker):
    state = {"EndpointName": "llama", "EndpointStatus": "Failed", "FailureReason": "no capacity"}
    sagemaker.answers["DescribeEndpoint"] = Reply.json(state)
    step = await last_of(engine, at(sagemaker))
    assert (step.name, step.message) == ("endpoint", "the endpoint llama is Failed: no capacity")


async def test_an_endpoint_that_is_not_there_names_the_others(engine, sagemaker):
    sagemaker.answers["DescribeEndpoint"] = refused("Could not find endpoint")
    rows = [{"EndpointName": "mistral", "EndpointStatus": "InService"}]
    sagemaker.answers["ListEndpoints"] = Reply.json({"Endpoints": rows})
    step = await last_of(engine, at(sagemaker))
    assert step.message == "there is no endpoint llama in us-east-1"
    assert "there are: mistral" in step.hint


async def test_an_endpoint_that_may_not_be_looked_at_is_called_all_the_same(engine, sagemaker):
    text = f"User: {ME} is not authorized to perform: sagemaker:DescribeEndpoint on resource: arn:aws:sagemaker:x"
    sagemaker.answers["DescribeEndpoint"] = refused(text, "AccessDeniedException")
    steps = await steps_of(engine, at(sagemaker))
    assert (steps["endpoint"].state, steps["call"].state) == ("skipped", "ok")
    assert "allow sagemaker:DescribeEndpoint" in steps["endpoint"].hint


async def test_an_endpoint_that_is_not_there_and_others_that_may_not_be_listed(engine, sagemaker):
    sagemaker.answers["DescribeEndpoint"] = refused("Could not find endpoint")
    sagemaker.answers["ListEndpoints"] = refused("no", "AccessDeniedException")
    step = await last_of(engine, at(sagemaker))
    assert step.hint == "check the adapter's model and connection.region"


@pytest.mark.parametrize(
    ("answer", "state", "said"),
    [
        (None, "failed", "there is no inference component ic in us-east-1"),
        ("denied", "skipped", "its state could not be asked: the identity may not"),
        ("Failed", "failed", "the inference component ic is Failed"),
        ("InService", "ok", "ic is InService"),
    ],
)
async def test_a_component_in_every_state(engine, sagemaker, answer, state, said):
    found = {"InferenceComponentName": "ic", "EndpointName": "llama", "InferenceComponentStatus": answer}
    others = {None: refused("Could not find"), "denied": refused("no", "AccessDeniedException")}
    sagemaker.answers["DescribeInferenceComponent"] = others.get(answer) or Reply.json(found)
    step = (await steps_of(engine, at(sagemaker, inference_component="ic")))["inference component"]
    assert (step.state, step.message) == (state, said)


async def test_a_component_of_another_endpoint(engine, sagemaker):
    found = {"InferenceComponentName": "ic", "EndpointName": "other", "InferenceComponentStatus": "InService"}
    sagemaker.answers["DescribeInferenceComponent"] = Reply.json(found)
    step = await last_of(engine, at(sagemaker, inference_component="ic"))
    assert (step.name, step.message) == (
        "inference component",
        "the inference component ic belongs to the endpoint other",
    )


async def test_endpoints_and_components_are_listed_page_by_page(engine, sagemaker):
    pages = [{"Endpoints": [{"EndpointName": "one", "EndpointStatus": "InService"}], "NextToken": "2"},
             {"Endpoints": [{"EndpointName": "two", "EndpointStatus": "Creating"}]}]  # fmt: skip
    ask = sagemaker._answer

    def paged(request, caller):
        if request.headers.get("x-amz-target", "").endswith("ListEndpoints"):
            return Reply.json(pages[1 if b"NextToken" in request.body else 0])
        return ask(request, caller)

    sagemaker.edge.route("POST", "/", paged)
    row = {"InferenceComponentName": "ic", "EndpointName": "one", "InferenceComponentStatus": "InService",
           "VariantName": "v"}  # fmt: skip
    sagemaker.answers["ListInferenceComponents"] = Reply.json({"InferenceComponents": [row]})
    (listed,) = await engine.models([at(sagemaker)])
    endpoints, components = listed.lists
    assert [(found.id, found.can_invoke, found.why_not) for found in endpoints.models] == [
        ("one", True, None),
        ("two", False, "it is Creating"),
    ]
    written = listed.adapter_for(components.models[0], "c")
    assert (written["model"], written["connection"]["inference_component"]) == ("one", "ic")
    assert (await engine.resolve(written)).name == "c"
