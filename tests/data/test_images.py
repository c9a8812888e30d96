"""Arrays from files, and images as rows."""

import numpy as np
import pytest

from hopfield.analysis import flatten_images, load_array


@pytest.mark.parametrize(
    ("shape", "rows", "image"),
    [
        ((5, 6), (5, 6), None),
        ((5, 2, 3), (5, 6), (2, 3)),
        ((5, 1, 2, 3), (5, 6), (1, 2, 3)),
        ((0, 2, 3), (0, 6), (2, 3)),
    ],
)
def test_images_become_rows(shape, rows, image):
    values = np.arange(np.prod(shape)).reshape(shape)
    found = flatten_images(values)
    assert found.rows.shape == rows
    assert found.shape == image
    assert np.array_equal(found.rows.ravel(), values.ravel())


def test_rows_of_a_known_shape():
    assert flatten_images(np.zeros((5, 6)), (2, 3)).shape == (2, 3)
    assert flatten_images(np.zeros((5, 2, 3)), (2, 3)).shape == (2, 3)


@pytest.mark.parametrize(
    ("shape", "known", "words"),
    [
        ((6,), None, r"array\[None, :\]"),
        ((5, 4, 4, 3), None, "moveaxis"),
        ((5, 2, 4, 4), None, "1 or 3 channels"),
        ((5, 6), (2, 2), "have 4 values, but the rows have 6"),
        ((5, 2, 3), (3, 2), r"shape \(2, 3\), not \(3, 2\)"),
    ],
)
def test_what_is_not_images(shape, known, words):
    with pytest.raises(ValueError, match=words):
        flatten_images(np.zeros(shape), known)


def test_arrays_are_read_as_they_were_saved(tmp_path):
    values = np.arange(6, dtype=np.uint8).reshape(2, 3)
    np.save(tmp_path / "a.npy", values)
    np.savez(tmp_path / "b.npz", x=values)
    np.savez_compressed(tmp_path / "c.npz", x=values, y=values + 1)
    for found in (
        load_array(tmp_path / "a.npy"),
        load_array(str(tmp_path / "b.npz")),
        load_array(tmp_path / "c.npz", "x"),
    ):
        assert found.dtype == np.uint8
        assert np.array_equal(found, values)


def test_errors_name_the_option(tmp_path):
    np.savez(tmp_path / "c.npz", x=np.ones(1), y=np.ones(1))
    with pytest.raises(ValueError, match=r"holds 2 arrays: x, y. Choose one with --the-key"):
        load_array(tmp_path / "c.npz", option="--the-key")
    with pytest.raises(ValueError, match=r"Unknown key .*'z'. Known: x, y"):
        load_array(tmp_path / "c.npz", "z")


def test_a_folder_and_a_broken_archive_are_no_arrays(tmp_path):
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 and no more")
    for path in (tmp_path, tmp_path / "broken.npz"):
        with pytest.raises(ValueError, match="cannot be read"):
            load_array(path)
