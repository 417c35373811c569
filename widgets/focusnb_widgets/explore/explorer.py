"""The explorer: histograms and scatter plots of what was measured, linked with all other parts."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from traitlets import Bool, Dict, List

from focusnb.errors import BadValue
from focusnb.model import good
from focusnb.model.group import TRASH
from focusnb.model.rules import condition, shown
from focusnb_widgets import bokehjs
from focusnb_widgets.desk import WRONG, numbers
from focusnb_widgets.explore.figures import templates
from focusnb_widgets.explore.looking import Looking
from focusnb_widgets.explore.numbers import TIME, Columns, as_range, choices, value_of
from focusnb_widgets.source import module, style

# What is drawn where nobody has chosen plots yet; y empty: a histogram.
FIRST = (
    {"x": "ctf_resolution", "y": ""},
    {"x": "defocus", "y": ""},
    {"x": "drift_range", "y": ""},
    {"x": "iciness", "y": ""},
    {"x": TIME, "y": "ctf_resolution"},
)
MOST = 24  # plots
OWN, DESK = 'workbench.parts["explorer"]', "workbench.desk"  # where a notebook has them

Message = Mapping[str, Any]


class Explorer(Looking):
    """Plots of any two words; what is brushed in one is chosen everywhere.

    ::

        explorer = Explorer(project)            # a project, or a Desk that other widgets share
        explorer.add("defocus", "ctf_resolution")
        explorer.brush(ctf_resolution=(3, 4.2))
        explorer.use(good_ctf_resolution=5.0)

    plots: what is drawn, {"x": word, "y": word, or empty for a histogram, "line": an own threshold};
    remembered by the project and its mode. trash: images in the TRASH are drawn, too.
    """

    _esm = module("part.js", "bokeh.js", "explore_data.js", "explore_lines.js", "explore_plot.js",
                  "explore.js")  # fmt: skip
    _css = style("page.css", "parts.css", "explore.css")
    figures = Dict().tag(sync=True)
    plots = List(Dict()).tag(sync=True)
    trash = Bool(False).tag(sync=True)

    def __init__(self, desk: Any) -> None:
        super().__init__(desk, figures=templates())
        self.on_msg(bokehjs.answer)
        self._sent: Columns | None = None
        self._told: dict[str, Any] = {}
        self.plots = self._remembered()
        self.desk.observe(lambda _: self._tell_selected(), "selected")
        self.desk.observe(lambda _: self._tell_current(), "current")

    # -- what can be done in Python, too --------------------------------------------------------

    def add(self, x: str, y: str = "", *, line: float | None = None) -> None:
        """Add a histogram of x, or a scatter plot of x and y. line: an own threshold of x."""
        self._keep([*self.plots, {"x": x, "y": y, "line": line}])
        more = (f", {y!r}" if y else "") + ("" if line is None else f", line={line!r}")
        self.desk.line = f"{OWN}.add({x!r}{more})"

    def remove(self, number: int) -> None:
        """Remove a plot by its place, the first is 0."""
        self._keep([plot for place, plot in enumerate(self.plots) if place != number])
        self.desk.line = f"{OWN}.remove({number})"

    def brush(
        self, *, how: str = "new", below: bool = False, **ranges: Sequence[float]
    ) -> list[int]:
        """Choose the images in ranges of words, [low, high] each; give their numbers.

        Ranges are in the words' own units, times in seconds since 1970. how: "new", "add" to the
        chosen ones, or "within" them. below: the upper ends do not belong to the ranges.
        """
        if not ranges:
            raise BadValue("name a range to choose images by: brush(ctf_resolution=(3, 4.2))")
        everything = self.project.rows()
        rows = self._drawn(everything)
        parts = [as_range(everything, w, min(r), max(r), below=below) for w, r in ranges.items()]
        if not all(parts):
            return self._choose([row["id"] for row in rows if _inside(row, ranges, below)], how)
        text = " and ".join(parts)
        if not self.trash:
            trashed = (row for row in everything if row.cells["group"] == TRASH)
            if any(_inside(row, ranges, below) for row in trashed):
                text += f" and group != '{TRASH}'"
        before = self.desk.expression
        if how == "new" or not self.desk.selected:
            return self.desk.select_where(text)
        if not before:
            return self._choose([row["id"] for row in self.project.rows(text)], how)
        return self.desk.select_where(f"({before}) {'or' if how == 'add' else 'and'} ({text})")

    def use(self, **limits: float | None) -> str:
        """Set limits of good (good_* values of the project); None takes the default again."""
        unknown = [word for word in limits if not word.startswith("good_")]
        if unknown or not limits:
            raise BadValue(
                f"{', '.join(unknown) or 'nothing'} is no limit of good; name good_* values"
            )
        self.project.set(**limits)
        told = ", ".join(f"{word}={value!r}" for word, value in limits.items())
        self.desk.line = f"project.set({told})"
        self.desk.look()
        counts = self.judge()
        return f"limits set: {counts['good']} of {counts['of']} images are good"

    def judge(self, **limits: float | None) -> dict[str, int]:
        """Count the good among the measured images, were some limits of good different."""
        asked = good.limits(self.project.values())
        rows = [row for row in self._rows() if row["good"] is not None]
        asked |= {w: v for w, v in limits.items() if w in asked and v is not None}
        found = sum(1 for row in rows if not good.reasons(row.cells, asked))
        return {"good": found, "of": len(rows), "now": sum(1 for row in rows if row["good"])}

    def make_rule(self, word: str, comparison: str, value: float) -> str:
        """Make a rule of a line: it flags red what lies beyond, and is off."""
        words = self.project.words
        name = f"{words[word].label} {comparison} {shown(words[word], value)}"
        text = condition(words, word, comparison, value)
        self.project.rules.add(name, text, flag="red")
        self.desk.line = f"project.rules.add({name!r}, {text!r}, flag='red')"
        self.desk.look()
        return f"rule {name!r} is in the list of rules; it is off until you switch it on"

    # -- what the page asks ---------------------------------------------------------------------

    def do_ready(self, message: Message, buffers: Sequence[Any]) -> None:
        """Send everything."""
        self._shown, self._sent, self._told = True, None, {}
        # A kernel may have waited for its page for long.
        self.plots = self._remembered(self.plots)
        self.refresh()
        self._tell_selected()
        self._tell_current()

    def do_brush(self, message: Message, buffers: Sequence[Any]) -> str:
        """Choose what lies in the ranges that were drawn."""
        chosen = self.brush(
            how=message.get("how", "new"), below=bool(message.get("below")), **message["ranges"]
        )
        return "" if chosen else "no image lies there"

    def do_clear(self, message: Message, buffers: Sequence[Any]) -> None:
        """Choose none."""
        self.desk.select([])
        self.desk.line = f"{DESK}.select([])"

    def do_click(self, message: Message, buffers: Sequence[Any]) -> None:
        """Look at an image."""
        self.desk.current = int(message["image"])

    def do_open(self, message: Message, buffers: Sequence[Any]) -> None:
        """Ask the workbench to open an image in the viewer."""
        self.desk.current = int(message["image"])
        self.desk.wants = {"view": int(message["image"])}

    def do_plots(self, message: Message, buffers: Sequence[Any]) -> None:
        """Draw other plots; the page is told when that is done, or refused."""
        try:
            self._keep(message["plots"])
        finally:
            self.send({"arranged": message.get("number")})

    def do_first(self, message: Message, buffers: Sequence[Any]) -> None:
        """Draw the plots that are drawn at first."""
        self._keep([dict(plot) for plot in FIRST])

    def do_trash(self, message: Message, buffers: Sequence[Any]) -> None:
        """Draw images of the TRASH, or not."""
        self.trash = bool(message["on"])
        self._sent = None
        self.refresh()

    def do_judge(self, message: Message, buffers: Sequence[Any]) -> None:
        """Count what would be good with other limits."""
        self.send({"judged": self.judge(**message["limits"])})

    def do_use(self, message: Message, buffers: Sequence[Any]) -> str:
        """Set limits."""
        return self.use(**message["limits"])

    def do_rule(self, message: Message, buffers: Sequence[Any]) -> str:
        """Make a rule of a line."""
        return self.make_rule(message["word"], message["comparison"], message["value"])

    # -- what the page is told ------------------------------------------------------------------

    def look(self) -> Iterator[None]:
        """Tell the page what changed since it was told last."""
        try:
            rows = self.project.rows()
            yield
            words = sorted({plot[axis] for plot in self.plots for axis in ("x", "y")} - {""})
            now = Columns.of(rows, words, trash=self.trash)
            self._tell_setup(rows)
        except WRONG as error:
            self.tell_problem("refresh", error)
            return
        before, self._sent = self._sent, now
        index = None if before is None else now.changed(before)
        if index is None:
            self.send({"columns": {"words": words, "names": now.names}}, now.told())
        elif len(index):
            told = {"words": words, "names": [now.names[place] for place in index]}
            self.send({"patch": told}, [index.tobytes(), *now.told(index=index)])

    def _tell_setup(self, rows: Sequence[Any]) -> None:
        values = self.project.values()
        setup = {
            "words": choices(self.project, rows),
            "limits": good.limits(values),
            "trashed": sum(1 for row in rows if row["group"] == TRASH),
        }
        if setup != self._told:
            self._told = setup
            self.send({"setup": setup})

    def _tell_selected(self) -> None:
        if self._shown:
            told = {"selected": True, "expression": self.desk.expression}
            self.send(told, [np.array(self.desk.selected, dtype="<i4").tobytes()])

    def _tell_current(self) -> None:
        if self._shown:
            self.send({"current": self.desk.current})

    # -- plots ----------------------------------------------------------------------------------

    def _rows(self) -> list[Any]:
        return self._drawn(self.project.rows())

    def _drawn(self, rows: list[Any]) -> list[Any]:
        return rows if self.trash else [row for row in rows if row.cells["group"] != TRASH]

    def _choose(self, images: Sequence[int], how: str) -> list[int]:
        """Choose images by number, where no expression can tell them."""
        before = set(self.desk.selected)
        if how == "add":
            images = sorted(before | set(images))
        elif how == "within" and before:
            images = [image for image in images if image in before]
        self.desk.select(images)
        self.desk.line = f"{DESK}.select({numbers(images)})"
        return list(images)

    def _remembered(self, otherwise: Sequence[Message] = FIRST) -> list[dict[str, Any]]:
        """Give the plots that the project keeps; those of a word that is gone are left out."""
        try:
            kept = self.project.workspace.get("plots", {}).get(self.project.mode)
        except (*WRONG, AttributeError):  # broken by hand
            kept = None
        if not isinstance(kept, list):
            return [dict(plot) for plot in otherwise]
        sound = []
        for plot in kept[:MOST]:
            with suppress(*WRONG, AttributeError, TypeError, ValueError, KeyError):
                sound += self._sound([plot])
        return sound

    def _sound(self, plots: Sequence[Message]) -> list[dict[str, Any]]:
        words, checked = self.project.words, []
        if len(plots) > MOST:
            raise BadValue(f"{len(plots)} plots are too many; {MOST} can be drawn")
        for plot in plots:
            x, y, line = plot["x"], plot.get("y") or "", plot.get("line")
            for word in filter(None, (x, y)):
                if word != TIME and words[word].type not in ("float", "int"):
                    raise BadValue(f"{words[word].label} is no number; choose another parameter")
            if y == TIME:
                raise BadValue("time is drawn along x; choose a parameter for y")
            own = {} if line is None else {"line": float(line)}
            checked.append({"x": x, "y": y, **own})
        return checked

    def _keep(self, plots: Sequence[Message]) -> None:
        before = self.plots
        self.plots = self._sound(plots)
        try:
            kept = self.project.workspace.get("plots", {})
            kept = kept if isinstance(kept, dict) else {}
            self.project.workspace.set("plots", {**kept, self.project.mode: self.plots})
        except WRONG as error:  # a project that can only be looked at: plots are drawn all the same
            self.tell_problem("plots", error)
        if self._shown and before != self.plots:
            self.refresh()

    def __repr__(self) -> str:
        told = [plot["x"] + (f" × {plot['y']}" if plot["y"] else "") for plot in self.plots]
        return f"<explorer of {self.project!r}: {', '.join(told) or 'no plots'}>"


def _inside(row: Any, ranges: Mapping[str, Sequence[float]], below: bool) -> bool:
    """Tell whether an image lies in all ranges."""
    for word, ends in ranges.items():
        value = value_of(row, word)
        low, high = min(ends), max(ends)
        if value is None or not (low <= value < high if below else low <= value <= high):
            return False
    return True
