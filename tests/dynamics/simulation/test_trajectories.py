"""Trajectories: parts between two times, runs joined, tables, and files of trajectories and networks."""

import numpy as np
import pytest

from helpers import LIBRARIES, to_library, to_numpy
from hopfield.analysis import energy_network, save_trajectory
from hopfield.dynamics import (
    Euler,
    LogCosh,
    Network,
    Population,
    Quadratic,
    Recurrent,
    Relaxation,
    Rosenbrock,
    RungeKutta,
    Trajectory,
    simulate,
)
from hopfield.models import (
    BidirectionalMemory,
    ClassicalHopfield,
    ContinuousSDM,
    DenseAssociativeMemory,
    ExponentialMemory,
    HierarchicalMemory,
    ModernHopfield,
    UniversalHopfield,
    separations,
    similarities,
)

PATTERNS = np.random.default_rng(3).choice([-1.0, 1.0], (4, 10))
CUES = 0.6 * PATTERNS[:3] + 0.1
MEMORY = ModernHopfield(PATTERNS, beta=0.6)


def equal(one, other):
    assert set(one.states) == set(other.states)
    for name in one.states:
        np.testing.assert_array_equal(to_numpy(one.states[name]), to_numpy(other.states[name]))
    np.testing.assert_array_equal(one.times, other.times)
    np.testing.assert_array_equal(to_numpy(one.energy), to_numpy(other.energy))


# ---------------------------------------------------------------------------------------------------- parts


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_part_holds_the_rows_of_its_times(library):
    run = simulate(MEMORY.to(library), to_library(CUES, library), t1=4.0, integrator=Relaxation(0.5))
    part = run.between(1.0, 2.6)
    np.testing.assert_allclose(part.times, [1.0, 1.5, 2.0, 2.5])
    np.testing.assert_array_equal(to_numpy(part.states["value"]), to_numpy(run.states["value"])[2:6])
    np.testing.assert_array_equal(to_numpy(part.energy), to_numpy(run.energy)[2:6])
    np.testing.assert_array_equal(to_numpy(part.final["value"]), to_numpy(run.final["value"]))
    equal(run.between(), run)
    assert len(run.between(stop=1.0).times) == 3
    assert len(run.between(3.6).times) == 1


def test_each_sample_has_its_part_where_each_has_its_clock():
    cues = CUES.reshape(3, 1, 10)
    run = simulate(MEMORY, cues, t1=4.0, integrator=RungeKutta())
    part = run.between(1.0, 3.0)
    assert part.times.shape[1:] == (3, 1)
    for k in range(3):
        inside = (run.times[:, k, 0] >= 1.0) & (run.times[:, k, 0] <= 3.0)
        count = inside.sum()
        assert count > 1
        np.testing.assert_array_equal(part.times[:count, k, 0], run.times[inside, k, 0])
        np.testing.assert_array_equal(part.states["value"][:count, k, 0], run.states["value"][inside, k, 0])
        assert (part.states["value"][count:, k, 0] == part.states["value"][count - 1, k, 0]).all()  # repeats its last
        assert (part.energy[count:, k, 0] == part.energy[count - 1, k, 0]).all()
    times = np.array([1.7, 2.4])
    np.testing.assert_allclose(
        simulate(MEMORY, cues, t1=4.0, integrator=RungeKutta(), save="all").between(1.0, 3.0).at(times)["value"],
        simulate(MEMORY, cues, t1=4.0, integrator=RungeKutta(), save="all").at(times)["value"],
        atol=1e-12,
    )


def test_a_part_without_a_time_is_refused():
    run = simulate(MEMORY, CUES, t1=4.0, save_at=[0.0, 4.0])
    with pytest.raises(ValueError, match=r"No saved time lies between 1 and 2: they go from 0 to 4.*run.at"):
        run.between(1.0, 2.0)
    with pytest.raises(TypeError, match="start must be one number"):
        run.between("1")  # pyright: ignore


# --------------------------------------------------------------------------------------------------- joined


@pytest.mark.parametrize("library", LIBRARIES)
def test_two_halves_are_the_whole(library):
    memory, cue = MEMORY.to(library), to_library(CUES, library)
    method = Relaxation(0.25)
    whole = simulate(memory, cue, t1=4.0, integrator=method, save="all")
    first = simulate(memory, cue, t1=2.0, integrator=method, save="all")
    second = simulate(memory, first.final, t1=2.0, integrator=method, save="all")
    joined = first.then(second, shift=True)
    twice = len(first.times)  # the time of the junction stands twice
    np.testing.assert_allclose(np.delete(joined.times, twice), whole.times)
    for name, x in whole.states.items():
        found = np.delete(to_numpy(joined.states[name]), twice, axis=0)
        np.testing.assert_allclose(found, to_numpy(x), atol=1e-12)
    np.testing.assert_allclose(joined.reached, 4.0)
    assert joined.steps.tolist() == whole.steps.tolist()
    assert joined.statistics["steps"] == whole.statistics["steps"]
    assert joined.then() is joined


def test_clocks_of_samples_go_on_where_each_ended():
    method = Rosenbrock()
    first = simulate(MEMORY, CUES, t1=100.0, integrator=method, stop="steady")
    assert len(set(first.reached.tolist())) == 3
    joined = first.then(simulate(MEMORY, first.final, t1=1.0, integrator=method), shift=True)
    np.testing.assert_allclose(joined.reached, first.reached + 1.0)
    np.testing.assert_allclose(joined.times[-1], first.reached + 1.0)
    assert (np.diff(joined.times, axis=0) >= 0).all()
    mixed = first.then(simulate(MEMORY, first.final, t1=1.0, integrator=Euler(0.01), save_at=[0.0, 1.0]), shift=True)
    np.testing.assert_allclose(mixed.times[-1], first.reached + 1.0)
    assert mixed.statistics["integrator"].count(" then ") == 1


def test_what_does_not_go_on_is_refused():
    run = simulate(MEMORY, CUES, t1=2.0, save_at=3)
    with pytest.raises(ValueError, match=r"begins at t=0, before this one ends at t=2.*shift=True"):
        run.then(run)
    with pytest.raises(ValueError, match="different networks"):
        run.then(simulate(MEMORY.replace(beta=0.5), CUES, t1=2.0), shift=True)
    with pytest.raises(
        ValueError, match=r"saved \{'value': \(3, 10\)\} at each time, and the next \{'value': \(10,\)\}"
    ):
        run.then(simulate(MEMORY, CUES[0], t1=2.0), shift=True)
    with pytest.raises(TypeError, match="what simulate"):
        run.then(3)  # pyright: ignore


# --------------------------------------------------------------------------------------------------- tables


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_table_has_a_row_for_each_time_of_each_sample(library):
    pytest.importorskip("pandas")
    memory = MEMORY.to(library)
    run = simulate(memory, to_library(CUES, library), t1=1.0, save_at=[0.0, 0.5, 1.0])
    table = run.to_dataframe()
    assert table.shape == (9, 3 + 10)
    assert table["sample"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert table["time"].tolist() == [0.0, 0.5, 1.0] * 3
    one = table[table["sample"] == 1]
    np.testing.assert_array_equal(one["energy"], to_numpy(run.energy)[:, 1])
    np.testing.assert_array_equal(one.loc[:, "value_0":"value_9"], to_numpy(run.states["value"])[:, 1])


def test_tables_without_and_with_more_batch_axes():
    pytest.importorskip("pandas")
    alone = simulate(MEMORY, CUES[0], t1=1.0, integrator=RungeKutta())
    assert list(alone.to_dataframe())[:3] == ["time", "energy", "value_0"]
    assert alone.to_dataframe()["time"].tolist() == alone.times.tolist()
    grid = np.stack([CUES, -CUES])
    run = simulate(MEMORY, grid, t1=1.0, integrator=RungeKutta())
    table = run.to_dataframe().set_index(["sample_0", "sample_1"])
    np.testing.assert_array_equal(table.loc[(1, 2), "value_3"], run.states["value"][:, 1, 2, 3])
    np.testing.assert_array_equal(table.loc[(0, 1), "time"], run.times[:, 0, 1])


def test_a_data_set_of_xarray_has_the_dimensions_of_a_run():
    pytest.importorskip("xarray")
    run = simulate(MEMORY, CUES, t1=1.0, save_at=[0.0, 0.5, 1.0], save="all")
    data = run.to_xarray()
    assert dict(data.sizes) == {"time": 3, "sample": 3, "value_neuron": 10, "memory_neuron": 4}
    np.testing.assert_array_equal(data["value"].sel(time=0.5).isel(sample=2), run.states["value"][1, 2])
    np.testing.assert_array_equal(data["converged"], run.converged)
    own = simulate(MEMORY, CUES, t1=1.0, integrator=RungeKutta()).to_xarray()
    assert own["time"].dims == ("step", "sample")


def test_a_table_that_would_fill_the_memory_is_refused():
    pytest.importorskip("pandas")
    run = simulate(MEMORY, CUES, t1=1.0, save_at=[0.0, 1.0])
    wide = np.broadcast_to(run.states["value"], (2**26, *run.states["value"].shape))[:, 0]
    many = type(run)(**{**vars(run), "states": {"value": wide}, "energy": wide[..., 0], "times": wide[:, 0, 0]})
    with pytest.raises(ValueError, match=r"A table of this trajectory would need .* GiB.*Save fewer"):
        many.to_dataframe()


# ---------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("method", [Relaxation(0.1), RungeKutta()])
def test_a_trajectory_comes_back_whole(library, method, tmp_path):
    memory = MEMORY.to(library)
    run = simulate(memory, to_library(CUES, library), t1=2.0, integrator=method, save="all", clamp=np.arange(10) < 1)
    back = Trajectory.load(run.save(tmp_path / "run"))
    equal(back, run)
    for name in ("converged", "residual", "steps", "reached"):
        np.testing.assert_array_equal(getattr(back, name), getattr(run, name))
    assert (back.result, back.statistics) == (run.result, run.statistics)
    np.testing.assert_array_equal(back.clamp["value"], to_numpy(run.clamp["value"]))
    np.testing.assert_allclose(
        back.at([0.35])["value"], to_numpy(run.at([0.35])["value"]), rtol=1e-12
    )  # by the network's own velocity
    host = np.load(tmp_path / "run.npz")
    np.testing.assert_array_equal(host["value"], to_numpy(run.states["value"]))
    np.testing.assert_array_equal(host["final_memory"], to_numpy(run.final["memory"]))


def test_a_trajectory_of_one_cue_keeps_its_shapes(tmp_path):
    run = simulate(MEMORY, CUES[0], t1=1.0)
    back = Trajectory.load(run.save(tmp_path / "run.npz"))
    assert back.converged.shape == ()
    assert repr(back) == repr(run)
    np.testing.assert_array_equal(back.then(simulate(MEMORY, CUES[0], t1=1.0), shift=True).energy[:3], run.energy[:3])


def test_a_network_that_is_code_of_your_own_is_given_again(tmp_path):
    bowl = energy_network(lambda x: (x * x).sum(-1) / 2, 2, lambda x: x)
    run = simulate(bowl, {"x": np.ones(2)}, t1=1.0)
    with pytest.raises(TypeError, match=r"network.synapses.*code of your own"):
        run.save(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
    path = run.save(tmp_path / "run", network=False)
    with pytest.raises(ValueError, match=r"was written without its network: give it"):
        Trajectory.load(path)
    equal(Trajectory.load(path, bowl), run)
    equal(Trajectory.load(save_trajectory(tmp_path / "b.npz", run), network=bowl), run)
    with pytest.raises(ValueError, match=r"holds states of 'x'.*not of this network"):
        Trajectory.load(path, MEMORY.network)


def test_populations_with_names_that_are_taken(tmp_path):
    names = ("energy", "file", "header", "final_energy")
    net = Network({name: Population(Quadratic(), 2) for name in names})
    run = simulate(net, {name: np.full(2, float(k)) for k, name in enumerate(names)}, t1=1.0, save_at=[0.0, 1.0])
    equal(Trajectory.load(run.save(tmp_path / "run")), run)


def networks():
    """A network of each sort: similarities, separations, and the models."""
    rows = np.random.default_rng(0).random((3, 6)) + 0.1
    for name in similarities:
        if name != "hamming" and not name.startswith("normalised"):
            yield name, UniversalHopfield(rows, name, tau_memory=0.0)
    for name in separations:
        if "(" not in name:
            yield name, UniversalHopfield(rows, "dot", name)
    spins = PATTERNS[:3, :6]
    for kind in (ClassicalHopfield, DenseAssociativeMemory, ExponentialMemory, ContinuousSDM):
        yield kind.__name__, kind(spins)
    yield "pairs", BidirectionalMemory(spins, spins[:, :4])
    yield "layers", HierarchicalMemory([6, 3], [spins.T])
    yield "projection", ModernHopfield(spins, projection=spins[:, :2])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_networks_come_back_from_their_files(tmp_path):
    count = 0
    for name, model in networks():
        try:
            network = model.network
        except (ValueError, TypeError):  # for recall only
            continue
        back = Network.load(network.save(tmp_path / "network"))
        x = {one: np.random.default_rng(1).random((2, p.size)) + 0.1 for one, p in network.populations.items()}
        np.testing.assert_array_equal(back.energy(x), network.energy(x), err_msg=name)
        for one, velocity in network.velocity(x).items():
            np.testing.assert_array_equal(back.velocity(x)[one], velocity, err_msg=name)
        count += 1
    assert count > 25


def test_a_network_of_hands_comes_back(tmp_path):
    weights = np.random.default_rng(0).normal(size=(3, 3))
    net = Network(
        {"a": Population(LogCosh(beta=2.0), 3, tau=0.5, leak=0.3, bias=np.arange(3.0))},
        {"w": Recurrent(("a",), weights + weights.T)},
        flow="gradient",
    )
    path = net.save(tmp_path / "net")
    assert path.name == "net.npz"
    assert repr(Network.load(path)) == repr(net)
    np.testing.assert_array_equal(Network.load(path).populations["a"].bias, np.arange(3.0))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.ones(2)}, "holds no saved network, but the arrays a"),
        ({"header": np.asarray("[1]")}, "holds no saved network"),
        ({"header": np.asarray('{"format": 1, "holds": "trajectory", "tree": {}}')}, "a trajectory, not a network"),
        ({"header": np.asarray('{"format": 9, "holds": "network", "tree": {}}')}, "a newer hopfield"),
        (
            {"header": np.asarray('{"format": 1, "holds": "network", "tree": {"type": "os.system", "command": "ls"}}')},
            "names a class 'os.system' that there is not",
        ),
        (
            {"header": np.asarray('{"format": 1, "holds": "network", "tree": {"array": "weights"}}')},
            "is not whole: 'weights' is missing",
        ),
    ],
)  # fmt: skip
def test_files_that_hold_something_else_are_refused(arrays, message, tmp_path):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        Network.load(tmp_path / "a.npz")


def test_a_saved_memory_is_no_network_and_says_so(tmp_path):
    path = MEMORY.save(tmp_path / "memory")
    with pytest.raises(ValueError, match=r"holds a saved ModernHopfield: read it with ModernHopfield.load"):
        Network.load(path)
    with pytest.raises(FileNotFoundError, match="There is no file"):
        Trajectory.load(tmp_path / "nothing.npz")
