"""A page in the browser where one moves a cue and sees the energy, and the small server that answers it."""

from ._answers import ANSWERS as ANSWERS
from ._answers import Asked as Asked
from ._answers import answer as answer
from ._server import PAGE as PAGE
from ._server import Server as Server
from ._server import page as page
