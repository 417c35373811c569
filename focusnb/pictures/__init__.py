"""Arrays and tables become small PNG pictures."""

from focusnb.pictures.average import thumbnail
from focusnb.pictures.curves import ctf_curve
from focusnb.pictures.spectra import spectrum, thon
from focusnb.pictures.trajectory import drift

__all__ = ["ctf_curve", "drift", "spectrum", "thon", "thumbnail"]
