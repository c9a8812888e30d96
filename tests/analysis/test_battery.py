"""Every model of the catalogue under every verb of the analysis: an answer that brute force confirms, or a sentence.

A cell of the table is one call on one small memory. What comes back is held against the same network, written down
again in `battery.flows`. A cell that has no answer must refuse in words of ours; `REFUSALS` says which cells do, and
why, so that a new refusal is noticed, and an answer where there was none.
"""

import signal

import pytest

from battery.cases import CASES
from battery.verbs import VERBS
from hopfield import analysis
from hopfield.models import catalogue
from hostile.verdict import judge

REFUSALS = {}
CELLS = [(verb, case) for verb in VERBS for case in CASES]


def outcome(call):
    """What a call gave, what it refused in, and the fault if it leaked an error or warning that is not ours."""
    given, said = [], []

    def run():
        try:
            given.append(call())
        except Exception as error:
            said.append(str(error))
            raise

    return given, said, judge(run, 120.0)


@pytest.mark.parametrize(
    ("verb", "case"),
    [
        pytest.param(v, c, marks=pytest.mark.slow if v.slow else (), id=f"{v.name}-{c.name}")
        for v, c in CELLS
    ],
)
def test_every_verb_on_every_model(verb, case):
    case.memory
    given, said, fault = outcome(lambda: verb.call(case))
    assert fault is None, f"{fault.kind}\n{fault.detail}"
    assert not said, said
    verb.confirm(case, given[0])
