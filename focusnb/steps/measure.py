"""Measure: electrons, dose, ice and statistics of the average."""

from focusnb.kernels import ice, statistics
from focusnb.model.job import Job
from focusnb.model.step import step


@step(
    category="Measure",
    results="mean_count dose_ratio iciness iciness_amplitude ice_ring image_sd stripes",
)
def measure(
    job: Job, average, average_pixel_size, frame_count=None, pixel_size=None, total_dose=None
):
    """Measure electrons, dose, iciness and statistics.

    All of it comes from the average without dose weighting. Iciness is not available when the
    Nyquist limit is coarser than 3.5 Å. An average that came in without its movie counts as one frame.
    """
    picture = job.read("average")
    frame_count, pixel_size = frame_count or 1, pixel_size or average_pixel_size
    known = statistics.describe(picture)
    count = known.mean / frame_count
    ratio = statistics.dose_ratio(
        count,
        pixel_size=pixel_size,
        dose_per_frame=total_dose / frame_count if total_dose else None,
    )
    notes = statistics.dose_warnings(ratio)
    for note in notes:
        job.log(note)
    job.report(0.3, "measuring ice")
    found = ice.measure(picture, pixel_size=average_pixel_size, workers=job.threads)
    return {
        "mean_count": count,
        "dose_ratio": ratio,
        "iciness": found.iciness,
        "iciness_amplitude": found.iciness_amplitude,
        "ice_ring": found.ice_ring,
        "image_sd": known.sd / known.mean if known.mean else None,
        "stripes": known.stripes,
        "notes": notes,
    }
