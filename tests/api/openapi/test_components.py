"""The shared parts of the OpenAPI document."""

from app.api.http.problems import PROBLEM_KINDS
from app.api.openapi.components import HEADERS, OPENAPI_INFO, RESPONSES, TAGS


def test_every_status_that_a_problem_has_is_documented():
    documented = {response["x-status"] for response in RESPONSES.values()}
    assert {kind.status for kind in PROBLEM_KINDS.values()} - documented == {
        405
    }  # no operation can answer it


def test_every_code_is_explained_where_people_read():
    assert [code for code in PROBLEM_KINDS if f"`{code}`" not in OPENAPI_INFO["description"]] == []


def test_every_header_of_a_response_is_a_shared_one():
    header_names = {
        header_name for response in RESPONSES.values() for header_name in response["headers"]
    }
    assert header_names <= HEADERS.keys()
    assert len({tag["name"] for tag in TAGS}) == len(TAGS)
