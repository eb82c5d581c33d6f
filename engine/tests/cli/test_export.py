"""Manifests that Kubernetes takes, and a gateway that starts from what they hold."""

import itertools
import json
import os
import signal
import socket
import subprocess

import httpx
import kubernetes_validate
import pytest
import yaml
from dragoman.cli.manifests import KeyOfSecret, Wanted, manifests, manifests_text
from hypothesis import given
from hypothesis import strategies as st

CANARY = "canary-51d0c3ffee5a"
ROLE = "arn:aws:iam::111122223333:role/Dragoman"
VERSIONS = ("1.30", "1.37")


@pytest.fixture
def whole(deployment):
    """Return a deployment with everything that the manifests look at."""
    (deployment / "dragoman.toml").write_text(
        'default_adapter = "warm"\nstage = "dev"\n\n'
        '[[secrets.sources]]\nkind = "file"\npath = "secrets.json"\noptional = true\n\n'
        '[[secrets.sources]]\nkind = "environment"\nvariable = "MODEL_SECRETS"\noptional = true\n\n'
        "[server]\ngrace_s = 12.5\n"
    )
    (deployment / "secrets.json").write_text(json.dumps({"SCRIPTED_KEY": CANARY}))
    (deployment / "inference").mkdir()
    (deployment / "inference" / "odd name.yaml").write_text("temperature: 0 \n\n")
    (deployment / "adapters" / "two.json").write_text(
        '{"base": "scripted", "credentials": {"key": "FIRST_KEY"},'
        ' "upstreams": {"a": {}, "b": {"tier": 1, "credentials": {"key": "SECOND_KEY"}}}}'
    )
    return deployment


def objects(done):
    assert done.code == 0, done.err
    return {value["kind"]: value for value in yaml.safe_load_all(done.out)}  # YAML 1.1, as kubectl reads it


def pod(done):
    return objects(done)["Deployment"]["spec"]["template"]["spec"]


def variables(done):
    return {v["name"]: v.get("value", v.get("valueFrom")) for v in pod(done)["containers"][0]["env"]}


# --- what the cluster takes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "arguments", [[], ["--namespace", "llm", "--role-arn", ROLE], ["--database-secret", "db:dsn", "--replicas", "3"]]
)
def test_every_manifest_follows_the_api_of_kubernetes(run, whole, version, arguments):
    found = objects(run("export", "kubernetes", *arguments))
    assert set(found) >= {"ServiceAccount", "ConfigMap", "Deployment", "Service"}
    for value in found.values():
        kubernetes_validate.validate(value, version, strict=True)


def test_yaml_and_json_say_the_same(run, whole):
    printed = run("export", "kubernetes", "--json").json
    assert printed["kind"] == "List"
    assert {value["kind"]: value for value in printed["items"]} == objects(run("export", "kubernetes"))


def test_agents_and_prompts_go_along_with_the_secrets_that_they_need(run, whole):
    endpoint = "{url: 'https://a.example', auth: {kind: bearer, secret: TOOL_KEY}}"
    agent = f"tools: [{{function: {{name: f}}, http: {endpoint}}}]"
    for folder, text in (("prompts", "variants: {a: {text: Hi}}"), ("agents", agent)):
        (whole / folder).mkdir()
        (whole / folder / "one.yaml").write_text(text)
    done = run("export", "kubernetes")
    written = objects(done)["ConfigMap"]["data"].values()
    assert "variants: {a: {text: Hi}}" in written
    assert any("TOOL_KEY" in text for text in written)
    assert "TOOL_KEY" in variables(done)
    assert "agents need dragoman[agents] in the image" in done.err


def test_what_refers_to_a_name_finds_it(run, whole):
    found = objects(run("export", "kubernetes", "--name", "models", "--namespace", "llm"))
    spec = found["Deployment"]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"] == found["Service"]["spec"]["selector"] == labels
    assert spec["template"]["spec"]["serviceAccountName"] == found["ServiceAccount"]["metadata"]["name"] == "models"
    assert {value["metadata"]["namespace"] for value in found.values()} == {"llm"}
    volumes = {v["name"]: v for v in spec["template"]["spec"]["volumes"]}
    assert volumes["state"]["persistentVolumeClaim"]["claimName"] == found["PersistentVolumeClaim"]["metadata"]["name"]
    source = volumes["config"]["projected"]["sources"][0]["configMap"]
    assert source["name"] == found["ConfigMap"]["metadata"]["name"]
    assert {item["key"] for item in source["items"]} == set(found["ConfigMap"]["data"])
    mounts = spec["template"]["spec"]["containers"][0]["volumeMounts"]
    assert {mount["name"] for mount in mounts} == set(volumes)


def test_the_role_is_on_the_service_account(run, whole):
    account = objects(run("export", "kubernetes", "--role-arn", ROLE))["ServiceAccount"]
    assert account["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": ROLE}
    assert "annotations" not in objects(run("export", "kubernetes"))["ServiceAccount"]["metadata"]


def test_the_pod_has_no_right_that_it_does_not_need(run, whole):
    spec = pod(run("export", "kubernetes"))
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_answers_have_time_to_end(run, whole):
    spec = pod(run("export", "kubernetes"))
    leaving = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert spec["terminationGracePeriodSeconds"] > leaving + 12.5


# --- secrets -----------------------------------------------------------------------------------------------------


def test_secrets_are_named_and_their_values_are_nowhere(command, whole):
    done = command("export", "kubernetes", SCRIPTED_KEY=CANARY, MODEL_SECRETS=json.dumps({"OTHER": CANARY}))
    assert CANARY not in done.out + done.err
    names = {"SCRIPTED_KEY", "FIRST_KEY", "SECOND_KEY", "MODEL_SECRETS"}
    references = {n: v["secretKeyRef"] for n, v in variables(done).items() if isinstance(v, dict)}
    assert references == {n: {"name": "dragoman-secrets", "key": n, "optional": True} for n in names}
    assert all(name in done.err for name in names)


def test_a_file_of_secrets_comes_from_the_secret(run, whole):
    _, source = next(v for v in pod(run("export", "kubernetes"))["volumes"] if v["name"] == "config")["projected"][
        "sources"
    ]
    items = [{"key": "secrets.json", "path": "secrets.json"}]
    assert source == {"secret": {"name": "dragoman-secrets", "items": items, "optional": True}}


def test_a_key_in_the_place_of_its_name_is_not_shown(run, deployment):
    key = "sk0123456789abcdef0123456789abcdef"
    (deployment / "adapters" / "warm.yaml").write_text(f"base: scripted\ncredentials: {{key: {key}}}\n")
    done = run("export", "kubernetes")
    assert key not in variables(done)
    assert key not in done.err
    assert "the adapter warm names a secret that cannot be an environment variable" in done.err


# --- the database ------------------------------------------------------------------------------------------------


def test_without_a_shared_database_one_pod_keeps_a_volume(run, whole):
    found = objects(run("export", "kubernetes", "--storage", "5Gi"))
    assert found["Deployment"]["spec"]["replicas"] == 1
    assert found["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}
    assert found["PersistentVolumeClaim"]["spec"]["resources"] == {"requests": {"storage": "5Gi"}}


def test_a_database_is_reached_by_a_secret(run, whole):
    done = run("export", "kubernetes", "--database-secret", "db:dsn")
    found = objects(done)
    assert "PersistentVolumeClaim" not in found
    assert found["Deployment"]["spec"]["replicas"] == 2
    reference = {"secretKeyRef": {"name": "db", "key": "dsn"}}
    assert variables(done)[variables(done)["DRAGOMAN_STORE__URL_SECRET"]] == reference


def test_a_database_of_the_settings_is_taken(run, deployment):
    (deployment / "dragoman.toml").write_text('[store]\nurl_secret = "GATEWAY_DATABASE"\n')
    done = run("export", "kubernetes")
    assert "PersistentVolumeClaim" not in objects(done)
    assert variables(done)["GATEWAY_DATABASE"]["secretKeyRef"]["key"] == "GATEWAY_DATABASE"


@pytest.mark.parametrize(
    ("store", "arguments", "said"),
    [
        ("", ["--replicas", "2"], "several pods need a database that they share"),
        ('url = "postgresql://u@h/d"', ["--database-secret", "db"], "the settings name a database already"),
        ('url = "sqlite:///x.db"', [], "store.url names a file of this machine"),
    ],
)
def test_databases_that_cannot_be(run, deployment, store, arguments, said):
    (deployment / "dragoman.toml").write_text(f"[store]\n{store}\n")
    failed = run("export", "kubernetes", *arguments)
    assert (failed.code, failed.out) == (1, "")
    assert said in failed.err


# --- bad input ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["--role-arn", "Dragoman"],
        ["--namespace", "Not A Name"],
        ["--image", "-x"],
        ["--memory", "much"],
        ["--database-secret", "db:"],
        ["--replicas", "0"],
    ],
)
def test_bad_options_are_one_clear_line(run, whole, arguments):
    failed = run("export", "kubernetes", *arguments)
    assert failed.code in (1, 2)
    assert failed.out == ""
    assert arguments[0] in failed.err
    assert failed.err.count("\n") == 1


def test_without_settings_there_is_nothing_to_export(run, deployment):
    (deployment / "dragoman.toml").unlink()
    assert "there is no dragoman.toml to export" in run("export", "kubernetes").err


def test_what_is_only_here_is_told(command, whole):
    (whole / "adapters" / "broken.yaml").write_text("temperature: [")
    told = command("export", "kubernetes", DRAGOMAN_SECRETS__TTL_S="5").err
    assert "the stage in the cluster is prod, not dev as here" in told
    assert "secrets.ttl_s comes from the environment DRAGOMAN_SECRETS__TTL_S of this machine" in told
    assert "broken.yaml" in told
    image = next(line for line in told.splitlines() if "is yours to build" in line)
    assert "dragoman[server]" in image
    assert "dragoman-scripted" in image


def test_the_stage_can_be_chosen(run, whole):
    assert variables(run("export", "kubernetes"))["DRAGOMAN_STAGE"] == "prod"
    assert variables(run("--stage", "test", "export", "kubernetes"))["DRAGOMAN_STAGE"] == "test"


# --- YAML --------------------------------------------------------------------------------------------------------


@given(
    st.dictionaries(st.text(), st.text() | st.sampled_from(["no", "1_000", "0o7", "12:30:45", "a: b\n", "x \n", "~"]))
)
def test_texts_survive_the_yaml_that_kubectl_reads(data):
    plain = {
        k: v for k, v in data.items() if (k + v).isprintable() or set(k + v) <= {"\n", "\t", *map(chr, range(32, 127))}
    }
    assert yaml.safe_load(manifests_text([plain])) == plain


@pytest.mark.parametrize("paths", [("a/b.yaml", "a__b.yaml"), ("x y.yaml", "x_y.yaml", "x/y.yaml")])
def test_files_never_share_a_key(paths):
    wanted = Wanted(
        name="d", namespace=None, image="i", replicas=1, port=1, stage="prod", role_arn=None, secret="s",
        files={"dragoman.toml": "", **{p: p for p in paths}}, variables=(), secret_files=(),
        database=KeyOfSecret("a", "b"), storage=None, grace_s=1, cpu="1", memory="1Gi", settings={},
    )  # fmt: skip
    config = next(o for o in manifests(wanted) if o["kind"] == "ConfigMap")["data"]
    assert sorted(config.values()) == sorted(["", *paths])


# --- true to `dragoman serve` ------------------------------------------------------------------------------------


def test_the_gateway_starts_from_what_the_manifests_hold(command, script, whole, tmp_path):
    """Play the cluster: lay out the volumes, set the variables, run the command, ask the probes, send SIGTERM."""
    done = command("export", "kubernetes")
    found = objects(done)
    spec = found["Deployment"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    folders = {m["mountPath"]: tmp_path / "pod" / m["name"] for m in container["volumeMounts"]}
    for folder in folders.values():
        folder.mkdir(parents=True)
    for item in spec["volumes"][0]["projected"]["sources"][0]["configMap"]["items"]:
        file = folders["/etc/dragoman"] / item["path"]
        file.parent.mkdir(exist_ok=True)
        file.write_text(found["ConfigMap"]["data"][item["key"]])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = {n: v for n, v in variables(done).items() if isinstance(v, str)}
    environment = {n: str(folders.get(v, v)) for n, v in given.items()}
    places = {"0.0.0.0": "127.0.0.1", str(container["ports"][0]["containerPort"]): str(port)}  # noqa: S104
    arguments = [places.get(argument, argument) for argument in container["args"]]
    process = subprocess.Popen(
        [*script, *arguments],
        env={**os.environ, **environment},
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        lines = iter(process.stderr.readline, "")
        list(itertools.takewhile(lambda line: "try: curl" not in line, lines))
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            path = container[probe]["httpGet"]["path"]
            assert httpx.get(f"http://127.0.0.1:{port}{path}").status_code == 200
        assert list(folders["/var/lib/dragoman"].iterdir())
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) in (0, -signal.SIGTERM)  # uvicorn ends by the signal that it was sent
    finally:
        process.kill()
        process.stderr.close()
        process.wait()
