"""One memory over several processes of PyTorch: each holds some of the patterns, and two all-reduces join answers."""

from __future__ import annotations

from typing import Any

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.synapses import merged_sums
from ._memory import AssociativeMemory, rule_of


def recall_over(memory: AssociativeMemory, query: Any, group: Any = None) -> Array:
    r"""What the patterns of all processes of a group recall together, the same in each of them.

    Every process calls it with a memory of its own part of the patterns and the same query. With
    L_r = log(sum e^(beta s))/beta and c_r the answer of the part r,

        m = max_r L_r,    z = sum_r e^(beta (L_r - m)),    answer = sum_r e^(beta (L_r - m)) c_r/z:

    an all-reduce for the largest, and one for both sums. Of separations that are sums, such as ``"identity"``, the
    second alone is needed.

    Parameters
    ----------
    memory : UniversalHopfield or another of its family
        On PyTorch, with some of the patterns; those of all processes are of one width, dtype and rule.
    query : array (..., I)
        The same in every process.
    group : torch.distributed.ProcessGroup, optional
        The default group unless given.

    Returns
    -------
    array (..., O)
        No derivatives pass through it.

    Raises
    ------
    TypeError
        Where no process group was started, or the rule has no such sums: similarities other than dot, euclidean and
        cosine, separations other than softmax and elementwise ones.

    Examples
    --------
    >>> import torch
    >>> import torch.distributed as dist
    >>> from hopfield.models import ModernHopfield
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> recall_over(ModernHopfield(torch.eye(2), beta=4.0), torch.tensor([1.0, 0.0])).round(decimals=3)
    tensor([0.9820, 0.0180])
    >>> dist.destroy_process_group()
    """
    torch = backend.optional_import("torch")
    dist = torch.distributed
    if rule_of(memory) is None or backend.backend_of(memory.memories) != "torch":
        raise TypeError('recall_over joins memories on PyTorch: write memory.to("torch").')
    if not (dist.is_available() and dist.is_initialized()):
        raise TypeError(
            "There is no group of processes. Start each with torch.distributed.init_process_group, such as by torchrun."
        )
    separation = memory.rule.separation
    softmax = separation.law == "softmax"
    if memory.sim.carrier is None or not (softmax or separation.elementwise) or separation.domain:
        raise TypeError(
            f"The parts of {memory!r:.80} are not joined by sums. Use dot, euclidean or cosine with softmax, or with a "
            "separation that works score by score, such as polynomial(3)."
        )
    with torch.no_grad():
        query = memory.check_query(query)
        flat = query.reshape(-1, query.shape[-1])
        rows = memory.memories if memory.projection is None else memory.projection
        found = merged_sums(memory.sim, separation, flat, rows)
        if softmax:
            top = found.value.clone()
            dist.all_reduce(top, dist.ReduceOp.MAX, group)
            share = torch.exp(separation.beta * (found.value - top))[:, None]
        else:
            share = torch.ones_like(found.total)
        both = torch.cat([share, share * found.carried], dim=1)
        dist.all_reduce(both, dist.ReduceOp.SUM, group)
        answer = both[:, 1:] / both[:, :1] if softmax else both[:, 1:]
        return answer.reshape(*query.shape[:-1], rows.shape[-1])
