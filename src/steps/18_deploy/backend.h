// SPDX-License-Identifier: Apache-2.0
// One version of a model as a process of its own: kingpost-serve at a port of this machine.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/line_log.h"
#include "base/result.h"
#include "steps/18_deploy/rollout.h"

namespace kingpost::steps::deploy {

/// What a process serves.
struct Source {
  std::string model;
  std::string version;
  /// A bundle's folder, or an ONNX file.
  std::string path;

  bool operator==(const Source&) const = default;
};
Json to_json(const Source& source);
/// Fails with `deploy.state_damaged` where a part is missing.
Result<Source> source_from_json(const Json& json);

class Backend {
 public:
  /// `program` is kingpost-serve, `words` its options but for model and port; what it says goes to
  /// `log`, which must outlive it.
  Backend(Source source, std::string program, std::vector<std::string> words, LineLog& log);
  /// Ends the process at once.
  ~Backend();
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  const Source& source() const { return source_; }
  /// 0 while it cannot answer. From any thread, as what follows; the rest by one thread only.
  int port() const { return port_.load(); }
  /// The same of gRPC, where its words ask for it.
  int grpc_port() const { return grpc_port_.load(); }
  void count(bool is_error, std::chrono::nanoseconds latency);
  /// A request that it should have had and that could not be sent to it: an error without a time.
  void count_unsent();
  /// Since `begin_counting`; without the rate of nulls, and whether it is there.
  Seen seen() const;
  void begin_counting();
  std::int64_t requests() const { return all_.load(); }

  /// Starts it, reads what it says, and starts it again when it has ended: after 0.1 s, then twice
  /// as long each time up to 30 s, anew when it has answered for a minute. `now` is of the
  /// monotonic clock, here and below.
  void poll(Micros now);
  /// Of `poll`, only to see whether it is still there.
  void look(Micros now);
  /// Longer than a server that ends waits for the last answer.
  static constexpr Micros kGrace = 35'000'000;
  /// Tells it to end: what it is asked is answered, then it goes.
  void stop(Micros now);
  /// After `stop`, the process is gone. One that is not after the grace is killed.
  bool is_gone(Micros now);

  pid_t process() const { return process_; }
  int restarts() const { return restarts_; }
  /// How often it ended without ever having been ready.
  int failed_starts() const { return failed_starts_; }
  /// The last error that it told.
  const std::string& last_error() const { return last_error_; }

 private:
  static constexpr std::size_t kBuckets = 200;

  void start(Micros now);
  void read_output();
  void take_line(const std::string& line);
  void be_away();
  void reap(Micros now);

  const Source source_;
  const std::string program_;
  const std::vector<std::string> words_;
  LineLog& log_;
  std::atomic<int> port_{0};
  std::atomic<int> grpc_port_{0};
  pid_t process_ = -1;
  int output_ = -1;
  std::string partial_;
  Micros started_ = 0;
  Micros next_start_ = 0;
  Micros pause_ = 0;
  Micros stopped_ = 0;
  int restarts_ = 0;
  int failed_starts_ = 0;
  bool was_ready_ = false;
  bool is_stopping_ = false;
  std::string last_error_;

  std::atomic<std::int64_t> all_{0};
  std::atomic<std::int64_t> requests_{0};
  std::atomic<std::int64_t> errors_{0};
  std::atomic<std::int64_t> failed_last_{0};
  /// Of latencies, each a tenth longer than the one before, from 10 us on.
  std::array<std::atomic<std::int64_t>, kBuckets> buckets_{};
};

}  // namespace kingpost::steps::deploy
