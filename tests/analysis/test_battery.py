"""Every model of the catalogue under every verb of the analysis: an answer that brute force confirms, or a sentence.

A cell of the table is one call on one small memory. What comes back is held against the same network, written down
again in `battery.flows`. A cell that has no answer must refuse in words of ours; `REFUSALS` says which cells do, and
in which words, so that a refusal that is new is noticed, and an answer where there was none.
"""

import functools

import pytest

from battery.cases import BY_NAME, CASES
from battery.verbs import VERBS
from hopfield import analysis
from hopfield.models import catalogue
from hostile.verdict import judge

# Recall alone: there is no network that could be analysed.
RECALL_ONLY = {
    "sdm": "has no dynamics in time",
    "hamming": "counts bits",
    "normalised-manhattan": "is for `recall`",
    "euclidean-identity": "weights of both signs",
}
CLASSICAL = "classical-hebbian classical-bias classical-pseudo_inverse classical-storkey classical-one_way"
PREDICTIVE = "covariance-explicit covariance-implicit predictive"
OTHER_FAMILIES = f"{CLASSICAL} bidirectional hierarchical hierarchical-patterns {PREDICTIVE}"  # without a similarity
DIVERGENCES = "kl-softmax reverse_kl-softmax jeffreys-softmax jensen_shannon-softmax"
JUMPS = "dot-max euclidean-max manhattan-max manhattan-softmax"
NO_THEOREM = {
    "has neither": OTHER_FAMILIES,
    "no theorem is known for the": f"continuous_sdm cosine-softmax cosine-softmax-leaky {DIVERGENCES} learned-matrix "
    "learned-torch",
    "the theorems need softmax or max": "dense-3 dense-4-rectified dot-identity dot-sparsemax "
    "euclidean-exponential euclidean-sparsemax tied-autoencoder",
    "needs leak 1": "dot-softmax-leaky",
    "need linear value neurons": "exponential",
    "need bias 0": "modern-bias",
    "need P = M": "modern-outputs",
}
BEFORE_A_NETWORK = {  # what these verbs ask first
    "has neither": "sdm",
    "no theorem is known for the": "hamming normalised-manhattan",
    "the theorems need softmax or max": "euclidean-identity",
}
NO_SHARES = {
    "has none": f"{OTHER_FAMILIES} sdm",
    "are no shares here": "dot-identity euclidean-identity tied-autoencoder",
}
SHRINKS = {"every state shrinks to 0": "cosine-softmax-leaky"}

# Words by verb, and for each the models that refuse in them; "verb" stands for all of its options.
REFUSALS = {
    "find_fixed_points": SHRINKS,
    "basins_of_attraction": SHRINKS,
    "basin_radius": {"has no stored patterns to count": "hierarchical hierarchical-patterns", **SHRINKS},
    "basin_slice": SHRINKS,
    "polish": {"Newton's method has no derivative": JUMPS},
    "string_method": {"needs an energy": "classical-one_way"},
    "continue_fixed_points": {
        "do not lie on smooth branches": JUMPS,
        "has no setting that is a number": "hierarchical hierarchical-patterns",
        "Unknown parameter 'beta'": PREDICTIVE,
        **SHRINKS,
    },
    "landscape": {"no barriers": "classical-one_way", **SHRINKS},
    "certified_radii": [NO_THEOREM, BEFORE_A_NETWORK],
    "trapping_radii": [NO_THEOREM, {"manhattan and max reach memories exactly": JUMPS}],
    "beta_advice": [NO_THEOREM, BEFORE_A_NETWORK, {"There is advice for softmax with dot or euclidean": JUMPS}],
    "critical_beta": {
        "critical_beta is for memories with": f"{OTHER_FAMILIES} sdm",
        "critical_beta knows softmax with dot": "continuous_sdm cosine-softmax cosine-softmax-leaky dense-3 "
        f"dense-4-rectified exponential hamming manhattan-max manhattan-softmax normalised-manhattan {DIVERGENCES} "
        "learned-matrix",
        "nothing is known of the beta": "dot-max dot-sparsemax euclidean-exponential euclidean-identity "
        "euclidean-max euclidean-sparsemax tied-autoencoder",
        "is for P = M": "modern-outputs",
    },
    "effective_memories": NO_SHARES,
    "summarise": {"keeps no stored patterns": "hierarchical hierarchical-patterns"},
    "plot_overlaps": {"keeps no stored patterns": "hierarchical hierarchical-patterns"},
    "plot_recall": {"keeps no stored patterns": "hierarchical hierarchical-patterns"},
    "metastability": [NO_SHARES, {"counts bits": "hamming", "is for `recall`": "normalised-manhattan"}],
}
NEEDS_NO_NETWORK = {
    "certified_radii",
    "beta_advice",
    "critical_beta",
    "effective_memories",
    "metastability",
    "plot_recall",
}
OF_A_RUN = ["assert_energy_decreases", "check_lyapunov", "plot_overlaps", "summarise", "times_that_fit"]
NOT_OF_A_MEMORY = {
    "answers": "BasinRadius BasinSlice Basins BetaAdvice Bifurcation Branch Branches Certificates Completeness "
    "CriticalBeta Cues Diffusion EscapeRates Field FixedPoints Landscape LyapunovReport Metastability Polished "
    "RecallSummary Reproduction Result Route Rows Spectrum Strings Sweep Unseen",
    "samplers": "Box Flipped Masked Noisy Sampler Sphere",
    "of images": "border_mask corrupt flatten_images flip_bits gaussian_noise hidden_pixels load_array mask occlude "
    "random_mask salt_and_pepper",
    "of names of rules": "capacity reproduce robustness",
    "of texts": "LanguageComparison compare_language_models",
    "of functions": "energy_network velocity_network",
    "of answers": "animate disconnectivity_tree escape_rates metastable_size plot_barriers plot_basin_slice "
    "plot_bifurcation plot_disconnectivity plot_energy plot_energy_along_path plot_fixed_point_images "
    "plot_fixed_points plot_radii plot_readings plot_sweep plot_sweeps query_table recall_table "
    "save_trajectory wilson write_report",
    "of one sort of memory": "diffuse",
    "of patterns": "box_starts pattern_starts random_starts",
    "of figures": "mark_recalled new_figure open_axes",
}
# Every verb answers for these in a fast test, for the others in a broad one; where that takes long, in a slow one, as
# what JAX compiles does.
FEW = ["modern", "dot-max", "classical-hebbian", "covariance-implicit"]
LONG = {
    "basin_radius",
    "basin_slice",
    "basins_of_attraction(map)",
    "basins_of_attraction(network)",
    "continue_fixed_points",
    "landscape",
    "string_method",
}


@functools.cache
def refusals():
    """The words in which a verb refuses a model, by both names."""
    words = {}
    for verb, groups in REFUSALS.items():
        for group in groups if isinstance(groups, list) else [groups]:
            words |= {(verb, name): said for said, names in group.items() for name in names.split()}
    for verb in {v.verb for v in VERBS} - NEEDS_NO_NETWORK:
        words |= {(verb, name): said for name, said in RECALL_ONLY.items()}
    words |= {(verb, "sdm"): "has no dynamics in time" for verb in OF_A_RUN}
    return words | OPTIONS


def words_of(verb, case):
    """The words of a cell that refuses, else None."""
    return refusals().get((verb.name, case.name), refusals().get((verb.verb, case.name)))


OPTIONS = {  # by verb with its option; None where it answers though the plain call refuses
    **{
        ("basins_of_attraction(map)", name): "dt = inf has no limit"
        for name in (*DIVERGENCES.split()[1:], "covariance-explicit", "covariance-implicit", "learned-torch")
    },
    **{("plot_overlaps(weight)", name): "what a model computes" for name in OTHER_FAMILIES.split()},
    **{
        ("plot_overlaps(similarity)", name): "what a model computes"
        for name in ("bidirectional", "hierarchical", "hierarchical-patterns", *PREDICTIVE.split())
    },
    **{
        (f"basins_of_attraction({sampler})", name): "no stored patterns to make cues from"
        for sampler in ("noisy", "masked", "sphere")
        for name in ("hierarchical", "hierarchical-patterns")
    },
    ("basin_radius(state)", "hierarchical"): None,
    ("basin_radius(state)", "hierarchical-patterns"): None,
    **{("continue_fixed_points(callable)", name): None for name in PREDICTIVE.split()},
    ("continue_fixed_points(callable)", "hierarchical"): None,
    ("continue_fixed_points(callable)", "hierarchical-patterns"): None,
}


def cells():
    """Every verb with every option on every model; what refuses is quick, and always tried."""
    for verb in VERBS:
        for case in CASES:
            if case.only and verb.verb not in case.only:
                continue
            few = FEW[:2] if verb.verb in ("basin_radius", "continue_fixed_points") else FEW
            long = verb.slow or (verb.name in LONG and case.name not in few)
            answers = words_of(verb, case) is None
            marks = ()
            if case.name in ("modern-jax", "learned-torch") or (long and answers):
                marks = pytest.mark.slow
            elif answers and case.name not in FEW:
                marks = pytest.mark.broad
            yield pytest.param(verb, case, marks=marks, id=f"{verb.name}-{case.name}")


def outcome(call):
    """What a call gave, what it refused with, and the fault if it leaked an error or a warning that is not ours."""
    given, said = [], []

    def run():
        try:
            given.append(call())
        except Exception as error:
            said.append(str(error))
            raise

    return given, said, judge(run, 120.0)


@pytest.mark.parametrize(("verb", "case"), list(cells()))
def test_every_verb_on_every_model(verb, case):
    if case.name.split("-")[-1] in ("jax", "torch"):
        pytest.importorskip(case.name.split("-")[-1])
    _ = case.memory
    given, said, fault = outcome(lambda: verb.call(case))
    assert fault is None, f"{fault.kind}\n{fault.detail}"
    words = words_of(verb, case)
    if words is not None:
        assert not given, f"{verb.name} answers for {case.name}, where it was to refuse: {words}"
        assert words in said[0]
        return
    assert not said, f"{verb.name} refuses {case.name}: {said[0]}"
    verb.confirm(case, given[0])


def test_no_verb_and_no_model_is_left_out():
    tried = {verb.verb for verb in VERBS}
    others = {name for names in NOT_OF_A_MEMORY.values() for name in names.split()}
    assert tried | others == set(analysis.__all__)
    assert not tried & others
    assert {case.entry for case in CASES} - {""} == {entry.name for entry in catalogue()}


def test_every_refusal_that_is_listed_is_of_a_cell():
    names = {verb.verb for verb in VERBS} | {verb.name for verb in VERBS}
    for verb, case in refusals():
        assert verb in names, verb
        assert case in BY_NAME, case
