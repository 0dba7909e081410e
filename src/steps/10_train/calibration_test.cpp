// SPDX-License-Identifier: Apache-2.0
// Calibration and thresholds on small rows whose answers are known.
#include "steps/10_train/calibration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"

namespace kingpost::steps::train {
namespace {

using testing::ElementsAre;

std::vector<double> numbers(const Json& list) {
  std::vector<double> out;
  for (const Json& each : list.items()) out.push_back(each.number());
  return out;
}

double step_at(const Calibration& calibration, float raw) {
  return records::raw_scores(calibration.steps, &raw)[0];
}

TEST(Calibration, SigmoidFindsTheLineThatMadeTheLabels) {
  std::vector<double> raw;
  std::vector<double> labels;
  Random random(1, 1);
  for (int i = 0; i < 20000; ++i) {
    const double x = static_cast<double>(random.below(8000)) / 1000 - 4;
    const double p = 1 / (1 + std::exp(-(0.5 * x - 1)));
    raw.push_back(x);
    labels.push_back(static_cast<double>(random.below(1'000'000)) < p * 1e6 ? 1 : 0);
  }
  const auto found = calibrate(Calibrate::kSigmoid, {raw, labels, {}});
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->a, 0.5, 0.03);
  EXPECT_NEAR(found->b, -1, 0.06);
  const std::vector<double> twice(raw.size(), 2.0);
  const auto weighted = calibrate(Calibrate::kSigmoid, {raw, labels, twice});
  ASSERT_TRUE(weighted);
  EXPECT_NEAR(weighted->a, found->a, 1e-3);
}

TEST(Calibration, SigmoidStaysFiniteWhereClassesAreApart) {
  const std::vector<double> raw = {-2, -1, 1, 2};
  const std::vector<double> labels = {0, 0, 1, 1};
  const auto found = calibrate(Calibrate::kSigmoid, {raw, labels, {}});
  ASSERT_TRUE(found);
  EXPECT_TRUE(std::isfinite(found->a) && std::isfinite(found->b));
  EXPECT_GT(found->a, 0);
  // The targets are 3/4 and 1/4, so no row's probability goes beyond by much.
  EXPECT_NEAR(1 / (1 + std::exp(-static_cast<double>(found->a) * 1.5)), 0.75, 0.02);
}

TEST(Calibration, IsotonicPoolsWhatIsOutOfOrder) {
  const std::vector<double> raw = {3, 1, 2, 4, 5};
  const std::vector<double> labels = {0, 0, 1, 1, 1};
  const auto found = calibrate(Calibrate::kIsotonic, {raw, labels, {}});
  ASSERT_TRUE(found);
  const Json json = to_json(*found);
  EXPECT_EQ(json["kind"].text(), "isotonic");
  const auto values = numbers(json["values"]);
  ASSERT_EQ(values.size(), 3U);
  EXPECT_NEAR(values[0], 0.5 / 6, 1e-7);
  EXPECT_NEAR(values[1], 0.5, 1e-7);
  EXPECT_NEAR(values[2], 1 - 0.5 / 6, 1e-7);
  EXPECT_EQ(step_at(*found, 1.0F), values[0]);
  EXPECT_EQ(step_at(*found, 1.49F), values[0]);
  EXPECT_EQ(step_at(*found, 1.5F), values[1]);
  EXPECT_EQ(step_at(*found, 3.0F), values[1]);
  EXPECT_EQ(step_at(*found, 3.5F), values[2]);
  EXPECT_EQ(step_at(*found, 1e30F), values[2]);
}

TEST(Calibration, IsotonicNeverFallsAndTakesTiesTogether) {
  std::vector<double> raw;
  std::vector<double> labels;
  Random random(2, 2);
  for (int i = 0; i < 3000; ++i) {
    raw.push_back(static_cast<double>(random.below(60)) / 10);
    labels.push_back(random.below(60) < raw.back() * 10 ? 1 : 0);
  }
  const auto found = calibrate(Calibrate::kIsotonic, {raw, labels, {}});
  ASSERT_TRUE(found);
  double last = 0;
  double before = -1;
  for (int hundredths = -100; hundredths < 800; ++hundredths) {
    last = step_at(*found, static_cast<float>(hundredths) / 100);
    EXPECT_GE(last, before);
    before = last;
  }
  EXPECT_GT(last, 0.8);
}

TEST(Calibration, NeighboursInFloat32StayApart) {
  const float low = 0.7F;
  const float high = std::nextafter(low, 1.0F);
  const std::vector<double> raw = {static_cast<double>(low), static_cast<double>(high)};
  const std::vector<double> labels = {0, 1};
  const auto found = calibrate(Calibrate::kIsotonic, {raw, labels, {}});
  ASSERT_TRUE(found);
  EXPECT_LT(step_at(*found, low), 0.5);
  EXPECT_GT(step_at(*found, high), 0.5);
  EXPECT_EQ(best_threshold(ThresholdBy::kF1, {raw, labels, {}}), static_cast<double>(high));
}

TEST(Calibration, OneClassCannotCalibrate) {
  const std::vector<double> raw = {1, 2};
  const std::vector<double> labels = {1, 1};
  for (const Calibrate kind : {Calibrate::kSigmoid, Calibrate::kIsotonic}) {
    const auto found = calibrate(kind, {raw, labels, {}});
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().id(), "train.calibration_failed");
  }
  EXPECT_EQ(to_json(Calibration{}).dump(), R"({"kind":"none"})");
}

TEST(Threshold, IsWhereTheMeasureIsHighest) {
  const std::vector<double> p = {0.1, 0.2, 0.3, 0.35, 0.6, 0.9};
  const std::vector<double> labels = {0, 0, 1, 0, 1, 1};
  // From 0.3 on: 3 hits of 4, F1 6/7; from 0.6 on: 2 hits, 1 missed, F1 4/5.
  EXPECT_NEAR(best_threshold(ThresholdBy::kF1, {p, labels, {}}), 0.25, 1e-6);
  // Both have five right; 0.475 is nearer to 0.5.
  EXPECT_NEAR(best_threshold(ThresholdBy::kAccuracy, {p, labels, {}}), 0.475, 1e-6);
  EXPECT_NEAR(best_threshold(ThresholdBy::kYouden, {p, labels, {}}), 0.475, 1e-6);
  const std::vector<double> weights = {1, 1, 5, 1, 1, 1};
  EXPECT_NEAR(best_threshold(ThresholdBy::kAccuracy, {p, labels, weights}), 0.25, 1e-6);
}

TEST(Threshold, ScoresOfOneValueHaveOneThreshold) {
  const std::vector<double> p = {0.4, 0.4, 0.4};
  const std::vector<double> labels = {0, 1, 1};
  EXPECT_NEAR(best_threshold(ThresholdBy::kF1, {p, labels, {}}), 0.2, 1e-6);
}

TEST(Amount, OfMemory) {
  EXPECT_EQ(bytes_of_amount("2GB"), 2'000'000'000);
  EXPECT_EQ(bytes_of_amount(" 1.5 MiB "), 1'572'864);
  EXPECT_EQ(bytes_of_amount("lots"), std::nullopt);
  EXPECT_EQ(bytes_of_amount("-1GB"), std::nullopt);
  EXPECT_EQ(bytes_of_amount("5"), std::nullopt);
}

}  // namespace
}  // namespace kingpost::steps::train
