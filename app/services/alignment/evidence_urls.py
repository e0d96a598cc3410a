"""URLs of the API that list the evidence of a loss."""

from urllib.parse import quote, urlencode

from app.scoring.evidence.evidence_scope import EvidenceQuery

RESOURCE_PATHS: dict[str, str] = {
    "signoffs": "/v1/playbooks/{playbook}/signoffs",
    "contributions": "/v1/playbooks/{playbook}/contributions",
    "responsibilities": "/v1/objectives/{objective}/responsibilities",
}


LIST_PATHS: dict[str, str] = {"events": "/v1/events", "key-results": "/v1/key-results"}


def to_url(evidence: EvidenceQuery) -> str:
    """Return the path and query at which the API lists the evidence."""
    if evidence.resource in LIST_PATHS:
        return f"{LIST_PATHS[evidence.resource]}?{urlencode(evidence.filters)}"
    (path_name, key), *filters = evidence.filters
    path = RESOURCE_PATHS[evidence.resource].format(**{path_name: quote(key, safe="")})
    return f"{path}?{urlencode(filters)}"
