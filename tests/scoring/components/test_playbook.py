import pytest

from app.domain.playbook.playbooks import Contribution, Signoff
from app.scoring.engine import compute_alignment
from tests.scoring.snapshot_builders import filter_losses, make_snapshot, make_team


def test_each_team_is_scored_by_its_contribution_and_signature():
    alignment = compute_alignment(
        make_snapshot(
            *map(make_team, ("both", "late", "mute", "none", "old", "wrote")),
            *(Contribution("q4", team_key, "x") for team_key in ("both", "old", "wrote")),
            *(Signoff("q4", team_key, 2, "x") for team_key in ("both", "late")),
            *(Signoff("q4", team_key, 1, "x") for team_key in ("mute", "old")),
        )
    )
    assert {loss.team: loss.reason for loss in filter_losses(alignment.losses, "playbook")} == {
        "late": "did_not_contribute",
        "mute": "signed_old_revision",
        "none": "not_involved",
        "old": "signed_old_revision",
        "wrote": "not_signed",
    }
    assert alignment.components[0].score == pytest.approx(
        (1 + 1 / 2 + 1 / 4 + 0 + 3 / 4 + 1 / 2) / 6
    )


def test_teams_weigh_by_their_size():
    alignment = compute_alignment(
        make_snapshot(
            make_team("big", size=3),
            make_team("tiny"),
            Contribution("q4", "big", "x"),
            Signoff("q4", "big", 2, "x"),
        )
    )
    assert alignment.components[0].score == 0.75


def test_a_signature_of_another_playbook_does_not_count():
    alignment = compute_alignment(
        make_snapshot(
            make_team("sales"), Contribution("q3", "sales", "x"), Signoff("q3", "sales", 2, "x")
        )
    )
    assert alignment.components[0].score == 0


def test_without_teams_there_is_no_figure():
    assert compute_alignment(make_snapshot()).components[0].score is None


def test_the_evidence_is_the_list_that_lacks_the_team():
    alignment = compute_alignment(
        make_snapshot(
            make_team("a"), make_team("b"), Contribution("q4", "a", "x"), Signoff("q4", "b", 2, "x")
        )
    )
    assert {loss.team: loss.evidence.resource for loss in alignment.losses} == {
        "a": "signoffs",
        "b": "contributions",
    }
