"""Affectome reads emotion from whatever carries it and shows whether the reading is real.

All that a user needs is here by name, and is imported when it is first used: ``import affectome as
af``, then ``af.read``, ``af.evaluate``, ``af.studies.emergence.run`` … The names are listed once,
in ``__init__.pyi``.
"""

from importlib.metadata import version

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = version("affectome")
