"""Style-based generators: modulation against its formula, styles in their units, truncation, and images."""

import pytest
import torch
from sklearn.linear_model import LogisticRegression

from skdc import Condenser, GenerativeModel
from skdc.discrepancies import MMD
from skdc.generators import StyleGenerator
from skdc.generators.style import StyledConvolution
from skdc.parameterizations import Points
from skdc.parameterizations.storage import Latents
from skdc.solvers import Descent

from ..sources import row_source, seeded

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("demodulates", [True, False])
def test_a_style_is_a_kernel_of_its_own(demodulates):
    draws = seeded()
    layer = StyledConvolution(3, 5, 4, demodulates=demodulates).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draws))
    x, style = (torch.randn(shape, generator=draws, dtype=torch.float64) for shape in ((2, 3, 6, 7), (2, 4)))
    found = layer(x, style)
    for image, of_style, expected in zip(x, style, found):
        scales = layer.scale.weight @ of_style + layer.scale.bias
        kernel = layer.weight * scales[None, :, None, None]
        if demodulates:
            kernel = kernel / (kernel.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        outputs = torch.nn.functional.conv2d(image[None], kernel, layer.bias, padding=1)[0]
        torch.testing.assert_close(outputs, expected)


def test_outputs_of_noise_have_unit_variance_whatever_the_style():
    draws = seeded()
    layer = StyledConvolution(8, 6, 4)
    x = torch.randn(64, 8, 16, 16, generator=draws)
    style = 100 * torch.randn(1, 4, generator=draws).expand(64, -1)
    inner = layer(x, style)[:, :, 1:-1, 1:-1]
    torch.testing.assert_close(inner.var((0, 2, 3)), torch.ones(6), rtol=0.1, atol=0)


QUICK = StyleGenerator(n_components=8, width=4, n_steps=30, n_search_steps=50)


def quick(**parameters):
    return StyleGenerator(**QUICK.get_params() | parameters)


@pytest.fixture
def images(digits):
    """Return what makes a source of digits, anew for each fit, as draws go on from where the last came to."""
    return lambda: row_source(digits[0][:300].reshape(-1, 8, 8), digits[1][:300], dtype=torch.float32)


def test_styles_are_in_units_of_their_spread_about_their_class(images):
    live = quick().fit(images(), seeded())
    key = torch.arange(10).repeat_interleave(2000)
    z = live.draw(key, seeded(1))
    assert z.shape == (20000, 4, 8) and (z == z[:, :1]).all(), "random rows have one style in all layers"
    z = z[:, 0].unflatten(0, (10, -1))
    assert z.mean(1).abs().max() < 0.2
    torch.testing.assert_close(z.var(1).mean(0), torch.ones(8), rtol=0.1, atol=0)


def test_all_spaces_draw_the_same_images(images):
    key = torch.tensor([3, 0, 3, 9])
    lives = [quick(latents=space).fit(images(), seeded()) for space in ("styles", "inputs", "both")]
    first, *others = (live.decode(live.draw(key, seeded(1)), key) for live in lives)
    for rows in others:
        torch.testing.assert_close(rows, first)
    # Both: the styles of four layers, and 4 x 4 feature maps of 2 x 2 pixels.
    assert [live.latent_shape for live in lives] == [(4, 8), (8,), (4 * 8 + 16 * 2 * 2,)]
    assert lives[2].n_bytes() == lives[0].n_bytes() + 4 == 4 * quick(latents="both").n_numbers((8, 8), 10)


def test_feature_maps_are_moved_in_units_of_their_spread(images):
    live = quick(latents="both").fit(images(), seeded())
    network, key = live._network, torch.tensor([4, 7])
    z = live.draw(key, seeded(1))
    moved = torch.randn(2, 16, 2, 2, generator=seeded(2))
    found = live.decode(torch.cat([z[:, :32], moved.flatten(1)], dim=1), key)

    styles = network.mean[key][:, None] + network.spread * z[:, :32].reshape(2, 4, 8)
    x = torch.nn.functional.leaky_relu(network.layers[0](network.start.expand(2, -1, -1, -1), styles[:, 0]), 0.2)
    x = x + live._unit * moved
    for place in (1, 2):
        x = torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = torch.nn.functional.leaky_relu(network.layers[place](x, styles[:, place]), 0.2)
    torch.testing.assert_close(found, network.colours(x, styles[:, 3])[:, 0])

    many = torch.arange(10).repeat(100)
    features = network.features(network.styles(torch.randn(1000, 8, generator=seeded(3)), many))
    torch.testing.assert_close(live._unit, features.std(), rtol=0.1, atol=0)


def test_feature_maps_come_nearer_to_rows_than_styles(images):
    X, key = images().rows.X[:30] / images().spread, images().rows.key[:30]
    errors = []
    for space in ("styles", "both"):
        live = quick(latents=space, n_steps=100, n_search_steps=100).fit(images(), seeded())
        errors.append((live.decode(live.encode(X, key), key) - X).square().mean())
    assert errors[1] < 0.7 * errors[0]


@pytest.mark.parametrize("space", ["styles", "inputs"])
def test_truncation_draws_styles_to_the_mean_of_their_class(space, images):
    key = torch.arange(10)
    whole, half = (quick(latents=space, truncation=share).fit(images(), seeded()) for share in (1.0, 0.5))
    networks = whole._network, half._network
    assert all(torch.equal(a, b) for a, b in zip(networks[0].parameters(), networks[1].parameters()))
    z = torch.randn(10, 8, generator=seeded(1))
    styles = networks[0].styles(z, key)
    shrunk = networks[0].mean + 0.5 * (styles - networks[0].mean)
    expected = networks[0].images(shrunk[:, None].expand(-1, 4, -1)).reshape(-1, 8, 8)
    torch.testing.assert_close(half.decode(half.draw(key, seeded(1)), key), expected)


def test_latents_of_rows_are_searched_for(images):
    live = quick(n_steps=100, n_search_steps=200).fit(images(), seeded())
    X, key = images().rows.X[:50] / images().spread, images().rows.key[:50]
    start = quick(n_steps=100, n_search_steps=0).fit(images(), seeded())
    errors = [(part.decode(part.encode(X, key), key) - X).square().mean() for part in (live, start)]
    assert errors[0] < 0.8 * errors[1]
    assert not live.encodes


def test_random_images_teach_digits(digits):
    X, y = digits
    keep = y < 3
    X, y = X[keep].reshape(-1, 8, 8), y[keep]
    part = StyleGenerator(n_components=8, width=8, n_steps=150)
    drawn, labels = GenerativeModel(part, random_state=0).fit(X[::2], y[::2]).sample(300)
    model = LogisticRegression(max_iter=1000).fit(drawn.reshape(len(drawn), -1), labels)
    assert model.score(X[1::2].reshape(-1, 64), y[1::2]) > 0.8


@pytest.mark.parametrize("space, n_numbers", [("styles", 32), ("both", 32 + 64)])
def test_points_are_kept_as_styles(space, n_numbers, digits):
    points = Points(Latents(quick(latents=space)))
    X, y = digits[0][:200].reshape(-1, 8, 8), digits[1][:200]
    fitted = Condenser(MMD(), points, Descent(n_steps=3), n_per_class=2, random_state=0).fit(X, y)
    assert fitted.X_syn_.shape == (20, 8, 8)
    own, shared = (points.storage.n_bytes(n, (8, 8), 8, 10) for n in (20, 0))
    assert own - shared == 20 * n_numbers * 8
    assert fitted.storage_["shared_bytes"] == 0, "as few rows take less than the decoder"


@pytest.mark.parametrize("shape", [(9, 10), (3, 12, 11), (11, 12, 3)])
def test_images_of_any_layout_and_side(shape, rng):
    live = quick(n_steps=1).fit(row_source(rng.normal(size=(12, *shape)), dtype=torch.float32), seeded())
    key = torch.zeros(2, dtype=torch.int64)
    assert live.decode(live.draw(key, seeded()), key).shape == (2, *shape)


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"latents": "w"}, "latents must be 'styles', 'inputs' or 'both'"),
        ({"truncation": 0.0}, r"truncation in \(0, 1\]"),
        ({"truncation": 1.5}, r"truncation in \(0, 1\]"),
        ({"width": 0}, "width must be at least 1"),
        ({"penalty": -1.0}, "penalty not negative"),
        ({"n_steps": 0}, "n_components, n_steps, batch_size must be at least 1"),
        ({"step_size": 1e300, "n_steps": 9}, "has not converged"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(parameters, message, rng):
    with pytest.raises(ValueError, match=rf"(?s)StyleGenerator\(.*{message}"):
        quick(**parameters).fit(row_source(rng.normal(size=(9, 8, 8))), seeded())


def test_tables_have_no_pixels(iris):
    with pytest.raises(ValueError, match="StyleGenerator needs images, but rows of shape"):
        GenerativeModel(StyleGenerator()).fit(*iris)


def test_slopes_at_the_data_are_penalised(images):
    free, held = (quick(penalty=penalty, n_steps=20).fit(images(), seeded()) for penalty in (0.0, 10.0))
    key = torch.arange(10)
    z = torch.zeros(10, 4, 8)
    assert (free.decode(z, key) - held.decode(z, key)).abs().max() > 1e-3
