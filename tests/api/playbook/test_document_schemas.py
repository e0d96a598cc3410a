"""The playbook as code, to the domain and back; applying it is in test_apply.py."""

from copy import deepcopy
from typing import Any

from app.api.playbook.document_schemas import (
    EXAMPLE,
    PlaybookDocument,
    to_document,
    to_json_document,
)
from app.domain.playbook.objectives import Responsibility


def test_every_object_in_the_document_has_a_pointer():
    document = to_document(PlaybookDocument.model_validate(EXAMPLE))
    pointers = {located.resource.key: located.pointer for located in document.resources}
    assert pointers == {
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
    document = to_document(PlaybookDocument.model_validate(EXAMPLE))
    assert to_document(PlaybookDocument.model_validate(to_json_document(document))) == document


def test_an_acceptance_survives_the_round_trip():
    wire_document: dict[str, Any] = deepcopy(dict(EXAMPLE))
    wire_document["playbook"]["objectives"][0]["responsibilities"][0]["accepted"] = True
    document = to_document(PlaybookDocument.model_validate(wire_document))
    (located,) = document.responsibilities
    assert isinstance(located.resource, Responsibility)
    assert located.resource.status == "accepted"
    responsibilities = to_json_document(document)["playbook"]["objectives"][0]["responsibilities"]
    assert responsibilities == [
        {"team": "sales", "role": "accountable", "share": 50, "accepted": True}
    ]
