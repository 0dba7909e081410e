// SPDX-License-Identifier: Apache-2.0
// The run: lock, plan as we go, check once, execute, seal, commit.
#include "lifecycle/runner.h"

#include <filesystem>
#include <optional>
#include <set>

#include "base/digest.h"
#include "base/failpoint.h"
#include "base/files.h"
#include "base/text.h"
#include "lifecycle/cancellation.h"
#include "store/lock.h"

namespace kingpost::lifecycle {
namespace {

class Runner {
 public:
  Runner(const Pipeline& pipeline, Workspace workspace, const RunOptions& options,
         Observer& observer, Faults& faults)
      : pipeline_(pipeline),
        workspace_(std::move(workspace)),
        options_(options),
        observer_(observer),
        faults_(faults) {}
  ~Runner() { Cancellation::watch(nullptr); }
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  Result<RunSummary> run(const std::string& command) {
    const double start = monotonic_seconds();
    workspace_.objects.clear_temporary();
    auto done = walk(command);
    close_session();
    if (run_ != 0) {
      const std::string state =
          done ? "done" : (done.error().code() == Code::kCancelled ? "cancelled" : "failed");
      if (auto ended = workspace_.journal->end_run(run_, state); !ended && done)
        return ended.error();
    }
    if (!done) return std::move(done).error();
    summary_.seconds = monotonic_seconds() - start;
    return std::move(summary_);
  }

 private:
  Status walk(const std::string& command) {
    const int last = last_step(pipeline_, options_);
    std::size_t restarts = 0;
    for (std::size_t i = 0; i < rows().size();) {
      const StepRow& row = rows()[i];
      if (!is_asked(row, pipeline_) || row.number > last) {
        ++i;
        continue;
      }
      TRY(const Next next, visit(row, command));
      if (next == Next::kRestart && ++restarts > rows().size()) {
        return fail(Code::kCorrupt, "store.object_damaged", "objects keep being damaged")
            .hint("check the disk");
      }
      i = next == Next::kRestart ? 0 : i + 1;
    }
    return {};
  }

  // After a damaged input was moved out, the walk begins again at the first step.
  enum class Next { kStep, kRestart };

  Result<Next> visit(const StepRow& row, const std::string& command) {
    const int from = options_.from.empty() ? 0 : find_row(options_.from)->number;
    if (Cancellation::requested()) return cancelled();
    auto keyed = step_key(row, pipeline_, input_, *workspace_.journal);
    if (!keyed) return keyless(row, std::move(keyed).error(), command);
    const StepKey key = std::move(keyed).value();
    if (row.number == 1) TRY_STATUS(check_once(key, command));
    if (row.number == 2) TRY_STATUS(check_again(command));
    TRY(Sealed sealed, find_sealed(workspace_, row, key));
    if (!sealed.reason.empty()) warn(row, sealed.reason + "; it is made anew");
    const bool forced = (row.word == options_.force || (from > 0 && row.number >= from)) &&
                        redone_.insert(row.word).second;
    if (sealed.manifest && !forced) {
      TRY_STATUS(reuse(row, std::move(sealed)));
      return Next::kStep;
    }
    if (row.number < from) {
      return fail(Code::kPrecondition, "run.not_sealed",
                  "--from {} wants step {} \"{}\" to be sealed, and it is not", options_.from,
                  row.number, row.word)
          .hint("run without --from");
    }
    TRY(const bool damaged, set_damaged_inputs_aside(row));
    if (damaged) {
      // What was asked for is still to be done.
      redone_.erase(row.word);
      restart();
      return Next::kRestart;
    }
    TRY_STATUS(execute(row, key, forced, command));
    return Next::kStep;
  }

  void restart() {
    input_ = {};
    summary_.steps.clear();
  }

  // A step without a key is one whose sources or code cannot be read: the check tells of that and
  // of every other fault at once.
  Error keyless(const StepRow& row, Error error, const std::string& command) {
    if (row.number != 1) return failed(row, std::move(error));
    if (auto opened = open_session(); !opened) return error;
    if (auto begun = begin_run(command); !begun) return error;
    check_pipeline(pipeline_, *session_, workspace_.journal.get(), faults_);
    return faults_.empty() ? std::move(error) : faulty("nothing was run");
  }

  Error faulty(std::string_view consequence) {
    if (auto obstacle = obstacle_of(faults_)) {
      faults_ = {};
      return std::move(*obstacle);
    }
    return fail(Code::kInvalidInput, "file.faulty", "{} has {} fault{}; {}", pipeline_.path,
                faults_.size(), faults_.size() == 1 ? "" : "s", consequence);
  }

  // What a check looks at: the file, the sources, the code that the file names, the steps'
  // versions.
  std::string checked_content(const StepKey& first) {
    std::string content = pipeline_.root.json().canonical() + first.key;
    for (const StepRow& row : rows()) {
      content += format(" {}", version_of(row));
      if (row.key_parts == nullptr || row.number == 1 || !is_asked(row, pipeline_)) continue;
      steps::KeyContext context{pipeline_.section(row.word), pipeline_.root, pipeline_.settings,
                                *workspace_.journal};
      auto parts = row.key_parts(context);
      // The clock is for the data, not for the file.
      if (parts) parts->set("now", Json());
      content += parts ? parts->canonical() : parts.error().what();
    }
    return content;
  }

  // The whole file is looked at once per content.
  Status check_once(const StepKey& first, const std::string& command) {
    checked_ = checked_content(first);
    const std::string key = sha256_of(checked_);
    TRY(const bool passed, workspace_.journal->check_passed(key));
    if (passed && pipeline_.unbuilt.empty()) return {};
    TRY_STATUS(open_session());
    TRY_STATUS(begin_run(command));
    predicted_ = check_pipeline(pipeline_, *session_, workspace_.journal.get(), faults_);
    if (Cancellation::requested()) return cancelled();
    if (faults_.empty()) return workspace_.journal->note_check(key);
    return faulty("nothing was run");
  }

  // The types of a source are told from its first MiB. Where all of it told otherwise, the later
  // steps are looked at again, over the tables that ingest really left.
  Status check_again(const std::string& command) {
    records::Catalog real;
    std::string content = checked_;
    for (const records::Table& table : input_.tables) {
      real.tables.push_back(table.schema);
      content += records::to_json(table.schema).canonical();
    }
    const std::string key = sha256_of(content);
    TRY(const bool passed, workspace_.journal->check_passed(key));
    if (passed) return {};
    TRY_STATUS(open_session());
    if (!predicted_) {
      Faults ignored;
      predicted_ = check_pipeline(pipeline_, *session_, nullptr, ignored);
    }
    const auto changes = retyped(*predicted_, real);
    if (!changes.empty()) {
      TRY_STATUS(begin_run(command));
      check_behind_ingest(pipeline_, real, *session_, workspace_.journal.get(), faults_);
    }
    if (Cancellation::requested()) return cancelled();
    if (faults_.empty()) return workspace_.journal->note_check(key);
    Error error = faulty("no step behind ingest was run");
    for (const std::string& change : changes) error = std::move(error).detail(change);
    return std::move(error).hint(
        "the data hold other types than their first MiB: declare a type under ingest, or add the "
        "odd text to its nulls");
  }

  static std::vector<std::string> retyped(const records::Catalog& predicted,
                                          const records::Catalog& real) {
    std::vector<std::string> out;
    for (const records::TableSchema& table : real.tables) {
      const records::TableSchema* before = predicted.find(table.name);
      for (const records::Column& column : table.columns) {
        const records::Column* old = before != nullptr ? before->find(column.name) : nullptr;
        if (old != nullptr && old->type == column.type) continue;
        out.push_back(format("{}.{} is {}, and looked like {}", table.name, column.name,
                             column.type, old != nullptr ? old->type : "nothing"));
      }
    }
    return out;
  }

  static Error cancelled() { return fail(Code::kCancelled, "run.cancelled", "stopped"); }

  Status begin_run(const std::string& command) {
    if (run_ != 0) return {};
    TRY(run_, workspace_.journal->begin_run(command, name_of(pipeline_.path)));
    return {};
  }

  Status open_session() {
    if (session_ != nullptr) return {};
    TRY_STATUS(make_folders(pipeline_.settings.engine.temp_folder));
    TRY(session_, sql::Session::open(pipeline_.settings.engine));
    Cancellation::watch(session_.get());
    return {};
  }

  // Before the temporary files are cleared, because the engine's own are among them.
  void close_session() {
    Cancellation::watch(nullptr);
    if (session_ == nullptr) return;
    session_.reset();
    workspace_.objects.clear_temporary();
  }

  void warn(const StepRow& row, const std::string& text) {
    observer_.on({EventKind::kWarning, &row, text, 0});
  }

  Status reuse(const StepRow& row, Sealed sealed) {
    if (row.restore != nullptr) {
      const steps::RestoreContext context{pipeline_.section(row.word), pipeline_.settings,
                                          workspace_.objects, sealed.manifest->output};
      if (auto restored = row.restore(context); !restored) {
        return failed(row, std::move(restored).error());
      }
    }
    TRY_STATUS(workspace_.journal->note_use(name_of(pipeline_.path), sealed.execution));
    observer_.on({EventKind::kSealed, &row, counts_text(sealed.manifest->counts), 0});
    input_ = sealed.manifest->output;
    summary_.steps.push_back({&row, true, 0, std::move(*sealed.manifest)});
    return {};
  }

  // Before a step computes on them, its inputs are hashed once per run: a damaged one is moved out,
  // so that the step that made it makes it anew.
  Result<bool> set_damaged_inputs_aside(const StepRow& row) {
    bool damaged = false;
    for (const auto& part : input_.parts()) {
      if (!trusted_.insert(part.digest).second) continue;
      if (workspace_.objects.verify(part.digest)) continue;
      trusted_.erase(part.digest);
      damaged = true;
      warn(row, format("{} is damaged in the store; it is made anew", part.what));
      TRY_STATUS(set_aside(part.digest));
    }
    return damaged;
  }

  Status set_aside(const std::string& digest) {
    if (workspace_.objects.size_of(digest) < 0) return {};
    return workspace_.objects.set_aside(digest);
  }

  Status execute(const StepRow& row, const StepKey& key, bool forced, const std::string& command) {
    TRY_STATUS(open_session());
    TRY_STATUS(begin_run(command));
    TRY(const auto changes, why_stale(workspace_, row, key));
    const std::string reason = forced ? std::string("asked for") : changes.front();
    observer_.on({EventKind::kStarted, &row, reason, 0});
    store::Execution execution;
    execution.run = run_;
    execution.step = row.word;
    execution.key = key.key;
    execution.parts = key.parts.canonical();
    TRY(const std::int64_t id, workspace_.journal->begin(execution));
    failpoint(format("{}_begun", row.word));
    const double start = monotonic_seconds();
    auto outcome = work(row);
    if (outcome && outcome->verdict) {
      TRY_STATUS(seal(row, id, *outcome, "failed", monotonic_seconds() - start));
      return failed(row, Error(*outcome->verdict));
    }
    if (!outcome) {
      // A statement that was told to end may say so in other words.
      if (Cancellation::requested()) outcome = cancelled();
      const Error& error = outcome.error();
      const std::string state = error.code() == Code::kCancelled ? "cancelled" : "failed";
      // The first error is the one to report, whether or not it can be noted.
      (void)workspace_.journal->finish(id, state, "", error.what()).has_value();
      return failed(row, std::move(outcome).error());
    }
    return seal(row, id, *outcome, "sealed", monotonic_seconds() - start);
  }

  Error failed(const StepRow& row, Error error) {
    observer_.on({EventKind::kFailed, &row, error.what(), 0});
    return std::move(error).within(format("step {} \"{}\"", row.number, row.word));
  }

  Result<steps::Outcome> work(const StepRow& row) {
    TRY(const auto last,
        workspace_.journal->last_sealed(name_of(pipeline_.path), std::string(row.word)));
    records::Dataset previous;
    if (last) {
      if (auto manifest = read_manifest(workspace_.objects, last->manifest)) {
        previous = std::move(manifest->output);
      }
    }
    steps::RunContext context{
        pipeline_.section(row.word),
        pipeline_.root,
        pipeline_.settings,
        input_,
        *session_,
        workspace_.objects,
        last ? &previous : nullptr,
        workspace_.journal.get(),
        [&](const std::string& text) { observer_.on({EventKind::kProgress, &row, text, 0}); },
        [] { return Cancellation::requested(); }};
    return row.run(context);
  }

  Status seal(const StepRow& row, std::int64_t id, const steps::Outcome& outcome,
              const std::string& state, double seconds) {
    failpoint(format("{}_worked", row.word));
    Manifest manifest = manifest_of(row.word, outcome);
    TRY(const store::Sealed sealed, workspace_.objects.seal_text(to_text(manifest)));
    failpoint(format("{}_sealed", row.word));
    const std::string error = outcome.verdict ? outcome.verdict->what() : std::string();
    TRY_STATUS(workspace_.journal->finish(id, state, sealed.digest, error));
    failpoint(format("{}_committed", row.word));
    for (const std::string& folder : outcome.scratch) remove_scratch(folder);
    for (const std::string& warning : outcome.warnings) warn(row, warning);
    if (state != "sealed") return {};
    observer_.on({EventKind::kDone, &row, counts_text(outcome.counts), seconds});
    for (const auto& part : outcome.output.parts()) trusted_.insert(part.digest);
    input_ = outcome.output;
    summary_.steps.push_back({&row, false, seconds, std::move(manifest)});
    return {};
  }

  // What stays behind costs only room.
  static void remove_scratch(const std::string& folder) {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
    // The folder above goes with the last one in it.
    std::filesystem::remove(parent_of(folder), ignored);
  }

  const Pipeline& pipeline_;
  Workspace workspace_;
  const RunOptions& options_;
  Observer& observer_;
  Faults& faults_;
  std::unique_ptr<sql::Session> session_;
  records::Dataset input_;
  std::set<std::string> trusted_;
  std::set<std::string_view> redone_;
  std::string checked_;
  std::optional<records::Catalog> predicted_;
  std::int64_t run_ = 0;
  RunSummary summary_;
};

}  // namespace

Result<RunSummary> run_pipeline(const Pipeline& pipeline, const RunOptions& options,
                                const std::string& command, Observer& observer, Faults& faults) {
  TRY_STATUS(check_options(options));
  TRY_STATUS(make_folders(pipeline.store_folder));
  TRY(const store::Lock lock, store::Lock::acquire(pipeline.store_folder, command));
  TRY(Workspace workspace, Workspace::open(pipeline));
  Runner runner(pipeline, std::move(workspace), options, observer, faults);
  return runner.run(command);
}

}  // namespace kingpost::lifecycle
