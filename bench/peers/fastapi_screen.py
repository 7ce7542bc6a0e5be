# The model that ships behind FastAPI, as its documentation and onnxruntime's would have it: pydantic reads the die, one run for each.
import os

import numpy as np
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel, Field

THRESHOLD = float(os.environ["THRESHOLD"])

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL_FILE"], options)
name = session.get_inputs()[0].name
app = FastAPI()


class Die(BaseModel):
    die_id: str = Field(min_length=1, max_length=128)
    test_params: list[float] = Field(min_length=512, max_length=512)


@app.post("/predict")
async def predict(die: Die):
    row = np.asarray(die.test_params, np.float32).reshape(1, -1)
    score = float(session.run(["anomaly_score"], {name: row})[0].reshape(-1)[0])
    return {"die_id": die.die_id, "prediction": "fail" if score > THRESHOLD else "pass", "anomaly_score": score}
