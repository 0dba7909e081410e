// SPDX-License-Identifier: Apache-2.0
// What the gateways of a deployment share: which version answers what, and copies for a shadow.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>

#include "protocols/open_inference/grpc_messages.h"
#include "steps/18_deploy/backend.h"

namespace kingpost::steps::deploy {

/// How long a request is asked again that the stable version does not answer.
inline constexpr auto kPatience = std::chrono::seconds(10);
/// Of the new version, for an answer: what it leaves must be enough for the stable one.
inline constexpr auto kTrialTime = std::chrono::milliseconds(5'000);
/// Between two tries.
inline constexpr auto kPause = std::chrono::milliseconds(20);

/// How two answers to one request are to each other; kUnknown: they were not compared.
enum class Likeness { kSame, kDifferent, kUnknown };

/// What a request asks for by name; one without a version names none.
using Named = open_inference::NamedModel;

/// Which version answers what.
struct Route {
  std::shared_ptr<Backend> stable;
  /// In trial or on standby, then without a share: it answers what names it. May be null, as both
  /// are where nothing can answer yet.
  std::shared_ptr<Backend> candidate;
  int percent = 0;
  int shadow_percent = 0;
};

/// Of a key, or of the parts of a request in their order where it has none. The same on every
/// machine and in every run.
class Share {
 public:
  void add(std::string_view part);
  /// Of the keys a share in percent.
  bool is_within(int percent) const { return is_within(hash_, percent); }
  /// The same of other bits: which keys are copied does not go by which are in trial.
  bool is_copied(int percent) const;

 private:
  static bool is_within(std::uint64_t hash, int percent);

  std::uint64_t hash_ = 14695981039346656037U;
};

/// All of it from any thread.
class Traffic {
 public:
  struct ShadowCounts {
    std::int64_t sent = 0;
    /// Not copied, since too many copies had no answer yet, the new version was not there, or it
    /// was a large message of a stream.
    std::int64_t dropped = 0;
    /// Answered otherwise than by the stable version.
    std::int64_t different = 0;
    /// Too large to be compared.
    std::int64_t uncompared = 0;
  };
  struct Choice {
    std::shared_ptr<Backend> backend;
    /// It is not the stable version.
    bool is_new = false;
    /// The new version gets a copy.
    bool is_copied = false;
    /// The version that alone can answer; none where it is for both or for neither.
    Named named{};
  };

  void set_route(Route route);
  /// A request that names the one version or the other goes there, whatever the share; one that
  /// names another goes to the stable one. `named` and `share` are asked for where they are of use:
  /// of a large one they take their time.
  Choice choose(const std::function<Named()>& named, const std::function<Share()>& share) const;
  /// Who has that version now; the stable one where nobody has, or none is named.
  std::shared_ptr<Backend> serving(const Named& named) const;

  /// Who gets a copy now, or nobody: each that was begun must be ended.
  std::shared_ptr<Backend> begin_copy();
  void end_copy(Likeness likeness);
  /// One that is not to be begun.
  void drop_copy() { dropped_.fetch_add(1); }
  ShadowCounts shadow_counts() const {
    return {sent_.load(), dropped_.load(), different_.load(), uncompared_.load()};
  }

 private:
  Route route() const;

  mutable std::mutex mutex_;
  Route route_;
  std::atomic<std::int64_t> sent_{0};
  std::atomic<std::int64_t> dropped_{0};
  std::atomic<std::int64_t> different_{0};
  std::atomic<std::int64_t> uncompared_{0};
  std::atomic<std::int64_t> copies_{0};
};

}  // namespace kingpost::steps::deploy
