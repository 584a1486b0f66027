"""Files that are written whole or not at all."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from skdc.files import unfinished, written_whole


def test_a_file_is_there_once_it_is_written(tmp_path):
    path = tmp_path / "file"
    with written_whole(path) as file:
        file.write(b"first")
        assert not path.exists() and unfinished(path)
    assert path.read_bytes() == b"first" and not unfinished(path)
    with written_whole(str(path)) as file:
        file.write(b"second")
        assert path.read_bytes() == b"first"
    assert path.read_bytes() == b"second" and os.listdir(tmp_path) == ["file"]


def test_after_an_error_the_old_file_is_there_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), written_whole(path) as file:
            file.write(b"new")
            raise error
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["file"]


def test_several_write_at_one_path(tmp_path):
    path = tmp_path / "file"

    def write(number):
        with written_whole(path) as file:
            file.write(bytes([number]) * 10_000)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    assert len(set(path.read_bytes())) == 1 and os.listdir(tmp_path) == ["file"]


def test_what_is_left_of_others_is_not_named(tmp_path):
    names = ["a[1].x.tmp", "a1.x.tmp", "a[1].tmp", "a[1].x"]
    for name in names:
        (tmp_path / name).touch()
    assert [path.name for path in unfinished(tmp_path / "a[1]")] == ["a[1].x.tmp"]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_who_may_read_it(tmp_path):
    before = os.umask(0o022)
    try:
        for mode, expected in ((0o666, 0o644), (0o600, 0o600)):
            with written_whole(tmp_path / "file", mode):
                pass
            assert (tmp_path / "file").stat().st_mode & 0o777 == expected
    finally:
        os.umask(before)


def test_folders_are_refused(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder; give the path of a file"), written_whole(tmp_path):
        pass
    missing = written_whole(tmp_path / "none" / "file")
    with pytest.raises(FileNotFoundError, match="where 'file' is to be written, is no folder; make it first"), missing:
        pass
