"""Histograms and scatter plots that choose images, and the rules that judge them."""

from focusnb_widgets.explore.explorer import Explorer
from focusnb_widgets.explore.rules_panel import RulesPanel

__all__ = ["Explorer", "RulesPanel"]
