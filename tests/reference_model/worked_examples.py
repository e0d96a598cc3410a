"""Three small organizations whose alignment was computed by hand: each module has the world and the arithmetic."""

from collections.abc import Callable, Mapping

from tests.reference_model import harbor_example as harbor_figures
from tests.reference_model import mission_example as mission_figures
from tests.reference_model import promise_example as promise_figures
from tests.reference_model.expectations import ExpectedAlignment
from tests.reference_model.world import World


def get_harbor_example() -> tuple[World, ExpectedAlignment]:
    """Healthy, a little behind pace."""
    return harbor_figures.WORLD, harbor_figures.EXPECTED


def get_mission_example() -> tuple[World, ExpectedAlignment]:
    """Sales on a mission of its own; an unmeasured and a stale objective."""
    return mission_figures.WORLD, mission_figures.EXPECTED


def get_promise_example() -> tuple[World, ExpectedAlignment]:
    """Undeliverable sales, sources that disagree, too little covered for a score."""
    return promise_figures.WORLD, promise_figures.EXPECTED


WORKED_EXAMPLES: Mapping[str, Callable[[], tuple[World, ExpectedAlignment]]] = {
    "harbor": get_harbor_example,
    "mission": get_mission_example,
    "promise": get_promise_example,
}
