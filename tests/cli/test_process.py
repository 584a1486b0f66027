"""The command line as a process: what it loads, how it ends, and what is there if it is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import skdc as library
from skdc.cli import images
from skdc.fitting.progress import ProgressBar

WAITS = """
import os, sys, time
import skdc.files
def fsync(file):
    print("writes", flush=True)
    time.sleep(60)
skdc.files.os.fsync = fsync
from skdc.cli import main
sys.exit(main(sys.argv[1:]))
"""
CONDENSE = ["condense", "data.csv", "--target", "income", "--method", "kmedoids", "--per-class", "3", "--quiet"]


def process(*arguments, code=None):
    start = ["-m", "skdc"] if code is None else ["-c", code]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, *start, *arguments], **pipes)


def test_a_process_condenses(folder):
    command = process(*CONDENSE, "--out", "out.skdc")
    out, error = command.communicate(timeout=60)
    assert (command.returncode, error) == (0, "") and "file      out.skdc" in out
    assert len(library.load("out.skdc").X) == 6


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [(["--help"], 0), (["condense", "--help"], 0), (["condense", "x.csv"], 2), (["show", "none.skdc"], 2), ([], 2)],
)
def test_help_and_wrong_arguments_load_nothing_that_takes_time(folder, arguments, expected):
    code = "import sys; from skdc.cli import main; code = main(sys.argv[1:]); print(code, *sys.modules)"
    out, _ = process(*arguments, code=code).communicate(timeout=60)
    found, *modules = out.splitlines()[-1].split()
    assert int(found) == expected and not {"numpy", "torch", "sklearn", "pandas"} & set(modules)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_the_old_file_is_whole_after_a_kill_in_the_middle_of_writing(folder):
    Path("out.skdc").write_bytes(b"old")
    command = process(*CONDENSE, "--out", "out.skdc", "--force", code=WAITS)
    assert command.stdout.readline() == "writes\n"
    command.send_signal(signal.SIGKILL)
    command.communicate(timeout=60)
    assert command.returncode == -signal.SIGKILL and Path("out.skdc").read_bytes() == b"old"


def test_a_reader_that_goes_away_is_no_error(folder):
    library.CondensedSet(np.zeros((3, 2)), None).save("set.skdc")
    with process("show", "set.skdc") as command:
        command.stdout.close()
        assert command.stderr.read() == "" and command.wait(timeout=60) == 0


def interrupted(monkeypatch, at):
    """Let the user press Ctrl-C at a step."""
    tell = ProgressBar.tell

    def pressed(bar, step, n_steps, loss, is_last):
        tell(bar, step, n_steps, loss, is_last)
        if step == at:
            raise KeyboardInterrupt

    monkeypatch.setattr(ProgressBar, "tell", pressed)


def test_an_interrupt_ends_with_130_and_writes_nothing(skdc, monkeypatch):
    interrupted(monkeypatch, at=3)
    command = "condense data.csv --target income --method distribution-matching --set n_steps=9 --per-class 2"
    code, out, error = skdc(f"{command} --out out.csv")
    assert (code, out) == (130, "") and error.endswith("skdc: interrupted; nothing was written\n")
    assert sorted(os.listdir()) == ["data.csv", "images.npz"]


def test_after_an_interrupt_the_same_command_goes_on_from_a_checkpoint(skdc, monkeypatch):
    command = "condense data.csv --target income --method distribution-matching --set n_steps=9 --per-class 2"
    assert skdc(f"{command} --out whole.skdc")[0] == 0
    with monkeypatch.context() as patch:
        interrupted(patch, at=3)
        code, _, error = skdc(f"{command} --checkpoint state --out out.skdc")
    assert code == 130 and "nothing was written; the same command goes on from 'state'" in error
    assert Path("state").exists() and not Path("out.skdc").exists()
    code, _, error = skdc(f"{command} --checkpoint state --out out.skdc")
    assert code == 0 and not Path("state").exists() and "begins anew" not in error
    assert library.load("out.skdc").X.equals(library.load("whole.skdc").X)


def test_a_folder_of_images_is_written_whole_or_not_at_all(skdc, monkeypatch):
    command = "condense images.npz --method kmedoids --per-class 2 --quiet --force --out images"
    assert skdc(command)[0] == 0
    before = {path: path.read_bytes() for path in Path("images").rglob("*.png")}
    png, calls = images.png, []

    def fails(page):
        calls.append(page)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return png(page)

    with monkeypatch.context() as patch:
        patch.setattr(images, "png", fails)
        code, _, error = skdc(f"{command} --per-class 3")
    assert code == 130 and error == "skdc: interrupted; nothing was written\n"
    assert {path: path.read_bytes() for path in Path("images").rglob("*.png")} == before and len(before) == 6

    rename = Path.rename

    def refused(self, target):
        if ".tmp" in self.name:
            raise PermissionError(13, "not now", str(target))
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refused)
        code, _, error = skdc(f"{command} --per-class 3")
    assert code == 2 and error == "skdc: 'images': not now\n"
    assert {path: path.read_bytes() for path in Path("images").rglob("*.png")} == before
    assert skdc(f"{command} --per-class 3")[0] == 0
    assert len(list(Path("images").rglob("*.png"))) == 9
    assert sorted(os.listdir()) == ["data.csv", "images", "images.npz"], "nothing is left beside it"


def test_labels_that_are_no_names_of_folders_are_refused(skdc):
    np.savez(
        "odd.npz", X=np.zeros((4, 3, 3), np.uint8) + np.arange(4, dtype=np.uint8)[:, None, None], y=["a/b", "c"] * 2
    )
    code, _, error = skdc("condense odd.npz --method random-subset --per-class 1 --quiet --out odd")
    assert code == 2 and error == "skdc: label 'a/b' cannot be the name of a folder; write the set as .npz or .skdc\n"
