"""How results show themselves: a part of a page for notebooks, a whole page for the browser.

Light on purpose: one reading has to be shown without pandas.
"""

from affectome.display.html import fragment, mark, on_scale, open_page, paragraph, rows, whole

__all__ = ["fragment", "mark", "on_scale", "open_page", "paragraph", "rows", "whole"]
