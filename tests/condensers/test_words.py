"""Words for parts, and what is given in place of parts and is none."""

import inspect

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

import skdc
from skdc import (
    AsSampler,
    CondensedEstimator,
    Condenser,
    DistributionMatching,
    GeneralCondenser,
    KernelHerding,
    KernelInducingPoints,
    KMeansCondenser,
    KMedoids,
    SoftLabelRandom,
    TabularCondenser,
    WassersteinCoreset,
)
from skdc.discrepancies import MMD, RandomFeatureMMD, SquaredL2
from skdc.kernels import Laplace
from skdc.learners import Softened
from skdc.networks import MLP
from skdc.parameterizations import Points, Subset
from skdc.privacy import ClassGaussians
from skdc.solvers import Descent, Draw, Greedy
from skdc.spaces import Identity, NetworkFeatures, Perturbed, UnrolledPredictions

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
y = np.arange(60) % 2
FRAME = pd.DataFrame(X, columns=[*"abcd"])


def shown(recipe):
    return [repr(part) for part in recipe]


def test_the_defaults_of_the_parts_are_a_word():
    named = Condenser(discrepancy="auto", parameterization="auto", solver="auto", n_per_class=2, random_state=0)
    np.testing.assert_array_equal(named.fit(X, y).X_syn_, Condenser(n_per_class=2, random_state=0).fit(X, y).X_syn_)
    assert repr(named) == repr(Condenser(n_per_class=2, random_state=0))


@pytest.mark.parametrize(
    "data, recipe",
    [
        ((FRAME, y), TabularCondenser(task="classification").recipe()),
        ((FRAME, X[:, 0]), TabularCondenser(task="regression").recipe()),
        ((X, y), TabularCondenser(task="classification").recipe()),
        ((X.reshape(60, 2, 2), y), GeneralCondenser().recipe()),
        ((X, None), (MMD(), Points(), Descent(), None)),
    ],
    ids=["table", "quantities", "array", "images", "rows alone"],
)
def test_the_recipe_of_a_fitted_condenser_is_what_ran(data, recipe):
    condenser = Condenser(n_samples=4, random_state=0).fit(*data)
    assert shown(condenser.recipe_) == shown(condenser.recipe()) == shown(recipe)
    assert not hasattr(clone(condenser), "recipe_")


def test_a_second_fit_chooses_anew():
    condenser = Condenser(n_samples=4, random_state=0).fit(FRAME, y)
    assert shown(condenser.fit(X).recipe_) == shown((MMD(), Points(), Descent(), None))
    assert shown(condenser.fit(FRAME, y).recipe_) == shown(TabularCondenser(task="classification").recipe())


def test_the_recipe_of_a_task_that_the_data_tell():
    fitted = TabularCondenser(n_samples=4, random_state=0).fit(FRAME, X[:, 0])
    assert shown(fitted.recipe()) == shown(fitted.recipe_) == shown(TabularCondenser(task="regression").recipe())


def test_the_recipe_that_ran_stays_when_parts_change():
    condenser = Condenser(MMD(), solver=Descent(n_steps=1), n_per_class=2).fit(X, y)
    condenser.set_params(solver__n_steps=7)
    assert condenser.recipe_.solver.n_steps == 1 and condenser.recipe().solver.n_steps == 7


def test_the_recipe_of_streams_and_of_drawn_rows():
    streamed = Condenser(RandomFeatureMMD(bandwidth=1.0), solver=Descent(n_steps=1), n_per_class=2)
    assert shown(streamed.partial_fit(X, y).recipe_) == shown(streamed.recipe())
    release = ClassGaussians(epsilon=5.0, feature_range=(-5, 5), n_rows=60)
    private = Condenser(parameterization=Subset(), privacy=release, n_per_class=2, random_state=0)
    assert isinstance(private.fit(X, y).recipe_.privacy, ClassGaussians)


def test_a_part_alone_leaves_the_others_to_what_goes_with_it():
    assert shown(Condenser(parameterization=Subset()).recipe()) == shown((MMD(), Subset(), Greedy(), None))
    assert shown(Condenser(parameterization=Subset(), solver=Draw()).recipe()) == shown((None, Subset(), Draw(), None))
    assert shown(Condenser(None, Subset(), None).recipe()) == shown(Condenser(parameterization=Subset()).recipe())


@pytest.mark.parametrize(
    "condenser, words",
    [
        (Condenser("mmd"), r"discrepancy='mmd' .*MMD\(\).*: from skdc.discrepancies import MMD"),
        (Condenser("sliced_wasserstein"), r"SlicedWasserstein\(\).*from skdc.discrepancies import SlicedWasserstein"),
        (Condenser("nothing like it"), r"give one such as MMD\(\): from skdc.discrepancies import MMD"),
        (Condenser(parameterization="subset"), r"did you mean Subset\(\).*from skdc.parameterizations import Subset"),
        (Condenser(solver="gredy"), r"did you mean Greedy\(\).*from skdc.solvers import Greedy"),
        (Condenser(solver=Greedy(reweight="mmd")), r"reweight='mmd' .*from skdc.discrepancies import MMD"),
        (Condenser(MMD(space="standardised")), r"space='standardised' .*from skdc.spaces import Standardized"),
        (Condenser(MMD(kernel="laplacian")), r"kernel='laplacian' .*Laplace\(\).*from skdc.kernels import Laplace"),
        (Condenser(MMD() + MMD(kernel="laplace")), r"kernel='laplace' .*from skdc.kernels import Laplace"),
        (Condenser(MMD(), solver=Descent(optimizer="adam")), r"did you mean Adam.*: from torch.optim import Adam"),
        (KernelInducingPoints(kernel="rbf"), r"kernel='rbf' .*from skdc.kernels import"),
        (DistributionMatching(network="convnet"), r"did you mean ConvNet\(\).*from skdc.networks import ConvNet"),
        (KMedoids(space="pca"), r"space='pca' .*from skdc.spaces import"),
    ],
    ids=lambda part: None if isinstance(part, str) else repr(part),
)
def test_words_in_place_of_parts_are_refused_with_an_import(condenser, words):
    with pytest.raises(TypeError, match=words):
        condenser.set_params(n_per_class=2).fit(X, y)


@pytest.mark.parametrize(
    "condenser, words",
    [
        (Condenser(MMD(space=MMD())), r"space=MMD\(\) is no Space; give one such as Standardized\(\)"),
        (Condenser(MMD(space=Identity)), r"is the class Identity, where an object is asked for.*Identity\(\)"),
        (Condenser(MMD(kernel=Laplace)), r"is the class Laplace, where an object is asked for.*Laplace\(\)"),
        (KernelInducingPoints(kernel=Identity()), r"kernel=Identity\(\) is no Kernel; give one such as Gaussian\(\)"),
        (Condenser(MMD(space=Perturbed(MLP()))), r"space=MLP\(\) is no Space"),
        (Condenser(MMD(space=NetworkFeatures(MLP()))), r"networks=MLP\(\) is no NetworkPool.*RandomNetworks\(\)"),
        (
            Condenser(SquaredL2(by=None, space=UnrolledPredictions(MLP()))),
            r"networks=MLP\(\) is no NetworkPool.*RandomNetworks\(\)",
        ),
        (Condenser(MMD(), Points(start=KMedoids)), r"start must be 'rows', .* or a condenser, such as KMedoids\(\)"),
        (CondensedEstimator(MMD(), SVC()), r"condenser must be an object such as KMedoids\(\), got MMD\(\)"),
        (CondensedEstimator(KMedoids, SVC()), r"condenser must be an object such as KMedoids\(\)"),
        (CondensedEstimator(KMedoids(2), MLP()), r"estimator must be an object such as SVC\(\), got MLP\(\)"),
        (AsSampler(MMD()), r"condenser must be an object such as KMedoids\(\), got MMD\(\)"),
    ],
    ids=lambda part: None if isinstance(part, str) else repr(part),
)
def test_other_objects_in_place_of_parts_are_refused_with_what_is_meant(condenser, words):
    with pytest.raises(TypeError, match=words):
        condenser.fit(X, y)


def test_words_of_estimators_inside_are_theirs():
    teacher = LogisticRegression(solver="lbfgs")
    Condenser(None, Subset(labels="teacher", teacher=teacher), Draw(), n_per_class=2).fit(X, y)
    SoftLabelRandom(2, teacher=Softened(estimator=teacher)).fit(X, y)


def with_networks():
    """Return the condensers that take a network."""
    named = [getattr(skdc, name) for name in skdc.__all__]
    return [part for part in named if inspect.isclass(part) and "network" in inspect.signature(part).parameters]


@pytest.mark.parametrize("cls", with_networks(), ids=lambda cls: cls.__name__)
def test_words_in_place_of_networks_are_refused(cls):
    with pytest.raises(TypeError, match=r"network='mlp' is a word.*MLP\(\).*from skdc.networks import MLP"):
        cls(2, network="mlp").fit(X, y)


@pytest.mark.parametrize("network", [5, (4, 2)], ids=repr)
def test_what_builds_no_network_is_refused(network):
    with pytest.raises(TypeError, match="is no builder; pass a callable"):
        DistributionMatching(2, network=network).fit(X, y)


@pytest.mark.parametrize(
    "condenser, data",
    [
        (Condenser(), (X, y)),
        (Condenser(), (FRAME, X[:, 0])),
        (KMeansCondenser(), (FRAME, y)),
        (WassersteinCoreset(), (X, X[:, 0])),
        (TabularCondenser(), (FRAME, X[:, 0])),
        (KernelHerding(), (X, None)),
        (Condenser(RandomFeatureMMD(bandwidth=1.0), solver=Descent(n_steps=1)), (X, y)),
        (Condenser(privacy=ClassGaussians(epsilon=5.0, feature_range=(-5, 5), n_rows=60)), (X, y)),
    ],
    ids=lambda part: type(part).__name__,
)
def test_the_recipe_is_built_once_in_a_fit(condenser, data, monkeypatch):
    build, built = type(condenser).recipe, []
    monkeypatch.setattr(type(condenser), "recipe", lambda self: built.append(self) or build(self))
    condenser.set_params(n_samples=4, random_state=0).fit(*data)
    assert len(built) == 1
