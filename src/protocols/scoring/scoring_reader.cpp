// SPDX-License-Identifier: Apache-2.0
#include "protocols/scoring/scoring_reader.h"

#include <simdjson.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "base/text.h"

namespace kingpost::scoring {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;

// As for the Open Inference Protocol.
constexpr std::size_t kDeepest = 100;

template <typename... Args>
Error malformed(FormatString<Args...> text, Args&&... args) {
  return fail(Code::kInvalidInput, "infer.rows_malformed", text, std::forward<Args>(args)...);
}

Error of_no_list(std::string_view key) {
  return malformed("\"{}\" is no list", key);
}

// False where the value is a list or an object.
bool read_cell(const element& from, Cell& to) {
  switch (from.type()) {
    case element_type::NULL_VALUE:
      to.kind = Cell::Kind::kNull;
      return true;
    case element_type::BOOL:
      to.kind = Cell::Kind::kBoolean;
      to.boolean = from.get_bool().value_unsafe();
      return true;
    case element_type::INT64:
      to.kind = Cell::Kind::kInteger;
      to.integer = from.get_int64().value_unsafe();
      return true;
    case element_type::UINT64:
      to.kind = Cell::Kind::kUnsigned;
      to.big = from.get_uint64().value_unsafe();
      return true;
    case element_type::DOUBLE:
      to.kind = Cell::Kind::kNumber;
      to.number = from.get_double().value_unsafe();
      return true;
    case element_type::STRING:
      to.kind = Cell::Kind::kText;
      to.text = from.get_string().value_unsafe();
      return true;
    case element_type::ARRAY:
    case element_type::OBJECT:
      break;
  }
  return false;
}

std::optional<element> find(const object& from, std::string_view key) {
  element out;
  if (from.at_key(key).get(out) != simdjson::SUCCESS) return std::nullopt;
  return out;
}

class Reading {
 public:
  explicit Reading(std::span<const WantedField> fields) : fields_(fields) {
    for (const WantedField& each : fields) {
      offsets_.push_back(width_);
      width_ += each.width;
    }
  }

  Status instances(const element& root) {
    if (root.type() == element_type::ARRAY) return list("instances", root);
    object whole;
    if (root.get_object().get(whole) != simdjson::SUCCESS) {
      return malformed("the body is no object: {{\"instances\": [...]}} is wanted");
    }
    const auto found = find(whole, "instances");
    if (!found) return malformed("the body has no \"instances\"");
    return list_or_columns("instances", *found);
  }

  Status mlflow(const element& root) {
    object whole;
    if (root.get_object().get(whole) != simdjson::SUCCESS) {
      return malformed("the body is no object: one of {} is wanted", kNames);
    }
    std::optional<element> found;
    std::string_view form;
    for (const char* each : {"dataframe_split", "dataframe_records", "instances", "inputs"}) {
      const auto value = find(whole, each);
      if (!value) continue;
      if (found) return malformed("the body has both \"{}\" and \"{}\"", form, each);
      found = value;
      form = each;
    }
    if (!found) return malformed("the body has none of {}", kNames);
    if (form == "dataframe_split") return data_split(*found);
    if (form == "dataframe_records") return list(form, *found);
    return list_or_columns(form, *found);
  }

  Rows take() { return std::move(out_); }

 private:
  static constexpr std::string_view kNames =
      "\"dataframe_split\", \"dataframe_records\", \"instances\", \"inputs\"";

  Status add_row() {
    if (!has_room(out_.cells.size(), width_)) return too_many_values();
    ++out_.rows;
    out_.cells.resize(out_.cells.size() + width_);
    return {};
  }

  void add_fault(std::string_view field, std::string why) {
    if (out_.faults.size() >= kMostFaults) return;
    out_.faults.push_back({row_, shown(field), std::move(why)});
  }

  std::optional<std::size_t> place_of(std::string_view name, std::size_t likely) const {
    if (likely < fields_.size() && fields_[likely].name == name) return likely;
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      if (fields_[i].name == name) return i;
    }
    return std::nullopt;
  }

  void add_unknown(std::string_view name) {
    if (out_.unknown.size() >= kMostFaults || !seen_.insert(std::string(name)).second) return;
    out_.unknown.push_back({row_, std::string(name), "is no field of the model"});
  }

  Cell* cells_of(std::size_t field) {
    return &out_.cells[static_cast<std::size_t>(row_) * width_ + offsets_[field]];
  }

  void fill(std::size_t field, const element& value) {
    const WantedField& wanted = fields_[field];
    Cell* const cells = cells_of(field);
    if (cells->kind != Cell::Kind::kMissing) return add_fault(wanted.name, "is given twice");
    std::size_t filled = 0;
    if (add_values(value, cells, wanted.width, filled) && filled == wanted.width) return;
    if (value.type() == element_type::OBJECT) return add_fault(wanted.name, "is an object");
    add_fault(wanted.name, wanted.width == 1 ? std::string("is a list of other than one value")
                                             : format("has not {} values", wanted.width));
  }

  // Values of nested lists, one after the other.
  bool add_values(const element& value, Cell* cells, std::size_t width, std::size_t& filled) {
    if (value.type() == element_type::ARRAY) {
      const array all = value.get_array().value_unsafe();
      return std::all_of(all.begin(), all.end(), [&](const element& each) {
        return add_values(each, cells, width, filled);
      });
    }
    if (filled == width || !read_cell(value, cells[filled])) return false;
    ++filled;
    return true;
  }

  void add_record(const object& record) {
    std::size_t likely = 0;
    for (const auto& [name, value] : record) {
      const auto place = place_of(name, likely);
      if (place) {
        likely = *place + 1;
        fill(*place, value);
      } else {
        add_unknown(name);
      }
    }
  }

  void add_positions(const array& values) {
    const std::size_t count = values.size();
    if (count == fields_.size()) {
      std::size_t field = 0;
      for (const element& each : values) fill(field++, each);
      return;
    }
    std::size_t filled = 0;
    bool fine = count == width_;
    if (fine) {
      Cell* const cells = cells_of(0);
      for (const element& each : values) {
        fine = fine && read_cell(each, cells[filled]);
        ++filled;
      }
    }
    if (!fine) add_fault("", format("has {} values, and a row has {}", count, fields_.size()));
  }

  Status add(const element& row) {
    TRY_STATUS(add_row());
    object record;
    array values;
    if (row.get_object().get(record) == simdjson::SUCCESS) {
      add_record(record);
    } else if (row.get_array().get(values) == simdjson::SUCCESS) {
      add_positions(values);
    } else if (fields_.size() == 1) {
      fill(0, row);
    } else {
      add_fault("", "is neither an object nor a list");
    }
    ++row_;
    return {};
  }

  Status list(std::string_view key, const element& value) {
    array rows;
    if (value.get_array().get(rows) != simdjson::SUCCESS) return of_no_list(key);
    for (const element& each : rows) {
      const bool is_record = each.type() == element_type::OBJECT;
      if (key == "dataframe_records" && !is_record) {
        return malformed("row {} of \"dataframe_records\" is no object", row_);
      }
      TRY_STATUS(add(each));
    }
    return {};
  }

  Status list_or_columns(std::string_view key, const element& value) {
    object columns;
    if (value.get_object().get(columns) != simdjson::SUCCESS) return list(key, value);
    std::optional<std::size_t> rows;
    for (const auto& [name, column] : columns) TRY_STATUS(add_column(name, column, rows));
    return {};
  }

  Status add_column(std::string_view name, const element& column,
                    std::optional<std::size_t>& rows) {
    array values;
    if (column.get_array().get(values) != simdjson::SUCCESS) {
      return malformed("the column \"{}\" is no list", shown(name));
    }
    const std::size_t count = values.size();
    if (rows && count != *rows) {
      return malformed("the column \"{}\" has {} rows, and another has {}", shown(name), count,
                       *rows);
    }
    if (!rows) {
      for (std::size_t i = 0; i < count; ++i) TRY_STATUS(add_row());
    }
    rows = count;
    row_ = 0;
    const auto place = place_of(name, 0);
    if (!place) {
      add_unknown(name);
      return {};
    }
    for (const element& each : values) {
      fill(*place, each);
      ++row_;
    }
    return {};
  }

  Status data_split(const element& value) {
    object split;
    if (value.get_object().get(split) != simdjson::SUCCESS) {
      return malformed("\"dataframe_split\" is no object");
    }
    const auto data = find(split, "data");
    array rows;
    if (!data || data->get_array().get(rows) != simdjson::SUCCESS) {
      return of_no_list("data");
    }
    const auto columns = find(split, "columns");
    if (!columns || columns->is_null()) return list("data", *data);
    TRY(const auto places, places_of(*columns));
    for (const element& each : rows) TRY_STATUS(add_split(places, each));
    return {};
  }

  using Places = std::vector<std::optional<std::size_t>>;
  Result<Places> places_of(const element& columns) {
    array names;
    if (columns.get_array().get(names) != simdjson::SUCCESS) return of_no_list("columns");
    Places out;
    for (const element& each : names) {
      std::string_view name;
      if (each.get_string().get(name) != simdjson::SUCCESS) {
        return malformed("\"columns\" holds something that is no text");
      }
      out.push_back(place_of(name, out.size()));
      if (!out.back()) add_unknown(name);
    }
    return out;
  }

  Status add_split(const Places& places, const element& row) {
    array values;
    if (row.get_array().get(values) != simdjson::SUCCESS) {
      return malformed("row {} of \"data\" is no list", row_);
    }
    if (values.size() != places.size()) {
      return malformed("row {} of \"data\" has {} values, and there are {} columns", row_,
                       values.size(), places.size());
    }
    TRY_STATUS(add_row());
    std::size_t at = 0;
    for (const element& each : values) {
      if (places[at]) fill(*places[at], each);
      ++at;
    }
    ++row_;
    return {};
  }

  std::span<const WantedField> fields_;
  std::vector<std::size_t> offsets_;
  std::size_t width_ = 0;
  Rows out_;
  std::int64_t row_ = 0;
  std::set<std::string> seen_;
};

}  // namespace

Error too_many_values() {
  return fail(Code::kExhausted, "infer.too_many_values",
              "the request has more than {} values, those counted that its rows leave out",
              kMostCells)
      .hint("send the rows in several requests, or as tensors to /v2/models/NAME/infer");
}

struct Reader::State {
  simdjson::dom::parser parser;
};

Reader::Reader() : state_(std::make_unique<State>()) {}
Reader::~Reader() = default;

Result<Rows> Reader::read(std::string_view body, Form form, std::span<const WantedField> fields) {
  simdjson::dom::parser& parser = state_->parser;
  const std::size_t room = std::max<std::size_t>(body.size(), 4096);
  element root;
  auto error = parser.allocate(room, kDeepest);
  if (error == simdjson::SUCCESS) error = parser.parse(body.data(), body.size()).get(root);
  if (error != simdjson::SUCCESS) {
    return fail(Code::kInvalidInput, "infer.json_malformed", "the body is no JSON: {}",
                simdjson::error_message(error));
  }
  Reading reading(fields);
  TRY_STATUS(form == Form::kMlflow ? reading.mlflow(root) : reading.instances(root));
  return reading.take();
}

}  // namespace kingpost::scoring
