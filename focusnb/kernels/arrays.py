"""Arrays of NumPy, PyTorch, or any module that follows the array API standard.

Kernels that say so take arrays of any such module and give back the same kind, on the same device.
NumPy's go to scipy.fft, which has threads, and to compiled loops; for the others the standard's own
functions do the same work (https://data-apis.org/array-api/2023.12/).
"""

from typing import Any

import array_api_compat
import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import NDArray

from focusnb.errors import BadData

COMPILED = ("uint8", "int8", "int16", "uint16", "float32")  # what compiled loops take
Array = Any  # an array of any module; what is NumPy's for sure is called NDArray


def module(array: Array) -> Any:
    """The array module of an array (lists and numbers count as NumPy's)."""
    if is_numpy(array):
        return array_api_compat.array_namespace(np.empty(0))
    return array_api_compat.array_namespace(array)


def is_numpy(array: Array) -> bool:
    """Whether compiled loops and scipy may work on it."""
    return isinstance(array, np.ndarray | np.generic | list | tuple | int | float)


def device(array: Array) -> Any:
    """Where the array lies; None for NumPy's."""
    return None if is_numpy(array) else array_api_compat.device(array)


def like(values: Any, array: Array, dtype: str = "float32") -> Array:
    """Values as an array of the same module and device as `array`."""
    if is_numpy(array):
        return np.asarray(values, dtype)
    xp = module(array)
    return xp.asarray(np.ascontiguousarray(values, dtype), device=device(array))


def as_float(array: Array) -> Array:
    """The array in float32; not copied when it is that already."""
    if is_numpy(array):
        return np.asarray(array, np.float32)
    xp = module(array)
    return xp.astype(array, xp.float32, copy=False)


def for_loops(array: Any, what: str = "the picture") -> NDArray[Any]:
    """An array of NumPy in a type that compiled loops take: others become float32.

    Raises BadData for complex numbers.
    """
    array = np.asarray(array)
    if array.dtype.kind == "c":
        raise BadData(f"{what} holds complex numbers: a transform, not a picture")
    plain = array.dtype.name in COMPILED and array.dtype.isnative
    return np.ascontiguousarray(array if plain else array.astype(np.float32))


def is_real(array: Array) -> bool:
    """Whether it holds real numbers, whole ones and bytes among them."""
    if is_numpy(array):
        return np.asarray(array).dtype.kind in "biuf"
    xp = module(array)
    return bool(xp.isdtype(array.dtype, ("bool", "integral", "real floating")))


def nbytes(array: Array) -> int:
    """Bytes of an array; about, where the module does not tell."""
    return int(array.nbytes) if hasattr(array, "nbytes") else 4 * int(np.prod(array.shape))


def to_numpy(array: Array) -> NDArray[Any]:
    """The array in this computer's memory."""
    if is_numpy(array):
        return np.asarray(array)
    if array_api_compat.is_torch_array(array):
        return array.detach().cpu().numpy()
    try:
        return np.from_dlpack(array)
    except (AttributeError, BufferError, RuntimeError, TypeError):
        return np.asarray(array)


def rfft2(pictures: Array, *, workers: int = 1) -> Array:
    """Half spectra of float32 pictures (..., y, x): (..., y, x // 2 + 1), complex64."""
    if is_numpy(pictures):
        return scipy.fft.rfft2(pictures, workers=workers)
    return module(pictures).fft.rfftn(pictures, axes=(-2, -1))


def irfft2(spectra: Array, shape: tuple[int, int], *, workers: int = 1) -> Array:
    """Pictures of shape (y, x) from half spectra."""
    if is_numpy(spectra):
        return scipy.fft.irfft2(spectra, s=shape, workers=workers)
    return module(spectra).fft.irfftn(spectra, s=shape, axes=(-2, -1))


def rfft(rows: Array, *, workers: int = 1) -> Array:
    """Half spectra along the last axis."""
    if is_numpy(rows):
        return scipy.fft.rfft(rows, axis=-1, workers=workers)
    return module(rows).fft.rfft(rows, axis=-1)


def fft(columns: Array, *, workers: int = 1) -> Array:
    """Spectra along the last axis but one."""
    if is_numpy(columns):
        return scipy.fft.fft(columns, axis=-2, workers=workers, overwrite_x=True)
    return module(columns).fft.fft(columns, axis=-2)
