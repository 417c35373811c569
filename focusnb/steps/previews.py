"""The step that draws previews: small pictures of what the other steps made, for pages and tables."""

from focusnb.model.job import Job
from focusnb.model.step import step
from focusnb.pictures.previews import PREVIEWS, Source


@step(category="Publish", results=list(PREVIEWS), version="5")
def previews(
    job: Job,
    average,
    average_pixel_size,
    voltage,
    spherical_aberration,
    amplitude_contrast,
    particle_diameter,
    unaligned=None,
    shifts=None,
    motion_star=None,
    total_dose=None,
    frame_count=None,
    ctf_spectrum=None,
    ctf_star=None,
    picks=None,
    background_free=None,
    pick_mask=None,
):
    """Draw small pictures: before and after alignment, spectra, drift, Thon rings, picks.

    Whatever is there is drawn; what no step has made is left out. Picks are circles of
    particle_diameter on the average without its background; areas in which nothing was picked are
    red.
    """
    source = Source(job.values.get, job.read)
    wanted = {word: preview for word, preview in PREVIEWS.items() if preview.can(source)}
    made = {}
    for count, (word, preview) in enumerate(wanted.items()):
        job.report(count / len(wanted), "drawing previews")
        preview.draw(source, job.path(word))
        made[word] = job.keep(word)
    return made
