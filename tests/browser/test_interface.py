"""The interface against its own description (schemathesis): whatever a description allows is answered or refused in
order, and whatever it doesn't is refused. ``make test-api`` runs it; each verb is a job of a process of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from gigaplan.app.guard import HEADER
from gigaplan.app.rates import Rate
from gigaplan.app.team.database import TeamDatabase, url_of
from gigaplan.app.team.limits import TeamLimits
from gigaplan.app.team.serve import team_application
from gigaplan.app.verbs.limits import Limits
from gigaplan.app.work import Worker

EXAMPLES = int(os.environ.get("EXAMPLES", "2"))
"""Questions to each endpoint; ``make test-api`` asks more."""


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str]]:
    folder = tmp_path_factory.mktemp("team")
    database = TeamDatabase(url_of(folder))
    limits = TeamLimits(jobs=Limits(members=2, study_members=20, seconds=20, open_jobs=1000))
    app, desk = team_application(database, folder, [], limits, worker=Worker())
    app._requests = Rate(1e9)
    yield app, app.people.add("tester", "admin")
    desk.close()
    database.close()


def test_every_endpoint_answers_in_order(asked: tuple[Any, str]) -> None:
    app, token = asked
    headers = {HEADER: token, "host": "localhost"}
    interface = schemathesis.openapi.from_asgi("/openapi.json", app, headers=headers)
    operations = [found.ok() for found in interface.get_all_operations()]
    assert len(operations) > 50
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        def answers(case: Any) -> None:
            if case.path.startswith(("/api/verbs", "/api/jobs/{job}")):
                case.query = {k: v for k, v in (case.query or {}).items() if k != "wait"} | {"wait": "0"}
            response = case.call(headers=headers, timeout=120)
            assert response.status_code < 500, f"{case.method} {case.path} {case.query} {case.body}: {response.text}"
            assert "Traceback" not in response.text
            if response.status_code == 422:
                assert response.json()["problems"]

        answers()
