"""Tuning of picking by eye."""

from focusnb_widgets.tuning.tuner import PickingTuner, tune_picking

__all__ = ["PickingTuner", "tune_picking"]
