// SPDX-License-Identifier: Apache-2.0
// Values become texts first, each column by itself.
#include "steps/slices.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "steps/ordered_rows.h"

namespace kingpost::steps {
namespace {

constexpr std::size_t kMostSlices = 200;
constexpr std::size_t kMostNumbers = 20;
constexpr std::string_view kMissing = "(missing)";

// A value as it is shown, and what orders it before others of its column.
struct Value {
  double order = 0;
  std::string text;
  bool operator<(const Value& other) const {
    return order != other.order ? order < other.order : text < other.text;
  }
};

std::string number_text(double value) {
  return value == std::floor(value) && std::abs(value) < 1e15
             ? format("{}", static_cast<std::int64_t>(value))
             : format("{:.6g}", value);
}

std::vector<Value> of_texts(const std::vector<std::string>& texts) {
  std::vector<Value> out;
  for (const std::string& text : texts) {
    out.push_back(text.empty() ? Value{1, std::string(kMissing)} : Value{0, shown(text)});
  }
  return out;
}

std::vector<Value> of_numbers(const std::vector<double>& numbers) {
  std::vector<double> sorted;
  for (const double number : numbers) {
    if (!std::isnan(number)) sorted.push_back(number);
  }
  std::sort(sorted.begin(), sorted.end());
  const std::set<double> distinct(sorted.begin(), sorted.end());
  std::vector<double> ends;
  if (distinct.size() > kMostNumbers) {
    for (const std::size_t quarter : {1, 2, 3, 4}) {
      ends.push_back(sorted[(sorted.size() * quarter + 3) / 4 - 1]);
    }
    ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  }
  std::vector<Value> out;
  for (const double number : numbers) {
    if (std::isnan(number)) {
      out.push_back({INFINITY, std::string(kMissing)});
    } else if (ends.empty()) {
      out.push_back({number, number_text(number)});
    } else {
      const auto end = std::lower_bound(ends.begin(), ends.end(), number);
      const std::string from =
          end == ends.begin() ? "[" + number_text(sorted.front()) : "(" + number_text(*(end - 1));
      out.push_back({*end, format("{}, {}]", from, number_text(*end))});
    }
  }
  return out;
}

std::string item_of(const records::Column& column) {
  std::string name = sql::identifier(column.name);
  if (column.type == "boolean") return format("CAST({0} AS VARCHAR) AS {0}", name);
  if (column.type == "timestamp_utc") {
    return format("strftime(timezone('UTC', {0}), '%Y-%m') AS {0}", name);
  }
  if (records::is_temporal(column.type)) return format("strftime({0}, '%Y-%m') AS {0}", name);
  if (records::is_numeric(column.type)) return format("CAST({0} AS DOUBLE) AS {0}", name);
  return name;
}

Result<std::map<std::string, std::vector<Value>>> values_of(const RunContext& context, Side side,
                                                            const std::set<std::string>& names) {
  const records::Table& table = *context.input.find("training");
  std::vector<std::string> items;
  for (const std::string& name : names) items.push_back(item_of(*table.schema.find(name)));
  const OrderedRows rows{join(items, ", "), from_table(context, table, true),
                         format("_split = '{}'", side_word(side))};
  std::map<std::string, records::BatchColumn> all;
  TRY_STATUS(stream_in_order(context.sql, rows, [&](records::Batch& batch) {
    for (records::BatchColumn& column : batch.columns) {
      records::BatchColumn& to = all[column.name];
      to.is_text = column.is_text;
      to.numbers.insert(to.numbers.end(), column.numbers.begin(), column.numbers.end());
      to.texts.insert(to.texts.end(), column.texts.begin(), column.texts.end());
    }
    return Status();
  }));
  std::map<std::string, std::vector<Value>> out;
  for (const auto& [name, column] : all) {
    out[name] = column.is_text ? of_texts(column.texts) : of_numbers(column.numbers);
  }
  return out;
}

}  // namespace

std::string Slice::words() const {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    parts.push_back(format("{}={}", columns[i], values[i]));
  }
  return join(parts, ", ");
}

Result<Slices> slices_of(const RunContext& context, Side side,
                         const std::vector<std::vector<std::string>>& columns) {
  Slices out;
  std::set<std::string> names;
  for (const auto& list : columns) names.insert(list.begin(), list.end());
  if (names.empty()) return out;
  TRY(const auto values, values_of(context, side, names));
  if (values.empty()) return out;
  const std::size_t rows = values.begin()->second.size();
  for (const auto& list : columns) {
    std::map<std::vector<Value>, std::vector<std::int64_t>> groups;
    for (std::size_t row = 0; row < rows; ++row) {
      std::vector<Value> key;
      for (const std::string& name : list) key.push_back(values.at(name)[row]);
      groups[key].push_back(static_cast<std::int64_t>(row));
    }
    std::vector<std::size_t> sizes;
    for (const auto& [key, places] : groups) sizes.push_back(places.size());
    std::sort(sizes.rbegin(), sizes.rend());
    const std::size_t least = sizes.size() > kMostSlices ? sizes[kMostSlices - 1] : 0;
    std::size_t kept = 0;
    for (auto& [key, places] : groups) {
      if (places.size() < least || kept == kMostSlices) {
        ++out.left_out;
        continue;
      }
      ++kept;
      Slice slice{list, {}, std::move(places)};
      for (const Value& value : key) slice.values.push_back(value.text);
      out.slices.push_back(std::move(slice));
    }
  }
  return out;
}

std::vector<std::vector<std::string>> column_lists(const Node& lists) {
  std::vector<std::vector<std::string>> out;
  for (const Node& list : lists.items) {
    std::vector<std::string> names;
    for (const Node& name : list.items) names.push_back(name.text);
    out.push_back(std::move(names));
  }
  return out;
}

}  // namespace kingpost::steps
