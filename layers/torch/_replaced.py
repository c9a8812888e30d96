"""Whole models with another similarity: every MultiheadAttention in them replaced, with its weights."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

from ._attention import HopfieldAttention


def replace_attention(model: nn.Module, **settings: Any) -> nn.Module:
    """A copy of a model in which each `torch.nn.MultiheadAttention` is a `HopfieldAttention` with its weights.

    Parameters
    ----------
    model : torch.nn.Module
        Such as `torch.nn.Transformer`. It stays as it is.
    **settings
        Of `HopfieldAttention`: similarity, separation, beta, learn_beta, steps.

    Examples
    --------
    >>> from torch import nn
    >>> encoder = nn.TransformerEncoderLayer(16, 4, batch_first=True)
    >>> replace_attention(encoder, similarity="manhattan").self_attn.similarity
    Manhattan()
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got a {type(model).__name__}.")
    model = copy.deepcopy(model)
    if isinstance(model, nn.MultiheadAttention):
        return _hopfield(model, settings)
    count = 0
    for module in model.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.MultiheadAttention):
                setattr(module, name, _hopfield(child, settings))
                count += 1
        if isinstance(module, nn.TransformerEncoder):
            module.use_nested_tensor = False  # which it decided by the layers that it was built of
    if not count:
        raise ValueError("There is no torch.nn.MultiheadAttention in the model, so nothing would be replaced.")
    return model


def _hopfield(old: nn.MultiheadAttention, settings: dict[str, Any]) -> HopfieldAttention:
    like = old.out_proj.weight
    new = HopfieldAttention(
        old.embed_dim,
        old.num_heads,
        old.dropout,
        old.in_proj_bias is not None,
        old.bias_k is not None,
        old.add_zero_attn,
        old.kdim,
        old.vdim,
        old.batch_first,
        like.device,
        like.dtype,
        **settings,
    )
    new.load_state_dict(old.state_dict())
    for name, parameter in old.named_parameters():
        new.get_parameter(name).requires_grad_(parameter.requires_grad)
    return new.train(old.training)
