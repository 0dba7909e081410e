// SPDX-License-Identifier: Apache-2.0
// LightGBM's C API, opened at run time and once: the calls that are used, by our own names.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kingpost::lightgbm {

/// What a handle of the library is to us; freed by the call that it is made with.
using Handle = std::unique_ptr<void, int (*)(void*)>;

struct Library {
  /// Fails with `lightgbm.library_missing`. Call it in each thread that uses the library: it also
  /// takes the thread's log lines, which would go to the standard output.
  static Result<const Library*> open();
  /// Fails with `lightgbm.library_missing`, also when the file is another library.
  static Result<Library> load(const std::string& path);
  /// The library's answer to a call as a Status: `lightgbm.failed` with its own words.
  Status done(int answer, std::string_view doing) const;

  const char* (*last_error)() = nullptr;
  int (*on_log)(void (*callback)(const char*)) = nullptr;
  int (*bin)(const void* values, int type, std::int32_t rows, std::int32_t columns, int row_major,
             const char* parameters, void* reference, void** out) = nullptr;
  int (*set_field)(void* set, const char* name, const void* values, int count, int type) = nullptr;
  int (*free_set)(void* set) = nullptr;
  int (*create)(void* set, const char* parameters, void** out) = nullptr;
  int (*add_validation)(void* booster, void* set) = nullptr;
  int (*grow)(void* booster, int* is_finished) = nullptr;
  int (*evaluate)(void* booster, int set, int* count, double* out) = nullptr;
  int (*metric_count)(void* booster, int* count) = nullptr;
  int (*round_count)(void* booster, int* count) = nullptr;
  int (*to_text)(void* booster, int from, int rounds, int importance, std::int64_t room,
                 std::int64_t* size, char* out) = nullptr;
  int (*from_text)(const char* text, int* rounds, void** out) = nullptr;
  int (*predict)(void* booster, const void* values, int type, std::int32_t rows,
                 std::int32_t columns, int row_major, int kind, int from, int rounds,
                 const char* parameters, std::int64_t* size, double* out) = nullptr;
  int (*importance)(void* booster, int rounds, int kind, double* out) = nullptr;
  int (*free_booster)(void* booster) = nullptr;
};

// Numbers of the C API.
inline constexpr int kFloat32 = 0;
inline constexpr int kRawScores = 1;
inline constexpr int kLeafIndices = 2;
inline constexpr int kContributions = 3;
inline constexpr int kGain = 1;

}  // namespace kingpost::lightgbm
