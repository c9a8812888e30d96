"""How Sphinx builds these pages. Run ``bash docs/build.sh``, which calls it on a copy of this folder."""

import configparser
import importlib
import importlib.metadata
import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_ext"))

import hopfield  # noqa: E402

about = configparser.ConfigParser()
about.read(Path(hopfield.__file__).parent / "setup.cfg", encoding="utf-8")
project = about["metadata"]["name"]
author = about["metadata"]["author"]
copyright = f"{author}, {about['metadata']['license']}"
version = release = hopfield.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "sphinx_design",
    "sphinx_copybutton",
    "sphinxcontrib.bibtex",
    "docstrings",
    "api",
]
exclude_patterns = ["_ext", "images", "developer/*.py", "tutorials", "**/GALLERY_HEADER.rst", "**/*.inc"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
nitpicky = False
smartquotes = False  # x' is a derivative
add_module_names = False
toc_object_entries = False
python_use_unqualified_type_names = True

# --- text
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "plain"
bibtex_reference_style = "author_year"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_selector = ", ".join(f"div.highlight-{kind} pre" for kind in ("python", "Python", "default", "bash"))

# --- the API
autodoc_typehints = "none"
autodoc_preserve_defaults = True
autodoc_inherit_docstrings = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# --- mathematics: one file of MathJax, which loads no other
mathjax_path = "mathjax/tex-svg.js"
mathjax3_config = {
    "svg": {"fontCache": "global"},
    "options": {"enableMenu": False},
    "tex": {"macros": {"simil": r"\operatorname{sim}", "sep": r"\operatorname{sep}"}},
}


def put_mathjax() -> None:
    """Copy it from the package that ships it."""
    files = importlib.metadata.files("django-static-mathjax") or []
    (source,) = [file for file in files if file.as_posix().endswith("mathjax/es5/tex-svg.js")]
    target = HERE / "_static" / mathjax_path
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(str(source.locate()), target)


put_mathjax()

# --- the gallery and the tutorials
GALLERY = os.environ["HOPFIELD_DOCS_GALLERY"]
FEW = r"/(retrieve_digits|1_store_and_recall)\.py$"

importlib.import_module("gallery").give_titles(HERE.parent / "examples")
sphinx_gallery_conf = {
    "examples_dirs": [str(HERE.parent / "examples"), "tutorials"],
    "gallery_dirs": ["gallery", "learn"],
    "filename_pattern": FEW if GALLERY == "few" else r"\.py$",
    "subsection_order": "gallery.order",
    "within_subsection_order": "gallery.within",
    "reset_argv": "gallery.arguments",
    "image_scrapers": ("gallery.pictures",),
    "reset_modules": (),
    "backreferences_dir": "api/examples",
    "doc_module": ("hopfield",),
    "reference_url": {"hopfield": None},
    "inspect_global_variables": True,
    "capture_repr": ("_repr_html_", "__repr__"),
    "ignore_repr_types": r"matplotlib\.(figure|axes|text|lines|collections|legend)",
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "download_all_examples": True,
    "thumbnail_size": (480, 320),
    "first_notebook_cell": "import sys\n\n%matplotlib inline\nsys.argv = ['']  # a notebook has no command line",
    "plot_gallery": GALLERY != "none",
}

# --- how it looks
html_theme = "pydata_sphinx_theme"
html_title = "hopfield"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
# Pages that have none below them show no list of those.
ALONE = ("index", "start", "which", "try", "theory", "choose", "paper", "limits", "references", "developer/index")
html_sidebars: dict[str, list[str]] = {name: [] for name in ALONE}
html_theme_options = {
    "logo": {"text": "hopfield"},
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "show_toc_level": 2,
    "show_prev_next": True,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    **({"github_url": about["metadata"]["url"]} if "url" in about["metadata"] else {}),
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
