// SPDX-License-Identifier: Apache-2.0
// Step 4 on tables made by SQL, its check held against its run.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "steps/04_standardise/standardise.h"
#include "support/step_harness.h"

namespace kingpost::steps::standardise {

class StandardiseCase : public testing::Test {
 protected:
  using Table = std::vector<std::vector<std::string>>;

  // Checks and runs the section on the tables added before.
  Outcome standardise(const std::string& yaml) {
    h.faults = Faults();
    h.section(yaml, spec(), "standardise");
    leaving = h.check(check);
    for (const Error& fault : h.faults.errors()) ADD_FAILURE() << render(fault);
    auto outcome = h.run(run);
    if (!outcome) {
      ADD_FAILURE() << render(outcome.error());
      return {};
    }
    for (const records::Table& table : outcome->output.tables) {
      EXPECT_EQ(table.schema, *leaving.find(table.name)) << "check and run disagree";
      const auto described =
          describe(*h.session, "SELECT * FROM '" + h.objects->path_of(table.digest) + "'");
      for (std::size_t c = 0; described && c < described->size(); ++c) {
        EXPECT_EQ((*described)[c].name, table.schema.columns[c].name);
        EXPECT_EQ((*described)[c].type, table.schema.columns[c].type);
      }
    }
    return std::move(outcome).value();
  }

  Table rows(const Outcome& outcome, const std::string& columns = "*",
             const std::string& table = "t") {
    return h.rows(*outcome.output.find(table), "SELECT " + columns + " FROM {}");
  }

  // Column, value, reason and row of the rejected rows.
  Table rejected(const Outcome& outcome, const std::string& table = "t") {
    const records::Table* found = outcome.beside.find(table + ".rejected");
    if (found == nullptr) return {};
    return h.rows(*found, "SELECT _column, _value, _reason, _row FROM {}");
  }

  // The values of one column `x` after a change of type, and what was rejected as value: reason.
  std::pair<std::vector<std::string>, std::vector<std::string>> cast(const std::string& values,
                                                                     const std::string& type) {
    h.input = records::Dataset();
    h.add_table("t", "SELECT x FROM (VALUES " + values + ") AS v(x)");
    const Outcome outcome = standardise("t: {types: {x: " + type + "}}");
    std::pair<std::vector<std::string>, std::vector<std::string>> out;
    for (const auto& row : rows(outcome, "CAST(x AS VARCHAR)")) out.first.push_back(row[0]);
    for (const auto& row : rejected(outcome)) out.second.push_back(row[1] + ": " + row[2]);
    return out;
  }

  std::vector<std::string> faults_of(const std::string& yaml) {
    h.faults = Faults();
    h.section(yaml, spec(), "standardise");
    leaving = h.check(check);
    return test::fault_ids(h.faults);
  }

  const Json& rule(const Outcome& outcome, std::size_t number = 0) {
    return outcome.report["tables"].items().at(0)["rules"].items().at(number);
  }

  test::StepHarness h;
  records::Catalog leaving;
};

}  // namespace kingpost::steps::standardise
