# The model that ships, served by MLServer: one session.run for each request, or for each batch where MLServer makes them.
import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Screen(MLModel):
    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(self.settings.parameters.uri, options)
        self.input = self.session.get_inputs()[0].name
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        dies = NumpyCodec.decode_input(payload.inputs[0])
        outputs = self.session.run(None, {self.input: np.asarray(dies, np.float32)})
        names = [output.name for output in self.session.get_outputs()]
        encoded = [NumpyCodec.encode_output(name, value) for name, value in zip(names, outputs)]
        return InferenceResponse(id=payload.id, model_name=self.name, outputs=encoded)
