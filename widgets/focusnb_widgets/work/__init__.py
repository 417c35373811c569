"""The work of a project: its queue, and the import that fills it."""

from focusnb_widgets.work.import_panel import ImportPanel
from focusnb_widgets.work.queue_panel import QueuePanel

__all__ = ["ImportPanel", "QueuePanel"]
