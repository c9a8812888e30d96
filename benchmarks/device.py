"""A card (CUDA): whether answers agree with the processor's, what is copied to the host, shares of the card's rates.

    python benchmarks/device.py [--limit 600] [--out FILE]
    python benchmarks/device.py --device cpu --tiny        the same steps on the processor, in small

Without a card it says so and ends. Agreement: recall, retrieval (which ends at its tolerance, not at rounding),
velocity and a run of PyTorch and JAX on the card beside NumPy's in float64, in units of eps of the dtype times what
is summed. Copies: those from card to host and back in one step of relaxation, by PyTorch's profiler and JAX's
transfer guard. Rates: floating-point operations a second over those of the card's own matrix product, for the
velocity, one recall, Manhattan (eager, and compiled into one kernel) and attention; a stiff run in seconds a step
beside the two products of a step. Targets: 70 % of the matrix rate for dot with N = 10^5, I = 1024 and 4096 cues.
Wall time with the card drained before and after, the least of several.
"""

import argparse
import importlib.util
import json
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from hopfield import UniversalHopfield, simulate
from hopfield.dynamics import Relaxation, Rosenbrock
from hopfield.dynamics.backend import move, to_numpy

SIMILARITIES = ("dot", "euclidean", "cosine", "manhattan")
TARGET = 0.7
SIZES = {  # N, I, cues
    "whole": {"large": (100_000, 1024, 4096), "manhattan": (10_000, 768, 1024), "attention": (8, 4096, 64)},
    "tiny": {"large": (500, 32, 64), "manhattan": (200, 16, 8), "attention": (2, 64, 16)},
}


class Torch:
    """PyTorch on a device."""

    name = "torch"

    def __init__(self, device):
        import torch

        self.lib, self.device = torch, "cuda" if device == "cuda" else "cpu"
        torch.backends.cuda.matmul.allow_tf32 = False  # the same digits as on the processor

    @staticmethod
    def cards():
        """Whether there is a card."""
        import torch

        return torch.cuda.is_available()

    def drain(self, _=None):
        """Wait until the card is done."""
        if self.device == "cuda":
            self.lib.cuda.synchronize()

    def placed(self, array):
        """An array on the device."""
        return move(array, "torch", self.device)

    def compiled(self, function):
        """The function as one program."""
        return self.lib.compile(function, fullgraph=True)

    def copies(self, step):
        """How many copies between card and host a step makes."""
        from torch.profiler import ProfilerActivity, profile

        kinds = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (self.device == "cuda")
        step()
        with profile(activities=kinds) as seen:
            step()
            self.drain()
        names = ("Memcpy DtoH", "Memcpy HtoD", "aten::_local_scalar_dense")
        found = {name: sum(e.count for e in seen.key_averages() if e.key.startswith(name)) for name in names}
        return ", ".join(f"{count} {name}" for name, count in found.items() if count) or "none"


class Jax:
    """JAX on a device, with compiled functions."""

    name = "jax"

    def __init__(self, device):
        import jax

        self.lib, self.device = jax, "gpu" if device == "cuda" else "cpu"
        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_default_matmul_precision", "highest")
        jax.config.update("jax_default_device", jax.devices(self.device)[0])

    @staticmethod
    def cards():
        """Whether there is a card."""
        import jax

        try:
            return bool(jax.devices("gpu"))
        except RuntimeError:
            return False

    def drain(self, answer=None):
        """Wait until the card is done."""
        if answer is not None:
            self.lib.block_until_ready(answer)

    def placed(self, array):
        """An array on the device."""
        return move(array, "jax", self.device)

    def compiled(self, function):
        """The function as one program."""
        return self.lib.jit(function)

    def copies(self, step):
        """Whether a step copies from the card to the host, which the guard refuses where that is not the processor."""
        self.drain(step())
        try:
            with self.lib.transfer_guard_device_to_host("disallow"):
                self.drain(step())
        except Exception as error:
            return f"{type(error).__name__}: {' '.join(str(error).split())[:80]}"
        return "none"


def least(library, call, repeats):
    """The least wall time of some calls, in seconds, each with the card drained before and after."""
    found = []
    for _ in range(repeats + 1):
        library.drain()
        began = time.perf_counter()
        library.drain(call())
        found.append(time.perf_counter() - began)
    return min(found[1:])


def rates(library, tiny, repeats, dtype="float32"):
    """Floating-point operations a second of a matrix product, and bytes a second of a copy."""
    n = 256 if tiny else 8192
    a = library.placed(np.random.default_rng(0).standard_normal((n, n)).astype(dtype))
    product = library.compiled(lambda a: a @ a) if library.name == "jax" else lambda a: a @ a
    copy = library.compiled(lambda a: a + 1) if library.name == "jax" else lambda a: a + 1
    matrix = 2 * n**3 / least(library, lambda: product(a), repeats)
    return matrix, 2 * a.nbytes / least(library, lambda: copy(a), repeats)


def agreement(library, tiny):
    """The largest differences from NumPy in float64, in units of eps times the root of what is summed."""
    rng = np.random.default_rng(0)
    rows, width = (20, 8) if tiny else (500, 100)
    patterns = rng.standard_normal((rows, width))
    cues = patterns[:4] + 0.3 * rng.standard_normal((4, width))
    for similarity in SIMILARITIES:
        plain = UniversalHopfield(patterns, similarity, beta=0.5, tau_memory=0.0)
        for dtype in ("float64", "float32"):
            memory = plain.to(library.name, library.device, dtype)
            there = library.placed(cues.astype(dtype))
            unit = np.finfo(dtype).eps * np.sqrt(rows * width) * np.abs(patterns).max()
            states = memory.start(there)
            pairs = {
                "recall": (memory.recall(there), plain.recall(cues)),
                "retrieve": (memory.retrieve(there).state, plain.retrieve(cues).state),
                "run": (
                    simulate(memory, there, t1=2.0, save_at=[2.0]).final["value"],
                    simulate(plain, cues, t1=2.0, save_at=[2.0]).final["value"],
                ),
            }
            if similarity != "manhattan":  # whose velocity jumps
                value = memory.network.velocity(states)["value"]
                pairs["velocity"] = value, plain.network.velocity(plain.start(cues))["value"]
            yield (
                similarity,
                dtype,
                {name: float(np.abs(to_numpy(a).astype(float) - b).max() / unit) for name, (a, b) in pairs.items()},
            )


def step_of(library, tiny):
    """One step of relaxation of a large memory, as a call."""
    rows, width, cues = (200, 16, 8) if tiny else (10_000, 512, 256)
    patterns = np.random.default_rng(0).standard_normal((rows, width)).astype("float32")
    memory = UniversalHopfield(patterns, beta=1.0).to(library.name, library.device)
    flow = memory.network.bound()
    point = flow.at(memory.start(library.placed(patterns[:cues])))
    return lambda: Relaxation(0.1).step(flow, point, 0.1).point.states


def shares(library, tiny, repeats, matrix):
    """What each part does a second, as a share of the matrix product's rate."""
    sizes, rng = SIZES["tiny" if tiny else "whole"], np.random.default_rng(0)

    def memory_of(size, similarity):
        rows, width, cues = size
        patterns = rng.standard_normal((rows, width), dtype="float32")
        memory = UniversalHopfield(patterns, similarity, beta=0.1, tau_memory=0.0)
        return memory.to(library.name, library.device), library.placed(patterns[:cues].copy())

    rows, width, cues = sizes["large"]
    memory, cue = memory_of(sizes["large"], "dot")
    states, network = memory.start(cue), memory.network
    work, goal = 4.0 * rows * width * cues, f"{TARGET:.0%}"
    yield "dot, recall", work, lambda: memory.recall(cue), goal
    velocity = library.compiled(lambda network, states: network.velocity(states)) if library.name == "jax" else None
    call = (lambda: velocity(network, states)) if velocity else (lambda: network.velocity(states))
    yield "dot, velocity", work, call, goal
    rows, width, cues = sizes["manhattan"]
    blocks, near = memory_of(sizes["manhattan"], "manhattan")
    work = 4.0 * rows * width * cues
    yield "manhattan, recall", work, lambda: blocks.recall(near), ""
    if library.name == "jax" or library.device == "cuda":
        fused = library.compiled(lambda memory, cue: memory.recall(cue))
        yield "manhattan, recall as one program", work, lambda: fused(blocks, near), ""
    from hopfield.layers import attention

    heads, length, width = sizes["attention"]
    q = library.placed(rng.standard_normal((1, heads, length, width), dtype="float32"))
    work = 4.0 * heads * length * length * width
    seen = library.compiled(lambda q: attention(q, q, q)) if library.name == "jax" else lambda q: attention(q, q, q)
    yield "attention", work, lambda: seen(q), ""


def stiff(library, tiny, repeats):
    """Seconds of a step of Rosenbrock's method at tau_memory = 1e-3, and of its two products."""
    rows, width, cues = (100, 16, 4) if tiny else (20_000, 256, 64)
    patterns = np.random.default_rng(0).standard_normal((rows, width), dtype="float32")
    memory = UniversalHopfield(patterns, beta=0.2, tau_memory=1e-3).to(library.name, library.device)
    cue = library.placed(patterns[:cues] + np.float32(0.3))
    steps = []

    def run():
        found = simulate(memory, cue, t1=2.0, integrator=Rosenbrock(rtol=1e-3), save_at=[2.0])
        steps.append(int(np.max(found.statistics["steps"])))
        return found.final

    seconds = least(library, run, max(1, repeats // 3))
    f, m = library.placed(np.ones((cues, rows), "float32")), memory.memories
    products = least(library, lambda: (cue @ m.T, f @ m), repeats)
    return seconds, steps[-1], products


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="small sizes, to try the script out")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds after which no part begins")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    kinds = [kind for kind in (Torch, Jax) if importlib.util.find_spec(kind.name)]
    if given.device == "cuda":
        kinds = [kind for kind in kinds if kind.cards()]
    if not kinds:
        print("No library sees a CUDA card here, so that nothing is measured (--device cpu --tiny tries the script).")
        return
    began, console, results = time.monotonic(), Console(width=120), {}

    def late():
        return time.monotonic() - began > given.limit

    for kind in kinds:
        library = kind(given.device)
        own = results.setdefault(library.name, {})
        console.rule(f"{library.name} on {library.device}")
        table = Table(
            "similarity", "dtype", *("recall", "retrieve", "run", "velocity"), title="differences, in roundings"
        )
        for similarity, dtype, gaps in [] if late() else agreement(library, given.tiny):
            own[f"{similarity} {dtype}"] = gaps
            cells = (f"{gaps[name]:.2g}" if name in gaps else "-" for name in ("recall", "retrieve", "run", "velocity"))
            table.add_row(similarity, dtype, *cells)
        console.print(table)
        own["copies"] = library.copies(step_of(library, given.tiny))
        console.print(f"Copies in a step of relaxation: {own['copies']}")
        matrix, copy = rates(library, given.tiny, given.repeats)
        own["rates"] = {"matrix": matrix, "copy": copy}
        console.print(f"Matrix product {matrix / 1e12:.3g} TFLOP/s, copy {copy / 1e9:.4g} GB/s, float32")
        table = Table("what", "ms", "of the matrix rate", "target")
        for what, work, call, goal in shares(library, given.tiny, given.repeats, matrix):
            if late():
                console.print(f"Left out, the time is over: {what} and what follows.")
                break
            seconds = least(library, call, given.repeats)
            own[what] = {"seconds": seconds, "share": work / seconds / matrix}
            table.add_row(what, f"{1e3 * seconds:.3g}", f"{work / seconds / matrix:.1%}", goal)
        console.print(table)
        if not late():
            seconds, steps, products = stiff(library, given.tiny, given.repeats)
            own["stiff"] = {"seconds": seconds, "steps": steps, "products": products}
            each = seconds / steps
            console.print(
                f"Stiff run: {steps} steps, {1e3 * each:.3g} ms each, {each / products:.1f} times two products"
            )
    if given.out:
        given.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
