"""How `make docs` builds these pages."""

project = "Fairway"
author = "The Fairway developers"
extensions = ["myst_parser"]
myst_heading_anchors = 3  # lets a page link to another page's headings
html_theme = "furo"
