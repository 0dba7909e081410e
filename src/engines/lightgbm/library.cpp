// SPDX-License-Identifier: Apache-2.0
// The table of calls is filled once for the process and stays until it ends: the library starts
// threads that must not outlive it.
#include "engines/lightgbm/library.h"

#include <LightGBM/c_api.h>
#include <dlfcn.h>

#include <cstdlib>
#include <type_traits>

#include "base/library.h"
#include "base/text.h"
#include "engines/lightgbm/lightgbm.h"

namespace kingpost::lightgbm {
namespace {

constexpr const char* kFile = "lib_lightgbm.so";

void drop_line(const char* /*line*/) {}

// GNU OpenMP's threads wait for each other in a loop, which takes many times the processor's time
// as soon as another program wants it too; and asleep at once, they take twice the time on an idle
// machine. So they loop for some microseconds, about as long as the threads of a healthy machine
// are apart, and sleep then. OpenMP reads both settings only while it is loaded.
class ShortWaits {
 public:
  ShortWaits() {
    if (std::getenv(kPolicy) != nullptr || std::getenv(kTurns) != nullptr) return;
    setenv(kPolicy, "passive", 0);
    setenv(kTurns, "2000", 0);
    are_ours_ = true;
  }
  ~ShortWaits() {
    if (!are_ours_) return;
    unsetenv(kPolicy);
    unsetenv(kTurns);
  }
  ShortWaits(const ShortWaits&) = delete;
  ShortWaits& operator=(const ShortWaits&) = delete;

 private:
  static constexpr const char* kPolicy = "OMP_WAIT_POLICY";
  static constexpr const char* kTurns = "GOMP_SPINCOUNT";
  bool are_ours_ = false;
};

Error missing(std::string_view why) {
  return fail(Code::kUnavailable, "lightgbm.library_missing", "could not open {}: {}", kFile,
              shown(why, 300))
      .hint("keep the folder `lib` beside the program, or name its folder in KINGPOST_DRIVERS");
}

// Compared with the header, so that a changed signature does not compile.
#define KINGPOST_TAKE(field, call)                                          \
  static_assert(std::is_same_v<decltype(Library::field), decltype(&call)>); \
  out.field = reinterpret_cast<decltype(&call)>(dlsym(handle, #call));      \
  if (out.field == nullptr) return missing("it has no " #call)

}  // namespace

std::string library_path() {
  return find_library(kFile);
}

Result<Library> Library::load(const std::string& path) {
  Library out;
  if (path.empty()) return missing("it was not found");
  const ShortWaits waits;
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return missing(dlerror());
  KINGPOST_TAKE(last_error, LGBM_GetLastError);
  KINGPOST_TAKE(on_log, LGBM_RegisterLogCallback);
  KINGPOST_TAKE(bin, LGBM_DatasetCreateFromMat);
  KINGPOST_TAKE(set_field, LGBM_DatasetSetField);
  KINGPOST_TAKE(free_set, LGBM_DatasetFree);
  KINGPOST_TAKE(create, LGBM_BoosterCreate);
  KINGPOST_TAKE(add_validation, LGBM_BoosterAddValidData);
  KINGPOST_TAKE(grow, LGBM_BoosterUpdateOneIter);
  KINGPOST_TAKE(evaluate, LGBM_BoosterGetEval);
  KINGPOST_TAKE(metric_count, LGBM_BoosterGetEvalCounts);
  KINGPOST_TAKE(round_count, LGBM_BoosterGetCurrentIteration);
  KINGPOST_TAKE(to_text, LGBM_BoosterSaveModelToString);
  KINGPOST_TAKE(from_text, LGBM_BoosterLoadModelFromString);
  KINGPOST_TAKE(predict, LGBM_BoosterPredictForMat);
  KINGPOST_TAKE(importance, LGBM_BoosterFeatureImportance);
  KINGPOST_TAKE(free_booster, LGBM_BoosterFree);
  return out;
}

#undef KINGPOST_TAKE

Result<const Library*> Library::open() {
  static const Result<Library> opened = load(library_path());
  if (!opened) return opened.error();
  opened->on_log(drop_line);
  return &*opened;
}

Status Library::done(int answer, std::string_view doing) const {
  if (answer == 0) return {};
  return fail(Code::kInvalidInput, "lightgbm.failed", "LightGBM failed while {}: {}", doing,
              shown(last_error(), 300));
}

}  // namespace kingpost::lightgbm
