# SPDX-License-Identifier: Apache-2.0
"""Triton's Python backend around the ONNX file in the environment's MODEL."""

import os
import sys

sys.path.insert(0, os.environ["SITE"])

import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402
import triton_python_backend_utils as backend  # noqa: E402


class TritonPythonModel:
    def initialize(self, _):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], options,
                                                    providers=["CPUExecutionProvider"])

    def execute(self, requests):
        rows = [backend.get_input_tensor_by_name(each, "input").as_numpy() for each in requests]
        together = np.concatenate(rows) if len(rows) > 1 else rows[0]
        answer = self.session.run(["probabilities"], {"input": together})[0]
        out, at = [], 0
        for each in rows:
            part = backend.Tensor("probabilities", answer[at:at + len(each)].copy())
            out.append(backend.InferenceResponse([part]))
            at += len(each)
        return out
