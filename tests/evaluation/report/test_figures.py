"""What a report says of sets of which the figures are known."""

import json
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from scipy.stats import kstest
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

import skdc
from skdc import CondensedSet, Condenser, KernelHerding, KMeansCondenser, KMedoids, RandomSubset
from skdc.evaluation import condensation_report
from skdc.evaluation.report.making import FOR_YOU_ALONE
from skdc.privacy import ClassGaussians

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 3))
y = np.array([*"aaabbc"])[np.arange(300) % 6]
X_test = rng.normal(size=(120, 3))
y_test = np.array([*"aaabbc"])[np.arange(120) % 6]


def section(report, name):
    return next(section for section in report.sections if section.name == name)


def figures(report, name):
    return report.figures()[name]


def said(report, name):
    return " ".join(section(report, name).sentences)


def test_copies_of_rows_are_counted():
    points = np.vstack([X[:12], X[20:25] + 1e-4, X[30:33] + 50])
    report = condensation_report(CondensedSet(points, None), X)
    found = figures(report, "nearest")
    assert (found["copies"], found["near_copies"]) == (12, 5)
    assert "12 of 20 points are copies of real rows. 5 more are near copies." in said(report, "nearest")
    assert found["distances"]["points"]["50%"] == 0 and found["distances"]["points"]["100%"] > 10


def test_a_near_copy_is_closer_than_nineteen_of_twenty_real_rows():
    line = np.arange(100.0)[:, None]
    report = condensation_report(CondensedSet(line[:4] + [[0.5], [1.5], [0.25], [0.0]], None), line, X_test=line + 0.5)
    found, scale = figures(report, "nearest"), line.std()
    assert found["limit"] == pytest.approx(1 / scale) and found["copies"] == 1
    assert found["near_copies"] == 3 and found["test_share_as_close"] == 1
    assert found["distances"]["points"]["100%"] == pytest.approx(0.5 / scale)


def test_all_rows_of_a_selection_are_copies_whatever_they_are_held_in():
    frame = pd.DataFrame({"size": X[:, 0], "kind": pd.Categorical(y), "day": pd.date_range("2020-01-01", periods=300)})
    frame.loc[::7, "size"] = None
    kinds = [X, X.astype(np.float32), frame, csr_array(X * (X > 0.3))]
    if find_spec("polars") and find_spec("pyarrow"):  # not in the oldest versions
        kinds.append(import_module("polars").from_pandas(frame))
    for rows in kinds:
        report = condensation_report(KMedoids(4, random_state=0).fit(rows, y), rows, y)
        assert said(report, "nearest").startswith("All 12 points are copies of real rows")


def test_copies_are_found_among_rows_that_are_not_looked_at():
    labels = np.where(np.arange(300) == 299, "rare", "common")
    condensed = CondensedSet(X[100:200], labels[100:200])
    report = condensation_report(condensed, X, labels, max_rows=20)
    assert figures(report, "sizes")["looked_at"] == 21 and figures(report, "nearest")["copies"] == 100
    assert figures(report, "nearest")["distances"]["points"]["100%"] == 0
    assert "Of 300 real rows 21 were looked at" in said(report, "sizes")
    assert figures(report, "classes")["shares"]["rare"]["rows"] == 1


def test_a_class_that_is_missing_is_told():
    report = condensation_report(CondensedSet(X[:40], np.array(["a", "b"])[np.arange(40) % 2]), X, y)
    assert section(report, "classes").alarms == ["The set has no point of class 'c', which 50 rows have."]
    found = figures(report, "classes")
    assert found["absent"] == 1 and found["shares"]["c"] == {"rows": 50, "real": 1 / 6, "points": 0, "set": 0.0}
    assert found["total_variation"] == pytest.approx(1 / 6)
    assert figures(report, "likeness")["compared"] == "as a whole" and "Classes were left out" in said(
        report, "likeness"
    )


def test_a_label_that_the_data_have_not_is_told():
    report = condensation_report(CondensedSet(X[:3], np.array([*"abz"])), X, y)
    assert "y has no row of class 'z', of which there are points." in section(report, "classes").alarms


def test_shares_are_by_weight():
    condensed = CondensedSet(X[:3], np.array([*"abc"]), np.array([3.0, 2.0, 1.0]))
    report = condensation_report(condensed, X, y)
    assert figures(report, "classes")["total_variation"] == pytest.approx(0)
    assert "Their shares, by weight, are those of the rows." in said(report, "classes")
    weighted = condensation_report(condensed, X, y, sample_weight=np.where(y == "c", 5.0, 1.0))
    assert figures(weighted, "classes")["shares"]["c"]["real"] == pytest.approx(0.5)
    assert figures(weighted, "classes")["total_variation"] == pytest.approx(1 / 3)


def test_columns_are_compared_by_weight():
    frame = pd.DataFrame(
        {
            "number": [0.0, 1.0, 2.0, 3.0],
            "word": [*"aabb"],
            "gap": [1.0, None, None, None],
            "day": pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04"]),
        }
    )
    found = figures(
        condensation_report(CondensedSet(frame.iloc[[0, 3]], None, np.array([1.5, 0.5])), frame), "marginals"
    )["columns"]
    assert found["number"]["set"]["mean"] == pytest.approx(0.75)
    assert found["number"]["set"]["spread"] == pytest.approx(3 * np.sqrt(3) / 4)
    assert found["number"]["set"]["quantiles"] == {"5%": 0, "25%": 0, "50%": 0, "75%": 0, "95%": 3}
    assert found["number"]["distance"] == pytest.approx(0.5)
    assert found["word"]["set"]["shares"] == {"a": 0.75, "b": 0.25} and found["word"]["distance"] == pytest.approx(0.25)
    assert (found["gap"]["real"]["missing"], found["gap"]["set"]["missing"]) == (0.75, 0.25)
    assert found["day"]["set"]["quantiles"]["95%"] == "2020-01-04" and found["day"]["set"]["mean"] == "2020-01-01"
    assert found["gap"]["distance"] == pytest.approx(0.5) and list(found)[-1] == "word"


def test_of_many_columns_those_that_vary_most_are_looked_at():
    wide = rng.normal(size=(30, 600)) * np.r_[np.ones(500), np.full(100, 1e-3)]
    for rows in (wide, csr_array(wide)):
        report = condensation_report(CondensedSet(rows[:5], None), rows)
        assert set(figures(report, "marginals")["columns"]) == {f"x{j}" for j in range(500)}
        assert "Of 600 columns the 500 that vary most" in said(report, "marginals")


def test_fresh_rows_have_p_values_that_are_uniform():
    p_values = []
    for seed in range(40):
        one, other = np.random.default_rng(seed).normal(size=(2, 60, 2))
        p_values.append(figures(condensation_report(CondensedSet(other, None), one), "likeness")["p_value"])
    assert kstest(p_values, "uniform").pvalue > 0.05


def test_a_set_of_another_law_and_one_better_than_random_rows_are_told_from_it():
    shifted = condensation_report(CondensedSet(X[:60] + 1, y[:60]), X, y)
    assert figures(shifted, "likeness")["p_value"] == 0.005 and "differs from the data" in said(shifted, "likeness")
    herded = condensation_report(KernelHerding(10, random_state=0).fit(X, y), X, y)
    assert figures(herded, "likeness")["p_value"] > 0.95 and "is closer to the data" in said(herded, "likeness")


def test_the_rows_that_are_missed_are_those_of_the_half_that_was_left_out():
    labels = np.zeros(300)
    half = X[:, 0] < 0
    report = condensation_report(CondensedSet(X[half], labels[half].astype(int)), X, labels.astype(int))
    witness = figures(report, "likeness")["missed"]
    assert len(witness) == 10 and (X[[int(row) for row in witness], 0] > 0).all()
    assert list(witness.values()) == sorted(witness.values(), reverse=True)


def test_points_of_little_weight_count_little():
    points, weight = np.vstack([X[:60], X[:60] + 5]), np.repeat([1.0, 1e-6], 60)
    found = [figures(condensation_report(CondensedSet(points, None, w), X), "likeness") for w in (weight, None)]
    assert found[0]["p_value"] > 0.05 and found[1]["p_value"] == 0.005


def test_scores_are_those_of_learners_trained_by_hand():
    condensed = CondensedSet(X[:30], y[:30])
    report = condensation_report(condensed, X, y, X_test, y_test, learners={"1-NN": KNeighborsClassifier(1)})
    scaler = StandardScaler().fit(X)
    scores = [
        KNeighborsClassifier(1).fit(scaler.transform(rows), labels).score(scaler.transform(X_test), y_test)
        for rows, labels in ((X[:30], y[:30]), (X, y))
    ]
    found = figures(report, "scores")["scores"]["1-NN"]
    assert [found["set"], found["all"]] == pytest.approx(scores)
    assert figures(report, "scores")["most_kept"] == pytest.approx(scores[0] / scores[1])
    assert found["random_low"] <= found["random"] <= found["random_high"]


def test_a_set_of_wrong_labels_is_worse_than_random_rows():
    labels = (X[:, 0] > 0).astype(int)
    given = X, labels, X_test, (X_test[:, 0] > 0).astype(int)
    wrong = condensation_report(CondensedSet(X[:60], 1 - labels[:60]), *given, learners=["linear", "neighbors"])
    assert figures(wrong, "scores")["worse_than_random"] == 2 and figures(wrong, "scores")["better_than_random"] == 0
    right = condensation_report(CondensedSet(X, labels), *given, learners=["linear"])
    assert figures(right, "scores")["least_kept"] == 1


def test_a_learner_that_fails_is_named_with_the_reason():
    one_class = CondensedSet(X[:5], np.zeros(5, int))
    report = condensation_report(one_class, X, np.arange(300) % 2, X_test, np.arange(120) % 2, learners="linear")
    assert figures(report, "scores")["scores"]["linear"]["set"] is None
    assert "linear was not trained: ValueError: This solver needs samples of at least 2 classes" in said(
        report, "scores"
    )


def test_without_test_rows_nothing_is_scored_and_nothing_attacked():
    report = condensation_report(CondensedSet(X[:30], y[:30]), X, y)
    assert figures(report, "scores") == {"scores": {}} and figures(report, "membership") == {"advantage": None}
    assert "pass X_test and y_test, rows that the set was not made from" in said(report, "scores")
    assert "pass X_test" in said(report, "membership")
    without_truth = condensation_report(CondensedSet(X[:30], y[:30]), X, y, X_test)
    assert "pass y_test" in said(without_truth, "scores") and figures(without_truth, "membership")["advantage"] >= 0


def test_test_rows_that_are_rows_of_the_data_are_told():
    report = condensation_report(CondensedSet(X[:30], None), X, None, np.vstack([X[:7], X_test]))
    assert figures(report, "sizes")["test_rows_in_data"] == 7
    assert section(report, "sizes").alarms[0].startswith("7 of 127 test rows are rows of X too")


def test_an_attack_finds_all_members_where_all_are_shown_and_none_where_none_is():
    shown = figures(condensation_report(CondensedSet(X, y), X, y, X_test, y_test, learners="linear"), "membership")
    assert (shown["auc"], shown["advantage"], shown["true_positive_rate"]) == (1, 1, 1)
    fresh = CondensedSet(np.random.default_rng(5).normal(size=(30, 3)), None)
    report = condensation_report(fresh, X, None, X_test)
    assert figures(report, "membership")["advantage"] < figures(report, "membership")["chance"]
    assert "within" in said(report, "membership")


def test_the_data_that_a_set_was_made_from_are_known(tmp_path):
    frame = pd.DataFrame({"size": X[:, 0], "kind": y})
    for condenser, rows in (
        (KMedoids(2), X),
        (KMeansCondenser(2), frame),
        (Condenser(n_per_class=2), X),
        (Condenser(n_per_class=2), frame),
        (KMedoids(2, encoder=skdc.preprocessing.TabularEncoder()), frame),
        (KMedoids(2, encoder=None), X),
    ):
        for made in (condenser.fit(rows, y), condenser.condensed_):
            assert figures(condensation_report(made, rows, y), "making")["same_data"] is True, condenser
    KMedoids(2, random_state=0).fit(X, y).condensed_.save(tmp_path / "set.skdc")
    condensed = skdc.load(tmp_path / "set.skdc")
    assert figures(condensation_report(condensed, X, y), "making")["same_data"] is True
    weighted = KMedoids(2).fit(X, y, sample_weight=1 + np.arange(300)).condensed_
    assert figures(condensation_report(weighted, X, y, sample_weight=1 + np.arange(300)), "making")["same_data"] is True
    for others in ((X[::-1], y[::-1]), (X + 1, y), (X, np.roll(y, 1))):
        report = condensation_report(condensed, *others, X_test)
        assert figures(report, "making")["same_data"] is False
        assert section(report, "making").alarms[0].startswith("The set was made from other data than those given")
        assert figures(report, "membership")["advantage"] is None


def test_a_set_that_does_not_say_how_it_was_made_is_not_said_to_be_of_other_data():
    report = condensation_report(CondensedSet(X[:9], y[:9]), X, y)
    assert figures(report, "making").get("same_data") is None and not section(report, "making").alarms


def test_of_a_private_set_a_report_is_for_the_owner_alone():
    privacy = ClassGaussians(epsilon=5.0, feature_range=(-5, 5), n_rows=300)
    condenser = Condenser(n_per_class=3, privacy=privacy).fit(X, np.arange(300) % 2)
    report = condensation_report(condenser, X, np.arange(300) % 2)
    assert str(report).splitlines()[1:4] == ["", "Sizes", f"  ! {FOR_YOU_ALONE}"]
    assert json.loads(report.to_json())["sizes"]["alarms"] == [FOR_YOU_ALONE]
    assert figures(report, "making")["same_data"] is None and not section(report, "making").alarms
    public = condensation_report(condenser.condensed_)
    assert [section.name for section in public.sections] == ["sizes", "classes", "storage", "privacy", "making"]
    assert FOR_YOU_ALONE not in str(public) and figures(public, "sizes")["rows"] is None
    assert figures(public, "privacy")["epsilon"] == 5 and "epsilon 5.0" in said(public, "privacy")
    assert all(line["rows"] is None and line["real"] is None for line in figures(public, "classes")["shares"].values())


def test_without_data_a_set_tells_what_it_knows():
    report = condensation_report(KMedoids(2, random_state=0).fit(X, y))
    assert figures(report, "sizes")["rows"] == 300 and figures(report, "classes")["shares"]["c"]["rows"] == 50
    assert "No data were given" in said(report, "sizes") and "No privacy is promised" in said(report, "privacy")


def test_continuous_targets_and_several_labels_are_columns_and_are_scored():
    target, labels = X @ [1.0, 2.0, 0.0], (X > 0).astype(int)
    for targets, more, measure in ((target, X_test @ [1.0, 2.0, 0.0], "R²"), (labels, (X_test > 0) * 1, "accuracy")):
        condenser = RandomSubset(n_samples=100, random_state=0).fit(X, targets)
        report = condensation_report(condenser, X, targets, X_test, more, learners=["neighbors", "forest"])
        assert figures(report, "scores")["measure"] == measure and "classes" not in report.figures()
        assert figures(report, "scores")["least_kept"] > 0.4
        assert figures(report, "likeness")["compared"] == "with the targets"
        names = {name for name in figures(report, "marginals")["columns"] if name.startswith("target")}
        assert len(names) == (1 if targets is target else 3)


def test_a_set_of_unknown_origin_has_classes_if_the_data_have():
    numbers = np.arange(300) % 60
    kinds = [
        (CondensedSet(X[:60], numbers[:60]), numbers, True),
        (CondensedSet(X[:60], np.arange(60)), np.arange(300), False),
        (CondensedSet(X[:60], X[:60, 0]), X[:, 0], False),
        (CondensedSet(X[:60], y[:60]), None, True),
        (KMedoids(n_samples=9, task="regression").fit(X, numbers).condensed_, numbers, False),
    ]
    for condensed, targets, has_classes in kinds:
        assert ("classes" in condensation_report(condensed, X, targets).figures()) == has_classes


def test_bytes_are_those_of_rows_and_set():
    report = condensation_report(KMedoids(2, random_state=0).fit(X, y), X, y)
    found = figures(report, "storage")
    assert found["bytes_of_rows"] == 300 * 3 * 8 and found["ratio"] == found["bytes_of_rows"] / found["bytes"]
    assert figures(condensation_report(CondensedSet(X[:5], None)), "storage")["bytes"] == 5 * 3 * 8


def test_images_are_looked_at_as_a_whole():
    images = rng.integers(0, 255, (60, 5, 5)).astype(np.uint8)
    for rows, shape in ((images, None), (images.reshape(60, 25), (5, 5))):
        condensed = KMedoids(n_samples=6, random_state=0).fit(rows).condensed_
        report = condensation_report(condensed, rows, image_shape=shape)
        assert set(figures(report, "marginals")["columns"]) == {"pixels"} and figures(report, "nearest")["copies"] == 6
        assert figures(report, "sizes")["shape"] == "5x5" and figures(report, "making")["same_data"] is True


def test_figures_survive_json_and_fill_a_frame(tmp_path):
    frame = pd.DataFrame({"size": X[:, 0], "odd": np.nan, "kind": y})
    frame.loc[0, "odd"] = 1.0
    report = condensation_report(KMeansCondenser(3, random_state=0).fit(frame, y), frame, y)
    text = report.to_json()
    assert report.to_json(tmp_path / "report.json") is None and (tmp_path / "report.json").read_text() == text
    assert {name: part["figures"] for name, part in json.loads(text).items()} == report.figures()
    table = report.to_frame().set_index(["section", "of", "figure"])["value"]
    assert table["sizes", "", "points"] == 9 and table["classes", "shares / b", "rows"] == 100
    assert list(tmp_path.iterdir()) == [tmp_path / "report.json"]


def test_what_is_drawn_depends_on_the_seed_alone():
    given = RandomSubset(10, random_state=0).fit(X, y), X, y, X_test, y_test
    first, again, other = (
        condensation_report(*given, learners="forest", max_rows=50, random_state=seed).figures() for seed in (0, 0, 1)
    )
    assert first == again != other


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((X[:, :2], y), "X does not go with the set: .*give the data that it was made from"),
        ((X, y[:5]), "X has 300 rows, y has 5"),
        ((None, y), "y is given, X is not"),
        ((X, y, None, y_test), "y_test is given, X_test is not"),
        ((X, y, X_test, y[:5]), "X_test has 120 rows, y_test has 5"),
        ((X, y, X_test[:, :2]), "rows of X_test of shape"),
    ],
)
def test_data_that_do_not_go_together_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        condensation_report(CondensedSet(X[:9], y[:9]), *given)


def test_what_is_no_set_or_not_fitted_or_too_small_is_refused():
    with pytest.raises(NotFittedError):
        condensation_report(KMedoids(2), X, y)
    with pytest.raises(ValueError, match="max_rows=0 must be a whole number of at least 10"):
        condensation_report(CondensedSet(X[:9], y[:9]), X, y, max_rows=0)
    with pytest.raises(ValueError, match=r"image_shape=\(2, 2\) has 4 values, a row has 3"):
        condensation_report(replace(CondensedSet(X[:9], y[:9])), X, y, image_shape=(2, 2))
