"""Larkfield, a fictional company: its teams, its metrics and its playbook."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

ORGANIZATION: Final = "larkfield"
COMPANY_NAME: Final = "Larkfield Systems"
PLAYBOOK: Final = "enterprise-quarter"
WEEKS: Final = 13
LEAD_TIME: Final = timedelta(days=14)
PORTAL_ID: Final = 48151623

TEAMS: Final = (
    {"key": "sales", "name": "Sales", "function": "sales", "size": 12},
    {"key": "marketing", "name": "Marketing", "function": "marketing", "size": 6},
    {"key": "operations", "name": "Operations", "function": "operations", "size": 9},
    {"key": "executives", "name": "Executives", "function": "executive", "size": 3},
)
ENTERPRISE_CONDITION: Final = [{"property": "data.segment", "op": "eq", "value": "enterprise"}]
METRICS: Final = (
    {
        "key": "enterprise-arr",
        "name": "New enterprise ARR",
        "unit": "EUR",
        "events": ["deal.won", "invoice.issued"],
        "activities": ["deal.created", "deal.moved", "call.held", "meeting.held"],
        "where": ENTERPRISE_CONDITION,
        "aggregation": "sum",
        "canonical_source": "hubspot",
    },
    {
        "key": "enterprise-leads",
        "name": "Qualified enterprise leads",
        "events": ["lead.qualified"],
        "activities": ["campaign.sent", "webinar.held"],
        "where": ENTERPRISE_CONDITION,
        "aggregation": "count",
    },
    {
        "key": "onboardings",
        "name": "Onboarding projects delivered",
        "events": ["project.delivered"],
        "activities": ["project.step"],
        "aggregation": "count",
    },
    {
        "key": "onboarding-days",
        "name": "Days an onboarding takes",
        "events": ["project.delivered"],
        "value": "data.days",
        "aggregation": "mean",
    },
    {
        "key": "churn-rate",
        "name": "Customers lost in twelve months, in percent",
        "events": ["churn.measured"],
        "aggregation": "last",
        "canonical_source": "billing",
    },
    {
        "key": "partner-contracts",
        "name": "Partner contracts signed",
        "events": ["partner.signed"],
        "activities": ["partner.met"],
        "aggregation": "count",
    },
)
# The mapping of HubSpot's properties. Stages, pipeline, amount and currency have default names.
MAPPING: Final = {
    "team": {"property": "pipeline", "map": {"default": "sales"}},
    "unit": {"property": "deal_currency_code", "default": "EUR"},
    "offerings": {
        "property": "product",
        "map": {
            "PLUS": "onboarding-plus",
            "ADVISE": "advisory",
            "SETUP": "legacy-setup",
            "TAILOR": "tailored-rollout",
        },
    },
    "data": {
        "segment": {"property": "customer_segment"},
        "seats": {"property": "seats", "parse": "decimal"},
    },
}


@dataclass(frozen=True, slots=True)
class Quarter:
    """The thirteen weeks of the demo."""

    # A Monday.
    starts_on: date
    # The seed of all random numbers.
    seed: str = "lark2"

    @property
    def ends_on(self) -> date:
        """The last day of the playbook's period."""
        return self.day(WEEKS * 7 - 1)

    def day(self, offset: int) -> date:
        """Return the day with that offset from the first day."""
        return self.starts_on + timedelta(days=offset)

    def instant_at(self, offset: int, hour: int, minute: int = 0) -> datetime:
        """Return an instant on the day with that offset."""
        return datetime.combine(self.day(offset), time(hour, minute), UTC)


def quarter_around(today: date) -> Quarter:
    """Return the quarter that started about eight weeks ago and ends in about five weeks."""
    eight_weeks_ago = today - timedelta(weeks=8)
    return Quarter(eight_weeks_ago - timedelta(days=eight_weeks_ago.weekday()))


def playbook_document(quarter: Quarter) -> dict[str, Any]:  # Any: JSON values
    """Return the playbook as code, as it is first applied."""
    return {
        "sightline": 1,
        "sources": [
            {"key": "billing", "name": "Billing"},
            {"key": "campaigns", "name": "Campaign tool"},
            {"key": "projects", "name": "Project tool"},
        ],
        "teams": list(TEAMS),
        "metrics": list(METRICS),
        "offerings": _offerings(quarter),
        "playbook": {
            "key": PLAYBOOK,
            "title": "Win the enterprise, and deliver it",
            "narrative": "Fewer and larger customers, sold what we can deliver, "
            "onboarded within a month.",
            "starts_on": quarter.starts_on.isoformat(),
            "ends_on": quarter.ends_on.isoformat(),
            "objectives": [
                _win_objective(),
                _pipeline_objective(),
                _delivery_objective(),
                _retention_objective(),
                _partner_objective(),
            ],
        },
    }


def _offerings(quarter: Quarter) -> list[dict[str, Any]]:
    """Return three offerings: available, not available yet, retired. Sales sells all of them."""
    long_ago = quarter.day(-400).isoformat()
    return [
        {
            "key": "onboarding-plus",
            "name": "Onboarding Plus",
            "available_from": long_ago,
            "team": "operations",
        },
        {
            "key": "advisory",
            "name": "Advisory",
            "available_from": quarter.day(WEEKS * 7 + 14).isoformat(),
            "team": "operations",
        },
        {
            "key": "legacy-setup",
            "name": "Setup by hand",
            "available_from": long_ago,
            "retired_on": quarter.day(-30).isoformat(),
            "team": "operations",
        },
    ]


def _win_objective() -> dict[str, Any]:
    return {
        "key": "win-enterprise",
        "title": "Win in the enterprise segment",
        "priority": 5,
        "responsibilities": [
            {"team": "sales", "role": "accountable", "share": 70},
            {"team": "marketing", "role": "responsible", "share": 30},
            {"team": "operations", "role": "consulted"},
        ],
        "key_results": [
            _key_result("arr-3m", "3M of new enterprise ARR", "enterprise-arr", 0, 3_000_000)
        ],
    }


def _pipeline_objective() -> dict[str, Any]:
    return {
        "key": "fill-the-pipeline",
        "title": "Fill the enterprise pipeline",
        "priority": 3,
        "responsibilities": [
            {"team": "marketing", "role": "accountable", "share": 60},
            {"team": "sales", "role": "responsible", "share": 40},
        ],
        "key_results": [
            _key_result("leads-80", "80 qualified enterprise leads", "enterprise-leads", 0, 80)
        ],
    }


def _delivery_objective() -> dict[str, Any]:
    return {
        "key": "deliver-in-a-month",
        "title": "Deliver every onboarding within a month",
        "priority": 4,
        "responsibilities": [
            {"team": "operations", "role": "accountable", "share": 70},
            {"team": "sales", "role": "responsible", "share": 30},
        ],
        "key_results": [
            {
                **_key_result("onboardings-26", "26 onboardings delivered", "onboardings", 0, 26),
                "weight": 2,
            },
            _key_result("days-28", "An onboarding takes 28 days", "onboarding-days", 41, 28),
        ],
    }


def _retention_objective() -> dict[str, Any]:
    return {
        "key": "keep-customers",
        "title": "Keep the customers we have",
        "priority": 2,
        "responsibilities": [
            {"team": "operations", "role": "accountable", "share": 50},
            {"team": "executives", "role": "responsible", "share": 50},
        ],
        "key_results": [
            {**_key_result("churn-5", "Churn down to 5%", "churn-rate", 8, 5), "cadence_days": 14}
        ],
    }


def _partner_objective() -> dict[str, Any]:
    return {
        "key": "open-partner-channel",
        "title": "Open a partner channel",
        "priority": 3,
        "responsibilities": [
            {"team": "executives", "role": "accountable", "share": 60},
            {"team": "marketing", "role": "responsible", "share": 40},
            {"team": "sales", "role": "informed"},
        ],
        "key_results": [
            _key_result("partners-8", "8 partner contracts", "partner-contracts", 0, 8)
        ],
    }


def _key_result(key: str, title: str, metric: str, baseline: int, target: int) -> dict[str, Any]:
    return {"key": key, "title": title, "metric": metric, "baseline": baseline, "target": target}
