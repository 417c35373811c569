"""Thon rings of a picture's tiles, ready to be compared with planes of defocus.

CTF² = ½ − ½ cos 2φ, and of 2φ only the part 2πλs²·defocus differs among the tiles. So each tile's
power is multiplied by exp(2iφ) of the whole picture, astigmatism included, and summed over circles;
what is left is one complex number for each tile and radius, of which any defocus is a phase.
"""

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import NDArray

from focusnb.errors import BadData
from focusnb.kernels.ahead import ahead
from focusnb.kernels.lens import Lens, defocus_at, wavelength
from focusnb.kernels.spectrum import starts, taper

TILE = 600.0  # Å, side of a tile; at 45° the defocus changes by as much across it
SECTORS = 12  # of half a turn, for the background
SPOT = 6.0  # times the background; one point in 400 of noise is higher, spots of crystals are
STEP = 150.0  # Å of defocus, of the search
REACH = 1500.0  # Å, how far the mean defocus may be from the picture's fit
STEEPEST = 70.0  # degrees, of the search
SMEARED = 1.35  # by which the scatter on simulated pictures is larger than the errors' formula says
DOUBT = 3.0  # sd of noise, below which rings are not counted as seen


def side_of(shape: tuple[int, ...], pixel_size: float, defocus: float, lam: float) -> int:
    """Side of tiles, pixels: a ring at 8 Å has three points or more, if the picture allows."""
    wanted = max(TILE, 0.75 * lam * abs(defocus)) / pixel_size
    side = 2 * scipy.fft.next_fast_len(int(np.ceil(wanted / 2)), True)
    return int(min(side, 2 * (min(shape) // 4)))


def _repeats(edge: NDArray, places: list[int]) -> float:
    """By how much tiles in a row share their noise: variance of their sum over that if they did not.

    The powers of two tapered tiles correlate as the square of the tapers' overlap.
    """
    step = (places[-1] - places[0]) / max(len(places) - 1, 1)
    total, k = 1.0, 1
    while step > 0 and k * step < edge.size:
        shift = round(k * step)
        overlap = float(edge[shift:] @ edge[: edge.size - shift] / (edge @ edge))
        total += 2 * overlap**2 * (1 - k / len(places))
        k += 1
    return total


class Tiles:
    """The rings of each tile as complex numbers, ready to be compared with planes.

    A plane is a vector (mean, x, y): the mean defocus minus the picture's, and the change from
    the centre to `reach` along x and along y, all in Å.
    """

    def __init__(
        self,
        picture: NDArray,
        side: int,
        pixel_size: float,
        lens: Lens,
        whole: tuple[float, float, float, float],
        limits: tuple[float, float],
        workers: int,
    ) -> None:
        self.mean, astigmatism, angle, phase_shift = whole
        spacing = 1 / (side * pixel_size)
        first = int(np.ceil(1 / limits[0] / spacing))
        last = int(min(1 / limits[1] / spacing, side / 2 - 1))
        if last - first < 16:
            raise BadData(
                f"between {limits[0]} and {limits[1]} Å a tile's spectrum has {last - first} points "
                "only: the picture is too small"
            )
        ky = np.rint(scipy.fft.fftfreq(side, 1 / side))[:, None]
        kx = np.arange(side // 2 + 1)[None, :]
        radius = np.hypot(ky, kx)
        ring = np.rint(radius).astype(int)
        own = (kx > 0) | (ky > 0)  # the others are there twice
        self.points = np.flatnonzero((ring >= first) & (ring <= last) & own)
        azimuth = np.arctan2(ky, kx).ravel()[self.points]
        s = radius.ravel()[self.points] * spacing
        self.ring = ring.ravel()[self.points] - first
        self.count = np.bincount(self.ring).astype(float)
        square = np.bincount(self.ring, s**2) / self.count
        self.s = np.sqrt(square)
        self.turn = 2 * np.pi * wavelength(lens.voltage) * square  # of 2φ, per Å of defocus
        self.lens, self.phase_shift = lens, phase_shift
        self.window = max(5, round(np.sqrt(2) / limits[0] / spacing))  # as wide as CTFFIND4's box
        half = astigmatism / 2
        defocus = defocus_at(azimuth, self.mean + half, self.mean - half, angle)
        self.wave = np.exp(2j * lens.phase(s, defocus, phase_shift)).astype(np.complex64)
        sector = np.floor((azimuth / np.pi + 0.5) * SECTORS).astype(int) % SECTORS
        self.cell = sector * len(self.count) + self.ring
        self.rings, self.plain = self._read(picture, side, pixel_size, workers)
        self.weight = np.exp(-20 * square)
        self.away = np.concatenate([np.ones((1, len(self.places))), self.places.T / self.reach])
        self.table_norm = self._norms()

    def _read(
        self, picture: NDArray, side: int, pixel_size: float, workers: int
    ) -> tuple[NDArray, NDArray]:
        """Sums over the circles of all tiles, twice (tiles, radii); notes the tiles' places."""
        rows, columns = starts(picture.shape[0], side), starts(picture.shape[1], side)
        edge = taper(side)
        self.repeats = _repeats(edge, rows) * _repeats(edge, columns)
        both = np.outer(edge, edge).astype(np.float32)
        middle = (np.array(picture.shape) - side) / 2
        cells = np.bincount(self.cell, minlength=SECTORS * self.count.size)
        cells = self._smooth(cells.reshape(SECTORS, -1).astype(float))
        corners = [(y, x) for y in rows for x in columns]

        def read(start: tuple[int, int]) -> tuple[NDArray, NDArray]:
            tile = picture[start[0] : start[0] + side, start[1] : start[1] + side]
            f = scipy.fft.rfft2((tile - tile.mean()) * both).ravel()[self.points]
            return self._turned(f.real**2 + f.imag**2, cells)

        rings, plain = zip(*ahead(read, corners, workers), strict=True)
        places = (np.array(corners) - middle)[:, ::-1] * pixel_size
        self.places = places  # x, y in Å from the centre
        self.reach = float(max(np.hypot(*self.places.T).max(), 1.0))
        return np.array(rings), np.array(plain)

    def _smooth(self, values: NDArray) -> NDArray:
        return scipy.ndimage.uniform_filter1d(values, self.window, mode="nearest")

    def _turned(self, power: NDArray, cells: NDArray) -> tuple[NDArray, NDArray]:
        """Sums over each circle of (power / background − 1) · exp(2iφ), and without the phase.

        The background is the power's running mean along the radius. Points far above the geometric
        mean, which single spots of crystals or ice do not move, are cut before.
        """
        logs = np.log(np.maximum(power, 1e-30))
        flat = np.exp(logs - self.course(logs, cells) - np.euler_gamma)
        flat = np.minimum(flat, 2 * SPOT)
        flat = np.minimum(flat / self.course(flat, cells), SPOT) - 1
        wave = self.wave * flat
        turned = np.bincount(self.ring, wave.real) + 1j * np.bincount(self.ring, wave.imag)
        return turned, np.bincount(self.ring, flat)

    def course(self, values: NDArray, cells: NDArray) -> NDArray:
        """Running mean along the radius in each sector, at each point."""
        sums = np.bincount(self.cell, values, minlength=SECTORS * self.count.size)
        course = self._smooth(sums.reshape(SECTORS, -1)) / np.maximum(cells, 1e-9)
        return course.ravel()[self.cell]

    def _norms(self) -> tuple[NDArray, NDArray]:
        """Defocus minus the picture's, and the expected power of its rings after flattening."""
        farthest = REACH + self.reach * np.tan(np.deg2rad(STEEPEST)) + 2 * STEP
        away = np.arange(-np.ceil(farthest / STEP), np.ceil(farthest / STEP) + 1) * STEP
        rings = self._waves(away)
        flat = rings - self._smooth(rings)
        return away, (flat**2) @ (self.count * self.weight)

    def _waves(self, away: NDArray) -> NDArray:
        """cos 2φ for the picture's mean defocus plus `away`, without astigmatism: (away, radii)."""
        return np.cos(2 * self.lens.phase(self.s, self.mean + away[:, None], self.phase_shift))

    def search(self) -> tuple[NDArray, float]:
        """Best plane on a grid, and its score in sd of noise."""
        away, norm = self.table_norm
        angle = np.outer(away, self.turn)
        weighted = self.rings * self.weight
        table = weighted.imag @ np.sin(angle).T - weighted.real @ np.cos(angle).T
        table += (self.plain * self.weight) @ self._smooth(self._waves(away)).T
        number = int(np.tan(np.deg2rad(STEEPEST)) * self.reach / STEP)
        x, y = np.meshgrid(np.arange(-number, number + 1), np.arange(-number, number + 1))
        inside = np.hypot(x, y) <= number
        planes = np.stack([x[inside], y[inside]], axis=1).astype(np.float32)
        offsets = np.rint(planes @ self.away[1:].astype(np.float32)).astype(np.intp)
        means = np.arange(-int(REACH / STEP), int(REACH / STEP) + 1)
        first = len(away) // 2 + means
        best, profile = (-np.inf, 0, 0), np.zeros(len(planes))
        for part in np.array_split(np.arange(len(planes)), max(1, len(planes) // 2000)):
            total = np.zeros((len(part), len(means)))
            power = np.zeros_like(total)
            for k, row in enumerate(table):
                where = offsets[part, k][:, None] + first
                total += row[where]
                power += norm[where]
            total /= np.sqrt(power / (len(table) * norm.max()))
            profile[part] = total.max(1)
            i, j = divmod(int(np.argmax(total)), len(means))
            if total[i, j] > best[0]:
                best = (float(total[i, j]), int(part[i]), j)
        found = np.array([means[best[2]], *planes[best[1]]]) * STEP
        self.tried = planes * STEP, profile / np.sqrt(self._noise())
        return found, self.score(found)

    def _away(self, plane: NDArray) -> NDArray:
        """Defocus of each tile minus that of the picture, Å."""
        return plane @ self.away

    def _agreement(self, plane: NDArray) -> NDArray:
        """Agreement of the rings with the plane at each radius: (radii,).

        What is expected is flattened as the tiles were: minus its running mean.
        """
        away = self._away(plane)
        angle = away[:, None] * self.turn
        rings = self.rings.imag * np.sin(angle) - self.rings.real * np.cos(angle)
        return (rings + self.plain * self._smooth(self._waves(away))).sum(0)

    def score(self, plane: NDArray) -> float:
        """Agreement of all tiles with the plane, in sd of what noise alone gives."""
        return float(self._agreement(plane) @ self.weight / np.sqrt(self._noise()))

    def _noise(self) -> float:
        """Variance of the agreement of all tiles with any plane, when there is noise alone."""
        return float(0.5 * len(self.rings) * self.repeats * (self.count @ self.weight**2))

    def weigh(self, plane: NDArray) -> None:
        """Weigh each radius by how well its rings are seen on this plane, beyond doubt.

        What noise would give is taken off (James & Stein 1961); else the finest rings, to which the
        defocus matters most, are weighed by chance.
        """
        width = 2 * self.window
        smooth = scipy.ndimage.uniform_filter1d
        power = 0.5 * len(self.rings) * smooth(self.count, width)  # of cos 2φ
        height = smooth(self._agreement(plane), width) / power
        luck = DOUBT**2 * self.repeats / (power * width)
        height = np.maximum(height - luck / np.maximum(height, 1e-30), 0)
        if (height > 0).any():
            self.weight = height / height.max()
            self.table_norm = self._norms()

    def climb(self, start: NDArray, *, tilted: bool = True) -> NDArray:
        """The best plane near `start`."""
        from scipy.optimize import minimize

        away, norm = self.table_norm

        def plane(x: NDArray) -> NDArray:
            return x if tilted else np.array([x[0], 0.0, 0.0])

        def cost(x: NDArray) -> float:
            power = np.interp(self._away(plane(x)), away, norm).sum()
            return -float(self._agreement(plane(x)) @ self.weight / np.sqrt(max(power, 1e-30)))

        x = start if tilted else start[:1]
        simplex = np.array([x, *(x + STEP * row for row in np.eye(len(x)))])
        options = {"initial_simplex": simplex, "xatol": 0.5, "fatol": 1e-9, "maxfev": 400}
        return plane(minimize(cost, x, method="Nelder-Mead", options=options).x)

    def errors(self, plane: NDArray) -> tuple[NDArray, float]:
        """Covariance (3, 3) of a plane that was found, and how much more the tiles vary than noise.

        The estimate is where the gradients g of the tiles' agreement add up to zero, so its
        covariance is H⁻¹ (Σ g gᵀ) H⁻¹ (White 1982, Econometrica 50:1). The gradients vary with the
        noise, whose amount is known, and beyond it where the specimen is uneven.
        """
        angle = self._away(plane)[:, None] * self.turn
        turn = self.weight * self.turn
        slope = (self.rings.imag * np.cos(angle) + self.rings.real * np.sin(angle)) @ turn
        shape = self.away @ self.away.T
        noise = 0.5 * (self.count @ turn**2) * shape
        free = max(1 - 3 * self.repeats / len(slope), 0.25)
        gradients = slope * self.away
        excess = float(np.trace(np.linalg.solve(noise, gradients @ gradients.T))) / 3 / free
        excess = max(excess, 1.0)
        bend = float(self._agreement(plane) @ (turn * self.turn)) / len(slope)
        if bend <= 0:
            return np.full((3, 3), np.inf), excess
        inverse = np.linalg.inv(bend * shape)
        covariance = SMEARED**2 * inverse @ (excess * self.repeats * noise) @ inverse
        covariance[1:, 1:] += self._elsewhere(plane, excess)
        return covariance, excess

    def _elsewhere(self, plane: NDArray, excess: float) -> NDArray:
        """Spread (2, 2) that the planes far from the found one add, each as likely as it scores.

        The likelihood is exp(½ score²); beforehand, all directions of a plane are alike.
        """
        planes, scores = self.tried
        likely = 0.5 * (scores**2 - scores.max() ** 2) / excess
        steep = (planes**2).sum(1) / self.reach**2
        weight = np.exp(likely) / (1 + steep) ** 1.5
        apart = planes - plane[1:]
        far = (apart**2).sum(1) > (1.5 * STEP) ** 2
        return (apart * (weight * far)[:, None]).T @ apart / weight.sum()
