"""The figures of the explorer as JSON of bokeh documents; data, ranges and colours come in the browser."""

from functools import cache
from typing import Any

HEIGHT = 230  # pixels of a plot
TOP = 20  # pixels over its frame: limits that lie beyond the axis are told there
FONT = "system-ui, sans-serif"


@cache
def templates() -> dict[str, str]:
    """Give one document for each kind of plot: histogram and scatter, with numbers or time as x."""
    return {
        f"{kind}{' time' if time else ''}": _document(kind, time)
        for kind in ("histogram", "scatter")
        for time in (False, True)
    }


def _document(kind: str, time: bool) -> str:
    from bokeh.core.json_encoder import serialize_json
    from bokeh.document import Document

    figure = _figure(time)
    (_histogram if kind == "histogram" else _scatter)(figure)
    document = Document()
    document.add_root(figure)
    return str(serialize_json(document.to_json()))


def _figure(time: bool) -> Any:
    from bokeh.models import BasicTickFormatter, DatetimeTickFormatter, Range1d
    from bokeh.plotting import figure as new_figure

    figure = new_figure(
        name="figure", height=HEIGHT, sizing_mode="stretch_width", tools=[], toolbar_location=None,
        x_range=Range1d(0, 1, name="x"), y_range=Range1d(0, 1, name="y"),
        x_axis_type="datetime" if time else "linear", min_border_left=54, min_border_right=14,
        min_border_top=TOP, min_border_bottom=28, background_fill_color=None,
        border_fill_color=None, outline_line_color=None, output_backend="canvas",
    )  # fmt: skip
    for axis in (*figure.xaxis, *figure.yaxis):
        axis.major_label_text_font = FONT
        axis.major_label_text_font_size = "12px"
        axis.minor_tick_line_color = None
        axis.major_tick_line_color = None
    figure.xaxis.ticker.desired_num_ticks = 6
    figure.yaxis.ticker.desired_num_ticks = 4
    figure.yaxis.formatter = BasicTickFormatter(use_scientific=False)
    figure.xaxis.formatter = (
        DatetimeTickFormatter(
            seconds="%H:%M:%S", minsec="%H:%M:%S", minutes="%H:%M", hourmin="%H:%M",
            hours="%H:%M", days="%d %b", months="%b %Y",
        )
        if time
        else BasicTickFormatter(use_scientific=False)
    )  # fmt: skip
    return figure


def _brush(figure: Any, dimensions: str) -> None:
    """Add the tool that tells a range; what lies in it is looked up by the kernel, not by bokeh."""
    from bokeh.models import BoxSelectTool

    brush = BoxSelectTool(dimensions=dimensions, name="brush", renderers=[])
    brush.overlay.name = "brushed"
    figure.add_tools(brush)


def _histogram(figure: Any) -> None:
    from bokeh.models import ColumnDataSource, Span

    figure.xgrid.grid_line_color = None
    figure.yaxis.ticker.min_interval = 1  # images are counted in whole ones
    for name in ("all", "chosen"):
        source = ColumnDataSource({"left": [], "right": [], "top": []}, name=f"{name} data")
        figure.quad("left", "right", "top", 0, source=source, line_width=1, name=name)
    current = Span(location=0, dimension="height", name="current", visible=False, line_width=2)
    figure.add_layout(current)
    _brush(figure, "width")


def _scatter(figure: Any) -> None:
    from bokeh.models import ColumnDataSource

    for name, marker in (
        ("rest", "circle"),
        ("bad", "x"),  # under the good ones: crosses would hide them where many lie
        ("good", "circle"),
        ("current", "circle"),
    ):
        source = ColumnDataSource({"x": [], "y": []}, name=f"{name} data")
        figure.scatter("x", "y", source=source, marker=marker, size=5, name=name)
    _brush(figure, "both")
