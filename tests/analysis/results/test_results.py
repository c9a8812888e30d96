"""Every result of an analysis is written to a file and read back, and gives its rows as plain values."""

import dataclasses
import json

import numpy as np
import pytest

from hopfield import ModernHopfield, UniversalHopfield, simulate
from hopfield import analysis as a
from hopfield.analysis import Result

PATTERNS = np.array([[1.0, 0.0, 0.2], [-0.9, 0.3, 0.0], [0.1, -1.0, 0.4]])
MEMORY = ModernHopfield(PATTERNS, beta=6.0)


def language():
    nats = np.array([[[70.0, 30.0], [72.0, 29.0]], [[68.0, 29.0], [70.0, 28.0]]])
    sizes = {"tokens": np.array([30, 12]), "characters": np.array([50, 20])}
    return a.LanguageComparison("quick", "characters", ("dot", "euclidean"), {"dot": 0.1}, nats, **sizes)


MADE = {
    "FixedPoints": lambda: a.find_fixed_points(MEMORY),
    "FixedPoints, complex": lambda: a.find_fixed_points(
        a.velocity_network(lambda x: np.stack([-x[..., 0] - 2 * x[..., 1], 2 * x[..., 0] - x[..., 1]], -1), 2),
        np.array([[0.3, 0.1]]),
    ),
    "Basins": lambda: a.basins_of_attraction(MEMORY, a.Noisy(3, 0.1), seed=0),
    "BasinSlice": lambda: a.basin_slice(MEMORY, *PATTERNS, resolution=4),
    "BasinRadius": lambda: a.basin_radius(MEMORY, 0, directions=2),
    "Certificates": lambda: a.certified_radii(MEMORY),
    "Landscape": lambda: a.landscape(MEMORY),
    "EscapeRates": lambda: a.escape_rates(a.landscape(MEMORY), 0.005),
    "Branches": lambda: a.continue_fixed_points(MEMORY, "beta", 4.0, 6.0),
    "CriticalBeta": lambda: a.critical_beta(MEMORY),
    "LyapunovReport": lambda: a.check_lyapunov(MEMORY, PATTERNS),
    "RecallSummary": lambda: a.summarise(MEMORY, simulate(MEMORY, PATTERNS, t1=1), targets=range(3)),
    "BetaAdvice": lambda: a.beta_advice(MEMORY),
    "Metastability": lambda: a.metastability(MEMORY, PATTERNS),
    "Metastability of one": lambda: a.metastability(MEMORY, PATTERNS[0]),
    "Sweep": lambda: a.capacity("digits", ["dot", "cosine"], sizes=[5, 10], runs=2, seed=0),
    "Reproduction": lambda: a.reproduce(14, "fair", quick=True)[0],
    "LanguageComparison": language,
}


def same(one, other):
    """Whether two results, or what they are made of, hold the same values of the same types."""
    if isinstance(one, Result):
        names = [field.name for field in dataclasses.fields(one) if field.name not in one.not_saved and field.init]
        return type(one) is type(other) and all(same(getattr(one, n), getattr(other, n)) for n in names)
    if isinstance(one, np.ndarray):
        equal = one.dtype == other.dtype and one.shape == other.shape
        return equal and bool(np.array_equal(one, other, equal_nan=one.dtype.kind in "fc"))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return one == other or (one != one and other != other)


@pytest.fixture(scope="module", params=MADE)
def result(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "100")
        return MADE[request.param]()


def test_a_file_gives_back_every_field(result, tmp_path):
    path = result.save(tmp_path / "result")
    assert path.name == "result.npz"
    again = type(result).load(path)
    assert same(result, again)
    assert repr(again) == repr(result)
    assert same(result, Result.load(path))  # the base reads whatever it is
    arrays = {f.name for f in dataclasses.fields(result) if isinstance(getattr(result, f.name), np.ndarray)}
    assert arrays <= set(np.load(path))  # under their names


def test_records_are_plain_and_of_equal_keys(result):
    rows = result.records()
    assert rows
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert len({tuple(row) for row in rows}) == 1
    frame = result.to_dataframe()
    assert list(frame.columns) == list(rows[0])
    assert len(frame) == len(rows)


def test_json_and_text(result, tmp_path):
    report = json.loads(result.to_json(tmp_path / "result.json").read_text(encoding="utf-8"))
    assert len(report["results"]) == 1
    assert "numpy" in report["versions"]
    assert "array(" not in repr(result)
    assert "\n" not in repr(result)
    assert str(result)


def test_every_result_class_is_here():
    made = {name.partition(",")[0].partition(" of")[0] for name in MADE}
    parts = {"Panel", "Branch", "Bifurcation", "EnergyPart"}  # what results hold
    assert made | parts == set(Result._known)


def test_a_file_of_something_else_is_refused(tmp_path):
    path = MADE["Certificates"]().save(tmp_path / "radii")
    with pytest.raises(ValueError, match="holds a result Certificates, not FixedPoints"):
        a.FixedPoints.load(path)
    memory = UniversalHopfield(PATTERNS).save(tmp_path / "memory.npz")
    with pytest.raises(ValueError, match="holds a saved"):
        a.FixedPoints.load(memory)
    arrays = dict(np.load(path))
    arrays["header"] = np.asarray(str(arrays["header"]).replace('"Certificates"', '"os.system"'))
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=r"os\.system"):
        Result.load(path)


def test_a_landscape_of_a_file_asks_for_its_memory(tmp_path):
    found = a.Landscape.load(a.landscape(MEMORY).save(tmp_path / "hills"))
    with pytest.raises(ValueError, match="read from a file"):
        a.escape_rates(found, 0.005)
    whole = dataclasses.replace(found, field=a.field(MEMORY))
    assert same(a.escape_rates(whole, 0.005), a.escape_rates(a.landscape(MEMORY), 0.005))


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Mine(Result):
    """A result from outside of the package."""

    row_fields = ("speed",)

    speed: np.ndarray
    words: tuple[str, ...] = ("a",)


def test_a_result_of_your_own_is_read_by_its_class_alone(tmp_path):
    path = Mine(np.arange(3.0)).save(tmp_path / "mine")
    again = Mine.load(path)
    assert same(Mine(np.arange(3.0)), again)
    assert again.records() == [{"speed": 0.0}, {"speed": 1.0}, {"speed": 2.0}]
    with pytest.raises(ValueError, match="holds a result Mine, not Result"):
        Result.load(path)
