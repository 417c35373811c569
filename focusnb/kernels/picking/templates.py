"""Particles that look like templates: the best local correlation over templates and rotations."""

from collections.abc import Mapping

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData
from focusnb.kernels import check, fourier
from focusnb.kernels import ctf as lenses
from focusnb.kernels.picking import correlation, matching
from focusnb.kernels.picking.exclude import Exclusion
from focusnb.kernels.picking.picks import Picks
from focusnb.kernels.picking.rotations import rotations, turn

ACROSS = 24  # pixels across a particle in the picture that is searched
DETAIL = (
    1 / 6
)  # diameters: what is finer differs between a particle's view and the nearest template
MOST = 20_000  # templates × rotations
LENS = (
    "defocus_u", "defocus_v", "defocus_angle", "voltage", "spherical_aberration",
    "amplitude_contrast", "phase_shift",
)  # fmt: skip


def find_templates(
    picture: ArrayLike,
    templates: ArrayLike,
    *,
    pixel_size: float,
    template_pixel_size: float,
    diameter: float,
    angle_step: float = 5.0,
    ctf: Mapping[str, float] | None = None,
    whiten: bool = True,
    bright: bool = False,
    templates_bright: bool = True,
    exclude: Exclusion | None = None,
    border: float | None = None,
    workers: int = 1,
) -> Picks:
    """All candidates, whatever their score: the places that look most like a template.

    Local correlation (Roseman 2003, Ultramicroscopy 94:225) in a picture of about 24 pixels across a
    particle, without its background. The score is the correlation coefficient under a soft round
    mask of 1.5 diameters; the class is the number of the template, from 1; the angle is that by which
    it is turned, in (−180°, 180°]: its columns then have the direction (cos, sin) = (column, row).

    Parameters
    ----------
    picture : (y, x)
    templates : (n, y, x), or one (y, x); the particle's centre at pixel side // 2
    pixel_size, template_pixel_size : Å; templates are rescaled to the pixels that are searched
    diameter : of the particles, their largest extent, Å
    angle_step : degrees between rotations
    ctf : words of `ctf.transfer` (defocus_u, voltage …): templates are seen through that lens.
        Projections of a map need it; averages of particles as recorded have been through it
    whiten : divide picture and templates by the root of the picture's own mean power
    bright : particles are brighter than their surroundings (negative stain, inverted contrast)
    templates_bright : particles are bright in the templates, as in class averages and projections
    exclude : where nothing is picked
    border : no picks nearer to the edge, Å; half a diameter when not given
    workers : threads

    Raises
    ------
    BadData
        When picture or templates are bad, or the diameter does not fit them.
    """
    angles = rotations(angle_step)
    lens = None if ctf is None else _checked(ctf)
    ground = matching.searched(
        picture, pixel_size=pixel_size, diameter=diameter, across=ACROSS, bright=bright,
        whiten=whiten, exclude=exclude, workers=workers,
    )  # fmt: skip
    room = min(ground.small.shape) * pixel_size
    stack = check_templates(templates, template_pixel_size, diameter=diameter, room=room)
    if len(stack) * len(angles) > MOST:
        raise BadData(
            f"{len(stack)} templates in {len(angles)} rotations are more than {MOST} pictures to "
            "search for: take fewer templates, or a larger angle_step"
        )
    made = []
    for one in stack if templates_bright else -stack:
        turned = turn(
            one[None], angles, pixel_size=template_pixel_size, steps=ground.steps,
            side=ground.side, resolution=DETAIL * diameter,
        )  # fmt: skip
        if lens is not None:
            turned = _seen(turned, ground.steps, lens)
        made.append(ground.fitted(turned))
    fit = correlation.best_fit(ground.ground, np.concatenate(made), workers=workers)
    return matching.candidates(ground, fit, angles, border=border, exclude=exclude)


def check_templates(
    templates: ArrayLike, pixel_size: float, *, diameter: float, room: float = np.inf
) -> NDArray:
    """Templates as a float32 stack (n, y, x); raises BadData when they cannot be searched for.

    pixel_size : of the templates, Å.  diameter : of the particles, Å.  room : the picture's shorter side, Å.
    """
    stack = np.asarray(templates)
    if stack.ndim == 2:
        stack = stack[None]
    if stack.ndim != 3 or not len(stack):
        raise BadData(
            f"the templates have the shape {np.shape(templates)}; a stack (n, y, x) is needed"
        )
    if not (np.isfinite(pixel_size) and pixel_size > 0):
        raise BadData(f"template_pixel_size is {pixel_size} Å; it must be a positive number")
    made = [check.picture(one, smallest=8, what=f"template {k + 1}") for k, one in enumerate(stack)]
    height, width = stack.shape[1:]
    wide = f"the templates are {width * pixel_size:.4g} × {height * pixel_size:.4g} Å wide"
    how = f"check template_pixel_size, {pixel_size:g} Å"
    if min(height, width) * pixel_size < 0.75 * diameter:
        raise BadData(f"{wide} and cannot hold a particle_diameter of {diameter:g} Å: {how}")
    if max(height, width) * pixel_size > room:
        raise BadData(f"{wide} and do not fit into the picture, {room:.4g} Å: {how}")
    return np.stack(made)


def _checked(ctf: Mapping[str, float]) -> dict[str, float]:
    """The words of a lens; raises BadData when one is missing, unknown or no number."""
    unknown = [word for word in ctf if word not in LENS]
    missing = [word for word in ("defocus_u", "voltage") if word not in ctf]
    if unknown or missing:
        wrong = f"{unknown[0]} is not known" if unknown else f"{missing[0]} is missing"
        raise BadData(f"ctf: {wrong}; its words are {', '.join(LENS)}")
    for word, value in ctf.items():
        if value is None or not np.isfinite(value):
            raise BadData(f"ctf: {word} is {value}; it must be a number")
    return dict(ctf)


def _seen(pictures: NDArray, steps: tuple[float, float], lens: Mapping[str, float]) -> NDArray:
    """Pictures (n, y, x) through a lens, particles bright as before.  steps: Å per pixel, x and y."""
    shape = pictures.shape[-2:]
    sy = scipy.fft.fftfreq(shape[0], steps[1])[:, None]
    sx = scipy.fft.rfftfreq(shape[1], steps[0])[None, :]
    waves = -lenses.transfer(np.hypot(sy, sx), np.arctan2(sy, sx), **lens)
    return fourier.inverse(fourier.transform(pictures) * waves.astype(np.float32), shape)
