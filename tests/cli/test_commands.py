"""What the commands do, and what they say of it."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import skdc as library
from skdc.cli.methods import method_names

SCHEMA = {
    "classes": ["high", "low"],
    "columns": {
        "age": {"range": [0, 120]},
        "wage": {"range": [0.0, 500.0], "missing": True},
        "home": {"levels": ["free", "own", "rent"]},
        "since": {"dates": ["2020-01-01", "2022-12-31"]},
        "smoker": {"levels": [False, True]},
    },
}
PRIVATE = (
    "--target income --per-class 3 --privacy 1 --schema schema.json --method private-mean-embedding "
    "--set bandwidth=1.0 --set n_steps=3 --set n_features=20 --quiet"
)


def test_the_answer_has_rows_bytes_seconds_and_the_file(done):
    out = done("condense data.csv --target income --method kmedoids --per-class 4 --out out.csv --quiet")
    size = Path("out.csv").stat().st_size
    kept = library.KMedoids(n_per_class=4, random_state=0)
    frame = pd.read_csv("data.csv", parse_dates=["since"])
    kept.fit(frame.drop(columns="income"), frame["income"])
    assert re.fullmatch(
        "rows in   120\n"
        "rows out  8, 4 of each of 2 classes\n"
        rf"bytes     {size} in the file, {kept.storage_['bytes']} as kept\n"
        r"seconds   \d+\.\d\n"
        "file      out.csv\n"
        "weights   rows count differently: train with the column sample_weight as weights, and not as a feature\n",
        out,
    )
    assert sorted(pd.read_csv("out.csv")["age"]) == sorted(kept.X_syn_["age"])


def test_sizes_and_seeds(done):
    command = "condense data.csv --target income --method random-subset --quiet --force --out out.skdc"

    def rows(options):
        done(f"{command} {options}")
        return library.load("out.skdc")

    assert len(rows("--rows 10%").X) == len(rows("--rows 0.1").X) == len(rows("--rows 12").X) == 12
    assert len(rows("").X) == 20 and rows("--bytes '2 kB'").provenance.storage["bytes"] <= 2000
    first, again, other = rows("--seed 3"), rows("--seed 3"), rows("--seed 4")
    assert first.X.equals(again.X) and not first.X.equals(other.X)


def test_auto_tries_methods_and_says_why(skdc):
    code, out, error = skdc("condense data.csv --target income --per-class 3 --max-seconds 1 --out out.csv")
    assert code == 0 and re.search(
        r"^method    '.*', condensed from 90 rows, scored [\d.]+ on rows held out", out, re.M
    )
    assert re.search(r"^random rows, 90 rows: [\d.]+ in [\d.]+ s, \d s left$", error, re.M)


def test_others_stop_at_the_step_after_the_time_and_say_so(skdc):
    command = "condense data.csv --target income --method distribution-matching --per-class 2 --force --out out.skdc"
    code, _, error = skdc(f"{command} --max-seconds 0.000001")
    assert code == 0 and "skdc: note: stopped by --max-seconds 1e-06, before the last step\n" in error
    assert " 1/" in error
    code, _, error = skdc(f"{command} --set n_steps=2 --max-seconds 100")
    assert code == 0 and "note" not in error and " 2/2 " in error


def test_targets_may_be_continuous_or_absent(done, skdc):
    done("condense data.csv --target wage --method kmedoids --rows 5 --out wage.csv --quiet")
    assert "rows out  5\n" in done("condense data.csv --method kmedoids --rows 5 --out none.csv --quiet")
    code, _, error = skdc("condense many.csv --target y --method kmedoids --rows 5 --out many5.csv --quiet")
    pd.DataFrame({"x": range(200), "y": range(200)}).to_csv("many.csv", index=False)
    code, _, error = skdc("condense many.csv --target y --method kmedoids --rows 5 --out many5.csv --quiet")
    assert code == 2 and "say --regression if they are quantities, --classification if they are labels" in error
    done("condense many.csv --target y --regression --method kmedoids --rows 5 --out many5.csv --quiet")


def test_a_private_set_holds_what_is_declared(done):
    Path("schema.json").write_text(json.dumps(SCHEMA))
    out = done(f"condense data.csv {PRIVATE} --out private.skdc")
    assert out.startswith("private   epsilon 1, delta 1e-05\nrows out  6, 3 of each of 2 classes\n")
    assert "rows in" not in out
    found = library.load("private.skdc").to_frame()
    assert found["age"].dtype == np.int64 and found["age"].between(0, 120).all()
    assert set(found["home"]) <= {"free", "own", "rent"} and found["smoker"].dtype == bool
    assert found["since"].between("2020-01-01", "2022-12-31").all()


def test_a_cell_that_is_not_declared_changes_how_no_other_is_read(done, skdc, frame):
    # One word in a column of numbers makes words of all of them for pandas; here each cell is read by itself.
    homes, codes = frame["home"].map({"own": 1.0, "rent": 2.0, "free": 3.0}), np.where(frame["smoker"], "007", "012")
    coded = frame.assign(home=homes, smoker=frame["smoker"].astype(object), code=codes)
    columns = SCHEMA["columns"] | {"home": {"levels": [1, 2, 3]}, "code": {"levels": ["007", "012"]}}
    Path("schema.json").write_text(json.dumps(SCHEMA | {"columns": columns}))
    for name in ("home", "smoker", "age", "code", "since", "income"):
        odd = coded.astype({name: object})
        odd.loc[5, name] = "odd"
        odd.to_csv("odd.csv", index=False)
        code, _, error = skdc(f"condense odd.csv {PRIVATE} --out odd.skdc --force")
        what = "labels that are not among the classes" if name == "income" else "outside of the schema"
        assert code == 0 and re.search(rf"skdc: note: 1 of 120 rows .*{what}", error), error
    X = library.load("odd.skdc").X
    assert X["home"].dtype == np.int64 and set(X["home"]) <= {1, 2, 3} and set(X["code"]) <= {"007", "012"}


def test_a_sample_of_private_rows_is_refused(skdc):
    Path("schema.json").write_text(json.dumps(SCHEMA))
    code, out, error = skdc(f"condense data.csv {PRIVATE} --max-rows 50 --out out.csv")
    assert (code, out) == (2, "")
    assert error == "skdc: --privacy takes all rows, of which there are 120; give --max-rows 120\n"


def test_any_recipe_is_made_private_by_default(done):
    Path("schema.json").write_text(json.dumps({"range": [0, 255], "classes": [0, 1, 2]}))
    done(
        "condense images.npz --rows 3 --privacy 5 --schema schema.json --set parameterization=Subset() --out out.skdc "
        "--quiet"
    )
    made = library.load("out.skdc")
    assert made.provenance.privacy["epsilon"] == 5.0 and "ClassGaussians" in made.provenance.condenser
    assert made.X.shape == (3, 6, 5)


def test_a_draft_of_a_schema_says_that_it_looked_and_is_refused_until_edited(done, skdc):
    out = done("schema data.csv --target income --out schema.json --quiet")
    assert "It was made by looking at 120 rows" in out and "are not private" in out
    draft = json.loads(Path("schema.json").read_text())
    assert "they are not private" in draft.pop("draft") and draft["classes"] == ["high", "low"]
    assert draft["columns"]["home"] == {"levels": ["free", "own", "rent"]}
    assert draft["columns"]["wage"]["missing"] is True and draft["columns"]["since"]["dates"][0].startswith("2020-0")
    frame = pd.read_csv("data.csv")
    assert draft["columns"]["age"] == {"range": [frame["age"].min(), frame["age"].max()]}
    code, _, error = skdc(f"condense data.csv {PRIVATE} --out out.csv")
    assert code == 2 and "is a draft" in error
    Path("schema.json").write_text(json.dumps(draft))
    done(f"condense data.csv {PRIVATE} --out out.csv")


def test_a_column_of_names_has_no_levels_in_a_draft(skdc, frame):
    frame.assign(name=[f"person {i}" for i in range(120)]).to_csv("named.csv", index=False)
    code, _, error = skdc("schema named.csv --target income --out schema.json --quiet")
    assert code == 0 and json.loads(Path("schema.json").read_text())["columns"]["name"] == {"levels": []}
    assert error == "skdc: note: column 'name' has 120 different words; list its levels, or leave it out by --drop\n"


def test_compare_prints_means_and_writes_the_table(done, skdc):
    out = done(
        "compare data.csv --target income --methods kmedoids k-means --per-class 2 4 --learners linear neighbors "
        "--repeats 2 --out table.csv --quiet"
    )
    table = pd.read_csv("table.csv")
    assert set(table["learner"]) == {"linear", "neighbors", "mean"} and table["score"].between(0, 1).all()
    printed = [line.split() for line in out.splitlines()]
    mean = table[(table["learner"] == "mean") & (table["condenser"] == "k-means") & (table["size"] == 8)].iloc[0]
    assert ["k-means", "8", f"{mean['score']:.4g}"] in [line[:3] for line in printed]
    assert {"kmedoids", "k-means", "random rows", "all rows"} <= set(table["condenser"])
    out = done("compare data.csv --target wage --methods kmedoids --rows 9 10% --learners linear --repeats 2 --quiet")
    assert "kmedoids, 9 rows" in out and "kmedoids, 0.1 of the rows" in out


def test_compare_takes_test_rows(done, frame):
    frame.iloc[:60].to_csv("train.csv", index=False)
    frame.iloc[60:].to_csv("test.csv", index=False)
    done(
        "compare train.csv --target income --test test.csv --methods random-subset --per-class 100 --at-most "
        "--out table.csv --learners linear --repeats 2 --quiet"
    )
    table = pd.read_csv("table.csv")
    assert (table.loc[table["condenser"] == "random-subset", "size"] == 60).all()
    assert table.loc[table["condenser"] == "all rows", "size"].iloc[0] == 60


def test_show_prints_facts_and_rows_or_draws_images(done):
    done("condense data.csv --target income --method kmedoids --per-class 4 --out table.skdc --quiet")
    out = done("show table.skdc")
    assert "8 points of 5 columns\n2 classes, 4 of each\n" in out and "made by KMedoids(n_per_class=4" in out
    assert out.count("\n") < 15 and "sample_weight" in out
    done("condense images.npz --method kmedoids --per-class 2 --out images.skdc --quiet")
    assert "--out picture.png draws them" in done("show images.skdc")
    assert "wrote picture.png: 0, 1, 2 from top to bottom" in done("show images.skdc --out picture.png")
    from PIL import Image

    with Image.open("picture.png") as picture:
        # Lines of three classes, two images of 6x5 pixels each and a pixel between them, eleven times as large.
        assert picture.size == ((5 + 1 + 5) * 11, (3 * 6 + 2) * 11)


def test_methods_are_listed_one_a_line(done):
    lines = done("methods").splitlines()
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    assert sorted(listed) == sorted(method_names()) and all("[1]_" not in line for line in lines)


@pytest.mark.parametrize("kind", ["csv", "skdc"])
def test_what_is_there_is_overwritten_when_told(skdc, kind):
    command = f"condense data.csv --target income --method kmedoids --per-class 2 --quiet --out out.{kind}"
    assert skdc(command)[0] == 0
    old = Path(f"out.{kind}").read_bytes()
    code, _, error = skdc(f"{command} --seed 5")
    assert code == 2 and "give --force to overwrite it" in error and Path(f"out.{kind}").read_bytes() == old
    assert skdc(f"{command} --seed 5 --per-class 3 --force")[0] == 0 and Path(f"out.{kind}").read_bytes() != old
