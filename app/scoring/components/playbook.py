"""playbook: whether those who deliver the strategy helped to write it and signed it."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final, NamedTuple

from app.scoring.averages import mean
from app.scoring.context import Context
from app.scoring.evidence_links import Evidence, Scope
from app.scoring.ledger import Loss
from app.scoring.phrases import among
from app.scoring.playbook_index import Plan
from app.scoring.result import Figure, silent

NAME: Final = "playbook"
SAID: Final = {
    "not_involved": "{team} neither contributed to the playbook nor signed it",
    "not_signed": "{team} contributed to the playbook and has not signed it",
    "signed_old_revision": "{team} signed an earlier revision of the playbook, not the current one",
    "did_not_contribute": "{team} signed the playbook and did not contribute to it",
}


class Involvement(NamedTuple):
    """One team's part in it, as the plan says.

    Shape: `signed` is 1 for the current revision, 1/2 for an earlier one, 0 for none.
    """

    team: str
    contributed: bool
    signed: float

    @property
    def value(self) -> float:
        """The team's own figure."""
        return (self.contributed + self.signed) / 2

    @property
    def reason(self) -> str:
        """Why it is not 1."""
        if not self.signed:
            return "not_signed" if self.contributed else "not_involved"
        return "signed_old_revision" if self.signed < 1 else "did_not_contribute"


class Absent(NamedTuple):
    """It accounts for what is lost on a team's part."""

    scope: Scope
    part: Involvement

    def detail(self, _: Loss) -> str:
        """What the team did not do."""
        return SAID[self.part.reason].format(team=self.part.team)

    def evidence(self, _: Loss) -> Evidence:
        """The list in which the team should stand."""
        signing = self.part.reason in ("not_signed", "signed_old_revision")
        return self.scope.configured(
            "signoffs" if signing else "contributions", "playbook", self.scope.playbook
        )


def involvements(plan: Plan) -> Mapping[str, Involvement]:
    """Each team's part, by team."""
    configuration, playbook = plan.configuration, plan.playbook
    found = {}
    for team in plan.teams:
        key = f"{playbook.key}/{team}"
        signoff = configuration.signoffs.get(key)
        signed = 0.0 if signoff is None else 1.0 if signoff.revision == playbook.revision else 0.5
        found[team] = Involvement(team, key in configuration.contributions, signed)
    return found


def figure(context: Context) -> Figure:
    """The mean of the teams' parts by size; silent without teams."""
    if not context.plan.teams:
        return silent("there are no teams")
    found = context.plan.once(involvements)
    score = mean(
        [team.size for team in context.plan.teams.values()], [part.value for part in found.values()]
    )
    signed = sum(part.signed == 1 for part in found.values())
    contributed = sum(part.contributed for part in found.values())
    summary = f"{among(signed, len(found), 'team')} signed the current revision, {contributed} contributed to it"
    return Figure(score, 1.0, score, summary, partial(_losses, context, found))


def _losses(context: Context, found: Mapping[str, Involvement], weight: float) -> Iterator[Loss]:
    total = context.plan.size
    for team, part in found.items():
        if part.value < 1:
            points = weight * (context.plan.teams[team].size / total) * (1 - part.value)
            yield Loss(NAME, part.reason, points, Absent(context.scope, part), team=team)
