"""Three small organizations whose alignment was computed by hand: each module has the world and the arithmetic."""

from collections.abc import Callable, Mapping

from tests.reference_model import harbor as harbor_figures
from tests.reference_model import mission as mission_figures
from tests.reference_model import promise as promise_figures
from tests.reference_model.pencil import Expected
from tests.reference_model.world import World


def harbor() -> tuple[World, Expected]:
    """Healthy, a little behind pace."""
    return harbor_figures.WORLD, harbor_figures.EXPECTED


def mission() -> tuple[World, Expected]:
    """Sales on a mission of its own; an unmeasured and a stale objective."""
    return mission_figures.WORLD, mission_figures.EXPECTED


def promise() -> tuple[World, Expected]:
    """Undeliverable sales, sources that disagree, too little covered for a score."""
    return promise_figures.WORLD, promise_figures.EXPECTED


WORKED: Mapping[str, Callable[[], tuple[World, Expected]]] = {
    "harbor": harbor,
    "mission": mission,
    "promise": promise,
}
