"""A team's server: nobody reads or changes what isn't theirs, whatever they send.

The database is SQLite, or the one whose address is in ``GIGAPLAN_TEST_DATABASE`` (``make test-postgres``).
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("sqlalchemy", reason="the extra 'server' isn't installed")
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from gigaplan.app import connections, guard
from gigaplan.app.guard import HEADER
from gigaplan.app.open import listening
from gigaplan.app.queue.desk import Desk
from gigaplan.app.rates import Rate
from gigaplan.app.team import database as databases
from gigaplan.app.team import people
from gigaplan.app.team.database import TeamDatabase, migrate, url_of
from gigaplan.app.team.guard import TeamGuard
from gigaplan.app.team.limits import TeamLimits
from gigaplan.app.team.people import People
from gigaplan.app.team.serve import team_application
from gigaplan.app.team.tables import metadata, tokens, users
from gigaplan.app.verbs.limits import Limits
from gigaplan.app.work import Worker
from gigaplan.plan.sources import builtin_text
from gigaplan.vocabulary.errors import MachineError, PlanError

HOST = "planner.example.org"
LAB, ONE = {"name": "lab-1mw"}, ["uncertainty.members=1"]
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(1)>"


def fresh(folder: Path) -> str:
    """Return the address of an empty database: a file in a folder, or a schema of the server's own."""
    url = os.environ.get("GIGAPLAN_TEST_DATABASE", "")
    if not url:
        return url_of(folder)
    made = sa.make_url(url).set(drivername="postgresql+psycopg")
    name = f"t{secrets.token_hex(8)}"
    engine = sa.create_engine(made)
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE SCHEMA {name}"))
    engine.dispose()
    return made.update_query_dict({"options": f"-csearch_path={name}"}).render_as_string(hide_password=False)


class Team:
    """A server with some users, asked without a network."""

    def __init__(self, folder: Path) -> None:
        self.database = TeamDatabase(fresh(folder))
        limits = TeamLimits(jobs=Limits(members=20, study_members=50, open_jobs=4), plans=5)
        self.app, self.desk = team_application(self.database, folder, [HOST], limits, worker=Worker())
        self.people: People = self.app.people
        roles = {"ada": "planner", "bob": "planner", "eve": "planner", "vic": "viewer", "amy": "admin"}
        self.tokens = {name: self.people.add(name, role) for name, role in roles.items()}

    def ask(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        token = self.tokens.get(who, who)
        given = {**({HEADER: token} if token else {}), **{k.replace("_", "-"): v for k, v in headers.items()}}

        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=f"https://{HOST}") as client:
                return await client.request(method, path, headers=given, json=body, timeout=120)

        return asyncio.run(asked())

    def plan(self, who: str, title: str = "mine", shared: str = "") -> str:
        number = str(self.ask(who, "POST", "/api/stored", {"title": title, "plan": LAB}).json()["id"])
        if shared:
            assert self.ask(who, "PUT", f"/api/stored/{number}/shared", {"shared": shared}).status_code == 200
        return number


@pytest.fixture(scope="module", autouse=True)
def quick_hashes() -> Iterator[None]:
    """Take less time for a hash than a server does."""
    before, people.SCRYPT["n"] = people.SCRYPT["n"], 2**4
    yield
    people.SCRYPT["n"] = before


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    made = Team(tmp_path_factory.mktemp("team"))
    yield made
    made.desk.close()
    made.database.close()


@pytest.fixture
def ada_job(team: Team) -> str:
    found = team.ask("ada", "POST", "/api/verbs/run?wait=60", {"plan": LAB, "changes": ONE})
    assert found.status_code == 200
    return found.headers["location"].rpartition("/")[2]


def wrong_tokens(team: Team) -> dict[str, str]:
    ada, bob = team.tokens["ada"], team.tokens["bob"]
    prefix, number, secret = ada.split(".")
    return {
        "none": "",
        "guessed": "gp.AAAAAAAAAAAA." + "A" * 43,
        "another's secret": f"{prefix}.{number}.{bob.split('.')[2]}",
        "cut": ada[:-1],
        "longer": ada + "x",
        "no secret": f"{prefix}.{number}.",
        "no number": f"{prefix}..{secret}",
        "huge": "gp." + "x" * 10_000,
        "odd": "gp.\xff.\xfe",
    }


def test_only_a_right_token_is_let_in(team: Team) -> None:
    assert team.ask("ada", "GET", "/api/me").json() == {"name": "ada", "role": "planner"}
    bearer = team.ask("", "GET", "/api/me", authorization=f"Bearer {team.tokens['vic']}")
    assert bearer.json() == {"name": "vic", "role": "viewer"}
    for name, token in wrong_tokens(team).items():
        given = {HEADER: token.encode("latin-1")} if token else {}
        for path in ("/api/me", "/api/jobs", "/api/stored", "/api/plans", "/openapi.json"):
            team.app._failed = Rate(1000)
            found = team.ask("", "GET", path, **given)  # type: ignore[arg-type]
            assert found.status_code == 401, (name, path)
            assert found.headers["www-authenticate"] == "Bearer", "by which the page knows to ask for a token"


def test_a_revoked_an_expired_and_a_removed_users_token_are_worthless_at_once(team: Team) -> None:
    for name in ("tim", "tom", "una"):
        team.tokens[name] = team.people.add(name, "planner")
        assert team.ask(name, "GET", "/api/me").status_code == 200
    team.people.revoke("tim")
    with team.database.begin() as connection:
        ended = sa.select(users.c.id).where(users.c.name == "tom").scalar_subquery()
        connection.execute(tokens.update().where(tokens.c.user_id == ended).values(expires=time.time() - 1))
    team.people.remove("una")
    for name in ("tim", "tom", "una"):
        assert team.ask(name, "GET", "/api/me").status_code == 401
    team.tokens["tim"] = team.people.token("tim")
    assert team.ask("tim", "GET", "/api/me").status_code == 200
    with pytest.raises(PlanError, match="was by a user who was removed"):
        team.people.add("una", "admin")


def test_a_token_is_kept_nowhere(team: Team, tmp_path: Path) -> None:
    shown = [token.split(".")[2] for token in team.tokens.values()]
    with team.database.begin() as connection:
        kept = str([list(connection.execute(sa.select(table))) for table in metadata.sorted_tables])
    assert not [s for s in shown if s in kept]
    hashes = [line["hash"] for line in team.database.rows("SELECT hash, salt FROM tokens")]
    assert len(set(hashes)) == len(hashes)


def test_nobody_reads_or_changes_a_private_plan(team: Team) -> None:
    number = team.plan("ada", "a secret plan")
    changed = {"title": "b", "plan": LAB, "version": 1}
    for who in ("bob", "vic", "amy"):  # an admin neither
        ways = (
            team.ask(who, "GET", f"/api/stored/{number}"),
            team.ask(who, "GET", f"/api/stored/{number}?version=1"),
            team.ask(who, "GET", f"/api/stored/{number}/history"),
            team.ask(who, "PUT", f"/api/stored/{number}", changed),
            team.ask(who, "PUT", f"/api/stored/{number}/shared", {"shared": "write"}),
            team.ask(who, "PUT", f"/api/stored/{number}/users/{who}", {"access": "write"}),
            team.ask(who, "DELETE", f"/api/stored/{number}"),
        )
        allowed = {403, 404} if who == "vic" else {404}
        assert {w.status_code for w in ways} <= allowed
        assert not [w for w in ways if "secret" in w.text]
        guess = team.ask(who, "GET", f"/api/stored/{'x' * 22}")
        assert guess.json()["problems"][0]["message"] == ways[0].json()["problems"][0]["message"]
        assert number not in team.ask(who, "GET", "/api/stored").text
    assert team.ask("ada", "GET", f"/api/stored/{number}").json()["version"] == 1


def test_a_shared_plan_is_read_by_all_and_changed_by_whom_it_is_shared_with(team: Team) -> None:
    number = team.plan("bob", "for all", "read")
    changed = {"title": "for all", "plan": {**LAB, "changes": ONE}, "version": 1, "note": "fewer members"}
    for who in ("ada", "vic", "amy"):
        assert team.ask(who, "GET", f"/api/stored/{number}").json()["plan"]["name"] == "lab-1mw"
        assert team.ask(who, "PUT", f"/api/stored/{number}", changed).status_code == 403
        assert team.ask(who, "DELETE", f"/api/stored/{number}").status_code == 403
        assert team.ask(who, "PUT", f"/api/stored/{number}/shared", {"shared": "write"}).status_code == 403
    assert team.ask("bob", "PUT", f"/api/stored/{number}/shared", {"shared": "write"}).status_code == 200
    assert team.ask("vic", "PUT", f"/api/stored/{number}", changed).status_code == 403
    assert team.ask("ada", "PUT", f"/api/stored/{number}", changed).json()["version"] == 2
    assert team.ask("bob", "PUT", f"/api/stored/{number}", changed).status_code == 409
    versions = team.ask("vic", "GET", f"/api/stored/{number}/history").json()["versions"]
    assert [(v["version"], v["author"], v["note"]) for v in versions] == [(2, "ada", "fewer members"), (1, "bob", "")]
    assert team.ask("vic", "GET", f"/api/stored/{number}?version=1").json()["plan"]["changes"] == []
    assert team.ask("bob", "PUT", f"/api/stored/{number}/shared", {"shared": "private"}).status_code == 200
    assert team.ask("ada", "GET", f"/api/stored/{number}").status_code == 404
    assert team.ask("bob", "DELETE", f"/api/stored/{number}").status_code == 204
    assert team.ask("bob", "GET", f"/api/stored/{number}").status_code == 404


def test_a_plan_shared_with_one_user_is_nobody_elses(team: Team) -> None:
    number = team.plan("ada", "for bob alone")
    path = f"/api/stored/{number}"
    changed = {"title": "for bob alone", "plan": LAB, "version": 1}
    assert team.ask("ada", "PUT", f"{path}/users/bob", {"access": "read"}).json()["shared_with"] == {"bob": "read"}
    assert team.ask("bob", "GET", path).json()["may_write"] is False
    assert "shared_with" not in team.ask("bob", "GET", path).json()
    assert number in team.ask("bob", "GET", "/api/stored").text
    assert team.ask("bob", "PUT", path, changed).status_code == 403
    for who in ("eve", "amy", "vic"):
        assert team.ask(who, "GET", path).status_code == 404
        assert number not in team.ask(who, "GET", "/api/stored").text
        assert team.ask(who, "PUT", f"{path}/users/{who}", {"access": "write"}).status_code in (403, 404)
    assert team.ask("bob", "PUT", f"{path}/users/eve", {"access": "read"}).status_code == 403
    assert team.ask("ada", "PUT", f"{path}/users/vic", {"access": "write"}).status_code == 200
    assert team.ask("vic", "PUT", path, changed).status_code == 403, "a viewer changes nothing"
    assert team.ask("ada", "PUT", f"{path}/users/bob", {"access": "write"}).status_code == 200
    assert team.ask("bob", "PUT", path, changed).json()["version"] == 2
    listed = next(p for p in team.ask("ada", "GET", "/api/stored").json()["plans"] if p["id"] == number)
    assert listed["shared_with"] == {"bob": "write", "vic": "write"}
    for name in ("nobody", "ada", "b%00b", "'; DROP TABLE plans"):
        assert team.ask("ada", "PUT", f"{path}/users/{name}", {"access": "read"}).status_code == 422
    assert team.ask("ada", "PUT", f"{path}/users/bob", {"access": "none"}).status_code == 200
    assert team.ask("bob", "GET", path).status_code == 404
    assert team.ask("ada", "DELETE", path).status_code == 204


def test_two_changes_at_once_keep_one(team: Team) -> None:
    number = team.plan("ada", "raced", "write")
    answers: list[int] = []

    def change(who: str) -> None:
        body = {"title": who, "plan": LAB, "version": 1}
        answers.append(team.ask(who, "PUT", f"/api/stored/{number}", body).status_code)

    threads = [threading.Thread(target=change, args=(who,)) for who in ("ada", "bob", "eve", "tim")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) in ([200, 409, 409, 409], [200, 401, 409, 409])
    assert len(team.ask("ada", "GET", f"/api/stored/{number}/history").json()["versions"]) == 2


def test_nobody_sees_stops_or_uses_anothers_job(team: Team, ada_job: str) -> None:
    for who in ("bob", "vic", "amy"):
        ways = (
            team.ask(who, "GET", f"/api/jobs/{ada_job}"),
            team.ask(who, "GET", f"/api/jobs/{ada_job}/result"),
            team.ask(who, "GET", f"/api/jobs/{ada_job}/result?form=html"),
            team.ask(who, "GET", f"/api/jobs/{ada_job}/question"),
            team.ask(who, "POST", f"/api/jobs/{ada_job}/page"),
            team.ask(who, "POST", f"/api/jobs/{ada_job}/cancel"),
            team.ask(who, "DELETE", f"/api/jobs/{ada_job}"),
        )
        assert {w.status_code for w in ways} == {404}
        assert ada_job not in team.ask(who, "GET", "/api/jobs").text
    for verb, question in (
        ("export", {"result": {"job": ada_job}, "to": "csv"}),
        ("explain", {"result": {"job": ada_job}, "quantity": "gpus_producing"}),
        ("compare", {"a": {"job": ada_job}, "b": LAB}),
        ("rerun", {"folder": {"job": ada_job}}),
    ):
        assert team.ask("bob", "POST", f"/api/verbs/{verb}", question).status_code == 404
        assert team.ask("bob", "POST", "/api/jobs", {"verb": verb, "request": question}).status_code == 404
    assert team.ask("ada", "GET", f"/api/jobs/{ada_job}/result").status_code == 200


def test_nobody_explains_or_fetches_anothers_answer(team: Team) -> None:
    found = team.ask("ada", "POST", "/api/answer", {"plan": {**LAB, "changes": ["uncertainty.seed=99"]}}).json()["id"]
    path = f"/api/explain?answer={found}&quantity=gpus_producing"
    assert team.ask("ada", "GET", path).status_code == 200
    assert team.ask("bob", "GET", path).status_code == 422
    assert team.ask("bob", "GET", f"/api/download?answer={found}&form=json").status_code == 422


def test_a_viewer_begins_nothing_and_keeps_nothing(team: Team) -> None:
    assert team.ask("vic", "POST", "/api/answer", {"plan": LAB}).status_code == 200
    assert team.ask("vic", "POST", "/api/verbs/catalog_show", {"name": "h100_sxm"}).status_code == 200
    for path, body in (
        ("/api/stored", {"title": "a", "plan": LAB}),
        ("/api/jobs", {"verb": "run", "request": {"plan": LAB}}),
        ("/api/verbs/run", {"plan": LAB}),
    ):
        assert team.ask("vic", "POST", path, body).status_code == 403
    for who, status in (("vic", 403), ("ada", 403), ("amy", 200)):
        assert team.ask(who, "GET", "/api/audit").status_code == status


def test_the_audit_says_who_did_what_and_holds_no_plan(team: Team) -> None:
    number = team.plan("eve", "title in no audit")
    team.ask("", "GET", "/api/me", **{HEADER: "gp.wrong.token"})
    entries = team.ask("amy", "GET", "/api/audit?most=50").json()["entries"]
    assert ("eve", "plan added", number) in [(e["user_name"], e["action"], e["object"]) for e in entries]
    assert "refused" in [e["action"] for e in entries]
    assert "title in no audit" not in str(entries)
    assert "gp.wrong" not in str(entries)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"https://{HOST}.evil.example", f"http://{HOST}:1"])
def test_a_foreign_page_is_refused_token_or_not(team: Team, origin: str) -> None:
    body = {"title": "forged", "plan": LAB}
    assert team.ask("ada", "POST", "/api/stored", body, origin=origin).status_code == 403
    assert team.ask("", "POST", "/api/stored", body, origin=origin).status_code == 403
    assert team.ask("ada", "POST", "/api/stored", body, sec_fetch_site="cross-site").status_code == 403
    assert team.ask("", "POST", "/api/stored", body).status_code == 401  # a form sends no token: there is no cookie
    assert "forged" not in team.ask("ada", "GET", "/api/stored").text


@pytest.mark.parametrize("host", ["evil.example", f"{HOST}.evil.example", "", "10.0.0.1"])
def test_another_name_is_refused(team: Team, host: str) -> None:
    assert team.ask("ada", "GET", "/api/me", host=host).status_code == 421


def texts_with(markup: str) -> str:
    """Return a plan with markup in every line that takes any text."""
    text = builtin_text("lab-1mw")
    text = re.sub(r"(?m)^(title|about|description|summary): .*$", f"\\1: '{markup}'", text)
    return re.sub(r"(?m)^name: .*$", f"name: '{markup}'", text)


def test_markup_stays_text_in_every_form(team: Team) -> None:
    stored = {"title": MARKUP, "plan": {"text": texts_with(MARKUP), "changes": [f"x={MARKUP}"]}, "note": MARKUP}
    found = team.ask("ada", "POST", "/api/stored", stored)
    assert found.status_code == 201
    number = found.json()["id"]
    for path in (f"/api/stored/{number}", f"/api/stored/{number}/history", "/api/stored"):
        shown = team.ask("ada", "GET", path)
        assert shown.headers["content-type"] == "application/json"
        assert shown.headers["x-content-type-options"] == "nosniff"
    assert team.ask("ada", "GET", f"/api/stored/{number}").json()["plan"]["text"] == stored["plan"]["text"]
    text = builtin_text("lab-1mw").replace("title: One megawatt for a university", f"title: '{MARKUP}'")
    site = next(iter(re.findall(r"(?m)^    (\w+):\n      region", text)), "")
    text = text.replace(f"    {site}:\n", f"    '{MARKUP}':\n") if site else text
    made = team.ask("ada", "POST", "/api/verbs/run?wait=60", {"plan": {"text": text}, "changes": ONE})
    assert made.status_code == 200, made.text
    job = made.headers["location"].rpartition("/")[2]
    page = team.ask("ada", "GET", f"/api/jobs/{job}/result?form=html")
    assert page.headers["content-disposition"].startswith("attachment")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "alert(1)" in page.text
    assert MARKUP not in page.text
    assert "<img src=x" not in page.text


def test_too_much_is_refused(team: Team) -> None:
    big = {"title": "a", "plan": {"text": "x" * (guard.MOST_BYTES + 1)}}
    assert team.ask("ada", "POST", "/api/stored", big).status_code == 413
    assert team.ask("ada", "POST", "/api/stored", {"title": "a" * 201, "plan": LAB}).status_code == 422
    many = {"plan": LAB, "changes": ["uncertainty.members=21"]}
    assert "more futures" in team.ask("ada", "POST", "/api/verbs/run", many).text
    for _ in range(6):
        last = team.ask("eve", "POST", "/api/stored", {"title": "a", "plan": LAB})
    assert last.status_code == 429


def test_too_often_is_refused_and_wrong_tokens_sooner(tmp_path: Path, team: Team) -> None:
    limits = TeamLimits(requests_per_minute=5, failures_per_minute=3)
    team_of_few = Team.__new__(Team)
    team_of_few.tokens = team.tokens
    team_of_few.app = TeamGuard(team.app.app, team.people, [HOST], limits)
    assert [team_of_few.ask("ada", "GET", "/api/me").status_code for _ in range(7)] == [200] * 5 + [429] * 2
    assert team_of_few.ask("bob", "GET", "/api/me").status_code == 200
    assert [team_of_few.ask("gp.a.b", "GET", "/api/me").status_code for _ in range(5)] == [401] * 3 + [429] * 2


def received(port: int, *parts: bytes, pause: float) -> tuple[bytes, float]:
    """Send parts with pauses; return what comes back, and when the other side is done."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as found:
        answer = b""
        try:
            for part in parts:
                found.sendall(part)
                time.sleep(pause)
            while more := found.recv(65536):
                answer += more
        except OSError:
            pass
    return answer, time.monotonic() - begun


def test_slow_heads_and_bodies_are_cut_off(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    import uvicorn

    monkeypatch.setattr(connections, "HEAD_S", 0.5)
    monkeypatch.setattr(guard, "BODY_S", 0.5)
    listener = listening(0)
    port = listener.getsockname()[1]
    config = uvicorn.Config(team.app, http=connections.PromptProtocol, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        answer, took = received(port, b"GET /api/me HTTP/1.1\r\n", *[b"x-a: b\r\n"] * 20, pause=0.1)
        assert answer == b""
        assert took < 5
        head = f"POST /api/stored HTTP/1.1\r\nhost: {HOST}\r\n{HEADER}: {team.tokens['ada']}\r\n"
        head += "content-type: application/json\r\ncontent-length: 1000\r\n\r\n"
        answer, took = received(port, head.encode(), b"{", pause=0.1)
        assert answer.startswith(b"HTTP/1.1 408")
        assert took < 5
        fine = f"GET /api/me HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n{HEADER}: {team.tokens['ada']}\r\n\r\n"
        assert received(port, fine.encode(), pause=0.0)[0].startswith(b"HTTP/1.1 200")
    finally:
        server.should_exit = True
        thread.join(timeout=20)


def test_an_older_database_is_brought_to_the_newest_schema(tmp_path: Path) -> None:
    url = fresh(tmp_path)
    engine = databases._engine(url)
    migrate(engine, "0001")
    now = time.time()
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO users VALUES ('u', 'ada', 'planner', :now, NULL)"), {"now": now})
        connection.execute(
            sa.text("INSERT INTO tokens VALUES ('t', 'u', :salt, :hash, :now, NULL)"),
            {"now": now, "salt": "00" * 16, "hash": "00" * 32},
        )
    engine.dispose()
    database = TeamDatabase(url)
    assert [(u["name"], u["tokens"]) for u in People(database).every()] == [("ada", 1)]
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.change("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    with pytest.raises(MachineError, match="a later version of gigaplan"):
        TeamDatabase(url)


def test_an_address_that_is_none_is_refused(tmp_path: Path) -> None:
    for url, says in (("mysql://a/b", "no such kind"), ("what", "no address"), (f"sqlite:///{tmp_path}/a/b", "unable")):
        with pytest.raises(MachineError, match=says):
            TeamDatabase(url)


def test_jobs_of_a_team_wait_in_its_database_and_go_on(tmp_path: Path) -> None:
    url = fresh(tmp_path)
    database = TeamDatabase(url)
    first = Desk(lambda: tmp_path, Limits(), 1, database)
    store = first.store
    first.crew.close()
    waiting = store.submit("u", "catalog_yaml", {"name": "ercot"})
    store.database.change("UPDATE jobs SET state = 'running', attempts = 1 WHERE id = :id", id=waiting.id)
    first.close()
    again = TeamDatabase(url)
    second = Desk(lambda: tmp_path, Limits(), 1, again)
    second.resume()
    until = time.monotonic() + 90
    while second.store.get(waiting.id, "u").ended is None and time.monotonic() < until:
        time.sleep(0.1)
    job = second.store.get(waiting.id, "u")
    assert (job.state, job.attempts) == ("done", 2)
    assert "ercot" in json.loads((second.store.home(job.id) / job.files["json"]).read_text())["text"]
    second.close()
