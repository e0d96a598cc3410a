"""The reply of the alignment: numbers unrounded, losses with the address of their evidence."""

from datetime import date
from typing import get_args

from app.api.alignment import alignment_schemas
from app.api.alignment.alignment_schemas import to_losses
from app.domain.playbook.organization import COMPONENTS
from app.scoring.evidence.evidence_scope import EvidenceQuery
from app.scoring.ledger import Loss


class FixedExplanation:
    def detail(self, loss):  # as the ledger asks  # noqa: ARG002  # as the ledger asks
        return "31% of the recorded work of sales served no objective"

    def evidence(self, loss):  # as the ledger asks  # noqa: ARG002  # as the ledger asks
        return EvidenceQuery(
            "events", (("team", "sales"), ("from", date(2026, 10, 27).isoformat()))
        )


def test_a_loss_is_shown_with_the_address_of_its_evidence():
    (loss_view,) = to_losses(
        [Loss("focus", "off_playbook", 1 / 3, FixedExplanation(), team="sales")]
    )
    assert loss_view.model_dump() == {
        "component": "focus",
        "reason": "off_playbook",
        "points": 1 / 3,
        "team": "sales",
        "objective": None,
        "key_result": None,
        "offering": None,
        "metric": None,
        "detail": "31% of the recorded work of sales served no objective",
        "evidence": "/v1/events?team=sales&from=2026-10-27",
    }


def test_the_wire_knows_the_same_components_as_the_method():
    assert get_args(alignment_schemas.ComponentName) == COMPONENTS
