import errno
import os
import resource
import subprocess
import sys

import pytest
from dragoman.errors import StateError
from dragoman.server.state.ledger.journal import JournalFile, abandoned


def contents(file):
    return [line.content for line in file.lines()]


def test_lines_come_back_in_their_order(tmp_path):
    file = JournalFile.create(tmp_path)
    lines = [b"{}", b"", b'{"a":"' + b"x" * 100_000 + b'"}', "é".encode()]
    for line in lines:
        file.append(line)
    assert contents(file) == lines
    assert file.size == file.path.stat().st_size
    file.close()


@pytest.mark.parametrize("cut", [1, 2, 9, 12, 15])
def test_a_torn_last_line_is_known_as_such_and_the_others_are_there(tmp_path, cut):
    file = JournalFile.create(tmp_path)
    file.append(b'{"n":1}')
    file.append(b'{"n":2}')
    os.truncate(file.path, file.path.stat().st_size - cut)
    found = list(file.lines())
    assert [line.content for line in found] == [b'{"n":1}', None]
    assert not found[-1].raw.endswith(b"\n")
    file.close()


@pytest.mark.parametrize("position", range(12))
def test_a_damaged_line_is_known_as_such_and_the_others_are_there(tmp_path, position):
    file = JournalFile.create(tmp_path)
    for number in range(3):
        file.append(b'{"n":%d}' % number)
    content = bytearray(file.path.read_bytes())
    at = len(content) // 3 + position
    content[at] = ord("Z") if content[at] != ord("Z") else ord("Y")
    file.path.write_bytes(content)
    assert contents(file) == [b'{"n":0}', None, b'{"n":2}']
    file.close()


def test_a_file_of_a_living_process_is_left_alone_and_one_of_a_dead_process_is_taken_over(tmp_path):
    mine = JournalFile.create(tmp_path)
    assert abandoned(tmp_path) == []
    program = (
        "import sys, os; from pathlib import Path; from dragoman.server.state.ledger.journal import JournalFile;"
        "file = JournalFile.create(Path(sys.argv[1])); file.append(b'{}'); print('ready', flush=True);"
        "sys.stdin.read() or os._exit(9)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout.readline() == b"ready\n"
        assert abandoned(tmp_path) == []
        child.kill()
        child.wait()
    (file,) = abandoned(tmp_path)
    assert contents(file) == [b"{}"]
    assert abandoned(tmp_path) == []  # it is ours now
    file.close(remove=True)
    mine.close(remove=True)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_moved_meanwhile_is_not_taken_over(tmp_path):
    file = JournalFile.create(tmp_path)
    kept = os.open(file.path, os.O_RDWR)
    file.close(remove=True)
    assert JournalFile.take_over(file.path) is None
    os.close(kept)


def test_a_file_that_a_dead_process_did_not_finish_making_is_removed(tmp_path):
    old, young = tmp_path / "h-1-a.new", tmp_path / "h-2-b.new"
    for path in (old, young):
        path.touch()
    os.utime(old, (1, 1))
    assert abandoned(tmp_path) == []
    assert list(tmp_path.iterdir()) == [young]


def test_only_this_user_reads_it(tmp_path):
    file = JournalFile.create(tmp_path / "journal")
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700
    file.close()


def test_a_folder_that_cannot_be_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match=r"cannot be written in .*file.*set store.directory"):
        JournalFile.create(tmp_path / "file" / "journal")


def test_a_full_disk_tears_a_line_and_what_follows_is_readable(tmp_path):
    file = JournalFile.create(tmp_path)
    file.append(b'{"n":1}')
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.size + 5, hard))
    try:
        with pytest.raises(OSError, match="only a part"):
            file.append(b'{"n":2}')
        with pytest.raises(OSError) as caught:  # noqa: PT011  (the number says which)
            file.append(b'{"n":3}')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert caught.value.errno == errno.EFBIG
    file.append(b'{"n":4}')
    assert contents(file) == [b'{"n":1}', None, b'{"n":4}']
    file.close()


async def test_it_can_be_forced_to_the_disk_while_it_is_closed(tmp_path):
    file = JournalFile.create(tmp_path)
    file.append(b"{}")
    syncing = file.sync()
    await syncing
    waiting = [file.sync() for _ in range(3)]
    file.append(b"{}")
    for one in waiting:
        await one
    file.close(remove=True)
