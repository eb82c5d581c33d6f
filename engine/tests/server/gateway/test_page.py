"""The page's files: what a browser gets, and what it must not do with it."""

from importlib import resources

import pytest


@pytest.fixture
def client(serve):
    with serve(stage="prod").client() as client:
        yield client


def test_the_page_needs_no_key_and_everything_else_does(client):
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert client.get("/api/workbench/session").status_code == 401


def test_a_browser_runs_nothing_but_the_pages_own_files(client):
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert client.get("/page/app.js").headers["x-content-type-options"] == "nosniff"


def test_a_file_that_the_browser_has_is_not_sent_again(client):
    first = client.get("/page/style.css")
    again = client.get("/page/style.css", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_browser_that_takes_it_gets_the_files_compressed(client):
    plain = client.get("/page/style.css", headers={"accept-encoding": "identity"})
    packed = client.get("/page/style.css", headers={"accept-encoding": "br, gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "accept-encoding"
    assert packed.text == plain.text
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert packed.headers["etag"] != plain.headers["etag"]
    again = client.get("/page/style.css", headers={"if-none-match": packed.headers["etag"]})
    assert again.status_code == 304
    assert "content-encoding" not in client.get("/page/style.css", headers={"accept-encoding": "gzip;q=0"}).headers


def test_what_a_form_is_made_of_is_sent_compressed_and_once(serve):
    gateway = serve(stage="dev")
    with gateway.client(gateway.key("developer", "developer")) as client:
        first = client.get("/api/workbench/form")
        assert first.headers["content-encoding"] == "gzip"
        assert first.json()["locks"]["connection"] == "may be changed by role admin only"
        again = client.get("/api/workbench/form", headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    with gateway.client(gateway.key("user", "user")) as client:  # another role has other locks
        other = client.get("/api/workbench/form", headers={"if-none-match": first.headers["etag"]})
        assert other.status_code == 200


@pytest.mark.parametrize(
    "path", ["/page/../gateway.py", "/page/%2e%2e/gateway.py", "/page//etc/passwd", "/page/", "/page/none.js"]
)
def test_nothing_but_the_pages_files_is_found(client, path):
    assert client.get(path).status_code == 404


def test_the_files_are_small_and_name_no_other_host():
    files = [f.read_text() for f in (resources.files("dragoman.server") / "page").iterdir()]
    assert sum(map(len, files)) < 300_000
    whole = "\n".join(files)
    for forbidden in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "//cdn",
    ):
        assert forbidden not in whole
    assert "style=" not in (resources.files("dragoman.server") / "page" / "index.html").read_text()


def test_every_file_that_a_module_imports_is_there():
    import re

    folder = resources.files("dragoman.server") / "page"
    names = {f.name for f in folder.iterdir()}
    for name in names:
        for found in re.findall(r'"/page/([\w.]+)"', (folder / name).read_text()):
            assert found in names, f"{name} names {found}"


def test_what_a_view_imports_is_asked_for_at_once():
    import re

    folder = resources.files("dragoman.server") / "page"
    shell = (folder / "app.js").read_text()
    needs = dict(re.findall(r'^  "(\w+\.js)": \[(.*)\],$', shell, re.MULTILINE))
    at_once = {"app.js", "api.js", "dom.js"}

    def imported(name, seen):
        for found in re.findall(r'from "/page/([\w.]+)"', (folder / name).read_text()):
            if found not in seen | at_once:
                seen |= {found} | imported(found, seen | {found})
        return seen

    for view in set(re.findall(r'\["\w+", "[\w ]+", "(\w+\.js)"', shell)):
        assert imported(view, set()) == set(re.findall(r"\w+\.js", needs.get(view, ""))), view
