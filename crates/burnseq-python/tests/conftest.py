"""Small models for the tests, trained by the binaries, and what these print.

``BURNSEQ_BIN`` is the folder of the binaries, target/debug of the checkout unless it is set.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(os.environ.get("BURNSEQ_BIN", ROOT / "target/debug")).resolve()

TRAIN = "train data-bin --arch transformer_tiny --lr 0.003 --warmup-updates 20 --max-tokens 2000 --max-valid-steps 1 --cpu"
TRAIN_LM = "--arch transformer_lm_gpt2_tiny --lr 0.003 --warmup-updates 10 --tokens-per-sample 64 --max-tokens 1024 --cpu"
COMMANDS = f"""
preprocess --src de --tgt en
{TRAIN} --max-update 120 --save-dir checkpoints
{TRAIN} --max-update 60 --seed 2 --save-dir other
preprocess --only-source --trainpref data/train.en --validpref data/valid.en --bpe characters --destdir text-bin
train text-bin {TRAIN_LM} --max-update 60 --max-valid-steps 1 --save-dir lm
preprocess --only-source --srcdict data-bin/dict.en.txt --bpe-model data-bin/spm.model --trainpref data/train.en \
--validpref data/valid.en --destdir fusion-bin
train fusion-bin {TRAIN_LM} --max-update 40 --max-valid-steps 1 --add-bos-token --save-dir fusion
"""


class World:
    """A folder with data and models, in which commands run."""

    def __init__(self, path):
        self.path = path
        self.env = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}

    def run(self, command, text=None):
        """What a command prints; `text` is its input."""
        done = subprocess.run(
            command, shell=True, cwd=self.path, env=self.env, input=text, capture_output=True, text=True, encoding="utf-8"
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        return done.stdout

    def interactive(self, flags, lines):
        """The groups of `burnseq interactive`: for each line its S-, H-, D-, P- and A- lines, in lists by letter."""
        text = "".join(f"{line}\n" for line in lines)
        printed = self.run(f"burnseq interactive --cpu {flags}", text)
        groups = [{} for _ in lines]
        for line in printed.splitlines():
            letter, number, rest = re.fullmatch(r"([A-Z])-(\d+)\t(.*)", line).groups()
            groups[int(number)].setdefault(letter, []).append(rest)
        return groups

    def lines(self, name, count):
        """The first lines of a file of the corpus."""
        return (self.path / "data" / name).read_text(encoding="utf-8").splitlines()[:count]


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    path = tmp_path_factory.mktemp("world")
    shutil.copytree(ROOT / "data", path / "data")
    world = World(path)
    for command in COMMANDS.strip().splitlines():
        world.run(command)
    return world


@pytest.fixture
def here(world, monkeypatch):
    """The test runs in the folder with the models."""
    monkeypatch.chdir(world.path)
    return world
