// SPDX-License-Identifier: Apache-2.0
// Batches out of and into Arrow C data arrays.
#include "engines/sql/arrow_batch.h"

#include <arrow-adbc/adbc.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

#include "base/text.h"

namespace kingpost::sql {
namespace {

__extension__ using Int128 = __int128;

constexpr double kNull = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t kExact = std::int64_t{1} << 53;

template <typename T>
T element(const ArrowArray& array, int buffer, std::int64_t index) {
  T value;
  const auto* base = static_cast<const char*>(array.buffers[buffer]);
  std::memcpy(&value, base + static_cast<std::size_t>(index) * sizeof(T), sizeof(T));
  return value;
}

bool bit(const void* bits, std::int64_t index) {
  const auto* bytes = static_cast<const unsigned char*>(bits);
  return ((bytes[index / 8] >> static_cast<unsigned>(index % 8)) & 1U) != 0;
}

bool is_null(const ArrowArray& array, std::int64_t index) {
  return array.buffers[0] != nullptr && !bit(array.buffers[0], index);
}

Error inexact(std::string_view column, const std::string& value) {
  return fail(Code::kDataRejected, "engine.number_inexact",
              "column \"{}\" holds {}, which a float64 cannot hold exactly", shown(column), value)
      .hint("a whole number beyond 2^53 is an identifier: make the column a string in standardise");
}

// One cell as float64.
class NumberReader {
 public:
  NumberReader(const ArrowSchema& schema, const ArrowArray& array) : array_(array) {
    const std::string_view type = schema.format;
    kind_ = type.empty() ? '?' : type[0];
    if (kind_ == 'd') {
      const auto parts = split(type.substr(2), ',');
      scale_ = parts.size() > 1 ? static_cast<int>(parse_integer(parts[1]).value_or(0)) : 0;
    }
    if (kind_ != 't' || type.size() < 3) return;
    if (type.substr(0, 3) == "tdD") kind_ = 'D';
    if (type.substr(0, 3) == "ttu") kind_ = 'l';
    if (type[1] == 's') {
      kind_ = 'T';
      if (type[2] == 's') factor_ = 1'000'000;
      if (type[2] == 'm') factor_ = 1'000;
      if (type[2] == 'n') divisor_ = 1'000;
    }
  }

  bool known() const {
    return std::string_view("nbcCsSiIlLfgdDT").find(kind_) != std::string::npos;
  }

  /// False when the value cannot be held exactly; `text` then holds it.
  bool read(std::int64_t index, double& out, std::string& text) const {
    out = kNull;
    if (kind_ == 'n' || is_null(array_, index)) return true;
    switch (kind_) {
      case 'b':
        out = bit(array_.buffers[1], index) ? 1 : 0;
        return true;
      case 'f':
        out = static_cast<double>(element<float>(array_, 1, index));
        return true;
      case 'g':
        out = element<double>(array_, 1, index);
        return true;
      case 'd':
        return decimal(index, out, text);
      case 'L': {
        const auto value = element<std::uint64_t>(array_, 1, index);
        text = format("{}", value);
        out = static_cast<double>(value);
        return value <= static_cast<std::uint64_t>(kExact);
      }
      default: {
        const std::int64_t value = integer(index);
        out = static_cast<double>(value);
        if (value <= kExact && value >= -kExact) return true;
        // Times far off, such as the end of the year 9999, are mostly whole days or seconds.
        if (is_time() && static_cast<std::int64_t>(out) == value) return true;
        text = format("{}", value);
        return false;
      }
    }
  }

 private:
  bool is_time() const { return kind_ == 'D' || kind_ == 'T'; }

  std::int64_t integer(std::int64_t index) const {
    switch (kind_) {
      case 'c':
        return element<std::int8_t>(array_, 1, index);
      case 'C':
        return element<std::uint8_t>(array_, 1, index);
      case 's':
        return element<std::int16_t>(array_, 1, index);
      case 'S':
        return element<std::uint16_t>(array_, 1, index);
      case 'i':
        return element<std::int32_t>(array_, 1, index);
      case 'I':
        return element<std::uint32_t>(array_, 1, index);
      case 'D':
        return std::int64_t{element<std::int32_t>(array_, 1, index)} * 86'400'000'000;
      case 'T':
        return element<std::int64_t>(array_, 1, index) * factor_ / divisor_;
      default:
        return element<std::int64_t>(array_, 1, index);
    }
  }

  // The nearest float64 of the decimal: a decimal fraction has no exact one, a whole number must.
  bool decimal(std::int64_t index, double& out, std::string& text) const {
    const auto value = element<Int128>(array_, 1, index);
    if (value <= kExact && value >= -kExact) {
      // Both are exact, so that the quotient is rounded once.
      out = static_cast<double>(value) / std::pow(10.0, scale_);
      if (scale_ <= 22) return true;
    }
    const bool minus = value < 0;
    std::string digits;
    for (Int128 rest = value; rest != 0; rest /= 10) {
      const int digit = static_cast<int>(rest % 10);
      digits.insert(digits.begin(), static_cast<char>('0' + (digit < 0 ? -digit : digit)));
    }
    text = (minus ? "-" : "") + digits + (scale_ > 0 ? format("e-{}", scale_) : "");
    out = parse_number(text).value_or(kNull);
    return scale_ > 0;
  }

  const ArrowArray& array_;
  char kind_ = '?';
  int scale_ = 0;
  std::int64_t factor_ = 1;
  std::int64_t divisor_ = 1;
};

// Room for more, by doubling: a batch is put together of many small arrays.
template <typename T>
void make_room(std::vector<T>& values, std::int64_t more) {
  const std::size_t wanted = values.size() + static_cast<std::size_t>(more);
  if (wanted > values.capacity()) values.reserve(std::max(wanted, values.capacity() * 2));
}

void put_nulls(const ArrowArray& array, std::int64_t from, std::int64_t rows, double* to) {
  if (array.null_count == 0 || array.buffers[0] == nullptr) return;
  for (std::int64_t r = 0; r < rows; ++r) {
    if (!bit(array.buffers[0], from + r)) to[r] = kNull;
  }
}

// The usual columns, without a look at the type of each cell. Requires: float64, or whole numbers
// of 32 bits at most.
template <typename T>
void append_plain(const ArrowArray& array, std::int64_t from, std::int64_t rows,
                  std::vector<double>& out) {
  const std::size_t start = out.size();
  out.resize(start + static_cast<std::size_t>(rows));
  double* to = out.data() + start;
  for (std::int64_t r = 0; r < rows; ++r) {
    to[r] = static_cast<double>(element<T>(array, 1, from + r));
  }
  put_nulls(array, from, rows, to);
}

// Whole numbers of 64 bits and times in microseconds. False, and nothing is added, where one of
// them may be no float64.
bool append_exact(const ArrowArray& array, std::int64_t from, std::int64_t rows,
                  std::vector<double>& out) {
  const std::size_t start = out.size();
  out.resize(start + static_cast<std::size_t>(rows));
  double* to = out.data() + start;
  bool exact = true;
  for (std::int64_t r = 0; r < rows; ++r) {
    const auto value = element<std::int64_t>(array, 1, from + r);
    exact = exact && value <= kExact && value >= -kExact;
    to[r] = static_cast<double>(value);
  }
  if (!exact) {
    out.resize(start);
    return false;
  }
  put_nulls(array, from, rows, to);
  return true;
}

template <typename Offset>
void append_texts(const ArrowArray& array, std::int64_t from, std::int64_t rows,
                  std::vector<std::string>& out) {
  const auto* base = static_cast<const char*>(array.buffers[2]);
  make_room(out, rows);
  for (std::int64_t r = from; r < from + rows; ++r) {
    if (is_null(array, r)) {
      out.emplace_back();
      continue;
    }
    const auto begin = element<Offset>(array, 1, r);
    const auto end = element<Offset>(array, 1, r + 1);
    out.emplace_back(base + begin, static_cast<std::size_t>(end - begin));
  }
}

Status append_column(const ArrowSchema& schema, const ArrowArray& array, std::int64_t from,
                     std::int64_t rows, records::BatchColumn& out) {
  const char type = schema.format[0];
  if (type == 'u') append_texts<std::int32_t>(array, from, rows, out.texts);
  if (type == 'U') append_texts<std::int64_t>(array, from, rows, out.texts);
  if (out.is_text) return {};
  const NumberReader reader(schema, array);
  if (!reader.known()) {
    return fail(Code::kInternal, "engine.type_unsupported",
                "cannot read column \"{}\" of Arrow type {}", shown(out.name), schema.format);
  }
  make_room(out.numbers, rows);
  const std::string_view format = schema.format;
  const bool is_long = format == "l" || starts_with(format, "tsu");
  if (is_long && append_exact(array, from, rows, out.numbers)) return {};
  if (format == "g") {
    append_plain<double>(array, from, rows, out.numbers);
    return {};
  }
  if (format == "i") {
    append_plain<std::int32_t>(array, from, rows, out.numbers);
    return {};
  }
  std::string text;
  for (std::int64_t r = from; r < from + rows; ++r) {
    double value = kNull;
    if (!reader.read(r, value, text)) return inexact(out.name, text);
    out.numbers.push_back(value);
  }
  return {};
}

// What an array that we made owns.
struct Owned {
  std::vector<std::string> names;
  std::vector<ArrowSchema> schemas;
  std::vector<ArrowSchema*> schema_pointers;
  std::vector<ArrowArray> arrays;
  std::vector<ArrowArray*> array_pointers;
  std::vector<std::vector<const void*>> buffers;
  std::vector<std::vector<std::uint8_t>> masks;
  std::vector<std::vector<std::int64_t>> offsets;
  std::vector<std::string> bytes;
  const void* no_buffer = nullptr;
};

void release_schema(ArrowSchema* schema) {
  delete static_cast<std::shared_ptr<Owned>*>(schema->private_data);
  schema->release = nullptr;
}

void release_array(ArrowArray* array) {
  delete static_cast<std::shared_ptr<Owned>*>(array->private_data);
  array->release = nullptr;
}

// Children are freed with their parent.
void release_child_schema(ArrowSchema* schema) {
  schema->release = nullptr;
}
void release_child_array(ArrowArray* array) {
  array->release = nullptr;
}

void view_column(const records::BatchColumn& column, std::int64_t rows, std::size_t c,
                 Owned& owned) {
  const auto size = static_cast<std::size_t>(rows);
  std::int64_t nulls = 0;
  auto& buffers = owned.buffers[c];
  if (column.is_text) {
    auto& offsets = owned.offsets[c];
    offsets.push_back(0);
    for (std::size_t r = 0; r < size; ++r) {
      owned.bytes[c] += column.texts[r];
      offsets.push_back(static_cast<std::int64_t>(owned.bytes[c].size()));
    }
    buffers = {nullptr, offsets.data(), owned.bytes[c].data()};
  } else {
    auto& mask = owned.masks[c];
    mask.assign(size / 8 + 1, 0);
    for (std::size_t r = 0; r < size; ++r) {
      if (std::isnan(column.numbers[r])) {
        ++nulls;
      } else {
        mask[r / 8] = static_cast<std::uint8_t>(mask[r / 8] | (1U << (r % 8)));
      }
    }
    buffers = {mask.data(), column.numbers.data()};
  }
  ArrowSchema& schema = owned.schemas[c];
  schema = {};
  schema.format = column.is_text ? "U" : "g";
  schema.name = owned.names[c].c_str();
  schema.flags = ARROW_FLAG_NULLABLE;
  schema.release = release_child_schema;
  ArrowArray& array = owned.arrays[c];
  array = {};
  array.length = rows;
  array.null_count = nulls;
  array.n_buffers = static_cast<std::int64_t>(buffers.size());
  array.buffers = buffers.data();
  array.release = release_child_array;
}

// What an earlier batch left keeps its room.
void begin_batch(const ArrowSchema& schema, records::Batch& out) {
  out.columns.resize(static_cast<std::size_t>(schema.n_children));
  for (std::size_t c = 0; c < out.columns.size(); ++c) {
    const ArrowSchema& column = *schema.children[c];
    records::BatchColumn& made = out.columns[c];
    made.name = column.name;
    made.is_text = column.format[0] == 'u' || column.format[0] == 'U';
    made.numbers.clear();
    made.texts.clear();
  }
}

}  // namespace

Status append_batch(const ArrowSchema& schema, const ArrowArray& array, records::Batch& out) {
  if (out.rows == 0) begin_batch(schema, out);
  for (std::int64_t c = 0; c < schema.n_children; ++c) {
    const ArrowArray& column = *array.children[c];
    TRY_STATUS(append_column(*schema.children[c], column, array.offset + column.offset,
                             array.length, out.columns[static_cast<std::size_t>(c)]));
  }
  out.rows += array.length;
  return {};
}

void view_batch(const records::Batch& batch, ArrowSchema& schema, ArrowArray& array) {
  const std::size_t count = batch.columns.size();
  auto owned = std::make_shared<Owned>();
  owned->schemas.resize(count);
  owned->arrays.resize(count);
  owned->buffers.resize(count);
  owned->masks.resize(count);
  owned->offsets.resize(count);
  owned->bytes.resize(count);
  for (const auto& column : batch.columns) owned->names.push_back(column.name);
  for (std::size_t c = 0; c < count; ++c) {
    view_column(batch.columns[c], batch.rows, c, *owned);
    owned->schema_pointers.push_back(&owned->schemas[c]);
    owned->array_pointers.push_back(&owned->arrays[c]);
  }
  schema = {};
  schema.format = "+s";
  schema.name = "";
  schema.n_children = static_cast<std::int64_t>(count);
  schema.children = owned->schema_pointers.data();
  schema.release = release_schema;
  schema.private_data = new std::shared_ptr<Owned>(owned);
  array = {};
  array.length = batch.rows;
  array.n_buffers = 1;
  array.buffers = &owned->no_buffer;
  array.n_children = static_cast<std::int64_t>(count);
  array.children = owned->array_pointers.data();
  array.release = release_array;
  array.private_data = new std::shared_ptr<Owned>(std::move(owned));
}

}  // namespace kingpost::sql
