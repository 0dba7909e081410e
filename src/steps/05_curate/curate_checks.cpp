// SPDX-License-Identifier: Apache-2.0
// The checks of the curated rows.
#include "steps/05_curate/curate_checks.h"

#include "base/text.h"
#include "engines/sql/dialect.h"

namespace kingpost::steps::curate {
namespace {

struct Verdict {
  bool passed = false;
  std::string text;
};

Result<Verdict> look(RunContext& context, const Node& check, std::int64_t rows) {
  const std::string kind = check.text_at("check");
  if (kind == "row_count_equals") {
    const std::string table = check.text_at("table");
    const std::int64_t other = context.input.find(table)->rows;
    return Verdict{rows == other, format("row_count_equals: {} curated rows, {} rows in \"{}\"",
                                         grouped(rows), grouped(other), table)};
  }
  if (kind == "not_null") {
    const std::string column = check.text_at("column");
    TRY(const auto found,
        context.sql.query(format("SELECT count_if({} IS NULL) AS n FROM kingpost_rows",
                                 sql::identifier(column))));
    const std::int64_t nulls = found.integer(0, "n");
    const double share = rows == 0 ? 1 : 1 - static_cast<double>(nulls) / static_cast<double>(rows);
    return Verdict{share >= check.number("mostly"), format("not_null({}): {} of {} rows are null",
                                                           column, grouped(nulls), grouped(rows))};
  }
  const std::string columns = sql::identifiers(check.texts("columns"));
  TRY(const auto found,
      context.sql.query(format("SELECT CAST(coalesce(sum(n), 0) AS BIGINT) AS n FROM (SELECT "
                               "count(*) AS n FROM kingpost_rows GROUP BY {} HAVING count(*) > 1)",
                               columns)));
  const std::int64_t doubled = found.integer(0, "n");
  return Verdict{doubled == 0,
                 format("unique({}): {} of {} rows are not alone",
                        join(check.texts("columns"), ", "), grouped(doubled), grouped(rows))};
}

}  // namespace

Status run_curate_checks(RunContext& context, const Node& section, std::int64_t rows,
                         Outcome& outcome) {
  Json checks = Json::array();
  std::vector<std::string> failed;
  for (const Node& check : section.list("checks")) {
    TRY(const Verdict verdict, look(context, check, rows));
    const bool critical = check.text_at("severity") == "critical";
    checks.push(Json::object()
                    .set("check", check.text_at("check"))
                    .set("verdict", verdict.passed ? "passed" : (critical ? "failed" : "warned"))
                    .set("text", verdict.text));
    if (verdict.passed) continue;
    if (critical) failed.push_back(verdict.text);
    if (!critical) outcome.warnings.push_back(verdict.text);
  }
  outcome.report.set("checks", std::move(checks));
  if (failed.empty()) return {};
  Error error =
      fail(Code::kDataRejected, "curate.check_failed", "{} check{} of the curated rows failed",
           failed.size(), failed.size() == 1 ? "" : "s");
  for (const std::string& text : failed) error = std::move(error).detail(text);
  outcome.verdict = std::move(error);
  return {};
}

}  // namespace kingpost::steps::curate
