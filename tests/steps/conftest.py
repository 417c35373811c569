import makers
import pytest
from contracts.steps import perform


@pytest.fixture(scope="session")
def recorded_movie(tmp_path_factory):
    """A simulated movie in a folder with its gain and its defects."""
    return makers.recorded(tmp_path_factory.mktemp("camera"))


@pytest.fixture(scope="session")
def done(tmp_path_factory, recorded_movie):
    """A function: steps -> outcome and home of running them on the movie, once for all tests."""
    known = {}

    def get(steps):
        key = tuple(steps)
        if key not in known:
            home = tmp_path_factory.mktemp("home")
            known[key] = (perform(home, recorded_movie, steps), home)
        return known[key]

    return get
