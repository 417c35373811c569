"""BokehJS for a page that has none, as in JupyterLab: sent by the kernel, so nothing comes from outside."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def answer(widget: Any, message: Any, _: Any = None) -> None:
    """Send BokehJS to a page that asks for it with {"bokehjs": true} (static/bokeh.js)."""
    if not (isinstance(message, Mapping) and "bokehjs" in message):
        return
    import bokeh

    path = Path(bokeh.__file__).parent / "server" / "static" / "js" / "bokeh.min.js"
    widget.send({"bokehjs": True}, [path.read_bytes()])
