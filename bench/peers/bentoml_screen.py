# The same behind BentoML.
import os

import bentoml
import numpy as np
import onnxruntime

THRESHOLD = float(os.environ["THRESHOLD"])


@bentoml.service(workers=1, traffic={"timeout": 10})
class Screen:
    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["MODEL_FILE"], options)
        self.name = self.session.get_inputs()[0].name

    @bentoml.api
    async def predict(self, die_id: str, test_params: list[float]) -> dict:
        row = np.asarray(test_params, np.float32).reshape(1, -1)
        score = float(self.session.run(["anomaly_score"], {self.name: row})[0].reshape(-1)[0])
        return {"die_id": die_id, "prediction": "fail" if score > THRESHOLD else "pass", "anomaly_score": score}
