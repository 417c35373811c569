"""CTF: the defocus of the average, from its Thon rings."""

from focusnb.formats import ctf_star
from focusnb.kernels import ctf as kernel
from focusnb.model.job import Job
from focusnb.model.step import step


@step(
    category="Measure",
    results="defocus defocus_u defocus_v defocus_angle phase_shift astigmatism"
    " ctf_resolution ctf_score ctf_star ctf_spectrum",
)
def ctf(
    job: Job,
    average,
    average_pixel_size,
    voltage,
    spherical_aberration,
    amplitude_contrast,
    ctf_box=512,
    ctf_low=30.0,
    ctf_high=4.0,
    defocus_low=2000.0,
    defocus_high=100000.0,
):
    """Fit the CTF to the Thon rings of the average.

    Defocus and astigmatism are searched without any guess; the score tells how well the rings are
    met, the resolution up to where.
    """
    picture = job.read("average")
    job.report(0.1, "fitting the CTF")
    high = max(ctf_high, 2.0 * average_pixel_size * 1.02)
    fit = kernel.fit(
        picture,
        pixel_size=average_pixel_size,
        voltage=voltage,
        spherical_aberration=spherical_aberration,
        amplitude_contrast=amplitude_contrast,
        box=min(ctf_box, min(picture.shape) // 2 * 2),
        low=ctf_low,
        high=high,
        defocus_low=defocus_low,
        defocus_high=defocus_high,
        workers=job.threads,
    )
    words = {
        "defocus_u": fit.defocus_u,
        "defocus_v": fit.defocus_v,
        "defocus_angle": fit.defocus_angle,
        "phase_shift": fit.phase_shift,
        "astigmatism": fit.astigmatism,
        "ctf_score": fit.score,
        "ctf_resolution": fit.resolution,
    }
    ctf_star.write(
        job.path("ctf_star"),
        {
            **words,
            "name": "average.mrc",
            "voltage": voltage,
            "spherical_aberration": spherical_aberration,
            "amplitude_contrast": amplitude_contrast,
            "average_pixel_size": average_pixel_size,
            "frequencies": fit.frequencies,
            "profile": fit.profile,
            "model": fit.model,
            "quality": fit.quality,
        },
    )
    spectrum = job.write(
        "ctf_spectrum",
        fit.spectrum.values,
        # so that the Nyquist limit of this file is the spectrum's edge
        pixel_size=0.5 / fit.spectrum.limit,
        label="ctf: averaged spectrum, background taken off",
    )
    return {
        **words,
        "defocus": (fit.defocus_u + fit.defocus_v) / 2,
        "ctf_star": job.keep("ctf_star"),
        "ctf_spectrum": spectrum,
    }
