// SPDX-License-Identifier: Apache-2.0
// What a person or a program sees of a run while it runs.
#include "cli/progress.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/text.h"
#include "cli/output.h"

namespace kingpost::cli {
namespace {

using lifecycle::Event;
using lifecycle::EventKind;

std::string step_label(const lifecycle::StepRow& row) {
  return format("{:>3} {}", row.number, padded(std::string(row.word), 17));
}

// Lets through what comes at most once in so many seconds; the first waits as long.
class Sparsely {
 public:
  explicit Sparsely(double seconds) : seconds_(seconds), last_(monotonic_seconds()) {}
  bool now() {
    const double time = monotonic_seconds();
    if (time - last_ < seconds_) return false;
    last_ = time;
    return true;
  }

 private:
  double seconds_;
  double last_;
};

class Quiet final : public lifecycle::Observer {
 public:
  void on(const Event& event) override {
    if (event.kind == EventKind::kWarning) {
      print_error(format("warning: {}: {}\n", event.step->word, event.text));
    }
  }
};

class Plain final : public lifecycle::Observer {
 public:
  void on(const Event& event) override {
    const std::string label = step_label(*event.step);
    switch (event.kind) {
      case EventKind::kSealed:
        print(format("{} sealed   {}\n", label, event.text));
        break;
      case EventKind::kStarted:
        print(format("{} run      {}\n", label, event.text));
        break;
      case EventKind::kDone:
        print(format("{} done     {} ({})\n", label, event.text, elapsed_text(event.seconds)));
        break;
      case EventKind::kFailed:
        print(format("{} failed   {}\n", label, event.text));
        break;
      case EventKind::kWarning:
        print(format("{} warning  {}\n", label, event.text));
        break;
      case EventKind::kProgress:
        if (sparsely_.now()) print(format("{} at work  {}\n", label, event.text));
        break;
    }
    std::fflush(stdout);
  }

 private:
  Sparsely sparsely_{10};
};

class JsonLines final : public lifecycle::Observer {
 public:
  void on(const Event& event) override {
    constexpr std::string_view kWords[] = {"sealed", "started", "done",
                                           "failed", "warning", "progress"};
    if (event.kind == EventKind::kProgress && !sparsely_.now()) return;
    Json line = Json::object();
    line.set("event", kWords[static_cast<std::size_t>(event.kind)]);
    line.set("step", event.step->word).set("number", event.step->number);
    line.set("text", event.text);
    if (event.kind == EventKind::kDone) line.set("seconds", event.seconds);
    line.set("at", timestamp_text(wall_clock()));
    print(line.dump() + "\n");
    std::fflush(stdout);
  }

 private:
  Sparsely sparsely_{2};
};

class Live final : public lifecycle::Observer {
 public:
  explicit Live(const std::vector<const lifecycle::StepRow*>& asked) {
    for (const auto* row : asked) lines_.push_back({row, "waiting", "", 0});
    ticker_ = std::thread([this] { tick(); });
  }
  ~Live() override {
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      closing_ = true;
    }
    wake_.notify_all();
    ticker_.join();
    draw();
    for (const std::string& warning : warnings_) print(warning);
    std::fflush(stdout);
  }
  Live(const Live&) = delete;
  Live& operator=(const Live&) = delete;

  void on(const Event& event) override {
    const std::lock_guard<std::mutex> guard(mutex_);
    for (Line& line : lines_) {
      if (line.row == event.step) update(line, event);
    }
    // The ticker draws what comes often.
    if (event.kind != EventKind::kProgress) draw();
  }

 private:
  struct Line {
    const lifecycle::StepRow* row;
    std::string state;
    std::string text;
    double since;
  };

  void update(Line& line, const Event& event) {
    switch (event.kind) {
      case EventKind::kSealed:
        line = {line.row, "sealed", event.text, 0};
        break;
      case EventKind::kStarted:
        line = {line.row, "running", event.text, monotonic_seconds()};
        break;
      case EventKind::kDone:
        line = {line.row, "done", format("{} ({})", event.text, elapsed_text(event.seconds)), 0};
        break;
      case EventKind::kFailed:
        line = {line.row, "failed", event.text, 0};
        break;
      case EventKind::kWarning:
        warnings_.push_back(format("warning: {}: {}\n", event.step->word, event.text));
        break;
      case EventKind::kProgress:
        line.text = event.text;
        break;
    }
  }

  void tick() {
    std::unique_lock<std::mutex> guard(mutex_);
    while (!wake_.wait_for(guard, std::chrono::milliseconds(200), [this] { return closing_; })) {
      draw();
    }
  }

  // Lines are cut at 100 characters: a wrapped line would break the cursor movement.
  void draw() {
    std::string out;
    if (drawn_) out += format("\x1b[{}A", lines_.size());
    drawn_ = true;
    for (const Line& line : lines_) {
      std::string text = line.text;
      if (line.state == "running") {
        text = format("{}  {}", elapsed_text(monotonic_seconds() - line.since), text);
      }
      out += format("\x1b[2K{} {} {}\n", step_label(*line.row), padded(line.state, 8),
                    shown(text, 66));
    }
    print(out);
    std::fflush(stdout);
  }

  std::vector<Line> lines_;
  std::vector<std::string> warnings_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread ticker_;
  bool closing_ = false;
  bool drawn_ = false;
};

}  // namespace

std::unique_ptr<lifecycle::Observer> make_progress(
    Style style, const std::vector<const lifecycle::StepRow*>& asked) {
  switch (style) {
    case Style::kQuiet:
      return std::make_unique<Quiet>();
    case Style::kLive:
      return std::make_unique<Live>(asked);
    case Style::kJson:
      return std::make_unique<JsonLines>();
    case Style::kPlain:
      break;
  }
  return std::make_unique<Plain>();
}

}  // namespace kingpost::cli
