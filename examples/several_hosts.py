"""
Store one memory on several hosts
=================================

Share the patterns out over the devices of several hosts, each of which makes or reads its own::

    python examples/several_hosts.py                       # two processes on this machine stand for two hosts
    python examples/several_hosts.py --process 0 --of 2 --at host0:1234      # on the first of two hosts
    python examples/several_hosts.py --process 1 --of 2 --at host0:1234      # and on the second

Every host runs the same program. No host has all the patterns; a recall is three all-reduces of the size of its answer.
"""

import os
import socket
import subprocess
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np

ROWS, WIDTH, BETA = 500, 32, 2.0  # patterns of each host


def own_patterns(process):
    """What one host stores; it could read them from its disk."""
    return np.random.default_rng(process).standard_normal((ROWS, WIDTH)).astype(np.float32)


def host(process, count, address, picture):
    """What each host runs."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    import jax
    from jax.sharding import AxisType, NamedSharding, PartitionSpec

    from hopfield import ModernHopfield, simulate
    from hopfield.analysis import new_figure, open_axes

    jax.config.update("jax_cpu_collectives_implementation", "gloo")  # of processors; others have their own
    jax.distributed.initialize(address, num_processes=count, process_id=process)
    mesh = jax.make_mesh((jax.device_count(),), ("memory",), axis_types=(AxisType.Auto,))
    rows = NamedSharding(mesh, PartitionSpec("memory", None))
    patterns = jax.make_array_from_process_local_data(rows, own_patterns(process))
    memory = ModernHopfield(patterns, beta=BETA, tau_memory=0.0)

    cues = np.stack([own_patterns(k)[k] for k in range(count)])  # one pattern of every host
    cues += np.float32(0.2) * np.random.default_rng(9).standard_normal(cues.shape).astype(np.float32)
    cues = jax.numpy.asarray(cues)
    answer = memory.recall(cues)
    run = simulate(memory, cues, t1=10.0)
    if process == 0:
        stored = np.concatenate([own_patterns(k) for k in range(count)])
        scores = BETA * np.asarray(cues) @ stored.T
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        gap = np.abs(np.asarray(answer) - weights / weights.sum(-1, keepdims=True) @ stored).max()
        print(f"{memory.memories.shape[0]} patterns on {count} hosts; recall differs from one host's by {gap:.1e}")
        states = np.asarray(run.states["value"])
        nearest = ((states[-1][:, None] - stored) ** 2).sum(-1).argmin(-1)
        print(f"after t = 10 the cues are at patterns {nearest.tolist()}")
        figure = new_figure((6.0, 4.0))
        axes = open_axes(figure.subplots())
        for k, row in enumerate(nearest):
            away, line = np.linalg.norm(states[:, k] - stored[row], axis=-1), ("-", "--", ":", "-.")[k % 4]
            axes.semilogy(run.times, away, line, lw=2, label=f"pattern of host {k}")
        axes.set(xlabel="time", ylabel="distance from the pattern", title=f"{count} hosts with {ROWS} patterns each")
        axes.legend(loc="upper right", frameon=False)
        figure.savefig(picture, dpi=150)
        print(f"The picture is {picture}.")


def main():
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--process", type=int)
    parser.add_argument("--of", type=int, default=2)
    parser.add_argument("--at", metavar="HOST:PORT")
    parser.add_argument("--out", default="several_hosts.png", help="the picture (default: %(default)s)")
    given = parser.parse_args()
    if given.process is not None:
        host(given.process, given.of, given.at, given.out)
        return
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    command = [sys.executable, sys.argv[0], "--of", str(given.of), "--at", address, "--out", given.out, "--process"]
    hosts = [subprocess.Popen([*command, str(k)], stdout=subprocess.PIPE, text=True) for k in range(given.of)]
    for said in [one.communicate()[0] for one in hosts]:
        print("".join(line for line in said.splitlines(keepends=True) if "[Gloo]" not in line), end="")
    if any(codes := [one.returncode for one in hosts]):
        sys.exit(f"The hosts ended with {codes}.")


if __name__ == "__main__":
    main()
