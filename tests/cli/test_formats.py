"""What goes into the command line comes out of it, in each format."""

import numpy as np
import pandas as pd
import pytest

import skdc as library

ALL = "--method random-subset --per-class 1000 --at-most --quiet"  # all rows, class by class


def by_rows(frame):
    """Return the columns that went in, in an order of the rows that does not depend on that of the file."""
    kept = frame[["age", "wage", "home", "since", "smoker", "income"]]
    return kept.sort_values(["age", "wage", "since"]).reset_index(drop=True)


@pytest.mark.parametrize("source", ["csv", "tsv", "csv.gz", "parquet", "feather", "skdc"])
def test_tables_come_back_from_each_format(done, frame, source):
    pytest.importorskip("pyarrow")
    done(f"condense data.csv --target income {ALL} --out data.skdc")
    if source in ("parquet", "feather"):
        done(f"condense data.csv --target income {ALL} --out data.{source}")
    elif source != "skdc":
        frame.to_csv(f"data.{source}", sep="\t" if source == "tsv" else ",", index=False)
    target = "" if source == "skdc" else "--target income"
    target += " --weights sample_weight" if source in ("parquet", "feather") else ""
    for kind in ("csv", "parquet", "feather", "skdc"):
        assert "rows out  120" in done(f"condense data.{source} {target} {ALL} --out out.{kind}")
    read = {
        "csv": pd.read_csv("out.csv", parse_dates=["since"]),
        "parquet": pd.read_parquet("out.parquet"),
        "feather": pd.read_feather("out.feather"),
        "skdc": library.load("out.skdc").to_frame(),
    }
    for found in read.values():
        pd.testing.assert_frame_equal(by_rows(found), by_rows(frame), check_dtype=False)
        assert found["since"].dtype.kind == "M" and found["smoker"].dtype == bool and found["age"].dtype == np.int64


@pytest.mark.parametrize("sep", [";", "\t", "|"])
def test_what_separates_columns_is_guessed(done, frame, sep):
    frame.assign(home=frame["home"].map({"own": "own, all", "rent": "rent, part", "free": "free"})).to_csv(
        "other.csv", sep=sep, index=False
    )
    assert "5 of each of 2 classes" in done(
        "condense other.csv --target income --per-class 5 --method kmedoids --out a.csv --quiet"
    )
    assert set(pd.read_csv("a.csv")["home"]) <= {"own, all", "rent, part", "free"}


def test_words_that_are_no_dates_stay_words(done):
    words = {"day": "2020-02-30", "several": "2020-01-01 or so", "version": "2020-1-1", "code": "007"}
    dates = {"plain": "2020-03-01", "time": "2020-03-01T12:30:00", "zone": "2020-03-01 12:30:00+01:00"}
    frame = pd.DataFrame({**words, **dates}, index=range(20)).assign(x=range(20))
    frame.to_csv("dates.csv", index=False)
    done("condense dates.csv --method random-subset --rows 4 --out dates.skdc --quiet")
    X = library.load("dates.skdc").X
    assert all(X[name].tolist() == [frame[name][0]] * 4 for name in ("day", "several", "version"))
    assert X["code"].tolist() == [7] * 4 and all(X[name].dtype.kind == "M" for name in dates)


def test_images_come_back_from_a_folder(done, folder):
    held = np.load("images.npz")
    assert "rows out  30, 10 of each of 3 classes" in done(f"condense images.npz {ALL} --out images")
    done(f"condense images {ALL} --out again.npz")
    again = np.load("again.npz")
    order = [
        np.lexsort((*X.reshape(30, -1).T, y.astype(int))) for X, y in ((held["X"], held["y"]), (again["X"], again["y"]))
    ]
    assert again["X"].dtype == np.uint8 and (again["X"][order[1]] == held["X"][order[0]]).all()
    assert (again["y"][order[1]].astype(int) == held["y"][order[0]]).all()
    listed = pd.read_csv("images/set.csv")
    assert listed.columns.tolist() == ["file", "target", "sample_weight"]
    assert all((folder / "images" / file).is_file() for file in listed["file"])


def test_images_in_color_and_of_several_sizes(done, skdc, folder):
    from PIL import Image

    colors = np.random.default_rng(0).integers(0, 256, (8, 4, 4, 3), dtype=np.uint8)
    for i, image in enumerate(colors):
        place = folder / "photos" / ("cat" if i % 2 else "dog")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{i}.png")
    done("condense photos --method random-subset --per-class 4 --out photos.npz --quiet")
    held = np.load("photos.npz")
    assert {image.tobytes() for image in held["X"]} == {image.tobytes() for image in colors}
    assert sorted(set(held["y"])) == ["cat", "dog"]
    Image.fromarray(colors[0, :2]).convert("L").save(folder / "photos" / "cat" / "small.gif")
    code, _, error = skdc("condense photos --method random-subset --per-class 1 --out b.npz --quiet")
    assert (
        code == 2 and "small.gif' is 2x4, but 'photos/cat/1.png' is 4x4; bring all to one size by --size 4x4" in error
    )
    done("condense photos --method random-subset --per-class 1 --size 3x2 --out b.npz --quiet")
    assert np.load("b.npz")["X"].shape == (2, 3, 2, 3)


def test_floats_from_0_to_1_are_written_as_bytes_and_others_refused(done, skdc):
    images = np.random.default_rng(0).random((12, 4, 4))
    np.savez("unit.npz", X=images, y=np.arange(12) % 2)
    np.savez("wide.npz", X=images - 3, y=np.arange(12) % 2)
    done(f"condense unit.npz {ALL} --out unit")
    assert "rows in   12" in done(f"condense unit {ALL} --out unit2.npz")
    held = np.load("unit2.npz")["X"]
    assert {image.tobytes() for image in held} == {image.tobytes() for image in np.rint(255 * images).astype(np.uint8)}
    code, _, error = skdc(f"condense wide.npz {ALL} --out wide")
    assert code == 2 and "but these go from -3 to -2" in error and "write them as .npz or .skdc" in error


@pytest.mark.parametrize("labels", ["labels.csv", "named.csv", "labels.npy"])
def test_embeddings_with_their_labels_beside_them(done, labels):
    X, y = np.random.default_rng(0).normal(size=(40, 7)).astype(np.float32), np.arange(40) % 4
    np.save("rows.npy", X)
    np.save("labels.npy", y)
    pd.Series(y).to_csv("labels.csv", index=False, header=False)
    pd.Series(y, name="topic").to_csv("named.csv", index=False)
    done(f"condense rows.npy --labels {labels} --method random-subset --per-class 10 --out out.npz --quiet")
    held = np.load("out.npz")
    assert held["X"].dtype == np.float32 and held["X"].shape == (40, 7)
    places = [np.flatnonzero((row == X).all(axis=1))[0] for row in held["X"]]
    assert (y[places] == held["y"]).all()


def test_a_set_is_condensed_again_and_says_so(done):
    done("condense data.csv --target income --method kmedoids --per-class 8 --out small.skdc --quiet")
    done("condense small.skdc --method kernel-herding --per-class 3 --out smaller.skdc --quiet")
    smaller = library.load("smaller.skdc")
    assert len(smaller.X) == 6 and smaller.provenance.n_rows == 120
    assert "of the set by KMedoids(n_per_class=8" in smaller.provenance.condenser


def test_weights_count_and_dropped_columns_are_gone(done, frame):
    frame.assign(times=np.where(frame["home"] == "own", 1, 0), id=range(120)).to_csv("more.csv", index=False)
    done(
        "condense more.csv --target income --weights times --drop id since --method random-subset --per-class 3 "
        "--out out.csv --quiet"
    )
    out = pd.read_csv("out.csv")
    assert set(out["home"]) == {"own"} and not {"id", "since", "times"} & set(out.columns)


def test_rows_without_a_target_are_left_out_and_counted(skdc, frame):
    frame.assign(income=frame["income"].where(frame.index > 9)).to_csv("gaps.csv", index=False)
    code, out, error = skdc("condense gaps.csv --target income --method kmedoids --per-class 2 --out out.csv --quiet")
    assert code == 0 and "rows in   110" in out
    assert error == "skdc: note: 10 of 120 rows have no 'income', and are left out\n"
