"""What training gives back, and the warning that it gives when it has to stop."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class TrainingWarning(UserWarning):
    """Training that was stopped, or gradients that there are not.

    Examples
    --------
    >>> issubclass(TrainingWarning, UserWarning)
    True
    """


class Fitted(NamedTuple):
    """What `fit` learned.

    Attributes
    ----------
    model : LearnedSimilarity or model
        With what was learned in place. What was given is left as it is.
    losses : array (steps,)
        The loss before each step, of a batch each; of a solution in closed form the one loss that it has.
    verdict : str
        ``"finished"``, or a sentence that says why training was stopped; the model is then that of the lowest loss.

    Examples
    --------
    >>> import numpy as np
    >>> from hopfield.layers import fit
    >>> from hopfield.models import UniversalHopfield
    >>> found = fit(UniversalHopfield(np.eye(2), beta=2.0), loss="ridge", targets=np.array([[1.0], [3.0]]))
    >>> found.verdict, found.model.recall(np.array([0.0, 1.0])).round(2)
    ('finished', array([3.]))
    """

    model: Any
    losses: np.ndarray
    verdict: str

    @property
    def finished(self) -> bool:
        """Whether nothing stopped it."""
        return self.verdict == "finished"
