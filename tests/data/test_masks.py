"""Masks and binary noise: what is hidden, how often, and in which channels."""

import numpy as np
import pytest

from helpers import to_library, to_numpy
from hopfield.analysis import border_mask, corrupt, flip_bits, gaussian_noise, occlude, random_mask, salt_and_pepper
from hopfield.data import CUES

SHAPE = (3, 8, 8)
COLOUR = np.full((50, 192), 0.5)


def test_folded_noise_is_the_absolute_value():
    images = np.full(2000, 0.1)
    plain, folded = (gaussian_noise(images, 0.25, fold=fold, seed=3) for fold in (False, True))
    assert plain.min() < 0
    assert np.array_equal(np.abs(plain), folded)
    both = gaussian_noise(images, 0.25, fold=True, clip=(0, 1), seed=3)
    assert np.array_equal(np.clip(folded, 0, 1), both)


def test_a_random_mask_hides_all_channels_of_a_pixel():
    hidden = random_mask(COLOUR, SHAPE, 0.3, seed=0).reshape(50, 3, 64) == 0
    assert (hidden == hidden[:, :1]).all()
    assert not np.array_equal(hidden[0], hidden[1])
    # 50 * 64 independent pixels: standard error sqrt(0.3 * 0.7/3200).
    assert abs(hidden.mean() - 0.3) < 5 * (0.21 / 3200) ** 0.5


@pytest.mark.parametrize(("fraction", "seen"), [(0, 8), (0.1, 8), (0.25, 6), (0.5, 4), (0.7, 4), (1, 0)])
def test_a_border_leaves_the_middle(fraction, seen):
    kept = border_mask(COLOUR[0], SHAPE, fraction).reshape(SHAPE) > 0
    assert kept.sum() == 3 * seen * seen
    if seen:
        edge = (8 - seen) // 2
        assert kept[:, edge : 8 - edge, edge : 8 - edge].all()


def test_a_patch_is_a_rectangle_somewhere_in_each_image():
    hidden = occlude(COLOUR, SHAPE, 0.25, seed=0).reshape(50, *SHAPE) == 0
    assert (hidden.sum(axis=(2, 3)) == 16).all()
    places = {tuple(np.argwhere(one[0])[0]) for one in hidden}
    assert len(places) > 5
    for one in hidden[:, 0]:
        rows, columns = np.flatnonzero(one.any(axis=1)), np.flatnonzero(one.any(axis=0))
        assert len(rows) == len(columns) == 4
        assert one[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()


def test_salt_and_pepper_come_alike():
    found = salt_and_pepper(np.full(100_000, 0.5), 0.2, (-1.0, 2.0), seed=0)
    for value in (-1.0, 2.0):
        assert abs((found == value).mean() - 0.1) < 5 * (0.09 / 1e5) ** 0.5
    assert set(np.unique(found)) == {-1.0, 0.5, 2.0}


@pytest.mark.parametrize("values", [(-1.0, 1.0), (0.0, 1.0)])
def test_flips_exchange_the_two_values(values):
    patterns = np.random.default_rng(0).choice(values, (100, 500))
    flipped = flip_bits(patterns, 0.1, seed=1)
    changed = flipped != patterns
    assert set(np.unique(flipped)) == set(values)
    assert abs(changed.mean() - 0.1) < 5 * (0.09 / 5e4) ** 0.5
    assert np.array_equal(flip_bits(patterns, 1.0, seed=1), sum(values) - patterns)


@pytest.mark.parametrize("cue", CUES)
def test_every_cue_is_seeded_and_the_same_on_every_library(cue, library):
    host = np.random.default_rng(0).integers(0, 2, (3, 2, 12)).astype("float32")
    images = to_library(host, library)
    first, again = (corrupt(images, (3, 4), cue, 0.5, seed=5) for _ in range(2))
    assert type(first) is type(images)
    assert first.dtype == images.dtype
    assert np.array_equal(to_numpy(first), to_numpy(again))
    assert np.array_equal(to_numpy(first), corrupt(host, (3, 4), cue, 0.5, seed=5))
    assert np.array_equal(to_numpy(images), host)
    assert (cue == "none") == np.array_equal(to_numpy(first), host)


def test_the_published_mask_rounds_the_kept_rows_down():
    hidden = corrupt(np.ones(28), (28, 1), "published mask", 0.1, seed=0) == 0
    assert hidden.sum() == 28 - int(28 * 0.9)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: flip_bits(np.array([0.0, 0.5, 1.0]), 0.1, seed=0), "these have 3, from 0 to 1"),
        (lambda: random_mask(COLOUR, SHAPE, 1.5, seed=0), "got 1.5"),
        (lambda: occlude(COLOUR, (8, 8), 0.5, seed=0), r"have 64 pixels, but images \(50, 192\)"),
        (lambda: border_mask(COLOUR, (192,), 0.5), r"\(H, W\) or \(C, H, W\)"),
        (lambda: salt_and_pepper(COLOUR, -0.1, seed=0), "got -0.1"),
        (lambda: corrupt(COLOUR, SHAPE, "nose", 0.1, seed=0), "Did you mean 'noise'"),
    ],
)
def test_bad_input_says_what_to_write(call, words):
    with pytest.raises(ValueError, match=words):
        call()
