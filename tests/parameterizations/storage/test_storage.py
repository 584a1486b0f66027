"""Storages: each alone and inside others, and how often a fit decodes them."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.naive_bayes import GaussianNB
from torch.testing import assert_close

from skdc import Condenser
from skdc.discrepancies import MMD, Cosine, QuantizationError, SquaredL2, Wasserstein
from skdc.exceptions import PartsError
from skdc.learners import AlternatingNetworks
from skdc.networks import MLP
from skdc.parameterizations import Points
from skdc.parameterizations.storage import (
    Codec,
    Edits,
    Fixed,
    Free,
    Hallucinated,
    LowRank,
    LowResolution,
    NeuralFields,
    Palette,
    RealRows,
    SparseCodes,
)
from skdc.solvers import Barycenter, Descent, LeastSquares, Lloyd, PrivateDescent
from skdc.spaces import KernelRidgePredictions, NetworkGradients

from ...sources import row_source, seeded

SIZES = np.array([3, 0, 5])
PLACES = torch.tensor([6, 0, 0, 3])
SMALL = {"factor": 2, "image_shape": (4, 6)}
STORAGES = [
    Free(),
    Fixed(),
    Edits(0.1),
    LowRank(3),
    LowResolution(**SMALL),
    Edits(0.1, inner=LowRank(3)),
    Edits(0.1, inner=LowResolution(**SMALL)),
    Edits(0.1, inner=Edits(0.2)),
    LowResolution(**SMALL, inner=Fixed()),
    LowResolution(**SMALL, inner=LowRank(3)),
    LowRank(3, inner=Fixed()),
    LowRank(3, inner=LowResolution(**SMALL)),
    LowRank(3, inner=LowResolution(**SMALL, inner=Edits(0.1))),
    NeuralFields(width=4, image_shape=(4, 6)),
    LowResolution(**SMALL, inner=NeuralFields(width=3, depth=1, channels="first")),
    LowRank(3, inner=NeuralFields(width=3, image_shape=(4, 6))),
    Palette(5, image_shape=(4, 6)),
    Palette(5, image_shape=(2, 4, 3), channels="last", inner=Fixed()),
    LowResolution(**SMALL, inner=Palette(3, channels="first")),
    Hallucinated(3),
    Hallucinated(4, inner=LowResolution(**SMALL)),
    LowResolution(**SMALL, inner=Hallucinated(8)),
    Edits(0.1, inner=Hallucinated(3)),
    SparseCodes(6, 2, patch=3, image_shape=(4, 6)),
    LowResolution(**SMALL, inner=SparseCodes(4, 1, patch=2, channels="first")),
]
each_storage = pytest.mark.parametrize("storage", STORAGES, ids=repr)


@pytest.fixture
def source(rng):
    """Return smooth images of three classes, as flat rows."""
    waves = np.sin(np.linspace(0, 3, 24) * rng.uniform(0.5, 2, (40, 1))) + 0.1 * rng.normal(size=(40, 24))
    return row_source(waves, np.repeat([0, 1, 2], [20, 4, 16]))


def built(storage, source):
    return Points(storage, labels="learned").build(source, SIZES, seeded())


def moved(codec):
    """Return a codec whose numbers have moved."""
    with torch.no_grad():
        for i, parameter in enumerate(codec.parameters()):
            parameter += torch.randn(parameter.shape, generator=seeded(i), dtype=parameter.dtype)
    return codec


@each_storage
def test_some_rows_are_those_of_the_whole(storage, source):
    codec = moved(built(storage, source).codec)
    whole, some = codec.decode(), codec.decode(PLACES)
    assert whole.shape == (8, 24)
    assert_close(some, whole[PLACES])
    assert codec.decode(PLACES[:0]).shape == (0, 24)
    parameters = [values for values in codec.parameters() if values.requires_grad]
    if parameters:
        of_whole = torch.autograd.grad(whole[PLACES].square().sum(), parameters)
        of_some = torch.autograd.grad(some.square().sum(), parameters)
        assert_close(of_some, of_whole)


@each_storage
def test_a_part_of_a_live_set_is_that_of_the_whole(storage, source):
    live = built(storage, source)
    whole, some = live().take(PLACES), live(PLACES)
    for name, values in vars(some).items():
        assert_close(values, getattr(whole, name))


@each_storage
def test_what_is_encoded_is_as_if_it_were_built(storage, source):
    live, rows, real = built(storage, source), source.rows.X / source.spread, RealRows(source, source.spread)
    codec = moved(storage.build(rows[:8].clone(), live.key, real, seeded()))
    with torch.no_grad():
        codec.encode(rows[-8:])
    fresh = storage.build(rows[-8:], live.key, real, seeded())
    assert_close(codec.decode(), fresh.decode())


@each_storage
def test_a_pickle_goes_on_from_the_same_numbers(storage, source):
    live = built(storage, source)
    codec = moved(live.codec)
    assert torch.equal(pickle.loads(pickle.dumps(codec)).decode(), codec.decode())
    other = storage.build(source.rows.X[-8:], live.key, live._units.real(source), seeded())
    other.load_state_dict(codec.state_dict())
    assert torch.equal(other.decode(), codec.decode())


def test_small_images_of_low_rank_are_enlarged_combinations(source):
    live, small = (built(LowResolution(**SMALL, inner=inner), source) for inner in (LowRank(3), None))
    X = small.codec.small.decode().detach().flatten(1).numpy()
    left, values, right = np.linalg.svd(X, full_matrices=False)
    with torch.no_grad():
        small.codec.small.values.copy_(torch.as_tensor((left[:, :3] * values[:3]) @ right[:3]).view(8, 1, 2, 3))
    assert_close(live.codec.decode(), small.codec.decode())


def test_edits_inside_show_once_they_are_large(source):
    codec = built(Edits(0.5, inner=LowResolution(**SMALL)), source).codec
    start = codec.decode().detach().clone()
    with torch.no_grad():
        codec.moves.small.values[0, 0, 0, 0] = 0.6
    change = codec.decode().detach() - start
    assert (change != 0).sum() == 1, "the corner is as large as its small pixel, its neighbours are smaller"
    assert change[0, 0] == pytest.approx(0.6)


def test_a_fixed_basis_stays_and_its_combinations_move(source):
    codec = built(LowRank(3, inner=Fixed()), source).codec
    assert [name for name, values in codec.named_parameters() if values.requires_grad] == ["combinations"]


def test_a_set_of_which_nothing_moves_is_refused(iris):
    for labels in ({"labels": "hard"}, {"labels": "teacher", "teacher": GaussianNB()}):
        with pytest.raises(PartsError, match=r"storage=Fixed\(\).*nothing would move; use labels='learned'"):
            Condenser(MMD(), Points(Fixed(), **labels), n_per_class=2).fit(*iris)
    with pytest.raises(PartsError, match="nothing would move"):
        Condenser(MMD(), Points(Edits(inner=Fixed())), n_per_class=2).fit(*iris)


def test_continuous_targets_of_fixed_rows_move(rng):
    live = Points(Fixed()).build(
        row_source(rng.normal(size=(9, 2)), np.arange(9.0), regression=True), np.array([4]), seeded()
    )
    assert [name for name, values in live.named_parameters() if values.requires_grad] == ["targets.values"]


@pytest.mark.parametrize("storage", ["free", Free, MMD()], ids=repr)
def test_what_is_no_storage_is_refused(storage, iris):
    with pytest.raises(TypeError, match=r"storage=.*skdc.parameterizations.storage import Free"):
        Condenser(MMD(), Points(storage)).fit(*iris)
    with pytest.raises(TypeError, match=r"inner=.*skdc.parameterizations.storage import Free"):
        Condenser(MMD(), Points(LowRank(1, inner=storage))).fit(*iris)


# How often rows are decoded, and who sees them


class CountingCodec(Codec):
    """Free rows that count how often they are asked for."""

    def __init__(self, X):
        super().__init__()
        self.values, self.n_decodes = torch.nn.Parameter(X), 0

    def decode(self, places=None):
        """Return the rows."""
        self.n_decodes += 1
        return self.values if places is None else self.values[places]

    def encode(self, X):
        """Move to other rows."""
        self.values.copy_(X)

    def project(self, low, high):
        """Cut off."""
        self.values.clamp_(low, high)


class Counting(Free):
    """A storage that counts how often it is decoded."""

    def build(self, X, key, source, generator):
        """Return the rows."""
        return CountingCodec(X)


class SlowCodec(CountingCodec):
    """Rows with a step size of their own."""

    def groups(self):
        """Return them with a step size of nothing."""
        return [{"params": [self.values], "lr": 0.0}]


class Slow(Free):
    """Rows that do not move."""

    def build(self, X, key, source, generator):
        """Return the rows."""
        return SlowCodec(X)


def solved(solver, discrepancy, source, labels="hard", storage=None):
    generator = seeded()
    objective = discrepancy.fit(source, generator)
    live = Points(storage or Counting(), labels=labels).build(source, np.array([3, 2, 5]), generator)
    solution = solver.solve(objective, live, source, generator, lambda step, n_steps, loss: False)
    return live, solution


RIDGE = {"space": KernelRidgePredictions(kernel_rate=0.0), "by": None}


@pytest.mark.parametrize(
    "solver, discrepancy, labels, expected",
    [
        (Descent(n_steps=5), MMD(), "hard", 6),
        (Descent(n_steps=5), SquaredL2(**RIDGE), "learned", 6),
        (Descent(n_steps=5), Cosine(space=NetworkGradients(AlternatingNetworks(MLP(4, 1), n_updates=2))), "hard", 6),
        (PrivateDescent(n_steps=5), SquaredL2(**RIDGE), "learned", 6),
        (Lloyd(), QuantizationError(), "hard", 2),
        (Barycenter(), Wasserstein(), "hard", 2),
    ],
    ids=["rows", "predictions", "networks", "private", "lloyd", "barycenter"],
)
def test_rows_are_decoded_once_a_step_and_at_the_end(solver, discrepancy, labels, expected, source):
    live, _ = solved(solver, discrepancy, source, labels)
    assert live.codec.n_decodes == expected


def test_targets_that_are_solved_for_decode_rows_twice(source):
    storage = Counting()
    storage.build = lambda X, key, source, generator: CountingCodec(X).requires_grad_(False)
    live, _ = solved(LeastSquares(), SquaredL2(**RIDGE), source, "learned", storage)
    assert live.codec.n_decodes == 2


def test_what_changes_after_a_step_sees_the_set_of_the_loss(source):
    seen = {"loss": [], "after": []}

    class Watching(NetworkGradients):
        """Gradients that write down which sets they see."""

        def represent(self, real, synthetic, state):
            """Look."""
            seen["loss"].append(synthetic.X.detach().clone())
            return super().represent(real, synthetic, state)

        def after_step(self, synthetic, source, state):
            """Look again."""
            assert not synthetic.X.requires_grad
            seen["after"].append(synthetic.X)

    solved(Descent(n_steps=3), Cosine(space=Watching(AlternatingNetworks(MLP(4, 1))), by=None), source, storage=Free())
    assert len(seen["after"]) == 3
    assert all(torch.equal(*pair) for pair in zip(seen["loss"], seen["after"], strict=True))
    assert not torch.equal(seen["after"][0], seen["after"][1])


def test_rows_and_targets_are_groups_of_their_own(source):
    live = built(LowRank(3), source)
    groups = [[p.shape for p in group["params"]] for group in live.groups()]
    assert groups == [[(8, 3)], [(8, 3), (3, 24)]]
    assert [
        len(part.build(source, SIZES, seeded()).groups()) for part in (Points(), Points(Fixed(), labels="learned"))
    ] == [1, 1]


def test_a_group_may_have_a_step_size_of_its_own(source):
    start = Points(Slow()).build(source, np.array([3, 2, 5]), seeded())
    live, _ = solved(Descent(n_steps=3), SquaredL2(**RIDGE), source, "learned", Slow())
    fast, _ = solved(Descent(n_steps=3), SquaredL2(**RIDGE), source, "learned")
    assert (live().y != start().y).any()
    assert (fast().X != live().X).any()
    assert live.codec.values.grad.any() and live.codec.decode().std() > 0
    again, _ = solved(Descent(n_steps=6), SquaredL2(**RIDGE), source, "learned", Slow())
    assert torch.equal(again().X, live().X)
