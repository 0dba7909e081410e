# SPDX-License-Identifier: Apache-2.0
"""The request log of kingpost-serve, read by pyarrow and DuckDB, and labels for what it holds."""

import json
import signal
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

import duckdb
import pyarrow.parquet
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from project import KINGPOST  # noqa: E402
from serving import Served, made_rows  # noqa: E402

ROWS = [{"area": 50.5, "kind": "flat"}, {"area": None, "kind": None}, {"area": 80, "kind": "ä ☃"}]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    (folder / "houses.csv").write_text(made_rows())
    for words in (["init", "houses.csv", "--target", "price"], ["run", "--quiet"],
                  ["package", "bundle"]):
        subprocess.run([KINGPOST, *words], cwd=folder, check=True, capture_output=True)
    return folder / "bundle"


def ask(port, rows):
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/v1/models/houses:predict", json.dumps(rows))
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    assert answer.status == 200, body
    return answer.headers["X-Kingpost-Prediction-Id"], body["predictions"]


def ended(served):
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(60) == 0


def wait(holds, seconds=60):
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)


def dropped(served):
    metrics = served.ask("GET", "/metrics")[2].decode()
    return next(float(line.split()[1]) for line in metrics.splitlines()
                if line.startswith("kingpost_log_dropped_total"))


def kept(folder):
    return duckdb.sql(f"SELECT * FROM read_parquet('{folder}/requests-*.parquet') "
                      "ORDER BY time, prediction_id, row")


def test_every_answered_row_is_kept(bundle, tmp_path):
    served = Served("--model", f"houses={bundle}", "--request-log", tmp_path, "--drain", "0")
    ids, predictions = [], []
    for _ in range(3):
        each, answers = ask(served.port, ROWS)
        ids.append(each)
        predictions += [row["prediction"] for row in answers]
    assert len(set(ids)) == 3
    code, _, _ = served.ask("POST", "/v1/models/houses:predict", "[{}]")
    assert code == 400
    ended(served)
    columns = kept(tmp_path).columns
    assert columns == ["prediction_id", "row", "time", "latency_us", "model", "version",
                       *columns[6:8], "output.prediction"]
    lines = kept(tmp_path).fetchall()
    assert len(lines) == 9
    assert {line[0] for line in lines} == set(ids)
    by_id = {each: [line for line in lines if line[0] == each] for each in ids}
    at = {name: i for i, name in enumerate(columns)}
    for number, each in enumerate(ids):
        for row, line in enumerate(by_id[each]):
            assert line[at["row"]] == row and line[at["model"]] == "houses"
            assert line[at["area"]] == ROWS[row]["area"]
            assert line[at["kind"]] == ROWS[row]["kind"]
            assert abs(line[at["output.prediction"]] - predictions[number * 3 + row]) < 1e-2
            assert abs(line[at["time"]].timestamp() - time.time()) < 86_400
            assert 0 <= line[at["latency_us"]] < 60_000_000
    file, = tmp_path.glob("requests-*.parquet")
    table = pyarrow.parquet.read_table(file)
    assert table.num_rows == 9 and table["kind"].to_pylist().count(None) == 3
    assert list(tmp_path.glob("*.part")) == []


def test_labels(bundle, tmp_path):
    served = Served("--model", f"houses={bundle}", "--request-log", tmp_path, "--drain", "0")
    each, _ = ask(served.port, ROWS)
    path = "/v1/models/houses:feedback"
    assert served.json("POST", path, json.dumps(
        [{"prediction_id": each, "row": 1, "label": 81000.5},
         {"prediction_id": each, "label": 70000}])) == {"accepted": 2}
    for body in ("[]x", '[{"label": 1}]', '{"prediction_id": "x"}', "[5]",
                 '{"prediction_id": "x", "label": [1]}', '{"prediction_id": "x", "label": NaN}',
                 '{"prediction_id": "x", "row": -1, "label": 1}'):
        told = served.json("POST", path, body, 400)
        assert told["id"] in ("serve.feedback_malformed", "json.malformed")
    served.json("POST", "/v1/models/other:feedback", "[]", 404)
    ended(served)
    file, = tmp_path.glob("feedback-*.ndjson")
    joined = duckdb.sql(f"""
        SELECT row, label, "output.prediction" IS NOT NULL FROM read_json('{file}') AS labels
        JOIN read_parquet('{tmp_path}/requests-*.parquet') AS requests USING (prediction_id, row)
        ORDER BY row""").fetchall()
    assert joined == [(0, 70000.0, True), (1, 81000.5, True)]
    without = Served("--model", f"houses={bundle}")
    assert without.json("POST", path, "[]", 501)["id"] == "serve.no_log"
    without.end()


def test_files_are_ended_and_a_share_is_kept(bundle, tmp_path):
    served = Served("--model", f"houses={bundle}", "--request-log", tmp_path, "--log-share",
                    "0.25", "--log-bytes", "1000", "--drain", "0")
    ids = [ask(served.port, ROWS)[0] for _ in range(100)]
    assert sum(each is not None for each in ids) == 25
    ended(served)
    assert len(list(tmp_path.glob("requests-*.parquet"))) > 1
    assert kept(tmp_path).aggregate("count(*)").fetchone() == (75,)


def test_a_disk_that_hangs_or_is_full_slows_nobody(bundle, tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    served = Served("--model", f"houses={bundle}", "--request-log", folder, "--log-bytes", "1",
                    "--drain", "0")
    ask(served.port, ROWS)
    wait(lambda: list(folder.glob("*.parquet")))
    # Nothing can be written any more.
    for each in folder.iterdir():
        each.unlink()
    folder.rmdir()
    folder.write_text("a file in the way")
    begun = time.monotonic()
    threads = [threading.Thread(target=lambda: [ask(served.port, ROWS) for _ in range(50)])
               for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert time.monotonic() - begun < 30
    wait(lambda: dropped(served) > 0)
    ended(served)


def test_what_was_written_before_a_kill_stays(bundle, tmp_path):
    served = Served("--model", f"houses={bundle}", "--request-log", tmp_path, "--log-time", "1s")
    ask(served.port, ROWS)
    wait(lambda: list(tmp_path.glob("*.parquet")))
    ask(served.port, ROWS)
    served.end()
    assert kept(tmp_path).aggregate("count(*)").fetchone() == (3,)
