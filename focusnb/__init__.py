"""focusnb: from the electron microscope to 3D reconstruction, live.

::

    import focusnb as fn
    project = fn.create("apoferritin", mode="single-particle", voltage=300, pixel_size=1.06)
"""

from importlib.metadata import version as _version

from focusnb.errors import FocusError
from focusnb.session import Project, create, open, quick

__version__ = _version("focusnb")
__all__ = ["create", "FocusError", "open", "Project", "quick"]
