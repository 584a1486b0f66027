"""The comparison against learners whose scores are known, and against what may not be seen."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits, load_iris, make_regression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit

from skdc import KMeansCondenser, KMedoids, RandomSubset
from skdc.evaluation import compare
from skdc.evaluation.comparison import COLUMNS
from skdc.preprocessing import TabularEncoder
from skdc.scaling import Scaling
from tests.evaluation.learners import CountsRows, Refuses

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(100, 3)), np.arange(100) % 2
IRIS = load_iris(return_X_y=True)


def line(frame, condenser, learner="mean", size=None):
    chosen = frame[(frame["condenser"] == condenser) & (frame["learner"] == learner)]
    return (chosen if size is None else chosen[chosen["size"] == size]).squeeze()


def test_kept_and_regret_are_those_of_scores_that_are_known():
    frame = compare(
        {"k": KMedoids()},
        X,
        Y,
        sizes=[5, 20],
        learners={"half": CountsRows(200), "full": CountsRows()},
        X_test=X,
        y_test=Y,
    )
    assert tuple(frame.columns) == COLUMNS and len(frame) == 3 * (2 + 2 * 2 + 1)
    assert line(frame, "all rows", "full")["score"] == 1 and line(frame, "all rows", "half")["score"] == 0.5
    for rows in (10, 40):
        found = line(frame, "k", "full", rows)
        assert found["score"] == pytest.approx(rows / 100) and found["kept"] == pytest.approx(rows / 100)
        assert found["regret"] == pytest.approx((1 - rows / 100) / (1 - 20 / 100))  # ten random rows a class
        assert found["spread"] == pytest.approx(0) and found["p_value"] == 1.0 and found["error"] == ""
        assert line(frame, "k", "mean", rows)["score"] == pytest.approx(0.75 * rows / 100)
        assert line(frame, "random rows", "full", rows)["score"] == found["score"]
        assert line(frame, "random rows, equal shares", "full", rows)["score"] == found["score"]
    assert line(frame, "all rows", "full")["regret"] == 0 and np.isnan(line(frame, "all rows")["p_value"])


def test_random_rows_are_in_proportion_and_in_equal_shares():
    labels = np.r_[np.zeros(80, int), np.ones(20, int)]
    seen = {}

    class Shares(CountsRows):
        def fit(self, X, y):
            seen[len(seen)] = np.bincount(y, minlength=2).tolist()
            return super().fit(X, y)

    compare(KMedoids(), X, labels, sizes=[0.1], seeds=1, learners={"shares": Shares()}, X_test=X, y_test=labels)
    assert list(seen.values()) == [[8, 2], [8, 2], [5, 5], [80, 20], [10, 10]]


def test_condensers_keep_their_sizes_where_none_is_given():
    frame = compare([KMedoids(n_samples=7), RandomSubset(3)], X, Y, seeds=1, learners={"n": CountsRows(70)})
    assert line(frame, "KMedoids")["size"] == 7 and line(frame, "RandomSubset")["size"] == 6
    assert sorted(frame[frame["condenser"] == "random rows"]["size"].unique()) == [6, 7]
    assert line(frame, "all rows")["size"] == 70
    taken = compare(KMedoids(), X, Y, sizes="300 B", seeds=1, learners={"n": CountsRows(70)})
    assert taken[taken["condenser"] == "KMedoids"]["bytes"].max() <= 300


def test_splits_and_seeds_are_the_same_for_all():
    frame = compare({"a": RandomSubset(3), "b": RandomSubset(3)}, *IRIS, learners="neighbors", seeds=4)
    a, b, random = (
        line(frame, name)[["score", "spread", "low", "high"]].tolist() for name in ("a", "b", "random rows")
    )
    assert a == b == random and a[1] > 0
    assert line(frame, "a")["p_value"] == 1.0
    assert (
        line(compare(RandomSubset(3), *IRIS, learners="neighbors", seeds=4, random_state=9), "RandomSubset")["score"]
        != a[0]
    )


def test_scores_are_those_computed_by_hand():
    frame = compare(KMeansCondenser(3), *IRIS, learners={"lr": LogisticRegression()}, seeds=2, random_state=5)
    scores = []
    for seed in (5, 6):
        ((train, test),) = StratifiedShuffleSplit(1, test_size=0.3, random_state=seed).split(*IRIS)
        rows, labels = IRIS[0][train], IRIS[1][train]
        mean, deviation = rows.mean(axis=0), rows.std(axis=0)
        fitted = KMeansCondenser(3, random_state=seed).fit(rows, labels)
        model = LogisticRegression().fit((fitted.X_syn_ - mean) / deviation, fitted.y_syn_, fitted.sample_weight_)
        scores.append(model.score((IRIS[0][test] - mean) / deviation, IRIS[1][test]))
    assert line(frame, "KMeansCondenser")["score"] == pytest.approx(np.mean(scores))
    assert line(frame, "KMeansCondenser")["spread"] == pytest.approx(np.std(scores, ddof=1))


def test_nothing_sees_rows_that_are_held_out(monkeypatch):
    numbered = pd.DataFrame({"id": np.arange(90.0), "word": RNG.choice(["a", "b"], 90)})
    labels, splits = np.arange(90) % 2, [(np.arange(60), np.arange(60, 90)), (np.arange(30, 90), np.arange(30))]
    seen = []

    def watched(cls, method, pick):
        original = getattr(cls, method)

        def fit(self, rows, *args, **kwargs):
            seen.append((cls.__name__, set(pick(rows))))
            return original(self, rows, *args, **kwargs)

        monkeypatch.setattr(cls, method, fit)

    def ids(rows):
        return rows["id"].tolist() if hasattr(rows, "columns") and "id" in rows.columns else []

    watched(TabularEncoder, "fit", ids)
    watched(KMeansCondenser, "fit", ids)
    watched(RandomSubset, "fit", ids)
    scaling = Scaling.of
    monkeypatch.setattr(Scaling, "of", lambda X, *given: (seen.append(("Scaling", set(ids(X)))), scaling(X, *given))[1])
    compare(KMeansCondenser(2), numbered, labels, cv=splits, seeds=1, learners="neighbors")
    assert {name for name, rows in seen if rows} == {"TabularEncoder", "Scaling", "KMeansCondenser", "RandomSubset"}
    for _, rows in seen:
        assert rows <= set(range(60)) or rows <= set(range(30, 90))


@pytest.mark.slow
def test_folds_are_shuffled_anew_for_each_seed_and_given_splits_are_the_same():
    given = {"learners": "neighbors", "seeds": 2}
    folds = line(compare(KMedoids(2), *IRIS, cv=3, **given), "all rows")
    splitter = StratifiedKFold(3, shuffle=True, random_state=0)
    same = compare(KMedoids(2), *IRIS, cv=splitter, **given)
    # All rows score alike whatever the seed: what is left are three splits, and not six.
    once = compare(KMedoids(2), *IRIS, cv=splitter, learners="neighbors", seeds=1)
    assert line(same, "all rows")["low"] == pytest.approx(line(once, "all rows")["low"])
    assert line(same, "all rows")["score"] == pytest.approx(line(once, "all rows")["score"])
    assert folds["low"] != line(same, "all rows")["low"]
    by_test_rows = compare(KMedoids(2), *IRIS, X_test=IRIS[0], y_test=IRIS[1], **given)
    assert line(by_test_rows, "all rows")["spread"] == 0


class Breaks(RandomSubset):
    def fit(self, X, y=None, **given):
        raise RuntimeError("it broke")


def test_what_fails_says_why_and_the_others_go_on():
    frame = compare(
        {"good": KMedoids(), "bad": Breaks()}, X, Y, sizes=5, learners={"n": CountsRows(70), "no": Refuses()}
    )
    bad, good = line(frame, "bad"), line(frame, "good", "n")
    assert bad["error"] == "RuntimeError: it broke" and np.isnan(bad["score"]) and bad["size"] == 10
    assert good["score"] == pytest.approx(10 / 70) and good["error"] == ""
    assert line(frame, "good", "no")["error"] == "RuntimeError: 10 rows are not enough"
    assert "not enough" in line(frame, "good")["error"] and np.isnan(line(frame, "good")["score"])
    with pytest.raises(
        ValueError, match="no condenser gives a set that a learner can be trained on: RuntimeError: it br"
    ):
        compare(Breaks(), X, Y, learners={"n": CountsRows()})


def test_continuous_targets_and_other_scores():
    rows, targets = make_regression(120, 4, noise=5.0, random_state=0)
    frame = compare(KMeansCondenser(), rows, targets, sizes=30, learners=["linear", "svm"], seeds=2)
    assert set(frame["condenser"]) == {"KMeansCondenser", "random rows", "all rows"}
    assert 0.5 < line(frame, "KMeansCondenser", "linear")["kept"] <= 1.01
    errors = compare(KMedoids(), rows, targets, sizes=30, learners="linear", seeds=2, scoring="neg_mean_absolute_error")
    assert line(errors, "KMedoids")["score"] < 0 and np.isnan(line(errors, "KMedoids")["kept"])
    assert line(errors, "KMedoids")["regret"] > 0


def test_words_as_labels_and_images():
    images, digits = load_digits(return_X_y=True)
    images, names = images[:300].reshape(-1, 8, 8), np.array(list("abcdefghij"))[digits[:300]]
    frame = compare(KMeansCondenser(2), images, names, learners="neighbors", seeds=1)
    assert line(frame, "KMeansCondenser")["score"] > 0.5


@pytest.mark.slow
def test_several_processes_give_the_same(capsys):
    given = {"sizes": 2, "learners": "neighbors", "seeds": 2}
    one = compare(KMedoids(), *IRIS, **given, verbose=1)
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("1 of 10: KMedoids, 6 rows; ") and said[-1].endswith("; 0 s left")
    several = compare(KMedoids(), *IRIS, **given, n_jobs=2)
    pd.testing.assert_frame_equal(one.drop(columns="seconds"), several.drop(columns="seconds"))


@pytest.mark.parametrize(
    "changed, error, message",
    [
        ({"condensers": [KMedoids]}, TypeError, "must be condensers, such as KMedoids"),
        ({"condensers": []}, ValueError, "condensers is empty"),
        ({"sizes": []}, ValueError, "sizes is empty"),
        ({"sizes": [1.5]}, ValueError, "size 1.5 must be a number of rows of each class"),
        ({"seeds": 0}, ValueError, "seeds=0 must be a whole number of at least 1"),
        ({"learners": "tree"}, ValueError, "'tree' is not known"),
        ({"X_test": X}, ValueError, "X_test is given, y_test is not"),
        ({"X_test": X, "y_test": Y[:9]}, ValueError, "X_test has 100 rows, y_test has 9"),
        ({"X_test": X, "y_test": Y, "cv": 3}, ValueError, "X_test and cv are both given"),
        ({"X_test": X[:, :2], "y_test": Y}, ValueError, "rows of X_test of shape"),
        ({"y": Y[:9]}, ValueError, "X has 100 rows, y has 9"),
        ({"y": None}, ValueError, "y is None"),
        ({"sizes": -1}, ValueError, "no condenser gives a set .*n_per_class=-1"),
    ],
)
def test_what_makes_no_sense_is_refused(changed, error, message):
    given = {"condensers": KMedoids(), "X": X, "y": Y, "learners": {"n": CountsRows()}, "seeds": 1} | changed
    with pytest.raises(error, match=message):
        compare(**given)
