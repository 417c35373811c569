"""Interactive parts for notebooks and dashboards."""

from focusnb_widgets.monitor import MonitorPage

__all__ = ["MonitorPage"]
