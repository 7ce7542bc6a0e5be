# Every call of KServe's Python client for gRPC against a running diegate.
# usage: kserve-grpc-calls.py HOST:PORT MODEL API_KEY
import asyncio
import inspect
import logging
import sys

import grpc
import numpy as np
from kserve import InferenceGRPCClient, InferInput, InferRequest
from kserve.protocol.infer_type import RequestedOutput

HOST, MODEL, KEY = sys.argv[1:4]
AUTH = (("x-api-key", KEY),)
PARAMETERS = 512
# The client logs every refusal with its traceback, and here they are wanted.
logging.disable(logging.ERROR)


def expect(condition, what):
    if not condition:
        raise SystemExit(f"not as expected: {what}")


def request(dies, raw=True, datatype="FP32", model=MODEL, **more):
    tensor = InferInput("test_params", list(dies.shape), datatype)
    if raw:
        tensor.set_data_from_numpy(dies, binary_data=True)
    else:
        tensor.data = dies.flatten().tolist()
    return InferRequest(model_name=model, infer_inputs=[tensor], **more)


def values(answer):
    return {one.name: one.as_numpy().tolist() for one in answer.outputs}


async def refused(call, status, says):
    try:
        await call
    except grpc.aio.AioRpcError as error:
        expect(error.code().name == status and says in error.details(), (says, error.code(), error.details()))
        return
    raise SystemExit(f"was not refused: {says}")


async def main():
    client = InferenceGRPCClient(HOST)
    expect(await client.is_server_live(), "live")
    expect(await client.is_server_ready(), "ready")
    expect(await client.is_model_ready(MODEL, headers=AUTH), "model ready")
    expect(not await client.is_model_ready("nope", headers=AUTH), "an unknown model is not ready")

    dies = np.stack([np.zeros(PARAMETERS, np.float32), np.ones(PARAMETERS, np.float32)])
    found = {}
    for raw in (True, False):
        answer = await client.infer(request(dies, raw, request_id="touchdown-7"), headers=AUTH)
        expect((answer.id, answer.model_name, answer.model_version) == ("touchdown-7", MODEL, "1"), answer)
        found[raw] = values(answer)
    expect(found[True] == found[False] and len(found[True]["prediction"]) == 2, found)
    named = [RequestedOutput("model_version"), RequestedOutput("anomaly_score")]
    answer = await client.infer(request(dies, request_outputs=named), headers=AUTH)
    expect([one.name for one in answer.outputs] == ["model_version", "anomaly_score"], answer)
    expect(values(answer)["anomaly_score"] == found[True]["anomaly_score"], answer)

    whole = np.ones((1, PARAMETERS))
    same = values(await client.infer(request(whole.astype(np.float32)), headers=AUTH))
    for datatype, kind in (("FP64", np.float64), ("INT32", np.int32), ("INT64", np.int64), ("FP16", np.float16)):
        for raw in (True, False):
            if datatype == "FP16" and not raw:
                continue
            expect(values(await client.infer(request(whole.astype(kind), raw, datatype), headers=AUTH)) == same, (datatype, raw))
    await refused(client.infer(request(whole * 0.1, True, "FP64"), headers=AUTH), "INVALID_ARGUMENT", "astype(numpy.float32)")
    await refused(client.infer(request(dies[:, :3]), headers=AUTH), "INVALID_ARGUMENT", "inputs[0].shape")
    await refused(client.infer(request(dies, model="nope"), headers=AUTH), "NOT_FOUND", "no model")
    await refused(client.infer(request(dies)), "UNAUTHENTICATED", "credential")

    tried = {"infer", "is_server_live", "is_server_ready", "is_model_ready", "close"}
    calls = {name for name, _ in inspect.getmembers(InferenceGRPCClient, callable) if not name.startswith("_")}
    expect(calls == tried, f"calls that were not tried: {calls - tried}")
    await client.close()
    print(f"kserve over gRPC: {len(tried)} calls as expected")


asyncio.run(main())
