"""The report of attacks and corruptions, against rows that are changed by hand."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from skdc import Condenser, KMeansCondenser
from skdc.evaluation import default_attacks, image_corruptions, robustness_table, table_corruptions
from skdc.learners import NetworkClassifier
from skdc.networks import LinearNetwork

X, Y = load_digits(return_X_y=True)
X = X.astype(np.float32)
TRAIN, TEST = slice(0, 900), slice(900, 1000)
LINEAR = NetworkClassifier(LinearNetwork(), lr=0.1, max_epochs=60, random_state=0)


@pytest.fixture(scope="module")
def condenser():
    return KMeansCondenser(n_per_class=3, random_state=0).fit(X[TRAIN], Y[TRAIN])


def trained(condenser, learner):
    scaler = StandardScaler().fit(X[TRAIN].astype(np.float64))
    rows = scaler.transform(condenser.X_syn_).astype(np.float32)
    model = replace(condenser.condensed_, X=rows, y_soft=None).train(learner)
    return lambda rows: model.predict(scaler.transform(rows).astype(np.float32)), model, scaler


def test_corruptions_are_those_made_by_hand(condenser):
    seen = {
        "halved": lambda rows, generator: rows / 2,
        "drawn": lambda rows, generator: generator.permuted(rows, axis=1),
    }
    groups = np.arange(100) % 3
    found = robustness_table(
        condenser, X[TEST], Y[TEST], learners={"linear": LINEAR}, attacks={}, corruptions=seen, groups=groups
    )
    predict, _, _ = trained(condenser, LINEAR)
    for name, rows in (("halved", X[TEST] / 2), ("drawn", np.random.default_rng(0).permuted(X[TEST], axis=1))):
        right = predict(rows) == Y[TEST]
        assert found.scores["linear"][name] == {
            "clean": pytest.approx((predict(X[TEST]) == Y[TEST]).mean()),
            "robust": pytest.approx(right.mean()),
            "worst group": pytest.approx(min(right[groups == g].mean() for g in range(3))),
        }
    frame = found.to_frame().set_index(["learner", "change"])
    assert frame.loc[("linear", "halved")].to_dict() == found.scores["linear"]["halved"]


@pytest.mark.slow
def test_fgsm_moves_rows_by_the_radius_along_the_signs_of_the_gradient(condenser):
    table = robustness_table(
        condenser, X[TEST], Y[TEST], learners={"linear": LINEAR}, radius=2.0, corruptions={}, n_attacked=100
    )
    predict, model, scaler = trained(condenser, LINEAR)
    mean, deviation = torch.as_tensor(scaler.mean_), torch.as_tensor(scaler.scale_)
    rows = torch.tensor(X[TEST], requires_grad=True)
    logits = model.module_((((rows - mean) / deviation - model.shift_) / model.scale_).float())
    torch.nn.functional.cross_entropy(logits, torch.as_tensor(Y[TEST])).backward()
    moved = np.clip(X[TEST] + 2 * np.sign(rows.grad.numpy()), 0, 16)
    scores = table.scores["linear"]
    assert scores["FGSM"]["robust"] == pytest.approx((predict(moved) == Y[TEST]).mean())
    assert scores["PGD"]["robust"] <= scores["FGSM"]["robust"] < scores["FGSM"]["clean"] - 0.1
    assert all(found["robust"] <= found["clean"] for found in scores.values())
    assert "Square" not in scores  # rows are no images


def test_what_has_no_gradient_is_attacked_by_its_labels_alone(condenser):
    table = robustness_table(
        condenser, X[TEST], Y[TEST], learners={"logistic": LogisticRegression(max_iter=999)}, n_attacked=10
    )
    assert list(table.scores["logistic"]) == ["HopSkipJump", "missing columns", "noise"]


def test_images_of_either_layout_are_attacked_alike():
    rows = X[:300].reshape(-1, 8, 8, 1)
    scores = []
    for images in (rows[..., 0], rows, rows.transpose(0, 3, 1, 2)):
        fitted = KMeansCondenser(n_per_class=2, random_state=0).fit(images[:200], Y[:200])
        network = NetworkClassifier(LinearNetwork(), lr=0.1, max_epochs=20, random_state=0)
        attacks = {name: default_attacks(1.6, images.shape[1:])[name] for name in ("PGD", "Square")}
        found = robustness_table(
            fitted, images[200:], Y[200:300], learners={"linear": network}, attacks=attacks, n_attacked=40
        )
        assert list(found.scores["linear"]) == ["PGD", "Square", "noise", "blur", "contrast", "shift"]
        scores.append([found.scores["linear"][change]["robust"] for change in ("PGD", "blur", "shift")])
    assert all(others == pytest.approx(scores[0]) for others in scores[1:])
    assert scores[0][0] < found.scores["linear"]["PGD"]["clean"]


def test_corruptions_do_what_they_say():
    images, rng = np.zeros((2, 14, 14)), np.random.default_rng(0)
    images[:, 5, 5] = 1.0
    changed = {name: change(images, rng) for name, change in image_corruptions().items()}
    assert changed["shift"][0, 6, 6] == 1 and changed["shift"][0].sum() == 1
    np.testing.assert_allclose(changed["blur"].sum(axis=(1, 2)), 1, rtol=1e-3)
    assert changed["blur"].max() < 0.2
    np.testing.assert_allclose(changed["contrast"] - images.mean(), 0.5 * (images - images.mean()))
    assert 0.05 < (changed["noise"] - images).std() < 0.15
    table = rng.normal(size=(500, 10))
    changed = {name: change(table, rng) for name, change in table_corruptions().items()}
    missing = changed["missing columns"].std(axis=0) < 1e-12
    assert missing.sum() == 2
    np.testing.assert_allclose(changed["missing columns"][:, missing][0], table[:, missing].mean(axis=0))
    np.testing.assert_allclose((changed["noise"] - table).std(axis=0), 0.5, atol=0.1)


def test_the_report_prints_and_shows(condenser):
    found = robustness_table(condenser, X[TEST], Y[TEST], attacks={}, n_attacked=20, learners={"a < b": LINEAR})
    assert str(found).splitlines()[0].split() == ["clean", "robust", "worst", "group"]
    assert len(str(found).splitlines()) == 3 and "a &lt; b" in found._repr_html_()


def test_attacks_leave_the_generators_alone(condenser):
    state, torch_state = np.random.get_state()[1].copy(), torch.random.get_rng_state()  # noqa: NPY002
    robustness_table(condenser, X[TEST], Y[TEST], learners={"linear": LINEAR}, n_attacked=5)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), torch_state)


@pytest.mark.parametrize("unit, origin", [(1e100, 0.0), (1e-100, 0.0), (1.0, 1e6)])
def test_corruptions_do_not_depend_on_units(unit, origin, condenser):
    learner = {"logistic": LogisticRegression(max_iter=1000)}
    moved = (X.astype(np.float64) + origin) * unit
    fitted = KMeansCondenser(n_per_class=3, random_state=0).fit(moved[TRAIN], Y[TRAIN])
    found, expected = (
        robustness_table(shown, rows[TEST], Y[TEST], learners=learner, attacks={}).scores["logistic"]
        for shown, rows in ((fitted, moved), (condenser, X))
    )
    assert found["missing columns"] == pytest.approx(expected["missing columns"], abs=0.02)
    with pytest.raises(ValueError, match=r"float32, which does not hold numbers from .*; condense and test"):
        robustness_table(fitted, moved[TEST] + 1e9 * origin, Y[TEST], learners=learner)


def test_what_cannot_be_reported_is_refused(condenser, monkeypatch):
    with pytest.raises(ValueError, match=r"rows of X_test of shape \(5,\) are not like those"):
        robustness_table(condenser, X[TEST, :5], Y[TEST])
    with pytest.raises(ValueError, match="without classes"):
        robustness_table(Condenser(n_samples=5, random_state=0).fit(X[:50]), X[TEST], Y[TEST])
    monkeypatch.setitem(sys.modules, "art", None)
    with pytest.raises(ImportError, match="or give attacks="):
        robustness_table(condenser, X[TEST], Y[TEST])


def test_learners_are_told_the_weights_of_hard_labels(condenser):
    told = []

    class Noting(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            told.append(sample_weight)
            return super().fit(X, y, sample_weight)

    robustness_table(condenser, X[TEST], Y[TEST], learners={"noting": Noting()}, attacks={}, corruptions={})
    np.testing.assert_array_equal(told, [condenser.sample_weight_])
