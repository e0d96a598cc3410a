"""The write requests to the demo organization, in order, for the examples of the OpenAPI document."""

from typing import Any, Final

EVENT: Final = {
    "id": "inv-2026-0042",
    "source": "billing",
    "type": "invoice.issued",
    "time": "2026-11-23T15:00:00Z",
    "team": "sales",
    "value": 48_000,
    "unit": "EUR",
    "subject": "customer/0042",
    "data": {"segment": "enterprise"},
}
CALL_EVENT: Final = {
    **EVENT,
    "id": "visit-17",
    "type": "meeting.held",
    "kind": "activity",
    "effort": 2,
    "value": None,
}
CLOUD_EVENT: Final = {
    "specversion": "1.0",
    "id": "7031",
    "source": "/billing",
    "type": "invoice.issued",
    "time": "2026-11-23T16:00:00Z",
    "data": {"team": "sales", "value": 12_500, "unit": "EUR"},
}
DEAL_RECORD: Final = {
    "id": "4711",
    "dealstage": "closedwon",
    "amount": "12000",
    "closedate": "2026-11-20T10:00:00Z",
}
DOCUMENT: Final = {
    "sightline": 1,
    "teams": [{"key": "partners", "name": "Partners", "function": "sales", "size": 4}],
    "metrics": [
        {
            "key": "partner-arr",
            "name": "ARR by partners",
            "events": ["invoice.issued"],
            "aggregation": "sum",
            "unit": "EUR",
        }
    ],
    "playbook": {
        "key": "partners-first",
        "title": "Sell with partners",
        "starts_on": "2027-01-01",
        "ends_on": "2027-03-31",
        "objectives": [
            {
                "key": "sell-with-partners",
                "title": "A fifth of new ARR comes by partners",
                "responsibilities": [{"team": "partners", "role": "accountable"}],
                "key_results": [
                    {
                        "key": "partner-arr-500k",
                        "title": "500K of ARR by partners",
                        "metric": "partner-arr",
                        "baseline": 0,
                        "target": 500_000,
                    }
                ],
            }
        ],
    },
}
HOOK_BODY: Final = {"events": [{**EVENT, "id": "inv-2026-0043", "source": "warehouse"}]}
POLICY: Final = {"focus_days": 28, "minimum_events": 12, "required_functions": 2}
NEXT_PLAYBOOK: Final = {
    "title": "Keep the enterprise",
    "narrative": "",
    "starts_on": "2027-01-01",
    "ends_on": "2027-03-31",
}
ACCEPTANCE: Final = {"accepted": True, "by": "Ada", "note": "With the two hires of January"}
OBJECTIVE: Final = {
    "playbook": "keep-the-enterprise",
    "title": "Renew the enterprise",
    "priority": 5,
}
KEY_RESULT: Final = {
    "objective": "renew",
    "title": "95% renewed",
    "metric": "renewal-rate",
    "baseline": 88,
    "target": 95,
}
METRIC: Final = {
    "name": "Renewed, in percent",
    "events": ["renewal.measured"],
    "aggregation": "last",
}
SOURCE: Final = {"name": "Warehouse", "connector": "standard_webhooks", "team": "operations"}
API_KEY: Final = {
    "name": "billing",
    "scopes": ["events:write"],
    "source": "billing",
    "expires_at": "2027-06-30T00:00:00Z",
}

# Path and body by operationId. `{uid}` is the recorded event, and `{delivery}` the
# newest delivery. `{hook}` is the hook of the warehouse, whose delivery is signed.
WRITE_REQUESTS: Final[dict[str, tuple[str, Any]]] = {  # Any: JSON values
    "patch_organization": ("/v1/organization", {"name": "Larkfield Software"}),
    "put_team": ("/v1/teams/partners", {"name": "Partners", "function": "sales", "size": 3}),
    "patch_team": ("/v1/teams/partners", {"size": 4}),
    "put_metric": ("/v1/metrics/renewal-rate", METRIC),
    "patch_metric": ("/v1/metrics/renewal-rate", {"canonical_source": "billing"}),
    "put_offering": (
        "/v1/offerings/renewal-desk",
        {"name": "Renewal Desk", "available_from": "2027-01-01"},
    ),
    "patch_offering": ("/v1/offerings/renewal-desk", {"team": "operations"}),
    "put_playbook": ("/v1/playbooks/keep-the-enterprise", NEXT_PLAYBOOK),
    "patch_playbook": (
        "/v1/playbooks/keep-the-enterprise",
        {"narrative": "Renewals before new customers."},
    ),
    "put_objective": ("/v1/objectives/renew", OBJECTIVE),
    "patch_objective": (
        "/v1/objectives/renew",
        {"description": "Nobody leaves for want of a call."},
    ),
    "put_key_result": ("/v1/key-results/renewals-95", KEY_RESULT),
    "patch_key_result": ("/v1/key-results/renewals-95", {"target": 96}),
    "put_responsibility": (
        "/v1/objectives/renew/responsibilities/partners",
        {"role": "accountable", "share": 60},
    ),
    "put_acceptance": ("/v1/objectives/renew/responsibilities/partners/acceptance", ACCEPTANCE),
    "put_contribution": (
        "/v1/playbooks/keep-the-enterprise/contributions/partners",
        {"by": "Ada", "note": "The part on renewals"},
    ),
    "publish_playbook": ("/v1/playbooks/keep-the-enterprise/publish", None),
    "put_signoff": (
        "/v1/playbooks/keep-the-enterprise/signoffs/partners",
        {"revision": 1, "by": "Ada"},
    ),
    "put_policy": ("/v1/policy", POLICY),
    "patch_policy": ("/v1/policy", {"weights": {"focus": 25}}),
    "put_source": ("/v1/sources/warehouse", SOURCE),
    "patch_source": ("/v1/sources/warehouse", {"team": "marketing"}),
    "take_delivery": ("/hooks/{hook}", HOOK_BODY),
    "replay_delivery": ("/v1/sources/warehouse/deliveries/{delivery}/replay", None),
    "replay_deliveries": ("/v1/sources/warehouse/replay", {"since": "2026-11-01T00:00:00Z"}),
    "rotate_secret": ("/v1/sources/warehouse/rotate", {}),
    "import_records": (
        "/v1/sources/hubspot/records",
        {"records": [DEAL_RECORD], "taken_at": "2026-11-24T00:00:00Z"},
    ),
    "preview_delivery": (
        "/v1/sources/hubspot/preview",
        {
            "body": [
                {
                    "subscriptionType": "deal.creation",
                    "objectId": 4712,
                    "portalId": 1,
                    "eventId": 1,
                    "occurredAt": 1795420800000,
                }
            ]
        },
    ),
    "record_event": ("/v1/events", EVENT),
    "record_event_batch": (
        "/v1/event-batches",
        {"events": [CALL_EVENT, EVENT, {**EVENT, "value": 1}]},
    ),
    "retract_event": ("/v1/events/{uid}/retraction", {"reason": "Invoiced twice"}),
    "record_cloud_events": ("/v1/cloudevents?source=billing", CLOUD_EVENT),
    "erase_subject": ("/v1/erasures", {"subject": "customer/0042"}),
    "ask_what_if": ("/v1/alignment/what-if", DOCUMENT),
    "apply_document": ("/v1/apply", DOCUMENT),
    "close_playbook": ("/v1/playbooks/keep-the-enterprise/close", None),
    "issue_api_key": ("/v1/api-keys", API_KEY),
}
