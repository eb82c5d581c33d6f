import pytest

GREETING = """
variants:
  short: {text: "Greet {{name}}", adapter: scripted}
  settings: {text: "!settings", adapter: scripted, inference: {temperature: 0.2}}
  limited: {text: "!limited {{name}}", adapter: warm}
"""


@pytest.fixture(autouse=True)
def greeting(deployment):
    (deployment / "prompts").mkdir()
    (deployment / "prompts" / "greeting.yaml").write_text(GREETING, encoding="utf-8")
    (deployment / "adapters" / "warm.yaml").write_text("base: scripted\nlimits: {max_attempts: 1}\n", encoding="utf-8")
    return deployment / "prompts"


def test_prompts_are_listed_beside_what_is_none(run, greeting):
    (greeting / "broken.yaml").write_text("variants: {}", encoding="utf-8")
    done = run("prompts", "list")
    assert done.code == 0
    assert done.out.splitlines()[1].split(maxsplit=4)[0] == "greeting"
    assert done.err.startswith("failed: prompt broken")


def test_show_and_render_ask_nobody(run):
    assert set(run("prompts", "show", "greeting").json["variants"]) == {"short", "settings", "limited"}
    rendered = run("prompts", "render", "greeting", "--var", "name=Jo=1").json
    assert rendered == {
        "adapter": "scripted",
        "messages": [{"role": "user", "content": "Greet Jo=1"}],
        "tools": [],
        "inference": {},
    }


def test_run_asks_the_variant_with_its_settings(run):
    assert run("prompts", "run", "greeting", "--var", "name=Jo").out == "Greet Jo \n"
    done = run("prompts", "run", "greeting", "--variant", "settings", "--json").json
    assert '"temperature": 0.2' in done["text"]
    assert (done["adapter"], done["input_tokens"], done["output_tokens"]) == ("scripted", 7, 5)


def test_compare_puts_variants_side_by_side_and_fails_where_one_does(run):
    done = run("prompts", "compare", "greeting", "--var", "name=Jo", "--json")
    assert done.code == 1
    answers = {answer["variant"]: answer for answer in done.json["variants"]}
    assert answers["short"]["text"] == "Greet Jo "
    assert "slow down" in answers["limited"]["error"]
    shown = run("prompts", "compare", "greeting", "--var", "name=Jo").out.splitlines()
    assert [line.split()[0] for line in shown] == ["VARIANT", "short", "settings", "limited"]
    assert "COST" in shown[0]
    assert "—" in shown[1]


def test_compare_shows_what_each_variant_costs(run, deployment):
    prices = "{currency: USD, input_per_million: '3.00', output_per_million: '15.00'}"
    (deployment / "adapters" / "warm.yaml").write_text(f"base: scripted\npricing: {prices}\n", encoding="utf-8")
    done = run("prompts", "compare", "greeting", "--var", "name=Jo", "-a", "warm", "--json").json["variants"][0]
    assert (done["cost"], done["currency"]) == ("0.000096", "USD")  # 7 in, 5 out
    assert 0 <= done["first_token_s"] <= done["seconds"]
    assert "0.000096 USD" in run("prompts", "compare", "greeting", "--var", "name=Jo", "-a", "warm").out


def test_a_version_is_published_listed_shown_and_run(run, greeting):
    done = run("prompts", "publish", "greeting", "--description", "the first")
    assert (done.code, done.out) == (0, "greeting has version 1 now.\n")
    assert "says what its version 1 says" in run("prompts", "publish", "greeting").out
    (greeting / "greeting.yaml").write_text(GREETING.replace("Greet", "Hail"), encoding="utf-8")
    assert run("prompts", "run", "greeting", "--var", "name=Jo", "--version", "1").out == "Greet Jo \n"
    assert run("prompts", "run", "greeting", "--var", "name=Jo").out == "Hail Jo \n"
    assert run("prompts", "publish", "greeting", "--json").json["version"] == 2
    shown = run("prompts", "versions", "greeting", "--json").json
    assert [(row["version"], row["description"]) for row in shown["versions"]] == [(1, "the first"), (2, None)]
    assert "Greet" in run("prompts", "show", "greeting", "--version", "1").json["variants"]["short"]["text"]
    assert run("prompts", "list", "--json").json["prompts"][0]["versions"] == [1, 2]
    missing = run("prompts", "render", "greeting", "--var", "name=Jo", "--version", "3")
    assert (missing.code, "there are: draft, 1, 2" in missing.err) == (1, True)
    assert run("prompts", "run", "greeting", "--version", "newest").code != 0


def test_values_that_do_not_fit_are_told(run):
    assert run("prompts", "run", "greeting").err.startswith("error: the prompt greeting: name has no value")
    assert run("prompts", "run", "greeting", "--var", "name").code == 1
    assert "no variant has such a variable" in run("prompts", "compare", "greeting", "--var", "age=1").err
