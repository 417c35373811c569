"""The viewer: pictures, stacks and movies with zoom, contrast, Fourier transforms and what lies over them."""

from focusnb_widgets.viewer.viewer import Viewer, view

__all__ = ["view", "Viewer"]
