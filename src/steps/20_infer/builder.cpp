// SPDX-License-Identifier: Apache-2.0
// Texts of records become rows.
#include "steps/20_infer/builder.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/utf8.h"

namespace kingpost::steps::infer {
namespace {

constexpr double kNull = std::numeric_limits<double>::quiet_NaN();
constexpr std::string_view kNotUtf8 = "holds bytes that are not UTF-8 (a Latin-1 file?)";

}  // namespace

std::vector<Lane> lanes_of(const Signature& signature, const std::vector<KeptColumn>& kept) {
  std::vector<Lane> out;
  for (const records::Column& each : signature.inputs) {
    out.push_back({each.name, CellReader(each.type), each.type != "string", false});
  }
  for (const KeptColumn& each : kept) {
    const bool is_number = !each.as_text;
    out.push_back({each.name, CellReader(each.type), is_number,
                   !is_number && each.checked && each.type != "string"});
  }
  return out;
}

RowBuilder::RowBuilder(const std::vector<Lane>& lanes, std::size_t inputs, bool whole_utf8)
    : lanes_(lanes), inputs_(inputs), whole_utf8_(whole_utf8), odd_(lanes.size()) {
  for (const Lane& lane : lanes) {
    columns_.push_back({.name = lane.name, .is_text = !lane.is_number});
  }
}

void RowBuilder::put(std::size_t lane, std::string_view text) {
  const Lane& how = lanes_[lane];
  records::BatchColumn& into = columns_[lane];
  if (!how.is_number) {
    into.texts.emplace_back(text);
    if (text.empty()) return;
    if (!whole_utf8_ && !is_utf8(text)) {
      reject(places_.size(), how.name, text, std::string(kNotUtf8));
      return;
    }
    double ignored = 0;
    if (how.is_checked && !how.reader.read(text, ignored)) {
      odd_[lane].push_back({places_.size(), std::string(text)});
    }
    return;
  }
  double value = kNull;
  if (!text.empty() && !how.reader.read(text, value)) {
    value = kNull;
    odd_[lane].push_back({places_.size(), std::string(text)});
  }
  into.numbers.push_back(value);
}

void RowBuilder::end_row(std::int64_t line, std::string_view record) {
  places_.push_back({line, record});
}

void RowBuilder::spoil(std::string column, std::string_view value, std::string reason) {
  reject(places_.size(), std::move(column), value, std::move(reason));
  const std::size_t rows = places_.size() + 1;
  for (records::BatchColumn& each : columns_) {
    if (each.is_text) {
      each.texts.resize(rows);
    } else {
      each.numbers.resize(rows, kNull);
    }
  }
}

void RowBuilder::reject(std::size_t row, std::string column, std::string_view value,
                        std::string reason) {
  Reject out;
  out.row = static_cast<std::int64_t>(row);
  out.column = std::move(column);
  out.value = value;
  out.reason = std::move(reason);
  rejects_.push_back(std::move(out));
}

Status RowBuilder::settle(std::size_t lane, Referee& referee) {
  const Lane& how = lanes_[lane];
  std::vector<std::string> texts;
  for (const Odd& each : odd_[lane]) texts.push_back(each.text);
  TRY(const auto values, referee.read(how.reader.type(), texts, how.is_checked));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Odd& odd = odd_[lane][i];
    if (!values[i]) {
      std::string reason = not_of_type(how.reader.type());
      if (!is_utf8(odd.text)) reason = kNotUtf8;
      reject(odd.row, how.name, odd.text, std::move(reason));
    } else if (how.is_number) {
      columns_[lane].numbers[odd.row] = *values[i];
    }
  }
  return {};
}

void RowBuilder::drop_rejected() {
  std::stable_sort(rejects_.begin(), rejects_.end(),
                   [](const Reject& a, const Reject& b) { return a.row < b.row; });
  const auto same = [](const Reject& a, const Reject& b) { return a.row == b.row; };
  rejects_.erase(std::unique(rejects_.begin(), rejects_.end(), same), rejects_.end());
  std::vector<bool> bad(places_.size(), false);
  for (Reject& each : rejects_) {
    const Place& place = places_[static_cast<std::size_t>(each.row)];
    bad[static_cast<std::size_t>(each.row)] = true;
    each.line = place.line;
    each.record = place.record;
  }
  for (records::BatchColumn& each : columns_) drop_rows(each, bad);
}

Result<Rows> RowBuilder::finish(Referee& referee) {
  for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
    if (!odd_[lane].empty()) TRY_STATUS(settle(lane, referee));
  }
  if (!rejects_.empty()) drop_rejected();
  Rows out;
  out.read = rows();
  out.rejects = std::move(rejects_);
  out.batch.rows = out.read - static_cast<std::int64_t>(out.rejects.size());
  for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
    (lane < inputs_ ? out.batch.columns : out.kept).push_back(std::move(columns_[lane]));
  }
  return out;
}

}  // namespace kingpost::steps::infer
