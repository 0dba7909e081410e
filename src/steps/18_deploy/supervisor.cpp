// SPDX-License-Identifier: Apache-2.0
#include "steps/18_deploy/supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <thread>
#include <utility>

#include "base/digest.h"
#include "base/files.h"
#include "base/new_file.h"
#include "base/random.h"
#include "base/text.h"
#include "engines/http/server.h"
#include "steps/18_deploy/front.h"
#include "steps/18_deploy/pulse.h"
#include "store/lock.h"

namespace kingpost::steps::deploy {
namespace {

constexpr int kFailedStarts = 3;
constexpr std::chrono::milliseconds kTick{50};
constexpr std::int64_t kLogBytes = std::int64_t{16} << 20;

std::string path_in(const std::string& folder, std::string_view file) {
  return format("{}/{}", folder, file);
}

// A sum over the samples of a family in the text of /metrics.
double sum_of(std::string_view metrics, std::string_view family) {
  double out = 0;
  for (std::size_t at = metrics.find(family); at != std::string_view::npos;
       at = metrics.find(family, at + family.size())) {
    const bool is_sample =
        (at == 0 || metrics[at - 1] == '\n') && metrics.substr(at + family.size(), 1) == "{";
    if (!is_sample) continue;
    const std::size_t end = std::min(metrics.find('\n', at), metrics.size());
    const std::string_view line = metrics.substr(at, end - at);
    out += parse_number(line.substr(line.rfind(' ') + 1)).value_or(0);
  }
  return out;
}

class Running final : public Supervisor, public http::Handler {
 public:
  explicit Running(std::string folder) : folder_(std::move(folder)) {}
  ~Running() override {
    if (control_ != nullptr) control_->stop();
    // Before what its answers go to.
    front_.stop();
  }

  Status open() {
    TRY(lock_, store::Lock::acquire(folder_, "kingpost deploy"));
    TRY(const std::string text, read_file(path_in(folder_, kConfigFile)));
    TRY(const Json json, parse_json(text));
    config_ = config_from_json(json);
    TRY(log_,
        LineLog::open(path_in(folder_, kLogFile),
                      {.rotate_bytes = kLogBytes, .mode = kPrivateFile, .tells_dropped = true}));
    TRY_STATUS(resume());
    TRY_STATUS(front_.open(config_, ports_));
    ports_ = front_.ports();
    TRY_STATUS(save());
    http::ServerOptions own;
    own.threads = 1;
    token_ = random_hex(32);
    TRY(control_, http::Server::start(own, *this));
    Json control = Json::object().set("port", control_->port()).set("token", token_);
    control.set("process", static_cast<std::int64_t>(::getpid()));
    return write_durably(path_in(folder_, kControlFile), control.pretty(), kPrivateFile);
  }

  Status run() override {
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGTERM);
    ::sigaddset(&signals, SIGINT);
    const timespec pause{0, kTick.count() * 1'000'000};
    while (!stopping_.load()) {
      tick();
      if (::sigtimedwait(&signals, nullptr, &pause) > 0) stopping_.store(true);
    }
    end();
    return {};
  }

  // Of the control port: one of the deployment's own commands.
  void handle(std::shared_ptr<http::Exchange> exchange) override {
    if (exchange->header("X-Token") != token_) {
      return answer(*exchange, 403, Json::object().set("error", "not allowed"));
    }
    const std::string_view path = exchange->path();
    const std::lock_guard lock(mutex_);
    // One that was killed since the last tick is not ready.
    for (const Shared* each : {&stable_, &candidate_, &standby_}) {
      if (*each != nullptr) (*each)->look(monotonic_micros());
    }
    if (path == "/status") return answer(*exchange, 200, status());
    auto done = change(path, std::string(exchange->body()));
    if (done) return answer(*exchange, 200, status());
    Json error = Json::object().set("id", done.error().id()).set("error", done.error().what());
    answer(*exchange, 409, error.set("hint", done.error().hint()));
  }

 private:
  using Shared = std::shared_ptr<Backend>;

  static void answer(http::Exchange& exchange, int status, const Json& json) {
    exchange.status(status);
    exchange.add_header("Content-Type", "application/json");
    exchange.answer() = json.dump();
    exchange.finish();
  }

  Shared made(const Source& source) const {
    std::vector<std::string> words = config_.words;
    if (config_.grpc >= 0) words.insert(words.end(), {"--grpc", "0"});
    // The supervisor is no client with a key of its own, and looks at the metrics all the same.
    if (std::find(words.begin(), words.end(), "--api-keys") != words.end()) {
      words.insert(words.end(), {"--metrics-key", sha256_of(metrics_key_)});
    }
    return std::make_shared<Backend>(source, config_.program, std::move(words), *log_);
  }

  Status change(std::string_view path, const std::string& body) {
    if (path == "/deploy") {
      TRY(const Json json, parse_json(body));
      TRY(Plan plan, plan_from_json(json["plan"]));
      TRY(const Source source, source_from_json(json["source"]));
      return begin(source, std::move(plan));
    }
    if (path == "/promote") return promote();
    if (path == "/rollback") return roll_back();
    if (path == "/stop") {
      stopping_.store(true);
      return {};
    }
    return fail(Code::kNotFound, "deploy.command_unknown", "there is no command {}", shown(path));
  }

  Status begin(const Source& source, Plan plan) {
    if (candidate_ != nullptr) {
      return fail(Code::kConflict, "deploy.in_progress", "version {} is still {}",
                  candidate_->source().version, stage_word(rollout_->stage()))
          .hint("`kingpost deploy promote` or `rollback` it first");
    }
    if (standby_ != nullptr) let_go(std::move(standby_));
    // Nobody is there yet to share with.
    if (stable_ == nullptr) plan = {};
    candidate_ = made(source);
    pulse_ = {};
    rollout_.emplace(std::move(plan));
    ++attempt_;
    note("started", source.version, {});
    return apply();
  }

  // All requests are about to go there.
  static Status hold_ready(const Backend& backend, int unanswered = 0) {
    if (backend.port() != 0 && unanswered == 0) return {};
    std::string why = backend.last_error();
    if (backend.port() != 0) why = "it was asked whether it is ready, and has not said so";
    return fail(Code::kPrecondition, "deploy.not_ready", "version {} cannot answer now{}{}",
                backend.source().version, why.empty() ? "" : ": ", why)
        .hint("repeat it when `kingpost deploy status` says ready, or deploy another version");
  }

  Status promote() {
    const bool is_ready =
        rollout_ && (rollout_->stage() == Stage::kPhase || rollout_->stage() == Stage::kStandby);
    if (candidate_ == nullptr || !is_ready) {
      return fail(Code::kPrecondition, "deploy.nothing_to_promote",
                  "no version is in trial or on standby")
          .hint("`kingpost deploy status` says what there is");
    }
    TRY_STATUS(hold_ready(*candidate_, pulse_.unanswered()));
    rollout_->promote();
    return settle();
  }

  Status roll_back() {
    if (candidate_ != nullptr) {
      rollout_->roll_back("by hand");
      return settle();
    }
    if (standby_ != nullptr) {
      TRY_STATUS(hold_ready(*standby_));
      std::swap(stable_, standby_);
      note("rolled back", standby_->source().version,
           format("by hand, to version {}", stable_->source().version));
      keep_previous(standby_->source());
      return apply();
    }
    if (!previous_) {
      return fail(Code::kPrecondition, "deploy.nothing_to_roll_back",
                  "there is no version to go back to");
    }
    const Source target = *previous_;
    note("rolled back", stable_->source().version,
         format("by hand, to version {}", target.version));
    return begin(target, {});
  }

  // A version that was deployed again is not one to go back to.
  void keep_previous(const Source& old) {
    if (old != stable_->source()) previous_ = old;
  }

  // What the rollout has come to.
  Status settle() {
    if (candidate_ == nullptr) return {};
    const std::string version = candidate_->source().version;
    if (rollout_->stage() == Stage::kPromoted) {
      note("promoted", version, {});
      promoted_ = attempt_;
      Shared old = std::move(stable_);
      stable_ = std::move(candidate_);
      if (old != nullptr) {
        keep_previous(old->source());
        if (rollout_->plan().is_blue_green) {
          standby_ = std::move(old);
        } else {
          let_go(std::move(old));
        }
      }
    } else if (rollout_->stage() == Stage::kRolledBack) {
      note("rolled back", version, rollout_->reason());
      last_outcome_ = format("version {} was rolled back: {}", version, rollout_->reason());
      let_go(std::move(candidate_));
    }
    return apply();
  }

  // The route must be set before the old process is told to go.
  void let_go(Shared old) { leaving_next_.push_back(std::move(old)); }

  Status apply() {
    // The one on standby answers only what names it.
    Route route{stable_, standby_, 0, 0};
    // Of one that has never answered yet nobody can ask anything.
    if (candidate_ != nullptr && rollout_->stage() != Stage::kStarting) {
      route.candidate = candidate_;
      route.percent = rollout_->percent();
      route.shadow_percent = rollout_->shadow_percent();
    }
    front_.traffic().set_route(std::move(route));
    for (Shared& each : leaving_next_) {
      each->stop(monotonic_micros());
      leaving_.push_back(std::move(each));
    }
    leaving_next_.clear();
    return save();
  }

  void tick() {
    const std::lock_guard lock(mutex_);
    const Micros now = monotonic_micros();
    for (const Shared* each : {&stable_, &candidate_, &standby_}) {
      if (*each != nullptr) (*each)->poll(now);
    }
    std::erase_if(leaving_, [now](const Shared& each) { return each->is_gone(now); });
    if (candidate_ == nullptr) return;
    const Status done = watch(now);
    if (!done)
      note("trouble", candidate_ == nullptr ? "" : candidate_->source().version,
           done.error().what());
  }

  Status watch(Micros now) {
    if (candidate_->failed_starts() >= kFailedStarts) {
      rollout_->roll_back(format("it does not start: {}", candidate_->last_error()));
      return settle();
    }
    if (rollout_->stage() == Stage::kStarting) {
      if (candidate_->port() == 0) return {};
      rollout_->ready(now);
      begin_counting();
      note("ready", candidate_->source().version, rollout_->reason());
      return settle();
    }
    pulse_.beat(front_.client(), candidate_->port(), now);
    if (rollout_->stage() != Stage::kPhase) return {};
    Seen seen = candidate_->seen();
    seen.null_rate = null_rate_.value();
    seen.is_there = candidate_->port() != 0;
    seen.silence = now - pulse_.answered();
    seen.unanswered = pulse_.unanswered();
    look_at_nulls(now);
    if (!rollout_->tick(now, seen)) return {};
    begin_counting();
    if (rollout_->stage() == Stage::kPhase) {
      note("next phase", candidate_->source().version, rollout_->reason());
    }
    return settle();
  }

  void begin_counting() {
    candidate_->begin_counting();
    null_rate_.begin();
    is_blind_ = false;
  }

  // Once a second, of the process itself; the answer comes when it comes.
  void look_at_nulls(Micros now) {
    constexpr Micros kOften = 1'000'000;
    const bool is_asked =
        std::any_of(rollout_->plan().guards.begin(), rollout_->plan().guards.end(),
                    [](const Guard& each) { return each.metric == GuardMetric::kNullRate; });
    if (!is_asked || now - looked_ < kOften || candidate_->port() == 0) return;
    looked_ = now;
    auto request = std::make_shared<http::ClientRequest>();
    request->target = "/metrics";
    request->headers = {{"X-API-Key", metrics_key_}};
    front_.client().ask(candidate_->port(), request,
                        [this, phase = null_rate_.phase()](Result<http::ClientAnswer> answer) {
                          if (!answer) return;
                          if (answer->status != 200) return tell_blind(answer->status);
                          const double rows = sum_of(answer->body, "kingpost_rows_total");
                          const double nulls =
                              sum_of(answer->body, "kingpost_null_predictions_total");
                          const std::lock_guard lock(mutex_);
                          null_rate_.take(phase, rows, nulls);
                        });
  }

  // Once a phase: the guard of nulls is none where they cannot be counted.
  void tell_blind(int status) {
    const std::lock_guard lock(mutex_);
    if (std::exchange(is_blind_, true) || candidate_ == nullptr) return;
    note("trouble", candidate_->source().version,
         format("null_rate is not known: /metrics answers {}", status));
  }

  void end() {
    front_.drain(std::chrono::seconds(10));
    const std::lock_guard lock(mutex_);
    std::vector<Shared> all = leaving_;
    for (const Shared* each : {&stable_, &candidate_, &standby_}) {
      if (*each != nullptr) all.push_back(*each);
    }
    for (const Shared& each : all) each->stop(monotonic_micros());
    for (int i = 0; i < 100 && !all.empty(); ++i) {
      std::erase_if(all, [](const Shared& each) { return each->is_gone(monotonic_micros()); });
      std::this_thread::sleep_for(kTick);
    }
    note("stopped", "", {});
    ::unlink(path_in(folder_, kControlFile).c_str());
  }

  void note(std::string_view what, const std::string& version, const std::string& detail) {
    Json line = Json::object().set("at", second_text(wall_clock())).set("what", what);
    line.set("version", version).set("detail", detail);
    const std::string text = line.dump() + "\n";
    const std::string path = path_in(folder_, kHistoryFile);
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0) return;
    // A history that cannot be written does not stop a service.
    [[maybe_unused]] const Status done = write_all(file, text, path);
    ::close(file);
  }

  Status save() const {
    Json out = Json::object();
    out.set("ports", Json::object().set("http", ports_.http).set("grpc", ports_.grpc));
    if (stable_ != nullptr) out.set("stable", deploy::to_json(stable_->source()));
    if (standby_ != nullptr) out.set("standby", deploy::to_json(standby_->source()));
    if (previous_) out.set("previous", deploy::to_json(*previous_));
    if (candidate_ != nullptr) {
      out.set("candidate", deploy::to_json(candidate_->source()));
      out.set("plan", deploy::to_json(rollout_->plan()));
    }
    return write_durably(path_in(folder_, kStateFile), out.pretty(), kPrivateFile);
  }

  static Error damaged(std::string_view why) {
    return fail(Code::kCorrupt, "deploy.state_damaged", "the state is damaged: {}", why);
  }

  Status take_state(const Json& json) {
    ports_ = {static_cast<int>(json["ports"]["http"].integer()),
              static_cast<int>(json["ports"]["grpc"].integer())};
    for (const auto& [key, into] :
         {std::pair{"stable", &stable_}, {"standby", &standby_}, {"candidate", &candidate_}}) {
      if (!json.has(key)) continue;
      TRY(const Source source, source_from_json(json[key]));
      *into = made(source);
    }
    if (json.has("previous")) {
      TRY(previous_, source_from_json(json["previous"]));
    }
    if (candidate_ == nullptr) return {};
    TRY(Plan plan, plan_from_json(json["plan"]));
    rollout_.emplace(std::move(plan));
    return {};
  }

  // A trial that was cut off begins anew.
  Status resume() {
    const std::string path = path_in(folder_, kStateFile);
    if (!exists(path)) return {};
    TRY(const std::string text, read_file(path));
    const auto json = parse_json(text);
    const Status taken = json && json->is_object() ? take_state(*json) : damaged("it is no JSON");
    if (!taken) {
      return Error(taken.error()).hint(format("remove {} to begin with nothing deployed", path));
    }
    note("resumed", stable_ == nullptr ? "" : stable_->source().version, {});
    return apply();
  }

  static Json backend_json(const Backend& backend) {
    const Seen seen = backend.seen();
    Json out = deploy::to_json(backend.source());
    out.set("process", static_cast<std::int64_t>(backend.process()));
    out.set("port", backend.port()).set("ready", backend.port() != 0);
    out.set("requests", backend.requests()).set("recent_requests", seen.requests);
    out.set("recent_errors", seen.errors).set("p99_ms", seen.p99_ms);
    out.set("restarts", backend.restarts());
    return std::move(out.set("last_error", backend.last_error()));
  }

  Json status() const {
    Json out = Json::object().set("name", config_.name);
    out.set("url", front_.url());
    if (!front_.grpc_url().empty()) out.set("grpc_url", front_.grpc_url());
    out.set("process", static_cast<std::int64_t>(::getpid()));
    out.set("stable", stable_ == nullptr ? Json() : backend_json(*stable_));
    Json candidate;
    if (candidate_ != nullptr) {
      candidate = backend_json(*candidate_);
      candidate.set("stage", stage_word(rollout_->stage())).set("reason", rollout_->reason());
      candidate.set("percent", rollout_->percent()).set("unanswered", pulse_.unanswered());
      candidate.set("shadow_percent", rollout_->shadow_percent());
    }
    out.set("candidate", std::move(candidate));
    out.set("standby", standby_ == nullptr ? Json() : backend_json(*standby_));
    const Traffic::ShadowCounts counts = front_.traffic().shadow_counts();
    Json shadow = Json::object().set("sent", counts.sent).set("dropped", counts.dropped);
    shadow.set("different", counts.different).set("uncompared", counts.uncompared);
    out.set("shadow", std::move(shadow));
    out.set("attempt", attempt_).set("promoted", promoted_);
    return std::move(out.set("last_outcome", last_outcome_));
  }

  const std::string folder_;
  Config config_;
  std::optional<store::Lock> lock_;
  std::string token_;
  /// What opens the metrics of the processes, which know its digest only.
  const std::string metrics_key_ = random_hex(32);
  std::unique_ptr<LineLog> log_;
  std::mutex mutex_;
  Front front_;
  /// Where it listens, or did the last time.
  Ports ports_;
  Shared stable_;
  Shared candidate_;
  Shared standby_;
  std::vector<Shared> leaving_;
  std::vector<Shared> leaving_next_;
  std::optional<Rollout> rollout_;
  /// Of the candidate.
  Pulse pulse_;
  std::optional<Source> previous_;
  NullRate null_rate_;
  bool is_blind_ = false;
  Micros looked_ = 0;
  /// How many versions were tried since this process began, and which of them was promoted last.
  std::int64_t attempt_ = 0;
  std::int64_t promoted_ = 0;
  std::string last_outcome_;
  std::atomic<bool> stopping_{false};
  std::unique_ptr<http::Server> control_;
};

}  // namespace

Result<std::unique_ptr<Supervisor>> Supervisor::start(const std::string& folder) {
  auto out = std::make_unique<Running>(folder);
  TRY_STATUS(out->open());
  return std::unique_ptr<Supervisor>(std::move(out));
}

}  // namespace kingpost::steps::deploy
