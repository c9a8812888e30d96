"""Similarities between a vector and stored patterns."""

from ._divergences import Jeffreys as Jeffreys
from ._divergences import JensenShannon as JensenShannon
from ._divergences import KullbackLeibler as KullbackLeibler
from ._divergences import ReverseKullbackLeibler as ReverseKullbackLeibler
from ._hamming import Hamming as Hamming
from ._learned import LearnedSimilarity as LearnedSimilarity
from ._manhattan import Manhattan as Manhattan
from ._normalised import Normalised as Normalised
from ._published import Published as Published
from ._published import published as published
from ._similarities import SIMILARITIES as SIMILARITIES
from ._similarities import Cosine as Cosine
from ._similarities import Custom as Custom
from ._similarities import Dot as Dot
from ._similarities import Euclidean as Euclidean
from ._similarities import normalised as normalised
from ._similarities import similarities as similarities
from ._similarities import similarity as similarity
