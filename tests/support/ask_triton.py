# SPDX-License-Identifier: Apache-2.0
"""HTTP_PORT GRPC_PORT MODEL IN.npz OUT.npz: asks for all rows by Triton's clients, over HTTP with
binary tensors and with JSON, and over gRPC. Run by the Python that has them."""

import sys

import numpy as np
import tritonclient.grpc
import tritonclient.http

ROWS = 4096
JSON_ROWS = 2000


def ask(client, module, model, inputs, binary=None):
    tensors = []
    for name, values in inputs.items():
        kind = "BYTES" if values.dtype == object else "FP64"
        tensor = module.InferInput(name, list(values.shape), kind)
        how = {} if binary is None else {"binary_data": binary}
        tensor.set_data_from_numpy(values, **how)
        tensors.append(tensor)
    wanted = None
    if binary is False:
        wanted = [module.InferRequestedOutput(each["name"], binary_data=False)
                  for each in client.get_model_metadata(model)["outputs"]]
    return client.infer(model, tensors, outputs=wanted)


def main(http_port, grpc_port, model, source, target):
    with np.load(source, allow_pickle=True) as file:
        inputs = {name: file[name] for name in file.files}
    count = len(next(iter(inputs.values())))
    http = tritonclient.http.InferenceServerClient(f"127.0.0.1:{http_port}")
    grpc = tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{grpc_port}")
    names = [each["name"] for each in http.get_model_metadata(model)["outputs"]]
    out = {}
    for kind, client, module, rows, binary in (
            ("binary", http, tritonclient.http, count, True),
            ("json", http, tritonclient.http, min(count, JSON_ROWS), False),
            ("grpc", grpc, tritonclient.grpc, count, None)):
        parts = []
        for first in range(0, rows, ROWS):
            few = {name: values[first:min(first + ROWS, rows)] for name, values in inputs.items()}
            answer = ask(client, module, model, few, binary)
            parts.append([answer.as_numpy(name) for name in names])
        for name, values in zip(names, zip(*parts)):
            out[f"{kind} {name}"] = np.concatenate(values)
    np.savez(target, **out)


if __name__ == "__main__":
    main(*sys.argv[1:])
