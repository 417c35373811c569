"""The overviews: what an image looks like before and after, beside the library table."""

from focusnb_widgets.overview.overview import Overview

__all__ = ["Overview"]
