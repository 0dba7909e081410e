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
    everything = np.arange(count)
    # The client writes NaN as JSON has no word for it, and no server need take that.
    plain = np.all([values[:, 0] == values[:, 0] for values in inputs.values()], axis=0)
    out = {"binary rows": everything, "grpc rows": everything,
           "json rows": everything[plain.astype(bool)][:JSON_ROWS]}
    for kind, client, module, binary in (
            ("binary", http, tritonclient.http, True), ("json", http, tritonclient.http, False),
            ("grpc", grpc, tritonclient.grpc, None)):
        parts = []
        rows = out[f"{kind} rows"]
        for first in range(0, len(rows), ROWS):
            few = {name: values[rows[first:first + ROWS]] for name, values in inputs.items()}
            answer = ask(client, module, model, few, binary)
            parts.append([answer.as_numpy(name) for name in names])
        for name, values in zip(names, zip(*parts)):
            out[f"{kind} {name}"] = np.concatenate(values)
    np.savez(target, **out)


if __name__ == "__main__":
    main(*sys.argv[1:])
