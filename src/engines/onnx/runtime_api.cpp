// SPDX-License-Identifier: Apache-2.0
// Finding and opening the library.
#include "engines/onnx/runtime_api.h"

#include <dlfcn.h>
#include <onnxruntime/onnxruntime_c_api.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "base/library.h"
#include "base/text.h"
#include "engines/onnx/runtime.h"

namespace kingpost::onnx {
namespace {

constexpr const char* kLibrary = "libonnxruntime.so.1";

Error missing(const std::string& why) {
  return fail(Code::kUnavailable, "onnx.runtime_missing", "ONNX Runtime could not be opened: {}",
              why)
      .hint("keep the folder `lib` beside the program, or name its folder in KINGPOST_DRIVERS");
}

// Errors come back as values, so what the library would print is not wanted.
void ORT_API_CALL ignore_log(void*, OrtLoggingLevel, const char*, const char*, const char*,
                             const char*) {}

Status start(RuntimeApi& api) {
  constexpr std::string_view kId = "onnx.runtime_missing";
  const OrtApi& table = *api.table;
  TRY_STATUS(checked(table,
                     table.CreateEnvWithCustomLogger(&ignore_log, nullptr, ORT_LOGGING_LEVEL_FATAL,
                                                     "kingpost", &api.env),
                     Code::kUnavailable, kId));
  return checked(table,
                 table.CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &api.memory),
                 Code::kUnavailable, kId);
}

Result<RuntimeApi> open_library() {
  const std::string path = runtime_path();
  if (path.empty()) return missing(format("{} was not found", kLibrary));
  // The runtime sends events to its makers unless told otherwise before it is opened, and keeps a
  // file for them among the temporary ones.
  ::setenv("ORT_DISABLE_TELEMETRY", "1", 1);
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return missing(shown(::dlerror(), 300));
  using GetBase = const OrtApiBase* (*)();
  const auto get_base = reinterpret_cast<GetBase>(::dlsym(library, "OrtGetApiBase"));
  if (get_base == nullptr) return missing(format("{} is some other library", path));
  RuntimeApi api;
  api.version = get_base()->GetVersionString();
  api.table = get_base()->GetApi(ORT_API_VERSION);
  if (api.table == nullptr) {
    return missing(format("{} is too old: version {}", path, shown(api.version)));
  }
  TRY_STATUS(start(api));
  return api;
}

constexpr std::string_view kInvalid = "onnx.invalid_model";

Status configure(const OrtApi& api, OrtSessionOptions* options) {
  const auto valid = [&](OrtStatus* status) {
    return checked(api, status, Code::kInvalidInput, kInvalid);
  };
  TRY_STATUS(valid(api.SetIntraOpNumThreads(options, 1)));
  TRY_STATUS(valid(api.SetInterOpNumThreads(options, 1)));
  TRY_STATUS(valid(api.SetSessionExecutionMode(options, ORT_SEQUENTIAL)));
  // What is asked for is what runs: the optimiser turns (1 / x) * y into y / x, and a factor
  // before a matrix product into one after it, so bits of a feature would depend on what follows.
  TRY_STATUS(valid(api.SetSessionGraphOptimizationLevel(options, ORT_DISABLE_ALL)));
  // A pattern is kept for each number of rows that was ever asked for.
  return valid(api.DisableMemPattern(options));
}

Status read_port(const OrtApi& api, const OrtTypeInfo* info, RuntimePort& port) {
  const auto valid = [&](OrtStatus* status) {
    return checked(api, status, Code::kInvalidInput, kInvalid);
  };
  const OrtTensorTypeAndShapeInfo* tensor = nullptr;
  TRY_STATUS(valid(api.CastTypeInfoToTensorInfo(info, &tensor)));
  if (tensor == nullptr) return {};
  ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  TRY_STATUS(valid(api.GetTensorElementType(tensor, &element)));
  port.element = element;
  std::size_t rank = 0;
  TRY_STATUS(valid(api.GetDimensionsCount(tensor, &rank)));
  port.shape.assign(rank, -1);
  TRY_STATUS(valid(api.GetDimensions(tensor, port.shape.data(), rank)));
  for (std::int64_t& each : port.shape) each = std::max<std::int64_t>(each, -1);
  return {};
}

}  // namespace

Status open_session(const RuntimeApi& runtime, std::string_view bytes, Held<OrtSession>& into) {
  const OrtApi& api = *runtime.table;
  Held<OrtSessionOptions> options(api.ReleaseSessionOptions);
  TRY_STATUS(checked(api, api.CreateSessionOptions(options.slot()), Code::kInvalidInput, kInvalid));
  TRY_STATUS(configure(api, options.get()));
  return checked(api,
                 api.CreateSessionFromArray(runtime.env, bytes.data(), bytes.size(), options.get(),
                                            into.slot()),
                 Code::kInvalidInput, kInvalid);
}

Result<std::vector<RuntimePort>> ports_of(const RuntimeApi& runtime, OrtSession* session,
                                          Direction direction) {
  const OrtApi& api = *runtime.table;
  const auto valid = [&](OrtStatus* status) {
    return checked(api, status, Code::kInvalidInput, kInvalid);
  };
  const bool is_input = direction == Direction::kInput;
  OrtAllocator* allocator = nullptr;
  TRY_STATUS(valid(api.GetAllocatorWithDefaultOptions(&allocator)));
  std::size_t count = 0;
  TRY_STATUS(valid(is_input ? api.SessionGetInputCount(session, &count)
                            : api.SessionGetOutputCount(session, &count)));
  std::vector<RuntimePort> out;
  for (std::size_t i = 0; i < count; ++i) {
    Held<OrtTypeInfo> info(api.ReleaseTypeInfo);
    char* name = nullptr;
    TRY_STATUS(valid(is_input ? api.SessionGetInputTypeInfo(session, i, info.slot())
                              : api.SessionGetOutputTypeInfo(session, i, info.slot())));
    TRY_STATUS(valid(is_input ? api.SessionGetInputName(session, i, allocator, &name)
                              : api.SessionGetOutputName(session, i, allocator, &name)));
    RuntimePort port{name, 0, {}};
    TRY_STATUS(valid(api.AllocatorFree(allocator, name)));
    TRY_STATUS(read_port(api, info.get(), port));
    out.push_back(std::move(port));
  }
  return out;
}

std::string runtime_path() {
  return find_library(kLibrary);
}

std::string runtime_version() {
  const auto api = runtime_api();
  return api.has_value() ? (*api)->version : std::string();
}

Result<const RuntimeApi*> runtime_api() {
  static std::mutex mutex;
  static RuntimeApi* opened = nullptr;
  const std::lock_guard lock(mutex);
  if (opened == nullptr) {
    TRY(RuntimeApi api, open_library());
    opened = new RuntimeApi(std::move(api));
  }
  return static_cast<const RuntimeApi*>(opened);
}

Status checked(const OrtApi& api, OrtStatus* status, Code code, std::string_view id) {
  if (status == nullptr) return {};
  const std::string words = shown(api.GetErrorMessage(status), 500);
  api.ReleaseStatus(status);
  return fail(code, id, "ONNX Runtime: {}", words);
}

}  // namespace kingpost::onnx
