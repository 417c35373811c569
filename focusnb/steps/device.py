"""Where frames are computed with: this computer's memory, or a graphics card's by way of PyTorch."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from focusnb.errors import BadValue, MissingProgram
from focusnb.kernels import arrays, motion
from focusnb.model.kept import Small
from focusnb.model.movie import Movie


class View:
    """The frames of a movie on a device; on a graphics card all of them stay there."""

    def __init__(self, movie: Movie, device: str) -> None:
        self.movie = movie
        self._torch = None if device == "cpu" else torch_for(device)
        self._device = device
        self._frames: list[Any] | None = None
        self._gain: Any = None

    def frames(self, *, last: bool = False) -> Iterable[Any]:
        """Give the used frames as recorded, bad pixels replaced; the last time they may be let go."""
        if self._torch is None:
            return self.movie.last_frames() if last else self.movie.frames()
        if self._frames is None:
            self._frames = [self._sent(frame) for frame in self.movie.last_frames()]
        return self._frames

    def gain(self) -> Any:
        """Give what makes electrons of the frames, or None."""
        if self._torch is None or self.movie.factors() is None:
            return self.movie.factors()
        if self._gain is None:
            self._gain = self._sent(self.movie.factors())
        return self._gain

    def small(self) -> Small:
        """Give the frames in electrons, binned for comparison; again and again."""
        small = self.movie.small()
        if self._torch is None:
            return small
        side = motion.sampling(self.movie.pixel_size, self.movie.shape[1:])
        frames = [motion.binned(frame, side, self.gain()) for frame in self.frames()]
        return replace(small, each=lambda: iter(frames))

    def _sent(self, array: np.ndarray) -> Any:
        if array.dtype == np.uint16:  # PyTorch has few functions for these
            array = array.astype(np.int32)
        return self._torch.as_tensor(array, device=self._device)


@contextmanager
def enough_memory() -> Iterator[None]:
    """Raise BadValue in place of PyTorch's own error when a graphics card has too little memory.

    That error is known by its name: where no card is used, PyTorch need not be there.
    """
    try:
        yield
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":
            raise
        raise BadValue(
            "motion_device = cuda: the graphics card has not enough free memory for this movie;"
            " set motion_device to cpu, or end what else uses the card"
        ) from error


def to_numpy(array: Any) -> np.ndarray:
    """Bring a picture into this computer's memory."""
    return arrays.to_numpy(array)


def torch_for(device: str) -> Any:
    """PyTorch, when it can compute on the device.

    Raises MissingProgram, with what to install or set.
    """
    try:
        import torch
    except ImportError:
        raise MissingProgram(
            f"motion_device = {device} needs PyTorch: pip install 'focusnb[gpu]',"
            " or set motion_device to cpu"
        ) from None
    if device == "cuda" and not torch.cuda.is_available():
        raise MissingProgram(
            "motion_device = cuda, but PyTorch finds no graphics card; set motion_device to cpu"
        )
    return torch
