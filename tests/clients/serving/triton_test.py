# SPDX-License-Identifier: Apache-2.0
"""Triton's own clients, of HTTP and gRPC, with and without asyncio: every method that they have."""

import asyncio
import hashlib
import json
import queue
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.grpc.aio
import tritonclient.http
import tritonclient.http.aio
from prometheus_client.parser import text_string_to_metric_families
from tritonclient.utils import InferenceServerException

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))

from project import KINGPOST  # noqa: E402
from serving import Served, made_rows  # noqa: E402

KINDS = {"http": tritonclient.http, "grpc": tritonclient.grpc}


class Model:
    """The bundle of a model of houses, its example, and a server of it."""

    def __init__(self, folder):
        (folder / "houses.csv").write_text(made_rows())
        for words in (["init", "houses.csv", "--target", "price"], ["run", "--quiet"],
                      ["package", "bundle"]):
            subprocess.run([KINGPOST, *words], cwd=folder, check=True, capture_output=True)
        self.bundle = folder / "bundle"
        example = json.loads((self.bundle / "input_example.json").read_text())
        answers = json.loads((self.bundle / "input_example.answers.json").read_text())
        self.columns, self.rows = example["columns"], example["data"]
        at = answers["columns"].index("prediction")
        self.expected = np.array([row[at] for row in answers["data"]], np.float32)
        self.served = Served("--model", f"houses={self.bundle}", "--model",
                             f"houses/3={self.bundle}", "--grpc", "0")

    def url(self, kind):
        port = self.served.port if kind == "http" else self.served.grpc_port
        return f"127.0.0.1:{port}"

    def inputs(self, kind, rows=None, binary=True):
        rows = self.rows if rows is None else rows
        out = []
        for i, name in enumerate(self.columns):
            is_text = name == "kind"
            values = np.array([row[i] for row in rows], object if is_text else np.float64)
            tensor = KINDS[kind].InferInput(name, [len(rows), 1], "BYTES" if is_text else "FP64")
            data = values.reshape(-1, 1)
            if kind == "http":
                tensor.set_data_from_numpy(data, binary_data=binary)
            else:
                tensor.set_data_from_numpy(data)
            out.append(tensor)
        return out


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    out = Model(tmp_path_factory.mktemp("model"))
    yield out
    out.served.end()


@pytest.fixture(params=["http", "grpc"])
def kind(request):
    return request.param


@pytest.fixture
def client(model, kind):
    out = KINDS[kind].InferenceServerClient(model.url(kind))
    yield out
    out.close()


def same_bits(result, model, rows=None):
    expected = model.expected if rows is None else model.expected[:rows]
    assert result.as_numpy("prediction").ravel().tobytes() == expected.tobytes()


def as_json(kind, answer, key=None):
    """What both kinds of client tell, as plain values."""
    if kind == "http":
        return answer
    from google.protobuf.json_format import MessageToDict
    out = MessageToDict(answer, preserving_proto_field_name=True)
    return out if key is None else out.get(key, [])


def test_health_and_what_is_told(client, kind, model):
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("houses") and client.is_model_ready("houses", "1")
    assert not client.is_model_ready("houses", "2") and not client.is_model_ready("other")
    assert as_json(kind, client.get_server_metadata())["name"] == "kingpost"
    told = as_json(kind, client.get_model_metadata("houses"))
    assert told["versions"] == ["1", "3"]
    assert {each["name"]: each["datatype"] for each in told["inputs"]} == {
        name: "BYTES" if name == "kind" else "FP64" for name in model.columns}
    config = client.get_model_config("houses")
    config = config if kind == "http" else as_json(kind, config)["config"]
    assert config["max_batch_size"] == 256
    assert {each["name"]: each["data_type"] for each in config["input"]} == {
        name: "TYPE_STRING" if name == "kind" else "TYPE_FP64" for name in model.columns}
    index = as_json(kind, client.get_model_repository_index(), "models")
    assert [(each["name"], each["version"], each["state"]) for each in index] == [
        ("houses", "1", "READY"), ("houses", "3", "READY")]
    for look in (client.get_model_metadata, client.get_model_config):
        with pytest.raises(InferenceServerException, match="unknown model: 'other'"):
            look("other")


def test_answers_bit_for_bit(client, kind, model):
    same_bits(client.infer("houses", model.inputs(kind)), model)
    same_bits(client.infer("houses", model.inputs(kind, model.rows[:1]), model_version="1"), model,
              1)
    outputs = [KINDS[kind].InferRequestedOutput("prediction")]
    out = client.infer("houses", model.inputs(kind), outputs=outputs, request_id="q7")
    same_bits(out, model)
    response = out.get_response()
    assert (response["id"] if kind == "http" else response.id) == "q7"
    for word in ("gzip", "deflate"):
        words = ({"request_compression_algorithm": word, "response_compression_algorithm": word}
                 if kind == "http" else {"compression_algorithm": word})
        many = model.inputs(kind, model.rows * 60)
        out = client.infer("houses", many, **words)
        assert out.as_numpy("prediction").ravel().tobytes() == np.tile(
            model.expected, 60).tobytes()
    if kind == "http":
        same_bits(client.infer("houses", model.inputs(kind, binary=False)), model)
        outputs = [tritonclient.http.InferRequestedOutput("prediction", binary_data=False)]
        same_bits(client.infer("houses", model.inputs(kind), outputs=outputs), model)
    pending = []
    answers = queue.Queue()
    for _ in range(20):
        if kind == "http":
            pending.append(client.async_infer("houses", model.inputs(kind)))
        else:
            client.async_infer("houses", model.inputs(kind),
                               lambda result, error: answers.put((result, error)))
    for each in pending:
        same_bits(each.get_result(), model)
    for _ in range(0 if kind == "http" else 20):
        result, error = answers.get(timeout=30)
        assert error is None
        same_bits(result, model)


def test_classes(client, kind, model):
    words = {"class_count": 1}
    outputs = [KINDS[kind].InferRequestedOutput("prediction", **words)]
    out = client.infer("houses", model.inputs(kind), outputs=outputs).as_numpy("prediction")
    assert out.shape[-1] == 1 and out.ravel()[0].endswith(b":0")


def test_what_is_refused(client, kind, model):
    inputs = model.inputs(kind)
    wrong = KINDS[kind].InferInput("area", [1, 1], "FP32")
    wrong.set_data_from_numpy(np.ones((1, 1), np.float32))
    for words, name, match in ((inputs, "other", "unknown model"),
                               (inputs[:1], "houses", "expected 2 inputs"),
                               ([*inputs, wrong], "houses", "area"),
                               ([wrong, inputs[-1]], "houses", "data-type|rows|unexpected")):
        with pytest.raises(InferenceServerException, match=match) as error:
            client.infer(name, words)
        status = error.value.status()
        assert status in ("400", "404", "StatusCode.NOT_FOUND", "StatusCode.INVALID_ARGUMENT")
    with pytest.raises(InferenceServerException):
        client.register_system_shared_memory("region", "/region", 16)
    with pytest.raises(InferenceServerException, match="hared memory|offered"):
        shared = KINDS[kind].InferInput("area", [1, 1], "FP64")
        shared.set_shared_memory("region", 8)
        client.infer("houses", [shared, *model.inputs(kind, model.rows[:1])[1:]])


def test_load_and_unload(client, kind, model):
    client.unload_model("houses")
    assert not client.is_model_ready("houses")
    client.load_model("houses")
    assert client.is_model_ready("houses")
    same_bits(client.infer("houses", model.inputs(kind)), model)
    with pytest.raises(InferenceServerException):
        client.load_model("other")
    with pytest.raises(InferenceServerException, match="not taken with a request"):
        client.load_model("houses", config="{}")


def test_statistics_and_metrics(client, kind, model):
    def rows():
        told = client.get_inference_statistics("houses", "1")
        told = told if kind == "http" else as_json(kind, told)
        return int(told["model_stats"][0].get("inference_count", 0))
    before = rows()
    client.infer("houses", model.inputs(kind), model_version="1")
    assert rows() == before + len(model.rows)
    everything = client.get_inference_statistics()
    everything = everything if kind == "http" else as_json(kind, everything)
    assert len(everything["model_stats"]) == 2
    text = model.served.ask("GET", "/metrics")[2].decode()
    families = {each.name: each for each in text_string_to_metric_families(text)}
    counts = {each.labels["version"]: each.value
              for each in families["nv_inference_count"].samples}
    assert counts["1"] == before + len(model.rows)
    seconds = families["kingpost_request_seconds"]
    assert seconds.type == "histogram" and len(seconds.samples) > 100


def test_a_stream_keeps_order_and_outlives_errors(model):
    client = tritonclient.grpc.InferenceServerClient(model.url("grpc"))
    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for i in range(40):
        client.async_stream_infer("other" if i % 10 == 3 else "houses", model.inputs("grpc"),
                                  request_id=str(i))
    for i in range(40):
        result, error = answers.get(timeout=30)
        if i % 10 == 3:
            assert "unknown model" in str(error)
        else:
            assert result.get_response().id == str(i)
            assert result.get_response().parameters["triton_final_response"].bool_param
            same_bits(result, model)
    client.stop_stream()
    client.close()


def test_typed_contents_and_both(model):
    """Clients without raw contents, such as KServe's."""
    from tritonclient.grpc import service_pb2
    client = tritonclient.grpc.InferenceServerClient(model.url("grpc"))
    request = service_pb2.ModelInferRequest(model_name="houses")
    for i, name in enumerate(model.columns):
        is_text = name == "kind"
        tensor = request.inputs.add(name=name, datatype="BYTES" if is_text else "FP64",
                                    shape=[len(model.rows), 1])
        if is_text:
            tensor.contents.bytes_contents.extend(row[i].encode() for row in model.rows)
        else:
            tensor.contents.fp64_contents.extend(row[i] for row in model.rows)
    answer = client._client_stub.ModelInfer(request)
    assert answer.raw_output_contents[0] == model.expected.tobytes()
    request.raw_input_contents.extend([b"x"] * len(model.columns))
    with pytest.raises(Exception, match="must not be specified"):
        client._client_stub.ModelInfer(request)
    client.close()


def test_asyncio(model, kind):
    async def all_of_it():
        module = tritonclient.http.aio if kind == "http" else tritonclient.grpc.aio
        client = module.InferenceServerClient(model.url(kind))
        assert await client.is_server_live() and await client.is_server_ready()
        assert await client.is_model_ready("houses")
        await client.get_model_metadata("houses")
        await client.get_model_config("houses")
        await client.get_model_repository_index()
        await client.get_inference_statistics("houses")
        results = await asyncio.gather(
            *[client.infer("houses", model.inputs(kind)) for _ in range(50)])
        for each in results:
            same_bits(each, model)
        with pytest.raises(InferenceServerException):
            await client.infer("other", model.inputs(kind))
        await client.unload_model("houses")
        await client.load_model("houses")
        await client.close()
    asyncio.run(all_of_it())


def test_keys_and_tls(model, tmp_path):
    """gRPC with a certificate and a key: only who has both is answered."""
    paths = tmp_path / "server.crt", tmp_path / "server.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-out", paths[0], "-keyout",
                    paths[1]], check=True, capture_output=True)
    keys = tmp_path / "keys"
    keys.write_text(hashlib.sha256(b"secret").hexdigest() + " infer tests\n")
    served = Served("--model", f"houses={model.bundle}", "--grpc", "0", "--api-keys", keys,
                    "--tls-certificate", paths[0], "--tls-key", paths[1])
    try:
        client = tritonclient.grpc.InferenceServerClient(
            f"127.0.0.1:{served.grpc_port}", ssl=True, root_certificates=str(paths[0]))
        assert client.is_server_live()
        allowed = {"authorization": "Bearer secret"}
        same_bits(client.infer("houses", model.inputs("grpc"), headers=allowed), model)
        for headers, status in ((None, "UNAUTHENTICATED"),
                                ({"x-api-key": "guess"}, "UNAUTHENTICATED")):
            with pytest.raises(InferenceServerException) as error:
                client.infer("houses", model.inputs("grpc"), headers=headers)
            assert error.value.status() == f"StatusCode.{status}"
        with pytest.raises(InferenceServerException) as error:
            client.unload_model("houses", headers=allowed)
        assert error.value.status() == "StatusCode.PERMISSION_DENIED"
        client.close()
    finally:
        served.end()


def test_grpc_ends_amid_calls_in_order(model):
    """SIGTERM: calls on their way are answered, then the client is told to go elsewhere."""
    served = Served("--model", f"houses={model.bundle}", "--grpc", "0", "--drain", "300ms")
    client = tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{served.grpc_port}")
    assert client.is_server_ready()
    served.process.terminate()
    answered = 0
    try:
        while True:
            same_bits(client.infer("houses", model.inputs("grpc")), model)
            answered += 1
    except InferenceServerException as error:
        assert error.status() == "StatusCode.UNAVAILABLE"
    assert answered > 0
    assert served.process.wait(30) == 0
    client.close()
    served.end()


def test_calls_are_in_the_access_log(model, tmp_path):
    log = tmp_path / "access.ndjson"
    served = Served("--model", f"houses={model.bundle}", "--grpc", "0", "--drain", "0",
                    "--access-log", log)
    client = tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{served.grpc_port}")
    same_bits(client.infer("houses", model.inputs("grpc")), model)
    with pytest.raises(InferenceServerException):
        client.infer("other", model.inputs("grpc"))
    client.close()
    served.process.terminate()
    assert served.process.wait(30) == 0
    served.end()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(each["method"], each["status"], each["code"]) for each in lines] == [
        ("inference.GRPCInferenceService/ModelInfer", status, code)
        for status, code in ((0, "OK"), (5, "NOT_FOUND"))]
    assert all(each["in"] > 50 for each in lines)
    assert [each["out"] > 10 for each in lines] == [True, False]


def settings_of(kind, client, change=None):
    """Log settings as plain values."""
    answer = client.get_log_settings() if change is None else client.update_log_settings(change)
    if kind == "http":
        return answer
    return {name: getattr(value, value.WhichOneof("parameter_choice"))
            for name, value in answer.settings.items()}


def test_log_settings(model, kind, tmp_path):
    log = tmp_path / "access.ndjson"
    served = Served("--model", f"houses={model.bundle}", "--grpc", "0", "--drain", "0",
                    "--access-log", log)
    port = served.port if kind == "http" else served.grpc_port
    client = KINDS[kind].InferenceServerClient(f"127.0.0.1:{port}")
    assert "logging" in as_json(kind, client.get_server_metadata())["extensions"]
    first = {"log_file": str(log), "log_info": True, "log_warning": True, "log_error": True,
             "log_verbose_level": 0, "log_format": "ISO8601"}
    assert settings_of(kind, client) == first
    assert settings_of(kind, client, first) == first
    assert settings_of(kind, client, {"log_info": False}) == {**first, "log_info": False}
    client.infer("houses", model.inputs(kind))
    for name, value in (("log_file", str(tmp_path / "mine")), ("log_verbose_level", 1),
                        ("log_format", "default"), ("log_colour", True), ("log_info", None)):
        with pytest.raises(InferenceServerException, match=name) as told:
            client.update_log_settings({"log_warning": False, name: value})
        assert told.value.status() == ("400" if kind == "http"
                                       else "StatusCode.INVALID_ARGUMENT")
    assert not (tmp_path / "mine").exists()
    with pytest.raises(InferenceServerException):
        client.get_model_metadata("other")
    assert settings_of(kind, client, {"log_info": True, "log_warning": False})["log_info"]
    with pytest.raises(InferenceServerException, match="trace|TraceSetting") as told:
        client.get_trace_settings()
    with pytest.raises(InferenceServerException, match="trace|TraceSetting"):
        client.update_trace_settings("houses", {"trace_level": ["TIMESTAMPS"]})
    assert told.value.status() == ("501" if kind == "http" else "StatusCode.UNIMPLEMENTED")
    with pytest.raises(InferenceServerException):
        client.get_model_metadata("other")
    client.close()
    served.process.terminate()
    assert served.process.wait(30) == 0
    served.end()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert not any(each["path"].endswith(("infer", "ModelInfer")) for each in lines)
    not_found = [each for each in lines if each["status"] == (404 if kind == "http" else 5)]
    assert len(not_found) == 1


def test_log_settings_of_asyncio(model):
    async def run(kind, url):
        client = getattr(KINDS[kind], "aio").InferenceServerClient(url)
        answer = await client.get_log_settings()
        with pytest.raises(InferenceServerException, match="log_info.*--access-log"):
            await client.update_log_settings({"log_info": True})
        await client.update_log_settings({"log_info": False})
        await client.close()
        return answer
    assert asyncio.run(run("http", model.url("http")))["log_info"] is False
    assert not asyncio.run(run("grpc", model.url("grpc"))).settings["log_info"].bool_param
