// SPDX-License-Identifier: Apache-2.0
// Both are judged on rows that neither was fitted on, as far as that can be told: on the same rows
// as then, the champion's scores from before its refit; on others, the answers of its bundle for
// those that were not among the rows it was fitted on.
#include "steps/14_select_best/champion.h"

#include <algorithm>

#include "base/digest.h"
#include "base/text.h"
#include "engines/sql/dialect.h"
#include "steps/14_select_best/select_best.h"
#include "steps/bundle.h"
#include "steps/registration.h"
#include "steps/scoring.h"

namespace kingpost::steps::select_best {
namespace {

constexpr std::int32_t kSamples = 400;
constexpr std::size_t kFewestRows = 30;
constexpr std::string_view kIncomparable = "select_best.incomparable";  // not an error id

// Why two models cannot be compared; not a failure of the step.
Error incomparable(std::string why) {
  return fail(Code::kPrecondition, kIncomparable, "{}", std::move(why));
}

bool is_incomparable(const Error& error) {
  const std::string& id = error.id();
  return id == kIncomparable || id == "onnx.input_type" || id == "metrics.undefined";
}

// Both on the same repeats of rows, so that what they share cancels out.
class Difference final : public Measure {
 public:
  Difference(const Measure& left, const Measure& right) : left_(left), right_(right) {}
  Result<double> value(std::span<const std::uint32_t> repeats) const override {
    TRY(const double left, left_.value(repeats));
    TRY(const double right, right_.value(repeats));
    return left - right;
  }

 private:
  const Measure& left_;
  const Measure& right_;
};

class Match {
 public:
  Match(RunContext& context, const TrainedModels& trained, const Contest& contest,
        const store::ModelVersion& champion)
      : context_(context), trained_(trained), contest_(contest), champion_(champion) {
    out_.set("model", champion.model).set("version", champion.version);
    out_.set("bundle", champion.bundle);
  }

  Result<Json> run(const Entrant& winner) {
    auto done = compare(winner);
    if (!done && !is_incomparable(done.error())) return std::move(done).error();
    if (!done) {
      for (const char* key : {"value", "low", "high", "difference"}) out_.set(key, Json());
      out_.set("verdict", "cannot_be_compared").set("words", done.error().what());
    }
    return std::move(out_);
  }

 private:
  const SideRows& rows() const { return contest_.judged().rows; }

  Status compare(const Entrant& winner) {
    TRY_STATUS(find_scores());
    double threshold = 0.5;
    if (champion_.facts["threshold"].is_number()) {
      threshold = champion_.facts["threshold"].number();
    }
    const std::string& metric = contest_.metric();
    TRY(const auto theirs,
        Measure::prepare(metric, scored(trained_, rows(), scores_, threshold), picked_));
    TRY(const auto ours, Measure::prepare(metric, contest_.rows_of(*winner.model), picked_));
    const Difference difference(*ours, *theirs);
    TRY(const double value, theirs->value());
    TRY(const double gap, difference.value({}));
    Resampling resampling;
    resampling.samples = kSamples;
    resampling.threads = context_.settings.engine.threads;
    const auto intervals = bootstrap({theirs.get(), &difference},
                                     static_cast<std::int64_t>(rows().labels.size()), resampling);
    out_.set("value", value);
    out_.set("low", intervals[0] ? Json(intervals[0]->low) : Json());
    out_.set("high", intervals[0] ? Json(intervals[0]->high) : Json());
    conclude(value, gap, intervals[1]);
    return {};
  }

  void conclude(double value, double gap, const std::optional<Interval>& interval) {
    const Metric& metric = *find_metric(contest_.metric());
    Json difference = Json::object().set("value", gap);
    difference.set("low", interval ? Json(interval->low) : Json());
    difference.set("high", interval ? Json(interval->high) : Json());
    out_.set("difference", std::move(difference));
    std::string_view verdict = "equal";
    if (interval && (interval->low > 0 || interval->high < 0)) {
      verdict = metric.prefers(gap, 0) ? "better" : "worse";
    }
    const std::size_t count = picked_.empty() ? rows().labels.size() : picked_.size();
    out_.set("rows", count).set("verdict", verdict);
    std::string words = format("{} is {} against {} of version {} on {} rows", metric.name,
                               metric_text(value + gap), metric_text(value), champion_.version,
                               grouped(static_cast<std::int64_t>(count)));
    if (interval) {
      words += format(", a difference of {} (95%: {} to {})", metric_text(gap),
                      metric_text(interval->low), metric_text(interval->high));
    }
    if (verdict == "equal") words += ": no clear difference";
    out_.set("words", words + note_);
  }

  Status find_scores() {
    TRY(const auto kept, kept_scores(context_, champion_));
    if (kept) {
      const auto array = Npy::open(*kept);
      if (array) {
        scores_.assign(array->doubles(), array->doubles() + array->rows() * array->columns());
      }
      if (scores_.size() == rows().labels.size() * static_cast<std::size_t>(trained_.outputs())) {
        return {};
      }
    }
    if (contest_.folded()) {
      return incomparable(
          "with a split by folds there are no rows that it can be asked about: it was fitted on "
          "all that there were, and these are others");
    }
    TRY_STATUS(pick_unseen());
    return answer();
  }

  // Leaves the rows that it was fitted on out, where its training set is still there to be asked.
  Status pick_unseen() {
    const records::Table& now = *context_.input.find("training");
    const std::string digest = champion_.facts["rows"]["training"].text();
    const auto& key = now.schema.key;
    if (digest.empty() || key.empty() || context_.objects.size_of(digest) < 0) {
      note_ = "; it may have been fitted on some of these rows, which favours it";
      return {};
    }
    const std::string then = sql::parquet(context_.objects.path_of(digest));
    TRY(const auto columns, describe(context_.sql, format("SELECT * FROM {}", then)));
    for (const std::string& name : key) {
      const bool same = std::any_of(columns.begin(), columns.end(), [&](const auto& column) {
        return column.name == name && column.type == now.schema.find(name)->type;
      });
      if (!same) {
        note_ = "; the key is another now, so it may have been fitted on some of these rows";
        return {};
      }
    }
    return pick(now, then);
  }

  Status pick(const records::Table& now, const std::string& then) {
    const bool refit = champion_.facts["refit"].text() == "train_and_validation";
    std::vector<std::string> same;
    for (const std::string& name : now.schema.key) {
      same.push_back(
          format("{0}.{1} = fitted.{1}", sql::identifier(now.name), sql::identifier(name)));
    }
    const std::string query = format(
        "SELECT CAST(CASE WHEN EXISTS (SELECT 1 FROM {} AS fitted WHERE fitted._split IN "
        "('train'{}) AND {}) THEN 1 ELSE 0 END AS DOUBLE) AS seen FROM {} WHERE _split = '{}' "
        "ORDER BY file_row_number",
        then, refit ? ", 'validation'" : "", join(same, " AND "), from_table(context_, now, true),
        side_word(rows().side));
    std::int64_t row = 0;
    TRY_STATUS(context_.sql.stream(query, [&](records::Batch& batch) {
      for (const double seen : batch.columns[0].numbers) {
        if (seen == 0) picked_.push_back(row);
        ++row;
      }
      return Status();
    }));
    if (picked_.size() < kFewestRows) {
      return incomparable(format("it was fitted on {} of the {} rows",
                                 grouped(row - static_cast<std::int64_t>(picked_.size())),
                                 grouped(row)));
    }
    if (static_cast<std::int64_t>(picked_.size()) == row) picked_.clear();
    return {};
  }

  Status same_kind(const Json& signature) const {
    const auto& target = trained_.features.target;
    const std::string task = signature["task"].text();
    if (task.empty()) return incomparable("it is a registered file that does not say its target");
    if (task != records::task_word(target.task)) {
      return incomparable(format("its target is of another kind: {}", shown(task)));
    }
    if (target.task != records::Task::kMulticlass) return {};
    std::vector<std::string> classes;
    for (const Json& each : signature["classes"].items()) classes.push_back(each.text());
    if (classes == target.classes) return {};
    return incomparable(format("its classes are others: {}", listed(classes)));
  }

  // That the champion's bundle is not whole any more is no fault of the winner.
  template <typename T>
  static Result<T> whole(Result<T> read) {
    if (read) return read;
    return incomparable(format("its bundle is damaged: {}", read.error().what()));
  }

  // What its graph answers for the rows that are judged.
  Status answer() {
    const auto bundle = Bundle::in_store(context_.objects, champion_.bundle);
    if (!bundle) return incomparable(format("its bundle is gone: {}", bundle.error().what()));
    TRY(const Json signature, whole(bundle->json("signature.json")));
    TRY_STATUS(same_kind(signature));
    TRY(const std::string bytes, whole(bundle->bytes("model.onnx")));
    TRY(const auto model, whole(onnx::Model::load(bytes)));
    TrainedModels asked = trained_;
    asked.features.inputs.clear();
    std::vector<std::string> missing;
    for (const onnx::Port& port : model->inputs()) {
      const auto* column = context_.input.find("training")->schema.find(port.name);
      if (column == nullptr) {
        missing.push_back(port.name);
      } else {
        asked.features.inputs.push_back(*column);
      }
    }
    if (!missing.empty()) {
      return incomparable(format("it reads {} {}, which the training set does not have any more",
                                 missing.size() == 1 ? "the column" : "the columns",
                                 listed(missing)));
    }
    return score_rows(context_.sql, side_query(context_, asked, rows().side), *model,
                      context_.settings.engine.threads, [&](const Scored& some) -> Status {
                        TRY(const auto more, scores_of(trained_, *model, some.outputs));
                        scores_.insert(scores_.end(), more.begin(), more.end());
                        return {};
                      });
  }

  RunContext& context_;
  const TrainedModels& trained_;
  const Contest& contest_;
  const store::ModelVersion& champion_;
  /// Of all judged rows.
  std::vector<double> scores_;
  /// Those that count; empty for all.
  std::vector<std::int64_t> picked_;
  std::string note_;
  Json out_ = Json::object();
};

}  // namespace

std::string contest_id(const Node& section, const Json& parts, const records::Dataset& input) {
  Json inputs = Json::object();
  for (const records::Table& table : input.tables) {
    inputs.set(table.name, table.digest + records::to_json(table.schema).canonical());
  }
  for (const records::File& file : input.files) inputs.set(file.name, file.digest);
  Json all = Json::object().set("version", kVersion).set("section", section.json());
  return sha256_of(all.set("parts", parts).set("inputs", std::move(inputs)).canonical());
}

Result<Json> against_champion(RunContext& context, const TrainedModels& trained,
                              const Contest& contest, const Entrant& winner,
                              const store::ModelVersion& champion) {
  return Match(context, trained, contest, champion).run(winner);
}

}  // namespace kingpost::steps::select_best
