"""The experiments end to end, a folder each: its parts, its report and its figures.

``affectome.studies.emergence.run(…)`` and so on; a study is imported when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
