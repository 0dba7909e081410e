// SPDX-License-Identifier: Apache-2.0
// Ridge and logistic regression against scikit-learn's answers (1.9.1: StandardScaler, one column
// per code, Ridge(solver="cholesky"), LogisticRegression(solver="lbfgs")), and their faults.
#include "engines/linear/linear.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

namespace kingpost::linear {
namespace {

using records::LinearModel;
using testing::HasSubstr;

constexpr std::int32_t kColumns = 4;
constexpr std::int64_t kRows = 200;

// Columns: 0 and 2 numbers, 1 a category of four codes, 3 constant.
struct Rows {
  std::vector<float> values;
  std::vector<float> labels;
  std::vector<float> weights;
  Data data() const {
    Data out;
    out.values = values.data();
    out.rows = static_cast<std::int64_t>(labels.size());
    out.columns = kColumns;
    out.labels = labels.data();
    out.weights = weights.empty() ? nullptr : weights.data();
    out.categorical = {1};
    out.names = {"x", "kind", "z", "same"};
    return out;
  }
};

Rows make_rows(std::int32_t classes = 0) {
  Rows rows;
  for (std::int64_t i = 0; i < kRows; ++i) {
    const auto x = static_cast<float>(static_cast<double>(i * 37 % 101) / 10);
    const auto kind = static_cast<float>((i * i + 3 * i + i / 7) % 4);
    const auto z = static_cast<float>(static_cast<double>(i * 53 % 97) / 7);
    const auto noise = static_cast<double>(i * 29 % 11);
    rows.values.insert(rows.values.end(), {x, kind, z, 5.0F});
    const auto wide = [](float value) { return static_cast<double>(value); };
    double label = 2 * wide(x) - wide(z) + 1.5 * wide(kind) + noise / 5;
    if (classes == 2) label = wide(x) + wide(kind) - wide(z) / 2 + noise / 3 > 4 ? 1 : 0;
    if (classes == 3) {
      const double sum = wide(x) + 2 * wide(kind) - wide(z) / 2 + noise / 3;
      label = std::fmod(std::floor(std::abs(sum)), 3);
    }
    rows.labels.push_back(static_cast<float>(label));
  }
  return rows;
}

void expect_scores(const Result<LinearModel>& model, const Rows& rows,
                   const std::vector<double>& wanted, double tolerance) {
  ASSERT_TRUE(model) << render(model.error());
  const auto outputs = static_cast<std::size_t>(model->outputs);
  for (std::size_t i = 0; i < wanted.size() / outputs; ++i) {
    const auto scores = raw_scores(*model, rows.values.data() + i * kColumns);
    for (std::size_t o = 0; o < outputs; ++o) {
      EXPECT_NEAR(scores[o], wanted[i * outputs + o], tolerance) << "row " << i;
    }
  }
}

template <typename T>
std::string fault_of(const Result<T>& result) {
  return result ? "none" : result.error().id();
}

TEST(Linear, RidgeAnswersAsScikitLearn) {
  Rows rows = make_rows();
  expect_scores(fit_ridge(rows.data(), 3), rows,
                {0.7283689955376342, 0.9632523595369822, 17.210726606418223, -2.7842533032031325},
                1e-10);
  for (std::int64_t i = 0; i < kRows; ++i) {
    rows.weights.push_back(static_cast<float>(i % 5) / 2);
  }
  expect_scores(fit_ridge(rows.data(), 3), rows,
                {0.7207642252056123, 0.9412183226808777, 17.167132202698376, -2.821661230327762},
                1e-10);
}

TEST(Linear, LogisticAnswersAsScikitLearn) {
  const Rows two = make_rows(2);
  const auto binary = fit_logistic(two.data(), 2, 0.5);
  expect_scores(binary, two,
                {-2.742580566227034, -1.7681168862972756, 5.081632857524783, -2.844660793828887},
                1e-4);
  EXPECT_EQ(binary->link, records::Link::kSigmoid);
  const Rows three = make_rows(3);
  const auto rest = fit_logistic(three.data(), 3, 0.5);
  expect_scores(rest, three,
                {-0.16724183754327926, -1.1522099242303545, -0.8784525870574981,
                 -0.32653636139727016, -0.9546630023627316, -0.9366031919874088,
                 -1.5637503524231875, -0.22486342485972177, -0.449067330286848},
                1e-4);
  EXPECT_EQ(rest->link, records::Link::kOneVsRest);
}

TEST(Linear, TheModelSpeaksOfThePlainColumns) {
  const auto model = fit_ridge(make_rows().data(), 1e-6);
  ASSERT_TRUE(model);
  EXPECT_EQ(model->features, kColumns);
  EXPECT_EQ(model->outputs, 1);
  EXPECT_EQ(model->link, records::Link::kIdentity);
  EXPECT_NEAR(model->weights[0][0], 2, 0.05);
  EXPECT_NEAR(model->weights[0][2], -1, 0.05);
  EXPECT_EQ(model->weights[0][1], 0) << "a category";
  EXPECT_EQ(model->weights[0][3], 0) << "a constant";
  ASSERT_EQ(model->categories.size(), 1U);
  EXPECT_EQ(model->categories[0].feature, 1);
  ASSERT_EQ(model->categories[0].weights[0].size(), 4U);
  EXPECT_NEAR(model->categories[0].weights[0][3] - model->categories[0].weights[0][0], 4.5, 0.2);
  const std::array<float, kColumns> unseen = {0, 9, 0, 0};
  EXPECT_EQ(raw_scores(*model, unseen.data()), std::vector<double>{model->intercepts[0]});
}

TEST(Linear, TheSameBitsTwice) {
  const Rows rows = make_rows(3);
  const auto first = fit_logistic(rows.data(), 3, 1);
  const auto again = fit_logistic(rows.data(), 3, 1);
  ASSERT_TRUE(first && again);
  EXPECT_EQ(first->weights, again->weights);
  EXPECT_EQ(first->intercepts, again->intercepts);
  EXPECT_EQ(fit_ridge(rows.data(), 1)->weights, fit_ridge(rows.data(), 1)->weights);
}

TEST(Linear, FewRowsAndClassesThatAreNotThere) {
  Rows one = make_rows();
  one.values.resize(kColumns);
  one.labels.resize(1);
  expect_scores(fit_ridge(one.data(), 1), one, {static_cast<double>(one.labels[0])}, 1e-12);
  Rows rows = make_rows(2);
  const auto absent = fit_logistic(rows.data(), 3, 1);
  ASSERT_TRUE(absent);
  EXPECT_EQ(absent->intercepts[2], std::log(0.5 / 200.5));
  EXPECT_EQ(absent->weights[2], std::vector<double>(kColumns));
  rows.labels.assign(kRows, 1);
  EXPECT_EQ(fit_logistic(rows.data(), 2, 1)->intercepts[0], std::log(200.5 / 0.5));
}

TEST(Linear, HugeAndTinyNumbersStaySolvable) {
  Rows rows = make_rows();
  for (std::size_t i = 0; i < rows.labels.size(); ++i) {
    rows.values[i * kColumns] *= 1e30F;
    rows.values[i * kColumns + 2] = rows.values[i * kColumns + 2] * 1e-30F;
  }
  const auto model = fit_ridge(rows.data(), 3);
  expect_scores(model, rows,
                {0.7283689955376342, 0.9632523595369822, 17.210726606418223, -2.7842533032031325},
                1e-5);
}

TEST(Linear, MissingNumbersAreRefusedByName) {
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Rows rows = make_rows();
    rows.values[7 * kColumns + 2] = value;
    const auto model = fit_ridge(rows.data(), 1);
    ASSERT_EQ(fault_of(model), "linear.data_invalid");
    EXPECT_THAT(model.error().what(), HasSubstr("column \"z\""));
    EXPECT_THAT(model.error().what(), HasSubstr("row 7"));
  }
}

TEST(Linear, OtherFaults) {
  Rows rows = make_rows(2);
  EXPECT_EQ(fault_of(fit_ridge(Rows{}.data(), 1)), "linear.data_invalid");
  EXPECT_EQ(fault_of(fit_ridge(rows.data(), 0)), "linear.setting_invalid");
  EXPECT_EQ(fault_of(fit_ridge(rows.data(), std::nan(""))), "linear.setting_invalid");
  EXPECT_EQ(fault_of(fit_logistic(rows.data(), 2, -1)), "linear.setting_invalid");
  EXPECT_EQ(fault_of(fit_logistic(rows.data(), 1, 1)), "linear.setting_invalid");
  EXPECT_EQ(fault_of(fit_logistic(make_rows(3).data(), 2, 1)), "linear.data_invalid");
  EXPECT_EQ(fault_of(fit_logistic(make_rows().data(), 2, 1)), "linear.data_invalid");
  for (const float code : {-1.0F, 0.5F, std::numeric_limits<float>::quiet_NaN(), 1e9F}) {
    Rows other = rows;
    other.values[1] = code;
    EXPECT_EQ(fault_of(fit_ridge(other.data(), 1)), "linear.data_invalid") << code;
  }
  Rows wide = rows;
  wide.values[1] = 5000;
  EXPECT_EQ(fault_of(fit_ridge(wide.data(), 1)), "linear.too_wide");
  Rows weighted = rows;
  weighted.weights.assign(kRows, 1);
  EXPECT_EQ(fault_of(fit_logistic(weighted.data(), 2, 1)), "linear.weights_unsupported");
  weighted.weights.assign(kRows, 0);
  EXPECT_EQ(fault_of(fit_ridge(weighted.data(), 1)), "linear.data_invalid");
  rows.labels[5] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(fault_of(fit_ridge(rows.data(), 1)), "linear.data_invalid");
}

}  // namespace
}  // namespace kingpost::linear
