"""Fixed points: search, names, completeness."""

from ._attractors import neighbours as neighbours
from ._census import FixedPoints as FixedPoints
from ._census import nothing_found as nothing_found
from ._completeness import Completeness as Completeness
from ._completeness import Unseen as Unseen
from ._find import census as census
from ._find import find_fixed_points as find_fixed_points
from ._naming import metastable_size as metastable_size
from ._naming import rows_of as rows_of
from ._starts import box_starts as box_starts
from ._starts import pattern_starts as pattern_starts
from ._starts import random_starts as random_starts
