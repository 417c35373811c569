"""Pick: particles found in the average."""

from focusnb.formats import coordinates
from focusnb.kernels import picking
from focusnb.model.job import Job
from focusnb.model.step import step


@step(category="Pick", results="picks particles")
def pick(
    job: Job,
    average,
    average_pixel_size,
    particle_diameter,
    pick_threshold=None,
    pick_distance=None,
    pick_bright=False,
):
    """Pick particles as blobs of one diameter.

    Dark blobs (bright ones on request) that stand out from their surroundings; the threshold is
    found from the scores when none is given.
    """
    picture = job.read("average")
    job.report(0.1, "picking particles")
    found = picking.blobs(
        picture,
        pixel_size=average_pixel_size,
        diameter=particle_diameter,
        threshold=pick_threshold,
        distance=pick_distance,
        bright=pick_bright,
        workers=job.threads,
    )
    job.log(f"{len(found.x)} particles, threshold {found.threshold:.3f}")
    coordinates.write(job.path("picks"), found.x, found.y, found.score)
    return {"picks": job.keep("picks"), "particles": len(found.x)}
