"""Images from every kind of file, whole or not."""

import gzip
import pickle
import struct

import numpy as np
import pytest
from PIL import Image

from hopfield.analysis.datasets import VARIABLE, load

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 3, 32, 32), dtype=np.uint8)
GREY = PIXELS[:, 0, :28, :28]


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def batch(images, labels):
    return pickle.dumps({b"data": images.reshape(len(images), -1), b"labels": labels}, protocol=2)


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)


def test_digits_come_with_scikit_learn():
    digits = load("digits", limit=7, dtype="float64")
    assert digits.images.shape == (7, 1, 8, 8)
    assert digits.rows.shape == (7, 64)
    assert digits.labels.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert digits.images.min() == 0
    assert digits.images.max() == 1


@pytest.mark.parametrize("packed", [False, True])
def test_idx(tmp_path, packed):
    pack, end = (gzip.compress, ".gz") if packed else (bytes, "")
    path = tmp_path / f"train-images-idx3-ubyte{end}"
    path.write_bytes(pack(idx(GREY)))
    assert load(path).labels is None
    (tmp_path / f"train-labels-idx1-ubyte{end}").write_bytes(pack(idx(np.arange(6, dtype=np.uint8))))
    found = load(path)
    assert found.shape == (1, 28, 28)
    assert found.labels.tolist() == list(range(6))
    assert np.array_equal(found.images[:, 0], GREY.astype("float32") / np.float32(255))


def test_cifar_batches(tmp_path):
    (tmp_path / "data_batch_1").write_bytes(batch(PIXELS[:4], [3, 1, 4, 1]))
    (tmp_path / "test_batch").write_bytes(batch(PIXELS[4:], [5, 9]))
    found = load(tmp_path)
    assert found.labels.tolist() == [3, 1, 4, 1, 5, 9]
    assert np.array_equal(found.images * 255, PIXELS)
    assert load(tmp_path / "test_batch").images.shape == (2, 3, 32, 32)
    assert load("cifar10", folder=tmp_path).name == "cifar10"


def test_saved_arrays(tmp_path):
    np.savez(tmp_path / "both.npz", images=PIXELS, labels=np.arange(6))
    np.save(tmp_path / "grey.npy", GREY / 255.0)
    both, grey = load(tmp_path / "both.npz", limit=4), load(tmp_path / "grey.npy")
    assert both.labels.tolist() == [0, 1, 2, 3]
    assert np.array_equal(both.images * 255, PIXELS[:4])
    assert grey.images.shape == (6, 1, 28, 28)


def test_a_folder_of_classes_in_colour_and_grey(tmp_path):
    for name in ("n1", "n2", "n3"):
        (tmp_path / "train" / name / "images").mkdir(parents=True)
        for i in range(4):
            mode = "L" if i == 0 else "RGB"
            Image.new(mode, (5, 4), 80 + i if mode == "L" else (10 * i, 0, 0)).save(
                tmp_path / "train" / name / "images" / f"{i}.png"
            )
    found = load(tmp_path)
    assert found.shape == (3, 4, 5)
    assert np.bincount(found.labels).tolist() == [4, 4, 4]
    assert found.images.reshape(12, -1).any(axis=1).all()  # no grey image became black
    grey = found.images[0]
    assert np.array_equal(grey[0], grey[2])
    some, same, other = (load(tmp_path, limit=6, seed=seed) for seed in (0, 0, 1))
    assert len(set(some.labels)) > 1  # not the first classes alone
    assert np.array_equal(some.images, same.images)
    assert not np.array_equal(some.labels, other.labels)


def test_the_variable_names_a_folder_or_a_file(tmp_path, monkeypatch):
    np.savez(tmp_path / "mnist_small.npz", images=GREY)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert load("mnist").images.shape == (6, 1, 28, 28)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "mnist_small.npz"))
    assert load("mnist").images.shape == (6, 1, 28, 28)
    with pytest.raises(ValueError, match=r"cifar10 have the shape \(3, 32, 32\), but .* have \(1, 28, 28\)"):
        load("cifar10")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"images": np.zeros((2, 4, 4), complex)}, "holds complex128"),
        ({"images": np.full((2, 4, 4), "a")}, "holds <U1"),
        ({"images": np.zeros((2, 0, 4))}, "holds no images"),
        ({"x": np.zeros((2, 4, 4)), "y": np.zeros(2)}, r"holds x, y: call its array .*images=array"),
    ],
)
def test_arrays_that_are_no_images(tmp_path, arrays, words):
    np.savez(tmp_path / "some.npz", **arrays)
    with pytest.raises(ValueError, match=words):
        load(tmp_path / "some.npz")


def test_an_array_that_ends_too_early_is_named(tmp_path):
    np.save(tmp_path / "cut.npy", GREY)
    whole = (tmp_path / "cut.npy").read_bytes()
    (tmp_path / "cut.npy").write_bytes(whole[:-9])
    with pytest.raises(ValueError, match=r"cut\.npy' ends too early"):
        load(tmp_path / "cut.npy")


def test_values_of_sixteen_bits_are_not_clipped_in_silence(tmp_path):
    Image.fromarray((np.arange(20).reshape(4, 5) * 3000).astype(np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(ValueError, match="more than 8 bits"):
        load(tmp_path / "deep.png")


@pytest.mark.parametrize("options", [{"dtype": "int32"}, {"dtype": "flot"}, {"limit": True}])
def test_options_that_make_no_sense(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        load("digits", **options)


WHOLE = idx(GREY)
BROKEN = {
    "short-idx3-ubyte": (WHOLE[:-1], "is not whole"),
    "long-idx3-ubyte": (WHOLE + b"0", "is not whole"),
    "header-idx3-ubyte": (WHOLE[:7], "does not begin"),
    "other-idx3-ubyte": (b"PK\x03\x04 something", "does not begin"),
    "labels-idx1-ubyte": (idx(np.arange(6, dtype=np.uint8)), "no images"),
    "cut-idx3-ubyte.gz": (gzip.compress(WHOLE)[:-9], "not whole"),
    "data_batch_1": (batch(PIXELS, [0] * 6)[:-50], "cannot be read as a batch"),
    "data_batch_2": (batch(PIXELS[:, :, :30], [0] * 6), "not bytes"),
    "data_batch_3": (batch(PIXELS, [0] * 5), "6 images and labels"),
    "broken.png": (b"\x89PNG\r\n\x1a\n", "cannot be read as a picture"),
    "broken.npz": (b"PK\x03\x04", "ends too early"),
    "empty.npy": (b"", "cannot be read"),
    "unknown.txt": (b"", "no known kind"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused(tmp_path, name):
    content, words = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=words):
        load(tmp_path / name)


class Attack:
    def __reduce__(self):
        return print, ("code of the file ran",)


def test_a_batch_runs_no_code(tmp_path, capsys):
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps({b"data": Attack(), b"labels": []}))
    with pytest.raises(ValueError, match=r"asks for builtins\.print"):
        load(tmp_path / "data_batch_1")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((2, 3)), r"\(N, H, W\) or \(N, C, H, W\)"),
        (np.zeros((2, 4, 4, 3), np.uint8), "channels on the second axis"),
        (np.full((2, 4, 4), 7.0), "from 7 to 7"),
        (np.full((2, 4, 4), np.nan), r"holds 32 values that are NaN or infinite, the first at index \(0, 0, 0\)"),
        (np.full((2, 4, 4), 300), "0 to 255"),
        (np.zeros((0, 4, 4)), "holds no images"),
    ],
)
def test_arrays_that_are_no_images_are_refused(tmp_path, images, words):
    np.save(tmp_path / "x.npy", images)
    with pytest.raises(ValueError, match=words):
        load(tmp_path / "x.npy")


def test_pictures_of_two_sizes_are_refused(tmp_path):
    Image.new("L", (5, 4)).save(tmp_path / "a.png")
    Image.new("L", (4, 4)).save(tmp_path / "b.png")
    with pytest.raises(ValueError, match=r"4 x 4 pixels, but .* 4 x 5"):
        load(tmp_path)


def test_what_is_not_there(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="no file"):
        load(tmp_path / "nothing.npz")
    with pytest.raises(ValueError, match="Did you mean 'cifar10'"):
        load("cifar")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="holds no pictures"):
        load(tmp_path / "empty")
    with pytest.raises(FileNotFoundError, match="not fetched by itself"):
        load("tiny_imagenet", folder=tmp_path / "empty")
    with pytest.raises(FileNotFoundError, match=VARIABLE):
        load("mnist", folder=tmp_path / "nowhere")
    with pytest.raises(ValueError, match="limit must be"):
        load("digits", limit=0)


def test_what_was_fetched_is_kept_whole_or_not_at_all(tmp_path, monkeypatch):
    from hopfield.analysis import datasets

    kept = tmp_path / "hopfield" / "mnist.npz"
    datasets._keep(kept, GREY[:, None], np.arange(6))
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    assert load("mnist").images.shape == (6, 1, 28, 28)  # without a network
    kept.unlink()
    monkeypatch.setattr(np, "savez_compressed", lambda path, **_: (path.write_bytes(b"half"), 1 / 0))
    with pytest.raises(ZeroDivisionError):
        datasets._keep(kept, GREY[:, None], np.arange(6))
    assert list(kept.parent.iterdir()) == []
