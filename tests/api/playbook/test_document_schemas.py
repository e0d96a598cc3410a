"""The playbook as code, to the domain and back; applying it is in test_apply.py."""

from copy import deepcopy
from typing import Any

from app.api.playbook.document_schemas import EXAMPLE, PlaybookDocument, to_domain, to_wire
from app.domain.playbook.objectives import Responsibility


def test_everything_in_the_document_has_its_place():
    document = to_domain(PlaybookDocument.model_validate(EXAMPLE))
    places = {placed.noun.key: placed.pointer for placed in document.placed}
    assert places == {
        "sales": "/teams/0",
        "billing": "/sources/0",
        "revenue": "/metrics/0",
        "onboarding-plus": "/offerings/0",
        "fy26-q4": "/playbook",
        "win-enterprise": "/playbook/objectives/0",
        "revenue-2m": "/playbook/objectives/0/key_results/0",
        "win-enterprise/sales": "/playbook/objectives/0/responsibilities/0",
    }


def test_a_document_goes_to_the_wire_and_comes_back_the_same():
    document = to_domain(PlaybookDocument.model_validate(EXAMPLE))
    assert to_domain(PlaybookDocument.model_validate(to_wire(document))) == document


def test_an_acceptance_is_kept_on_the_way():
    said: dict[str, Any] = deepcopy(dict(EXAMPLE))
    said["playbook"]["objectives"][0]["responsibilities"][0]["accepted"] = True
    document = to_domain(PlaybookDocument.model_validate(said))
    (placed,) = document.responsibilities
    assert isinstance(placed.noun, Responsibility)
    assert placed.noun.status == "accepted"
    shown = to_wire(document)["playbook"]["objectives"][0]["responsibilities"]
    assert shown == [{"team": "sales", "role": "accountable", "share": 50, "accepted": True}]
