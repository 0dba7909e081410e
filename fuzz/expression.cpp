// SPDX-License-Identifier: Apache-2.0
// kingpost_fuzz_expression: random expressions over random rows, DuckDB against the graph. A
// difference is shrunk and printed, and the program ends with 1. --functions prints the tables of
// docs/expressions.md.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include "fuzz/expression_grammar.h"
#include "steps/06_extract_features/expression/functions/functions.h"
#include "support/expression_oracle.h"

namespace {

using kingpost::fuzz::Expression;
using kingpost::fuzz::Grammar;
using kingpost::test::ExpressionOracle;
using Verdict = ExpressionOracle::Verdict;

struct Options {
  std::int64_t expressions = 10'000;
  std::int64_t rows = 1'000;
  std::uint64_t seed = 1;
  std::int64_t most_failures = 5;
  bool shows_refusals = false;
};

ExpressionOracle::Answer judged(ExpressionOracle& oracle, const Expression& expression) {
  return oracle.compare(expression.text(), expression.reference());
}

Expression shrunk(ExpressionOracle& oracle, Grammar& grammar, Expression expression) {
  constexpr int kMostSteps = 200;
  int steps = 0;
  for (bool goes_on = true; goes_on && steps < kMostSteps;) {
    goes_on = false;
    for (const Expression& each : grammar.smaller(expression)) {
      if (++steps > kMostSteps) break;
      if (each.text().size() >= expression.text().size()) continue;
      if (judged(oracle, each).verdict != Verdict::kDiffers) continue;
      expression = each;
      goes_on = true;
      break;
    }
  }
  return expression;
}

bool read(int count, char** words, Options& options) {
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word == "--refusals") {
      options.shows_refusals = true;
      continue;
    }
    if (i + 1 == count) return false;
    const std::int64_t number = std::atoll(words[++i]);
    if (word == "--expressions") {
      options.expressions = number;
    } else if (word == "--rows") {
      options.rows = number;
    } else if (word == "--seed") {
      options.seed = static_cast<std::uint64_t>(number);
    } else if (word == "--most-failures") {
      options.most_failures = number;
    } else {
      return false;
    }
  }
  return options.rows > 0;
}

}  // namespace

int main(int count, char** words) {
  if (count == 2 && std::strcmp(words[1], "--functions") == 0) {
    const auto text = kingpost::steps::extract_features::expression::documentation();
    std::fputs(text.c_str(), stdout);
    return 0;
  }
  Options options;
  if (!read(count, words, options)) {
    std::fputs(
        "usage: kingpost_fuzz_expression [--expressions N] [--rows N] [--seed N] "
        "[--most-failures N] [--refusals] | --functions\n",
        stderr);
    return 2;
  }
  Grammar grammar(options.seed);
  ExpressionOracle oracle(grammar.schema(), grammar.rows(options.rows));
  std::map<Verdict, std::int64_t> tally;
  for (std::int64_t i = 0; i < options.expressions; ++i) {
    const Expression expression = grammar.expression();
    const auto answer = judged(oracle, expression);
    ++tally[answer.verdict];
    const bool is_odd = answer.verdict == Verdict::kEngineFailed ||
                        (answer.verdict == Verdict::kRefused && options.shows_refusals);
    if (is_odd) std::printf("%s\n  %s\n", expression.text().c_str(), answer.words.c_str());
    if (answer.verdict != Verdict::kDiffers) continue;
    const Expression small = shrunk(oracle, grammar, expression);
    std::printf("DIFFERS %s\n  %s\n  reference %s\n", small.text().c_str(),
                judged(oracle, small).words.c_str(), small.reference().c_str());
    std::fflush(stdout);
    if (tally[Verdict::kDiffers] >= options.most_failures) break;
  }
  std::printf(
      "equal %lld, differing %lld, refused %lld, failed in the engine %lld; %lld rows, seed "
      "%llu\n",
      static_cast<long long>(tally[Verdict::kEqual]),
      static_cast<long long>(tally[Verdict::kDiffers]),
      static_cast<long long>(tally[Verdict::kRefused]),
      static_cast<long long>(tally[Verdict::kEngineFailed]), static_cast<long long>(options.rows),
      static_cast<unsigned long long>(options.seed));
  return tally[Verdict::kDiffers] == 0 && tally[Verdict::kEngineFailed] == 0 ? 0 : 1;
}
