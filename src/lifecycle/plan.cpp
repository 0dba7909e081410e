// SPDX-License-Identifier: Apache-2.0
// Planning is the runner's walk without the work.
#include "lifecycle/plan.h"

#include "base/files.h"
#include "base/text.h"

namespace kingpost::lifecycle {
namespace {

Status known_step(const std::string& word, std::string_view option) {
  if (word.empty()) return {};
  const StepRow* row = find_row(word);
  if (row == nullptr) {
    return fail(Code::kInvalidInput, "run.unknown_step", "{} \"{}\" is not a step", option,
                shown(word))
        .hint(did_you_mean(word, words(), format("steps: {}", listed(words(), 22))));
  }
  if (row->start == Start::kByCommand) {
    return fail(Code::kInvalidInput, "run.step_by_command",
                "step {} \"{}\" has a command of its own; `run` does not start it", row->number,
                row->word);
  }
  if (!row->built()) {
    return fail(Code::kNotBuilt, "run.step_not_built", "step {} \"{}\" is not built yet",
                row->number, row->word)
        .hint(format("the last step that is built is \"{}\"", last_built().word));
  }
  return {};
}

Result<std::optional<std::int64_t>> last_rows(const Pipeline& pipeline, Workspace& workspace,
                                              const StepRow& row) {
  TRY(const auto last,
      workspace.journal->last_sealed(name_of(pipeline.path), std::string(row.word)));
  if (!last) return std::optional<std::int64_t>();
  const auto manifest = read_manifest(workspace.objects, last->manifest);
  if (!manifest) return std::optional<std::int64_t>();
  return std::optional<std::int64_t>(manifest->output.rows());
}

// A fault of the file that only its step's key tells, such as a model that is not registered: the
// error says where in the file it is. What an earlier step is still to leave is no fault.
std::optional<Error> fault_of_key(const StepRow& row, const Pipeline& pipeline,
                                  store::Journal& journal) {
  if (row.key_parts == nullptr || !is_asked(row, pipeline)) return std::nullopt;
  steps::KeyContext context{pipeline.section(row.word), pipeline.root, pipeline.settings, journal};
  auto parts = row.key_parts(context);
  if (parts || parts.error().place().file.empty()) return std::nullopt;
  return std::move(parts).error();
}

// Walks the rows in order, carrying the tables that the last sealed step gave.
class Planner {
 public:
  Planner(const Pipeline& pipeline, Workspace& workspace, const RunOptions& options)
      : pipeline_(pipeline), workspace_(workspace), options_(options) {
    last_ = last_step(pipeline, options);
    from_ = options.from.empty() ? rows().back().number + 1 : find_row(options.from)->number;
  }

  Result<PlanRow> next(const StepRow& row) {
    PlanRow plan;
    plan.step = &row;
    const bool has_section = is_asked(row, pipeline_) || row.command.empty();
    if (row.start == Start::kByCommand || !has_section) {
      plan.state = PlanState::kByCommand;
      plan.reason = row.built() ? row.command : "not built yet";
    } else if (!row.built()) {
      plan.state = PlanState::kNotBuilt;
    } else if (row.number <= last_ && is_asked(row, pipeline_)) {
      TRY_STATUS(asked(row, plan));
    }
    return plan;
  }

 private:
  Status asked(const StepRow& row, PlanRow& plan) {
    TRY(plan.rows_expected, last_rows(pipeline_, workspace_, row));
    if (!open_step_.empty()) {
      plan.state = PlanState::kAfter;
      plan.reason = format("if {} gives other rows than before", open_step_);
      auto fault = fault_of_key(row, pipeline_, *workspace_.journal);
      return fault ? Status(std::move(*fault)) : Status();
    }
    TRY(plan.key, step_key(row, pipeline_, input_, *workspace_.journal));
    TRY(Sealed sealed, find_sealed(workspace_, row, plan.key));
    const bool forced = row.word == options_.force || row.number >= from_;
    if (sealed.manifest && !forced) {
      plan.state = PlanState::kSealed;
      input_ = sealed.manifest->output;
      plan.manifest = std::move(sealed.manifest);
      plan.manifest_digest = sealed.execution.manifest;
      return {};
    }
    plan.state = PlanState::kRun;
    open_step_ = row.word;
    if (forced) {
      plan.reason = "asked for";
    } else if (!sealed.reason.empty()) {
      plan.reason = sealed.reason;
    } else {
      TRY(const auto changes, why_stale(workspace_, row, plan.key));
      plan.reason = changes.front();
    }
    return {};
  }

  const Pipeline& pipeline_;
  Workspace& workspace_;
  const RunOptions& options_;
  records::Dataset input_;
  std::string_view open_step_;
  int last_ = 0;
  int from_ = 0;
};

// False when later checks would only repeat what was found.
bool check_step(const StepRow& row, const Pipeline& pipeline, sql::Session& session,
                store::Journal* journal, records::Catalog& catalog, Faults& faults) {
  if (row.check == nullptr) return true;
  steps::CheckContext context{
      pipeline.section(row.word), pipeline.root, pipeline.settings, session, catalog, faults};
  const std::size_t before = faults.size();
  row.check(context);
  if (journal == nullptr || row.number == 1 || faults.size() > before) return !context.stop;
  if (auto fault = fault_of_key(row, pipeline, *journal)) faults.add(std::move(*fault));
  return !context.stop;
}

}  // namespace

std::string_view plan_word(PlanState state) {
  switch (state) {
    case PlanState::kSealed:
      return "sealed";
    case PlanState::kRun:
      return "run";
    case PlanState::kAfter:
      return "run?";
    case PlanState::kNotBuilt:
      return "not built";
    case PlanState::kByCommand:
      return "by command";
    case PlanState::kNotAsked:
      return "-";
  }
  return "";
}

namespace {

// A step is forced among those that the range leaves open.
Status hold_force(const RunOptions& options) {
  if (options.force.empty()) return {};
  const int forced = find_row(options.force)->number;
  const auto refused = [&](std::string_view why) {
    return fail(Code::kInvalidInput, "run.no_effect", "--force {} has no effect {}", options.force,
                why)
        .hint("take it out");
  };
  if (!options.to.empty() && find_row(options.to)->number < forced) {
    return refused("behind --to " + options.to);
  }
  if (!options.from.empty() && find_row(options.from)->number <= forced) {
    return refused(format("beside --from {}, which does it anew", options.from));
  }
  return {};
}

}  // namespace

Status check_options(const RunOptions& options) {
  TRY_STATUS(known_step(options.from, "--from"));
  TRY_STATUS(known_step(options.to, "--to"));
  TRY_STATUS(known_step(options.force, "--force"));
  if (!options.from.empty() && !options.to.empty() &&
      find_row(options.from)->number > find_row(options.to)->number) {
    return fail(Code::kInvalidInput, "run.empty_range", "--from {} comes after --to {}",
                options.from, options.to);
  }
  return hold_force(options);
}

bool is_asked(const StepRow& row, const Pipeline& pipeline) {
  if (!row.built() || row.start == Start::kByCommand) return false;
  return !row.by_section || pipeline.section(row.word).is_map();
}

std::vector<const StepRow*> asked_steps(const Pipeline& pipeline, const RunOptions& options) {
  const int last = last_step(pipeline, options);
  std::vector<const StepRow*> out;
  for (const StepRow& row : rows()) {
    if (row.number <= last && is_asked(row, pipeline)) out.push_back(&row);
  }
  return out;
}

int last_step(const Pipeline& pipeline, const RunOptions& options) {
  const int most = options.to.empty() ? last_built().number : find_row(options.to)->number;
  int last = 0;
  for (const StepRow& row : rows()) {
    if (row.number <= most && is_asked(row, pipeline)) last = row.number;
  }
  return last;
}

Result<std::vector<PlanRow>> make_plan(const Pipeline& pipeline, Workspace& workspace,
                                       const RunOptions& options) {
  TRY_STATUS(check_options(options));
  Planner planner(pipeline, workspace, options);
  std::vector<PlanRow> out;
  for (const StepRow& row : rows()) {
    TRY(PlanRow plan, planner.next(row));
    out.push_back(std::move(plan));
  }
  return out;
}

records::Catalog check_pipeline(const Pipeline& pipeline, sql::Session& session,
                                store::Journal* journal, Faults& faults) {
  for (const Error& error : pipeline.unbuilt) faults.add(error);
  records::Catalog catalog;
  if (!check_step(rows().front(), pipeline, session, journal, catalog, faults)) return catalog;
  check_behind_ingest(pipeline, catalog, session, journal, faults);
  return catalog;
}

std::optional<Error> obstacle_of(const Faults& faults) {
  for (const Error& fault : faults.errors()) {
    switch (fault.code()) {
      case Code::kExhausted:
      case Code::kUnavailable:
      case Code::kCorrupt:
      case Code::kCancelled:
      case Code::kInternal:
        return fault;
      default:
        break;
    }
  }
  return std::nullopt;
}

void check_behind_ingest(const Pipeline& pipeline, records::Catalog catalog, sql::Session& session,
                         store::Journal* journal, Faults& faults) {
  for (const StepRow& row : rows()) {
    if (row.number == 1) continue;
    if (!check_step(row, pipeline, session, journal, catalog, faults)) return;
  }
}

}  // namespace kingpost::lifecycle
