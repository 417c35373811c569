"""The library table: the images of a project, one row each."""

from focusnb_widgets.library.table import LibraryTable

__all__ = ["LibraryTable"]
