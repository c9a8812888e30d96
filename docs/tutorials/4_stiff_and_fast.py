"""
Stiff and fast
==============

Memory neurons are usually much faster than value neurons. Differential equations with a fast and a slow part are
called *stiff*, and they make ordinary methods crawl. This tutorial shows what that means, and which integrator to take.
"""

# %%
# The problem
# -----------
# A hundred memories of forty values; the memory neurons are a thousand times faster than the value neurons. The cue
# lies half way between two patterns, and the memory has to make up its mind.

import numpy as np

from hopfield import UniversalHopfield, simulate
from hopfield.analysis import new_figure, open_axes
from hopfield.dynamics import Euler, Relaxation, Rosenbrock, RungeKutta, Scipy

rng = np.random.default_rng(1)
patterns = rng.standard_normal((100, 40)) / np.sqrt(40)
memory = UniversalHopfield(patterns, beta=20.0, tau_memory=1e-3)
cue = (patterns[0] + patterns[1]) / 2 + 0.02 * rng.standard_normal(40)
h0 = np.zeros(100)  # the memory neurons start far from equilibrium

# %%
# An explicit method such as Euler's must take steps of about the *fast* time constant for ever, long after the fast
# part has died away. With longer steps it would blow up, and so they are refused at the door:

try:
    simulate(memory, cue, t1=6.0, integrator=Euler(0.1), memory_state=h0)
except ValueError as refused:
    print(refused)

# %%
# Three kinds of method
# ---------------------
# *Relaxation* solves each population exactly while the other is frozen. Its steps have no limit, and the energy falls
# for each of them; what it gives up is accuracy in time.
#
# *Rosenbrock* controls the error, and is implicit: each step solves a linear system. The memory neurons are eliminated
# from that system by hand, so that its size is the number of values and not values plus memories.
#
# *Runge-Kutta* controls the error and is explicit: it is accurate, and slow here.

fine = simulate(memory, cue, t1=6.0, integrator=Rosenbrock(1e-8, 1e-10), memory_state=h0, save_at=[6.0])
exact = fine.states["value"][-1]
for name, method in {
    "Relaxation(0.5)": Relaxation(0.5),
    "Relaxation(0.1)": Relaxation(0.1),
    "Rosenbrock(1e-3, 1e-3)": Rosenbrock(1e-3, 1e-3),
    "Rosenbrock(1e-6, 1e-6)": Rosenbrock(1e-6, 1e-6),
    "RungeKutta at 1e-3": RungeKutta(rtol=1e-3, atol=1e-3),
    "Euler(0.001)": Euler(1e-3),
    "SciPy's LSODA at 1e-6": Scipy("LSODA", rtol=1e-6, atol=1e-6),
}.items():
    run = simulate(memory, cue, t1=6.0, integrator=method, memory_state=h0)
    error = np.abs(run.final["value"] - exact).max()
    print(f"{name:24} {run.statistics['evaluations']:6} evaluations, error at the end {error:.0e}")

# %%
# Where the time goes
# -------------------
# The steps of a method with error control show what the trajectory does: very short ones while the memory neurons jump
# to their equilibrium, then longer and longer ones while the values follow. From the first to the last their length
# grows a hundred thousand times. An explicit method must stay near twice the fast time constant, 0.002 here.

run = simulate(memory, cue, t1=6.0, integrator=Rosenbrock(1e-4, 1e-4), memory_state=h0)
lead = run.states["value"] @ (patterns[0] - patterns[1])
figure = new_figure((7, 4))
above, below = (open_axes(ax) for ax in figure.subplots(2, 1, sharex=True))
above.plot(run.times, lead, "o-", ms=4)
above.set(ylabel="overlap with pattern 0\nless pattern 1")
below.semilogy(run.times[1:], np.diff(run.times), "o-", ms=4)
below.set(xlabel="time in tau_value", ylabel="length of the step")
print(run.statistics["steps"], "steps, the shortest", f"{np.diff(run.times).min():.1e}")

# %%
# What to take
# ------------
# * To know *what* is recalled: ``memory.retrieve(cue)``, or ``simulate`` with its default. No stiffness, the energy
#   falls.
# * To know *when*: ``Rosenbrock(rtol, atol)``.
# * To be quick about it: ``tau_memory=0`` removes the fast part altogether, and with it the stiffness.
# * With ``tau_memory`` near ``tau_value`` nothing is stiff, and ``RungeKutta()`` will do.
#
# :doc:`/choose` has measured times beside those of SciPy and diffrax.

quick = UniversalHopfield(patterns, beta=20.0, tau_memory=0)
run = simulate(quick, cue, t1=6.0, integrator=RungeKutta(rtol=1e-6, atol=1e-6))
difference = np.abs(run.final["value"] - exact).max()
print(f"tau_memory = 0: {run.statistics['evaluations']} evaluations, {difference:.0e} from the stiff solution")
