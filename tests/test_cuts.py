"""Pieces of near rows, and numbers shared out over them."""

import numpy as np
import pytest
import torch

from skdc.sources import near_pieces, shared_out, sparse_rows

from .sources import seeded


def clusters(rng, n, d=8):
    """Return rows of clusters of uneven masses and spreads."""
    centers, spread = 3 * rng.normal(size=(7, d)), rng.uniform(0.3, 1.5, 7)
    c = rng.choice(7, n, p=np.arange(1, 8) / 28)
    return centers[c] + spread[c, None] * rng.normal(size=(n, d))


class TestPieces:
    @pytest.mark.parametrize("sparse", [False, True])
    def test_they_are_disjoint_cover_all_and_are_no_larger_than_asked(self, rng, sparse):
        X = clusters(rng, 1001)
        weight = rng.exponential(size=1001) ** 3
        values = sparse_rows(X, torch.float64) if sparse else torch.as_tensor(X)
        pieces = near_pieces(values, torch.as_tensor(weight), 150, 1 / 9, seeded())
        assert np.array_equal(np.sort(np.concatenate([piece.rows for piece in pieces])), np.arange(1001))
        for rows, followers in pieces:
            assert len(rows) == 1 or (len(rows) <= 150 and weight[rows].sum() <= weight.sum() / 9)
            assert not len(followers)

    def test_rows_of_a_piece_are_near(self, rng):
        X = clusters(rng, 1001)
        pieces = near_pieces(torch.as_tensor(X), torch.ones(1001).double(), 130, 1.0, seeded())
        within = sum(((X[rows] - X[rows].mean(0)) ** 2).sum() for rows, _ in pieces)
        assert within < 0.4 * ((X - X.mean(0)) ** 2).sum()

    def test_on_a_line_they_are_intervals_of_equal_mass_cut_at_weighted_medians(self, rng):
        x, weight = rng.permutation(64.0 * np.arange(64))[:, None], np.ones(64)
        weight[x[:, 0] < 64 * 16] = 3  # the mass of the first quarter equals that of the others
        pieces = near_pieces(torch.as_tensor(x), torch.as_tensor(weight), 64, 1 / 4, seeded())
        found = sorted((x[rows].min() / 64, x[rows].max() / 64) for rows, _ in pieces)
        assert found == [(0, 7), (8, 15), (16, 39), (40, 63)]

    def test_others_follow_on_the_same_side_of_the_cuts(self):
        x, others = torch.arange(32.0)[:, None], torch.arange(-8.0, 40.0, 0.25)[:, None]
        pieces = near_pieces(x, torch.ones(32).double(), 8, 1.0, seeded(), followers=others)
        assert np.array_equal(np.sort(np.concatenate([piece.followers for piece in pieces])), np.arange(len(others)))
        for rows, followers in pieces:
            middle = [f for f in followers if 0 <= others[f, 0] <= 31]
            assert x[rows].min() - 1 < others[middle].min() and others[middle].max() < x[rows].max() + 1

    def test_no_piece_has_fewer_followers_than_rows(self):
        x = torch.arange(32.0)[:, None]
        others = torch.cat([torch.zeros(30, 1), 31 * torch.ones(10, 1)])
        pieces = near_pieces(x, torch.ones(32).double(), 8, 1.0, seeded(), followers=others)
        assert all(len(piece.rows) <= len(piece.followers) for piece in pieces)
        assert sum(len(piece.rows) for piece in pieces) == 32

    def test_equal_rows_are_cut_too(self):
        pieces = near_pieces(torch.zeros(101, 3), torch.ones(101).double(), 10, 1.0, seeded())
        assert max(len(piece.rows) for piece in pieces) <= 10


class TestShares:
    def test_they_add_up_and_are_proportional_but_for_rounding(self, rng):
        mass, most = rng.exponential(size=101), np.full(101, 1001)
        shares = shared_out(1000, mass, most)
        assert shares.sum() == 1000
        assert (np.abs(shares - 1000 * mass / mass.sum()) < 1).all()

    def test_none_is_above_its_most_and_the_rest_goes_to_the_others(self):
        assert shared_out(10, np.array([8.0, 1.0, 1.0]), np.array([4, 9, 9])).tolist() == [4, 3, 3]
        assert shared_out(7, np.array([0.0, 5.0]), np.array([9, 4])).tolist() == [3, 4]
        assert shared_out(13, np.array([1.0, 1.0, 1.0]), np.array([5, 4, 4])).tolist() == [5, 4, 4]
