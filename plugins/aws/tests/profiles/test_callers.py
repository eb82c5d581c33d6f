"""Which adapters name a profile by its ARN, and what becomes of their files."""

from __future__ import annotations

import pytest
from dragoman import Engine, Settings
from dragoman.errors import DocumentError
from dragoman_aws.profiles.callers import Calling, calling, rewrite

OLD = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/cew2pa5r8hog"
NEW = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/a1b2c3d4e5f6"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "adapters").mkdir()
    (tmp_path / "dragoman.toml").write_text('[plugins]\nallow = ["aws"]\n', encoding="utf-8")
    return tmp_path


async def test_files_and_saved_documents_are_told_with_their_paths(folder):
    file = folder / "adapters" / "team-a.toml"
    file.write_text(f'provider = "bedrock"\nmodel = "{OLD}"\n[upstreams.b]\nmodel = "{OLD}"\n', encoding="utf-8")
    (folder / "adapters" / "other.toml").write_text(f'provider = "bedrock"\nmodel = "{NEW}"\n', encoding="utf-8")
    saved = {"of-the-gateway": {"provider": "bedrock", "model": OLD}, "not": {"model": NEW}}
    async with Engine(Settings.load(folder / "dragoman.toml")) as engine:
        found = calling(OLD, await engine.catalog(), saved)
    assert found == [
        Calling("team-a", ("model", "upstreams.b.model"), f"file {file}", file),
        Calling("of-the-gateway", ("model",), "saved through the gateway"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "# why\nmodel: {arn}  # which\nupstreams: {{b: {{model: '{arn}'}}}}\n",
        '{{"model": "{arn}",\n   "base_model": "m"}}\n',
        '# why\nmodel = "{arn}" # which\n',
        "model: {arn}\r\nbase_model: m",
    ],
)
def test_nothing_but_the_arn_is_changed(tmp_path, text):
    file = tmp_path / "a.yaml"
    file.write_bytes(text.format(arn=OLD).encode())
    rewrite(file, OLD, NEW)
    assert file.read_bytes() == text.format(arn=NEW).encode()
    assert list(tmp_path.iterdir()) == [file]


def test_a_longer_arn_is_another_one(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text(f"model: {OLD}\nother: {OLD}9\n", encoding="utf-8")
    rewrite(file, OLD, NEW)
    assert file.read_text(encoding="utf-8") == f"model: {NEW}\nother: {OLD}9\n"


def test_a_file_that_cannot_be_changed_says_so(tmp_path):
    file = tmp_path / "a.yaml"
    with pytest.raises(DocumentError, match="cannot be changed: No such file"):
        rewrite(file, OLD, NEW)
    file.write_text('model: "arn:aws:bedrock:us-east-1:111122223333:application-inference-\\\n  profile/cew2pa5r8hog"')
    with pytest.raises(DocumentError, match="in one piece"):
        rewrite(file, OLD, NEW)
