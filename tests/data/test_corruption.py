"""Noise and masks: seeded, of the right size and place, and the same for every library."""

import numpy as np
import pytest

from helpers import LIBRARIES, to_library, to_numpy
from hopfield.analysis import gaussian_noise, hidden_pixels, mask


def test_noise_has_the_variance_and_no_mean():
    images = np.full((200, 500), 0.3)
    noise = gaussian_noise(images, 0.25, seed=0) - images
    # Standard errors over 1e5 independent numbers: 0.5/sqrt(1e5) and 0.25 sqrt(2/1e5).
    assert abs(noise.mean()) < 5 * 0.5 / 1e5**0.5
    assert abs(noise.var() - 0.25) < 5 * 0.25 * (2 / 1e5) ** 0.5
    assert abs(np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1]) < 5 / 1e5**0.5


def test_noise_is_seeded():
    images = np.zeros((3, 4))
    same = [gaussian_noise(images, 1.0, seed=seed) for seed in (7, np.int64(7), np.random.default_rng(7))]
    assert all(np.array_equal(same[0], other) for other in same)
    assert not np.array_equal(same[0], gaussian_noise(images, 1.0, seed=8))
    generator = np.random.default_rng(7)
    first, second = (gaussian_noise(images, 1.0, seed=generator) for _ in range(2))
    assert not np.array_equal(first, second)


def test_noise_leaves_the_images_as_they_are():
    images = np.full((2, 3), 0.5)
    gaussian_noise(images, 1.0, clip=(0.0, 1.0), seed=0)
    mask(images, (1, 3), "left")
    assert (images == 0.5).all()


def test_clipping_bounds_the_noise_and_nothing_else():
    images = np.full(1000, 0.5)
    free, clipped = (gaussian_noise(images, 0.2, clip=clip, seed=0) for clip in (None, (0.0, 1.0)))
    assert free.min() < 0 < 1 < free.max()
    assert np.array_equal(np.clip(free, 0, 1), clipped)


def test_no_variance_is_no_noise():
    assert np.array_equal(gaussian_noise(np.ones(3), 0.0, seed=0), np.ones(3))


@pytest.mark.parametrize(
    ("side", "rows"),
    [
        ("bottom", [[1, 2, 3], [4, 5, 6], [0, 0, 0]]),
        ("top", [[0, 0, 0], [4, 5, 6], [7, 8, 9]]),
        ("left", [[0, 2, 3], [0, 5, 6], [0, 8, 9]]),
        ("right", [[1, 2, 0], [4, 5, 0], [7, 8, 0]]),
    ],
)
def test_mask_hides_a_side(side, rows):
    image = np.arange(1.0, 10.0)
    assert mask(image, (3, 3), side, 1 / 3).reshape(3, 3).tolist() == rows
    channels = np.stack([image, image + 10, image + 20]).reshape(-1)
    masked = mask(channels, (3, 3, 3), side, 1 / 3, value=-1.0).reshape(3, 3, 3)
    hidden = np.asarray(rows) == 0
    assert (masked[:, hidden] == -1).all()
    assert np.array_equal(masked[:, ~hidden], channels.reshape(3, 3, 3)[:, ~hidden])


@pytest.mark.parametrize(
    ("fraction", "count"), [(0, 0), (0.1, 0), (0.125, 1), (0.5, 2), (0.6, 2), (0.625, 3), (0.9, 4), (1, 4)]
)
def test_fractions_go_to_the_nearest_row(fraction, count):
    assert hidden_pixels((4, 5), "bottom", fraction).sum() == 5 * count


def test_batches_keep_their_axes():
    images = np.ones((2, 3, 4))
    assert mask(images, (2, 2)).shape == gaussian_noise(images, 0.1, seed=0).shape == (2, 3, 4)
    assert (mask(images, (2, 2)) == [1, 1, 0, 0]).all()


def test_every_library_gives_the_same(library, dtype):
    host = np.linspace(0, 1, 24).reshape(2, 12).astype(dtype)
    images = to_library(host, library)
    for corrupt in (
        lambda x: gaussian_noise(x, 0.1, clip=(0.0, 1.0), seed=3),
        lambda x: gaussian_noise(x, 0.1, seed=np.random.default_rng(3)),
        lambda x: mask(x, (3, 4), "left", 0.5, value=0.25),
    ):
        found = corrupt(images)
        assert type(found) is type(images)
        assert found.dtype == images.dtype
        assert np.array_equal(to_numpy(found), corrupt(host))


def test_integers_become_floats():
    assert mask(np.array([[1, 2]]), (1, 2), "right").dtype == np.float64
    assert gaussian_noise([0, 255], 1.0, seed=0).dtype == np.float64


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: gaussian_noise(x, -1.0, seed=0), ValueError, "variance must be >= 0"),
        (lambda x: gaussian_noise(x, 0.1, clip=(1, 0), seed=0), ValueError, "least < largest"),
        (lambda x: gaussian_noise(x, 0.1, seed=None), TypeError, "seed must be a whole number"),
        (lambda x: gaussian_noise(x, 0.1, seed=-1), TypeError, "seed must be a whole number"),
        (lambda x: gaussian_noise(x, 0.1, seed=0.5), TypeError, "seed must be a whole number"),
        (lambda x: mask(x, (2, 3)), ValueError, r"have 6 pixels, but images \(2, 4\) have rows of 4"),
        (lambda x: mask(x, (4,)), ValueError, r"\(H, W\) or \(C, H, W\)"),
        (lambda x: mask(x, (2, 2), "botom"), ValueError, "Did you mean 'bottom'"),
        (lambda x: mask(x, (2, 2), fraction=50), ValueError, "from 0 .* to 1 .*, got 50"),
    ],
)
def test_bad_input_says_what_to_write(call, error, words):
    with pytest.raises(error, match=words):
        call(np.ones((2, 4)))


@pytest.mark.skipif("torch" not in LIBRARIES, reason="needs torch")
def test_gradients_pass_through():
    import torch

    x = torch.ones(4, dtype=torch.float64, requires_grad=True)
    mask(gaussian_noise(x, 0.1, seed=0), (2, 2)).sum().backward()
    assert x.grad.tolist() == [1, 1, 0, 0]
