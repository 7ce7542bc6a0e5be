# Every call of KServe's Python client for REST (protocol v2) against a running diegate.
# usage: kserve-calls.py HOST:PORT MODEL SPLIT_MODEL API_KEY
import asyncio
import inspect
import sys

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

HOST, MODEL, SPLIT, KEY = sys.argv[1:5]
URL = f"http://{HOST}"
AUTH = {"x-api-key": KEY}


def expect(condition, what):
    if not condition:
        raise SystemExit(f"not as expected: {what}")


def request(dies, datatype="FP32", binary=False, model=MODEL, outputs=None, **more):
    tensor = InferInput("test_params", list(dies.shape), datatype)
    tensor.set_data_from_numpy(dies, binary_data=binary)
    return InferRequest(model, [tensor], request_outputs=outputs, **more)


async def refused(call, status, says):
    try:
        await call
    except httpx.HTTPStatusError as error:
        expect(error.response.status_code == status and says in str(error), f"{status} {says}: {error}")
        return
    raise SystemExit(f"was not refused: {says}")


def values(answer):
    return {one.name: one.as_numpy().tolist() for one in answer.outputs}


async def main():
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    expect(await client.is_server_live(URL), "live")
    expect(await client.is_server_ready(URL), "ready")
    expect(await client.is_model_ready(URL, MODEL, headers=AUTH), "model ready")
    expect(not await client.is_model_ready(URL, "nope", headers=AUTH), "an unknown model is not ready")
    async with httpx.AsyncClient() as plain:
        example = (await plain.get(f"{URL}/models/{MODEL}/example", headers=AUTH)).json()["test_params"]
    dies = np.array([example, [one * 1.5 for one in example]], np.float32)

    found = {}
    for binary in (False, True):
        answer = await client.infer(URL, request(dies, binary=binary, request_id="t-7"), model_name=MODEL, headers=dict(AUTH))
        expect((answer.id, answer.model_name) == ("t-7", MODEL), answer)
        found[binary] = values(answer)
    expect(found[False] == found[True] and len(found[True]["prediction"]) == 2, found)
    names = [RequestedOutput("model_version"), RequestedOutput("anomaly_score", parameters={"binary_data": True})]
    answer = await client.infer(URL, request(dies, outputs=names), model_name=MODEL, headers=dict(AUTH))
    expect(values(answer)["anomaly_score"] == found[True]["anomaly_score"], answer)
    expect(values(answer)["model_version"] == ["1", "1"] or values(answer)["model_version"] == [b"1", b"1"], answer)

    whole = np.ones((1, dies.shape[1]))
    for datatype, kind in (("FP64", np.float64), ("INT32", np.int32), ("INT64", np.int64), ("FP16", np.float16)):
        for binary in (False, True):
            if datatype == "FP16" and not binary:
                continue
            same = await client.infer(URL, request(whole.astype(np.float32)), model_name=MODEL, headers=dict(AUTH))
            answer = await client.infer(URL, request(whole.astype(kind), datatype, binary), model_name=MODEL, headers=dict(AUTH))
            expect(values(answer) == values(same), (datatype, binary))
    await refused(client.infer(URL, request(whole * 0.1, "FP64"), model_name=MODEL, headers=dict(AUTH)), 422, "astype(numpy.float32)")
    await refused(client.infer(URL, request(dies[:, :3]), model_name=MODEL, headers=dict(AUTH)), 422, "inputs[0].shape")
    await refused(client.infer(URL, request(dies), model_name="nope", headers=dict(AUTH)), 404, "no model")
    await refused(client.infer(URL, request(dies), model_name=MODEL), 401, "credential")

    # A split gives the dies of one call to two versions: the output says which. (What an answer says of the version of all,
    # this client drops.)
    many = np.repeat(dies[:1], 32, axis=0)
    answer = await client.infer(URL, request(many, outputs=[RequestedOutput("model_version")], model=SPLIT), model_name=SPLIT, headers=dict(AUTH))
    expect(len(set(values(answer)["model_version"])) == 2, values(answer))

    tried = {"infer", "is_server_live", "is_server_ready", "is_model_ready", "close"}
    calls = {name for name, _ in inspect.getmembers(InferenceRESTClient, callable) if not name.startswith("_")}
    # Explanations are of protocol v1 alone.
    expect(calls == tried | {"explain"}, f"calls that were not tried: {calls - tried}")
    await client.close()
    print(f"kserve: {len(tried)} calls as expected")


asyncio.run(main())
