import makers
import pytest

from focusnb.batch.dispatcher import Dispatcher
from focusnb.batch.workers import Inline


@pytest.fixture(scope="session")
def camera(tmp_path_factory):
    """A folder with one simulated movie, its gain and its defects; nobody changes it."""
    folder = tmp_path_factory.mktemp("camera")
    makers.recorded(folder)
    return folder


@pytest.fixture
def inline():
    """A function: project -> its queue is run here and now."""
    return lambda project: Dispatcher(project, Inline).run()
