"""Configuration of the documentation."""

import re
import sys
from pathlib import Path

from sphinx.ext.autosummary import Autosummary
from sphinx.util.nodes import make_refnode

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
html_static_path = ["_static"]
html_css_files = ["gallery.css"]
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


class Summaries(Autosummary):
    """Tables of one line each, without the numbers of references, which stand on another page."""

    def get_items(self, names):
        return [(*shown, re.sub(r" ?\[\w+-\d+\]_", "", line), real) for *shown, line, real in super().get_items(names)]


def by_last_name(app, env, node, contnode):
    """Lead from a name without its module, such as Points, to the one class or function that has it."""
    target = node.get("reftarget", "")
    known = [
        (name, found)
        for name, found in env.domains["py"].objects.items()
        if name.endswith(f".{target}") and found.objtype in ("class", "exception", "function") and not found.aliased
    ]
    if "." not in target and len(known) == 1 and re.search("[A-Z_]", target):
        name, found = known[0]
        return make_refnode(app.builder, node["refdoc"], found.docname, found.node_id, contnode, name)
    return None


def setup(app):
    app.add_directive("autosummary", Summaries, override=True)
    app.connect("missing-reference", by_last_name)
