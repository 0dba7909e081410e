// SPDX-License-Identifier: Apache-2.0
// Metrics beside scikit-learn's values, their undefined cases, and the bootstrap.
#include "steps/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/files.h"
#include "base/random.h"
#include "steps/bootstrap.h"

namespace kingpost::steps {
namespace {

using records::Task;

constexpr const char* kCases = "tests/golden/metrics/cases.json";  // made by tests/clients

std::vector<double> numbers(const Json& json) {
  std::vector<double> out;
  for (const Json& each : json.items()) out.push_back(each.number());
  return out;
}

Task task_of(const std::string& word) {
  if (word == "number") return Task::kNumber;
  return word == "binary" ? Task::kBinary : Task::kMulticlass;
}

TEST(Metrics, AreWhatScikitLearnSays) {
  const auto text = read_file(kCases);
  ASSERT_TRUE(text);
  const auto cases = parse_json(*text);
  ASSERT_TRUE(cases);
  int compared = 0;
  for (const Json& each : cases->items()) {
    SCOPED_TRACE(each["name"].text());
    const auto labels = numbers(each["labels"]);
    const auto scores = numbers(each["scores"]);
    const auto weights = numbers(each["weights"]);
    ScoredRows rows{task_of(each["task"].text()),
                    static_cast<std::int64_t>(scores.size() / labels.size()),
                    labels,
                    scores,
                    weights,
                    each["threshold"].number()};
    for (const auto& [name, expected] : each["expected"].entries()) {
      SCOPED_TRACE(name);
      const auto value = measure(name, rows);
      if (expected.is_null()) {
        ASSERT_FALSE(value) << *value;
        EXPECT_EQ(value.error().id(), "metrics.undefined");
        continue;
      }
      ASSERT_TRUE(value) << value.error().what();
      EXPECT_NEAR(*value, expected.number(), 1e-11 * std::max(1.0, std::abs(expected.number())));
      ++compared;
    }
  }
  EXPECT_GT(compared, 150);
}

TEST(Metrics, CountingARowTwiceIsHavingItTwice) {
  const std::vector<double> labels = {0, 1, 1, 0, 1};
  const std::vector<double> scores = {0.2, 0.7, 0.4, 0.4, 0.9};
  const std::vector<std::uint32_t> repeats = {2, 0, 1, 3, 1};
  std::vector<double> long_labels;
  std::vector<double> long_scores;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    long_labels.insert(long_labels.end(), repeats[i], labels[i]);
    long_scores.insert(long_scores.end(), repeats[i], scores[i]);
  }
  for (const Task task : {Task::kBinary, Task::kNumber}) {
    const ScoredRows rows{task, 1, labels, scores};
    const ScoredRows long_rows{task, 1, long_labels, long_scores};
    for (const std::string& name : metric_names(task)) {
      const auto measure = Measure::prepare(name, rows);
      ASSERT_TRUE(measure);
      EXPECT_DOUBLE_EQ(*(*measure)->value(repeats), *steps::measure(name, long_rows)) << name;
    }
  }
}

TEST(Metrics, PickedRowsAreMeasuredAlone) {
  const std::vector<double> labels = {1, 2, 3, 100};
  const std::vector<double> scores = {1, 4, 3, 0};
  const std::vector<std::int64_t> picked = {1, 2};
  const auto measure = Measure::prepare("mae", {Task::kNumber, 1, labels, scores}, picked);
  ASSERT_TRUE(measure);
  EXPECT_EQ(*(*measure)->value(), 1);
  const std::vector<std::uint32_t> repeats = {9, 3, 1, 9};
  EXPECT_EQ(*(*measure)->value(repeats), 1.5);
}

std::string id_of(std::string_view metric, const ScoredRows& rows) {
  const auto value = measure(metric, rows);
  return value ? format("{}", *value) : value.error().id();
}

TEST(Metrics, SayWhatIsNotDefined) {
  const std::vector<double> none;
  const std::vector<double> one = {1};
  const std::vector<double> two = {2};
  const std::vector<double> nan = {std::numeric_limits<double>::quiet_NaN()};
  const std::vector<double> zero = {0};
  EXPECT_EQ(id_of("mae", {Task::kNumber, 1, none, none}), "metrics.undefined");
  EXPECT_EQ(id_of("mae", {Task::kNumber, 1, one, nan}), "metrics.undefined");
  EXPECT_EQ(id_of("mae", {Task::kNumber, 1, nan, one}), "metrics.undefined");
  EXPECT_EQ(id_of("mae", {Task::kNumber, 1, one, one, zero}), "metrics.undefined");
  EXPECT_EQ(id_of("mae", {Task::kNumber, 1, one, none}), "metrics.undefined");
  EXPECT_EQ(id_of("auc", {Task::kBinary, 1, one, one}), "metrics.undefined");
  EXPECT_EQ(id_of("logloss", {Task::kBinary, 1, two, one}), "metrics.undefined");
  EXPECT_EQ(id_of("logloss", {Task::kBinary, 1, one, two}), "metrics.undefined");
  EXPECT_EQ(id_of("r2", {Task::kNumber, 1, one, two}), "metrics.undefined");
  EXPECT_EQ(id_of("mse", {Task::kNumber, 1, zero, std::vector<double>{1e200}}),
            "metrics.undefined");
  EXPECT_EQ(id_of("maee", {Task::kNumber, 1, one, two}), "metrics.unknown");
  EXPECT_EQ(id_of("auc", {Task::kNumber, 1, one, two}), "metrics.unsuitable");
}

TEST(Metrics, CalibrationErrorIsTheMeanGapOfItsBins) {
  const std::vector<double> labels = {0, 1, 1, 1};
  const std::vector<double> scores = {0.25, 0.25, 0.95, 1};
  EXPECT_NEAR(*measure("ece", {Task::kBinary, 1, labels, scores}),
              (std::abs(0.5 - 1) + std::abs(1.95 - 2)) / 4, 1e-15);
}

TEST(Metrics, KnowWhichWayIsBetter) {
  EXPECT_TRUE(find_metric("mae")->prefers(1, 2));
  EXPECT_FALSE(find_metric("mae")->prefers(1, 1));
  EXPECT_TRUE(find_metric("auc")->prefers(0.9, 0.8));
  EXPECT_EQ(find_metric("nothing"), nullptr);
  EXPECT_EQ(direction_word(find_metric("auc")->better), "greater");
  for (const Task task : {Task::kNumber, Task::kBinary, Task::kMulticlass}) {
    EXPECT_TRUE(find_metric(default_metric(task))->suits(task));
  }
}

// The mean of n normal numbers has the standard error s / sqrt(n).
TEST(Bootstrap, GivesTheStandardErrorOfAMean) {
  constexpr std::size_t kRows = 400;
  std::vector<double> labels(kRows, 0);
  std::vector<double> scores;
  Random random(1, 1);
  for (std::size_t i = 0; i < kRows; ++i) {
    double sum = 0;
    for (int k = 0; k < 12; ++k) sum += random.below(1000) / 1000.0;
    scores.push_back(sum);
  }
  const auto measure = Measure::prepare("mae", {Task::kNumber, 1, labels, scores});
  ASSERT_TRUE(measure);
  const auto interval = bootstrap({measure->get()}, kRows, {.samples = 2000})[0];
  ASSERT_TRUE(interval);
  EXPECT_NEAR(interval->error, 1 / std::sqrt(400.0), 0.006);
  const double mean = *(*measure)->value();
  EXPECT_NEAR(interval->low, mean - 1.96 * interval->error, 0.01);
  EXPECT_NEAR(interval->high, mean + 1.96 * interval->error, 0.01);
}

TEST(Bootstrap, DoesNotDependOnTheNumberOfThreads) {
  const std::vector<double> labels = {1, 5, 2, 8, 4, 9, 0};
  const std::vector<double> scores = {2, 4, 2, 5, 4, 7, 3};
  const auto measure = Measure::prepare("rmse", {Task::kNumber, 1, labels, scores});
  ASSERT_TRUE(measure);
  const auto one = bootstrap({measure->get()}, 7, {.samples = 100, .threads = 1})[0];
  const auto three = bootstrap({measure->get()}, 7, {.samples = 100, .threads = 3})[0];
  EXPECT_EQ(one->low, three->low);
  EXPECT_EQ(one->high, three->high);
  EXPECT_EQ(one->error, three->error);
  const auto other = bootstrap({measure->get()}, 7, {.samples = 100, .seed = 14})[0];
  EXPECT_NE(one->error, other->error);
}

TEST(Bootstrap, DrawsWholeBlocks) {
  const std::vector<std::int32_t> blocks = {0, 0, 1, 1, 1, 2};
  bool differ = false;
  for (int sample = 0; sample < 20; ++sample) {
    const auto repeats = resample(6, {.blocks = blocks}, sample);
    EXPECT_EQ(repeats[0], repeats[1]);
    EXPECT_EQ(repeats[2], repeats[4]);
    EXPECT_EQ(repeats[0] + repeats[2] + repeats[5], 3U);
    differ = differ || repeats[0] != repeats[2];
  }
  EXPECT_TRUE(differ);
  // Within a block all rows are alike: by blocks the interval is wider.
  std::vector<double> labels(300, 0);
  std::vector<double> scores;
  std::vector<std::int32_t> tens;
  for (int i = 0; i < 300; ++i) {
    tens.push_back(i / 30);
    scores.push_back(tens.back());
  }
  const auto measure = Measure::prepare("mae", {Task::kNumber, 1, labels, scores});
  ASSERT_TRUE(measure);
  const auto plain = bootstrap({measure->get()}, 300, {.samples = 300})[0];
  const auto block = bootstrap({measure->get()}, 300, {.samples = 300, .blocks = tens})[0];
  EXPECT_GT(block->error, 3 * plain->error);
}

TEST(Bootstrap, GivesNothingWhereThereIsNothingToDraw) {
  const std::vector<double> labels = {1, 0, 0};
  const std::vector<double> scores = {0.4, 0.5, 0.1};
  const auto measure = Measure::prepare("mae", {Task::kNumber, 1, labels, scores});
  const std::vector<std::int32_t> blocks = {0, 0, 0};
  EXPECT_FALSE(bootstrap({measure->get()}, 3, {.blocks = blocks})[0]);
  EXPECT_FALSE(bootstrap({measure->get()}, 1, {})[0]);
  // With one true row among three about a third of the samples have none.
  const auto auc = Measure::prepare("auc", {Task::kBinary, 1, labels, scores});
  EXPECT_TRUE(bootstrap({auc->get()}, 3, {})[0]);
}

TEST(Bootstrap, TheIntervalOfABiasKnowsOfItsSign) {
  constexpr int kRows = 200;
  std::vector<double> labels(kRows, 0);
  std::vector<double> scores;
  for (int i = 0; i < kRows; ++i) scores.push_back(i % 2 == 0 ? 1 : -1);
  const auto interval_with = [&](double shift) {
    std::vector<double> shifted;
    for (const double each : scores) shifted.push_back(each + shift);
    const ScoredRows rows{Task::kNumber, 1, labels, shifted};
    const auto bias = Measure::prepare("bias", rows);
    return bootstrap({bias->get()}, kRows, Resampling{}).at(0).value();
  };
  const Interval none = interval_with(0);
  EXPECT_EQ(none.low, 0) << "the errors cancel out, so there may be no bias at all";
  EXPECT_GT(none.high, 0.1);
  for (const double shift : {-2.0, 2.0}) {
    const Interval clear = interval_with(shift);
    EXPECT_GT(clear.low, 1.5);
    EXPECT_LT(clear.low, 2);
    EXPECT_GT(clear.high, 2);
    EXPECT_LT(clear.high, 2.5);
    EXPECT_NEAR(clear.error, none.error, 1e-12);
  }
}

}  // namespace
}  // namespace kingpost::steps
