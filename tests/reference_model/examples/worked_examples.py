"""Three small organizations with an alignment that was computed by hand.

Each module has the world and the arithmetic.
"""

from collections.abc import Mapping

from tests.reference_model.examples import harbor_example, mission_example, promise_example
from tests.reference_model.expectations import ExpectedAlignment
from tests.reference_model.world import World

WORKED_EXAMPLES: Mapping[str, tuple[World, ExpectedAlignment]] = {
    # Healthy, slightly behind pace.
    "harbor": (harbor_example.WORLD, harbor_example.EXPECTED),
    # Sales works on other objectives. One objective is unmeasured, one has no recent event.
    "mission": (mission_example.WORLD, mission_example.EXPECTED),
    # Sold offerings cannot be delivered, sources disagree, and coverage is too low for a score.
    "promise": (promise_example.WORLD, promise_example.EXPECTED),
}
