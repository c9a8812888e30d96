"""Saddles and barriers between memories."""

from ._escape import EscapeRates as EscapeRates
from ._landscape import Landscape as Landscape
from ._landscape import Route as Route
from ._rates import escape_rates as escape_rates
from ._search import landscape as landscape
from ._strings import Strings as Strings
from ._strings import string_method as string_method
