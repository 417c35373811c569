"""Interactive parts for notebooks and dashboards."""

from focusnb_widgets.monitor import MonitorPage
from focusnb_widgets.tuning import PickingTuner, tune_picking

__all__ = ["MonitorPage", "PickingTuner", "tune_picking"]
