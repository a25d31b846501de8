"""How long property tests search: briefly here, longer in CI, reproducibly in both.

Loaded as a pytest plugin (pyproject.toml); choose with HYPOTHESIS_PROFILE.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

settings.register_profile("quick", deadline=None, max_examples=60)
settings.register_profile(
    "ci",
    deadline=None,
    max_examples=300,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("long", deadline=None, max_examples=20_000)
settings.register_profile(
    "mutants",  # that it is red is enough: no smaller example is looked for
    deadline=None,
    max_examples=60,
    phases=[Phase.explicit, Phase.generate],
    database=None,
    suppress_health_check=list(HealthCheck),  # a busy machine is no missing guard
)
CASES = int(os.environ.get("FUZZ_CASES", "2000"))
"""How many cases each fuzzer and the many worlds try, in any profile; `make fuzz`: 100,000."""

settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "quick")
)
