"""Modules of Equinox: they stand where its MultiheadAttention does."""

import numpy as np
import pytest

from helpers import few

jax = pytest.importorskip("jax")
eqx = pytest.importorskip("equinox")

from hopfield.layers import attention  # noqa: E402
from hopfield.layers.equinox import HopfieldAttention, HopfieldLayer, HopfieldPooling  # noqa: E402

KEY = jax.random.key(0)


def normal(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


@pytest.mark.parametrize(
    "options", few([{"key_size": 5, "value_size": 7, "output_size": 3, "qk_size": 2, "vo_size": 6}, {}], 1)
)
def test_with_dot_it_gives_what_that_of_equinox_gives(options):
    biases = dict.fromkeys(("use_query_bias", "use_key_bias", "use_value_bias", "use_output_bias"), True)
    theirs = eqx.nn.MultiheadAttention(3, 12, **options, **biases, key=KEY)
    ours = HopfieldAttention(3, 12, **options, **biases, key=jax.random.key(1))
    for name in ("query_proj", "key_proj", "value_proj", "output_proj"):
        ours = eqx.tree_at(lambda one, name=name: getattr(one, name), ours, getattr(theirs, name))
    q, k, v = normal(1, 4, 12), normal(2, 6, options.get("key_size", 12)), normal(3, 6, options.get("value_size", 12))
    mask = np.tri(4, 6, 2, dtype=bool)
    for given in (None, jax.numpy.asarray(mask)):
        np.testing.assert_allclose(ours(q, k, v, given), theirs(q, k, v, given), atol=2e-6)
    np.testing.assert_allclose(
        ours(q, k, v, is_causal=True), theirs(q, k, v, jax.numpy.asarray(np.tri(4, 6, dtype=bool))), atol=2e-6
    )


@pytest.mark.parametrize("kind", few(["manhattan", "cosine", "euclidean", "kl"], 1))
def test_it_is_attention_between_projections_under_jit_vmap_and_grad(kind):
    layer = HopfieldAttention(2, 8, similarity=kind, separation="softmax", steps=2, key=KEY)
    batch = normal(1, 3, 5, 8)

    @eqx.filter_jit
    def run(layer, batch):
        return jax.vmap(lambda x: layer(x, x, x, is_causal=True))(batch)

    found = run(layer, batch)
    for x, z in zip(batch, found, strict=True):
        heads = [
            np.swapaxes((np.asarray(x) @ np.asarray(one.weight).T).reshape(5, 2, 4), 0, 1)
            for one in (layer.query_proj, layer.key_proj, layer.value_proj)
        ]
        if kind == "kl":
            heads[0], heads[1] = np.exp(heads[0]), np.exp(heads[1])
        beta = np.asarray(layer.beta)[:, None, None]
        want = attention(*heads, similarity=kind, beta=beta, is_causal=True, steps=2)
        want = np.swapaxes(want, 0, 1).reshape(5, 8) @ np.asarray(layer.output_proj.weight).T
        np.testing.assert_allclose(z, want, rtol=2e-5, atol=2e-5)
    slopes = eqx.filter_grad(lambda layer: (run(layer, batch) ** 2).sum())(layer)
    for name in ("query_proj", "key_proj", "value_proj", "output_proj"):
        assert np.isfinite(getattr(slopes, name).weight).all()
    assert (np.abs(slopes.log_beta) > 0).all()


@pytest.mark.broad
def test_beta_of_every_head():
    layer = HopfieldAttention(2, 8, similarity="euclidean", beta=[0.01, 50.0], key=KEY)
    np.testing.assert_allclose(layer.beta, [0.01, 50.0], rtol=1e-6)
    x = normal(1, 5, 8)
    one = HopfieldAttention(2, 8, similarity="euclidean", beta=0.01, key=KEY)
    same, apart = (eqx.tree_at(lambda y: y.output_proj.weight, z, jax.numpy.eye(8)) for z in (layer, one))
    gap = np.abs(np.asarray(same(x, x, x) - apart(x, x, x))).max(0)
    assert gap[:4].max() < 1e-5 < gap[4:].min()  # the second head alone is sharper
    with pytest.raises(ValueError, match="beta has 3 numbers and there are 2 heads"):
        HopfieldAttention(2, 8, beta=[1.0, 2.0, 3.0], key=KEY)


@pytest.mark.broad
def test_pooling_and_stored_patterns():
    pool = HopfieldPooling(2, 8, num_queries=3, similarity="euclidean", key=KEY)
    x, counts = normal(1, 6, 8), np.array([True, True, True, True, False, False])
    found = pool(x, jax.numpy.asarray(counts))
    np.testing.assert_allclose(found, pool(x[:4][::-1]), atol=2e-6)
    layer = HopfieldLayer(2, 8, num_patterns=10, similarity="manhattan", key=KEY)
    np.testing.assert_allclose(layer(x), layer.attention(x, layer.patterns, layer.patterns), atol=2e-6)
    slopes = eqx.filter_grad(lambda layer: (layer(x) ** 2).sum())(layer)
    assert np.abs(slopes.patterns).sum() > 0


def test_dropout_needs_a_key_and_none_in_inference():
    layer = HopfieldAttention(2, 8, dropout_p=0.5, similarity="euclidean", key=KEY)
    x = normal(1, 6, 8)
    assert not np.allclose(layer(x, x, x, key=jax.random.key(1)), layer(x, x, x, key=jax.random.key(2)))
    np.testing.assert_array_equal(layer(x, x, x, inference=True), layer(x, x, x, inference=True))
    with pytest.raises(TypeError, match="dropout_key"):
        layer(x, x, x)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: HopfieldAttention(3, 8, key=KEY), ValueError, "query_size=8 .*num_heads=3"),
        (lambda: HopfieldAttention(2, 8, similarity="dott", key=KEY), ValueError, "Did you mean 'dot'"),
        (
            lambda: HopfieldAttention(2, 8, key=KEY)(*[normal(0, 2, 5, 8)] * 3),
            ValueError,
            r"query must be \(length, 8\).*jax.vmap.*\(2, 5, 8\)",
        ),
        (
            lambda: HopfieldAttention(2, 8, key=KEY)(*[normal(0, 5, 8)] * 3, mask=np.ones((5, 4), bool)),
            (ValueError, TypeError),
            r"attn_mask has shape \(5, 4\)|different libraries",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
