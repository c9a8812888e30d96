"""One memory over two devices of JAX, which the host stands for, and over two processes of PyTorch."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

ON_TWO_DEVICES = """
import json, re, sys
import jax, numpy as np
from jax.sharding import AxisType
jax.config.update("jax_enable_x64", True)
from hopfield import check_lyapunov, simulate
from hopfield.models import UniversalHopfield
rows, kind, separation, whole = json.loads(sys.argv[1])
jnp = jax.numpy
mesh = jax.make_mesh((2,), ("memory",), axis_types=(AxisType.Auto,))
rng = np.random.default_rng(0)
patterns = rng.standard_normal((rows, 6))
cues = jnp.asarray(patterns[[1, rows - 1]] + 0.1)
one = UniversalHopfield(jnp.asarray(patterns), kind, separation, beta=0.8, tau_memory=0.0)
two = one.shard(mesh)
found = {"shape": two.memories.shape, "parts": [s.data.shape for s in two.memories.addressable_shards]}
gap = lambda a, b: float(np.abs(np.asarray(a) - np.asarray(b)).max())
found["recall"] = gap(one.recall(cues), two.recall(cues))
text = jax.jit(lambda memory, query: memory.recall(query)).lower(two, jax.device_put(cues, two.memories.sharding.mesh
    and jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec()))).compile().as_text()
found["all-reduce"] = len(re.findall(r" all-reduce(?:-start)?\\(", text))
found["all-gather"] = text.count("all-gather")
found["weights"] = np.asarray(two.weights(cues)).sum(-1).tolist()
if whole:
    a, b = one.retrieve(cues), two.retrieve(cues)
    found["retrieve"] = gap(a.state, b.state)
    found["patterns"] = [np.asarray(a.pattern).tolist(), np.asarray(b.pattern).tolist()]
    a, b = simulate(one, cues, t1=1.0), simulate(two, cues, t1=1.0)
    found["simulate"] = gap(a.states["value"], b.states["value"])
    found["falls"] = bool(check_lyapunov(two, b).holds)
print(json.dumps(found))
"""


def on_two_devices(rows, kind, separation, whole):
    """What a process with two fake devices finds."""
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", ON_TWO_DEVICES, json.dumps([rows, kind, separation, whole])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(found, rows):
    """Equal to one device, with three all-reduces and nothing gathered."""
    assert found["shape"] == [rows + rows % 2, 6]
    assert found["parts"] == [[(rows + 1) // 2, 6]] * 2
    assert (found["all-reduce"], found["all-gather"]) == (3, 0)
    np.testing.assert_allclose(found["weights"], 1.0, rtol=1e-14)
    assert found["recall"] <= 1e-14
    assert found.get("retrieve", 0.0) <= 1e-14
    assert found.get("simulate", 0.0) <= 1e-14
    if "falls" in found:
        assert found["patterns"][0] == found["patterns"][1]
        assert found["falls"]


def test_two_devices_recall_as_one():
    pytest.importorskip("jax")
    check(on_two_devices(40, "dot", "softmax", False), 40)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [40, 41])
@pytest.mark.parametrize("kind", ["dot", "euclidean", "cosine", "manhattan"])
def test_every_similarity_over_two_devices(kind, rows):
    pytest.importorskip("jax")
    check(on_two_devices(rows, kind, "softmax", kind != "cosine"), rows)


@pytest.mark.slow
def test_rows_that_fill_up_have_no_weight():
    jax = pytest.importorskip("jax")
    from hopfield.models import UniversalHopfield
    from hopfield.models._sharding import padded

    rng = np.random.default_rng(0)
    m, q = jax.numpy.asarray(rng.random((5, 3)) + 0.1), jax.numpy.asarray(rng.random((2, 3)) + 0.1)
    for kind, separation in (("dot", "softmax"), ("euclidean", "entmax(1.5)"), ("kl", "max"), ("manhattan", "softmax")):
        memory = UniversalHopfield(m, kind, separation, beta=2.0, tau_memory=0.0)
        filled = padded(memory, 4)
        assert filled.memories.shape == (8, 3)
        assert not np.asarray(filled.weights(q))[:, 5:].any()
        np.testing.assert_allclose(filled.recall(q), memory.recall(q), rtol=1e-14)
        np.testing.assert_allclose(filled.energy(q), memory.energy(q), rtol=1e-13)
        np.testing.assert_allclose(filled.sim.extent, memory.sim.extent, rtol=1e-14)
        assert padded(memory, 5) is memory
    with pytest.raises(ValueError, match="5 patterns do not divide by 2 devices"):
        padded(UniversalHopfield(m, "cosine", "identity"), 2)


def test_what_is_no_mesh_is_refused():
    jax = pytest.importorskip("jax")
    from hopfield.models import ModernHopfield

    with pytest.raises(TypeError, match=r'memory.to\("jax"\).shard'):
        ModernHopfield(np.eye(2)).shard(None)
    memory = ModernHopfield(jax.numpy.eye(2))
    with pytest.raises(TypeError, match="mesh must be a mesh of JAX's devices"):
        memory.shard((2,))
    auto = jax.make_mesh((1,), ("memory",), axis_types=(jax.sharding.AxisType.Auto,))
    with pytest.raises(ValueError, match="Unknown axis of the mesh"):
        memory.shard(auto, "rows")
    with pytest.raises(ValueError, match="axes of the mesh are Explicit"):
        memory.shard(jax.make_mesh((1,), ("memory",), axis_types=(jax.sharding.AxisType.Explicit,)))
    assert memory.shard(auto).memories.shape == (2, 2)


IN_TWO_PROCESSES = """
import sys, warnings
import numpy as np, torch
import torch.distributed as dist
from hopfield.models import UniversalHopfield, recall_over
warnings.simplefilter("ignore", UserWarning)
rank, file = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method="file://" + file, rank=rank, world_size=2)
calls, reduce = [], dist.all_reduce
dist.all_reduce = lambda *given, **options: calls.append(given[0].shape) or reduce(*given, **options)
rng = np.random.default_rng(0)
m, q = rng.standard_normal((70, 6)), torch.from_numpy(rng.standard_normal((3, 6)))
mine = torch.from_numpy(m[:30] if rank == 0 else m[30:])
for kind in ("dot", "euclidean", "cosine"):
    for separation in ("softmax", "polynomial(2)"):
        whole = UniversalHopfield(torch.from_numpy(m), kind, separation, beta=3.0, tau_memory=0.0)
        part = UniversalHopfield(mine, kind, separation, beta=3.0, tau_memory=0.0)
        calls.clear()
        answer, exact = recall_over(part, q), whole.recall(q)
        assert len(calls) == 2 or separation != "softmax", calls
        assert float((answer - exact).abs().max()) <= 1e-14 * max(1.0, float(exact.abs().max())), (kind, separation)
try:
    recall_over(UniversalHopfield(mine, "manhattan"), q)
except TypeError as error:
    assert "not joined by sums" in str(error)
else:
    raise AssertionError
dist.destroy_process_group()
print("done", rank)
"""


@pytest.mark.broad
def test_two_processes_of_torch_recall_together(tmp_path):
    pytest.importorskip("torch")
    file = str(tmp_path / "meeting")
    command = [sys.executable, "-c", IN_TWO_PROCESSES]
    both = [
        subprocess.Popen([*command, str(rank), file], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    ended = [one.communicate(timeout=300) for one in both]
    assert [one.returncode for one in both] == [0, 0], ended
    assert [out.split()[-1] for out, _ in ended] == ["0", "1"]


def test_recall_over_wants_a_group():
    torch = pytest.importorskip("torch")
    from hopfield.models import ModernHopfield, recall_over

    with pytest.raises(TypeError, match=r'memory.to\("torch"\)'):
        recall_over(ModernHopfield(np.eye(2)), np.ones(2))
    with pytest.raises(TypeError, match="no group of processes"):
        recall_over(ModernHopfield(torch.eye(2)), torch.ones(2))
