"""Figure 9 and appendix F of the paper: language models whose attention compares in other ways."""

from ._compare import LanguageComparison as LanguageComparison
from ._compare import compare_language_models as compare_language_models
from ._forms import FORMS as FORMS
from ._settings import SETTINGS as SETTINGS
from ._text import texts as texts
