from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.api.playbook.document_schemas import PlaybookDocument
from app.demo.company import Quarter, playbook_document, quarter_around


@given(st.dates(date(2024, 1, 1), date(2040, 1, 1)))
def test_the_quarter_began_on_a_monday_eight_weeks_ago_and_ends_about_five_weeks_ahead(today):
    quarter = quarter_around(today)
    assert quarter.starts_on.weekday() == 0
    assert timedelta(weeks=8) <= today - quarter.starts_on < timedelta(weeks=9)
    assert timedelta(weeks=3) < quarter.ends_on - today < timedelta(weeks=5)


def test_the_playbook_is_a_document_of_the_api():
    parsed_document = PlaybookDocument.model_validate(playbook_document(Quarter(date(2026, 9, 28))))
    assert len(parsed_document.playbook.objectives) == 5
