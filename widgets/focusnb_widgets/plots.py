"""Time series as a widget: columns of numbers, drawn by BokehJS in the browser."""

from typing import Any

import anywidget
import numpy as np
from traitlets import Bytes, Dict, Float, List, Unicode

from focusnb_widgets import bokehjs
from focusnb_widgets.source import module

# What is plotted: word, label, unit, factor to that unit, digits, words of the good limits below and above.
PANELS = (
    ("mean_count", "Electrons", "e/px", 1.0, 2, "good_mean_count", None),
    ("drift_range", "Drift, range", "Å", 1.0, 1, None, "good_drift_range"),
    ("defocus", "Defocus", "µm", 1e-4, 2, "good_defocus_low", "good_defocus_high"),
    ("ctf_resolution", "CTF resolution", "Å", 1.0, 1, None, "good_ctf_resolution"),
    ("iciness", "Iciness", "", 1.0, 2, None, "good_iciness"),
)
HEIGHT = 138  # pixels of a panel; the last one has the axis of time below


class SeriesPlots(anywidget.AnyWidget):
    """What was measured over time, one panel per word; points of good and rejected images.

    columns: float64 bytes by word, and `time` (seconds since 1970) and `good` (0 or 1).
    facts: names of the images, offset of local time in seconds, every how many an old image is.
    hours: the range that is shown, None for all.
    """

    _esm = module("bokeh.js", "plots.js")
    figure = Unicode().tag(sync=True)
    words = List(Dict()).tag(sync=True)
    columns = Dict(value_trait=Bytes()).tag(sync=True)
    facts = Dict().tag(sync=True)
    hours = Float(3.0, allow_none=True).tag(sync=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(figure=figure(), words=words({}), **kwargs)
        self.on_msg(bokehjs.answer)

    def show(self, series: dict[str, Any], limits: dict[str, float | None], offset: float) -> None:
        """Show the arrays of a feed's series.json.

        limits: the good_* values. offset: local time minus UTC in seconds.
        """
        columns = {word: packed(series[word]) for word, *_ in PANELS}
        columns |= {"time": packed(series["time"]), "good": packed(series["good"])}
        with self.hold_sync():
            self.facts = {"names": series["name"], "offset": offset, "every": series["every"]}
            self.words = words(limits)
            self.columns = columns


def packed(numbers: list[float | None]) -> bytes:
    """Give numbers as the bytes of a little-endian float64 array; None becomes NaN."""
    return np.array(numbers, dtype="<f8").tobytes()


def words(limits: dict[str, float | None]) -> list[dict[str, Any]]:
    """Give what the page has to know of each panel."""

    def limit(word: str | None, factor: float) -> float | None:
        value = limits.get(word) if word else None
        return None if value is None else value * factor

    return [
        {
            "word": word,
            "label": label,
            "unit": unit,
            "factor": factor,
            "digits": digits,
            "low": limit(low, factor),
            "high": limit(high, factor),
        }
        for word, label, unit, factor, digits, low, high in PANELS
    ]


def figure() -> str:
    """Give the panels as the JSON of a bokeh document; data, limits, colours come in the browser."""
    from bokeh.core.json_encoder import serialize_json
    from bokeh.document import Document
    from bokeh.layouts import column
    from bokeh.models import ColumnDataSource, Range1d

    names = [word for word, *_ in PANELS]
    empty: dict[str, list[Any]] = {k: [] for k in ("x", "name", "when", *names)}
    empty |= {f"{word} shown": [] for word in names}
    sources = {name: ColumnDataSource(dict(empty), name=name) for name in ("good", "bad")}
    time = Range1d(0, 1, name="time")
    told = words({})
    panels = [_panel(one, sources, time, bottom=one is told[-1]) for one in told]
    document = Document()
    document.add_root(column(*panels, sizing_mode="stretch_width", spacing=0))
    return str(serialize_json(document.to_json()))


def _panel(one: dict[str, Any], sources: dict[str, Any], time: Any, *, bottom: bool) -> Any:
    from bokeh.models import (
        BoxZoomTool,
        DatetimeTickFormatter,
        HoverTool,
        NumeralTickFormatter,
        Range1d,
        Span,
    )
    from bokeh.plotting import figure as new_figure

    word = one["word"]
    zoom = BoxZoomTool(dimensions="width", name=f"zoom {word}")
    panel = new_figure(
        name=f"figure {word}", height=HEIGHT + (24 if bottom else 0), sizing_mode="stretch_width",
        x_range=time, y_range=Range1d(0, 1), x_axis_type="datetime", tools=[zoom],
        toolbar_location=None, title=one["label"], min_border_left=52, min_border_right=8,
        min_border_top=2, min_border_bottom=4, background_fill_color=None, border_fill_color=None,
        outline_line_color=None, output_backend="canvas",
    )  # fmt: skip
    panel.toolbar.active_drag = None
    panel.title.text_font = "system-ui, sans-serif"
    panel.title.text_font_size = "13px"
    panel.title.text_font_style = "bold"
    for axis in (*panel.xaxis, *panel.yaxis):
        axis.major_label_text_font = "system-ui, sans-serif"
        axis.major_label_text_font_size = "12px"
        axis.major_tick_line_color = None
        axis.minor_tick_line_color = None
    panel.yaxis.ticker.desired_num_ticks = 3
    panel.yaxis.formatter = NumeralTickFormatter(format="0.[00]")
    panel.xaxis.formatter = DatetimeTickFormatter(
        seconds="%H:%M:%S", minsec="%H:%M:%S", minutes="%H:%M", hourmin="%H:%M", hours="%H:%M",
        days="%d %b", months="%b %Y",
    )  # fmt: skip
    panel.xaxis.visible = bottom
    panel.xaxis.ticker.desired_num_ticks = 5
    for side in ("low", "high"):
        span = Span(location=0, dimension="width", name=f"{side} {word}", visible=False)
        span.line_dash, span.line_width = [3, 3], 1
        panel.add_layout(span)
    drawn = [
        panel.scatter("x", f"{word} shown", source=sources["good"], size=5, marker="circle",
                      fill_alpha=0.75, line_alpha=0, name=f"good {word}"),
        panel.scatter("x", f"{word} shown", source=sources["bad"], size=7, marker="x",
                      line_width=2, name=f"bad {word}"),
    ]  # fmt: skip
    value = f"@{{{word}}}{{0.{'0' * one['digits']}}} {one['unit']}".strip()
    panel.add_tools(
        HoverTool(
            renderers=drawn,
            tooltips=[("", "@name"), (one["label"], value), ("recorded", "@when")],
            point_policy="snap_to_data",
        )
    )
    return panel
