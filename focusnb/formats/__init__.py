"""Bytes ↔ arrays and tables, one format per module; the registry that picks the reader of a file.

Pictures are found by their first bytes, never by their suffix alone. A reader is an entry point
of the group ``focusnb.formats``, loaded on first use; ours register the same way as anybody's.
"""

from focusnb.formats.registry import Reader, open, read, readers, write
from focusnb.formats.stack import Stack

__all__ = ["open", "read", "Reader", "readers", "Stack", "write"]
