"""How the documents are built: ``make docs``."""

from __future__ import annotations

import os
from importlib import metadata

os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")

project = "Affectome"
project_copyright = "2026, the Affectome authors"
release = metadata.version("affectome")
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
]
root_doc = "index"
html_theme = "furo"
html_title = "Affectome"
html_show_sourcelink = False
exclude_patterns = ["generated/*.tmp"]

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "dollarmath"]
suppress_warnings = ["myst.header", "config.cache", "myst.xref_missing", "ref.ref", "ref.term"]

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "inherited-members": False}
napoleon_google_docstring = False
napoleon_use_rtype = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/\d\d_",
    "ignore_pattern": r"mouse_shock_catalog",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "remove_config_comments": True,
    "backreferences_dir": None,
    "reset_modules": ("matplotlib",),
    "doc_module": ("affectome",),
    "min_reported_time": 1,
}
