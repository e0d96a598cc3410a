"""The worked organizations in docs/scoring.md have the figures that the model computes."""

from tests.reference_model.examples.worked_examples import WORKED_EXAMPLES
from tests.support.source_files import ROOT

PAGE = (ROOT / "docs/scoring.md").read_text(encoding="utf-8")


def test_the_worked_organizations_of_the_page_are_those_that_are_computed():
    rows = [
        [cell.strip(" *") for cell in line.strip("|").split("|")]
        for line in PAGE[PAGE.index("| | harbor |") :].partition("\n\n")[0].splitlines()
    ]
    names = rows[0][1:]
    table = {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows[2:]}
    for name in names:
        _, expected = WORKED_EXAMPLES[name]
        for figure in ("score", "floor", "coverage"):
            assert table[figure][name] == str(getattr(expected, figure)).replace("None", "null"), (
                name,
                figure,
            )
        for component, (score, _) in expected.components.items():
            does_not_apply = component in expected.not_applying
            assert table[component][name] == (
                "does not apply" if does_not_apply else str(score).replace("None", "null")
            )
