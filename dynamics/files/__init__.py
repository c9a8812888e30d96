"""Files of arrays, and of structures such as networks."""

from ._arrays import MOST as MOST
from ._arrays import PIECE as PIECE
from ._arrays import Refused as Refused
from ._arrays import fill as fill
from ._arrays import in_words as in_words
from ._arrays import kind_of as kind_of
from ._arrays import load_npy as load_npy
from ._arrays import load_npz as load_npz
from ._arrays import present as present
from ._arrays import reading as reading
from ._arrays import shapes_in as shapes_in
from ._arrays import written_whole as written_whole
from ._trees import Writer as Writer
from ._trees import built as built
from ._trees import read_tree as read_tree
from ._trees import suffixed as suffixed
