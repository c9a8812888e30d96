"""Hamming circles counted one by one, and the signal that a sparse distributed memory reads from them."""

import itertools
import math

import numpy as np
import pytest

from hopfield.models.circles import (
    beta_from_radius,
    circle_fraction,
    circle_intersection,
    critical_distance,
    distance_after_read,
    radius_of,
    signal_to_noise,
)


@pytest.mark.parametrize("radius", range(8))
def test_intersections_are_those_of_a_count_over_all_addresses(radius):
    n = 7
    addresses = np.array(list(itertools.product([0, 1], repeat=n)))
    first = addresses.sum(-1) <= radius
    assert circle_fraction(n, radius) == pytest.approx(first.mean(), rel=1e-13)
    for distance in range(n + 1):
        centre = np.arange(n) < distance
        second = (addresses != centre).sum(-1) <= radius
        exact = (first & second).mean()
        assert circle_intersection(n, radius, distance) == pytest.approx(exact, rel=1e-12, abs=0)


def test_large_circles_agree_with_whole_numbers():
    n, r, d = 300, 130, 77
    count = sum(
        math.comb(d, i) * sum(math.comb(n - d, j) for j in range(max(min(r - i, r - d + i), -1) + 1))
        for i in range(d + 1)
    )
    assert circle_intersection(n, r, d, log=True) == pytest.approx(math.log(count) - n * math.log(2), rel=1e-12)
    pairs = circle_intersection(64, 11, np.arange(1, 23))
    np.testing.assert_allclose(pairs[::2], pairs[1::2], rtol=1e-11)
    assert circle_intersection(64, 5, [0, 10, 11]).tolist()[-1] == 0.0
    assert circle_intersection(64, 5, 11, log=True) == -np.inf


def test_averaged_over_the_second_centre_two_circles_are_independent():
    n, r = 60, 24
    d = np.arange(n + 1)
    chance = np.array([math.comb(n, int(k)) for k in d]) / 2.0**n
    assert chance @ circle_intersection(n, r, d) == pytest.approx(circle_fraction(n, r) ** 2, rel=1e-11)


@pytest.mark.parametrize("fraction", [0.001, 0.01, 0.3, 1.0])
def test_the_radius_of_a_fraction_is_the_largest_that_fits(fraction):
    radius = radius_of(100, fraction)
    assert circle_fraction(100, radius) <= fraction
    assert radius == 100 or circle_fraction(100, radius + 1) > fraction
    assert radius_of(5, 1e-6) == 0


def test_the_softmax_of_a_radius_has_the_slope_of_the_logarithm():
    n, r = 64, 11
    distances = np.arange(r + 1)
    logs = circle_intersection(n, r, distances, log=True)
    centred = distances - distances.mean()
    slope = (centred @ logs) / (centred @ centred)
    assert beta_from_radius(n, r) == pytest.approx(-slope * n / 2, rel=1e-12)
    # Softmax weights at that beta are near the circles' own, over the distances that were fitted.
    weights = circle_intersection(n, r, distances)
    near = np.exp(beta_from_radius(n, r) * (1 - 2 * distances / n))
    gap = np.log(weights / weights.sum()) - np.log(near / near.sum())
    assert np.abs(gap[1:]).max() < 0.45
    assert np.ptp(np.log(weights)) > 5  # while the weights themselves span a factor of e^5
    # Smaller circles are sharper.
    assert beta_from_radius(n, 5) > beta_from_radius(n, 11) > beta_from_radius(n, 15)
    assert beta_from_radius(n, r, reach=3) > beta_from_radius(n, r)


def test_moments_of_the_sum_are_those_of_random_memories():
    n, r, size, patterns, distance = 40, 15, 60, 8, 4
    rng, sums = np.random.default_rng(0), []
    for _ in range(4000):
        locations = rng.choice([-1, 1], size=(size, n))
        addresses = rng.choice([-1, 1], size=(patterns, n))
        data = rng.choice([-1, 1], size=patterns)
        cue = addresses[0] * np.where(np.arange(n) < distance, -1, 1)
        written = (addresses @ locations.T >= n - 2 * r).T @ data
        sums.append(data[0] * ((locations @ cue >= n - 2 * r) @ written))
    ratio = signal_to_noise(n, r, size, patterns, distance)
    mean = size * circle_intersection(n, r, distance)
    assert np.mean(sums) == pytest.approx(mean, abs=4 * np.std(sums) / 4000**0.5)
    assert np.std(sums) == pytest.approx(mean / ratio, rel=0.06)


def test_more_patterns_and_farther_cues_are_worse():
    far = signal_to_noise(256, 109, 8000, 200, np.arange(0, 100, 10))
    assert (np.diff(far) < 0).all()
    assert signal_to_noise(256, 109, 8000, 400) < signal_to_noise(256, 109, 8000, 200)
    assert distance_after_read(256, 109, 8000, 200, 30) < distance_after_read(256, 109, 8000, 200, 50)
    critical = [critical_distance(256, 109, 8000, count) for count in (100, 200, 300, 1000)]
    assert (np.diff(critical) < 0).all()
    assert critical[-1] == 0


def test_bad_numbers_are_refused():
    with pytest.raises(ValueError, match="radius must be from 0 to 8"):
        circle_fraction(8, 9)
    with pytest.raises(ValueError, match="whole numbers from 0 to 8"):
        circle_intersection(8, 2, 9)
    with pytest.raises(ValueError, match="reach=9 is beyond"):
        beta_from_radius(20, 4, reach=9)
    with pytest.raises(ValueError, match="0 < fraction <= 1"):
        radius_of(8, 1.5)
    with pytest.raises(ValueError, match="n_patterns must be a whole number"):
        signal_to_noise(8, 2, 10, 0)
