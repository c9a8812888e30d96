"""A trajectory as a table of pandas, or a data set of xarray."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from ..doors import affordable


def to_dataframe(run: Any) -> Any:
    """A row for each saved time of each sample; see `Trajectory.to_dataframe`."""
    pandas = backend.optional_import("pandas")
    energy = backend.to_numpy(run.energy)
    host = {name: backend.to_numpy(x) for name, x in run.states.items()}
    width = sum(x.shape[-1] for x in host.values())
    affordable("A table of this trajectory", 8.0 * energy.size * (width + 3), "Save fewer times, or fewer neurons.")
    length, *batch = energy.shape

    def laid(x: np.ndarray) -> np.ndarray:  # (T, ..., n) with a row for each time, sample by sample
        return np.moveaxis(x, 0, len(batch)).reshape(energy.size, *x.shape[len(batch) + 1 :])

    times = run.times if run.times.ndim > 1 else run.times.reshape(length, *(1,) * len(batch))
    columns: dict[str, np.ndarray] = {"time": laid(np.broadcast_to(times, energy.shape))}
    for name, axis in zip(_axes(batch), np.indices(batch), strict=True):
        columns[name] = np.repeat(axis.reshape(-1), length)
    columns["energy"] = laid(energy)
    if run.drive is not None:
        columns |= {"work": laid(run.work), "dissipation": laid(run.dissipation)}
    for name, x in host.items():
        columns |= {f"{name}_{k}": column for k, column in zip(_neurons(run, name, x), laid(x).T, strict=True)}
    return pandas.DataFrame(columns)


def to_xarray(run: Any) -> Any:
    """A data set with a dimension for time, each axis of the batch, and the neurons of each population."""
    xarray = backend.optional_import("xarray")
    energy = backend.to_numpy(run.energy)
    batch, one = _axes(energy.shape[1:]), run.times.ndim == 1
    along = "time" if one else "step"
    variables: dict[str, Any] = {"energy": ((along, *batch), energy)}
    for name, x in run.states.items():
        variables[name] = ((along, *batch, f"{name}_neuron"), backend.to_numpy(x))
    if run.drive is not None:
        variables |= {"work": ((along, *batch), run.work), "dissipation": ((along, *batch), run.dissipation)}
    for name in ("converged", "residual", "reached", "steps"):
        variables[name] = (batch, np.asarray(getattr(run, name)))
    times: dict[str, Any] = {"time": ((along,) if one else (along, *batch), run.times)}
    times |= {f"{name}_neuron": which for name, which in run.columns.items()}
    told = {"result": run.result.name, "integrator": str(run.statistics.get("integrator", ""))}
    return xarray.Dataset(variables, coords=times, attrs=told)


def _neurons(run: Any, name: str, x: np.ndarray) -> Any:
    """The numbers of the neurons that were saved."""
    return run.columns.get(name, range(x.shape[-1]))


def _axes(batch: Any) -> list[str]:
    """The names of the axes of a batch: sample, or sample_0, sample_1, ... where there are more."""
    return ["sample"] if len(batch) == 1 else [f"sample_{k}" for k in range(len(batch))]
