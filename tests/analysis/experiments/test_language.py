"""Language models that differ in their attention alone: texts, vocabularies, forms, training, comparison."""

import gzip
import math
import sys

import numpy as np
import pytest

from hopfield import analysis
from hopfield.analysis import LanguageComparison, compare_language_models
from hopfield.analysis.experiments import language
from hopfield.analysis.experiments.language import FORMS, SETTINGS, _text, _tokens
from hopfield.layers import attention

torch = pytest.importorskip("torch")

TEXT = "".join(
    f" = Number {k} = \n the cat number {k} sat on the mat , and the dog ran to the cat . \n the end \n"
    for k in range(200)
)


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def small(monkeypatch):
    """Settings that train in a second."""
    changes = {"width": 16, "hidden": 16, "blocks": 1, "context": 16, "batch": 8, "characters": 4000, "held_out": 900}
    monkeypatch.setitem(SETTINGS, "quick", {**SETTINGS["quick"], **changes})
    return SETTINGS["quick"]


# ------------------------------------------------------------------------------------------------------- texts


def test_a_text_is_cut_at_its_titles_and_can_be_packed(text, tmp_path):
    found = _text.read(text)
    assert len(found.articles) == 200
    assert "".join(found.articles) == TEXT
    packed = tmp_path / "text.txt.gz"
    packed.write_bytes(gzip.compress(TEXT.encode()))
    assert _text.read(packed) == found
    plain = _text.articles("no titles in these lines \n" * 1000)
    assert "".join(plain.articles) == "no titles in these lines \n" * 1000
    assert all(4000 <= len(one) < 4100 for one in plain.articles[:-1])
    assert [len(one) for one in _text.articles("x" * 9000).articles] == [4000, 4000, 1000]
    assert _text.shortened(found, 130).characters == 130
    cut = _text.beginnings(found, 2000)
    assert cut.articles == tuple(article[:10] for article in found.articles)
    learned, held = _text.pair(text)
    assert "".join((*learned.articles, *held.articles)) == TEXT
    assert len(held.articles) == 20
    ours, theirs = _text.halves(held)
    assert sorted(ours + theirs) == list(range(20))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"too short", "has 9 characters"), (b"\xff\xfe" * 3000, "no text in UTF-8")],
)
def test_what_is_no_text_to_learn_from_is_refused(tmp_path, content, message):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        compare_language_models(tmp_path / "a.txt")
    with pytest.raises(FileNotFoundError):
        compare_language_models(tmp_path / "nothing.txt")


def test_the_texts_of_a_folder_are_found_by_their_names(tmp_path, monkeypatch):
    monkeypatch.delenv("HOPFIELD_DATA", raising=False)
    with pytest.raises(ValueError, match="give data=path"):
        analysis.reproduce("fig9")
    (tmp_path / "wikitext2").mkdir()
    for name in ("test.txt", "valid.txt"):
        (tmp_path / "wikitext2" / name).write_text(TEXT)
    monkeypatch.setenv("HOPFIELD_DATA", str(tmp_path))
    assert [path.name for path in language.texts(None)] == ["test.txt", "valid.txt"]


@pytest.mark.parametrize("name", ["characters", "words", "bytes"])
def test_vocabularies(name):
    if name == "bytes":
        pytest.importorskip("tokenizers")
    made = _tokens.vocabulary(name, _text.articles(TEXT), 300)
    codes = made.encode(TEXT)
    assert codes.min() >= 0
    assert codes.max() < made.size
    assert len(codes) == {"characters": len(TEXT), "words": len(TEXT.split()) + TEXT.count("\n")}.get(name, len(codes))
    if name == "bytes":
        assert len(codes) < len(TEXT) / 2
        assert made.encode("\u00e9").max() < made.size  # what never stood there has its bytes
    else:
        assert made.encode("\u00e9").tolist() == [made.size - 1]


def test_byte_pairs_without_the_package_name_the_line_that_installs_it(text, monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ImportError, match=r"needs the package 'tokenizers'.*pip install \"hopfield\[language\]\""):
        compare_language_models(text, quick=True, vocabulary_name="bytes")


# ------------------------------------------------------------------------------------------------------- forms


def test_the_papers_own_forms_are_what_their_formulas_say():
    rng = np.random.default_rng(0)
    q, k, v = rng.standard_normal((3, 4)), rng.standard_normal((5, 4)), np.eye(5)
    squares = ((q[:, None] - k) ** 2).sum(-1)

    def weights(form, beta):
        return attention(q, k, v, **{**FORMS[form].layer(4), "beta": beta})

    def softmax(x):
        return np.exp(x) / np.exp(x).sum(-1, keepdims=True)

    near = 1 / (squares + 1e-6)
    np.testing.assert_allclose(weights("reciprocal", 1.0), near / near.sum(-1, keepdims=True), rtol=1e-9)
    np.testing.assert_allclose(weights("farthest", 0.5), softmax(0.5 * squares), rtol=1e-9)
    shares = q @ k.T / (q @ k.T).sum(-1, keepdims=True)
    np.testing.assert_allclose(weights("shares", 1.0), softmax(shares), rtol=1e-9)
    np.testing.assert_allclose(weights("euclidean", 0.5), softmax(-0.5 * squares), rtol=1e-9)


# ---------------------------------------------------------------------------------------------------- training


@pytest.mark.parametrize("form", FORMS)
def test_a_model_sees_the_past_alone(form, small):
    from hopfield.analysis.experiments.language._model import LanguageModel

    torch.manual_seed(0)
    model = LanguageModel(11, small, FORMS[form]).eval()
    tokens = torch.randint(11, (2, 16))
    changed = tokens.clone()
    changed[:, 9:] = (changed[:, 9:] + 1) % 11
    with torch.no_grad():
        a, b = model(tokens), model(changed)
    assert (a[:, :9] - b[:, :9]).abs().max() < 1e-4
    assert (a[:, 9:] - b[:, 9:]).abs().max() > 1e-3


def test_the_nats_of_an_article_are_those_of_its_tokens(small):
    from hopfield.analysis.experiments.language import _training
    from hopfield.analysis.experiments.language._model import LanguageModel

    torch.manual_seed(0)
    model = LanguageModel(11, small, FORMS["dot"]).eval()
    article = torch.randint(11, (14,))
    with torch.no_grad():
        logits = model(article[None, :-1])[0].double().log_softmax(-1)
    want = -float(logits[torch.arange(13), article[1:]].sum())
    assert _training._nats(model, article, small) == pytest.approx(want, rel=1e-6)
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)  # every token is as likely as another
    assert _training._nats(model, torch.randint(11, (103,)), small) == pytest.approx(102 * math.log(11), rel=1e-6)


def test_training_learns_and_one_that_diverges_keeps_its_last_good_state(small):
    from hopfield.analysis.experiments.language import _training

    made = _tokens.vocabulary("characters", _text.articles(TEXT))
    codes = made.encode(TEXT)[:7000]
    cell = {**small, "form": "euclidean", "seed": 0, "rate": 2e-2, "epochs": 2}
    codes.setflags(write=False)  # as arrays are that several processes share
    good = _training.trained(codes, [codes[:1500]], made.size, cell)
    assert not good["diverged"]
    assert good["nats"][0] / good["tokens"][0] < 0.7 * math.log(made.size)
    assert good == _training.trained(codes, [codes[:1500]], made.size, cell)
    bad = _training.trained(codes, [codes[:1500]], made.size, {**cell, "rate": 1e4})
    assert bad["diverged"]
    assert math.isfinite(bad["nats"][0])


# -------------------------------------------------------------------------------------------------- comparison


def compared(gap, seeds=5, articles=30, noise=0.02):
    rng = np.random.default_rng(0)
    characters = rng.integers(500, 3000, articles)
    base = characters * (1.5 + 0.3 * rng.standard_normal((1, articles))) + rng.standard_normal((seeds, 1)) * 100
    other = base + characters * (gap * math.log(2) + noise * rng.standard_normal((seeds, articles)))
    nats = np.stack([base, other])
    return LanguageComparison("quick", "characters", ("dot", "euclidean"), {}, nats, characters // 2, characters)


def test_differences_in_pairs_have_intervals_that_hold_the_truth():
    found = compared(-0.03)
    gap, low, high = found.difference("euclidean")
    assert low < -0.03 < high
    assert high - low < 0.03  # articles differ by 0.4, which falls out
    assert gap == pytest.approx(float(found.bits()[1] - found.bits()[0]))
    assert found.verdict("euclidean").startswith("better: -0.0")
    assert compared(0.04).verdict("euclidean").startswith("worse: +0.0")
    assert "not decided" in compared(0.0).verdict("euclidean")
    assert "interval of width" in compared(0.0).table()
    with pytest.raises(ValueError, match="Did you mean 'euclidean'"):
        found.difference("euclidian")


def test_a_comparison_goes_on_where_it_was_interrupted(text, small, tmp_path, monkeypatch):
    from hopfield.analysis.experiments.language import _training

    options = {"forms": ["dot", "manhattan"], "seeds": 2, "epochs": 1, "quick": True, "out": tmp_path / "out"}
    found = compare_language_models(text, **options)
    assert found.nats.shape[:2] == (2, 2)
    assert set(found.rates) == {"dot", "manhattan"}
    assert np.isfinite(found.bits()).all()
    seen = [path for path in (tmp_path / "out").iterdir() if path.name[0] != "."]
    assert {path.suffix for path in seen} == {".jsonl", ".json", ".txt", ".png"}
    monkeypatch.setattr(_training, "trained", None)  # nothing is left to train
    again = compare_language_models(text, **options)
    np.testing.assert_array_equal(again.nats, found.nats)
    assert again.table() == found.table()


@pytest.mark.slow
def test_reproduce_makes_figure_9(text, small):
    (found,) = analysis.reproduce("fig9", data=str(text), quick=True, runs=1)
    assert found.forms == tuple(FORMS)
    assert "figure 9" in found.table().lower()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "improve"}, "Did you mean 'improved'"),
        ({"forms": ["dott"]}, "Did you mean 'dot'"),
        ({"forms": ["dot", "dot"]}, "different rows of FORMS"),
        ({"vocabulary_name": "word"}, "Did you mean 'words'"),
        ({"vocabulary_name": "words", "seeds": 0}, "seeds must be a whole number >= 1"),
    ],
)
def test_bad_input(text, options, message):
    with pytest.raises(ValueError, match=message):
        compare_language_models(text, **options)


def test_a_text_with_too_few_tokens_for_a_step(tmp_path):
    (tmp_path / "a.txt").write_text("word " * 500)
    with pytest.raises(ValueError, match=r"has \d+ articles|has \d+ tokens, and one step"):
        compare_language_models(tmp_path / "a.txt", "faithful")
