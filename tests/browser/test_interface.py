"""The interface against its own description (schemathesis): whatever a description allows is answered or refused in
order, and whatever it doesn't is refused. ``make test-api`` runs it; each verb is a job of a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance

from gigaplan.app.guard import HEADER
from gigaplan.app.rates import Rate
from gigaplan.app.team.database import TeamDatabase, url_of
from gigaplan.app.team.limits import TeamLimits
from gigaplan.app.team.serve import team_application
from gigaplan.app.verbs.limits import Limits
from gigaplan.app.work import Worker

EXAMPLES = int(sys.argv[sys.argv.index("--examples") + 1]) if "--examples" in sys.argv else 8


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


@pytest.fixture
def interface(asked: tuple[Any, str]) -> Any:
    app, token = asked
    return schemathesis.openapi.from_asgi("/openapi.json", app, headers={HEADER: token, "host": "localhost"})


schema = schemathesis.pytest.from_fixture("interface")


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_endpoint_answers_in_order(case: Any, asked: tuple[Any, str]) -> None:
    if "wait" in (case.query or {}):
        case.query["wait"] = "0"
    elif case.path.startswith("/api/verbs"):
        case.query = {**(case.query or {}), "wait": "0"}
    response = case.call(headers={HEADER: asked[1], "host": "localhost"})
    case.validate_response(response, checks=[not_a_server_error, content_type_conformance])
    assert "Traceback" not in response.text
