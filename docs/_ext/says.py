"""What each example prints that its text, its picture or these pages speak of; the pages and a test look for it.

What is listed holds on other machines too: numbers that depend on rounding are cut off where they begin to.
"""

SAYS = {
    "hopfield_layer.py": ["dot        9", "euclidean  9", "manhattan  9", "% of 540 unseen digits"],
    "retrieve_digits.py": ["48 of 50 recalled", "The energy falls over all"],
    "euler_against_relaxation.py": [
        "Euler, dt = 0.3        The energy falls",
        "Euler, dt = 3          The energy rises 120 times in 120 steps",
        "Relaxation, dt = 3     The energy falls",
        "Relaxation, dt = inf   The energy falls",
    ],
    "stiff_by_four_methods.py": ["Relaxation, dt = 0.5: 12 steps", "Rosenbrock, tolerance 1e-3: 11 steps"],
    "custom_network.py": ["energy falls, error 3.1e-02, 61 evaluations", "Euler(1.2)       energy rises"],
    "models/autoencoder.py": [
        "    attractors: 0 of 10, noisy cues that come back: 0",
        "    attractors: 10 of 10, noisy cues that come back: 10",
        "swish: eigenvalue 1.272408, u phi'(u)/phi(u) = 1.272408",
    ],
    "models/classical.py": ["hebbian         4: 100%, 8: 100%", "10 of 10 cues end at a fixed point."],
    "models/compare_on_digits.py": ["│ modern                    │           77 │          79 │"],
    "models/continuous_sdm.py": ["radius 22: 1156 locations shared at most, weights within a factor 1.20"],
    "models/dense.py": [
        "n = 2: K = 16, 29, 57, 113, slope 0.94",
        "n = 3: K = 29, 92, 331, 1058, slope 2.07",
        "slope 3.07",
    ],
    "models/exponential.py": [
        "classical, F = x^2   recalls 90 % of up to 6",
        "exponential          recalls 90 % of up to 10000",
    ],
    "models/heteroassociation.py": ["names found: 100%", "digits found from their names: 100%", "The energy falls"],
    "models/hierarchical.py": ["90% of 30 digits", "The energy falls"],
    "models/modern.py": ["all of the cue   51%", "masked look-up   78%", "clamped          93%"],
    "models/predictive.py": ["nearest to its own digit 86%", "universal, euclidean: nearest to its own digit 100%"],
    "models/sequence.py": ["softmax, beta = 2     4 5 6 7 8 9 0 1 2 3 4 5", "softmax, beta = 0.45  4 5 6 7 8 9 6 1 8"],
    "models/sparse_distributed.py": ["critical distance: 48 of 256 bits", "cues 20 bits away: 100% converge"],
    "several_hosts.py": ["1000 patterns on 2 hosts", "after t = 10 the cues are at patterns [0, 501]"],
    "analysis/basins_in_a_plane.py": ["metastable(2)", "7 fixed points in it"],
    "analysis/bifurcation.py": [
        "pitchfork      at beta = 1\n",
        "fold           at beta = 1.3722359",
        "Every memory exists from beta = 2.74564 on",
        "branch point   at beta = 3, 2 modes",
    ],
    "analysis/collapse_and_speciation.py": ["n=20000, d=32: t_C=0.387", "two classes in d=32: t_S=1.738"],
    "analysis/diffusion_on_a_circle.py": ["from sigma = 0.54 on", "off by up to 6.1e-02"],
    "analysis/in_context_denoising.py": [
        "one step           0.0207  0.0667  0.1584  0.2470  0.3025",
        "Bayes              0.0204  0.0663  0.1584  0.2468  0.3023",
    ],
    "analysis/disconnectivity_of_digits.py": ["10 of 10 minima, 15 saddles of index 1"],
    "analysis/radii_of_digits.py": [
        "99 of 100 patterns have a certified radius, from 0.07548 to 0.4976",
        "recalled from the witnesses: 0%; pushed as far at random: 100%",
    ],
    "paper/figure.py": [
        "Figure 4, robustness by similarity; reading: fair",
        "manhattan       0.983±0.006  0.607±0.015  0.213±0.021",
        "normalised(kl)              1.000±0.000  0.930±0.050",
    ],
    "paper/learned.py": [
        "manhattan                      │ 0.654 ± 0.022",
        "manhattan, told what is hidden │ 1.000",
        "half hidden: learned: waves, gain by pixel against manhattan: +0.3",
        "against manhattan: +0.6",
    ],
}
