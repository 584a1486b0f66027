"""Kernel ridge regression, and networks as classifiers."""

import inspect
from functools import partial

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from skorch.callbacks import EarlyStopping, LRScheduler
from torch import nn

from skdc import KMeansCondenser, make_condensing_pipeline
from skdc.augmentation import Augmentation, Flip
from skdc.kernels import Gaussian
from skdc.learners import KernelRidgeClassifier, KernelRidgeRegressor, NetworkClassifier
from skdc.networks import MLP, ConvNet

try:
    import cloudpickle
except ImportError:  # joblib before 1.6 brings its own
    from joblib.externals import cloudpickle


def quick(**parameters):
    small = {"network": MLP(width=16, depth=1), "lr": 0.01, "max_epochs": 30, "random_state": 0}
    return NetworkClassifier(**small | parameters)


def one_hot(codes):
    return np.eye(codes.max() + 1)[codes]


@pytest.fixture
def few(iris):
    """Fifteen rows of three classes, and weights that repeat them."""
    X, y = iris[0][::10], iris[1][::10]
    return X, y, np.random.default_rng(0).integers(0, 4, len(y))


@pytest.fixture
def images(digits):
    X, y = digits
    return X[:60].reshape(-1, 8, 8), y[:60]


# Kernel ridge regression


def test_kernel_ridge_is_the_mean_of_a_gaussian_process(rng):
    X, y, new = rng.normal(size=(20, 3)), rng.normal(size=20), rng.normal(size=(10, 3))
    ridge = KernelRidgeRegressor(Gaussian(bandwidth=1.5), regularization=0.1, target_shift=0.0).fit(X, y)
    process = GaussianProcessRegressor(RBF(1.5), alpha=0.1, optimizer=None).fit(X, y)
    assert_allclose(ridge.predict(new), process.predict(new), rtol=1e-10, atol=1e-12)


def test_kernel_ridge_predicts_the_mean_far_away(rng):
    X, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
    weight = rng.uniform(size=20)
    far = KernelRidgeRegressor(Gaussian(1.0)).fit(X, y, sample_weight=weight).predict(np.full((1, 3), 1e3))
    assert_allclose(far[0], np.average(y, axis=0, weights=weight))


@pytest.mark.parametrize(
    "learner", [KernelRidgeClassifier(regularization=0.1), KernelRidgeRegressor(regularization=0.1)]
)
def test_kernel_ridge_takes_weights_for_repeated_rows(few, learner):
    X, y, weight = few
    repeated = clone(learner).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    weighted = clone(learner).fit(X, y, sample_weight=weight)
    outputs = [getattr(net, "decision_function", net.predict)(X) for net in (repeated, weighted)]
    assert_allclose(*outputs, rtol=1e-8)


def test_kernel_ridge_takes_matrices_of_targets(few):
    X, y, _ = few
    names = np.array(["c", "b", "a"])
    by_label = KernelRidgeClassifier(regularization=0.1).fit(X, names[y])
    by_column = KernelRidgeClassifier(regularization=0.1, classes=names).fit(X, one_hot(y))
    assert_allclose(by_column.decision_function(X), by_label.decision_function(X)[:, ::-1])
    assert_array_equal(by_column.predict(X), by_label.predict(X))


@pytest.mark.parametrize("learner", [KernelRidgeClassifier(), KernelRidgeRegressor()])
def test_kernel_ridge_takes_images_as_flat_rows(images, learner):
    X, y = images
    flat = clone(learner).fit(X.reshape(60, -1), y).predict(X.reshape(60, -1))
    assert_array_equal(clone(learner).fit(X, y).predict(X), flat)
    assert get_tags(learner).input_tags.three_d_array


@pytest.mark.parametrize("learner", [KernelRidgeClassifier(), quick()])
def test_bad_targets_are_refused(few, learner):
    X, y, _ = few
    with pytest.raises(ValueError, match="one class only"):
        clone(learner).fit(X, np.zeros(15))
    with pytest.raises(ValueError, match="y has 3 columns, but classes names 2"):
        clone(learner).set_params(classes=[0, 1]).fit(X, one_hot(y))
    with pytest.raises(ValueError, match=r"y holds 2, which is not in classes=\[0, 1\]"):
        clone(learner).set_params(classes=[0, 1]).fit(X, y)
    with pytest.raises(ValueError, match=r"all sample weights are zero|at least one non-zero"):
        clone(learner).fit(X, y, sample_weight=np.zeros(15))


def test_kernel_ridge_refuses_a_ridge_that_is_none(few):
    with pytest.raises(ValueError, match="regularization=0 must be positive"):
        KernelRidgeRegressor(regularization=0).fit(*few[:2])


# A network as a classifier: what it takes


@pytest.mark.parametrize(
    "names",
    [
        np.array(["setosa", "versicolor", "virginica"]),
        np.array(["setosa", "versicolor", "virginica"], dtype=object),
        np.array([1, 2, 3]),
        np.array([-1.0, 0.0, 7.0]),
        np.array([False, True]),
    ],
    ids=lambda names: str(names.dtype),
)
def test_any_labels(iris, names):
    X, y = iris
    kept = y < len(names)
    labels = names[y[kept]]
    net = quick(max_epochs=100).fit(X[kept], labels)
    assert_array_equal(net.classes_, np.unique(labels))
    assert set(net.predict(X)) <= set(names)
    assert net.score(X[kept], labels) > 0.9
    assert_allclose(net.predict_proba(X).sum(axis=1), 1)


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.uint8, np.float32])
def test_any_type_of_labels(few, dtype):
    X, y, _ = few
    assert_array_equal(quick().fit(X, y.astype(dtype)).predict_proba(X), quick().fit(X, y).predict_proba(X))


def test_probabilities_for_labels(few):
    X, y, _ = few
    hard = quick().fit(X, y)
    for targets in (one_hot(y), one_hot(y).astype(np.float32), one_hot(y).astype(int)):
        assert_array_equal(quick().fit(X, targets).predict_proba(X), hard.predict_proba(X))
    even = quick(max_epochs=300).fit(X, np.full((15, 3), 1 / 3)).predict_proba(X)
    assert_allclose(even, 1 / 3, atol=0.02)


def test_classes_name_the_columns(few):
    X, y, _ = few
    names = np.array(["c", "b", "a"])
    net = quick(classes=names).fit(X, one_hot(y))
    assert_array_equal(net.classes_, names)
    assert_array_equal(net.predict(X), names[quick().fit(X, y).predict(X)])


def test_classes_may_lack_rows(few):
    X, y, _ = few
    net = quick(classes=[0, 1, 2, 3]).fit(X, y)
    assert net.predict_proba(X).shape == (15, 4)
    assert set(net.predict(X)) <= {0, 1, 2}


@pytest.mark.parametrize("targets", [[[0.5, 0.6], [0.5, 0.5]], [[-0.5, 1.5], [0.5, 0.5]]])
def test_what_is_no_probability_is_refused(targets):
    with pytest.raises(ValueError, match="must be class probabilities"):
        quick().fit([[0.0], [1.0]], targets)


def test_weights_stand_for_repeated_rows(few):
    X, y, weight = few
    repeated = quick().fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    assert_allclose(quick().fit(X, y, sample_weight=weight).predict_proba(X), repeated.predict_proba(X), rtol=1e-6)
    assert not np.allclose(quick().fit(X, y).predict_proba(X), repeated.predict_proba(X), rtol=1e-2)


def test_the_unit_of_weights_is_nothing(few):
    X, y, weight = few
    one, ten = (quick().fit(X, y, sample_weight=scale * weight).predict_proba(X) for scale in (1.0, 16.0))
    assert_allclose(one, ten, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arithmetic_is_that_of_the_rows(few, dtype):
    X, y, _ = few
    net = quick().fit(X.astype(dtype), y)
    assert {parameter.dtype for parameter in net.module_.parameters()} == {torch.as_tensor(np.empty(0, dtype)).dtype}
    assert net.predict_proba(X).dtype == dtype


def test_whole_numbers_and_tensors(few):
    X, y, _ = few
    whole = np.round(X * 10).astype(np.int64)
    expected = quick().fit(whole.astype(np.float32), y).predict_proba(whole)
    assert_array_equal(quick().fit(whole, y).predict_proba(whole), expected)
    tensors = torch.as_tensor(whole, dtype=torch.float32), torch.as_tensor(y)
    assert_array_equal(quick().fit(*tensors).predict_proba(tensors[0]), expected)


def test_frames():
    X, y = load_iris(return_X_y=True, as_frame=True)
    net = quick().fit(X, y)
    assert_array_equal(net.feature_names_in_, X.columns)
    assert_array_equal(net.predict_proba(X), quick().fit(X.to_numpy(), y).predict_proba(X.to_numpy()))
    with pytest.raises(ValueError, match="feature names"):
        net.predict(X[X.columns[::-1]])
    assert_array_equal(quick().fit(X, pd.Series(y, dtype="category")).classes_, [0, 1, 2])


def test_images(images):
    X, y = images
    net = NetworkClassifier(ConvNet(width=8, depth=2), max_epochs=60, lr=0.01, random_state=0).fit(X, y)
    assert isinstance(net.module_[1], nn.Conv2d)
    assert get_tags(net).input_tags.three_d_array
    assert net.score(X, y) > 0.9
    default = NetworkClassifier(max_epochs=1, random_state=0).fit(np.kron(X, np.ones((2, 2))), y)
    assert any(isinstance(layer, nn.Conv2d) for layer in default.module_)


@pytest.mark.parametrize("learner", [KernelRidgeClassifier(), KernelRidgeRegressor(), quick()])
def test_rows_of_another_shape_are_refused(images, learner):
    X, y = images
    fitted = clone(learner).fit(X, y)
    with pytest.raises(ValueError, match=r"rows of shape \(8, 7\) are not like those of fit, \(8, 8\)"):
        fitted.predict(X[:, :, :7])


# How it is trained


def test_the_scale_of_the_data_is_nothing(few):
    X, y, weight = few
    near, far = (quick().fit(rows, y, sample_weight=weight).predict_proba(rows) for rows in (X, 1e3 * X + 50))
    assert_allclose(near, far, rtol=1e-6)
    raw = quick(standardize=False).fit(1e3 * X + 50, y).predict_proba(1e3 * X + 50)
    assert not np.allclose(raw, far, atol=1e-2)
    assert (quick(standardize=False).fit(X, y).shift_, quick(standardize=False).fit(X, y).scale_) == (0.0, 1.0)


def test_constant_rows_are_no_division_by_zero():
    net = quick().fit(np.ones((4, 2)), [0, 1, 0, 1])
    assert_allclose(net.predict_proba(np.ones((1, 2))), 0.5, atol=0.1)


def test_random_state_fixes_everything(few):
    X, y, _ = few
    dropout = partial(_with_dropout, rate=0.5)
    nets = [quick(network=dropout, batch_size=4, random_state=seed).fit(X, y) for seed in (0, 0, 1)]
    same, again, other = (net.predict_proba(X) for net in nets)
    assert_array_equal(same, again)
    assert not np.allclose(same, other)
    free = [quick(random_state=None, max_epochs=1).fit(X, y).predict_proba(X) for _ in range(2)]
    assert not np.allclose(*free)


def _with_dropout(input_shape, n_outputs, rate):
    return nn.Sequential(
        nn.Flatten(), nn.Linear(int(np.prod(input_shape)), 16), nn.Dropout(rate), nn.Linear(16, n_outputs)
    )


@pytest.mark.parametrize("random_state", [None, 0])
def test_global_generators_stay(few, random_state):
    X, y, _ = few
    before = torch.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002
    quick(batch_size=4, random_state=random_state).fit(X, y).predict(X)
    assert_array_equal(torch.get_rng_state(), before[0])
    assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002


def test_input_is_not_changed(few):
    X, y, weight = few
    before = X.copy(), y.copy(), weight.copy()
    quick().fit(X, y, sample_weight=weight).predict(X)
    for now, then in zip((X, y, weight), before):
        assert_array_equal(now, then)


def test_batches_cover_all_rows(few):
    X, y, _ = few
    seen = []

    class Spy(nn.Linear):
        def forward(self, x):
            seen.append(len(x))
            return super().forward(x)

    quick(network=lambda shape, n: Spy(shape[0], n), batch_size=4, max_epochs=2).fit(X, y).predict(X)
    assert seen == [4, 4, 4, 3] * 3


def test_small_batches_are_drawn_anew(few):
    X, y, _ = few
    order = np.argsort(y, kind="stable")
    batches = []

    class Spy(nn.Linear):
        def forward(self, x):
            batches.append(x.detach().numpy().copy())
            return super().forward(x)

    quick(network=lambda shape, n: Spy(shape[0], n), batch_size=8, max_epochs=2).fit(X[order], y[order])
    first, second = np.concatenate(batches[:2]), np.concatenate(batches[2:])
    assert not np.array_equal(first, second)
    assert_array_equal(np.sort(first, axis=0), np.sort(second, axis=0))


def test_a_step_that_is_too_large_is_an_error(few):
    X, y, _ = few
    net = quick(lr=1e38, optimizer=torch.optim.SGD)
    with pytest.raises(ValueError, match=r"training diverged: lr=1e\+38 is too large; try lr=1e\+37"):
        net.fit(X.astype(np.float32), y)


def test_optimizers_and_callbacks_are_those_of_torch_and_skorch(few, capsys):
    X, y, _ = few
    decay = partial(torch.optim.SGD, momentum=0.9, weight_decay=10.0)
    net = quick(optimizer=decay).fit(X, y)
    assert_allclose(net.predict_proba(X), 1 / 3, atol=0.05)
    stop = EarlyStopping(monitor="train_loss", patience=2, threshold=0.5, sink=print)
    net = quick(callbacks=[LRScheduler("StepLR", step_size=1, gamma=0.0), stop], verbose=1).fit(X, y)
    assert len(net.history) == 3
    assert "train_loss" in capsys.readouterr().out
    assert net.history[1, "train_loss"] == net.history[2, "train_loss"] < net.history[0, "train_loss"]


def test_it_is_quiet(few, capsys):
    quick().fit(*few[:2]).fit(*few[:2])
    out, err = capsys.readouterr()
    assert not out and not err


# Augmentation


def test_images_are_changed_while_they_are_learned_from():
    X, y = np.zeros((40, 8, 8)), np.arange(40) % 2
    X[y == 0, :, :4] += 1  # what tells the classes apart is lost in a mirror
    X[y == 1, :, 4:] += 1
    assert quick(max_epochs=100).fit(X, y).score(X, y) == 1
    mirrored = quick(max_epochs=100, augmentation=Flip()).fit(X, y)
    assert np.abs(mirrored.predict_proba(X) - 0.5).max() < 0.2
    again = quick(max_epochs=100, augmentation=Flip()).fit(X, y)
    assert_array_equal(again.predict_proba(X), mirrored.predict_proba(X))


class Grey(Augmentation):
    """Images of one level, which is drawn."""

    def draw(self, generator):
        level = torch.rand((), generator=generator)
        return lambda images: torch.full_like(images, float(level))


def test_each_image_is_changed_by_itself(rng):
    seen = []

    def builder(shape, n_outputs):
        network = MLP(width=4)(shape, n_outputs)
        network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        return network

    X, y = rng.normal(size=(6, 8, 8)), np.arange(6) % 2
    NetworkClassifier(builder, max_epochs=1, augmentation=Grey(), random_state=0).fit(X, y)
    levels = seen[0].flatten(1)
    assert (levels == levels[:, :1]).all()
    assert len(levels[:, 0].unique()) == 6


def test_only_images_can_be_augmented(few):
    with pytest.raises(ValueError, match=r"rows of shape \(4,\) are no images"):
        quick(augmentation=Flip()).fit(*few[:2])


# As an estimator


def test_parameters_are_those_of_the_constructor(few):
    names = set(inspect.signature(NetworkClassifier).parameters)
    for net in (quick(), quick().fit(*few[:2])):
        assert set(net.get_params(deep=False)) == names
        assert set(net.get_params()) == names | {"network__width", "network__depth", "network__norm"}
        assert repr(net).startswith("NetworkClassifier(")
    assert net.set_params(network__width=4, lr=0.5).network.width == 4
    with pytest.raises(ValueError, match="Invalid parameter 'rate'"):
        net.set_params(rate=1)


def test_it_learns_from_scratch(few):
    X, y, _ = few
    net = quick().fit(X[:, :2], y == 0)
    assert_array_equal(net.fit(X, y).predict_proba(X), quick().fit(X, y).predict_proba(X))
    assert not hasattr(net, "partial_fit")


def test_it_survives_pickling(few, tmp_path):
    X, y, _ = few

    class Local(nn.Linear):
        """A network of a class that cannot be imported, as in a script."""

    net = quick(network=lambda shape, n: Local(shape[0], n)).fit(X, y)
    assert not hasattr(net, "optimizer_")
    copy = cloudpickle.loads(cloudpickle.dumps(net))
    assert_array_equal(copy.predict_proba(X), net.predict_proba(X))
    joblib.dump(quick().fit(X, y), tmp_path / "net")
    loaded = joblib.load(tmp_path / "net")
    assert_array_equal(loaded.predict_proba(X), quick().fit(X, y).predict_proba(X))
    assert_array_equal(loaded.fit(X, y).predict_proba(X), quick().fit(X, y).predict_proba(X))


def test_a_device_that_is_gone_is_replaced(few):
    X, y, _ = few
    net = quick().fit(X, y)
    state = net.__getstate__() | {"device": "cuda:99"}
    other = NetworkClassifier()
    with pytest.warns(UserWarning, match="device='cuda:99' is not to be had"):
        other.__setstate__(state)
    assert_array_equal(other.predict_proba(X), net.predict_proba(X))


@pytest.mark.gpu
def test_on_a_gpu(few):
    X, y, weight = few
    before = torch.cuda.get_rng_state()
    net = quick(device="cuda").fit(X, y, sample_weight=weight)
    assert_array_equal(torch.cuda.get_rng_state(), before)
    expected = quick().fit(X, y, sample_weight=weight).predict_proba(X)
    assert_allclose(net.predict_proba(X), expected, atol=1e-6)
    assert not next(net.__getstate__()["module_"].parameters()).is_cuda
    copy = cloudpickle.loads(cloudpickle.dumps(net))
    for each in (net, copy):
        assert next(each.module_.parameters()).is_cuda
    assert_allclose(copy.predict_proba(X), expected, atol=1e-6)


@pytest.mark.slow
def test_search_in_two_processes_over_a_condensing_pipeline(iris):
    condenser = KMeansCondenser(n_per_class=5, random_state=0)
    pipe = make_condensing_pipeline(StandardScaler(), condenser, quick())
    grid = {"networkclassifier__network__width": [1, 16], "networkclassifier__max_epochs": [1, 50]}
    search = GridSearchCV(pipe, grid, cv=2, n_jobs=2, error_score="raise").fit(*iris)
    assert search.best_params_ == {"networkclassifier__network__width": 16, "networkclassifier__max_epochs": 50}
    again = GridSearchCV(search.best_estimator_, {"networkclassifier__lr": [0.01]}, cv=2).fit(*iris)
    assert again.best_score_ == search.best_score_


def test_it_requests_metadata_as_others_do(iris):
    X, y = iris
    condenser, weight = KMeansCondenser(n_per_class=5, random_state=0), np.arange(1.0, 151.0)
    with sklearn.config_context(enable_metadata_routing=True):
        steps = [each.set_fit_request(sample_weight=True) for each in (condenser, quick())]
        pipe = make_condensing_pipeline(*steps).fit(X, y, sample_weight=weight)
    expected = quick().fit(*condenser, sample_weight=condenser.sample_weight_)
    assert_array_equal(pipe.predict_proba(X), expected.predict_proba(X))


def test_it_ends_a_plain_pipeline(iris):
    assert make_pipeline(StandardScaler(), quick(max_epochs=50)).fit(*iris).score(*iris) > 0.9


# Published checks


@parametrize_with_checks(
    [KernelRidgeClassifier(), KernelRidgeRegressor(), quick(network=None)],
    expected_failed_checks=lambda learner: (
        {"check_no_attributes_set_in_init": "skorch sets history_, initialized_ and virtual_params_ there"}
        if isinstance(learner, NetworkClassifier)
        else {}
    ),
)
def test_sklearn(estimator, check):
    check(estimator)
