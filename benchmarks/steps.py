"""What a step costs beside the same arithmetic written out by hand, N=200 patterns of I=50, one cue, one thread.

    OMP_NUM_THREADS=1 python benchmarks/steps.py [--repeat 30]

Both sides take the same steps from the same start with NumPy; processor time, the least of many, and their ratio.
"""

import argparse
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from hopfield import ModernHopfield, Relaxation, Rosenbrock, simulate
from hopfield.dynamics.integrators._rosenbrock import TABLEAUS

N, I, BETA, RATIO = 200, 50, 0.5, 1e-3
STEPS = 1000


def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


def relaxation_by_hand(m, v, h, dt, steps):
    """Memory neurons to their equilibrium, then value neurons to theirs, as far as dt takes them."""
    slow, fast = np.exp(-dt), np.exp(-dt / RATIO)
    mt = np.ascontiguousarray(m.T)
    for _ in range(steps):
        h = fast * h + (1 - fast) * (m @ v)
        v = slow * v + (1 - slow) * (mt @ softmax(BETA * h))
    return v


def rosenbrock_by_hand(m, v, h, rtol, atol, t1, order):
    """Error-controlled steps with the memory neurons eliminated; no energy, no records."""
    from scipy.linalg.lapack import dgetrf, dgetrs

    tableau, mt = TABLEAUS[order], np.ascontiguousarray(m.T)
    eye, t, taken = np.eye(I), 0.0, 0
    f = softmax(BETA * h)
    rv, rh = mt @ f - v, (m @ v - h) / RATIO
    dt = 0.01 * max(1.0, np.abs(v).max()) / max(np.abs(rv).max(), np.abs(rh).max())
    while t < t1:
        dt = min(dt, t1 - t)
        a = 1 / (tableau.gamma * dt)
        b = a + 1 / RATIO
        mf = mt @ f
        gram = BETA * ((mt * f) @ m - np.outer(mf, mf))
        lu, pivots, _ = dgetrf((a + 1) * eye - gram / (RATIO * b))
        ks, v1, h1 = [], rv, rh
        for added, pulled in tableau.stages:
            if added:
                vs = v + sum(w * k[0] for w, k in zip(added, ks, strict=False) if w)
                hs = h + sum(w * k[1] for w, k in zip(added, ks, strict=False) if w)
                v1, h1 = mt @ softmax(BETA * hs) - vs, (m @ vs - hs) / RATIO
            rightv = v1 + sum(w * k[0] for w, k in zip(pulled, ks, strict=False)) / dt if pulled else v1
            righth = h1 + sum(w * k[1] for w, k in zip(pulled, ks, strict=False)) / dt if pulled else h1
            y = righth / b
            bent = BETA * f * (y - f @ y)
            x, _ = dgetrs(lu, pivots, rightv + mt @ bent)
            ks.append((x, y + (m @ x) / (RATIO * b)))
        vn = v + sum(w * k[0] for w, k in zip(tableau.result, ks, strict=True) if w)
        hn = h + sum(w * k[1] for w, k in zip(tableau.result, ks, strict=True) if w)
        error = max(
            np.sqrt(np.mean(e**2)) / (atol + rtol * max(np.sqrt(np.mean(x**2)), np.sqrt(np.mean(y**2))))
            for e, x, y in ((ks[-1][0], v, vn), (ks[-1][1], h, hn))
        )
        if error <= 1:
            t, v, h, taken = t + dt, vn, hn, taken + 1
            f = softmax(BETA * h)
            rv, rh = mt @ f - v, (m @ v - h) / RATIO
        dt *= min(5.0, max(0.2, 0.9 * max(error, 1e-10) ** (-1 / tableau.order)))
    return v, taken


def least(call, repeat):
    """The least processor time of some calls, in seconds."""
    found = []
    for _ in range(repeat):
        began = time.process_time()
        call()
        found.append(time.process_time() - began)
    return min(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=30)
    repeat = parser.parse_args().repeat
    rng = np.random.default_rng(0)
    m = rng.normal(size=(N, I))
    cue = m[0] + 0.3 * rng.normal(size=I)
    memory = ModernHopfield(m, beta=BETA, tau_memory=RATIO)
    table = Table("method", "steps", "ours / us a step", "by hand", "ratio", "largest difference")

    t1, one = STEPS * 0.1, Relaxation(0.1, order=1)
    for name, options in (("Relaxation, the end", {"save_at": [t1]}), ("Relaxation, every step saved", {})):
        run = lambda options=options: simulate(memory, cue, t1=t1, integrator=one, **options)  # noqa: E731
        hand = lambda: relaxation_by_hand(m, cue, m @ cue, 0.1, STEPS)  # noqa: E731
        gap = np.abs(run().final["value"] - hand()).max()
        ours, theirs = least(run, repeat), least(hand, repeat)
        row = (ours / STEPS * 1e6, theirs / STEPS * 1e6, ours / theirs, gap)
        table.add_row(name, str(STEPS), *(f"{x:.3g}" for x in row))
    for order, rtol in ((3, 1e-4), (5, 1e-4), (5, 1e-6)):
        method = Rosenbrock(rtol, rtol / 100, order=order)
        run = lambda method=method: simulate(memory, cue, t1=10.0, integrator=method, save_at=[10.0])  # noqa: E731
        hand = lambda rtol=rtol, order=order: rosenbrock_by_hand(  # noqa: E731
            m, cue, m @ cue, rtol, rtol / 100, 10.0, order
        )
        found, (v, taken) = run(), hand()
        tried = found.statistics["steps"] + found.statistics["rejected"]
        gap = np.abs(found.final["value"] - v).max()
        ours, theirs = least(run, repeat) / tried, least(hand, repeat) / taken
        row = (ours * 1e6, theirs * 1e6, ours / theirs, gap)
        table.add_row(f"Rosenbrock, order {order}, {rtol:g}", f"{tried}, {taken}", *(f"{x:.3g}" for x in row))
    Console().print(table)


if __name__ == "__main__":
    main()
