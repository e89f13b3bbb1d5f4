"""Running cases: rounds of one layer and another in turn, so that a noisy machine is fair."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby

from .case import Case, Figures, Stage
from .results import Outcome
from .servers import servers_for
from .side import Failed
from .subjects import Subject, of_family, store_of

#: A layer many times faster than expected gets at most this many times the operations.
_MOST = 500
#: Seconds after which our layer gives an event loop connections of its own, and some more.
_SETTLING = 1.3


@dataclass(frozen=True)
class Effort:
    """How much to do: rounds per layer, and seconds that a round should take."""

    rounds: int = 5
    seconds: float = 1.0
    quick: bool = False

    @property
    def settling(self) -> float:
        """Seconds that event loops live before anything is measured."""
        return 0.0 if self.quick else _SETTLING


def run(
    cases: Sequence[Case],
    effort: Effort,
    say: Callable[[str], None],
    only_subjects: Sequence[str] = (),
) -> Iterator[Outcome]:
    """Run the cases, those of a family beside each other on one server."""
    for family, grouped in groupby(cases, key=lambda case: case.family):
        group = list(grouped)
        subjects = [s for s in of_family(family) if not only_subjects or s.name in only_subjects]
        for subject in list(subjects):
            if reason := subject.missing():
                say(f"{subject.name} is left out: {reason}")
                subjects.remove(subject)
        most = max(case.servers * (len(subjects) if case.apart else 1) for case in group)
        with servers_for(store_of(family), most) as servers:
            for case in group:
                yield _run_case(case, subjects, servers, effort, say)


def _run_case(
    case: Case,
    subjects: list[Subject],
    servers: Sequence[str],
    effort: Effort,
    say: Callable[[str], None],
) -> Outcome:
    outcome = Outcome(case)
    with ExitStack() as stack:
        runners = []
        for subject in subjects:
            if case.takes(subject):
                first = len(runners) * case.servers if case.apart else 0
                of_subject = servers[first : first + case.servers]
                changes = case.changes if subject.ours else {}
                stage = Stage(subject, of_subject, stack, effort.settling, changes)
                runners.append(_Runner(case, stage, effort))
        rounds = 1 if effort.quick else case.rounds or effort.rounds
        for number in range(rounds + 1):  # the first one prepares
            for runner in list(runners):
                name = runner.stage.subject.name
                say(f"{case.name}: {name}, " + (f"round {number}" if number else "getting ready"))
                try:
                    if number == 0:
                        runner.get_ready()
                    else:
                        outcome.add(name, runner.round())
                except Failed as failure:
                    outcome.failures[name] = str(failure)
                    runners.remove(runner)
    return outcome


class _Runner:
    """One subject on its way through one case."""

    def __init__(self, case: Case, stage: Stage, effort: Effort):
        self.case = case
        self.stage = stage
        self._effort = effort
        self._count = case.quick if effort.quick else case.count

    def get_ready(self) -> None:
        """Set up; and find out how many operations fill a round, which also warms up."""
        self.case.prepare(self.stage)
        if self._effort.quick:
            return
        if self.case.fixed:
            self.case.measure(self.stage, self.case.quick)
            return
        self.round()  # processes start as they are first asked for
        start = time.monotonic()
        self.round()
        factor = self._effort.seconds / max(time.monotonic() - start, 0.001)
        self._count = int(self._count * min(max(factor, 1), _MOST))

    def round(self) -> Figures:
        return self.case.measure(self.stage, self._count)
