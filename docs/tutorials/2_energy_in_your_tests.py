"""
Energy and Lyapunov in your tests
=================================

The theory says that the energy of a memory never rises. A simulation can break that promise: by a step that is too
long, or by a model for which the promise does not hold. This tutorial shows how to test it, in a line of your own test
suite, and how to read the answer when the test fails.
"""

# %%
# One line
# --------
# ``assert_energy_decreases`` raises an ``AssertionError`` with the place and the cause, and otherwise says nothing.

import warnings

import numpy as np

from hopfield import Euler, ModernHopfield, UniversalHopfield, assert_energy_decreases, check_lyapunov, simulate
from hopfield.analysis import new_figure, plot_energy

rng = np.random.default_rng(0)
patterns = rng.choice([-1.0, 1.0], size=(40, 64))
cues = patterns * rng.choice([1.0, -1.0], p=[0.8, 0.2], size=patterns.shape)
memory = ModernHopfield(patterns, beta=0.25, tau_memory=0)


def test_the_energy_falls():
    """What you would write into a file of tests."""
    assert_energy_decreases(simulate(memory, cues, t1=9), memory)


test_the_energy_falls()

# %%
# A method that breaks it
# -----------------------
# Euler's method goes straight on for a step of length ``dt``, whatever lies there. With a step above twice the time
# constant it overshoots by more than it was away, and the energy rises.

run = simulate(memory, cues, t1=9, integrator=Euler(3.0))
report = check_lyapunov(memory, run)
print(report)
assert not report.holds

figure = new_figure((6, 3.2))
plot_energy(run, figure.subplots(), title="Euler, dt = 3")

# %%
# The report says where the energy rose and by how much, and separates two causes. It computes the rate of the energy
# from the equations, (dE/dx) . x', at the saved states. If that rate is negative everywhere, the *model* is fine, and
# the *step* is at fault.

print("largest increase:", f"{report.max_increase:.3g}", "| cause:", report.cause)

# %%
# The same memory by the method that is chosen when you name none:

report = check_lyapunov(memory, simulate(memory, cues, t1=9))
print(report)
assert report.holds

# %%
# Why rounding is no violation
# ----------------------------
# Near a fixed point the energy changes by less than a computer can represent, and a naive test ``E[k+1] <= E[k]`` fails
# there by luck. The tolerance scales with the rounding unit of the numbers and with the size of what is summed, so that
# the same line of test serves in double and in single precision.

small = simulate(memory.to("numpy", dtype="float32"), cues.astype("float32"), t1=9)
for name, one in {"float64": simulate(memory, cues, t1=9), "float32": small}.items():
    found = check_lyapunov(None, one)
    print(f"{name}: holds {found.holds}, tolerance {np.max(found.tolerance):.1e}")

# %%
# A model that breaks it
# ----------------------
# Not every rule has an energy that falls. An even power, h^2, is the slope of h^3/3, which is not convex: where h is
# negative the theory promises nothing. You hear of it when the memory is built.

with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    square = UniversalHopfield(patterns / 8, "dot", "polynomial(2)", tau_memory=1.0)
for warning in said:
    print(warning.message)

# %%
# A test of all models that you use
# ---------------------------------
# Since every model has the same interface, one parametrised test covers them. This one would stand in a file of tests
# under ``@pytest.mark.parametrize``.

for similarity in ("dot", "euclidean", "manhattan", "cosine"):
    for separation in ("softmax", "sparsemax", "entmax(1.5)"):
        one = UniversalHopfield(patterns, similarity, separation, beta=0.5)
        assert_energy_decreases(simulate(one, cues, t1=5), one)
        print(f"{similarity:10} {separation:12} falls")
