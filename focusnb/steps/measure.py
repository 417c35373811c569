"""Measure: electrons, dose, ice and statistics of the average."""

from dataclasses import asdict

from focusnb.kernels import ice, statistics
from focusnb.model.job import Job
from focusnb.model.step import step


@step(
    category="Measure",
    results="mean_count dose_ratio iciness iciness_amplitude ice_ring ice_ring_fine fibril_band"
    " ice_thickness carbon_fraction dark_fraction image_sd stripes",
    version="2",
)
def measure(
    job: Job,
    average,
    average_pixel_size,
    free_path,
    frame_count=None,
    pixel_size=None,
    total_dose=None,
    empty_hole_count=None,
):
    """Measure electrons, dose, ice and statistics.

    All of it comes from the average without dose weighting. Measures of ice are not available when
    the Nyquist limit is coarser than their bands, its thickness when empty_hole_count is not known
    (the thickness is that in the hole: carbon is left out). An average that came in without its
    movie counts as one frame.
    """
    picture = job.read("average")
    frame_count, pixel_size = frame_count or 1, pixel_size or average_pixel_size
    known = statistics.describe(picture)
    count, hole = known.mean / frame_count, known.hole / frame_count
    ratio = statistics.dose_ratio(
        count,
        pixel_size=pixel_size,
        dose_per_frame=total_dose / frame_count if total_dose else None,
    )
    notes = statistics.dose_warnings(ratio)
    notes += statistics.thickness_warnings(hole, empty=empty_hole_count)
    for note in notes:
        job.log(note)
    job.report(0.3, "measuring ice")
    found = ice.measure(picture, pixel_size=average_pixel_size, workers=job.threads)
    return {
        "mean_count": count,
        "dose_ratio": ratio,
        **asdict(found),
        "ice_thickness": statistics.ice_thickness(
            hole, empty=empty_hole_count, free_path=free_path
        ),
        "carbon_fraction": known.carbon,
        "dark_fraction": known.dark,
        "image_sd": known.sd / known.mean if known.mean else None,
        "stripes": known.stripes,
        "notes": notes,
    }
