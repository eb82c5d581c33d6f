"""Importing costs next to nothing and does nothing."""

from __future__ import annotations

import json
import subprocess
import sys

PROBE = """
import json, os, sys
before = dict(os.environ)
acts = []
watched = ("socket.", "subprocess.", "os.putenv", "os.system")
sys.addaudithook(lambda name, _: acts.append(name) if name.startswith(watched) else None)
import dragoman
names = dir(dragoman)
print(json.dumps({
    "acts": acts,
    "environment unchanged": before == dict(os.environ),
    "modules": sorted(sys.modules),
    "names": names,
}))
"""


def probe() -> dict[str, list[str]]:
    done = subprocess.run([sys.executable, "-I", "-c", PROBE], capture_output=True, text=True, check=True, env={})
    seen: dict[str, list[str]] = json.loads(done.stdout)
    return seen


def test_import_opens_no_socket_starts_no_process_and_leaves_the_environment_alone() -> None:
    seen = probe()
    assert seen["acts"] == []
    assert seen["environment unchanged"]


def test_import_loads_nothing_but_the_package_itself() -> None:
    loaded = {name for name in probe()["modules"] if name.partition(".")[0] not in sys.stdlib_module_names}
    third_party = {name.partition(".")[0] for name in loaded if not name.startswith(("__", "_"))} - {"dragoman"}
    # What site-packages' .pth files load at every start of this interpreter is not ours.
    bare = subprocess.run(
        [sys.executable, "-I", "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    assert third_party <= {name.partition(".")[0] for name in bare.stdout.split()}
    assert [name for name in loaded if name.startswith("dragoman")] == ["dragoman"]


def test_public_names_are_there_to_be_found() -> None:
    import dragoman

    assert {"Engine", "SyncEngine", "Settings", "Message", "Response", "DragomanError"} <= set(probe()["names"])
    for name in dragoman.__all__:
        assert getattr(dragoman, name)
