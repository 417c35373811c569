"""Controls: what a page has to know of the parameters of the step `pick` to show sliders for them."""

from collections.abc import Iterable, Mapping
from typing import Any

from focusnb.model.param import Param

PICKERS = ("reference_free", "blob", "template", "filament")
# Words that mean something for some pickers only, by how they begin.
ONLY = {
    "template": ("template",),
    "filament": ("filament",),
    "smallest_diameter": ("blob", "reference_free"),
}
LEFT_OUT = ("pick_edits",)  # it is made by clicks
LEAST_PIXELS = 3.0  # across a diameter; smaller ones are refused by the kernels
WIDE = 20.0  # between the ends of a range that a slider shows by ratio, not by difference


def tunable(params: Iterable[Param]) -> list[Param]:
    """The parameters that are tuned: those of picking, without what other steps measure."""
    return [
        p
        for p in params
        if p.subject == "picking" and p.level != "hidden" and not p.made and p.name not in LEFT_OUT
    ]


def controls(
    params: Iterable[Param], *, pixel_size: float, extent: float, values: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """What the page is told of each parameter.

    pixel_size, extent: Å, the finest pixels and the shorter side of the smallest picture: what a
    length may sensibly be. Vectors are left to Python.
    """
    return [_control(param, pixel_size, extent, values) for param in params if param.size == 1]


def _control(
    param: Param, pixel_size: float, extent: float, values: Mapping[str, Any]
) -> dict[str, Any]:
    told = {
        "word": param.name,
        "label": param.label,
        "unit": param.unit,
        "type": param.type,
        "help": param.help,
        "level": param.level,
        "choices": [list(choice) for choice in param.choices],
        "digits": param.digits,
        "default": param.default,
        "automatic": param.default is None and param.type in ("float", "int"),
        "only": _only(param.name),
    }
    if param.type in ("float", "int"):
        told |= _range(param, pixel_size, extent, values)
    return told


def _only(word: str) -> list[str]:
    for begin, pickers in ONLY.items():
        if word.startswith(begin):
            return list(pickers)
    return []


def _range(
    param: Param, pixel_size: float, extent: float, values: Mapping[str, Any]
) -> dict[str, Any]:
    """Ends of a slider: those of the parameter, brought to what the pictures can show."""
    low, high = param.low, param.high
    value = values.get(param.name)
    if param.unit == "Å" and "pixel_size" not in param.name:
        is_diameter = "diameter" in param.name
        low = max(low or 0.0, (LEAST_PIXELS if is_diameter else 1.0) * pixel_size)
        high = min(high or extent, extent / 2 if is_diameter else extent / 4)
        if param.low == 0:
            low = 0.0
    low = 0.0 if low is None else low
    high = max(low * 10, 10.0) if high is None else high
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = min(low, value), max(high, value)
    high = max(high, low + 1e-6)
    return {
        "low": low,
        "high": high,
        "log": low > 0 and high / low > WIDE,
        "least": param.low,
        "most": param.high,
    }
