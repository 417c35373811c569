"""Where the dashboards and notebooks lie: in the checkout, else in the installed wheel."""

from importlib.resources import files
from pathlib import Path

from focusnb.errors import MissingProduct


def dashboards_dir() -> Path:
    """Give the folder of the voila pages; `voila/templates/focusnb` in it is their template."""
    return _find("dashboards", "monitor.ipynb")


def notebooks_dir() -> Path:
    """Give the folder of the lessons."""
    return _find("notebooks", "data/micrograph_crop.tif")


def _find(name: str, witness: str) -> Path:
    package = Path(str(files("focusnb")))
    places = (package.parent / name, package / f"_{name}")
    for place in places:
        if place.is_dir() and (place / witness).exists():
            return place
    raise MissingProduct(
        f"the folder of the {name} is neither {places[0]} nor {places[1]}; install focusnb again"
    )
