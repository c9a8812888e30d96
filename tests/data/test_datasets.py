"""Images from every kind of file, whole or not."""

# pyright: reportArgumentType=false, reportOptionalMemberAccess=false, reportAttributeAccessIssue=false

import gzip
import io
import os
import pickle
import struct
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from hopfield.analysis import load_array
from hopfield.data import VARIABLE, load

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
    "unknown.doc": (b"", "no known kind"),
    "empty.txt": (b"", "no line of numbers"),
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
    from hopfield.data import _datasets as datasets

    kept = tmp_path / "hopfield" / "mnist.npz"
    datasets._keep(kept, GREY[:, None], np.arange(6))
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    assert load("mnist").images.shape == (6, 1, 28, 28)  # without a network
    kept.unlink()
    monkeypatch.setattr(np, "savez_compressed", lambda path, **_: (path.write_bytes(b"half"), 1 / 0))
    with pytest.raises(ZeroDivisionError):
        datasets._keep(kept, GREY[:, None], np.arange(6))
    assert list(kept.parent.iterdir()) == []


# --- files that are damaged, or made to be


def test_a_kept_file_that_is_damaged_is_fetched_again(tmp_path, monkeypatch):
    from hopfield.data import _datasets as datasets

    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    kept = tmp_path / "hopfield" / "mnist.npz"
    datasets._keep(kept, GREY[:, None], np.arange(6))
    whole = bytearray(kept.read_bytes())
    whole[len(whole) // 2] ^= 4
    kept.write_bytes(whole)
    monkeypatch.setattr(datasets, "_from_openml", lambda *_: (_ for _ in ()).throw(ConnectionError("no network")))
    with pytest.raises(ConnectionError):
        load("mnist")
    asked = []
    monkeypatch.setattr(datasets, "_from_openml", lambda *given: asked.append(given) or (GREY[:, None], np.arange(6)))
    assert np.array_equal(load("mnist").images[:, 0] * 255, GREY)
    assert load("mnist", limit=2).labels.tolist() == [0, 1]  # it is healed
    assert len(asked) == 1
    assert "of no use" in asked[0][-1]


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def flipped(content, place):
    content = bytearray(content)
    content[place // 8] ^= 1 << place % 8
    return bytes(content)


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def saved(save=np.savez_compressed):
    file = io.BytesIO()
    save(file, images=GREY, labels=np.arange(6))
    return file.getvalue()


CHECKED = {"a.npz": saved(), "b.npz": saved(np.savez), "c-idx3-ubyte.gz": gzip.compress(WHOLE), "d.png": png(GREY[0])}


@pytest.mark.parametrize("limit", [None, 2])
@pytest.mark.parametrize("name", CHECKED)
def test_flipped_bits_are_noticed_where_a_file_has_checksums(name, limit, tmp_path, rng):
    """Whatever bit is flipped: the same images, or a ValueError that names the file; also if only some are read."""
    path, content = tmp_path / name, CHECKED[name]
    path.write_bytes(content)
    wanted, noticed = load(path, limit=limit).images, 0
    for place in rng.choice(8 * len(content), 150, replace=False):
        path.write_bytes(flipped(content, place))
        try:
            found = load(path, limit=limit).images
        except ValueError as error:
            assert name in str(error)  # noqa: PT017
            noticed += 1
        else:
            assert np.array_equal(found, wanted), place
    assert noticed > 100


WITHOUT = {"a.npy": npy(GREY), "data_batch_1": batch(PIXELS, [0] * 6), "e-idx3-ubyte": WHOLE}


@pytest.mark.parametrize("name", WITHOUT)
def test_damage_at_the_beginning_of_a_file_is_a_sentence(name, tmp_path, rng):
    """Where there are no checksums: headers that say something else, which readers stumble over."""
    path, content = tmp_path / name, WITHOUT[name]
    for place in rng.choice(8 * 128, 300, replace=False):
        path.write_bytes(flipped(content, place))
        try:
            load(path)
        except ValueError as error:
            assert name in str(error) or "holds" in str(error)  # noqa: PT017


@pytest.mark.parametrize("name", CHECKED | WITHOUT)
def test_a_file_that_is_cut_is_refused(name, tmp_path):
    path, content = tmp_path / name, (CHECKED | WITHOUT)[name]
    end = len(content) - (12 if name == "d.png" else 0)  # a PNG ends in a mark without content
    for size in (0, 1, 2, 3, 4, 7, 10, 60, 127, 128, end // 2, end - 9, end - 1):
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match=name):
            load(path)


@pytest.mark.parametrize("place", ["dir", "pipe"] if hasattr(os, "mkfifo") else ["dir"])
def test_what_is_no_file_is_refused(place, tmp_path):
    path = tmp_path / f"{place}.npy"
    path.mkdir() if place == "dir" else os.mkfifo(path)
    with pytest.raises(ValueError, match=r"cannot be read: it is a (folder|device)"):
        load_array(path)


def test_a_header_that_claims_terabytes_asks_for_no_memory(tmp_path):
    content = npy(np.zeros((2, 3, 4)))
    content = content.replace(b"(2, 3, 4)", b"(2, 3, 4" + b"0" * 9 + b")").replace(b" " * 9 + b"\n", b"\n")
    assert len(content) == len(npy(np.zeros((2, 3, 4))))
    (tmp_path / "huge.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"more than 4 GiB\. Read fewer"):
        load(tmp_path / "huge.npy")
    for options in ({}, {"limit": 1}):
        with pytest.raises(ValueError, match=r"huge\.npy' ends too early"):
            load_array(tmp_path / "huge.npy", **options)


def peak(function):
    """What a function gives, or its error, and the most memory that Python's allocators held meanwhile."""
    tracemalloc.start()
    try:
        found = function()
    except ValueError as error:
        found = error
    finally:
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return found, most


def test_memory_is_asked_for_as_a_header_says_and_no_more(tmp_path):
    """64 MiB of zeros in some kilobytes: an IDX file that promises four bytes, images of which one is read."""
    path = tmp_path / "bomb-idx3-ubyte.gz"
    with gzip.open(path, "wb") as file:
        file.write(idx(np.zeros((1, 2, 2), np.uint8)))
        for _ in range(64):
            file.write(bytes(2**20))
    found, most = peak(lambda: load(path))
    assert "4 bytes, but more follow" in str(found)
    assert most < 2**23
    np.savez_compressed(tmp_path / "bomb.npz", images=np.zeros((64, 1024, 1024), np.uint8), labels=np.arange(64))
    found, most = peak(lambda: load(tmp_path / "bomb.npz", limit=1))
    assert found.images.shape == (1, 1, 1024, 1024)
    assert found.labels.tolist() == [0]
    assert most < 2**25


def test_images_of_more_than_the_limit_are_refused_before_they_are_read(tmp_path, monkeypatch):
    for module in ("data._datasets", "data._files", "dynamics.files._arrays"):
        monkeypatch.setattr(f"hopfield.{module}.MOST", 2**20)
    zeros = np.zeros((300, 32, 32), np.uint8)
    np.savez_compressed(tmp_path / "a.npz", images=zeros)
    np.save(tmp_path / "a.npy", zeros)
    (tmp_path / "a-idx3-ubyte.gz").write_bytes(gzip.compress(idx(zeros)))
    for name in ("a.npz", "a.npy", "a-idx3-ubyte.gz"):
        with pytest.raises(ValueError, match=r"holds \(300, 32, 32\), .* Read fewer of them, limit=256"):
            load(tmp_path / name)
        assert len(load(tmp_path / name, limit=256).images) == 256
    (tmp_path / "b-idx3-ubyte.gz").write_bytes(gzip.compress(idx(np.zeros((2000, 32, 32), np.uint8))))
    with pytest.raises(ValueError, match="no more than 1 MiB are unpacked"):
        load(tmp_path / "b-idx3-ubyte.gz", limit=1)
    np.savez_compressed(tmp_path / "b.npz", images=np.zeros((2000, 32, 32), np.uint8))
    with pytest.raises(ValueError, match="no more than 1 MiB are unpacked"):
        load(tmp_path / "b.npz", limit=1)
    for i in range(5):
        (tmp_path / "pictures").mkdir(exist_ok=True)
        (tmp_path / "pictures" / f"{i}.png").write_bytes(png(np.zeros((500, 500), np.uint8)))
    with pytest.raises(ValueError, match="5 pictures as large as"):
        load(tmp_path / "pictures")
    assert load(tmp_path / "pictures", limit=4).images.shape == (4, 1, 500, 500)


def chunked(width, height):
    """A PNG that says that it is so large, and holds next to nothing."""
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [9000, 13_000, 30_000])
def test_a_picture_of_a_hundred_megapixels_is_refused_by_its_header(side, tmp_path):
    """And no warning of Pillow's leaks, for which the tests would fail."""
    (tmp_path / "bomb.png").write_bytes(chunked(side, side))
    found, most = peak(lambda: load(tmp_path / "bomb.png"))
    assert "bomb.png' cannot be read as a picture" in str(found)
    assert most < 2**22


def test_a_pickle_that_claims_a_huge_object_asks_for_no_memory(tmp_path):
    for content in (
        b"\x80\x02Kr" + b"\xff\xff\xff\x7f.",
        b"\x80\x04\x8e" + b"\xff" * 4 + b"\x0f\0\0\0.",
        b"\x80\x02Nr\0\0\0\x70.",
    ):
        (tmp_path / "data_batch_1").write_bytes(content)
        found, most = peak(lambda: load(tmp_path / "data_batch_1"))
        assert "cannot be read as a batch of CIFAR-10" in str(found)
        assert most < 2**22


def test_an_array_that_is_called_in_a_pickle_is_not_made(tmp_path):
    """numpy.ndarray((10**12,)), as code of a pickle."""
    content = (
        b"\x80\x02}(C\x04data" + b"cnumpy\nndarray\n" + b"\x8a\x06\0\x10\xa5\xd4\xe8\0\x85\x85R" + b"C\x06labels]u."
    )
    (tmp_path / "data_batch_1").write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot be read as a batch .*TypeError"):
        load(tmp_path / "data_batch_1")


# --- what the pixels are


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool"])
def test_images_of_zeros_and_ones_are_not_divided(tmp_path, dtype):
    binary = (GREY > 127).astype(dtype)
    np.save(tmp_path / "binary.npy", binary)
    (tmp_path / "binary-idx3-ubyte").write_bytes(idx(binary.astype(np.uint8)))
    for name in ("binary.npy", "binary-idx3-ubyte"):
        assert np.array_equal(load(tmp_path / name).images[:, 0], binary)
    np.save(tmp_path / "bytes.npy", 2 * binary.astype(int))
    assert load(tmp_path / "bytes.npy").images.max() == np.float32(2) / np.float32(255)


def test_a_photograph_is_turned_as_its_camera_was(tmp_path):
    upright = np.zeros((16, 8, 3), np.uint8)
    upright[:8] = 255  # bright above
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn by 90 degrees to the right to see it upright"
    lying = Image.fromarray(np.rot90(upright).copy())
    lying.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    found = load(tmp_path / "turned.jpg")
    assert found.shape == (3, 16, 8)
    assert found.images[0, :, :6].mean() > 0.95
    assert found.images[0, :, 10:].mean() < 0.05


@pytest.mark.parametrize("mode", ["P", "RGBA", "LA", "L", "RGB"])
def test_what_is_transparent_stands_on_white(tmp_path, mode):
    """In every way that a PNG has to say it; no warning of Pillow's leaks."""
    left = np.arange(12).reshape(3, 4) % 4 < 2
    if mode in ("RGBA", "LA"):
        bands = [np.where(left, 51, 0)] * (len(mode) - 1) + [np.where(left, 255, 0)]
        picture = Image.merge(mode, [Image.fromarray(band.astype(np.uint8)) for band in bands])
        picture.save(tmp_path / "a.png")
    elif mode == "P":
        picture = Image.fromarray(left.astype(np.uint8), mode=None).convert("P")
        picture.putpalette([0, 0, 0, 51, 51, 51])
        picture.save(tmp_path / "a.png", transparency=bytes([0, 255]))
    else:
        picture = Image.fromarray(np.where(left, 51, 0).astype(np.uint8)).convert(mode)
        picture.save(tmp_path / "a.png", transparency=0 if mode == "L" else (0, 0, 0))
    found = load(tmp_path / "a.png").images[0]
    assert len(found) == (1 if mode in ("LA", "L") else 3)
    assert np.allclose(found, np.where(left, 0.2, 1.0))


def test_labels_that_are_not_one_for_each_image(tmp_path):
    for labels in (np.array(3), np.arange(5), np.zeros((0,))):
        np.savez(tmp_path / "a.npz", images=GREY, labels=labels)
        with pytest.raises(ValueError, match=r"a\.npz' holds images \(6, 28, 28\) and labels .* a label for each"):
            load(tmp_path / "a.npz")


def test_arrays_in_the_order_of_columns_and_parts_of_them(tmp_path):
    rows = np.arange(24.0).reshape(4, 3, 2)
    np.save(tmp_path / "f.npy", np.asfortranarray(rows))
    np.savez(tmp_path / "f.npz", np.asfortranarray(rows))
    for name in ("f.npy", "f.npz"):
        assert np.array_equal(load_array(tmp_path / name), rows)
        assert np.array_equal(load_array(tmp_path / name, limit=3), rows[:3])
        assert np.array_equal(load_array(tmp_path / name, limit=9), rows)
