"""What is stored and asked: data sets, files, noise, masks, cues."""

from ._arrays import Rows as Rows
from ._arrays import flatten_images as flatten_images
from ._arrays import load_array as load_array
from ._cues import CUES as CUES
from ._cues import corrupt as corrupt
from ._datasets import NAMES as NAMES
from ._datasets import VARIABLE as VARIABLE
from ._datasets import Images as Images
from ._datasets import is_picture as is_picture
from ._datasets import load as load
from ._masks import border_mask as border_mask
from ._masks import generator as generator
from ._masks import hidden_pixels as hidden_pixels
from ._masks import mask as mask
from ._masks import occlude as occlude
from ._masks import random_mask as random_mask
from ._noise import flip_bits as flip_bits
from ._noise import gaussian_noise as gaussian_noise
from ._noise import salt_and_pepper as salt_and_pepper
