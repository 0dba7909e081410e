// SPDX-License-Identifier: Apache-2.0
// The infer messages of the Open Inference Protocol over gRPC (grpc_service.proto).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "records/inference.h"

namespace kingpost::open_inference {

class GrpcInferReader {
 public:
  GrpcInferReader();
  ~GrpcInferReader();
  GrpcInferReader(const GrpcInferReader&) = delete;
  GrpcInferReader& operator=(const GrpcInferReader&) = delete;

  /// Reads a ModelInferRequest into a cleared request. What the request then points to is its own
  /// arena and this reader, until the next `read`. Tensors come as raw contents, one for each
  /// input, or all as typed contents; never both. Parameters that are not known are ignored. Fails
  /// with Code::kInvalidInput: `infer.message_malformed`, `infer.request_malformed`,
  /// `infer.datatype_unknown`, `infer.data_malformed` or `infer.data_size`, and with
  /// Code::kNotBuilt: `infer.shared_memory`.
  Status read(std::string_view bytes, records::InferRequest& into);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A ModelInferResponse, its tensors as raw contents. Requires: `response.outputs` are those that
/// the request wants, in its order.
std::string grpc_infer_response(const records::InferRequest& request,
                                const records::InferResponse& response);

/// A ModelStreamInferResponse that holds an answer, marked as the last one to its request.
std::string grpc_stream_response(const records::InferRequest& request,
                                 const records::InferResponse& response);
/// One that holds an error.
std::string grpc_stream_error(std::string_view id, std::string_view message);

/// Bytes that are equal where two answers say the same, whatever version gave them: a
/// ModelInferResponse or ModelStreamInferResponse without its version and prediction id. Nothing
/// where the bytes are none.
std::optional<std::string> grpc_answer_alone(std::string_view bytes, bool is_stream);

}  // namespace kingpost::open_inference
