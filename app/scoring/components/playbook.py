"""playbook: whether the teams that deliver the strategy contributed to it and signed it."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final, NamedTuple

from app.scoring.averages import weighted_mean
from app.scoring.context import ScoringContext
from app.scoring.evidence.evidence_scope import EvidenceQuery, EvidenceScope
from app.scoring.ledger import Loss
from app.scoring.phrases import x_of_y
from app.scoring.playbook_index import PlaybookIndex
from app.scoring.result import Figure, figure_without_evidence

NAME: Final = "playbook"
DETAIL_TEMPLATES: Final = {
    "not_involved": "{team} neither contributed to the playbook nor signed it",
    "not_signed": "{team} contributed to the playbook and has not signed it",
    "signed_old_revision": "{team} signed an earlier revision of the playbook, not the current one",
    "did_not_contribute": "{team} signed the playbook and did not contribute to it",
}


class Involvement(NamedTuple):
    """The part of one team in writing and signing the playbook."""

    team: str
    has_contributed: bool
    # 1 for the current revision, 1/2 for an earlier one, 0 without a signature.
    signature_share: float

    @property
    def involvement_share(self) -> float:
        """The team's figure."""
        return (self.has_contributed + self.signature_share) / 2

    @property
    def reason(self) -> str:
        """The reason why the figure is below 1."""
        if not self.signature_share:
            return "not_signed" if self.has_contributed else "not_involved"
        return "signed_old_revision" if self.signature_share < 1 else "did_not_contribute"


class MissingInvolvement(NamedTuple):
    """Explains the missing part of a team."""

    scope: EvidenceScope
    involvement: Involvement

    def detail(self, _: Loss) -> str:
        """Describe what the team did not do."""
        return DETAIL_TEMPLATES[self.involvement.reason].format(team=self.involvement.team)

    def evidence(self, _: Loss) -> EvidenceQuery:
        """Return the query for the list that lacks the team."""
        needs_signature = self.involvement.reason in ("not_signed", "signed_old_revision")
        return self.scope.configuration_evidence(
            "signoffs" if needs_signature else "contributions", "playbook", self.scope.playbook
        )


def compute_involvements(playbook_index: PlaybookIndex) -> Mapping[str, Involvement]:
    """Return the involvement of each team."""
    configuration = playbook_index.configuration
    playbook = playbook_index.playbook
    involvements = {}
    for team in playbook_index.teams:
        participation_key = f"{playbook.key}/{team}"
        signoff = configuration.signoffs.get(participation_key)
        signature_share = (
            0.0 if signoff is None else 1.0 if signoff.revision == playbook.revision else 0.5
        )
        involvements[team] = Involvement(
            team, participation_key in configuration.contributions, signature_share
        )
    return involvements


def compute_figure(context: ScoringContext) -> Figure:
    """Return the mean involvement by team size; silent without teams."""
    if not context.playbook_index.teams:
        return figure_without_evidence("there are no teams")
    involvements = context.playbook_index.memoize(compute_involvements)
    score = weighted_mean(
        [team.size for team in context.playbook_index.teams.values()],
        [involvement.involvement_share for involvement in involvements.values()],
    )
    signed_count = sum(involvement.signature_share == 1 for involvement in involvements.values())
    contributed_count = sum(involvement.has_contributed for involvement in involvements.values())
    signed_teams = x_of_y(signed_count, len(involvements), "team")
    summary = f"{signed_teams} signed the current revision, {contributed_count} contributed to it"
    return Figure(score, 1.0, score, summary, partial(_iterate_losses, context, involvements))


def _iterate_losses(
    context: ScoringContext, involvements: Mapping[str, Involvement], weight: float
) -> Iterator[Loss]:
    total_size = context.playbook_index.total_team_size
    for team, involvement in involvements.items():
        if involvement.involvement_share < 1:
            points = (
                weight
                * (context.playbook_index.teams[team].size / total_size)
                * (1 - involvement.involvement_share)
            )
            yield Loss(
                NAME,
                involvement.reason,
                points,
                MissingInvolvement(context.scope, involvement),
                team=team,
            )
