"""ONNX files: another program computes from them what torch does."""

import sys

import numpy as np
import pytest
import torch

from skdc import GenerativeModel
from skdc.generators import (
    DiffusionGenerator,
    GivenGenerator,
    LinearGenerator,
    StyleGenerator,
    UpConvolutions,
    VariationalGenerator,
)
from skdc.kernels import Gaussian, Laplace, Linear
from skdc.learners import KernelRidgeClassifier, KernelRidgeRegressor, NetworkClassifier
from skdc.networks import MLP, ConvNet
from skdc.onnx import write_onnx

onnxruntime = pytest.importorskip("onnxruntime", reason="what writes ONNX files needs torch 2.6, and skdc itself less")


def computed(path, **inputs):
    """Return what ONNX Runtime makes of inputs."""
    (output,) = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, inputs)
    return output


@pytest.mark.parametrize("kernel", [Gaussian(), pytest.param(Laplace() + Linear(), marks=pytest.mark.slow)], ids=repr)
def test_kernel_ridge_regression(kernel, rng, tmp_path):
    X, new = rng.normal(size=(40, 3, 2)), rng.normal(size=(7, 3, 2))
    machine = KernelRidgeClassifier(kernel, regularization=1e-3).fit(X, np.arange(40) % 3)
    machine.to_onnx(tmp_path / "machine")
    np.testing.assert_allclose(computed(tmp_path / "machine", X=new), machine.decision_function(new), atol=1e-9)


def test_regression_has_its_offset(rng, tmp_path):
    X, y = rng.normal(size=(30, 2)), 100 + rng.normal(size=(30, 2))
    machine = KernelRidgeRegressor(regularization=1e-3).fit(X, y)
    machine.to_onnx(tmp_path / "machine")
    np.testing.assert_allclose(computed(tmp_path / "machine", X=X[:1]), machine.predict(X[:1]), rtol=1e-9)


@pytest.mark.parametrize(
    "network, dtype",
    [(MLP(width=5), np.float64), pytest.param(ConvNet(width=4, depth=2), np.float32, marks=pytest.mark.slow)],
)
def test_networks(network, dtype, rng, tmp_path):
    X = rng.normal(5, 3, size=(30, 8, 8)).astype(dtype)
    learner = NetworkClassifier(network, max_epochs=2, random_state=0).fit(X, np.arange(30) % 3)
    learner.to_onnx(tmp_path / "learner")
    found = computed(tmp_path / "learner", X=X.astype(np.float32))
    np.testing.assert_allclose(found, learner.predict_proba(X), atol=1e-5)


QUICK = {"n_components": 3, "n_steps": 20}


@pytest.mark.parametrize(
    "generator",
    [
        pytest.param(VariationalGenerator(**QUICK), marks=pytest.mark.slow),
        pytest.param(VariationalGenerator(**QUICK, decoder=UpConvolutions((8, 8), width=4)), marks=pytest.mark.slow),
        pytest.param(
            DiffusionGenerator(VariationalGenerator(**QUICK), network=MLP(width=8), n_diffusion_steps=3, n_steps=9),
            marks=pytest.mark.slow,
        ),
        pytest.param(StyleGenerator(**QUICK, width=2, latents="inputs"), marks=pytest.mark.slow),
        GivenGenerator(torch.nn.Sequential(torch.nn.Linear(2, 64), torch.nn.Unflatten(1, (8, 8))), (2,)),
    ],
    ids=lambda part: type(part).__name__,
)
def test_decoders(generator, digits, tmp_path):
    X, y = digits[0][:200].reshape(-1, 8, 8).astype(np.float32), digits[1][:200].astype(str)
    model = GenerativeModel(generator, random_state=0).fit(X, y)
    model.to_onnx(tmp_path / "decoder")
    Z, places = np.random.default_rng(1).normal(size=(7, *model.live_.latent_shape)), np.arange(7)
    found = computed(tmp_path / "decoder", Z=Z.astype(np.float32), y=places)
    np.testing.assert_allclose(found, model.decode(Z, model.classes_[places]), atol=2e-5)
    assert 0 == found.min() < found.max() <= 16


def test_a_decoder_without_classes(rng, tmp_path):
    X = rng.normal(100, 5, (60, 4))
    model = GenerativeModel(LinearGenerator(2), random_state=0).fit(X)
    model.to_onnx(tmp_path / "decoder")
    Z = rng.normal(size=(3, 2)).astype(np.float32)
    np.testing.assert_allclose(computed(tmp_path / "decoder", Z=Z), model.decode(Z), rtol=1e-5)


def test_what_cannot_be_exported_is_refused(iris, tmp_path):
    model = GenerativeModel(LinearGenerator(2), random_state=0).fit(*iris)
    with pytest.raises(TypeError, match="this cannot be exported to ONNX: "):
        model.to_onnx(tmp_path / "decoder")
    with pytest.raises(TypeError, match="computed for 2 rows, and for no other number"):
        write_onnx(lambda x: x.reshape(len(x) * 3).reshape(2, 3), {"x": torch.zeros(2, 3)}, "y", tmp_path / "two")
    pd = pytest.importorskip("pandas")
    frame = GenerativeModel(LinearGenerator(2), random_state=0).fit(pd.DataFrame(iris[0]).add_prefix("x"))
    with pytest.raises(ValueError, match="rows are encoded, for which ONNX has nothing"):
        frame.to_onnx(tmp_path / "decoder")
    assert not list(tmp_path.iterdir())


def test_the_extra_is_named_where_it_lacks(rng, monkeypatch, tmp_path):
    machine = KernelRidgeClassifier().fit(rng.normal(size=(9, 2)), np.arange(9) % 2)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ImportError, match=r"pip install 'skdc\[onnx\]'"):
        machine.to_onnx(tmp_path / "machine")
