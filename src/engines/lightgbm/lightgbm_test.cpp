// SPDX-License-Identifier: Apache-2.0
// Training with the real library: determinism, early stopping, faults; and plain trees against the
// library's own decisions, at every threshold and next to it.
#include "engines/lightgbm/lightgbm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <set>

#include "engines/lightgbm/library.h"
#include "engines/lightgbm/model_text.h"

namespace kingpost::lightgbm {
namespace {

using testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::int32_t kColumns = 8;

// Owns what Data points to.
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
    out.categorical = {1, 6};
    return out;
  }
};

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  double unit() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  std::int64_t below(std::int64_t most) {
    return static_cast<std::int64_t>(unit() * static_cast<double>(most));
  }

 private:
  std::mt19937_64 engine_;
};

// Columns: 0 smooth, 1 many categories, 2 with NaN, 3 few values around 0, 4 mostly 0, 5 constant,
// 6 few categories, some missing, 7 tiny and huge numbers, NaN and infinities.
void add_row(Random& random, Rows& rows, std::int32_t classes) {
  const auto smooth = static_cast<float>(random.unit() * 10 - 5);
  const auto many = static_cast<float>(random.below(60) * random.below(2) + random.below(5));
  const float holes = random.unit() < 0.3 ? kNan : static_cast<float>(random.unit());
  const auto few = static_cast<float>(random.below(5) - 2);
  const float zeros = random.unit() < 0.8 ? 0 : static_cast<float>(random.unit() - 0.5);
  const float group = random.unit() < 0.1 ? kNan : static_cast<float>(random.below(4));
  constexpr std::array kOdd = {1e-30F,     -1e-38F, 3e38F, -3e38F, kInfinity,
                               -kInfinity, 1e-45F,  0.0F,  -0.0F,  kNan};
  const float odd = kOdd[static_cast<std::size_t>(random.below(kOdd.size()))];
  for (const float value : {smooth, many, holes, few, zeros, 7.0F, group, odd}) {
    rows.values.push_back(value);
  }
  double score = smooth + std::fmod(many * 7.0, 5.0) + few + 3 * zeros + random.unit();
  score += std::isnan(holes) ? 2 : holes;
  score += std::isnan(group) ? -1 : 2 * (group == 2);
  score += odd > 1 ? 1.5 : 0;
  if (classes > 0) score = std::fmod(std::abs(std::floor(score)), classes);
  rows.labels.push_back(static_cast<float>(score));
}

Rows make_rows(std::uint64_t seed, std::int64_t count, std::int32_t classes = 0) {
  Random random(seed);
  Rows rows;
  for (std::int64_t i = 0; i < count; ++i) add_row(random, rows, classes);
  return rows;
}

Settings make_settings(const std::string& objective, std::int32_t classes = 0) {
  Settings out;
  out.objective = objective;
  out.classes = classes;
  out.parameters = {{"num_leaves", "15"}, {"min_data_in_leaf", "5"}, {"min_data_per_group", "5"}};
  out.rounds = 20;
  out.threads = 1;
  return out;
}

std::unique_ptr<Booster> train(const Rows& rows, const Settings& settings,
                               const Rows* validation = nullptr, const Observe& observe = {}) {
  const Data other = validation == nullptr ? Data{} : validation->data();
  auto set = TrainingSet::bin(rows.data(), validation == nullptr ? nullptr : &other, settings);
  if (!set) {
    ADD_FAILURE() << render(set.error());
    return nullptr;
  }
  auto booster = Booster::train(**set, settings, observe);
  if (!booster) ADD_FAILURE() << render(booster.error());
  return booster ? std::move(booster).value() : nullptr;
}

std::string digest_of(const Rows& rows, const Settings& settings) {
  const auto booster = train(rows, settings);
  return booster == nullptr ? "" : model_digest(booster->text(), canonical(settings));
}

template <typename T>
std::string fault_of(const Result<T>& result) {
  return result ? "none" : result.error().id();
}

std::string bin_fault(const Rows& rows, const Settings& settings) {
  return fault_of(TrainingSet::bin(rows.data(), nullptr, settings));
}

// Values that a column's decisions may turn on.
std::set<float> probes_of(const records::TreeEnsemble& trees, std::int32_t column) {
  std::set<float> out = {0.0F,        -kInfinity,    kInfinity,     1e-45F, -1e-45F, 1e-38F,
                         -1e-38F,     3.4e38F,       -3.4e38F,      1e-35F, -1e-35F, -1.0F,
                         -0.5F,       -0.999F,       0.5F,          2.75F,  61.0F,   1e6F,
                         16777216.0F, 2147483648.0F, 2147483520.0F, 4e9F,   -3e9F};
  for (const float edge : {1e-35F, -1e-35F}) {
    out.insert({std::nextafter(edge, kInfinity), std::nextafter(edge, -kInfinity)});
  }
  for (const records::Tree& tree : trees.trees) {
    for (const records::TreeNode& node : tree.nodes) {
      if (node.feature != column) continue;
      const auto at = static_cast<float>(node.threshold);
      out.insert({at, std::nextafter(at, kInfinity), std::nextafter(at, -kInfinity), -at});
      for (const std::int32_t code : node.categories) {
        out.insert({static_cast<float>(code), static_cast<float>(code + 1)});
      }
    }
  }
  return out;
}

// Rows of `base`, and each probe of each column put into one of them.
std::vector<float> probe_rows(const records::TreeEnsemble& trees, const Rows& base) {
  std::vector<float> out = base.values;
  std::size_t from = 0;
  const auto add = [&](std::int32_t column, float value) {
    const auto at = static_cast<std::ptrdiff_t>(from++ % base.labels.size() * kColumns);
    out.insert(out.end(), base.values.begin() + at, base.values.begin() + at + kColumns);
    out[out.size() - kColumns + static_cast<std::size_t>(column)] = value;
  };
  for (std::int32_t column = 0; column < kColumns; ++column) {
    for (int turn = 0; turn < 3; ++turn) {
      for (const float value : probes_of(trees, column)) add(column, value);
      add(column, -0.0F);
      add(column, kNan);
      add(column, -kNan);
    }
  }
  return out;
}

// Our leaf of each tree, by the library's number.
std::vector<std::int32_t> our_leaves(const records::TreeEnsemble& trees, const float* row) {
  std::vector<std::int32_t> out;
  for (const records::Tree& tree : trees.trees) {
    out.push_back(static_cast<std::int32_t>(leaf_of(tree, row) - tree.nodes.size() / 2));
  }
  return out;
}

void expect_parity(const Booster& booster, const Rows& base) {
  const auto trees = parse_model(booster.text());
  ASSERT_TRUE(trees) << render(trees.error());
  const std::vector<float> rows = probe_rows(*trees, base);
  const auto count = static_cast<std::int64_t>(rows.size()) / kColumns;
  const auto leaves = booster.leaves(rows.data(), count, kColumns);
  const auto scores = booster.raw_scores(rows.data(), count, kColumns);
  ASSERT_TRUE(leaves && scores);
  std::size_t leaf = 0;
  std::size_t score = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const float* row = rows.data() + i * kColumns;
    for (const std::int32_t ours : our_leaves(*trees, row)) {
      ASSERT_EQ(ours, (*leaves)[leaf]) << "row " << i << ", tree " << leaf % trees->trees.size();
      ++leaf;
    }
    for (const double ours : raw_scores(*trees, row)) ASSERT_EQ(ours, (*scores)[score++]);
  }
}

TEST(LightGbm, TreesDecideAsTheLibraryDoes) {
  struct Task {
    std::string objective;
    std::int32_t classes;
  };
  for (const Task& task : {Task{"regression", 0}, Task{"regression_l1", 0}, Task{"binary", 2},
                           Task{"multiclass", 4}, Task{"quantile", 0}}) {
    for (const std::uint64_t seed : {1U, 2U, 3U}) {
      SCOPED_TRACE(task.objective);
      const Rows rows = make_rows(seed, 1500, task.classes);
      Settings settings =
          make_settings(task.objective, task.objective == "multiclass" ? task.classes : 0);
      if (seed == 2) settings.parameters["max_cat_to_onehot"] = "100";
      const auto booster = train(rows, settings);
      ASSERT_NE(booster, nullptr);
      expect_parity(*booster, make_rows(seed + 100, 300, task.classes));
    }
  }
}

TEST(LightGbm, TheParityTestMeetsEveryKindOfSplit) {
  const auto booster = train(make_rows(1, 1500), make_settings("regression"));
  ASSERT_NE(booster, nullptr);
  const auto trees = parse_model(booster->text());
  ASSERT_TRUE(trees);
  std::set<std::string> kinds;
  for (const records::Tree& tree : trees->trees) {
    for (const records::TreeNode& node : tree.nodes) {
      if (node.feature < 0) continue;
      if (node.is_categorical) kinds.insert(node.categories.size() > 1 ? "set" : "one category");
      if (!node.is_categorical) kinds.insert(node.missing_left ? "NaN left" : "NaN right");
      if (std::abs(node.threshold) < 1.1e-35 && node.threshold != 0) kinds.insert("border of 0");
      if (node.threshold == std::numeric_limits<float>::max()) kinds.insert("all but infinity");
    }
  }
  EXPECT_EQ(kinds,
            (std::set<std::string>{"set", "one category", "NaN left", "NaN right", "border of 0"}));
}

TEST(LightGbm, CoversAreNumbersOfRows) {
  const auto booster = train(make_rows(1, 500), make_settings("regression"));
  ASSERT_NE(booster, nullptr);
  const auto trees = parse_model(booster->text());
  ASSERT_TRUE(trees);
  for (const records::Tree& tree : trees->trees) {
    EXPECT_EQ(tree.nodes[0].cover, 500);
    for (const records::TreeNode& node : tree.nodes) {
      if (node.feature < 0) continue;
      const auto cover = [&](std::int32_t child) {
        return tree.nodes[static_cast<std::size_t>(child)].cover;
      };
      EXPECT_EQ(node.cover, cover(node.left) + cover(node.right));
    }
  }
}

TEST(LightGbm, ThreadsDoNotChangeAModel) {
  const Rows rows = make_rows(5, 30000);
  Settings settings = make_settings("regression_l1");
  settings.parameters["bagging_fraction"] = "0.7";
  settings.parameters["feature_fraction"] = "0.6";
  settings.threads = 1;
  const std::string one = digest_of(rows, settings);
  settings.threads = 2;
  EXPECT_EQ(digest_of(rows, settings), one);
  settings.threads = 5;
  EXPECT_EQ(digest_of(rows, settings), one);
}

TEST(LightGbm, SeedsChangeWhatIsDrawnAndNothingElse) {
  const Rows rows = make_rows(5, 2000);
  Settings settings = make_settings("regression");
  Settings other = settings;
  other.seed = std::int64_t{1} << 40;
  EXPECT_EQ(train(rows, settings)->raw_scores(rows.values.data(), 9, kColumns).value(),
            train(rows, other)->raw_scores(rows.values.data(), 9, kColumns).value());
  settings.parameters["bagging_fraction"] = other.parameters["bagging_fraction"] = "0.5";
  const auto first = train(rows, settings);
  const auto second = train(rows, other);
  EXPECT_NE(first->text().substr(0, first->text().find("\nparameters:")),
            second->text().substr(0, second->text().find("\nparameters:")));
  EXPECT_NE(digest_of(rows, settings), digest_of(rows, other));
}

TEST(LightGbm, ASetServesManyTrainings) {
  const Rows rows = make_rows(6, 2000);
  Settings settings = make_settings("regression");
  const auto set = TrainingSet::bin(rows.data(), nullptr, settings);
  ASSERT_TRUE(set);
  const auto first = Booster::train(**set, settings);
  Settings other = make_settings("regression_l1");
  other.parameters = {{"num_leaves", "40"},
                      {"min_data_in_leaf", "1"},
                      {"learning_rate", "0.3"},
                      {"bagging_fraction", "0.4"}};
  const auto second = Booster::train(**set, other);
  const auto again = Booster::train(**set, settings);
  ASSERT_TRUE(first && second && again);
  EXPECT_EQ((*first)->text(), (*again)->text());
  EXPECT_EQ(model_digest((*second)->text(), canonical(other)), digest_of(rows, other));
}

TEST(LightGbm, StopsEarlyAndKeepsTheBestRound) {
  const Rows rows = make_rows(7, 400);
  const Rows validation = make_rows(8, 400);
  Settings settings = make_settings("regression_l1");
  settings.rounds = 2000;
  settings.early_stopping = 10;
  settings.parameters["learning_rate"] = "0.5";
  settings.train_metric_every = 2;
  std::vector<Progress> seen;
  const auto booster = train(rows, settings, &validation, [&](const Progress& progress) {
    seen.push_back(progress);
    return true;
  });
  ASSERT_NE(booster, nullptr);
  const auto best = std::min_element(seen.begin(), seen.end(), [](const auto& a, const auto& b) {
    return a.validation < b.validation;
  });
  EXPECT_EQ(booster->rounds(), best->round);
  EXPECT_EQ(booster->validation(), best->validation);
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(best->round) + 10);
  EXPECT_TRUE(std::isnan(seen[0].train));
  EXPECT_GT(seen[1].train, 0);
  const auto scores = booster->raw_scores(validation.values.data(), 400, kColumns);
  ASSERT_TRUE(scores);
  double sum = 0;
  for (std::size_t i = 0; i < scores->size(); ++i) {
    sum += std::abs((*scores)[i] - static_cast<double>(validation.labels[i]));
  }
  EXPECT_NEAR(sum / 400, booster->validation(), 1e-9) << "the scores are not of the best round";
}

TEST(LightGbm, GreaterMetricsAndStoppingByTheObserver) {
  const Rows rows = make_rows(9, 600, 2);
  const Rows validation = make_rows(10, 600, 2);
  Settings settings = make_settings("binary");
  settings.metric = "auc";
  settings.early_stopping = 1000;
  double best = 0;
  const auto booster = train(rows, settings, &validation, [&](const Progress& progress) {
    best = std::max(best, progress.validation);
    return progress.round < 7;
  });
  ASSERT_NE(booster, nullptr);
  EXPECT_LE(booster->rounds(), 7);
  EXPECT_EQ(booster->validation(), best);
  EXPECT_TRUE(more_is_better("auc"));
  EXPECT_FALSE(more_is_better("l1"));
  settings.early_stopping = 0;
  EXPECT_EQ(train(rows, settings, &validation, [](const Progress&) { return false; })->rounds(), 1);
}

TEST(LightGbm, SmallAndDullRows) {
  for (const std::int64_t count : {1, 2, 3}) {
    const Rows rows = make_rows(3, count);
    const auto booster = train(rows, make_settings("regression"));
    ASSERT_NE(booster, nullptr);
    EXPECT_EQ(booster->rounds(), 1);
    expect_parity(*booster, make_rows(4, 5));
  }
  Rows constant = make_rows(3, 100, 2);
  constant.labels.assign(100, 1.0F);
  const auto booster = train(constant, make_settings("binary"));
  ASSERT_NE(booster, nullptr);
  expect_parity(*booster, constant);
  Rows empty_class = make_rows(3, 100, 2);
  expect_parity(*train(empty_class, make_settings("multiclass", 3)), empty_class);
}

TEST(LightGbm, WeightsCount) {
  Rows rows = make_rows(11, 500);
  const std::string plain = train(rows, make_settings("regression"))->text();
  rows.weights.assign(500, 1.0F);
  for (std::size_t i = 0; i < 250; ++i) rows.weights[i] = 0.1F;
  EXPECT_NE(train(rows, make_settings("regression"))->text(), plain);
}

TEST(LightGbm, ContributionsAddUpAndGainsFindTheSource) {
  const Rows rows = make_rows(12, 800);
  const auto booster = train(rows, make_settings("regression"));
  const auto parts = booster->contributions(rows.values.data(), 800, kColumns);
  const auto scores = booster->raw_scores(rows.values.data(), 800, kColumns);
  ASSERT_TRUE(parts && scores);
  for (std::size_t i = 0; i < 800; ++i) {
    const auto from = parts->begin() + static_cast<std::ptrdiff_t>(i) * (kColumns + 1);
    EXPECT_NEAR(std::accumulate(from, from + kColumns + 1, 0.0), (*scores)[i], 1e-6);
  }
  const auto gains = booster->gains();
  ASSERT_TRUE(gains);
  EXPECT_EQ(std::max_element(gains->begin(), gains->end()) - gains->begin(), 0);
  EXPECT_EQ((*gains)[5], 0) << "a constant column";
}

TEST(LightGbm, ATextReadsBackToTheSameAnswers) {
  const Rows rows = make_rows(13, 700, 3);
  const auto booster = train(rows, make_settings("multiclass", 3));
  const auto again = Booster::read(booster->text());
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)->text(), booster->text());
  EXPECT_EQ((*again)->rounds(), 20);
  EXPECT_EQ((*again)->outputs(), 3);
  EXPECT_EQ((*again)->features(), kColumns);
  EXPECT_EQ((*again)->raw_scores(rows.values.data(), 700, kColumns).value(),
            booster->raw_scores(rows.values.data(), 700, kColumns).value());
  EXPECT_EQ(booster->raw_scores(nullptr, 0, kColumns)->size(), 0U);
  EXPECT_EQ(fault_of(booster->raw_scores(rows.values.data(), 1, 3)), "lightgbm.data_invalid");
}

TEST(LightGbm, TheDigestIsOfTreesAndOurParameters) {
  const Json ours = Json::object().set("seed", 1);
  const std::string text = "tree\nTree=0\n\nparameters:\n[num_threads: 1]\n";
  EXPECT_EQ(model_digest(text, ours),
            model_digest("tree\nTree=0\n\nparameters:\n[num_threads: 2]\n", ours));
  EXPECT_NE(model_digest(text, ours), model_digest(text, Json::object().set("seed", 2)));
  EXPECT_NE(model_digest(text, ours), model_digest("tree\nTree=1\n\nparameters:\n", ours));
  EXPECT_TRUE(canonical(make_settings("binary"))["threads"].is_null());
}

TEST(LightGbm, FloatsNotAbove) {
  EXPECT_EQ(float_not_above(0.1), std::nextafter(0.1F, 0.0F));
  EXPECT_EQ(float_not_above(static_cast<double>(0.1F)), 0.1F);
  EXPECT_EQ(float_not_above(-0.1), -0.1F);
  EXPECT_EQ(float_not_above(1e300), std::numeric_limits<float>::max());
  EXPECT_EQ(float_not_above(-1e300), -kInfinity);
  EXPECT_EQ(float_not_above(HUGE_VAL), kInfinity);
  EXPECT_EQ(float_not_above(1e-60), 0.0F);
  EXPECT_EQ(float_not_above(-1e-60), -1e-45F);
}

TEST(LightGbm, SettingsAreChecked) {
  const auto fault = [](auto change) {
    Settings settings = make_settings("regression");
    change(settings);
    return fault_of(check(settings));
  };
  EXPECT_EQ(fault([](Settings& s) { s.objective = "lambdarank"; }), "lightgbm.setting_unknown");
  EXPECT_EQ(fault([](Settings& s) { s.metric = "ndcg"; }), "lightgbm.setting_unknown");
  EXPECT_EQ(fault([](Settings& s) { s.parameters["num_leafs"] = "5"; }),
            "lightgbm.setting_unknown");
  EXPECT_EQ(fault([](Settings& s) { s.parameters["num_threads"] = "5"; }),
            "lightgbm.setting_unknown");
  EXPECT_EQ(fault([](Settings& s) { s.metric = "auc"; }), "lightgbm.setting_invalid");
  EXPECT_EQ(fault([](Settings& s) { s.objective = "multiclass"; }), "lightgbm.setting_invalid");
  EXPECT_EQ(fault([](Settings& s) { s.rounds = 0; }), "lightgbm.setting_invalid");
  EXPECT_EQ(fault([](Settings& s) { s.threads = -1; }), "lightgbm.setting_invalid");
  for (const char* value : {"1", "2.5", "", "nan", "15 linear_tree=true", "1e99"}) {
    EXPECT_EQ(fault([&](Settings& s) { s.parameters["num_leaves"] = value; }),
              "lightgbm.setting_invalid")
        << value;
  }
  Settings typo = make_settings("regression");
  typo.parameters["learning_rat"] = "1";
  EXPECT_THAT(check(typo).error().hint(), HasSubstr("learning_rate"));
}

TEST(LightGbm, RowsAreChecked) {
  const Settings number = make_settings("regression");
  Rows rows = make_rows(1, 50);
  rows.labels[3] = kNan;
  EXPECT_EQ(bin_fault(rows, number), "lightgbm.data_invalid");
  EXPECT_EQ(bin_fault(Rows{}, number), "lightgbm.data_invalid");
  rows = make_rows(1, 50);
  EXPECT_EQ(bin_fault(rows, make_settings("binary")), "lightgbm.data_invalid");
  rows = make_rows(1, 50, 4);
  EXPECT_EQ(bin_fault(rows, make_settings("multiclass", 3)), "lightgbm.data_invalid");
  rows.weights.assign(50, 0.0F);
  EXPECT_EQ(bin_fault(rows, number), "lightgbm.data_invalid");
  rows.weights[7] = -1;
  EXPECT_EQ(bin_fault(rows, number), "lightgbm.data_invalid");
  rows = make_rows(1, 50);
  rows.values[kColumns + 1] = 1.5F;
  const auto fault = TrainingSet::bin(rows.data(), nullptr, number);
  ASSERT_FALSE(fault);
  EXPECT_THAT(fault.error().what(), HasSubstr("column 1 is categorical and holds 1.5 in row 1"));
}

TEST(LightGbm, TrainingIsHeldToTheSet) {
  const Rows rows = make_rows(1, 50);
  Settings settings = make_settings("regression");
  const auto set = TrainingSet::bin(rows.data(), nullptr, settings);
  ASSERT_TRUE(set);
  settings.parameters["max_bin"] = "15";
  EXPECT_EQ(fault_of(Booster::train(**set, settings)), "lightgbm.setting_invalid");
  settings = make_settings("regression");
  settings.early_stopping = 5;
  EXPECT_EQ(fault_of(Booster::train(**set, settings)), "lightgbm.setting_invalid");
}

TEST(LightGbm, AMissingLibraryIsSaid) {
  EXPECT_EQ(fault_of(Library::load("")), "lightgbm.library_missing");
  EXPECT_EQ(fault_of(Library::load("/nowhere/lib_lightgbm.so")), "lightgbm.library_missing");
  EXPECT_EQ(fault_of(Library::load("libm.so.6")), "lightgbm.library_missing");
  const auto library = Library::open();
  ASSERT_TRUE(library);
  const Status failed =
      (*library)->done((*library)->set_field(nullptr, "no", nullptr, 0, 9), "testing");
  EXPECT_EQ(fault_of(failed), "lightgbm.failed");
}

}  // namespace
}  // namespace kingpost::lightgbm
