"""What is trained: the paper's model as far as it says, a better one, and a small one for a first look."""

from __future__ import annotations

from typing import Any

RATES = (3e-4, 1e-3, 3e-3, 1e-2)
COMMON = {"width": 200, "heads": 2, "blocks": 2, "dropout": 0.2, "batch": 20, "clip": 0.5}
SETTINGS: dict[str, dict[str, Any]] = {
    "faithful": {
        **COMMON,
        **{"vocabulary": "words", "hidden": 200, "context": 35, "first_norm": False, "activation": "relu"},
        **{"optimiser": "adam", "cycle": False, "tied": False, "epochs": 8, "rates": (3e-4, 1e-3, 3e-3), "seeds": 5},
        **{"characters": None, "held_out": None, "sweep_epochs": 2},
    },
    "improved": {
        **COMMON,
        **{"vocabulary": "bytes", "hidden": 400, "context": 64, "first_norm": True, "activation": "gelu"},
        **{"optimiser": "adamw", "cycle": True, "tied": True, "epochs": 8, "rates": RATES, "seeds": 5},
        **{"characters": None, "held_out": None, "sweep_epochs": 3},
    },
    "quick": {
        **COMMON,
        **{"vocabulary": "characters", "hidden": 128, "context": 64, "first_norm": True, "activation": "gelu"},
        **{"optimiser": "adamw", "cycle": True, "tied": True, "epochs": 2, "rates": (3e-3, 1e-2), "seeds": 3},
        **{"characters": 150_000, "held_out": 80_000, "sweep_epochs": 1, "width": 64},
    },
}
