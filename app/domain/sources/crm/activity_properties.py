"""Names of the properties of calls, meetings and e-mails in a change, the same for every CRM.

A connector translates the properties of its CRM to these names.
"""

from collections.abc import Mapping
from typing import Final

from app.domain.sources.crm.changes import Scalar

# No CRM has a property with a colon in its name, so these names cannot collide with one.
OCCURRED_AT: Final = "activity:occurred_at"
STARTS_AT: Final = "activity:starts_at"
STATUS: Final = "activity:status"
DIRECTION: Final = "activity:direction"

# Changes stored by earlier versions carry HubSpot's names, for other CRMs too. The API reports
# these names as well. Every type of activity needs an entry.
STORED_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "call": {"hs_timestamp": OCCURRED_AT, "hs_call_status": STATUS},
    "meeting": {
        "hs_meeting_start_time": STARTS_AT,
        "hs_timestamp": OCCURRED_AT,
        "hs_meeting_outcome": STATUS,
    },
    "email": {
        "hs_timestamp": OCCURRED_AT,
        "hs_email_status": STATUS,
        "hs_email_direction": DIRECTION,
    },
}
REPORTED_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    record_type: {name: stored_name for stored_name, name in names.items()}
    for record_type, names in STORED_NAMES.items()
}


def with_current_names(entity: str, fields: Mapping[str, Scalar]) -> Mapping[str, Scalar]:
    """Return the fields of a stored change under the names of today."""
    names = STORED_NAMES.get(entity.partition(":")[0])
    if names is None:
        return fields
    return {names.get(name, name): content for name, content in fields.items()}
