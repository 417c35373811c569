"""Interactive parts for notebooks and dashboards."""

from focusnb_widgets.desk import Desk
from focusnb_widgets.explore import Explorer, RulesPanel
from focusnb_widgets.forms import Form, ImagePage, NewProject, ParameterPanel, SettingsPanel
from focusnb_widgets.library import LibraryTable
from focusnb_widgets.monitor import MonitorPage
from focusnb_widgets.overview import Overview
from focusnb_widgets.tuning import PickingTuner, tune_picking
from focusnb_widgets.viewer import Viewer, view
from focusnb_widgets.work import ImportPanel, QueuePanel
from focusnb_widgets.workbench import Workbench

__all__ = [
    "Desk", "Explorer", "Form", "ImagePage", "ImportPanel", "LibraryTable", "MonitorPage", "NewProject",
    "Overview", "ParameterPanel", "PickingTuner", "QueuePanel", "RulesPanel", "SettingsPanel",
    "tune_picking", "view", "Viewer", "Workbench",
]  # fmt: skip
