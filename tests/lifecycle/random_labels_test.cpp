// SPDX-License-Identifier: Apache-2.0
// Labels of chance, steps 6 to 10: where every fit sees train rows only, nothing can be learnt for
// test rows, however many features there are to choose from. The same with selection, or with the
// target encoders, let loose on all rows must show.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/text.h"
#include "engines/onnx/runtime.h"
#include "steps/06_extract_features/extract_features.h"
#include "steps/07_select_features/select_features.h"
#include "steps/10_train/train.h"
#include "steps/metrics.h"
#include "steps/ordered_rows.h"
#include "steps/trained_models.h"
#include "support/matrix_project.h"

namespace kingpost {
namespace {

using test::MatrixProject;

constexpr int kShuffles = 20;
constexpr std::size_t kRows = 600;
constexpr std::size_t kNumbers = 100;

// Rows in turn three of train, one of validation, two of test; nothing goes with the label.
std::string rows_query(int shuffle, bool all_train) {
  std::vector<std::string> items = {"i AS id"};
  for (std::size_t n = 0; n < kNumbers; ++n) {
    items.push_back(format("CAST(hash('x{0} ' || i) % 100003 AS DOUBLE) AS x{0}", n));
  }
  for (int c = 0; c < 2; ++c) {
    items.push_back(format("'level ' || CAST(hash('c{0} ' || i) % 40 AS VARCHAR) AS c{0}", c));
  }
  items.push_back(format("hash('y{} ' || i) % 2 = 0 AS y", shuffle));
  items.emplace_back(all_train ? "'train' AS _split"
                               : "CASE WHEN i % 6 < 3 THEN 'train' WHEN i % 6 = 3 THEN "
                                 "'validation' ELSE 'test' END AS _split");
  return format("SELECT {} FROM range({}) AS r(i) ORDER BY i", join(items, ", "), kRows);
}

std::string features_yaml() {
  std::string out = "{columns: [";
  for (std::size_t n = 0; n < kNumbers; ++n) out += format("{{name: x{}, type: number}}, ", n);
  return out +
         "{name: c0, type: category, encode: target}, {name: c1, type: category, encode: target}]}";
}

class RandomLabels : public testing::Test {
 protected:
  RandomLabels() : h({"y", records::Task::kBinary, {"false", "true"}}) {}

  void step(const std::string& yaml, const Field& field, const std::string& owner, steps::Run run) {
    h.section(yaml, field, owner);
    h.other_section("{target: {name: y, type: binary}}", test::curate_field(), "curate");
    auto outcome = h.run(run);
    if (!outcome) throw std::runtime_error(render(outcome.error()));
    h.pass_on(*outcome);
  }

  void extract(int shuffle, bool all_train = false) {
    h.input = {};
    h.add_table("training", rows_query(shuffle, all_train), {"id"});
    step(features_yaml(), steps::extract_features::spec(), "extract_features",
         steps::extract_features::run);
  }

  // Target encoders that are fitted on all rows, and a matrix whose rows see their own label in
  // them.
  void extract_in_sample(int shuffle) {
    extract(shuffle, true);
    const Node none;
    const steps::RunContext context{none, none, h.settings, h.input, *h.session, *h.objects};
    const auto bytes = steps::bytes_of(context, "featurizer.onnx");
    auto model = onnx::Model::load(*bytes);
    std::vector<float> matrix;
    const std::int64_t columns = (*model)->outputs()[0].columns;
    const auto run = [&](records::Batch& batch) -> Status {
      TRY(const auto answers, (*model)->run(batch, 0, batch.rows));
      matrix.insert(matrix.end(), answers[0].floats().begin(), answers[0].floats().end());
      return {};
    };
    const steps::OrderedRows rows{"*", steps::from_table(context, *h.input.find("training"), true)};
    if (!stream_in_order(*h.session, rows, run)) throw std::runtime_error("no matrix");
    h.add_array("matrix.npy", NpyType::kFloat32, matrix.data(),
                {std::ssize(matrix) / columns, columns});
  }

  // The AUC on test rows of a model behind selection and training.
  double auc(const std::string& name) {
    step("{keep: {max: 8}}", steps::select_features::spec(), "select_features",
         steps::select_features::run);
    h.add_array("sides.npy", NpyType::kUint8, sides_.data(), {std::ssize(sides_)});
    h.candidates(R"([{"name":"linear","family":"logistic","space":{"c":{"value":0.01}}},
                     {"name":"gbdt","family":"lightgbm","space":{"num_leaves":{"value":4}}}])");
    step("{metric: auc, rounds: 30, early_stopping: 10}", steps::train::spec(), "train",
         steps::train::run);
    const Node none;
    const steps::RunContext context{none, none, h.settings, h.input, *h.session, *h.objects};
    auto trained = steps::read_trained(context);
    auto side = steps::read_side(context, steps::Side::kTest);
    auto model = steps::bare_model(context, name);
    if (!trained || !side || !model) throw std::runtime_error("the model cannot be read");
    auto rows = steps::matrix_rows(context, *trained, side->numbers);
    if (!rows) throw std::runtime_error("the matrix cannot be read");
    const auto answers = (*model)->run({std::move(*rows)});
    if (!answers) throw std::runtime_error("the model does not answer");
    const auto scores = steps::scores_of(*trained, **model, *answers);
    const auto value = steps::measure("auc", {records::Task::kBinary, 1, side->labels, *scores});
    if (!value) throw std::runtime_error("auc is not defined");
    return *value;
  }

  // How many standard errors the mean lies above 0.5.
  static double errors_above_chance(const std::vector<double>& values) {
    const auto count = static_cast<double>(values.size());
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
    double squares = 0;
    for (const double value : values) squares += (value - mean) * (value - mean);
    return (mean - 0.5) / std::sqrt(squares / (count - 1) / count);
  }

  // The sides as they are, and for a sabotaged selection all of them train.
  void look_at_sides(bool sabotaged) {
    sides_.clear();
    for (std::size_t i = 0; i < kRows; ++i) {
      const std::size_t turn = i % 6;
      sides_.push_back(turn < 3 ? 0 : turn == 3 ? 1 : 2);
    }
    const std::vector<std::uint8_t> all(kRows, 0);
    const auto& shown_sides = sabotaged ? all : sides_;
    h.add_array("sides.npy", NpyType::kUint8, shown_sides.data(), {std::ssize(shown_sides)});
  }

  MatrixProject h;
  std::vector<std::uint8_t> sides_;
};

TEST_F(RandomLabels, TeachNothingUnlessAFitSeesTestRows) {
  std::vector<double> honest_linear;
  std::vector<double> honest_trees;
  std::vector<double> selection_let_loose;
  std::vector<double> encoders_let_loose;
  for (int shuffle = 0; shuffle < kShuffles; ++shuffle) {
    extract(shuffle);
    const records::Dataset extracted = h.input;
    look_at_sides(false);
    honest_linear.push_back(auc("linear"));
    h.input = extracted;
    look_at_sides(false);
    honest_trees.push_back(auc("gbdt"));
    h.input = extracted;
    look_at_sides(true);
    selection_let_loose.push_back(auc("linear"));
    extract_in_sample(shuffle);
    look_at_sides(false);
    encoders_let_loose.push_back(auc("linear"));
  }
  EXPECT_LT(std::abs(errors_above_chance(honest_linear)), 3);
  EXPECT_LT(std::abs(errors_above_chance(honest_trees)), 3);
  EXPECT_GT(errors_above_chance(selection_let_loose), 3);
  EXPECT_GT(errors_above_chance(encoders_let_loose), 3);
  RecordProperty("linear", format("{:.2f}", errors_above_chance(honest_linear)));
  RecordProperty("trees", format("{:.2f}", errors_above_chance(honest_trees)));
  RecordProperty("selection", format("{:.2f}", errors_above_chance(selection_let_loose)));
  RecordProperty("encoders", format("{:.2f}", errors_above_chance(encoders_let_loose)));
}

}  // namespace
}  // namespace kingpost
