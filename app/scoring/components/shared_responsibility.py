"""shared_responsibility: whether functions share objectives, with one accountable team each."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final, NamedTuple

from app.domain.playbook.objectives import LOAD_BEARING
from app.scoring.averages import ratio, weighted_mean
from app.scoring.context import ScoringContext
from app.scoring.evidence.evidence_scope import EvidenceQuery, EvidenceScope
from app.scoring.ledger import Loss
from app.scoring.phrases import x_of_y
from app.scoring.playbook_index import PlaybookIndex
from app.scoring.result import Figure, figure_without_evidence

NAME: Final = "shared_responsibility"
DETAIL_TEMPLATES: Final = {
    "not_accepted": "responsibilities for {objective} are proposed and none is accepted",
    "no_owner": "no team bears {objective}",
    "single_function": "{objective} rests on one function only",
    "no_accountable": "no team is accountable for {objective}",
    "several_accountable": "{accountable} teams are accountable for {objective}",
    "unbalanced": "{objective} rests mostly on one of its {functions} functions",
}


class ResponsibilitySharing(NamedTuple):
    """How the responsibility for one objective is shared."""

    objective: str
    value: float
    # The number of functions among the responsible teams.
    functions: int
    required: int
    # The number of accountable teams.
    accountable: int
    proposed: bool

    @property
    def reason(self) -> str:
        """The reason why the figure is below 1."""
        if not self.functions:
            return "not_accepted" if self.proposed else "no_owner"
        if self.functions == 1 and self.required > 1:
            return "single_function"
        if self.accountable != 1:
            return "several_accountable" if self.accountable else "no_accountable"
        return "unbalanced"


class UnsharedResponsibility(NamedTuple):
    """Explains a loss of shared responsibility."""

    scope: EvidenceScope
    sharing: ResponsibilitySharing

    def detail(self, _: Loss) -> str:
        """Describe the problem of the sharing."""
        return DETAIL_TEMPLATES[self.sharing.reason].format(**self.sharing._asdict())

    def evidence(self, _: Loss) -> EvidenceQuery:
        """Return the query for the objective's responsibilities."""
        return self.scope.configuration_evidence(
            "responsibilities", "objective", self.sharing.objective
        )


def sharing_by_objective(playbook_index: PlaybookIndex) -> Mapping[str, ResponsibilitySharing]:
    """Return how each scored objective is shared."""
    configuration = playbook_index.configuration
    memo_inputs = (
        configuration.responsibilities,
        configuration.teams,
        configuration.policy,
        set(configuration.objectives),
    )
    sharings = playbook_index.memoize(_compute_sharings, *memo_inputs)
    return {objective_key: sharings[objective_key] for objective_key in playbook_index.objectives}


def _compute_sharings(playbook_index: PlaybookIndex) -> Mapping[str, ResponsibilitySharing]:
    """Return how every objective is shared, scored or not.

    The result depends on the configuration alone, so that other days can reuse it.
    """
    functions = {team.function for team in playbook_index.teams.values()}
    required_functions = min(playbook_index.policy.required_functions, len(functions))
    proposed_objectives = {
        responsibility.objective
        for responsibility in playbook_index.configuration.responsibilities.values()
        if responsibility.status == "proposed" and responsibility.role in LOAD_BEARING
    }
    return {
        objective_key: _compute_sharing(
            playbook_index,
            objective_key,
            required_functions,
            is_proposed=objective_key in proposed_objectives,
        )
        for objective_key in playbook_index.configuration.objectives
    }


def _compute_sharing(
    playbook_index: PlaybookIndex, objective: str, required_functions: int, *, is_proposed: bool
) -> ResponsibilitySharing:
    share_by_function: dict[str, int] = {}
    accountable_count = 0
    for responsibility in playbook_index.responsibilities.get(objective, ()):
        function = playbook_index.teams[responsibility.team].function
        share_by_function[function] = share_by_function.get(function, 0) + responsibility.share
        accountable_count += responsibility.role == "accountable"
    sharing_score = _compute_balance(share_by_function, required_functions) * (
        1.0 if accountable_count == 1 else 0.5
    )
    return ResponsibilitySharing(
        objective,
        sharing_score,
        len(share_by_function),
        required_functions,
        accountable_count,
        is_proposed,
    )


def _compute_balance(share_by_function: Mapping[str, int], required_functions: int) -> float:
    """Return the effective number of functions relative to the required one.

    The effective number is 1 / sum of squared shares.
    """
    if not share_by_function:
        return 0.0
    if required_functions <= 1:
        return 1.0
    sum_of_squares = sum([share * share for share in share_by_function.values()])
    return ratio(
        sum(share_by_function.values()) ** 2 - sum_of_squares,
        (required_functions - 1) * sum_of_squares,
    )


def compute_figure(context: ScoringContext) -> Figure:
    """Return the mean sharing by priority; silent without objectives."""
    if not context.playbook_index.objectives:
        return figure_without_evidence("the playbook has no active objective")
    score, summary = context.playbook_index.memoize(_summarize)
    return Figure(score, 1.0, score, summary, partial(_iterate_losses, context))


def _summarize(playbook_index: PlaybookIndex) -> tuple[float, str]:
    """Return the mean with its summary."""
    sharings = sharing_by_objective(playbook_index)
    full_count = sum(sharing.value == 1 for sharing in sharings.values())
    summary = (
        f"{x_of_y(full_count, len(sharings), 'objective')} fully shared, with one team accountable"
    )
    return weighted_mean(
        playbook_index.priorities, [sharing.value for sharing in sharings.values()]
    ), summary


def _iterate_losses(context: ScoringContext, weight: float) -> Iterator[Loss]:
    for objective, sharing in sharing_by_objective(context.playbook_index).items():
        if sharing.value < 1:
            points = (
                weight * context.playbook_index.objective_weights[objective] * (1 - sharing.value)
            )
            explanation = UnsharedResponsibility(context.scope, sharing)
            yield Loss(NAME, sharing.reason, points, explanation, objective=objective)
