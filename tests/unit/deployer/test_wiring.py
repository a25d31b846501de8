"""Who releases: a person at a computer, or the run of a CI."""

from __future__ import annotations

import pytest

from reconciler.wiring.who import who

GITHUB = {
    "GITHUB_ACTOR": "octocat",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "acme/shop",
    "GITHUB_RUN_ID": "1658821493",
}
GITLAB = {
    "GITLAB_USER_LOGIN": "ann",
    "CI_JOB_URL": "https://gitlab.example.com:8443/acme/web/shop/-/jobs/42",
}


@pytest.mark.parametrize(
    ("env", "said"),
    [
        (GITHUB, "octocat https://github.com/acme/shop/actions/runs/1658821493"),
        (GITLAB, "ann https://gitlab.example.com:8443/acme/web/shop/-/jobs/42"),
    ],
)
def test_a_ci_is_named_by_its_actor_and_its_run(env: dict[str, str], said: str) -> None:
    """`runner@fv-az1` helps nobody: the run's page says what was released and why."""
    assert who(env) == said


@pytest.mark.parametrize("missing", ["GITHUB_ACTOR", "GITHUB_RUN_ID"])
def test_half_of_it_is_no_run(missing: str) -> None:
    """Variables that people have set on their laptop make no CI of it."""
    assert "@" in who({key: value for key, value in GITHUB.items() if key != missing})


def test_what_is_no_address_is_not_shown() -> None:
    """Control characters or a link that is none come from somewhere else."""
    assert "@" in who({**GITHUB, "GITHUB_SERVER_URL": "javascript:alert(1)"})
    assert "@" in who({**GITLAB, "CI_JOB_URL": "https://x/\x1b[31m/1"})
