"""The checks of the arguments of every public function of analysis, by function, as `checked` takes them."""

from __future__ import annotations

from typing import Any

from ..models import _doors as doors

LANDSCAPE_ROUTE = {
    "start": doors.whole,
    "end": doors.whole,
}
LANDSCAPE_MINIMUM_OF = {
    "pattern": doors.whole,
}
LANDSCAPE_TABLE = {
    "most": doors.count_or_none,
}
BASIN_SLICE_STATE = {
    "s": doors.numbers_of,
    "t": doors.numbers_of,
}
BASIN_SLICE = {
    "memory": doors.examined,
    "a": doors.states,
    "b": doors.states,
    "c": doors.states,
    "resolution": doors.side,
    "margin": doors.not_negative,
    "fixed_points": doors.census,
}
BASINS_OF_ATTRACTION = {
    "memory": doors.examined,
    "fixed_points": doors.census,
    "dynamics": doors.text,
    "seed": doors.seed,
    "targets": doors.rows,
    "dt": doors.positive,
    "t_max": doors.positive,
    "tol": doors.resolved,
    "level": doors.a_number,
    "timed": doors.flag,
    "progress": doors.flag,
    "seconds": doors.maybe(doors.positive),
}
BETA_ADVICE_BETA_FOR = {
    "fraction": doors.a_number,
    "certified": doors.flag,
}
BETA_ADVICE = {
    "memory": doors.precise,
    "target": doors.a_number,
}
CAPACITY = {
    "similarities": doors.text_list,
    "separations": doors.text_list,
    "sizes": doors.lengths,
    "cue": doors.text,
    "level": doors.called("levels", doors.a_number),
    "runs": doors.count,
    "criteria": doors.text_list,
    "seed": doors.seed_number,
    "out": doors.path,
    "jobs": doors.workers,
}
ROBUSTNESS = {
    "similarities": doors.text_list,
    "separations": doors.text_list,
    "levels": doors.number_list,
    "cue": doors.text,
    "size": doors.count,
    "runs": doors.count,
    "criteria": doors.text_list,
    "seed": doors.seed_number,
    "out": doors.path,
    "jobs": doors.workers,
}
FIXED_POINTS_SELECT = {
    "mask": doors.selection,
}
FIXED_POINTS_TABLE = {
    "most": doors.count_or_none,
}
CERTIFIED_RADII = {
    "memory": doors.memory,
    "rows": doors.rows,
}
TRAPPING_RADII = {
    "memory": doors.memory,
    "points": doors.states,
}
BRANCHES_AT = {
    "value": doors.a_number,
}
CONTINUE_FIXED_POINTS = {
    "parameter": doors.text,
    "start": doors.as_given,
    "stop": doors.as_given,
    "queries": doors.states,
    "step": doors.positive,
    "points": doors.count,
    "branches": doors.count,
    "switch": doors.flag,
    "seed": doors.seed_number,
    "seconds": doors.maybe(doors.positive),
    "progress": doors.flag,
}
CRITICAL_BETA = {
    "memory": doors.precise,
    "largest": doors.reach,
}
QUERY_TABLE = {
    "fields": doors.columns,
}
PATTERN_STARTS = {
    "signed": doors.flag,
    "seed": doors.seed,
}
RANDOM_STARTS = {
    "count": doors.count,
    "signed": doors.flag,
    "scale": doors.positive,
    "seed": doors.seed,
}
BOX_STARTS = {
    "count": doors.count,
    "seed": doors.seed,
}
PATTERN_STARTS = {
    "signed": doors.flag,
    "seed": doors.seed,
}
RANDOM_STARTS = {
    "count": doors.count,
    "signed": doors.flag,
    "scale": doors.positive,
    "seed": doors.seed,
}
BOX_STARTS = {
    "count": doors.count,
    "seed": doors.seed,
}
DISCONNECTIVITY_TREE = {
    "landscape": doors.hills,
    "level": doors.not_negative,
}
EFFECTIVE_MEMORIES = {
    "measure": doors.text,
}
METASTABILITY = {
    "memory": doors.precise,
    "max_steps": doors.whole,
}
FIELD = {
    "memory": doors.precise,
    "patterns": doors.states,
    "differences": doors.differences,
}
FIND_FIXED_POINTS = {
    "memory": doors.examined,
    "seed": doors.seed,
    "patterns": doors.states,
    "batches": doors.count_or_none,
    "batch_size": doors.count,
    "eigenvalues": doors.count,
    "tol": doors.positive,
    "deflate": doors.flag,
    "reduction": doors.flag,
    "differences": doors.differences,
    "most": doors.count,
    "wanted": doors.indices,
    "seconds": doors.maybe(doors.positive),
    "progress": doors.flag,
}
METASTABLE_SIZE = {
    "weights": doors.numbers_of,
}
DIFFUSE = {
    "memory": doors.memory,
    "noise": doors.samples,
    "sigma": doors.positive,
    "end": doors.maybe(doors.positive),
    "steps": doors.count,
    "stochastic": doors.flag,
    "seed": doors.seed,
}
ESCAPE_RATES = {
    "landscape": doors.hills,
    "temperature": doors.positive,
}
ESCAPE_TRANSITIONS = {
    "time": doors.not_negative,
}
ESCAPE_BETWEEN = {
    "start": doors.whole,
    "end": doors.whole,
}
LANDSCAPE = {
    "memory": doors.examined,
    "fixed_points": doors.census,
    "images": doors.images,
    "pairs": doors.pairs,
    "steps": doors.count,
    "climbs": doors.count_or_none,
    "reduction": doors.flag,
    "seed": doors.seed_number,
    "seconds": doors.maybe(doors.positive),
    "progress": doors.flag,
}
CHECK_LYAPUNOV = {
    "memory": doors.maybe(doors.memory),
}
ASSERT_ENERGY_DECREASES = {
    "memory": doors.memory,
}
ENERGY_NETWORK = {
    "energy": doors.given("E(x), (..., n) to (...)"),
    "size": doors.count,
    "gradient": doors.given("x -> dE/dx", True),
    "product": doors.given("(x, u) -> E''(x) u", True),
    "like": doors.an_array,
}
VELOCITY_NETWORK = {
    "velocity": doors.given("F(x), (..., n) to (..., n)"),
    "size": doors.count,
    "product": doors.given("(x, u) -> F'(x) u", True),
    "like": doors.an_array,
}
REPRODUCE = {
    "figure": doors.figure,
    "reading": doors.text_list,
    "runs": doors.count,
    "quick": doors.flag,
    "out": doors.path,
    "seed": doors.seed_number,
    "jobs": doors.workers,
    "progress": doors.flag,
}
POLISH = {
    "flow": doors.examined,
    "memory": doors.examined,
    "x": doors.states,
    "steps": doors.count,
    "tol": doors.not_negative,
    "clip": doors.positive,
    "away": doors.host_states,
    "method": doors.one_of("auto", "dense", "krylov"),
}
BASIN_RADIUS = {
    "memory": doors.examined,
    "seed": doors.seed,
    "around": doors.text,
    "fixed_points": doors.census,
    "directions": doors.count_or_none,
    "dt": doors.positive,
    "rtol": doors.resolved,
    "i": doors.row_or_state,
    "seconds": doors.maybe(doors.positive),
    "progress": doors.flag,
}
SUMMARISE = {
    "memory": doors.with_patterns,
    "trajectory": doors.simulated,
    "targets": doors.rows,
}
WRITE_REPORT = {
    "path": doors.path,
    "settings": doors.a_mapping,
    "results": doors.a_mapping,
}
TIMES_THAT_FIT = {
    "memory": doors.memory,
    "samples": doors.whole,
    "t1": doors.positive,
    "dt": doors.step,
    "every_population": doors.flag,
    "count": doors.count,
    "limit": doors.bytes_,
}
SAVE_TRAJECTORY = {
    "path": doors.path,
    "trajectory": doors.run,
}
SPECTRUM = {
    "flow": doors.examined,
    "memory": doors.examined,
    "x": doors.states,
    "k": doors.count,
    "method": doors.one_of("auto", "dense", "low rank", "eigsh"),
}
STRING_METHOD = {
    "flow": doors.examined,
    "memory": doors.examined,
    "start": doors.states,
    "end": doors.states,
    "images": doors.count,
    "steps": doors.count,
    "tol": doors.not_negative,
    "bend": doors.bend,
    "seed": doors.seed_number,
}
RESULT_FILE = {
    "path": doors.path,
}
SWEEP_AT = {
    "similarity": doors.text,
    "separation": doors.text,
    "criterion": doors.text,
    "size": doors.whole,
    "level": doors.a_number,
}


def wilson(successes: Any, total: Any, level: Any = 0.95) -> Any:
    """Whole numbers of successes, of a whole number of trials."""
    given, total = doors.numbers_of("successes", successes), doors.whole("total", total, 1, 2**53)
    if ((given % 1 != 0) | (given < 0) | (given > total)).any():
        raise ValueError(f"successes must be whole numbers from 0 to total = {total}, got {doors.shown(successes)}.")
    return (given, total, doors.number("level", level, above=0, below=1)), {}
