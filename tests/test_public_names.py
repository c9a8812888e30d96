"""What 0.1.0 exported is still there, under the same import paths."""

import importlib

import pytest

NAMES = {
    "hopfield": (
        "Diffrax Euler ModernHopfield Network Population Relaxation Rosenbrock RungeKutta Scipy "
        "SimulationError TorchDiffEq UniversalHopfield __version__ assert_energy_decreases check_lyapunov "
        "simulate"
    ),
    "hopfield.dynamics": (
        "Bilinear Convolution CustomLagrangian Diffrax Entmax EquilibriumSynapse Euler Exponential "
        "Lagrangian LayerNorm LogCosh LogSumExp LogSumReLU Max Network Population Power Quadratic "
        "RectifiedPower Recurrent Relaxation Result Rosenbrock RungeKutta Scipy Similarity SimilaritySynapse "
        "SimulationError Softplus Sparsemax Spherical SquareRoot Synapse Threshold TopK TorchDiffEq "
        "Trajectory XLogX convexity_defect energy_rate_below jacobian logsumexp near settled simulate "
        "softmax steady"
    ),
    "hopfield.models": (
        "AssociativeMemory BidirectionalMemory BinaryRetrieval CatalogueEntry ClassicalHopfield "
        "ContinuousSDM Cosine Custom DenseAssociativeMemory Dot Euclidean ExponentialMemory GlauberRun "
        "Hamming HierarchicalMemory Jeffreys JensenShannon Kernel KullbackLeibler Layer Manhattan "
        "ModernHopfield Normalised Published Retrieval ReverseKullbackLeibler SequenceRecall "
        "SparseDistributedMemory UniversalHopfield build catalogue chain normalised published "
        "recall_sequence separation similarity"
    ),
    "hopfield.analysis": (
        "BasinRadius BasinSlice Basins BetaAdvice Bifurcation Box Branch Branches Certificates Completeness "
        "CriticalBeta Cues Field FixedPoints Flipped Landscape LyapunovReport Masked Metastability Noisy "
        "Polished RecallSummary Reproduction Route Rows Sampler Spectrum Sphere Strings Sweep Unseen "
        "assert_energy_decreases basin_radius basin_slice basins_of_attraction beta_advice border_mask "
        "box_starts capacity certified_radii check_lyapunov continue_fixed_points corrupt critical_beta "
        "disconnectivity_tree effective_memories energy_network field find_fixed_points flatten_images "
        "flip_bits gaussian_noise hidden_pixels landscape load_array mask metastability metastable_size "
        "occlude pattern_starts plot_barriers plot_basin_slice plot_bifurcation plot_disconnectivity "
        "plot_energy plot_energy_along_path plot_fixed_point_images plot_fixed_points plot_overlaps "
        "plot_radii plot_readings plot_recall plot_sweep plot_sweeps polish query_table random_mask "
        "random_starts recall_table reproduce robustness salt_and_pepper save_trajectory spectrum "
        "string_method summarise times_that_fit trapping_radii velocity_network wilson write_report"
    ),
}


@pytest.mark.parametrize(("face", "names"), NAMES.items())
def test_every_name_of_0_1_0_is_where_it_was(face, names):
    module = importlib.import_module(face)
    missing = [name for name in names.split() if not hasattr(module, name)]
    assert missing == []
    assert set(names.split()) <= set(module.__all__)
