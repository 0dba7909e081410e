// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/rows.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/json_text.h"
#include "base/text.h"
#include "protocols/open_inference/infer_writer.h"

namespace kingpost::steps::serve {
namespace {

using records::Datatype;
using records::InferRequest;
using records::InferTensor;
using scoring::Cell;
using scoring::Fault;

constexpr double kNull = std::numeric_limits<double>::quiet_NaN();

// A text without a data pointer is none to the runtime.
constexpr std::string_view kEmpty = "";

// Why a cell is no value; "" where it is one.
using Reason = std::string;

std::string kind_text(const Cell& cell) {
  switch (cell.kind) {
    case Cell::Kind::kBoolean:
      return cell.boolean ? "true" : "false";
    case Cell::Kind::kInteger:
      return format("{}", cell.integer);
    case Cell::Kind::kUnsigned:
      return format("{}", cell.big);
    case Cell::Kind::kNumber:
      return format("{}", cell.number);
    case Cell::Kind::kText:
    case Cell::Kind::kLoose:
      return format("\"{}\"", shown(cell.text));
    case Cell::Kind::kMissing:
    case Cell::Kind::kNull:
      break;
  }
  return "null";
}

Reason not_a(const Cell& cell, std::string_view what) {
  return format("{} is not {}", kind_text(cell), what);
}

std::string_view wanted_of(std::string_view type) {
  if (type == "boolean") return "true or false";
  if (type == "date") return "a date (2026-01-31)";
  if (starts_with(type, "timestamp")) return "a time (RFC 3339, or microseconds since 1970)";
  if (starts_with(type, "int")) return "a whole number";
  return "a number";
}

bool is_time(std::string_view type) {
  return type == "date" || starts_with(type, "timestamp");
}

// A column of a signature: everything that is no text is a float64 to the graph.
class ColumnCells {
 public:
  ColumnCells(const CellReader& reader, bool strict) : reader_(reader), strict_(strict) {}

  Reason read(const Cell& cell, double& out) const {
    switch (cell.kind) {
      case Cell::Kind::kMissing:
      case Cell::Kind::kNull:
        out = kNull;
        return {};
      case Cell::Kind::kBoolean:
        out = cell.boolean ? 1 : 0;
        return reader_.type() == "boolean" || !strict_ ? Reason() : wrong(cell);
      case Cell::Kind::kInteger:
      case Cell::Kind::kUnsigned:
        return whole(cell, out);
      case Cell::Kind::kNumber:
        return number(cell, out);
      case Cell::Kind::kText:
        if (strict_ && !is_time(reader_.type())) return wrong(cell);
        return text(cell, out);
      case Cell::Kind::kLoose:
        return text(cell, out);
    }
    return wrong(cell);
  }

 private:
  Reason wrong(const Cell& cell) const { return not_a(cell, wanted_of(reader_.type())); }

  Reason text(const Cell& cell, double& out) const {
    return !cell.text.empty() && reader_.read(cell.text, out) ? Reason() : wrong(cell);
  }

  // As a text of the same digits would be read, whose rules are those of every other way in.
  Reason whole(const Cell& cell, double& out) const {
    const std::string_view type = reader_.type();
    const bool is_big = cell.kind == Cell::Kind::kUnsigned;
    if (type == "boolean") {
      const bool is_bit = !is_big && (cell.integer == 0 || cell.integer == 1);
      out = static_cast<double>(cell.integer);
      return is_bit && !strict_ ? Reason() : wrong(cell);
    }
    if (is_time(type)) {
      out = static_cast<double>(cell.integer);
      const bool is_exact = !is_big && static_cast<std::int64_t>(out) == cell.integer;
      return is_exact ? Reason() : wrong(cell);
    }
    char digits[24];
    char* const last = digits + sizeof digits;
    const char* const end = is_big ? std::to_chars(digits, last, cell.big).ptr
                                   : std::to_chars(digits, last, cell.integer).ptr;
    const std::string_view written(digits, static_cast<std::size_t>(end - digits));
    if (reader_.read(written, out)) return {};
    if (!starts_with(type, "int")) return wrong(cell);
    return format("{} does not fit into {}, or is not exact beyond 2^53", written, type);
  }

  Reason number(const Cell& cell, double& out) const {
    const std::string_view type = reader_.type();
    if (type == "boolean" || is_time(type)) return wrong(cell);
    out = cell.number;
    if (type == "float32") out = static_cast<double>(static_cast<float>(out));
    if (!starts_with(type, "int")) return {};
    constexpr double kExact = 9007199254740992.0;
    return std::trunc(out) == out && std::abs(out) <= kExact ? Reason() : wrong(cell);
  }

  const CellReader& reader_;
  bool strict_;
};

// An input of a graph without a signature: what its datatype holds exactly, or rounds to.
template <typename T>
Reason read_plain(const Cell& cell, T& out) {
  constexpr bool kIsFloat = std::is_floating_point_v<T>;
  constexpr std::string_view kWanted = kIsFloat ? "a number" : "a whole number in range";
  if (cell.kind == Cell::Kind::kLoose) {
    const char* const last = cell.text.data() + cell.text.size();
    const auto [end, error] = std::from_chars(cell.text.data(), last, out);
    return error == std::errc() && end == last ? Reason() : not_a(cell, kWanted);
  }
  if constexpr (kIsFloat) {
    out = std::numeric_limits<T>::quiet_NaN();
    if (cell.kind == Cell::Kind::kNull || cell.kind == Cell::Kind::kMissing) return {};
    if (cell.kind == Cell::Kind::kNumber) out = static_cast<T>(cell.number);
    if (cell.kind == Cell::Kind::kInteger) out = static_cast<T>(cell.integer);
    if (cell.kind == Cell::Kind::kUnsigned) out = static_cast<T>(cell.big);
    return std::isnan(out) ? not_a(cell, kWanted) : Reason();
  } else {
    if (cell.kind == Cell::Kind::kInteger && std::in_range<T>(cell.integer)) {
      out = static_cast<T>(cell.integer);
      return {};
    }
    if (cell.kind == Cell::Kind::kUnsigned && std::in_range<T>(cell.big)) {
      out = static_cast<T>(cell.big);
      return {};
    }
    return not_a(cell, kWanted);
  }
}

template <>
Reason read_plain<bool>(const Cell& cell, bool& out) {
  out = cell.kind == Cell::Kind::kBoolean ? cell.boolean : cell.text == "true";
  const bool is_word = cell.kind == Cell::Kind::kLoose && (out || cell.text == "false");
  return cell.kind == Cell::Kind::kBoolean || is_word ? Reason() : not_a(cell, "true or false");
}

Reason read_text(const Cell& cell, bool strict, Arena& arena, std::string_view& out) {
  switch (cell.kind) {
    case Cell::Kind::kMissing:
    case Cell::Kind::kNull:
      // A null text is an empty one to every graph.
      out = kEmpty;
      return {};
    case Cell::Kind::kText:
    case Cell::Kind::kLoose:
      out = cell.text;
      if (cell.text.find('\0') == std::string_view::npos) return {};
      return format("{} holds a NUL character", kind_text(cell));
    default:
      if (strict) return not_a(cell, "a text");
      out = arena.copy(kind_text(cell));
      return {};
  }
}

// The type of a port as Graph says it.
std::vector<onnx::Port> ports_of(const std::vector<onnx::TensorPort>& ports) {
  std::vector<onnx::Port> out;
  for (const onnx::TensorPort& each : ports) {
    records::TensorType type = records::TensorType::kDouble;
    if (each.datatype == Datatype::kBytes) type = records::TensorType::kString;
    if (each.datatype == Datatype::kFp32) type = records::TensorType::kFloat;
    if (each.datatype == Datatype::kInt64) type = records::TensorType::kInt64;
    if (each.datatype == Datatype::kBool) type = records::TensorType::kBool;
    out.push_back({each.name, type, each.shape.size() > 1 ? each.shape[1] : 1});
  }
  return out;
}

bool is_columns(const onnx::TensorPort& port) {
  if (port.shape.empty() || port.shape.size() > 2 || port.shape[0] >= 0) return false;
  if (port.datatype == Datatype::kFp16 || port.datatype == Datatype::kBf16) return false;
  return port.shape.size() == 1 || port.shape[1] > 0;
}

}  // namespace

class RowPlan::Filling {
 public:
  Filling(const RowPlan& plan, const scoring::Rows& rows, InferRequest& into,
          std::vector<Fault>& faults)
      : plan_(plan), rows_(rows), into_(into), faults_(faults) {}

  void fill(const Field& field) {
    InferTensor tensor;
    tensor.name = field.name;
    tensor.datatype = field.datatype;
    const std::span<std::int64_t> shape = into_.arena.array<std::int64_t>(field.is_flat ? 1 : 2);
    shape[0] = rows_.rows;
    if (!field.is_flat) shape[1] = static_cast<std::int64_t>(field.width);
    tensor.shape = shape;
    fill_values(field, tensor);
    into_.inputs.push_back(tensor);
  }

 private:
  void fill_values(const Field& field, InferTensor& tensor) {
    if (field.datatype == Datatype::kBytes) return fill_texts(field, tensor);
    if (field.reader && field.datatype == Datatype::kFp64) {
      const ColumnCells cells(*field.reader, plan_.strict_);
      return fill_with<double>(
          field, tensor, [&](const Cell& cell, double& out) { return cells.read(cell, out); });
    }
    records::with_number_type(field.datatype,
                              [&]<typename Number>() { fill_plain<Number>(field, tensor); });
  }

  template <typename T>
  void fill_plain(const Field& field, InferTensor& tensor) {
    fill_with<T>(field, tensor, [](const Cell& cell, T& out) { return read_plain<T>(cell, out); });
  }

  void fill_texts(const Field& field, InferTensor& tensor) {
    tensor.texts = each<std::string_view>(field, [&](const Cell& cell, std::string_view& out) {
      return read_text(cell, plan_.strict_, into_.arena, out);
    });
  }

  template <typename T, typename Read>
  void fill_with(const Field& field, InferTensor& tensor, const Read& read) {
    const std::span<T> values = each<T>(field, read);
    tensor.data = std::as_bytes(values);
  }

  template <typename T, typename Read>
  std::span<T> each(const Field& field, const Read& read) {
    const auto rows = static_cast<std::size_t>(rows_.rows);
    const std::span<T> values = into_.arena.array<T>(rows * field.width);
    for (std::size_t row = 0; row < rows; ++row) {
      const Cell* const cells = rows_.cells.data() + row * plan_.width_ + field.first;
      for (std::size_t i = 0; i < field.width; ++i) {
        values[row * field.width + i] = T();
        const bool is_missing = cells[i].kind == Cell::Kind::kMissing && plan_.strict_;
        Reason why = is_missing ? "is missing" : read(cells[i], values[row * field.width + i]);
        if (!why.empty()) add(row, field, std::move(why));
      }
    }
    return values;
  }

  void add(std::size_t row, const Field& field, Reason why) {
    if (faults_.size() >= scoring::kMostFaults) return;
    faults_.push_back({static_cast<std::int64_t>(row), field.name, std::move(why)});
  }

  const RowPlan& plan_;
  const scoring::Rows& rows_;
  InferRequest& into_;
  std::vector<Fault>& faults_;
};

Result<std::unique_ptr<const RowPlan>> RowPlan::of(const onnx::Session& session,
                                                   const Json& signature) {
  auto out = std::make_unique<RowPlan>();
  for (const auto* ports : {&session.inputs(), &session.outputs()}) {
    if (!std::all_of(ports->begin(), ports->end(), is_columns)) {
      return std::unique_ptr<const RowPlan>();
    }
  }
  Signature known;
  if (!signature.is_null()) {
    TRY(known, signature_from_json(signature, ports_of(session.inputs())));
    out->strict_ = known.strict;
    for (const records::Column& each : known.key) out->keys_.insert(each.name);
  }
  for (const onnx::TensorPort& port : session.inputs()) {
    Field field;
    field.name = port.name;
    field.first = out->width_;
    field.is_flat = port.shape.size() == 1;
    field.width = field.is_flat ? 1 : static_cast<std::size_t>(port.shape[1]);
    field.datatype = port.datatype;
    if (!signature.is_null()) field.reader.emplace(known.type_of(port.name));
    out->width_ += field.width;
    out->fields_.push_back(std::move(field));
  }
  for (const Field& each : out->fields_) out->wanted_.push_back({each.name, each.width});
  out->answers_ = answer_columns(known, ports_of(session.outputs()));
  return std::unique_ptr<const RowPlan>(std::move(out));
}

void RowPlan::fill(const scoring::Rows& rows, InferRequest& into,
                   std::vector<Fault>& faults) const {
  faults = rows.faults;
  Filling filling(*this, rows, into, faults);
  for (const Field& each : fields_) filling.fill(each);
}

Status RowPlan::write_row(const records::InferResponse& answer, std::size_t row,
                          std::string& out) const {
  for (const AnswerColumn& each : answers_) {
    out += out.back() == '{' ? "" : ",";
    add_json_text(out, each.name);
    out += ':';
    TRY_STATUS(open_inference::append_json_element(answer.outputs[each.output],
                                                   row * each.columns + each.column, out));
  }
  return {};
}

Status RowPlan::write(const records::InferResponse& answer, std::int64_t rows,
                      std::string& out) const {
  out += '[';
  for (std::int64_t row = 0; row < rows; ++row) {
    out += row > 0 ? ",{" : "{";
    TRY_STATUS(write_row(answer, static_cast<std::size_t>(row), out));
    out += '}';
  }
  out += ']';
  return {};
}

}  // namespace kingpost::steps::serve
