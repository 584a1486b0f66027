"""A reader of decoders: a script that takes numpy and nothing else, and shares no code with what it is to read.

It writes the rows of a set as an array, and latents that are drawn beside them.
"""

import json
import sys
from pathlib import Path

import numpy as np


def array(description):
    entry = header[description["tensor"]]
    begin, end = (start + offset for offset in entry["data_offsets"])
    return np.frombuffer(held[begin:end], description["dtype"]).reshape(entry["shape"]).astype(float)


def fields_of(part):
    """Return the fields of a code: parts that are codes as they are, arrays, and values."""
    kinds = {"code": lambda field: field, "value": lambda field: field["value"], "array": array}
    return {name: kinds[field["kind"]](field) for name, field in part["fields"].items()}


def groups(counts):
    return np.repeat(np.arange(len(counts)), counts.astype(int))


def rectified(x, slope):
    return np.maximum(x, 0) + slope * np.minimum(x, 0)


def modulated(part, images, styles):
    """Convolve each image by a kernel of its own, pixel by pixel."""
    f = fields_of(part)
    size = f["weight"].shape[2]
    found = np.zeros((len(images), len(f["bias"]), *images.shape[2:]))
    for n, (image, style) in enumerate(zip(images, styles, strict=True)):
        kernel = f["weight"] * (f["scale_weight"] @ style + f["scale_bias"])[:, None, None]
        if f["demodulates"]:
            kernel = kernel / np.sqrt((kernel**2).sum((1, 2, 3), keepdims=True) + 1e-8)
        padded = np.pad(image, ((0, 0), (size // 2,) * 2, (size // 2,) * 2))
        for i, j in np.ndindex(*image.shape[1:]):
            found[n, :, i, j] = (kernel * padded[:, i : i + size, j : j + size]).sum((1, 2, 3)) + f["bias"]
    return found


def doubled(images):
    """Return images of twice the sides: each new pixel is three quarters of its own and a quarter of a neighbour."""
    for axis in (2, 3):
        edge = np.pad(images, [(int(a == axis),) * 2 for a in range(4)], mode="edge")
        before, own, after = (np.take(edge, range(k, k + images.shape[axis]), axis) for k in range(3))
        pairs = np.stack([0.75 * own + 0.25 * before, 0.75 * own + 0.25 * after], axis + 1)
        images = pairs.reshape(*images.shape[:axis], -1, *images.shape[axis + 1 :])
    return images


def styled(f, values):
    m, q = len(values), len(f["spread"])
    values = values.reshape(m, -1)
    offsets = np.resize(values, (m, 4 * q)) if values.shape[1] > q else np.tile(values, 4)
    if values.shape[1] > 4 * q:
        offsets = values[:, : 4 * q]
    styles = f["means"][groups(f["counts"])][:, None] + f["spread"] * offsets.reshape(m, 4, q)
    x = rectified(modulated(f["first"], np.array([f["start"]] * m), styles[:, 0]), 0.2)
    if f["unit"] is not None:
        x = x + f["unit"] * values[:, 4 * q :].reshape(x.shape)
    x = rectified(modulated(f["second"], doubled(x), styles[:, 1]), 0.2)
    x = rectified(modulated(f["third"], doubled(x), styles[:, 2]), 0.2)
    return modulated(f["last"], x, styles[:, 3])


def denoised(f, z):
    first, n = z, f["n_steps"]
    for step in range(n):
        a, b = (np.pi / 2 * (1 - k / n) for k in (step, step + 1))
        told = np.tile([g(k * a) for k in (1, 2, 4, 8) for g in (np.cos, np.sin)], (len(z), 1))
        v = decoded(f["velocity"], np.hstack([z, told]))
        x, e = np.cos(a) * z - np.sin(a) * v, np.sin(a) * z + np.cos(a) * v
        x += (1 - step / n) * (first - x) if f["skip"] else 0
        z = np.cos(b) * x + np.sin(b) * e
    return z


def drawn(f):
    n = int(f["counts"].sum())
    z = np.random.RandomState(f["seed"]).standard_normal((n, f["n_components"]))
    own = groups(f["counts"])
    return np.einsum("ni,nij->nj", z, f["roots"][own]) + f["centers"][own]


def transposed(f, x):
    (m, _, h, w), (down, across), (top, left) = x.shape, f["stride"], f["padding"]
    k, o = f["weight"].shape[2:]
    image = np.zeros((m, f["weight"].shape[1], (h - 1) * down + k, (w - 1) * across + o))
    for i, j in np.ndindex(h, w):
        image[:, :, i * down : i * down + k, j * across : j * across + o] += np.tensordot(x[:, :, i, j], f["weight"], 1)
    return image[:, :, top : image.shape[2] - top, left : image.shape[3] - left] + f["bias"][:, None, None]


def cropped(f, x):
    x = x[:, :, : f["image_shape"][1], : f["image_shape"][2]]
    return (x.transpose(0, 2, 3, 1) if f["channels_last"] else x).reshape(len(x), *f["row_shape"])


def grouped(f, x):
    vectors = np.eye(len(f["counts"])) if f["vectors"] is None else f["vectors"]
    return np.hstack([x, vectors[groups(f["counts"])]])


LAYERS = {
    "Affine": lambda f, x: x @ f["weight"].T + f["bias"],
    "Cropped": cropped,
    "Denoised": denoised,
    "Flattened": lambda f, x: x.reshape(len(x), -1),
    "Normalized": lambda f, x: x / np.sqrt((x**2).mean(1, keepdims=True) + 1e-8),
    "Rectified": lambda f, x: rectified(x, f["slope"]),
    "Rescaled": lambda f, x: f["scale"] * x + f["offset"],
    "Reshaped": lambda f, x: x.reshape(len(x), *f["shape"]),
    "StyledImages": styled,
    "TransposedConvolution": transposed,
    "WithGroups": grouped,
}


def decoded(part, given=None):
    """Return the rows of a code; those of a network inside of a layer are of what it is given."""
    kind, f = part["code"], fields_of(part)
    if kind == "Inputs":
        return given
    if kind == "PlainNumbers":
        return f["values"]
    if kind == "DrawnLatents":
        return drawn(f)
    if kind == "CodedRows":
        return np.clip(decoded(f["code"]) * f["scale"] + f["shift"], f["low"], f["high"])
    return LAYERS[kind](f, decoded(f["inputs"], given))


if __name__ == "__main__":
    held = Path(sys.argv[1]).read_bytes()
    start = 8 + int.from_bytes(held[:8], "little")
    header = json.loads(held[8:start])
    np.save(sys.argv[2], decoded(json.loads(header["__metadata__"]["skdc"])["parts"]["X"]))
    assert not {"torch", "pandas", "polars", "sklearn", "scipy", "skdc"} & set(sys.modules)
