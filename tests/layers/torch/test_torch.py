"""Modules of PyTorch: they stand where MultiheadAttention does, and nothing goes past their similarity."""

import copy
import warnings

import pytest

from helpers import few

torch = pytest.importorskip("torch")

from hopfield.layers.torch import HopfieldAttention, HopfieldLayer, HopfieldPooling, replace_attention  # noqa: E402

nn = torch.nn
GEOMETRIES = ("dot", "cosine", "euclidean", "manhattan")


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def trained(**options):
    """A MultiheadAttention none of whose parameters is what it was at the start, with outputs of the order of one.

    Heads of five values: 1/sqrt(5) has no exact number, so that orders of multiplication show.
    """
    layer = nn.MultiheadAttention(15, 3, **options)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(torch.randn_like(parameter) / 2)
        layer.out_proj.weight /= 8
    return layer


@pytest.mark.parametrize(
    "options",
    [{}, {"batch_first": True}, {"bias": False}, {"add_bias_kv": True, "add_zero_attn": True}, {"kdim": 7, "vdim": 5}],
    ids=str,
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("masks", ["none", "bools", "numbers", "both", "heads"])
def test_a_trained_state_loads_and_gives_the_same_output(options, masks, dtype):
    """To 1e-6 in float32, where its own rounding is as large; in float64 there is nothing but rounding."""
    theirs = trained(**options, dtype=dtype)
    ours = HopfieldAttention(15, 3, **options, dtype=dtype)
    with torch.no_grad():
        ours.log_beta.add_(1)  # which the state sets back
    assert ours.load_state_dict(theirs.state_dict()).missing_keys == []
    lead = (2, 5) if options.get("batch_first") else (5, 2)
    others = (2, 6) if options.get("batch_first") else (6, 2)
    query = torch.randn(*lead, 15, dtype=dtype)
    key, value = (torch.randn(*others, options.get(name, 15), dtype=dtype) for name in ("kdim", "vdim"))
    hidden, padding = torch.ones(5, 6).triu(1).bool(), torch.tensor([[False] * 6, [False] * 4 + [True] * 2])
    numbers = torch.randn(5, 6, dtype=dtype)
    given = {
        "none": {},
        "bools": {"attn_mask": hidden, "key_padding_mask": padding},
        "numbers": {"attn_mask": numbers},
        "both": {
            "attn_mask": numbers,
            "key_padding_mask": torch.zeros_like(numbers[:2]).masked_fill(padding, -torch.inf),
        },
        "heads": {"attn_mask": torch.randn(6, 5, 6, dtype=dtype)},
    }[masks]
    close = 1e-6 if dtype == torch.float32 else 1e-14
    for training in (True, False):
        theirs.train(training)
        ours.train(training)
        for need, average in ((False, True), (True, True), (True, False)):
            a = theirs(query, key, value, need_weights=need, average_attn_weights=average, **given)
            b = ours(query, key, value, need_weights=need, average_attn_weights=average, **given)
            assert 0.5 < a[0].abs().max() < 8
            assert (a[0] - b[0]).abs().max() < close
            assert (a[1] is None and b[1] is None) or (a[1] - b[1]).abs().max() < close


def test_one_sequence_without_a_batch_axis():
    theirs, ours = trained(), HopfieldAttention(15, 3)
    ours.load_state_dict(theirs.state_dict())
    x, padding = torch.randn(5, 15), torch.tensor([False, False, False, True, True])
    for a, b in zip(theirs(x, x, x, padding), ours(x, x, x, padding), strict=True):
        assert a.shape == b.shape
        assert (a - b).abs().max() < 1e-6


def counted(model):
    """How often the attention of each layer is called."""
    calls = []
    for module in model.modules():
        if isinstance(module, HopfieldAttention):
            module.forward = (lambda f: lambda *a, **o: calls.append(1) or f(*a, **o))(module.forward)
    return calls


@pytest.mark.parametrize("kind", GEOMETRIES)
@pytest.mark.parametrize("nested", [False, True])
def test_an_encoder_calls_it_in_evaluation(kind, nested):
    layer = nn.TransformerEncoderLayer(12, 2, 24, batch_first=True)
    layer.self_attn = HopfieldAttention(12, 2, batch_first=True, similarity=kind)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "enable_nested_tensor is True")
        encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=nested).eval()
    x, padding = torch.randn(2, 5, 12), torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    calls = counted(encoder)
    with torch.no_grad():
        found = encoder(x, src_key_padding_mask=padding)
        assert len(calls) == 2
        assert len(counted(encoder.layers[0])) == 0
        short = encoder(x[1:, :3])
        encoder.layers[0](x)
        assert len(calls) == 5
    assert (found[1, :3] - short[0]).abs().max() < 1e-5  # what is padded counts nowhere
    plain = nn.TransformerEncoder(nn.TransformerEncoderLayer(12, 2, 24, batch_first=True), 2).eval()
    state = {name: value for name, value in encoder.state_dict().items() if "log_beta" not in name}
    plain.load_state_dict(state)
    with torch.no_grad():
        same = (plain(x) - encoder(x)).abs().max()
    assert same < 1e-5 if kind == "dot" else same > 1e-2


@pytest.mark.parametrize("kind", ["dot", "euclidean", "manhattan"])
def test_a_whole_transformer_with_another_similarity(kind):
    theirs = nn.Transformer(12, 2, 2, 2, 24, batch_first=True)
    before = copy.deepcopy(theirs.state_dict())
    ours = replace_attention(theirs, similarity=kind)
    assert sum(isinstance(one, HopfieldAttention) for one in ours.modules()) == 6
    source, target = torch.randn(2, 6, 12), torch.randn(2, 5, 12)
    padding = torch.tensor([[False] * 6, [False] * 4 + [True] * 2])
    masks = {
        "tgt_mask": nn.Transformer.generate_square_subsequent_mask(5),
        "src_key_padding_mask": torch.zeros(2, 6).masked_fill(padding, -torch.inf),
        "memory_key_padding_mask": padding,
        "tgt_is_causal": True,
    }
    calls = counted(ours)
    for training in (False, True):
        for model in (ours, theirs):
            model.train(training)
            for one in model.modules():
                if isinstance(one, HopfieldAttention | nn.MultiheadAttention):
                    vars(one)["dropout"] = 0.0
                if isinstance(one, nn.Dropout):
                    vars(one)["p"] = 0.0
        found = ours(source, target, **masks)
        same = (found - theirs(source, target, **masks)).abs().max()
        assert same < 1e-5 if kind == "dot" else same > 1e-3
        changed = target.clone()
        changed[:, -1] += 1
        assert (ours(source, changed, **masks)[:, :-1] - found[:, :-1]).abs().max() < 1e-6  # nothing sees the future
    assert len(calls) == 4 * 6
    found.sum().backward()
    assert all(p.grad is not None for p in ours.parameters())
    assert all(torch.equal(before[name], value) for name, value in theirs.state_dict().items())
    with pytest.raises(ValueError, match=r"no torch.nn.MultiheadAttention in the model"):
        replace_attention(nn.Linear(2, 2))


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors is in prototype stage")
@pytest.mark.parametrize("layout", [torch.strided, torch.jagged], ids=str)
@pytest.mark.parametrize("kind", GEOMETRIES)
def test_nested_tensors(kind, layout):
    layer = HopfieldAttention(12, 2, batch_first=True, similarity=kind)
    rows = [torch.randn(3, 12), torch.randn(5, 12)]
    nested = torch.nested.nested_tensor(rows, layout=layout, requires_grad=True)
    found = layer(nested, nested, nested, need_weights=False)[0]
    for one, x in zip(found.unbind(), rows, strict=True):
        assert (one - layer(x, x, x)[0]).abs().max() < 1e-5
    torch.stack([one.sum() for one in (found + nested).unbind()]).sum().backward()
    assert nested.grad is not None
    with pytest.raises(ValueError, match="Nested tensors say themselves where sequences end"):
        layer(nested, nested, nested)


@pytest.mark.parametrize("kind", [*GEOMETRIES, "kl"])
@pytest.mark.parametrize("separation", ["softmax", "entmax"])
def test_under_autocast_and_in_half_precision(kind, separation):
    layer = HopfieldAttention(16, 2, batch_first=True, similarity=kind, separation=separation)
    x = torch.randn(2, 9, 16)
    want = layer(x, x, x, is_causal=True)[0]
    for need in (False, True):
        with torch.autocast("cpu", torch.bfloat16):
            found = layer(x, x, x, need_weights=need, is_causal=True)[0]
        assert found.dtype == torch.bfloat16
        assert (found.float() - want).abs().max() < 0.05
        found.float().sum().backward()
    half = copy.deepcopy(layer).to(torch.bfloat16)
    found = half(*[x.to(torch.bfloat16)] * 3, need_weights=False, is_causal=True)[0]
    assert found.dtype == torch.bfloat16
    assert (found.float() - want).abs().max() < 0.06


@pytest.mark.parametrize(
    ("kind", "backend"), few([("manhattan", "eager"), ("cosine", "eager"), ("euclidean", "aot_eager")], 1)
)
def test_an_encoder_layer_compiles_in_one_graph(kind, backend):
    layer = nn.TransformerEncoderLayer(12, 2, 24, dropout=0.0, batch_first=True)
    layer.self_attn = HopfieldAttention(12, 2, batch_first=True, similarity=kind)
    x, hidden = torch.randn(2, 5, 12), nn.Transformer.generate_square_subsequent_mask(5)
    for training in (True, False):
        torch._dynamo.reset()
        layer.train(training)
        compiled = torch.compile(layer, fullgraph=True, backend=backend)
        found = compiled(x, src_mask=hidden, is_causal=True)
        assert (found - layer(x, src_mask=hidden, is_causal=True)).abs().max() < 1e-5
        found.sum().backward()


def test_beta_of_every_head_is_learned():
    layer = HopfieldAttention(12, 3, similarity="euclidean", beta=[0.5, 1.0, 2.0])
    assert torch.allclose(layer.beta, torch.tensor([0.5, 1.0, 2.0]))
    x = torch.randn(5, 2, 12)
    layer(x, x, x)[0].square().sum().backward()
    assert layer.log_beta.grad is not None
    assert (layer.log_beta.grad.abs() > 1e-6).all()
    assert not HopfieldAttention(12, 3, learn_beta=False).log_beta.requires_grad
    weights = layer(x, x, x, average_attn_weights=False)[1]
    sharp = -(weights * weights.log()).sum(-1).mean((0, 2))
    assert sharp[0] > sharp[1] > sharp[2]  # the larger beta, the fewer keys


def test_dropout_is_for_training():
    layer = HopfieldAttention(12, 3, 0.5, similarity="manhattan")
    x = torch.randn(5, 2, 12)
    assert not torch.equal(layer(x, x, x)[0], layer(x, x, x)[0])
    layer.eval()
    assert torch.equal(layer(x, x, x)[0], layer(x, x, x)[0])


def test_more_steps_bring_the_query_nearer_to_a_key():
    x = torch.randn(2, 6, 12)
    one = HopfieldAttention(12, 3, batch_first=True, similarity="euclidean", beta=20.0)
    more = HopfieldAttention(12, 3, batch_first=True, similarity="euclidean", beta=20.0, steps=6)
    more.load_state_dict(one.state_dict())
    query = torch.randn(2, 4, 12)
    a, b = (layer(query, x, x, average_attn_weights=False)[1].amax(-1) for layer in (one, more))
    assert (1 - b).mean() < 0.1 * (1 - a).mean()  # what the nearest key leaves to the others
    found = more(query, x, x, need_weights=False)[0]
    assert (found - more(query, x, x)[0]).abs().max() < 1e-5


@pytest.mark.parametrize("batch_first", [False, True])
def test_pooling_and_stored_patterns(batch_first):
    pool = HopfieldPooling(12, 3, batch_first=batch_first, num_queries=2, similarity="cosine")
    x = torch.randn(4, 7, 12)
    padding = torch.zeros(4, 7, dtype=torch.bool)
    padding[:, 5:] = True
    given = x if batch_first else x.transpose(0, 1)
    found, weights = pool(given, padding, need_weights=True)
    assert found.shape == ((4, 2, 12) if batch_first else (2, 4, 12))
    assert (weights[:, :, 5:] == 0).all()
    order = torch.randperm(5)
    shuffled = torch.cat([x[:, order], torch.full((4, 2, 12), 9.0)], dim=1)
    again = pool(shuffled if batch_first else shuffled.transpose(0, 1), padding)
    assert (again - found).abs().max() < 1e-5  # a set has no order
    layer = HopfieldLayer(12, 3, batch_first=batch_first, num_patterns=10, similarity="euclidean")
    out = layer(given)
    assert out.shape == given.shape
    assert (
        layer(given[0]) - HopfieldAttention.forward(layer, given[0], layer.patterns, layer.patterns)[0]
    ).abs().max() < 1e-6
    out.sum().backward()
    assert layer.patterns.grad is not None
    assert layer.patterns.grad.abs().sum() > 0
    with pytest.raises(ValueError, match="kdim=3 and vdim=4 differ"):
        HopfieldLayer(12, 3, kdim=3, vdim=4, num_patterns=2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: HopfieldAttention(10, 3), ValueError, r"embed_dim=10 .*num_heads=3.*10 = 3 x 3 \+ 1"),
        (lambda: HopfieldAttention(10, 0), ValueError, "num_heads must be a whole number >= 1"),
        (lambda: HopfieldAttention(12, 3, similarity="euclid"), ValueError, "Did you mean 'euclidean'"),
        (lambda: HopfieldAttention(12, 3, beta=[1.0, 2.0]), ValueError, "beta has 2 numbers and there are 3 heads"),
        (lambda: HopfieldAttention(12, 3, beta=-1.0), ValueError, "beta must be > 0"),
        (lambda: HopfieldAttention(12, 3, 1.5), ValueError, "dropout must be >= 0 and < 1"),
        (lambda: HopfieldAttention(12, 3)(*[torch.ones(5, 2, 10)] * 3), ValueError, r"query has 10 .*takes 12"),
        (lambda: HopfieldAttention(12, 3)(*[torch.ones(12)] * 3), ValueError, r"\(L, E\), or all \(N, L, E\)"),
        (
            lambda: HopfieldAttention(12, 3)(*[torch.ones(5, 2, 12)] * 3, attn_mask=torch.ones(5, 4).bool()),
            ValueError,
            r"attn_mask has shape \(5, 4\), and must be \(5, 5\), or \(6, 5, 5\)",
        ),
        (
            lambda: HopfieldAttention(12, 3)(*[torch.ones(5, 2, 12)] * 3, torch.ones(5, 2).bool()),
            ValueError,
            r"key_padding_mask has shape \(5, 2\), and must be \(2, 5\)",
        ),
        (
            lambda: HopfieldAttention(12, 3)(*[torch.ones(5, 2, 12)] * 3, attn_mask=torch.ones(5, 5).int()),
            TypeError,
            "attn_mask has dtype torch.int32: give bools",
        ),
        (lambda: HopfieldAttention(12, 3)("a", "b", "c"), TypeError, "query must be a tensor, got 'a'"),
        (
            lambda: HopfieldAttention(12, 3)(torch.ones(5, 2, 12), *[torch.ones(5, 2, 12).double()] * 2),
            TypeError,
            r"key is of torch.float64 and this layer of torch.float32: write key.to\(torch.float32\)",
        ),
        (lambda: HopfieldAttention(12, 3, steps=5000), ValueError, "steps must be a whole number from 1 to 1000"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
