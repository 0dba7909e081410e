# SPDX-License-Identifier: Apache-2.0
"""PORT BODY OUT: asks kingpost-serve by gRPC for the rows of a body of binary tensors, prints the
probabilities of the second class, and writes the message as h2load sends it."""

import json
import struct
import sys
from pathlib import Path

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc


def main(port, body, out):
    head = int(Path(f"{body}.head").read_text())
    whole = Path(body).read_bytes()
    tensor = json.loads(whole[:head])["inputs"][0]
    request = service_pb2.ModelInferRequest(model_name="model")
    request.inputs.add(name=tensor["name"], datatype="FP32", shape=tensor["shape"])
    request.outputs.add(name="probabilities")
    request.raw_input_contents.append(whole[head:])
    message = request.SerializeToString()
    Path(out).write_bytes(b"\0" + struct.pack(">I", len(message)) + message)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        answer = stub.ModelInfer(request, timeout=30).raw_output_contents[0]
    print(json.dumps([value for _, value in struct.iter_unpack("<2f", answer)]))


if __name__ == "__main__":
    main(*sys.argv[1:])
