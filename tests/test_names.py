"""Guards of names: they are those of the field, and hard algorithms open with their algebra."""

import ast
import re
import tokenize
from pathlib import Path

import pytest

import skdc

ROOT = Path(skdc.__file__).parent
FOLDERS = ("solvers", "discrepancies", "kernels", "sources", "learners", "privacy", "spaces", "generators")
FILES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
FILES += [ROOT / f"{name}.py" for name in ("scales", "seeds", "hashes", "weighting/trust", "weighting/values")]
# Each with a word of statistics, optimization or numerics that says the same.
HOUSE = {
    *("deck", "decks", "deal", "dealt", "cards", "dice", "hair", "rim", "rims", "mates", "owed", "pulls", "foremost"),
    *("belief", "believed", "told", "repelled", "earned", "orphans", "odds", "apart", "bends", "who", "chances"),
}
ALGEBRA = [
    "discrepancies/transport/entropic.py",
    "discrepancies/transport/exact.py",
    "discrepancies/transport/sliced.py",
    "generators/diffusion.py",
    "generators/linear.py",
    "generators/style.py",
    "learners/training.py",
    "privacy/mechanism.py",
    "privacy/moments.py",
    "solvers/selection/growth.py",
    "solvers/least_squares.py",
    "solvers/selection/medoids.py",
    "solvers/selection/pivots.py",
    "solvers/selection/pursuit.py",
    "solvers/quadrature.py",
    "solvers/selection/ridge.py",
    "solvers/selection/thinning.py",
    "sources/sketch.py",
]


def tokens(path: Path) -> list[tokenize.TokenInfo]:
    with path.open() as lines:
        return list(tokenize.generate_tokens(lines.readline))


def test_names_are_those_of_the_field():
    for path in FILES:
        names = {token.string for token in tokens(path) if token.type == tokenize.NAME}
        assert not {name for name in names if HOUSE & set(name.lower().split("_"))}, path


@pytest.mark.parametrize("name", ALGEBRA)
def test_hard_algorithms_open_with_their_algebra(name):
    stated, cited = [], set()
    for token in tokens(ROOT / name):
        if token.type == tokenize.COMMENT:
            alone = token.line.strip().startswith("#")
            if alone:
                stated += re.findall(r" \((\d+)\)$", token.string)
            else:
                cited |= set(re.findall(r"\((\d+)\)", token.string))
    assert stated == [str(number + 1) for number in range(len(stated))] and len(stated) > 1
    assert cited == set(stated), "each equation stands beside the line that computes it"


def test_no_two_public_classes_have_one_name():
    names = [
        node.name
        for path in sorted(ROOT.rglob("*.py"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    assert sorted(names) == sorted(set(names))
