"""The process in which a layer goes through the conformance kit, as :mod:`.conformance` asks.

    python -m benchmarks.conformance_side LAYER SERVER CASE …

A line of JSON on standard output tells of each case as it ends.
"""

from __future__ import annotations

import json
import logging
import sys

from fairway.conformance import all_cases, run_case

from .conformance_layers import COLUMNS


def main(name: str, server: str, *names: str) -> None:
    """Run these cases, in this order."""
    logging.disable(logging.CRITICAL)  # the cases provoke errors of all kinds
    harness = COLUMNS[name].harness(server)
    cases = {case.name: case for case in all_cases()}
    for wanted in names:
        outcome = run_case(cases[wanted], harness)
        told = {"case": wanted, "verdict": outcome.verdict, "reason": outcome.reason}
        sys.stdout.write(f"{json.dumps(told)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
