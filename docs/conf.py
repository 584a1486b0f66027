"""Configuration of the documentation."""

import sys
from pathlib import Path

import skdc

# Two pages are made from what the namespaces have.
sys.path.insert(0, str(Path(__file__).parent))
import combinations
import reference

reference.PAGE.write_text(reference.page())
if not combinations.is_current():  # it takes hundreds of fits
    combinations.PAGE.write_text(combinations.page())

project = "skdc"
author = "the skdc developers"
copyright = "2026, the skdc developers"
release = version = skdc.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "myst_parser",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery/**/*.ipynb"]
templates_path = ["_templates"]
html_theme = "furo"
html_title = f"skdc {release}"
default_role = "py:obj"

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say the types, with the shapes
numpydoc_class_members_toctree = False
numpydoc_show_inherited_class_members = False
myst_heading_anchors = 3

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "show_memory": False,
    "download_all_examples": False,
    "parallel": True,  # as many at a time as sphinx has jobs
}
