"""Curves over spatial frequency: measured Thon rings, their fit and its quality."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from focusnb.errors import BadData
from focusnb.pictures import palette, png

TICKS = (30, 15, 10, 8, 6, 5, 4, 3.5, 3, 2.5, 2.2, 2, 1.8, 1.6, 1.4, 1.2, 1.0)  # Å


def ctf_curve(
    frequencies: ArrayLike,
    profile: ArrayLike,
    model: ArrayLike,
    quality: ArrayLike,
    path: str | Path,
    *,
    resolution: float | None = None,
    size: tuple[int, int] = (1000, 640),
) -> Path:
    """Draw the rotational average of a spectrum with the CTF fitted to it.

    Parameters
    ----------
    frequencies : (n,) 1/Å
        The axis; it is drawn linear in frequency and labelled in Å.
    profile, model, quality : (n,)
        What was measured (background taken off), the fitted CTF² between 0 and 1, and how well
        both agree (correlation, at most 1). A profile in other units is scaled to 0 … 1.
    path : where to write
    resolution : Å
        To where the fit holds: a line is drawn there, and the drawing ends somewhat beyond it.
        Without one the fit is pale, and said to agree nowhere.
    size : width, height in pixels

    Raises
    ------
    BadData
        Curves of different length, fewer than two points, or nothing finite in them.
    """
    curves = [np.ravel(np.asarray(c, float)) for c in (frequencies, profile, model, quality)]
    s, measured, fitted, agreement = curves
    if len({c.size for c in curves}) != 1 or s.size < 2:
        raise BadData(
            f"frequencies, profile, model and quality have {[c.size for c in curves]} points: "
            "they need the same number, two at least"
        )
    usable = np.isfinite(s) & (s > 0)
    if not usable.any() or not np.isfinite(measured[usable]).any():
        raise BadData("frequencies or profile hold no finite value: there is no curve to draw")
    s, measured, fitted, agreement = (c[usable] for c in (s, measured, fitted, agreement))
    believed = resolution is not None and np.isfinite(resolution) and resolution > 0
    known = np.isfinite(measured)
    if believed and (known & (s <= 1 / resolution)).sum() >= 8:
        known &= s <= 1 / resolution  # peaks of ice beyond the rings set no scale
    low, high = np.percentile(measured[known], [2, 98])
    if high <= low:
        measured = np.full_like(measured, 0.5)
    elif not (-0.3 < low < 0.7 and 0.3 < high < 1.5):
        measured = (measured - low) / (high - low)

    figure, axes = palette.figure(*size)
    unit = palette.scale(*size)
    axes.plot(s, np.clip(agreement, -0.2, 1.1), color=palette.QUALITY, lw=3 * unit, label="Quality")
    axes.plot(
        s, np.clip(measured, -0.2, 1.3), color=palette.DATA, lw=3 * unit, label="Data", zorder=3
    )  # before the fit, whose rings lie close together at the far end
    end, holds = s.max(), np.zeros(s.size, bool)
    if believed:
        end = min(end, 1.5 / resolution)
        holds = s <= 1 / resolution
    axes.plot(s[~holds], fitted[~holds], color=palette.FIT, lw=2 * unit, alpha=0.25)
    axes.plot(s[holds], fitted[holds], color=palette.FIT, lw=2 * unit, label="Fit", alpha=0.9)
    words = {"fontsize": palette.FONT * unit, "color": palette.INK}
    marked = {"va": "top", "fontweight": "bold", "fontsize": palette.FONT * unit}
    if believed:
        axes.axvline(1 / resolution, color=palette.MARK, lw=3 * unit, ls=(0, (4, 2)))
        inside = 1 / resolution > 0.8 * end
        axes.text(
            1 / resolution, 1.3, f"  {resolution:.1f} Å  ", color=palette.MARK,
            ha="right" if inside else "left", **marked,
        )  # fmt: skip
    else:
        axes.text(end / 2, 1.3, "no agreement", color=palette.FIT, ha="center", **marked)
    axes.set_xlim(0, end)
    axes.set_ylim(-0.25, 1.35)
    ticks = []
    for t in TICKS:
        if 1 / t <= end and (not ticks or 1 / t - 1 / ticks[-1] > 0.075 * end):
            ticks.append(t)
    axes.set_xticks([1 / t for t in ticks], [f"{t:g}" for t in ticks])
    axes.set_yticks([0, 0.5, 1])
    axes.set_xlabel("Resolution (Å)", **words)
    axes.legend(
        loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=3, frameon=False,
        fontsize=palette.FONT * unit, labelcolor=palette.INK, handlelength=1.4,
        columnspacing=1.4, borderpad=0.2,
    )  # fmt: skip
    figure.set_layout_engine("tight", pad=0.6 * unit)
    return png.from_figure(figure, path)
