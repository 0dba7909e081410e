// SPDX-License-Identifier: Apache-2.0
// The engine is asked once for each value.
#include "steps/20_infer/cells.h"

#include <set>

#include "base/files.h"
#include "base/text.h"
#include "base/utf8.h"
#include "engines/sql/dialect.h"
#include "engines/sql/values.h"
#include "records/schema.h"
#include "steps/conversion.h"

namespace kingpost::steps::infer {
namespace {

// So many texts are kept with what the engine said of them.
constexpr std::size_t kMostKnown = 100'000;

}  // namespace

std::string not_of_type(std::string_view type) {
  return "is not " + sql::wanted_text(type);
}

Result<std::vector<std::optional<double>>> Referee::read(std::string_view type,
                                                         const std::vector<std::string>& texts,
                                                         bool any) {
  const std::lock_guard lock(mutex_);
  Known& known = known_[format("{}{}", type, any ? " any" : "")];
  if (known.size() > kMostKnown) known.clear();
  std::set<std::string> fresh;
  for (const std::string& text : texts) {
    if (known.find(text) == known.end()) fresh.insert(text);
  }
  std::vector<std::string> asked;
  for (const std::string& text : fresh) {
    if (text.find('\0') == std::string::npos && is_utf8(text)) {
      asked.push_back(text);
    } else {
      known[text] = std::nullopt;
    }
  }
  if (!asked.empty()) TRY_STATUS(ask(type, asked, any, known));
  std::vector<std::optional<double>> out;
  for (const std::string& text : texts) out.push_back(known[text]);
  return out;
}

Status Referee::ask(std::string_view type, const std::vector<std::string>& texts, bool any,
                    Known& known) {
  if (session_ == nullptr) {
    TRY_STATUS(make_folders(config_.temp_folder));
    TRY(session_, sql::Session::open(config_));
  }
  std::vector<std::string> values;
  for (const std::string& text : texts) values.push_back(format("({})", sql::literal(text)));
  std::string number = "CAST(v AS DOUBLE)";
  std::string fine = "v IS NOT NULL";
  if (records::is_temporal(type) || type == "time") {
    number = "CAST(epoch_us(v) AS DOUBLE)";
    fine += " AND CAST(CAST(epoch_us(v) AS DOUBLE) AS BIGINT) = epoch_us(v)";
  } else if (records::is_integer(type) && !any) {
    fine += " AND abs(CAST(v AS HUGEINT)) <= 9007199254740992";
  }
  const std::string query = format(
      "SELECT coalesce({}, false) AS fine, {} AS number FROM (SELECT {} AS v FROM (VALUES "
      "{}) AS texts(t))",
      fine, number, conversion(type, "t"), join(values, ", "));
  std::size_t at = 0;
  return session_->stream(query, [&](records::Batch& batch) {
    for (std::size_t r = 0; r < static_cast<std::size_t>(batch.rows); ++r, ++at) {
      const bool is_fine = batch.columns[0].numbers[r] == 1;
      known[texts[at]] =
          is_fine ? std::optional<double>(batch.columns[1].numbers[r]) : std::nullopt;
    }
    return Status();
  });
}

}  // namespace kingpost::steps::infer
