"""What is wrong with a setting is refused before anything is released."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from torch import nn

from skdc import (
    Condenser,
    PrivateGradientMatching,
    PrivateKernelInducingPoints,
    PrivateMeanEmbedding,
)
from skdc.discrepancies import L1, MMD, LabelMargin, RandomFeatureMMD
from skdc.parameterizations import Points, Subset
from skdc.privacy import ClassGaussians, GaussianMechanism, PrivacyLedger
from skdc.solvers import Descent

pytest.importorskip("dp_accounting")
X = np.random.default_rng(0).uniform(-2, 2, size=(60, 4))
y = np.arange(60) % 2
FRAME = pd.DataFrame(X, columns=list("abcd"))


def drawn(known=(-3, 3), **others):
    return Condenser(privacy=ClassGaussians(feature_range=known, n_rows=100), **others)


def summed(cls, *sizes, **others):
    given = {} if cls is PrivateGradientMatching else {"bandwidth": 1.0}
    return cls(*sizes, **given | {"n_steps": 3, "privacy": GaussianMechanism(feature_range=(-3, 3))} | others)


def wide(input_shape, n_outputs):
    return nn.Linear(7, n_outputs)


WRONG = [
    (drawn(n_per_class=0), "n_per_class=0 must be"),
    (drawn(n_per_class="ten"), "n_per_class='ten' must be"),
    (drawn(n_per_class={0: 1}), "names no size for class 1"),
    (drawn(n_per_class=1, n_samples=4), "are both given"),
    (drawn(n_per_class=5000, parameterization=Subset()), "cannot take 5000 rows of class 0 out of 50"),
    (drawn(n_per_class=5000), "a set of 10000 rows is larger than the data, which have 100"),
    (drawn(device="gpu"), "device='gpu' must be"),
    (drawn(encoder="onehot"), "encoder='onehot' must be"),
    (drawn(solver=Descent(n_steps=0)), "must be at least 1"),
    (drawn(discrepancy=MMD(bandwidth=-1)), "bandwidth=-1 must be"),
    (drawn(discrepancy=MMD() + LabelMargin()), "has no effect on labels"),
    (drawn(discrepancy=L1()), "Identity yields clouds"),
    (drawn(parameterization=Points(labels="learnt")), "labels must be"),
    (drawn(dict.fromkeys("abcd", (-3.0, 3.0)), n_per_class=0), "n_per_class=0 must be"),
    (summed(PrivateMeanEmbedding, 0), "n_per_class=0 must be"),
    (summed(PrivateMeanEmbedding, {0: 1}), "names no size for class 1"),
    (summed(PrivateMeanEmbedding, n_samples=1), "cannot give each of 2 classes a row"),
    (summed(PrivateMeanEmbedding, 1, n_steps=0), "must be at least 1"),
    (summed(PrivateMeanEmbedding, 1, step_size=-1), "the step size must be positive"),
    (summed(PrivateKernelInducingPoints, 1, labels="learnt"), "labels must be"),
    (summed(PrivateGradientMatching, 1, network=wide), "shapes cannot be multiplied"),
]


def with_ledger(condenser):
    ledger = PrivacyLedger()
    return condenser.set_params(privacy__ledger=ledger), ledger


@pytest.mark.parametrize("condenser, words", WRONG, ids=lambda value: value if isinstance(value, str) else "")
def test_a_wrong_setting_spends_nothing(condenser, words):
    condenser, ledger = with_ledger(condenser)
    rows = FRAME if isinstance(condenser.privacy.feature_range, dict) else X
    with pytest.raises((ValueError, TypeError, RuntimeError), match=words):
        condenser.fit(rows, y)
    assert not ledger.releases and not hasattr(condenser, "X_syn_")


def test_a_stream_is_refused_at_its_first_chunk():
    measure = RandomFeatureMMD(bandwidth=1.0, n_features=20)
    privacy = GaussianMechanism(feature_range=(-3, 3))
    condenser, ledger = with_ledger(
        Condenser(measure, Points(start="noise"), Descent(n_steps=3), privacy, n_per_class={0: 1})
    )
    with pytest.raises(ValueError, match="names no size for class 1"):
        condenser.partial_fit(X, y)
    assert not ledger.releases
    X_syn, _ = condenser.set_params(n_per_class=1).partial_fit(X, y)
    assert X_syn.shape == (2, 4) and len(ledger.releases) == 1


@pytest.mark.parametrize("make", [drawn, lambda **given: summed(PrivateMeanEmbedding, **given)], ids=["drawn", "sums"])
def test_a_warm_start_of_another_size_spends_nothing(make):
    condenser, ledger = with_ledger(make(n_per_class=2).set_params(warm_start=True))
    if isinstance(condenser, Condenser):
        condenser.set_params(discrepancy=MMD(), solver=Descent(n_steps=3))
    condenser.fit(X, y).fit(X, y)
    assert len(ledger.releases) == 2
    with pytest.raises(ValueError, match="warm_start=True cannot start"):
        condenser.set_params(n_per_class=3).fit(X, y)
    assert len(ledger.releases) == 2


def test_an_interrupt_before_the_release_spends_nothing(monkeypatch):
    def interrupt(*given):
        raise KeyboardInterrupt

    condenser, ledger = with_ledger(drawn(discrepancy=MMD(), n_per_class=1))
    monkeypatch.setattr("skdc.solvers.descent.change_spaces", interrupt)
    with pytest.raises(KeyboardInterrupt):
        condenser.fit(X, y)
    assert not ledger.releases


def test_what_needs_many_rows_has_those_that_will_be_drawn():
    privacy = ClassGaussians(feature_range=(-3, 3), n_rows=200)
    rows = np.random.default_rng(0).uniform(-2, 2, (60, 50))
    fitted = Condenser(
        MMD(), solver=Descent(n_steps=3), privacy=privacy, encoder=PCA(n_components=45), n_per_class=2
    ).fit(rows, y)
    assert fitted.X_syn_.shape == (4, 50)


def test_nothing_of_a_rehearsal_is_seen(recwarn, capsys):
    condenser, ledger = with_ledger(drawn(discrepancy=MMD(), n_per_class=2, verbose=1))
    condenser.fit(X, y)
    assert len(ledger.releases) == 1 and not recwarn.list
    assert capsys.readouterr().err.count("in all") == 1


def test_nothing_is_said_of_rows_that_are_made_up(recwarn):
    levels = [f"level {i}" for i in range(40)]  # many, of the few rows of a rehearsal
    frame = pd.DataFrame({"size": X[:, 0], "kind": np.array(levels)[np.arange(len(X)) % 40]})
    privacy = ClassGaussians(epsilon=5.0, feature_range={"size": (-9.0, 9.0), "kind": levels}, n_rows=1000)
    condenser = Condenser(MMD(), solver=Descent(n_steps=1), privacy=privacy, n_per_class=10)
    assert condenser.fit(frame, y).X_syn_.shape == (20, 2)
    assert not recwarn.list


# Ranges of columns


WIDE = [("float16", 1e6), ("float32", 1e39), ("float32", 1e90)]


@pytest.mark.slow
@pytest.mark.parametrize("dtype, end", WIDE)
@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame])
@pytest.mark.parametrize("make", [drawn, lambda **given: summed(PrivateMeanEmbedding, **given)], ids=["drawn", "sums"])
def test_ends_of_columns_beyond_their_dtype_are_refused(make, container, dtype, end):
    condenser, ledger = with_ledger(make(n_per_class=1))
    condenser.set_params(privacy__feature_range=([-3, -end], [3, end]))
    with pytest.raises(ValueError, match=f"beyond {dtype}; give X as float64"):
        condenser.fit(container(X[:, :2].astype(dtype)), y)
    assert not ledger.releases
    assert np.isfinite(np.asarray(condenser.fit(container(X[:, :2]), y).X_syn_)).all()


@pytest.mark.parametrize(
    "rows, known, words",
    [
        (X, ([0] * 3, [1] * 3), r"the ends of 3 column\(s\), but rows of X have shape \(4,\)"),
        (X.reshape(60, 2, 2), ([0] * 2, [1] * 2), r"the ends of 2 column\(s\), but rows of X have shape \(2, 2\)"),
        (X.reshape(60, 2, 2), (np.zeros((2, 2)), np.ones((2, 2))), r"ends of shape \(2, 2\); give \(low, high\), two"),
    ],
)
def test_ends_are_those_of_the_columns(rows, known, words):
    with pytest.raises(ValueError, match=words):
        drawn(known).fit(rows, y)


@pytest.mark.parametrize("known", [([-3] * 4, [3] * 4), dict.fromkeys("abcd", (-3.0, 3.0))], ids=["arrays", "names"])
def test_a_stream_has_one_range(known):
    privacy = GaussianMechanism(feature_range=known)
    measure = RandomFeatureMMD(bandwidth=1.0, n_features=20)
    condenser = Condenser(measure, Points(start="noise"), Descent(n_steps=3), privacy)
    with pytest.raises(ValueError, match="partial_fit takes rows as they are"):
        condenser.partial_fit(FRAME, y)
