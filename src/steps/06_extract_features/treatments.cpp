// SPDX-License-Identifier: Apache-2.0
// The features that a file asks for, or that its columns suggest.
#include "steps/06_extract_features/treatments.h"

#include <algorithm>

#include "base/text.h"
#include "engines/sql/dialect.h"

namespace kingpost::steps::extract_features {
namespace {

using records::is_numeric;
using records::is_temporal;

// A feature's own key, or that of the defaults, or nothing.
class Keys {
 public:
  Keys(const Node& feature, const Node& defaults) : feature_(feature), defaults_(defaults) {}

  const Node& at(std::string_view key) const {
    return feature_.has(key) ? feature_.at(key) : defaults_.at(key);
  }
  std::string text(std::string_view key, std::string_view fallback) const {
    const Node& node = at(key);
    return node.is_null() ? std::string(fallback) : node.text;
  }

 private:
  const Node& feature_;
  const Node& defaults_;
};

Node expression_of(const std::string& sql, const Mark& mark) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.text = sql;
  node.value = Json(sql);
  node.mark = mark;
  node.mark.text_offset = Mark::kElsewhere;
  return node;
}

void treat_number(const Keys& keys, Treatment& out) {
  const std::string missing = keys.text("missing", "median");
  if (missing == "mean") out.missing = Missing::kMean;
  if (missing == "constant") out.missing = Missing::kConstant;
  if (missing == "keep") out.missing = Missing::kKeep;
  if (!keys.at("fill").is_null()) out.fill = keys.at("fill").value.number();
  if (!keys.at("indicator").is_null()) out.indicator = keys.at("indicator").value.boolean();
  const std::string scale = keys.text("scale", "none");
  if (scale == "zscore") out.scale = Scale::kZscore;
  if (scale == "robust") out.scale = Scale::kRobust;
  out.log1p = keys.text("transform", "none") == "log1p";
  if (!keys.at("clip_min").is_null()) out.clip_min = keys.at("clip_min").value.number();
  if (!keys.at("clip_max").is_null()) out.clip_max = keys.at("clip_max").value.number();
}

void treat_category(const Keys& keys, Treatment& out) {
  const std::string encode = keys.text("encode", "native");
  if (encode == "one_hot") out.encode = Encode::kOneHot;
  if (encode == "ordinal") out.encode = Encode::kOrdinal;
  if (encode == "frequency") out.encode = Encode::kFrequency;
  if (encode == "target") out.encode = Encode::kTarget;
  if (!keys.at("min_count").is_null()) out.min_count = keys.at("min_count").value.integer();
  if (!keys.at("max_levels").is_null()) out.max_levels = keys.at("max_levels").value.integer();
  if (!keys.at("smoothing").is_null()) out.smoothing = keys.at("smoothing").value.number();
  out.unseen_is_missing = keys.text("unseen", "other") == "missing";
  out.missing_is_other = keys.text("missing", "own_level") == "other";
}

void treat_boolean(Treatment& out) {
  out.kind = Kind::kNumber;
  out.is_boolean = true;
  out.missing = Missing::kConstant;
  out.fill = 0;
  out.indicator = true;
}

// `hour` of an instant is that of a clock in the zone.
std::string part_sql(const std::string& part, const std::string& time, bool instant,
                     const std::string& zone) {
  if (part == "minute_of_day" && instant) {
    return format("minute_of_day({}, {})", time, sql::literal(zone));
  }
  const std::string local = instant ? format("timezone({}, {})", sql::literal(zone), time) : time;
  if (part == "minute_of_day") return format("hour({0}) * 60 + minute({0})", local);
  return format("{}({})", part, local);
}

std::vector<std::string> default_parts(std::string_view type) {
  if (type == "date") return {"month", "isodow", "dayofyear"};
  return {"month", "isodow", "hour"};
}

void add_parts(const Treatment& time, const Node& feature, std::string_view type,
               const std::string& zone, std::vector<Treatment>& out) {
  std::vector<std::string> parts = feature.texts("parts");
  if (parts.empty()) parts = default_parts(type);
  for (const std::string& part : parts) {
    Treatment each = time;
    each.name = time.name + "_" + part;
    each.kind = Kind::kNumber;
    each.column.clear();
    each.expression = expression_of(
        part_sql(part, "(" + time.expression.text + ")", type == "timestamp_utc", zone),
        time.expression.mark);
    out.push_back(std::move(each));
  }
}

Treatment begin(const std::string& name, const Node* expression, const Mark& mark) {
  Treatment out;
  out.name = name;
  out.feature = name;
  if (expression != nullptr) {
    out.expression = *expression;
  } else {
    out.column = name;
    out.expression = expression_of(sql::identifier(name), mark);
  }
  return out;
}

void add_asked(const Node& feature, const Node& defaults, const records::TableSchema& columns,
               const TypeOf& type_of, std::vector<Treatment>& out) {
  Treatment each = begin(feature.text_at("name"), feature.find("expr"), feature.at("name").mark);
  const std::string type = feature.text_at("type");
  if (type == "number") treat_number(Keys(feature, defaults.at("number")), each);
  if (type == "boolean") treat_boolean(each);
  if (type == "category") {
    each.kind = Kind::kCategory;
    treat_category(Keys(feature, defaults.at("category")), each);
  }
  if (type == "cyclic") {
    each.kind = Kind::kCyclic;
    each.period = feature.integer("period");
  }
  if (type == "timestamp") {
    treat_number(Keys(feature, defaults.at("number")), each);
    const records::Column* column = columns.find(each.column);
    const std::string zone = feature.has("tz") ? feature.text_at("tz") : defaults.text_at("tz");
    add_parts(each, feature, column != nullptr ? column->type : type_of(each.expression),
              zone.empty() ? "UTC" : zone, out);
    return;
  }
  out.push_back(std::move(each));
}

}  // namespace

Treatments treatments_of(const Node& section, const records::TableSchema& columns,
                         const std::vector<std::string>& held_back, const TypeOf& type_of) {
  Treatments out;
  const Node& defaults = section.at("defaults");
  if (section.has("columns")) {
    for (const Node& feature : section.list("columns")) {
      add_asked(feature, defaults, columns, type_of, out.features);
    }
    return out;
  }
  const auto excluded = section.texts("exclude");
  const auto is_in = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const records::Column& column : columns.columns) {
    if (is_in(held_back, column.name)) continue;
    if (is_in(excluded, column.name)) {
      out.left_out.push_back({column.name, "excluded by the file"});
      continue;
    }
    if (columns.key.size() == 1 && columns.key[0] == column.name) {
      out.left_out.push_back({column.name, "it is the key: it names a row and says nothing of it"});
      continue;
    }
    const Node none;
    Treatment each = begin(column.name, nullptr, section.mark);
    each.suggested = true;
    if (column.type == "boolean") {
      treat_boolean(each);
    } else if (is_numeric(column.type)) {
      treat_number(Keys(none, defaults.at("number")), each);
    } else if (column.type == "string") {
      each.kind = Kind::kCategory;
      treat_category(Keys(none, defaults.at("category")), each);
    } else if (is_temporal(column.type) && column.type != "time") {
      treat_number(Keys(none, defaults.at("number")), each);
      const std::string zone = defaults.text_at("tz");
      add_parts(each, none, column.type, zone.empty() ? "UTC" : zone, out.features);
      continue;
    } else {
      out.left_out.push_back({column.name, format("no treatment for the type {}", column.type)});
      continue;
    }
    out.features.push_back(std::move(each));
  }
  return out;
}

}  // namespace kingpost::steps::extract_features
