# SPDX-License-Identifier: Apache-2.0
"""BentoML's service around the ONNX file in the environment's MODEL."""

import os

import bentoml
import numpy as np
import onnxruntime


@bentoml.service(workers=1, traffic={"timeout": 30, "max_concurrency": 512})
class Model:
    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], options,
                                                    providers=["CPUExecutionProvider"])

    @bentoml.api
    def predict(self, x: np.ndarray) -> np.ndarray:
        rows = np.ascontiguousarray(x, dtype=np.float32)
        return self.session.run(["probabilities"], {"input": rows})[0][:, 1]
