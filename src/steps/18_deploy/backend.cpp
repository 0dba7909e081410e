// SPDX-License-Identifier: Apache-2.0
#include "steps/18_deploy/backend.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace kingpost::steps::deploy {
namespace {

constexpr Micros kFirstPause = 100'000;
constexpr Micros kLongestPause = 30'000'000;
constexpr Micros kHealthy = 60'000'000;
constexpr double kGrowth = 1.1;
constexpr double kLeastMicros = 10;

// What stands behind the place in a line that begins with it; 0: it does not.
int port_in(std::string_view line, std::string_view place) {
  if (!starts_with(line, place)) return 0;
  return static_cast<int>(parse_integer(line.substr(place.size())).value_or(0));
}

}  // namespace

Json to_json(const Source& source) {
  return Json::object()
      .set("model", source.model)
      .set("version", source.version)
      .set("path", source.path);
}

Result<Source> source_from_json(const Json& json) {
  Source out{json["model"].text(), json["version"].text(), json["path"].text()};
  if (out.model.empty() || out.version.empty() || out.path.empty()) {
    return fail(Code::kCorrupt, "deploy.state_damaged",
                "the state is damaged: a version without model, version or path");
  }
  return out;
}

Backend::Backend(Source source, std::string program, std::vector<std::string> words, LineLog& log)
    : source_(std::move(source)),
      program_(std::move(program)),
      words_(std::move(words)),
      log_(log) {}

Backend::~Backend() {
  if (process_ > 0) {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  if (output_ >= 0) ::close(output_);
}

void Backend::count(bool is_error, std::chrono::nanoseconds latency) {
  all_.fetch_add(1, std::memory_order_relaxed);
  requests_.fetch_add(1, std::memory_order_relaxed);
  if (is_error) {
    errors_.fetch_add(1, std::memory_order_relaxed);
    failed_last_.fetch_add(1, std::memory_order_relaxed);
  } else {
    failed_last_.store(0, std::memory_order_relaxed);
  }
  const double micros = std::max(kLeastMicros, static_cast<double>(latency.count()) / 1000);
  const double place = std::log(micros / kLeastMicros) / std::log(kGrowth);
  const auto bucket = std::min(kBuckets - 1, static_cast<std::size_t>(place));
  buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
}

void Backend::count_unsent() {
  all_.fetch_add(1, std::memory_order_relaxed);
  requests_.fetch_add(1, std::memory_order_relaxed);
  errors_.fetch_add(1, std::memory_order_relaxed);
}

Seen Backend::seen() const {
  Seen out;
  out.requests = requests_.load();
  out.errors = errors_.load();
  out.failed_last = failed_last_.load();
  std::int64_t counted = 0;
  for (const auto& each : buckets_) counted += each.load();
  std::int64_t below = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    below += buckets_[i].load();
    if (counted > 0 && below * 100 >= counted * 99) {
      out.p99_ms = kLeastMicros * std::pow(kGrowth, static_cast<double>(i) + 1) / 1000;
      break;
    }
  }
  return out;
}

void Backend::begin_counting() {
  requests_.store(0);
  errors_.store(0);
  failed_last_.store(0);
  for (auto& each : buckets_) each.store(0);
}

void Backend::start(Micros now) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return;
  std::vector<std::string> line = {
      program_, "--http", "0", "--model",
      format("{}/{}={}", source_.model, source_.version, source_.path)};
  line.insert(line.end(), words_.begin(), words_.end());
  std::vector<char*> arguments;
  for (std::string& each : line) arguments.push_back(each.data());
  arguments.push_back(nullptr);
  started_ = now;
  was_ready_ = false;
  const pid_t supervisor = ::getpid();
  process_ = ::fork();
  if (process_ == 0) {
    // It must not outlive the supervisor, even one that is killed.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != supervisor) ::_exit(1);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::dup2(pipe[1], STDOUT_FILENO);
    ::dup2(pipe[1], STDERR_FILENO);
    // Connections of the supervisor are none of its own: one that it kept would outlive their end.
    ::close_range(STDERR_FILENO + 1, ~0U, 0);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(pipe[1]);
  if (output_ >= 0) ::close(output_);
  output_ = pipe[0];
  ::fcntl(output_, F_SETFL, O_NONBLOCK);
  partial_.clear();
}

void Backend::be_away() {
  port_.store(0);
  grpc_port_.store(0);
}

void Backend::take_line(const std::string& line) {
  log_.add(format("{} {}/{}: {}", second_text(wall_clock()), source_.model, source_.version, line));
  if (starts_with(line, "error[")) last_error_ = line;
  if (is_stopping_) return;
  // It tells this one first.
  if (const int port = port_in(line, "grpc://127.0.0.1:"); port > 0) grpc_port_.store(port);
  const int port = port_in(line, "http://127.0.0.1:");
  if (port == 0) return;
  was_ready_ = true;
  failed_starts_ = 0;
  port_.store(port);
}

void Backend::read_output() {
  std::array<char, 4096> piece;
  for (;;) {
    const ssize_t size = ::read(output_, piece.data(), piece.size());
    if (size <= 0) return;
    partial_.append(piece.data(), static_cast<std::size_t>(size));
    for (std::size_t end = partial_.find('\n'); end != std::string::npos;
         end = partial_.find('\n')) {
      const std::string line = partial_.substr(0, end);
      partial_.erase(0, end + 1);
      take_line(line);
    }
  }
}

void Backend::reap(Micros now) {
  int status = 0;
  if (process_ <= 0 || ::waitpid(process_, &status, WNOHANG) != process_) return;
  read_output();
  be_away();
  process_ = -1;
  if (is_stopping_) return;
  take_line(WIFSIGNALED(status) ? format("ended by signal {}", WTERMSIG(status))
                                : format("ended with {}", WEXITSTATUS(status)));
  if (!was_ready_) ++failed_starts_;
  pause_ =
      now - started_ > kHealthy || pause_ == 0 ? kFirstPause : std::min(pause_ * 2, kLongestPause);
  next_start_ = now + pause_;
  ++restarts_;
}

void Backend::look(Micros now) {
  if (output_ >= 0) read_output();
  reap(now);
}

void Backend::poll(Micros now) {
  look(now);
  if (process_ <= 0 && !is_stopping_ && now >= next_start_) start(now);
}

void Backend::stop(Micros now) {
  is_stopping_ = true;
  stopped_ = now;
  be_away();
  if (process_ > 0) ::kill(process_, SIGTERM);
}

bool Backend::is_gone(Micros now) {
  if (process_ > 0 && now - stopped_ >= kGrace) ::kill(process_, SIGKILL);
  reap(now);
  return process_ <= 0;
}

}  // namespace kingpost::steps::deploy
