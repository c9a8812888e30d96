"""Hostile calls: every public function, with arguments that are wrong, answers or says in a sentence of ours why not.

The short form, of some hundreds of calls with a seed that is fixed, belongs to every test run. The long one, of a
hundred thousand, is slow: ``pytest -m slow tests/hostile``; other seeds are tried with ``python -m hostile.drive``.
"""

import pytest

from helpers import few
from hostile.drive import faults_of

SHORT = {"dynamics": 300, "simulate": 150, "models": 250, "parts": 250, "analysis": 250, "verbs": 25, "plots": 25}
LONG = {
    "dynamics": 20_000,
    "simulate": 16_000,
    "models": 20_000,
    "parts": 20_000,
    "analysis": 16_000,
    "verbs": 8_000,
    "plots": 4_000,
}


def told(faults):
    """Each kind of fault with one call that shows it."""
    kinds = {fault["kind"]: fault for fault in reversed(faults)}
    return "\n".join(f"{kind}\n    call {one['i']}: {one['call']}\n    {one['detail']}" for kind, one in kinds.items())


@pytest.mark.parametrize("group", few(SHORT, ["models", "parts"]))
def test_hostile_calls_answer_or_say_why_not(group):
    faults = faults_of(group, 0, SHORT[group])
    assert not faults, told(faults)


@pytest.mark.slow
@pytest.mark.parametrize("group", LONG)
def test_a_hundred_thousand_hostile_calls(group):
    faults = faults_of(group, 1, LONG[group])
    assert not faults, told(faults)
