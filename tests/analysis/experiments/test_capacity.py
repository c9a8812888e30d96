"""Capacity and robustness: against retrieval one query at a time, and against what must be true."""

import numpy as np
import pytest

from hopfield import UniversalHopfield
from hopfield.analysis import capacity, corrupt, robustness
from hopfield.analysis.experiments import READOUTS
from hopfield.analysis.experiments._capacity import half, stored_and_asked
from hopfield.analysis.experiments._criteria import Answers, criterion
from hopfield.analysis.experiments._fractions import fractions_recalled
from hopfield.data import Images, load
from hopfield.dynamics import backend

DIGITS = load("digits")
QUIET = {"progress": False}


@pytest.mark.parametrize(
    "similarity", ["dot", "cosine", "manhattan", "normalised(dot)", "normalised(kl)", "published(kl)"]
)
@pytest.mark.filterwarnings("ignore:UniversalHopfield")  # of what does not hold of the dynamics
@pytest.mark.parametrize("separation", ["max", "softmax(50)", "polynomial(3)", "top_k(2)"])
def test_one_pass_is_recall_one_query_at_a_time(similarity, separation):
    patterns = DIGITS.rows[:30].astype("float64")
    cues = corrupt(patterns, DIGITS.shape, "clipped noise", 0.1, seed=0)
    found = fractions_recalled(patterns, cues, similarity, [separation], ["error < 3"])
    memory = UniversalHopfield(patterns, similarity, separation, tau_memory=0.0)
    errors = [((memory.recall(cue) - pattern) ** 2).sum() for cue, pattern in zip(cues, patterns, strict=True)]
    assert found[0, 0] == np.mean(np.array(errors) < 3)


def test_chunks_change_nothing(monkeypatch):
    import hopfield.analysis.experiments._fractions as trial

    patterns = DIGITS.rows[:40]
    cues = corrupt(patterns, DIGITS.shape, "noise", 0.3, seed=0)
    whole = fractions_recalled(patterns, cues, "cosine", ["max", "softmax(9)"], ["nearest", "error < 4"])
    monkeypatch.setattr(trial, "CHUNK", 700)
    assert np.array_equal(
        fractions_recalled(patterns, cues, "cosine", ["max", "softmax(9)"], ["nearest", "error < 4"]), whole
    )


def test_scores_are_computed_once_for_all_separations_and_sizes(monkeypatch):
    from hopfield.models import Cosine

    calls, real = [], Cosine.scores
    monkeypatch.setattr(Cosine, "scores", lambda self, g: calls.append(len(g)) or real(self, g))
    capacity(DIGITS, "cosine", ["max", "identity", "softmax(9)"], sizes=[10, 20], level=0.1, runs=2, seed=0, **QUIET)
    assert calls == [20, 20]


@pytest.mark.parametrize("trap", ["none", "exact matches", "black image"])
@pytest.mark.parametrize(
    "similarity",
    [
        "cosine", "manhattan", "normalised(dot)", "normalised(kl)", "published(euclidean)", "published(kl)",
        "published(cosine)", "published(dot)",
    ],
)  # fmt: skip
def test_fewer_stored_are_as_if_they_were_alone(similarity, trap):
    patterns = DIGITS.rows[:60].copy()
    cues = corrupt(patterns, DIGITS.shape, "folded noise", 0.1, seed=0)
    if trap == "exact matches":
        cues[3:9] = patterns[40:46]  # what takes all of the sum is not always among the first
    if trap == "black image" and similarity != "normalised(dot)":  # which refuses it
        patterns[40] = 0
    rules = (similarity, ["max", "softmax(100)", "polynomial(4)"], ["nearest", "error < 3"])
    found = fractions_recalled(patterns, cues, *rules, sizes=[5, 30, 60])
    alone = [fractions_recalled(patterns[:n], cues[:n], *rules) for n in (5, 30, 60)]
    assert np.array_equal(found, alone)


def test_cells_name_the_images_and_their_shape(tmp_path):
    options = {"cue": "mask left", "level": 0.5, "sizes": [100], "runs": 2, "seed": 0, **QUIET}
    for images in (DIGITS, DIGITS._replace(images=DIGITS.images.reshape(-1, 1, 4, 16))):
        found = capacity(images, "manhattan", out=tmp_path / "cells.jsonl", **options)
        assert np.array_equal(found.fractions, capacity(images, "manhattan", **options).fractions)
    before = (tmp_path / "cells.jsonl").read_bytes()
    capacity(DIGITS, "manhattan", out=tmp_path / "cells.jsonl", **(options | {"runs": 3}))
    assert len((tmp_path / "cells.jsonl").read_bytes().splitlines()) == len(before.splitlines()) + 1  # one more run


def test_criteria_against_their_definitions(rng, dtype):
    stored = rng.random((12, 20)).astype(dtype)
    answers = (stored[[3, 5, 5]] + [[0.0], [0.1], [5.0]]).astype(dtype)
    found = Answers(answers, np.array([3, 5, 5]), stored)
    errors = ((answers - stored[[3, 5, 5]]) ** 2).sum(axis=1)
    assert np.allclose(found.errors, errors)
    nearest = ((answers[:, None] - stored) ** 2).sum(axis=-1).argmin(axis=1)
    assert found.nearest.tolist() == (nearest == [3, 5, 5]).tolist()
    assert found.exact.tolist() == [True, False, False]
    for name, threshold, inclusive in (("error < 0.2", 0.2, False), ("error <= 7.84*784/D", 7.84 * 784 / 20, True)):
        assert (
            criterion(name, 20)(found).tolist() == (errors <= threshold if inclusive else errors < threshold).tolist()
        )
    scaled = Answers(np.full((1, 1568), 0.2), np.array([0]), np.zeros((1, 1568)))  # the error is 62.72
    assert not criterion("error < 62", 1568)(scaled)[0]
    assert criterion("error < 31.4*D/784", 1568)(scaled)[0]


def test_equal_patterns_are_each_the_nearest():
    twins = np.repeat(DIGITS.rows[:3], 2, axis=0)
    assert fractions_recalled(twins, twins, "cosine", ["max"], ["nearest", "exact"]).tolist() == [[1, 1]]


def test_answers_that_are_not_finite_are_wrong():
    # A pattern of zeros makes every published score 0/0, and a soft answer with it.
    patterns = np.vstack([DIGITS.rows[:5], np.zeros((1, 64), "float32")])
    found = fractions_recalled(
        patterns, patterns, "published(dot)", ["softmax(100)"], ["nearest", "error < 50", "exact"]
    )
    assert (found == 0).all()


def test_a_black_cue_recalls_nothing_where_the_similarity_is_not_defined():
    patterns = DIGITS.rows[:4]
    cues = patterns.copy()
    cues[1] = 0
    assert fractions_recalled(patterns, cues, "normalised(dot)", ["max"], ["error < 50"]).tolist() == [[0.75]]
    assert fractions_recalled(patterns, cues, "normalised(kl)", ["max"], ["error < 50"]).tolist() == [[1]]
    with pytest.raises(ValueError, match="row 1 of patterns"):
        fractions_recalled(cues, patterns, "normalised(dot)", ["max"], ["error < 50"])
    with pytest.raises(ValueError, match="cues holds -0"):
        fractions_recalled(patterns, -patterns, "normalised(dot)", ["max"], ["error < 50"])


@pytest.mark.parametrize("readout", READOUTS)
def test_every_readout_recalls_an_easy_set(readout):
    patterns = np.eye(5) * 4
    found = fractions_recalled(patterns, patterns + 0.1, "manhattan", ["softmax(2)"], ["nearest"], readout=readout)
    assert found.tolist() == [[1]]


def test_the_median_recalls_exactly_where_the_mean_does_not():
    patterns = DIGITS.rows[:20].astype("float64")
    cues = corrupt(patterns, DIGITS.shape, "clipped noise", 0.02, seed=0)
    mean, median = (
        fractions_recalled(patterns, cues, "manhattan", ["softmax(0.4)"], ["exact"], readout=way)[0, 0]
        for way in ("recall", "update")
    )
    memory = UniversalHopfield(patterns, "manhattan", "softmax", beta=0.4, tau_memory=0.0)
    heavy = memory.weights(cues)[range(20), range(20)] > 0.5
    assert heavy.mean() > 0.5 > mean
    assert median >= heavy.mean()  # a weight above one half is enough


def test_sets_of_runs_are_disjoint_and_cues_are_shared():
    rows = np.arange(24.0).reshape(24, 1) + np.zeros(4)
    base = {"seed": 3, "stored": 5, "level": 0.5, "cue": "noise", "coding": "intensity", "block": 8}
    asked = [stored_and_asked(rows[8 * run : 8 * run + 5], (1, 2, 2), {**base, "run": run}) for run in range(3)]
    again = stored_and_asked(rows[:5], (1, 2, 2), {**base, "run": 0, "similarity": "another"})
    assert np.array_equal(asked[0][1], again[1])
    noise = [cues - patterns for patterns, cues in asked]
    assert not np.allclose(noise[0], noise[1])
    images = np.random.default_rng(0).random((12, 2, 2))
    wrong = images.copy()
    wrong[6:] = 0.5  # the second block holds one image only
    sweep = capacity(wrong, "cosine", sizes=[2, 6], cue="none", runs=2, criteria="exact", seed=0, **QUIET)
    assert sweep.fractions[0, 0, 0, :, 0, 0].tolist() == [1, 1]
    assert np.allclose(sweep.fractions[0, 0, 0, :, 0, 1], 1)  # equal patterns: the first answers, and is right


def test_cosine_recalls_every_uncorrupted_pattern_and_the_dot_product_does_not():
    sweep = capacity(DIGITS, ["cosine", "dot"], sizes=[200], cue="none", runs=3, criteria="nearest", seed=0, **QUIET)
    assert sweep.at("cosine") == 1
    assert sweep.at("dot") < 0.5


def test_more_noise_recalls_less():
    levels = (0.0, 0.05, 0.3, 2.0)
    sweep = robustness(
        DIGITS, "manhattan", cue="noise", levels=levels, size=100, runs=5, criteria="nearest", seed=0, **QUIET
    )
    means = sweep.mean.ravel()
    assert means[0] == 1
    assert (np.diff(means) < 0).all()
    assert sweep.axis == ("level", levels)
    assert np.allclose(sweep.standard_error, sweep.std / 5**0.5)


def test_heteroassociation_recalls_the_half():
    options = {"sizes": [40], "cue": "mask bottom", "level": 0.25, "runs": 2, "criteria": "exact", "seed": 0, **QUIET}
    itself, bottom = (capacity(DIGITS, "cosine", target=target, **options).mean for target in ("itself", "bottom"))
    assert itself == bottom  # the same memory wins, so the same half comes
    kept = half(DIGITS.rows[:2], DIGITS.shape, "bottom").reshape(2, 8, 8)
    assert (kept[:, :4] == 0).all()
    assert np.array_equal(kept[:, 4:], DIGITS.images[:2, 0, 4:])


def test_bipolar_random_patterns_are_recalled_by_the_classical_rule():
    images = np.zeros((60, 16, 16))
    sweep = capacity(
        images, "dot", "identity", sizes=[5, 20, 60], cue="flips", level=0.1, runs=1, criteria="exact",
        coding="bipolar random", seed=0, **QUIET,
    )  # fmt: skip
    few, some, many = sweep.mean.ravel()
    assert few == 1
    assert few >= some > many


def test_the_same_seed_gives_the_same(tmp_path):
    options = {"sizes": [10, 30], "level": 0.5, "runs": 3, **QUIET}
    one, two, other = (capacity(DIGITS, ["manhattan", "dot"], seed=seed, **options) for seed in (4, 4, 5))
    assert np.array_equal(one.fractions, two.fractions)
    assert not np.array_equal(one.fractions, other.fractions)
    written = capacity(DIGITS, ["manhattan", "dot"], seed=4, out=tmp_path / "c.jsonl", **options)
    assert np.array_equal(written.fractions, one.fractions)


@pytest.mark.slow
def test_processes_give_the_same_sweep(tmp_path):
    options = {"sizes": [10, 30], "level": 0.2, "runs": 3, "seed": 0, **QUIET}
    one = capacity(DIGITS, ["manhattan", "dot"], out=tmp_path / "one.jsonl", **options)
    two = capacity(DIGITS, ["manhattan", "dot"], out=tmp_path / "two.jsonl", jobs=2, **options)
    assert np.array_equal(one.fractions, two.fractions)
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()


def test_city_block_distances_in_threads_are_the_same(monkeypatch, rng):
    rows, others = rng.random((9, 700)), rng.random((3000, 700))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    alone = backend.cityblock(rows, others)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert np.array_equal(backend.cityblock(rows, others), alone)
    near = rng.integers(0, 3000, 9)
    assert np.allclose(alone[range(9), near], np.abs(rows - others[near]).sum(axis=1))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"runs": 20}, r"20 disjoint sets of 100 need 2000 images, and digits has 1797\. .*runs=17"),
        ({"cue": "nose"}, "Did you mean 'noise'"),
        ({"criteria": "nearst"}, "Did you mean 'nearest'"),
        ({"similarities": "manhatan"}, "Did you mean 'manhattan'"),
        ({"separations": "sofmax"}, "Did you mean 'softmax'"),
        ({"target": "half"}, "Unknown target"),
        ({"coding": "bits"}, "Unknown coding"),
        ({"readout": "guess"}, "Unknown readout"),
        ({"sizes": [0]}, "sizes must be"),
        ({"runs": 0}, "runs must be"),
        ({"level": np.nan}, "levels must be"),
        ({"level": -0.1}, "levels must be"),
        ({"similarities": []}, "at least"),
        ({"sizes": [5, 5]}, "sizes names one twice: 5, 5"),
        ({"sizes": [5000]}, "Ask for smaller sets"),
        ({"seed": -1}, "seed must be"),
        ({"readout": "update", "target": "top"}, "leave out the projection"),
    ],
)
def test_bad_input_says_what_to_write(options, words):
    arguments = {"similarities": "cosine", "sizes": [100], "runs": 1, "seed": 0, **QUIET, **options}
    with pytest.raises(ValueError, match=words):
        capacity(DIGITS, **arguments)


def test_images_must_be_images():
    with pytest.raises(ValueError, match=r"floats \(N, C, H, W\)"):
        capacity(np.zeros((5, 64)), "dot", sizes=[2], runs=1, seed=0)
    holed = np.zeros((5, 8, 8))
    holed[3, 2, 1] = np.nan
    hole = r"NaN or infinite, the first at index \(3, 2, 1\)"
    for wrong, words in ((holed, hole), (np.full((5, 8, 8), 2.0), "scale them to 0 to 1")):
        with pytest.raises(ValueError, match=words):
            capacity(wrong, "dot", sizes=[2], runs=1, seed=0)
    two = Images(DIGITS.images[:4], None, "four")
    assert capacity(two, "cosine", sizes=[2], cue="none", runs=2, seed=0, **QUIET).data == "four"


@pytest.mark.parametrize("images", [[1, [2, 3]], [[1.0], [2.0, 3.0]], np.ma.masked_array(np.ones((2, 2, 2)), True)])
def test_images_that_are_no_array_of_numbers_are_refused_in_a_sentence(images):
    with pytest.raises((TypeError, ValueError), match="images") as error:
        capacity(images, ["dot"], sizes=(1,), progress=False, seed=0)
    assert "inhomogeneous" not in str(error.value)
