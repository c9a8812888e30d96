"""Rates of escape over saddles, by the formula of Eyring and Kramers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dynamics import backend
from ...dynamics.doors import checked, quiet, warn
from ...dynamics.simulation import check_noise
from .. import _declared as declared
from ..flow import Field, has_rays, one_thread, reduce, spectrum
from ._escape import EscapeRates
from ._landscape import Landscape

LARGEST = 2000  # coordinates up to which all eigenvalues of H are computed


@quiet
@checked(**declared.ESCAPE_RATES)
def escape_rates(landscape: Landscape, temperature: float) -> EscapeRates:
    r"""How often noise of temperature T carries a memory from one minimum of its energy to another.

    States follow dv = v' dt + sqrt(2 T/tau_v) dW, as in ``simulate(..., temperature=T)``. From the minimum m over the
    saddle s of index 1, in any dimension (Eyring 1935, Kramers 1940, Langer 1969),

        k = lambda/(2 pi) sqrt(det H_m/\|det H_s\|) exp(-(E_s - E_m)/T),

    where H is the Hessian of E and lambda the rate at which the flow leaves the saddle. It is the limit as T falls;
    what it leaves out is of the order of T (see `EscapeRates.correction`), and it is taken to be good up to the
    temperature `EscapeRates.limit`. Above it a warning is given.

    Parameters
    ----------
    landscape : Landscape
        What `landscape` returns. A saddle that it has missed is missing in the rates too, which are then too low.
    temperature : float
        T > 0.

    Returns
    -------
    EscapeRates
        Rates of all jumps, the matrix of transitions in a time, mean first passage times, how long each is stayed in.

    Raises
    ------
    ValueError
        Where exp(-E/T) is not the law of the noise (g is not x, forces without an energy), where the energy is flat
        along rays (cosine), where forces jump, and where a minimum or saddle is degenerate.

    References
    ----------
    Hanggi, Talkner & Borkovec 1990, Rev. Mod. Phys. 62, 251, doi:10.1103/RevModPhys.62.251; proved by Bovier, Eckhoff,
    Gayrard & Klein 2004, J. Eur. Math. Soc. 6, 399, doi:10.4171/JEMS/14.

    Examples
    --------
    >>> from hopfield.analysis.landscapes import landscape
    >>> from hopfield.models import ModernHopfield
    >>> hills = landscape(ModernHopfield([[1.0], [-1.0]], beta=2.0))
    >>> found = escape_rates(hills, 0.03)  # exact: 0.000569
    >>> found.rate.round(6), found.far.round(2), round(float(found.limit), 4)
    (array([[0.      , 0.000629],
           [0.000629, 0.      ]]), array([5.44, 5.44]), 0.0544)
    """
    net, temperature = landscape.field, float(temperature)
    if net is None:
        raise ValueError(
            "This landscape does not say of which memory it is, as one that was read from a file does not. Give it the "
            "memory, dataclasses.replace(found, field=field(memory)), or make it with landscape(memory)."
        )
    check_noise(net.network)
    if has_rays(net):
        raise ValueError(
            "Only the direction of a state counts here, so that the energy is flat along rays and exp(-E/T) is not the "
            "law of anything. Take another similarity, such as dot or euclidean."
        )
    if not net.smooth:
        raise ValueError(
            "Forces jump here, so that a pass has no curvature and there is no formula for its rate. Simulate it with "
            "noise instead, and count the passages."
        )
    largest = float(np.abs(np.concatenate([landscape.energy, landscape.saddle_energy])).max())
    if largest > temperature * np.finfo(float).max / 4:
        raise ValueError(
            f"Energies of {largest:.3g} over T={temperature:.3g} are too large for float64: give a larger temperature."
        )
    small = reduce(net)
    if small.flow.size > LARGEST:
        raise ValueError(
            f"The rates need all {small.flow.size} eigenvalues at every minimum and saddle, and {LARGEST} is the most "
            "that are computed. Take fewer neurons, or fewer patterns than neurons."
        )
    wells = _curvature(small.flow, small.project(landscape.minima), temperature, "minimum", 0)
    passes = _curvature(small.flow, small.project(landscape.saddles), temperature, "saddle", 1)
    count = len(landscape.minima)
    log_rate = np.full((count, count), -np.inf)
    climbs, errors = np.full((len(landscape.saddles), 2), np.nan), np.full((len(landscape.saddles), 2), np.nan)
    for s, ends in enumerate(landscape.joins.tolist()):
        if ends[0] == ends[1]:
            continue
        for side, (m, to) in enumerate((ends, ends[::-1])):
            climbs[s, side] = landscape.saddle_energy[s] - landscape.energy[m]
            errors[s, side] = wells[1][m] + passes[1][s]
            part = np.log(landscape.rate[s, 0] / (2 * np.pi)) + (wells[0][m] - passes[0][s]) / 2
            log_rate[m, to] = np.logaddexp(log_rate[m, to], part - climbs[s, side] / temperature)
    found = EscapeRates(
        temperature=temperature,
        log_rate=log_rate,
        log_weight=_shares(landscape.energy, wells[0], temperature),
        climb=climbs,
        joins=landscape.joins,
        correction=errors,
        energy=landscape.energy,
        kind=landscape.kind,
        pattern=landscape.pattern,
        rows=landscape.rows,
        notes=landscape.notes,
    )
    object.__setattr__(found, "notes", (*found.notes, *_doubts(found)))
    if not found.reliable:
        warn(found.advice, UserWarning)
    return found


def _shares(energy: np.ndarray, log_det: np.ndarray, temperature: float) -> np.ndarray:
    """The logarithm of the part of time spent in each well, exp(-E/T)/sqrt(det H) of each."""
    log_weight = -energy / temperature - log_det / 2
    top = log_weight.max()
    return log_weight - top - np.log(np.exp(log_weight - top).sum())


def _curvature(flow: Field, x: np.ndarray, temperature: float, what: str, index: int) -> tuple[np.ndarray, np.ndarray]:
    r"""log \|det H\| at points (K, D), and what the next order in T adds to each, mode by mode.

    Along a unit eigenvector with eigenvalue mu, E = E* + mu s^2/2 + a s^3/6 + b s^4/24, and the Gaussian integral of
    exp(-E/T) is too large by the factor 1 - T (5 a^2/(24 mu^3) - b/(8 mu^2)), that of exp(E/T) across a pass with
    \|mu\| for mu, and -a and -b.
    """
    log_det, added = np.zeros(len(x)), np.zeros(len(x))
    if not len(x):
        return log_det, added
    with one_thread(flow.size):
        kinds = spectrum(flow, x, 1)
        for k, point in enumerate(x):
            if kinds.marginal[k] or kinds.index[k] != index:
                raise ValueError(
                    f"The {what} {k} is degenerate: an eigenvalue of the Hessian there is zero to rounding (the "
                    f"lowest is {kinds.eigenvalues[k, 0]:.3g}), and the formula divides by it. Change beta or the "
                    "patterns a little, or simulate with temperature=."
                )
            matrix = flow.host(flow.hessian, point[None].astype(backend.to_numpy(flow.like).dtype))[0].astype(float)
            values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
            log_det[k] = np.log(np.abs(values)).sum()
            added[k] = temperature * _anharmonic(flow, point, values, vectors, temperature)
    return log_det, added


def _anharmonic(flow: Field, x: np.ndarray, values: np.ndarray, vectors: np.ndarray, temperature: float) -> float:
    """The sum of 5 a^2/(24 mu^3) - b/(8 mu^2) over the modes, the growing one with its signs turned."""
    width = np.maximum(0.3 * np.sqrt(temperature / np.abs(values)), 1e-2 * flow.scale)  # thermal, but above rounding
    width = np.minimum(width, 0.1 * flow.scale)
    looks = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    places = x + looks[:, None, None] * width[:, None] * vectors.T  # (5, modes, D)
    kind = backend.to_numpy(flow.like).dtype
    force = flow.host(flow.residual, places.reshape(-1, flow.size).astype(kind)).astype(float).reshape(places.shape)
    slope = -np.sum(force * vectors.T, axis=-1)  # dE/ds
    third = (slope[3] - 2 * slope[2] + slope[1]) / width**2
    fourth = (slope[4] - 2 * slope[3] + 2 * slope[1] - slope[0]) / (2 * width**3)
    size = np.abs(values)
    return float(np.sum(5 * third**2 / (24 * size**3) - np.sign(values) * fourth / (8 * size**2)))


def _doubts(found: EscapeRates) -> list[str]:
    notes: list[Any] = [found.advice]
    if alone := int(np.isinf(found.log_rate).all(axis=1).sum()):
        notes.append(f"{alone} minima are joined by no saddle that is known: no rate out of them is known either.")
    known = found.log_rate[np.isfinite(found.log_rate)]
    if small := int((known < np.log(np.finfo(float).tiny)).sum()):
        notes.append(
            f"{small} rates, down to 10^{known.min() / np.log(10):.0f}, are below what float64 holds: `rate` is 0 or "
            "coarse there, and times may be infinite; `log_rate` is right."
        )
    return notes
