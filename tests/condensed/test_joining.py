"""Sets that are joined: the points of one behind those of another."""

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array

import skdc
from skdc import CondensedSet, Condenser, KMedoids
from skdc.discrepancies import MMD
from skdc.parameterizations import Subset
from skdc.parameterizations.storage import Quantized
from skdc.solvers import Descent, Draw

from .same import assert_same_array

OLD = CondensedSet(np.eye(2), np.array(["c", "a"]), classes=np.array(["a", "c"]))
NEW = CondensedSet(np.eye(2)[:1] * 5, np.array(["bb"]), classes=np.array(["bb"]))


def test_points_stay_and_others_come_behind():
    both = OLD.join(NEW)
    assert_array_equal(both.X, [[1, 0], [0, 1], [5, 0]])
    assert_array_equal(both.y, ["c", "a", "bb"])
    assert_array_equal(both.classes, ["a", "bb", "c"])
    assert both.sample_weight is None and both.y_soft is None and both.provenance is None


def test_probabilities_are_of_all_classes():
    soft = replace(OLD, y_soft=np.array([[0.25, 0.75], [1, 0]]), y_learned=np.eye(2))
    assert_array_equal(soft.join(NEW).y_soft, [[0.25, 0, 0.75], [1, 0, 0], [0, 1, 0]])
    assert_array_equal(NEW.join(soft).y_soft, [[0, 1, 0], [0.25, 0, 0.75], [1, 0, 0]])
    assert soft.join(NEW).y_learned is None


def test_points_weigh_what_the_rows_of_their_data_do(rng):
    X, y = rng.normal(size=(90, 3)), np.repeat([0, 1, 2], [20, 10, 60])
    old, new = (KMedoids(n_per_class=2, random_state=0).fit(X[some], y[some]).condensed_ for some in (y < 2, y == 2))
    both = old.join(new)
    masses = [both.sample_weight[both.y == c].sum() for c in range(3)]
    assert_allclose(masses, np.array([20, 10, 60]) / 90 * 6)
    assert both.sample_weight.mean() == pytest.approx(1)
    assert_allclose(both.sample_weight[:4] / both.sample_weight[0], old.sample_weight / old.sample_weight[0])


def test_classes_that_are_condensed_apart_are_what_they_are_together(rng):
    X, y = np.concatenate([rng.normal(size=(30, 3)) + 3 * c for c in range(3)]), np.repeat([0, 1, 2], 30)
    fits = [y < 2, y == 2, y < 3]
    made = [
        Condenser(MMD(bandwidth=1.0), solver=Descent(n_steps=200), n_per_class=3, random_state=0, encoder=None).fit(
            X[some], y[some]
        )
        for some in fits
    ]
    both, whole = made[0].condensed_.join(made[1].condensed_), made[2].condensed_
    distance = MMD(bandwidth=1.0)
    for c in range(3):
        near, far = (distance(X[y == c], part.X[part.y == c]) for part in (both, whole))
        assert near == pytest.approx(far, rel=0.1)


def test_frames_are_joined_in_their_kind():
    frame = pd.DataFrame({"n": [1, 2], "word": ["x", "y"]}, index=[7, 8])
    old = CondensedSet(frame, pd.Series(["a", "c"], index=[7, 8], name="kind"), classes=OLD.classes)
    both = old.join(replace(old, X=frame.iloc[:1], y=old.y.iloc[:1]))
    pd.testing.assert_frame_equal(both.X, pd.concat([frame, frame.iloc[:1]]))
    assert both.y.name == "kind" and both.y.tolist() == ["a", "c", "a"]
    polar = replace(OLD, X=pl.DataFrame(frame))
    assert polar.join(polar).X.equals(pl.concat([polar.X, polar.X]))
    sparse = replace(OLD, X=csr_array(OLD.X))
    assert_array_equal(sparse.join(sparse).X.toarray(), np.vstack([OLD.X, OLD.X]))


def test_without_labels_rows_are_joined():
    rows = CondensedSet(np.eye(2), None)
    both = rows.join(rows)
    assert both.y is None and both.classes is None and len(both.X) == 4


def test_the_provenance_says_both(rng):
    X, y = rng.normal(size=(40, 3)), np.repeat([0, 1], 20)
    old, new = (
        KMedoids(n_per_class=n, random_state=0).fit(X[some], y[some]).condensed_ for n, some in [(2, y < 1), (3, y > 0)]
    )
    told = old.join(new).provenance
    assert told.condenser == f"{old.provenance.condenser}, joined with {new.provenance.condenser}"
    assert told.parameters == {"joined": [asdict(replace(part.provenance, scaling=None)) for part in (old, new)]}
    assert (told.n_points, told.n_rows, told.n_per_class) == (5, 40, {"0": 2, "1": 3})
    assert told.rows_per_class == {"0": 20, "1": 20} and told.fingerprint is None
    assert told.seconds == old.provenance.seconds + new.provenance.seconds
    assert json.loads(json.dumps(asdict(told))) == asdict(told)


def test_a_joined_set_is_saved(rng, tmp_path):
    both = OLD.join(NEW)
    both.save(tmp_path / "both")
    again = skdc.load(tmp_path / "both")
    for name in ("X", "y", "classes"):
        assert_same_array(getattr(again, name), getattr(both, name))


def test_codes_of_rows_are_kept(rng, tmp_path):
    X, y = rng.normal(size=(90, 20)), np.repeat([0, 1, 2], 30)
    old, new = (
        Condenser(None, Subset(Quantized(4)), Draw(), n_per_class=10, random_state=0).fit(X[some], y[some]).condensed_
        for some in (y < 2, y == 2)
    )
    plain = replace(new, coded=None)
    for first, other in [(old, new), (old, plain), (plain, old)]:
        both = first.join(other)
        assert_array_equal(both.X, np.concatenate([first.X, other.X]))
        both.save(tmp_path / "both")
        again = skdc.load(tmp_path / "both")
        assert_same_array(again.X, both.X)
        assert again.coded.nbytes < 0.6 * both.X.nbytes
        assert_array_equal(again.shrink(5).coded.decode(), again.X[np.arange(30) % 10 < 5])
    assert plain.join(plain).coded is None
    assert old.join(replace(plain, X=plain.X.astype(np.float32))).coded is None


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (replace(NEW, X=np.eye(3)[:1]), r"ndarray of shape \(2,\) and rows of ndarray of shape \(3,\)"),
        (replace(NEW, X=pd.DataFrame(np.eye(2)[:1])), "rows of ndarray .* and rows of DataFrame"),
        (replace(NEW, classes=None, y=np.ones(1)), "one set has classes, and the other has none"),
        (replace(NEW, classes=None, y=None), "one set has classes, and the other has none"),
    ],
)
def test_sets_of_other_kinds_are_refused(other, message):
    with pytest.raises(ValueError, match=message):
        OLD.join(other)


def test_other_columns_are_refused():
    old, new = (replace(OLD, X=pd.DataFrame(np.eye(2), columns=list(names))) for names in ("ab", "ba"))
    with pytest.raises(ValueError, match=r"other columns: \['a', 'b'\] and \['b', 'a'\]"):
        old.join(new)


def test_two_private_sets_are_refused(rng):
    X, y = rng.normal(size=(40, 3)), np.repeat([0, 1], 20)
    plain = KMedoids(n_per_class=2, random_state=0).fit(X, y).condensed_
    private = replace(plain, provenance=replace(plain.provenance, privacy={"epsilon": 1.0}))
    with pytest.raises(ValueError, match="both sets are private"):
        private.join(private)
    assert private.join(plain).provenance.privacy is None
