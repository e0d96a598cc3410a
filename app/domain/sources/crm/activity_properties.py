"""Names of the properties of calls, meetings and e-mails in a change, the same for every CRM.

A connector translates the properties of its CRM to these names.
"""

from collections.abc import Mapping
from typing import Final

OCCURRED_AT: Final = "activity_occurred_at"
STARTS_AT: Final = "activity_starts_at"
STATUS: Final = "activity_status"
DIRECTION: Final = "activity_direction"

# Changes stored by earlier versions carry HubSpot's names, for other CRMs too. A timeline reads
# both names. Also the names reported by the API; every type of activity needs an entry.
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
