import json

import pytest


@pytest.fixture
def samples(deployment):
    def write(request, response):
        for name, value in (("request.json", request), ("response.json", response)):
            (deployment / name).write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
        return "--request", "request.json", "--response", "response.json"

    return write


def test_a_known_shape_is_recognised_and_its_dry_run_shown(run, samples):
    files = samples(
        {"inputs": "Say hi", "parameters": {"max_new_tokens": 9, "details": True, "return_full_text": False}},
        [{"generated_text": "Hi there", "details": {"finish_reason": "eos_token"}}],
    )
    done = run("adapters", "infer", *files)
    assert done.code == 0
    assert "preset: tgi" in done.out
    assert '"inputs": "Hello"' in done.out
    assert '"Hi there"' in done.out
    assert "shape of preset tgi" in done.err


def test_a_guess_says_so(run, samples):
    done = run("adapters", "infer", *samples({"inputs": "Hi"}, [{"generated_text": "Hi"}]))
    assert "(check this)" in done.err


def test_an_unknown_shape_is_put_together_and_sends_the_same_members(run, samples):
    request = {"query": {"words": "Say hi"}, "options": {"temp": 0.5, "mode": "fast"}}
    done = run("adapters", "infer", *samples(request, {"reply": {"answer": "Hi"}}), "--json")
    assert done.json["dry_run"] == {
        "request": {"query": {"words": "Hello"}, "options": {"temp": 0.5, "mode": "fast"}},
        "text": "Hi",
    }
    assert done.json["document"]["inference"] == {"temperature": 0.5}
    assert all({"path", "message", "certain"} == set(finding) for finding in done.json["findings"])


def test_the_proposal_is_a_piece_of_an_adapter_document(run, samples, deployment):
    files = samples({"prompt": "Say hi", "max_tokens": 5}, {"completion": "Hi"})
    proposed = run("adapters", "infer", *files)
    from dragoman.adapter import Adapter
    from dragoman.documents import parse_document

    Adapter.model_validate(parse_document(proposed.out, ".yaml", "proposal"))


@pytest.mark.parametrize(
    ("request_", "response", "said"),
    [
        ("{", "{}", "request.json: is not JSON"),
        ({"a": 1}, {"b": "x"}, "holds no text"),
        ({"prompt": "x"}, {"b": 1}, "holds no text"),
    ],
)
def test_samples_that_say_nothing_are_refused(run, samples, request_, response, said):
    done = run("adapters", "infer", *samples(request_, response))
    assert (done.code, said in done.err) == (1, True)


def test_a_missing_file_is_named(run):
    done = run("adapters", "infer", "--request", "nosuch.json", "--response", "nosuch.json")
    assert (done.code, "nosuch.json: cannot be read" in done.err) == (1, True)
