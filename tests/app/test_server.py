"""The planner's server: who may ask, what it answers, and what no request can make it do."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

import gigaplan
from gigaplan.app.guard import HEADER, Guard
from gigaplan.app.requests import MOST_BYTES, PlanState
from gigaplan.app.server import application, written
from gigaplan.app.sources import command_of
from gigaplan.plan.sources import builtin_text
from gigaplan.report.answer import answer
from gigaplan.report.headline import cards
from gigaplan.vocabulary.errors import PlanError

TOKEN, HOST = "a-token-of-the-test", "127.0.0.1:8000"
PLAN = "lab-1mw"
MARKUP = "<img src=x onerror=alert(1)>"


class Client:
    """Asks the application itself, without a network."""

    def __init__(self, app: Guard) -> None:
        self.app = app

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
                given = {HEADER: TOKEN, **(headers or {})}
                return await client.request(method, path, headers=given, timeout=120, **more)

        return asyncio.run(asked())

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.ask("GET", path, **more)

    def post(self, path: str, body: Any, **more: Any) -> httpx.Response:
        return self.ask("POST", path, json=body, **more)


@pytest.fixture(scope="module")
def client() -> Client:
    return Client(application(TOKEN))


def plan(*changes: str) -> dict[str, Any]:
    return {"name": PLAN, "changes": list(changes)}


def test_the_page_needs_no_token_and_holds_none(client: Client) -> None:
    page = client.get("/", headers={HEADER: ""})
    assert page.status_code == 200
    assert "planner.js" in page.text
    assert TOKEN not in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("token", ["", "another", TOKEN[:-1], TOKEN + "x", "\xff"])
@pytest.mark.parametrize("path", ["/api/plans", "/openapi.json"])
def test_a_question_without_the_token_is_refused(client: Client, token: str, path: str) -> None:
    headers = {HEADER: token.encode("latin-1")}
    assert client.get(path, headers=headers).status_code == 401  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "10.0.0.1:8000", ""])
def test_another_host_is_refused_page_and_questions(client: Client, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 421
    assert client.get("/api/plans", headers={"host": host}).status_code == 421


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9000", f"http://{HOST}.evil.example"]
)
def test_another_origin_is_refused(client: Client, origin: str) -> None:
    assert client.post("/api/answer", {"plan": plan()}, headers={"origin": origin}).status_code == 403


def test_the_own_origin_passes_and_a_cross_site_read_does_not(client: Client) -> None:
    assert client.get("/api/plans", headers={"origin": f"http://{HOST}"}).status_code == 200
    assert client.get("/api/plans", headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_a_large_body_is_refused_stated_or_not(client: Client) -> None:
    large = json.dumps({"plan": {"text": "x" * (10 * MOST_BYTES)}}).encode()
    kind = {"content-type": "application/json"}
    assert client.ask("POST", "/api/answer", headers=kind, content=large).status_code == 413

    async def chunks() -> Any:
        for begin in range(0, len(large), 65536):
            yield large[begin : begin + 65536]

    assert client.ask("POST", "/api/answer", headers=kind, content=chunks()).status_code in (400, 413)


@pytest.mark.parametrize(
    "body",
    [
        {"plan": plan(), "members": 101},
        {"plan": plan(), "members": 0},
        {"plan": {**plan(), "changes": ["a=1"] * 201}},
        {"plan": {**plan(), "changes": ["a" * 2001]}},
        {"plan": plan(), "unknown": 1},
        {"plan": {**plan(), "overlays": ["/etc/passwd"]}},
    ],
)
def test_what_is_out_of_bounds_is_refused_with_its_place(client: Client, body: Any) -> None:
    refused = client.post("/api/answer", body)
    assert refused.status_code == 422
    assert all(p["path"].startswith("body.") for p in refused.json()["problems"])


def test_the_plan_cannot_raise_the_number_of_members(client: Client) -> None:
    found = client.post("/api/answer", {"plan": plan("uncertainty.members=5000")}).json()
    assert found["stamp"]["members"] == 1


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "..", "lab-1mw.yaml", "./lab-1mw", "", "pyproject"]
)
def test_a_name_is_a_built_in_plans_or_refused(client: Client, name: str) -> None:
    refused = client.post("/api/answer", {"plan": {"name": name}})
    assert refused.status_code == 422
    problem = refused.json()["problems"][0]
    assert problem["message"] == "no such built-in plan"
    assert PLAN in problem["allowed"]


@pytest.mark.parametrize("path", ["/../pyproject.toml", "/%2e%2e/server.py", "/..%2fserver.py", "/%2fetc/passwd"])
def test_the_page_has_no_way_out_of_its_folder(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "lines",
    [
        "systems: {mine: {config: FILE}}",
        "regions: {mine: {config: FILE}}",
        "models: {mine: {config: FILE}}",
        "claims: [FILE]",
    ],
)
def test_a_posted_plan_reads_no_file_and_learns_of_none(client: Client, tmp_path: Path, lines: str) -> None:
    secret = tmp_path / "secret.yaml"
    key = lines.partition(":")[0]
    kept = "\n".join(line for line in builtin_text(PLAN).splitlines() if not line.startswith(f"{key}:"))
    body = {"plan": {"text": f"{kept}\n{lines.replace('FILE', str(secret))}\n"}}
    without = client.post("/api/answer", body)
    secret.write_text("topsecret: 1\n")
    answered = client.post("/api/answer", body)
    assert answered.status_code == 422
    assert "topsecret" not in answered.text
    assert "names no file" in answered.text or "no such claim" in answered.text
    assert answered.json() == without.json()


def test_a_change_reads_no_file(client: Client, tmp_path: Path) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text("topsecret: 1\n")
    for section in ("systems", "models"):
        answered = client.post("/api/answer", {"plan": plan(f"{section}.mine.config={secret}")})
        assert answered.status_code == 422
        assert "topsecret" not in answered.text


def test_markup_in_every_text_comes_back_as_data(client: Client) -> None:
    text = builtin_text(PLAN).replace("title: One megawatt for a university", f"title: '{MARKUP}'")
    assert MARKUP in text
    answered = client.post("/api/answer", {"plan": {"text": text, "changes": [f"fleet.sites.*.region={MARKUP}"]}})
    assert answered.status_code == 422
    assert answered.headers["content-type"] == "application/json"
    assert MARKUP in answered.json()["problems"][0]["text"]
    answered = client.post("/api/answer", {"plan": {"text": text}})
    assert answered.headers["content-type"] == "application/json"
    assert answered.json()["stamp"]["title"] == MARKUP
    for path in (f"/api/explain?answer={MARKUP}&quantity=x", f"/api/download?answer={MARKUP}&form={MARKUP}"):
        refused = client.get(path)
        assert refused.headers["content-type"] == "application/json"
        assert refused.headers["x-content-type-options"] == "nosniff"


def test_a_wrong_plan_gets_the_problems_that_the_terminal_prints(client: Client) -> None:
    change = "fleet.ladder.ready_lag_months=soon"
    with pytest.raises(PlanError) as raised:
        gigaplan.run(PLAN, [change])
    answered = client.post("/api/answer", {"plan": plan(change)})
    assert answered.status_code == 422
    assert [p["text"] for p in answered.json()["problems"]] == [str(p) for p in raised.value.problems]
    assert "Traceback" not in answered.text


def test_the_page_says_what_the_terminal_and_python_say(client: Client) -> None:
    change = "fleet.ladder.ready_lag_months=3 months"
    found = client.post("/api/answer", {"plan": plan(change)}).json()
    result = gigaplan.run(PLAN, [change, "uncertainty.members=1"])
    assert found["sentence"] == answer(result)
    assert [(c["variable"], c["value"]) for c in found["cards"]] == [(c.variable, c.value) for c in cards(result)]
    assert found["command"] == f"gigaplan run {PLAN} --set '{change}'"
    for card in found["cards"]:
        if card["at"]:
            at = ",".join(f"{k}={v}" for k, v in card["at"].items())
            query = {"answer": found["id"], "quantity": card["variable"], "at": at}
            explained = client.get("/api/explain", params=query).json()
            assert explained["figures"][0]["value"] == card["number"]


def test_plan_b_is_answered_beside_the_plan(client: Client) -> None:
    found = client.post("/api/answer", {"plan": plan("fleet.ladder.ready_lag_months=6 months"), "other": plan()}).json()
    before = client.post("/api/answer", {"plan": plan()}).json()
    assert [c["value"] for c in found["other"]["cards"]] == [c["value"] for c in before["cards"]]
    assert [c["value"] for c in found["cards"]] != [c["value"] for c in before["cards"]]


@pytest.mark.parametrize("name", ["lab-1mw", "actual-2026-11"])
def test_inputs_that_are_offered_can_be_set_to_both_ends(client: Client, name: str) -> None:
    found = client.post("/api/inputs", {"plan": {"name": name}}).json()
    assert len(found["inputs"]) >= 5
    assert len(found["lines"]) > 200
    for end in ("low", "high"):
        changes = [f"{i['path']}={'+' if i.get('shift') else ''}{i[end]:.6g} {i['write']}" for i in found["inputs"]]
        assert client.post("/api/answer", {"plan": {"name": name, "changes": changes}}).status_code == 200


def test_the_text_has_the_changes_in_it_and_gives_the_same_figures(client: Client) -> None:
    change = "fleet.ladder.ready_lag_months=3 months"
    assert written(PlanState(name=PLAN)) == builtin_text(PLAN)
    text = client.post("/api/text", {"plan": plan(change)}).json()["text"]
    changed, own = (client.post("/api/answer", {"plan": p}).json() for p in (plan(change), {"text": text}))
    assert [c["value"] for c in own["cards"]] == [c["value"] for c in changed["cards"]]


def test_a_plan_of_ones_own_begins_with_a_power_and_a_place(client: Client) -> None:
    text = client.post("/api/start", {"power": "150 MW it", "region": "ercot"}).json()["text"]
    found = client.post("/api/answer", {"plan": {"text": text}}).json()
    assert "150 MW" in found["sentence"]
    wrong = client.post("/api/start", {"power": "much", "region": "atlantis"})
    assert wrong.status_code == 422
    assert {p["value"] for p in wrong.json()["problems"]} == {"much", "atlantis"}


def test_a_posted_text_is_run_as_a_file() -> None:
    assert command_of(PlanState(text="x: 1", changes=("a b=1",))) == "gigaplan run plan.yaml --set 'a b=1'"


def test_the_interface_is_open_api_3_1(client: Client) -> None:
    described = client.get("/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    asked = {"answer", "inputs", "explain", "compare", "download", "places", "frame", "known", "serving", "training"}
    assert {f"/api/{name}" for name in asked} <= set(described["paths"])


def test_figures_of_other_frames_can_be_explained(client: Client) -> None:
    found = client.post("/api/frame", {"plan": plan(), "frame": "site"}).json()
    card = found["groups"][0]["cards"][1]
    at = ",".join(f"{k}={v}" for k, v in card["at"].items())
    query = {"answer": found["id"], "quantity": card["variable"], "at": at}
    assert client.get("/api/explain", params=query).json()["figures"][0]["value"] == card["number"]
    where = client.post("/api/places", {"plan": plan()}).json()
    query = {
        "answer": where["id"],
        "quantity": "power_state_mw",
        "at": "site=Campus hall,state=producing,edge=2031-01-01",
    }
    assert client.get("/api/explain", params=query).json()["figures"][0]["text"] == "1"
    assert client.post("/api/frame", {"plan": plan(), "frame": "none"}).status_code == 422
    assert "qwen3_32b" in [m["name"] for m in client.get("/api/known").json()["models"]]


def test_what_is_not_known_is_said(client: Client) -> None:
    refused = client.get("/api/explain", params={"answer": "none", "quantity": "gpus_producing"})
    assert refused.status_code == 422
    assert "no such answer" in refused.json()["problems"][0]["message"]
