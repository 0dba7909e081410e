// SPDX-License-Identifier: Apache-2.0
#include "steps/16_register/packaged_parity.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/text.h"
#include "steps/input_example.h"
#include "steps/packaged_model.h"

namespace kingpost::steps::registering {
namespace {

constexpr std::int64_t kRows = 1000;

Json facts_of(const Parity& parity) {
  Json out = Json::object();
  if (!parity.graph_only) {
    out.set("rows", parity.rows).set("largest", parity.largest);
    out.set("other_leaves", parity.other_leaves).set("other_classes", parity.other_classes);
  }
  return std::move(out.set("words", words_of(parity)));
}

Status refuse(const std::string& words) {
  return fail(Code::kDataRejected, "register.parity_failed",
              "the packaged graph does not answer as the model that was trained: {}", words)
      .hint(
          "please report this with the pipeline file; the gate parity of validate_models says "
          "what may differ");
}

// Rows of one side by their places in it, which ascend.
class Picked {
 public:
  explicit Picked(std::vector<std::int64_t> places) : places_(std::move(places)) {}

  Status take(const records::Batch& batch) {
    if (out_.columns.empty()) {
      for (const auto& column : batch.columns) {
        out_.columns.push_back({column.name, column.is_text, {}, {}});
      }
    }
    for (; next() < first_ + batch.rows; ++out_.rows) {
      copy(batch, static_cast<std::size_t>(next() - first_));
    }
    first_ += batch.rows;
    return {};
  }

  const records::Batch& rows() const { return out_; }

 private:
  std::int64_t next() const {
    const auto at = static_cast<std::size_t>(out_.rows);
    return at < places_.size() ? places_[at] : std::numeric_limits<std::int64_t>::max();
  }

  void copy(const records::Batch& batch, std::size_t row) {
    for (std::size_t c = 0; c < batch.columns.size(); ++c) {
      const records::BatchColumn& from = batch.columns[c];
      if (from.is_text) out_.columns[c].texts.push_back(from.texts[row]);
      if (!from.is_text) out_.columns[c].numbers.push_back(from.numbers[row]);
    }
  }

  std::vector<std::int64_t> places_;
  std::int64_t first_ = 0;
  records::Batch out_;
};

// Cells that are not what training read. A graph that is not exact may differ by 1e-6.
std::int64_t other_features(const TrainedModels& trained, const records::Tensor& matrix,
                            const records::Tensor& made, Side side) {
  const double most = trained.features.exact ? 0 : 1e-6;
  std::int64_t out = 0;
  for (std::size_t i = 0; i < made.floats().size(); ++i) {
    const auto column = static_cast<std::size_t>(trained.kept[i % trained.kept.size()]);
    if (side == Side::kTrain && trained.features.columns[column].out_of_fold) continue;
    const double was = static_cast<double>(matrix.floats()[i]);
    const double is = static_cast<double>(made.floats()[i]);
    if (std::isnan(was) && std::isnan(is)) continue;
    if (!(was == is || std::abs(was - is) <= most * std::max(1.0, std::abs(was)))) ++out;
  }
  return out;
}

}  // namespace

Result<Json> packaged_parity(RunContext& context, const Bundle& bundle, const ParityLimit& limit) {
  TRY(const auto packaged, PackagedModel::of(bundle));
  if (!packaged || packaged->is_graph_only()) return facts_of({.graph_only = true});
  TRY(const TrainedModels trained, read_trained(context));
  TRY(const JudgedRows judged, read_judged(context, trained));
  const SideRows& side = judged.rows;
  std::vector<std::int64_t> places(side.numbers.size());
  std::iota(places.begin(), places.end(), std::int64_t{0});
  Picked picked(evenly(places, kRows));
  TRY_STATUS(context.sql.stream(side_query(context, packaged->trained(), side.side),
                                [&](records::Batch& batch) { return picked.take(batch); }));
  const auto numbers = evenly(side.numbers, kRows);
  TRY_STATUS(account_rows("register.rows_unaccounted", "training", std::ssize(numbers),
                          picked.rows().rows));
  TRY(const GraphAnswers graph, packaged->ask(picked.rows()));
  TRY(const Parity parity, packaged->parity(graph, limit.max_abs));
  TRY(const records::Tensor matrix, matrix_rows(context, trained, numbers));
  const std::int64_t others = other_features(trained, matrix, graph.features, side.side);
  Json out = facts_of(parity);
  out.set("other_features", others);
  std::string words = format("{}, {} other features", words_of(parity), others);
  if (limit.critical && (!parity.holds(limit.max_abs) || others > 0)) {
    TRY_STATUS(refuse(words));
  }
  return std::move(out.set("words", std::move(words)));
}

Result<Json> example_parity(const Bundle& bundle) {
  TRY(const auto packaged, PackagedModel::of(bundle));
  if (!packaged) return facts_of({.graph_only = true});
  TRY(const InputExample example, read_input_example(bundle));
  const ParityLimit limit;
  TRY(const GraphAnswers graph, packaged->ask(example.rows));
  TRY(const Parity parity, packaged->parity(graph, limit.max_abs));
  if (!parity.graph_only && !parity.holds(limit.max_abs)) {
    TRY_STATUS(refuse(words_of(parity)));
  }
  return facts_of(parity);
}

}  // namespace kingpost::steps::registering
