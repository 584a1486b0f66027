"""The published checks of discrepancies find what they look for."""

import pytest
import torch

from skdc.discrepancies.aligned import SquaredL2
from skdc.discrepancies.mmd import MMD
from skdc.discrepancies.moments import MeanDistance
from skdc.utils.estimator_checks import check_discrepancy, discrepancy_checks


class Fixed(MMD):
    """Declares all that can be asked."""

    symmetric = True

    bandwidth: float = 10.0


class Shifted(Fixed):
    def between(self, p, q, generator):
        return super().between(p, q, generator) + 0.01


class Negative(Fixed):
    def between(self, p, q, generator):
        return super().between(p, q, generator) - 0.1


class Lopsided(Fixed):
    def between(self, p, q, generator):
        return super().between(p, q, generator) * (1 + q.mean()[0] ** 2)


class Heavy(Fixed):
    def between(self, p, q, generator):
        return super().between(p, q, generator) + q.weight.max()


class Ordered(Fixed):
    def between(self, p, q, generator):
        return super().between(p, q, generator) + q.values[0].square().sum()


class Rooted(Fixed):
    def between(self, p, q, generator):
        return (super().between(p, q, generator) + super().constant(p, generator)).sqrt()

    def constant(self, p, generator):
        return p.values.new_zeros(())


class Double(Fixed):
    def between(self, p, q, generator):
        return super().between(p, q, generator).double()


class Detached(Fixed):
    def between(self, p, q, generator):
        return self.within(q) - 2 * self.across(p, q).detach()


class Restless(Fixed):
    def between(self, p, q, generator):
        return super().between(p, q, generator) + torch.rand(())


class Forgetful(Fixed):
    def distance(self, p, q, generator):
        return super().distance(p, q, generator) + q.mean().square().sum()


class Repelled(Fixed):
    def between(self, p, q, generator):
        return -super().between(p, q, generator)

    nonnegative = False


class Backward(Fixed):
    def witness(self, p, q, at):
        return -super().witness(p, q, at)


class Shapeless(Fixed):
    def witness(self, p, q, at):
        return super().witness(p, q, at)[:, None]


@pytest.mark.parametrize(
    "broken, check",
    [
        (Shifted(), "zero_at_itself"),
        (Negative(), "nonnegative"),
        (Lopsided(), "symmetric"),
        (Heavy(), "weight_is_multiplicity"),
        (Ordered(), "row_order"),
        (Rooted(), "finite_at_coincidence"),
        (Double(), "dtype_follows_values"),
        (Restless(), "same_seed_same_bits"),
        (Forgetful(), "constant_is_constant"),
        (Repelled(), "least_at_the_data"),
        (Backward(), "witness"),
        (Shapeless(), "witness"),
    ],
    ids=repr,
)
def test_a_broken_discrepancy_fails_the_check(broken, check):
    with pytest.raises(AssertionError):
        dict(discrepancy_checks(broken))[check]()


def test_a_wrong_gradient_fails():
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        check_discrepancy(Detached())


@pytest.mark.parametrize("discrepancy", [Fixed(), MMD(), MeanDistance(), SquaredL2()], ids=repr)
def test_what_is_sound_passes(discrepancy):
    check_discrepancy(discrepancy)


def test_only_what_is_declared_is_asked():
    asked = {name for name, _ in discrepancy_checks(Repelled())}
    assert "symmetric" in asked
    assert not asked & {"nonnegative", "zero_at_itself"}
    assert not {name for name, _ in discrepancy_checks(SquaredL2())} & {"row_order", "weight_is_multiplicity"}
