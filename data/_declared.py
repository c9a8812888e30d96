"""The checks of the arguments of what makes data, by function, as `checked` takes them."""

from __future__ import annotations

from ..models import _doors as doors

BORDER_MASK = {
    "shape": doors.shape,
    "fraction": doors.a_number,
    "value": doors.a_number,
}
CORRUPT = {
    "shape": doors.shape,
    "cue": doors.text,
    "level": doors.a_number,
    "seed": doors.seed,
}
FLATTEN_IMAGES = {
    "images": doors.pixels,
    "shape": doors.lengths,
}
FLIP_BITS = {
    "fraction": doors.a_number,
    "seed": doors.seed,
}
GAUSSIAN_NOISE = {
    "variance": doors.not_negative,
    "clip": doors.span,
    "fold": doors.flag,
    "seed": doors.seed,
}
HIDDEN_PIXELS = {
    "shape": doors.shape,
    "side": doors.text,
    "fraction": doors.a_number,
}
LOAD_ARRAY = {
    "path": doors.path,
    "key": doors.text,
    "option": doors.text,
}
MASK = {
    "shape": doors.shape,
    "side": doors.text,
    "fraction": doors.a_number,
    "value": doors.a_number,
}
OCCLUDE = {
    "shape": doors.shape,
    "fraction": doors.a_number,
    "value": doors.a_number,
    "seed": doors.seed,
}
RANDOM_MASK = {
    "shape": doors.shape,
    "fraction": doors.a_number,
    "value": doors.a_number,
    "seed": doors.seed,
}
SALT_AND_PEPPER = {
    "fraction": doors.a_number,
    "values": doors.pair,
    "seed": doors.seed,
}
