"""Units that people think in: defocus is kept in Å like every length, and shown in µm."""

from typing import Any

from focusnb.model.param import Param

MICROMETRE = 1e-4  # µm in an Å


def shown_unit(param: Param) -> tuple[str, float, int | None]:
    """Give the unit of a parameter as interfaces show it, the factor to it, and the decimals.

    Ratios and texts have no unit, "". Decimals: None for as many as needed.
    """
    if param.unit == "Å" and "defocus" in param.name:
        return "µm", MICROMETRE, 3 if param.name.endswith("error") else 2
    unit = "" if param.unit in ("", "1") else param.unit
    return unit, 1.0, 0 if param.type == "int" else param.digits


def in_shown_unit(param: Param, value: Any) -> str:
    """Give a value as text in the unit of `shown_unit`, without that unit."""
    _, factor, digits = shown_unit(param)
    if factor == 1.0 or isinstance(value, bool) or not isinstance(value, int | float):
        return param.show(value)
    return f"{value * factor:.{digits}f}"
