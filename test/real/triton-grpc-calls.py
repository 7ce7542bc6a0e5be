# Every call of Triton's Python client for gRPC, plain, by callbacks, by a stream and asyncio, against a running diegate.
# usage: triton-grpc-calls.py HOST:PORT MODEL SECOND_MODEL API_KEY
import asyncio
import inspect
import json
import queue
import sys
import urllib.request

import grpc as transport
import numpy as np
import tritonclient.grpc as grpc
import tritonclient.grpc.aio as aio
from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

HOST, MODEL, OTHER, KEY = sys.argv[1:5]
AUTH = {"x-api-key": KEY}
called = set()


def example():
    request = urllib.request.Request(f"http://{HOST}/models/{MODEL}/example", headers=AUTH)
    return np.array(json.load(urllib.request.urlopen(request))["test_params"], np.float32)


ROW = example()
PARAMETERS = len(ROW)
DIES = np.stack([ROW, ROW * np.float32(1.5), ROW])


def expect(condition, what):
    if not condition:
        raise SystemExit(f"not as expected: {what}")


def expect_refusal(error, status, says):
    expect(str(error.status()) == f"StatusCode.{status}", f"{says}: status {error.status()}, expected {status}: {error}")
    expect(says in error.message(), f"{error.message()!r} has no {says!r}")


def refused(call, status, says):
    try:
        call()
    except InferenceServerException as error:
        return expect_refusal(error, status, says)
    raise SystemExit(f"was not refused: {says}")


class Counted:
    """A client that remembers which of its calls were used."""

    def __init__(self, client):
        self.client = client

    def __getattr__(self, name):
        called.add(name)
        return getattr(self.client, name)


def inputs(dies, datatype="FP32"):
    tensor = grpc.InferInput("test_params", list(dies.shape), datatype)
    tensor.set_data_from_numpy(dies)
    return [tensor]


def outputs(names):
    return [grpc.InferRequestedOutput(name) for name in names]


client = Counted(grpc.InferenceServerClient(HOST))

# The server and its models.
expect(client.is_server_live(), "live")
expect(client.is_server_ready(), "ready")
expect(client.is_model_ready(MODEL, headers=AUTH), "model ready")
expect(client.is_model_ready(MODEL, "1", headers=AUTH), "version ready")
expect(not client.is_model_ready("nope", headers=AUTH), "an unknown model is not ready")
refused(lambda: client.is_model_ready(MODEL), "UNAUTHENTICATED", "credential")
metadata = client.get_server_metadata(headers=AUTH, as_json=True)
expect(metadata["name"] == "diegate", metadata)
expect({"model_repository", "model_configuration", "statistics"} <= set(metadata["extensions"]), metadata)
model = client.get_model_metadata(MODEL, headers=AUTH, as_json=True)
expect(model["inputs"] == [{"name": "test_params", "datatype": "FP32", "shape": ["-1", str(PARAMETERS)]}], model)
config = client.get_model_config(MODEL, "1", headers=AUTH).config
expect(list(config.input[0].dims) == [PARAMETERS] and config.max_batch_size > 0, config)
expect(config.input[0].data_type == model_config_pb2.TYPE_FP32, config)
expect(config.dynamic_batching.default_queue_policy.max_queue_size > 0, config)
index = client.get_model_repository_index(headers=AUTH, as_json=True)["models"]
expect({"name": MODEL, "version": "1", "state": "READY"} in index, index)
refused(lambda: client.get_model_metadata("nope", headers=AUTH), "NOT_FOUND", "no model")
refused(lambda: client.get_model_config(MODEL, "9", headers=AUTH), "NOT_FOUND", "version")

# Infer.
names = ["anomaly_score", "prediction", "confidence", "model_version"]
answer = client.infer(MODEL, inputs(DIES), outputs=outputs(names), request_id="touchdown-7", headers=AUTH)
expect(answer.get_response().id == "touchdown-7", answer.get_response())
expect(list(answer.get_output("anomaly_score").shape) == [3], "shape")
expect([answer.as_numpy(name).tolist() for name in names][3] == [b"1", b"1", b"1"], "model_version")
for packed in ("gzip", "deflate"):
    same = client.infer(MODEL, inputs(DIES), outputs=outputs(names), headers=AUTH, compression_algorithm=packed)
    expect(same.as_numpy("anomaly_score").tobytes() == answer.as_numpy("anomaly_score").tobytes(), f"packed by {packed}")
answer = client.infer(MODEL, inputs(DIES), headers=AUTH)
expect([one.name for one in answer.get_response().outputs] == names[:3], "all outputs but those only by name")
scores = answer.as_numpy("anomaly_score").tobytes()
single = client.infer(MODEL, inputs(DIES[:1]), "1", headers=AUTH, timeout=5_000_000, priority=1)
expect(single.as_numpy("anomaly_score")[0] == answer.as_numpy("anomaly_score")[0], "alone as in a batch, to the bit")
expect(client.infer(MODEL, inputs(DIES), headers={"authorization": f"Bearer {KEY}"}).as_numpy("anomaly_score").tobytes() == scores, "bearer")
expect(client.infer(MODEL, inputs(DIES), headers=AUTH, client_timeout=30).as_numpy("anomaly_score").tobytes() == scores, "deadline")

# As HTTP answers it, to the bit.
body = json.dumps({"inputs": [{"name": "test_params", "shape": [1, PARAMETERS], "datatype": "FP32", "data": ROW.tolist()}]}).encode()
request = urllib.request.Request(f"http://{HOST}/v2/models/{MODEL}/infer", body, {**AUTH, "content-type": "application/json"})
by_http = json.load(urllib.request.urlopen(request))["outputs"][0]["data"][0]
expect(np.float32(by_http) == single.as_numpy("anomaly_score")[0], (by_http, single.as_numpy("anomaly_score")))

# Typed contents, which the client itself never sends.
stub = service_pb2_grpc.GRPCInferenceServiceStub(transport.insecure_channel(HOST))
typed = service_pb2.ModelInferRequest(model_name=MODEL)
tensor = typed.inputs.add(name="test_params", datatype="FP32", shape=list(DIES.shape))
tensor.contents.fp32_contents.extend(DIES.flatten().tolist())
found = stub.ModelInfer(typed, metadata=tuple(AUTH.items()))
expect(np.array(found.outputs[0].contents.fp32_contents, np.float32).tobytes() == scores, "typed contents, answered as such")
expect(not found.raw_output_contents, "typed contents are not answered raw")
typed.raw_input_contents.append(DIES.tobytes())


def refused_message(message, status, says):
    try:
        stub.ModelInfer(message, metadata=tuple(AUTH.items()))
    except transport.RpcError as error:
        expect(error.code().name == status and says in error.details(), (says, error.code(), error.details()))
        return
    raise SystemExit(f"was not refused: {says}")


refused_message(typed, "INVALID_ARGUMENT", "raw_input_contents")
short = service_pb2.ModelInferRequest(model_name=MODEL)
short.inputs.add(name="test_params", datatype="FP32", shape=[1, PARAMETERS])
refused_message(short, "INVALID_ARGUMENT", "inputs[0]")
short.raw_input_contents.append(ROW.tobytes()[:-4])
refused_message(short, "INVALID_ARGUMENT", str(PARAMETERS * 4))
refused_message(service_pb2.ModelInferRequest(model_name=MODEL, raw_input_contents=[b"\0" * 17_000_000]), "RESOURCE_EXHAUSTED", "16777216")

# Other types of numbers: where float32 holds the values, the very same answer; else the cure.
for datatype, kind in (("FP64", np.float64), ("FP16", np.float16), ("INT32", np.int32), ("INT64", np.int64), ("INT8", np.int8), ("UINT16", np.uint16)):
    whole = np.ones((1, PARAMETERS), kind)
    same = client.infer(MODEL, inputs(whole.astype(np.float32)), headers=AUTH).as_numpy("anomaly_score")
    expect(client.infer(MODEL, inputs(whole, datatype), headers=AUTH).as_numpy("anomaly_score").tobytes() == same.tobytes(), datatype)
refused(lambda: client.infer(MODEL, inputs(np.full((1, PARAMETERS), 0.1), "FP64"), headers=AUTH), "INVALID_ARGUMENT", "astype(numpy.float32)")
refused(lambda: client.infer(MODEL, inputs(np.ones((1, PARAMETERS), bool), "BOOL"), headers=AUTH), "INVALID_ARGUMENT", "expected FP32")
refused(lambda: client.infer(MODEL, inputs(DIES[:, :3]), headers=AUTH), "INVALID_ARGUMENT", "inputs[0].shape")
refused(lambda: client.infer(MODEL, inputs(DIES), outputs=outputs(["nope"]), headers=AUTH), "INVALID_ARGUMENT", "outputs[0].name")
refused(lambda: client.infer(MODEL, inputs(DIES), sequence_id=7, headers=AUTH), "INVALID_ARGUMENT", "sequence_id")
refused(lambda: client.infer("nope", inputs(DIES), headers=AUTH), "NOT_FOUND", "no model")
refused(lambda: client.infer(MODEL, inputs(DIES), "9", headers=AUTH), "NOT_FOUND", "version")
refused(lambda: client.infer(MODEL, inputs(DIES)), "UNAUTHENTICATED", "credential")
refused(lambda: client.infer(MODEL, inputs(DIES), headers={"x-api-key": "wrong"}), "UNAUTHENTICATED", "credential")
refused(lambda: client.infer(MODEL, inputs(DIES), outputs=[grpc.InferRequestedOutput("prediction", class_count=2)], headers=AUTH), "INVALID_ARGUMENT", "classification")

# By callbacks.
answers = queue.Queue()
for _ in range(8):
    client.async_infer(MODEL, inputs(DIES), lambda result, error: answers.put((result, error)), headers=AUTH)
for _ in range(8):
    result, error = answers.get(timeout=30)
    expect(error is None and result.as_numpy("anomaly_score").tobytes() == scores, error)

# By a stream: many dies on one call, each answered in order, an error of one of them in its place.
DIES_OF_STREAM = 2_000
WRONG = 700
answers = queue.Queue()
client.start_stream(lambda result, error: answers.put((result, error)), headers=AUTH)
for at in range(DIES_OF_STREAM):
    client.async_stream_infer("nope" if at == WRONG else MODEL, inputs(DIES[:1]), request_id=str(at))
for at in range(DIES_OF_STREAM):
    result, error = answers.get(timeout=60)
    if at == WRONG:
        expect(result is None and "no model" in error.message(), (at, error))
        continue
    expect(error is None, (at, error))
    expect(result.get_response().id == str(at), f"{result.get_response().id} in the place of {at}")
    expect(result.as_numpy("anomaly_score").tobytes() == scores[:4], at)
client.stop_stream()
expect(answers.empty(), "one answer for each message")

# By a stream that asks for status codes: it ends with the first error.
answers = queue.Queue()
client.start_stream(lambda result, error: answers.put((result, error)), headers={**AUTH, "triton_grpc_error": "true"})
client.async_stream_infer(MODEL, inputs(DIES[:1]))
expect(answers.get(timeout=30)[1] is None, "before the error")
client.async_stream_infer("nope", inputs(DIES[:1]))
expect_refusal(answers.get(timeout=30)[1], "NOT_FOUND", "no model")
client.stop_stream()

# Statistics; the repository.
stats = client.get_inference_statistics(MODEL, "1", headers=AUTH).model_stats[0]
expect(stats.inference_count >= DIES_OF_STREAM and stats.inference_stats.success.count > 20, stats)
expect(len(client.get_inference_statistics(headers=AUTH).model_stats) >= 2, "statistics of all")


def versions_of_other():
    return [one for one in client.get_model_repository_index(headers=AUTH, as_json=True)["models"] if one["name"] == OTHER]


before = versions_of_other()
client.unload_model(OTHER, headers=AUTH)
expect(not client.is_model_ready(OTHER, headers=AUTH), "unloaded")
refused(lambda: client.infer(OTHER, inputs(DIES), headers=AUTH), "UNAVAILABLE", OTHER)
client.load_model(OTHER, headers=AUTH)
expect(client.is_model_ready(OTHER, headers=AUTH), "loaded again")
expect(before == versions_of_other() and sum(one["state"] == "READY" for one in before) == 2, before)
refused(lambda: client.unload_model(MODEL, headers=AUTH), "FAILED_PRECONDITION", "POST /predict")
refused(lambda: client.load_model("nope", headers=AUTH), "NOT_FOUND", "no model")
refused(lambda: client.load_model(OTHER, headers=AUTH, config="{}"), "INVALID_ARGUMENT", "config")
refused(lambda: client.load_model(OTHER, headers=AUTH, files={"file:1/model.onnx": b"x"}, config="{}"), "INVALID_ARGUMENT", "parameters")

# What is not here: refused as such.
for call in (
    lambda: client.get_trace_settings(MODEL, headers=AUTH),
    lambda: client.update_trace_settings(MODEL, {"trace_level": "OFF"}, headers=AUTH),
    lambda: client.get_log_settings(headers=AUTH),
    lambda: client.update_log_settings({"log_info": True}, headers=AUTH),
    lambda: client.get_system_shared_memory_status(headers=AUTH),
    lambda: client.register_system_shared_memory("a", "/a", 16, headers=AUTH),
    lambda: client.unregister_system_shared_memory("a", headers=AUTH),
    lambda: client.get_cuda_shared_memory_status(headers=AUTH),
    lambda: client.register_cuda_shared_memory("a", b"YWFh", 0, 16, headers=AUTH),
    lambda: client.unregister_cuda_shared_memory("a", headers=AUTH),
):
    refused(call, "UNIMPLEMENTED", "/inference.GRPCInferenceService/")

client.client.close()
ALL = {name for name, _ in inspect.getmembers(grpc.InferenceServerClient, callable) if not name.startswith("_")}
missing = ALL - called - {"close", "register_plugin", "unregister_plugin", "plugin"}
expect(not missing, f"calls that were not tried: {missing}")


def assert_same_messages(ours, theirs):
    """The fields that diegate has are Triton's, by number and type."""
    for field in ours.fields:
        other = theirs.fields_by_number.get(field.number)
        expect(other is not None and other.name == field.name and other.type == field.type, f"{ours.full_name}.{field.name}")
        if field.message_type is not None:
            assert_same_messages(field.message_type, other.message_type)


def reflected():
    """The file of the service as the server itself describes it."""
    from google.protobuf import descriptor_pb2, descriptor_pool

    # reflection.proto: file_containing_symbol = 4; the answer's file_descriptor_response = 4 with the file as 1.
    symbol = b"inference.GRPCInferenceService"
    ask = transport.insecure_channel(HOST).stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
    (answer,) = ask(iter([b"\x22" + bytes([len(symbol)]) + symbol]), metadata=tuple(AUTH.items()))
    at, end = answer.index(b"\x0a\x0finference.proto"), len(answer)
    file = descriptor_pb2.FileDescriptorProto.FromString(answer[at:end])
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool.FindFileByName(file.name)


file = reflected()
theirs = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
for method in file.services_by_name["GRPCInferenceService"].methods:
    same = theirs.methods_by_name[method.name]
    for ours, other in ((method.input_type, same.input_type), (method.output_type, same.output_type)):
        expect(ours.full_name == other.full_name, (ours.full_name, other.full_name))
        assert_same_messages(ours, other)


async def asyncio_calls():
    async with aio.InferenceServerClient(HOST) as other:
        expect(await other.is_server_live(), "live, asyncio")
        expect(await other.is_server_ready(), "ready, asyncio")
        expect(await other.is_model_ready(MODEL, headers=AUTH), "model ready, asyncio")
        expect((await other.get_model_config(MODEL, headers=AUTH)).config.name == MODEL, "config, asyncio")
        found = await asyncio.gather(*(other.infer(MODEL, inputs(DIES), headers=AUTH) for _ in range(32)))
        expect(all(one.as_numpy("anomaly_score").tobytes() == scores for one in found), "infer, asyncio")
        expect((await other.get_inference_statistics(headers=AUTH)).model_stats, "statistics, asyncio")
        await other.unload_model(OTHER, headers=AUTH)
        await other.load_model(OTHER, headers=AUTH)
        expect(await other.is_model_ready(OTHER, headers=AUTH), "loaded again, asyncio")

        async def requests():
            for at in range(200):
                yield {"model_name": MODEL, "inputs": inputs(DIES[:1]), "request_id": str(at)}

        at = 0
        async for result, error in other.stream_infer(requests(), headers=AUTH):
            expect(error is None and result.get_response().id == str(at), (at, error))
            at += 1
        expect(at == 200, f"{at} answers of the stream, asyncio")
        # A call that its client gives up.
        call = asyncio.ensure_future(other.infer(MODEL, inputs(DIES), headers=AUTH))
        await asyncio.sleep(0)
        call.cancel()
        expect((await asyncio.gather(call, return_exceptions=True))[0].__class__ is asyncio.CancelledError, "cancelled")
        expect(await other.is_server_ready(), "ready after a cancelled call")


asyncio.run(asyncio_calls())
print(f"tritonclient over gRPC: {len(called)} of its calls, the stream, and those of asyncio, as expected")
