# Every call of Triton's Python client for HTTP, plain and asyncio, against a running diegate.
# usage: triton-calls.py HOST:PORT MODEL SECOND_MODEL API_KEY
import asyncio
import inspect
import json
import sys
import urllib.request

import numpy as np
import tritonclient.http as http
import tritonclient.http.aio as aio
from tritonclient.utils import InferenceServerException

HOST, MODEL, OTHER, KEY = sys.argv[1:5]
# A new one for each call, as the client writes its own headers into what it is given: a dictionary that was used for one
# packed request marks every later one as packed.
AUTH = {"x-api-key": KEY}
called = set()


def example():
    request = urllib.request.Request(f"http://{HOST}/models/{MODEL}/example", headers=dict(AUTH))
    return np.array(json.load(urllib.request.urlopen(request))["test_params"], np.float32)


ROW = example()
PARAMETERS = len(ROW)
DIES = np.stack([ROW, ROW * np.float32(1.5), ROW])


def expect(condition, what):
    if not condition:
        raise SystemExit(f"not as expected: {what}")


def refused(call, status, says):
    try:
        call()
    except InferenceServerException as error:
        expect(str(error.status()) == str(status), f"{says}: status {error.status()}, expected {status}")
        expect(says in error.message(), f"{error.message()!r} has no {says!r}")
        return
    raise SystemExit(f"was not refused: {says}")


class Counted:
    """A client that remembers which of its calls were used."""

    def __init__(self, client):
        self.client = client

    def __getattr__(self, name):
        called.add(name)
        return getattr(self.client, name)


def inputs(dies, binary=True, datatype="FP32"):
    tensor = http.InferInput("test_params", list(dies.shape), datatype)
    tensor.set_data_from_numpy(dies, binary_data=binary)
    return [tensor]


def outputs(names, binary=True):
    return [http.InferRequestedOutput(name, binary_data=binary) for name in names]


client = Counted(http.InferenceServerClient(HOST, concurrency=4))

# The server and its models.
expect(client.is_server_live(headers=dict(AUTH)), "live")
expect(client.is_server_ready(headers=dict(AUTH)), "ready")
expect(client.is_model_ready(MODEL, headers=dict(AUTH)), "model ready")
expect(client.is_model_ready(MODEL, "1", headers=dict(AUTH)), "version ready")
expect(not client.is_model_ready("nope", headers=dict(AUTH)), "an unknown model is not ready")
metadata = client.get_server_metadata(headers=dict(AUTH))
expect(metadata["name"] == "diegate", metadata)
expect({"binary_tensor_data", "model_repository", "model_configuration", "statistics"} <= set(metadata["extensions"]), metadata)
model = client.get_model_metadata(MODEL, headers=dict(AUTH))
expect(model["inputs"] == [{"name": "test_params", "datatype": "FP32", "shape": [-1, PARAMETERS]}], model)
config = client.get_model_config(MODEL, "1", headers=dict(AUTH))
expect(config["input"][0]["dims"] == [PARAMETERS] and config["max_batch_size"] > 0, config)
index = client.get_model_repository_index(headers=dict(AUTH))
expect({"name": MODEL, "version": "1", "state": "READY", "reason": ""} in index, index)

# Infer: every form of input and output, and all give the same.
names = ["anomaly_score", "prediction", "confidence", "model_version"]
results = []
for binary_in in (True, False):
    for binary_out in (True, False):
        for packed in (None, "gzip", "deflate"):
            answer = client.infer(
                MODEL, inputs(DIES, binary_in), outputs=outputs(names, binary_out), request_id="touchdown-7",
                headers=dict(AUTH), request_compression_algorithm=packed, response_compression_algorithm=packed,
            )
            expect(answer.get_response()["id"] == "touchdown-7", answer.get_response())
            expect(answer.get_output("anomaly_score")["shape"] == [3], "shape")
            results.append([answer.as_numpy(name).tolist() for name in names])
as_text = [[[one.decode() if isinstance(one, bytes) else one for one in tensor] for tensor in result] for result in results]
expect(all(result == as_text[0] for result in as_text), "the same whatever the form")
answer = client.infer(MODEL, inputs(DIES), headers=dict(AUTH))
expect([one["name"] for one in answer.get_response()["outputs"]] == names[:3], "all outputs but those only by name")
single = client.infer(MODEL, inputs(DIES[:1]), "1", headers=dict(AUTH), timeout=5_000_000, priority=1)
expect(single.as_numpy("anomaly_score")[0] == answer.as_numpy("anomaly_score")[0], "alone as in a batch, to the bit")

# Other types of numbers: where float32 holds the values, the very same answer; else the cure.
for datatype, kind in (("FP64", np.float64), ("FP16", np.float16), ("INT32", np.int32), ("INT64", np.int64), ("INT8", np.int8), ("UINT16", np.uint16)):
    whole = np.ones((1, PARAMETERS), kind)
    same = client.infer(MODEL, inputs(whole.astype(np.float32)), headers=dict(AUTH)).as_numpy("anomaly_score")
    for binary in ((True,) if datatype == "FP16" else (True, False)):
        found = client.infer(MODEL, inputs(whole, binary, datatype), headers=dict(AUTH)).as_numpy("anomaly_score")
        expect(found.tobytes() == same.tobytes(), datatype)
refused(lambda: client.infer(MODEL, inputs(np.full((1, PARAMETERS), 0.1), True, "FP64"), headers=dict(AUTH)), 422, "astype(numpy.float32)")
refused(lambda: client.infer(MODEL, inputs(np.ones((1, PARAMETERS), bool), True, "BOOL"), headers=dict(AUTH)), 422, "expected FP32")
refused(lambda: client.infer(MODEL, inputs(DIES[:, :3]), headers=dict(AUTH)), 422, "inputs[0].shape")
refused(lambda: client.infer(MODEL, inputs(DIES), outputs=outputs(["nope"]), headers=dict(AUTH)), 422, "outputs[0].name")
refused(lambda: client.infer(MODEL, inputs(DIES), sequence_id=7, headers=dict(AUTH)), 422, "sequence_id")
refused(lambda: client.infer("nope", inputs(DIES), headers=dict(AUTH)), 404, "no model")
refused(lambda: client.infer(MODEL, inputs(DIES), outputs=[http.InferRequestedOutput("prediction", class_count=2)], headers=dict(AUTH)), 422, "classification")
refused(lambda: client.infer(MODEL, inputs(DIES)), 401, "credential")

# Requests of several at a time, and what the client reads of bytes that somebody else sent.
waiting = [client.async_infer(MODEL, inputs(DIES), headers=dict(AUTH)) for _ in range(8)]
expect(all(one.get_result().as_numpy("anomaly_score").tobytes() == answer.as_numpy("anomaly_score").tobytes() for one in waiting), "async")
body, json_length = client.generate_request_body(inputs(DIES), outputs=outputs(names))
request = urllib.request.Request(f"http://{HOST}/v2/models/{MODEL}/infer", body, {**AUTH, "inference-header-content-length": str(json_length)})
with urllib.request.urlopen(request) as response:
    parsed = client.parse_response_body(response.read(), header_length=int(response.headers["inference-header-content-length"]))
expect(parsed.as_numpy("anomaly_score").tobytes() == answer.as_numpy("anomaly_score").tobytes(), "bytes")

# Statistics; the repository.
stats = client.get_inference_statistics(MODEL, "1", headers=dict(AUTH))["model_stats"][0]
expect(stats["inference_count"] >= 84 and stats["inference_stats"]["success"]["count"] > 20, stats)
expect(len(client.get_inference_statistics(headers=dict(AUTH))["model_stats"]) >= 2, "statistics of all")
before = [one for one in client.get_model_repository_index(headers=dict(AUTH)) if one["name"] == OTHER]
client.unload_model(OTHER, headers=dict(AUTH))
expect(not client.is_model_ready(OTHER, headers=dict(AUTH)), "unloaded")
client.load_model(OTHER, headers=dict(AUTH))
expect(client.is_model_ready(OTHER, headers=dict(AUTH)), "loaded again")
after = [one for one in client.get_model_repository_index(headers=dict(AUTH)) if one["name"] == OTHER]
expect(before == after and sum(one["state"] == "READY" for one in after) == 2, (before, after))
refused(lambda: client.unload_model(MODEL, headers=dict(AUTH)), 409, "POST /predict")
refused(lambda: client.load_model(OTHER, headers=dict(AUTH), config="{}"), 422, "config")
refused(lambda: client.load_model(OTHER, headers=dict(AUTH), files={"file:1/model.onnx": b"x"}, config="{}"), 422, "parameters")

# What is not here: refused, and nothing else.
for call in (
    lambda: client.get_trace_settings(MODEL, headers=dict(AUTH)),
    lambda: client.update_trace_settings(MODEL, {"trace_level": "OFF"}, headers=dict(AUTH)),
    lambda: client.get_log_settings(headers=dict(AUTH)),
    lambda: client.update_log_settings({"log_info": True}, headers=dict(AUTH)),
    lambda: client.get_system_shared_memory_status(headers=dict(AUTH)),
    lambda: client.register_system_shared_memory("a", "/a", 16, headers=dict(AUTH)),
    lambda: client.unregister_system_shared_memory("a", headers=dict(AUTH)),
    lambda: client.get_cuda_shared_memory_status(headers=dict(AUTH)),
    lambda: client.register_cuda_shared_memory("a", b"a", 0, 16, headers=dict(AUTH)),
    lambda: client.unregister_cuda_shared_memory("a", headers=dict(AUTH)),
):
    refused(call, 404, "there is no")

client.client.close()
ALL = {name for name, _ in inspect.getmembers(http.InferenceServerClient, callable) if not name.startswith("_")}
missing = ALL - called - {"close", "register_plugin", "unregister_plugin", "plugin"}
expect(not missing, f"calls that were not tried: {missing}")


async def asyncio_calls():
    async with aio.InferenceServerClient(HOST) as other:
        expect(await other.is_server_live(headers=dict(AUTH)), "live, asyncio")
        expect(await other.is_server_ready(headers=dict(AUTH)), "ready, asyncio")
        expect(await other.is_model_ready(MODEL, headers=dict(AUTH)), "model ready, asyncio")
        expect((await other.get_model_config(MODEL, headers=dict(AUTH)))["name"] == MODEL, "config, asyncio")
        for packed in (None, "gzip", "deflate"):
            found = await other.infer(MODEL, inputs(DIES), headers=dict(AUTH), request_compression_algorithm=packed, response_compression_algorithm=packed)
            expect(found.as_numpy("anomaly_score").tobytes() == answer.as_numpy("anomaly_score").tobytes(), "infer, asyncio")
        expect((await other.get_inference_statistics(headers=dict(AUTH)))["model_stats"], "statistics, asyncio")
        await other.unload_model(OTHER, headers=dict(AUTH))
        await other.load_model(OTHER, headers=dict(AUTH))
        expect(await other.is_model_ready(OTHER, headers=dict(AUTH)), "loaded again, asyncio")


asyncio.run(asyncio_calls())
print(f"tritonclient: {len(called)} of its calls, and those of asyncio, as expected")
