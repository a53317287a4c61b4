"""Jobs and verbs of the server: kept on the disk, one endpoint for each verb, the same answers as in Python."""

from __future__ import annotations

import asyncio
import inspect
import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import gigaplan
from gigaplan import api
from gigaplan.api.json_form import to_json
from gigaplan.app.guard import HEADER, Guard
from gigaplan.app.queue.desk import FILE, Desk
from gigaplan.app.queue.pages import Links
from gigaplan.app.queue.store import ATTEMPTS, REQUEST
from gigaplan.app.server import application
from gigaplan.app.verbs.derive import NOT_POSTED, verbs
from gigaplan.app.verbs.kinds import kinds
from gigaplan.app.verbs.limits import Limits
from gigaplan.app.work import Worker
from gigaplan.vocabulary.errors import MachineError

sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))
import jobs

TOKEN, HOST = "a-token-of-the-test", "127.0.0.1:8000"
LAB, ONE = {"name": "lab-1mw"}, ["uncertainty.members=1"]
LIMITS = Limits(members=20, study_members=50, open_jobs=6, kept_jobs=40)


class Client:
    """Asks the application itself, without a network."""

    def __init__(self, app: Guard) -> None:
        self.app = app

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
                return await client.request(method, path, headers={HEADER: TOKEN}, timeout=120, **more)

        return asyncio.run(asked())

    def verb(self, name: str, question: Any, wait: float = 60) -> httpx.Response:
        return self.ask("POST", f"/api/verbs/{name}?wait={wait}", json=question)

    def post(self, verb: str, question: Any) -> httpx.Response:
        return self.ask("POST", "/api/jobs", json={"verb": verb, "request": question})

    def ended(self, number: str) -> dict[str, Any]:
        return dict(self.ask("GET", f"/api/jobs/{number}?wait=60").json())


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("jobs")
    made = Desk(lambda: folder, LIMITS)
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(desk: Desk) -> Client:
    return Client(application(TOKEN, Worker(), desk))


def test_every_verb_of_python_and_of_the_terminal_has_an_endpoint(client: Client) -> None:
    paths = client.ask("GET", "/openapi.json").json()["paths"]
    functions = {n for n in api.__all__ if inspect.isfunction(getattr(api, n))}
    assert functions - set(NOT_POSTED) == set(verbs())
    assert {f"/api/verbs/{n}" for n in kinds()} <= set(paths)
    terminal = {
        "run",
        "check",
        "compare",
        "new",
        "explain",
        "export",
        "rerun",
        "unused",
        "schema",
        "frontier",
        "train",
        "serve",
        "power_supply",
    }
    assert terminal <= set(verbs())


@pytest.mark.parametrize("name", sorted(verbs()))
def test_what_would_name_a_file_of_this_machine_is_never_posted(name: str) -> None:
    given = {g.name: g for g in verbs()[name].given}
    files = {
        "out",
        "path",
        "from_xlsx",
        "table",
        "measured",
        "overlays",
        "plan",
        "a",
        "b",
        "like",
        "model_configs",
        "trace",
    }
    assert all(given[n].kind != "value" for n in files & set(given))
    assert not {"out", "path", "from_xlsx", "workers", "on", "address"} & set(given)


def test_a_verb_answers_as_python_does(client: Client) -> None:
    found = client.verb("run", {"plan": LAB, "changes": ONE})
    assert found.status_code == 200
    assert found.json() == json.loads(json.dumps(to_json(gigaplan.run("lab-1mw", ONE))))
    shown = client.verb("catalog_show", {"name": "h100_sxm"}).json()
    assert shown == json.loads(json.dumps(to_json(gigaplan.catalog_show("h100_sxm"))))
    front = {"models": ["llama_3_1_70b"], "systems": ["h100_hgx"], "ttft_s": "1 s"}
    again = gigaplan.frontier(["llama_3_1_70b"], ["h100_hgx"], ttft_s="1 s")
    assert client.verb("frontier", front).json() == json.loads(json.dumps(to_json(again)))


def test_a_posted_plan_and_table_are_answered_as_files_are(client: Client, tmp_path: Path) -> None:
    text = gigaplan.catalog_yaml("gb300_nvl72")
    columns = "model,gpu,tp,precision,engine,input_tokens,output_tokens,concurrency"
    rows = f"{columns}\nllama_3_1_70b,h100_sxm,4,fp8,trtllm,1024,1024,16\n"
    table = tmp_path / "table.csv"
    table.write_text(rows)
    question = {"table": {"text": rows}, "system_configs": {"my_rack": text}}
    found = client.verb("predict_inference", question)
    assert found.status_code in (200, 422), found.text
    if found.status_code == 422:  # the same words as in the terminal, of the posted table
        with pytest.raises(gigaplan.PlanError) as raised:
            gigaplan.predict_inference(table, tmp_path / "out.csv")
        assert [p["message"] for p in found.json()["problems"]] == [p.message for p in raised.value.problems]
        return
    number = found.headers["location"].rpartition("/")[2]
    gigaplan.predict_inference(table, tmp_path / "out.csv")
    posted = client.ask("GET", f"/api/jobs/{number}/result?form=csv").text
    assert posted == (tmp_path / "out.csv").read_text()


@pytest.mark.parametrize(("form", "begins"), [("parquet", b"PAR1"), ("netcdf", b"CDF"), ("xlsx", b"PK")])
def test_a_result_comes_in_every_form(client: Client, form: str, begins: bytes) -> None:
    run = client.verb("run", {"plan": LAB, "changes": ONE}).headers["location"].rpartition("/")[2]
    made = client.verb("export", {"result": {"job": run}, "to": form})
    assert made.status_code == 200, made.text
    number = made.headers["location"].rpartition("/")[2]
    file = client.ask("GET", f"/api/jobs/{number}/result?form={form}")
    assert file.content.startswith(begins)
    assert file.headers["content-disposition"].startswith("attachment")


def test_an_arrow_file_has_the_numbers_of_the_parquet_file(client: Client) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    run = client.verb("run", {"plan": LAB, "changes": ONE}).headers["location"].rpartition("/")[2]
    tables = []
    for form in ("parquet", "arrow"):
        number = client.verb("export", {"result": {"job": run}, "to": form}).headers["location"].rpartition("/")[2]
        data = client.ask("GET", f"/api/jobs/{number}/result?form={form}").content
        reader = pyarrow.BufferReader(data)
        tables.append(parquet.read_table(reader) if form == "parquet" else pyarrow.ipc.open_file(reader).read_all())
    assert tables[0].equals(tables[1])
    assert tables[0].num_rows > 100


def test_a_wrong_question_gets_the_words_of_the_terminal(client: Client) -> None:
    with pytest.raises(gigaplan.PlanError) as raised:
        gigaplan.run("lab-1mw", ["fleet.ladder.ready_lag_months=soon"])
    found = client.verb("run", {"plan": LAB, "changes": ["fleet.ladder.ready_lag_months=soon"]})
    assert found.status_code == 422
    assert [p["text"] for p in found.json()["problems"]] == [str(p) for p in raised.value.problems]
    for wrong in ({"plan": LAB, "unknown": 1}, {"plan": {"name": "a", "text": "b"}}, {"plan": "lab-1mw"}, {}):
        assert client.verb("run", wrong).status_code == 422
    assert client.post("launch", {}).status_code == 422
    assert client.post("run", {"plan": 1}).json()["problems"][0]["path"].startswith("body.request.plan")


FILES = {
    "a plan": ("run", {"plan": {"name": "FILE"}}),
    "a change": ("run", {"plan": LAB, "changes": ["systems.mine.config=FILE"]}),
    "an overlay": ("run", {"plan": LAB, "overlays": ["FILE"]}),
    "claims": ("check", {"plan": LAB, "changes": ONE, "claims": [{"name": "FILE"}]}),
    "about": ("validate_inference", {"about": ["FILE"]}),
    "a model": ("train", {"model": "FILE", "system": "h100_hgx", "gpus": 8, "model_configs": {"FILE": "{}"}}),
    "a trace": ("serve", {"trace": {"name": "FILE"}, "model": "llama_3_1_8b", "system": "h100_hgx"}),
    "a plan of sites": ("train_sites", {"model": "llama_3_1_70b", "system": "h100_hgx", "plan": {"name": "FILE"}}),
}


@pytest.mark.parametrize("way", FILES)
def test_no_question_reads_a_file_or_learns_of_one(client: Client, tmp_path: Path, way: str) -> None:
    secret = tmp_path / "secret.yaml"
    verb, question = FILES[way]
    posted = json.loads(json.dumps(question).replace("FILE", str(secret)))
    before = client.verb(verb, posted)
    secret.write_text("topsecret: 1\n")
    after = client.verb(verb, posted)
    assert before.status_code == after.status_code == 422
    assert "topsecret" not in after.text
    assert before.json() == after.json()


def test_more_than_the_server_computes_is_refused_wherever_it_is_stated(client: Client) -> None:
    many = (
        ("run", {"plan": LAB, "changes": ["uncertainty.members=21"]}),
        ("run", {"plan": LAB, "overlays": ["overlay: {who: a, why: b, from: c}\nuncertainty: {members: 21}\n"]}),
        ("study_montecarlo", {"plan": LAB, "members": 51}),
        ("study_montecarlo", {"plan": LAB, "changes": ["study.members=51"]}),
        ("validate_history", {"members": 21}),
    )
    for verb, question in many:
        found = client.verb(verb, question)
        assert found.status_code == 422, (verb, question)
        assert "more futures than this server computes" in found.text, found.text


def test_a_study_is_done_with_progress_and_kept_with_its_page(client: Client) -> None:
    number = client.post("study_montecarlo", {"plan": LAB, "members": 12}).json()["id"]
    job = client.ended(number)
    assert (job["state"], job["done"], job["total"]) == ("done", 12, 12)
    assert job["forms"] == ["html", "json"]
    answer = client.ask("GET", f"/api/jobs/{number}/result").json()
    assert answer["kind"] == "monte_carlo"
    assert number in [one["id"] for one in client.ask("GET", "/api/jobs").json()["jobs"]]


def test_a_running_job_is_cancelled_and_the_next_one_done(client: Client) -> None:
    number = client.post("validate_history", {}).json()["id"]
    until = time.monotonic() + 30
    while client.ask("GET", f"/api/jobs/{number}").json()["state"] == "waiting" and time.monotonic() < until:
        time.sleep(0.05)
    assert client.ask("DELETE", f"/api/jobs/{number}").status_code == 422
    assert client.ask("POST", f"/api/jobs/{number}/cancel").json()["state"] == "cancelled"
    assert client.verb("validate_costs", {}).status_code == 200
    assert client.ask("GET", f"/api/jobs/{number}/result").status_code == 422
    assert client.ask("DELETE", f"/api/jobs/{number}").status_code == 204
    assert client.ask("GET", f"/api/jobs/{number}").status_code == 404


def test_a_cancelled_job_goes_on_and_a_done_one_does_not(client: Client) -> None:
    number = client.post("study_montecarlo", {"plan": LAB, "members": 12}).json()["id"]
    client.ask("POST", f"/api/jobs/{number}/cancel")
    asked = client.ask("GET", f"/api/jobs/{number}/question").json()
    assert asked == {"verb": "study_montecarlo", "request": {"plan": {"name": "lab-1mw", "text": ""}, "members": 12}}
    again = client.ask("POST", f"/api/jobs/{number}/resume")
    assert again.status_code == 200, again.text
    job = client.ended(number)
    assert (job["state"], job["done"], job["attempts"]) == ("done", 12, 1)
    refused = client.ask("POST", f"/api/jobs/{number}/resume")
    assert refused.status_code == 422
    assert "can't go on" in refused.text
    for path in ("resume", "question", "page"):
        method = "GET" if path == "question" else "POST"
        assert client.ask(method, f"/api/jobs/{'x' * 22}/{path}").status_code == 404


def test_the_page_of_a_job_opens_once_without_rights_on_the_server(client: Client, desk: Desk) -> None:
    number = client.verb("run", {"plan": LAB, "changes": ONE}).headers["location"].rpartition("/")[2]
    path = client.ask("POST", f"/api/jobs/{number}/page").json()["path"]
    page = client.ask("GET", path)
    assert page.text.startswith("<!doctype html>")
    policy = page.headers.get_list("content-security-policy")
    assert len(policy) == 1
    assert policy[0].startswith("sandbox allow-scripts allow-downloads allow-popups; default-src 'none'")
    assert "allow-same-origin" not in policy[0]
    assert client.ask("GET", path).status_code == 404, "a link opens once"
    late = Links()
    key = late.to(desk.store.home(number))
    late._files[key] = (time.monotonic() - 1, late._files[key][1])
    assert late.taken(key) is None
    assert client.ask("GET", "/pages/..%2f..%2fetc%2fpasswd").status_code in (404, 422)
    costs = client.verb("validate_costs", {}).headers["location"].rpartition("/")[2]
    assert "this job has no page" in client.ask("POST", f"/api/jobs/{costs}/page").text


def test_listing_jobs_makes_no_folder(tmp_path: Path) -> None:
    desk = Desk(lambda: tmp_path / "none", LIMITS)
    assert Client(application(TOKEN, Worker(), desk)).ask("GET", "/api/jobs").json() == {"jobs": []}
    assert not (tmp_path / "none").exists()


def test_one_user_has_so_many_jobs_at_once(client: Client) -> None:
    posted = [client.post("validate_history", {}) for _ in range(LIMITS.open_jobs + 1)]
    assert [p.status_code for p in posted] == [202] * LIMITS.open_jobs + [429]
    for one in posted[:-1]:
        client.ask("POST", f"/api/jobs/{one.json()['id']}/cancel")


@pytest.mark.parametrize("number", ["x" * 22, "../../etc/passwd", "..%2f..%2fetc", "a" * 500, "%00"])
def test_a_guessed_id_is_no_job(client: Client, number: str) -> None:
    for path in (f"/api/jobs/{number}", f"/api/jobs/{number}/result"):
        assert client.ask("GET", path).status_code in (404, 422)
    assert client.verb("export", {"result": {"job": number}, "to": "csv"}).status_code in (404, 422)


def test_what_cannot_go_on_says_why(tmp_path: Path) -> None:
    desk = Desk(lambda: tmp_path, LIMITS)
    store = desk.store
    desk.crew.close()
    lost, tired = (store.submit("local", "validate_costs", {}) for _ in range(2))
    (store.home(lost.id) / REQUEST).unlink()
    store.database.change(f"UPDATE jobs SET state = 'running', attempts = {ATTEMPTS} WHERE id = :id", id=tired.id)
    (store.folder / ("y" * 22)).mkdir()
    store.resume()
    assert "its question is lost" in store.get(lost.id, "local").problems[0]["text"].replace("the job's", "its")
    assert f"begun {ATTEMPTS} times" in store.get(tired.id, "local").problems[0]["text"]
    assert not (store.folder / ("y" * 22)).exists()
    with pytest.raises(MachineError, match="another planner keeps its jobs there"):
        Desk(lambda: tmp_path, LIMITS).store  # noqa: B018
    desk.close()
    assert (tmp_path / FILE).is_file()


def test_jobs_survive_the_kill_of_their_server(tmp_path: Path) -> None:
    wrong, kills, found = jobs.kill_often(jobs.FEW, tmp_path, random.Random(1), most_kills=1, longest_s=4.0)
    assert wrong == []
    assert kills == 1
    study = to_json(gigaplan.study_montecarlo("lab-1mw", members=jobs.FEW[0][1]["members"], out=tmp_path / "calm"))
    assert {k: v for k, v in found[0].items() if k != "folder"} == json.loads(
        json.dumps({k: v for k, v in study.items() if k != "folder"})
    )
    assert found[1] == json.loads(json.dumps(to_json(gigaplan.run("lab-1mw", ONE))))
    assert found[2]["kind"] == "sweep"
