// SPDX-License-Identifier: Apache-2.0
// The library's table of functions, opened once, and owners for what its C API hands out. Included
// only by this folder's sources.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

struct OrtApi;
struct OrtEnv;
struct OrtMemoryInfo;
struct OrtSession;
struct OrtStatus;

namespace kingpost::onnx {

struct RuntimeApi {
  const OrtApi* table = nullptr;
  OrtEnv* env = nullptr;
  OrtMemoryInfo* memory = nullptr;
  std::string version;
};

/// Opens the library at the first call; later calls answer the same. Never closed: sessions may be
/// alive when the program ends. Fails with `onnx.runtime_missing`.
Result<const RuntimeApi*> runtime_api();

/// The runtime's own words of a failed call, or success. Takes the status.
Status checked(const OrtApi& api, OrtStatus* status, Code code, std::string_view id);

/// Owns an object of the C API.
template <typename Object>
class Held {
 public:
  using Release = void (*)(Object*);
  explicit Held(Release release) : release_(release) {}
  Held(Held&& other) noexcept
      : release_(other.release_), object_(std::exchange(other.object_, nullptr)) {}
  Held& operator=(Held&&) = delete;
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() {
    if (object_ != nullptr) release_(object_);
  }
  Object* get() const { return object_; }
  /// Where a function of the C API puts its answer.
  Object** slot() { return &object_; }

 private:
  Release release_;
  Object* object_ = nullptr;
};

/// A session that always runs with one thread, in order: that is what makes the answers equal bit
/// for bit whatever the batch. Fails with `onnx.invalid_model` in the runtime's words.
Status open_session(const RuntimeApi& runtime, std::string_view bytes, Held<OrtSession>& into);

/// What a session takes or gives, as the runtime has it.
struct RuntimePort {
  std::string name;
  /// ONNXTensorElementDataType; 0 for what is no tensor.
  int element = 0;
  /// -1: any length.
  std::vector<std::int64_t> shape;
};
enum class Direction { kInput, kOutput };
Result<std::vector<RuntimePort>> ports_of(const RuntimeApi& runtime, OrtSession* session,
                                          Direction direction);

}  // namespace kingpost::onnx
