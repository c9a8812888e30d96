"""Maps that are iterated: autoencoders as memories."""

from ._autoencoder import Autoencoder as Autoencoder
from ._autoencoder import Iterated as Iterated
from ._autoencoder import rank_one_eigenvalue as rank_one_eigenvalue
from ._training import Trained as Trained
