// SPDX-License-Identifier: Apache-2.0
#include "protocols/open_inference/infer_reader.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "base/text.h"
#include "protocols/open_inference/raw_tensor.h"

namespace kingpost::open_inference {
namespace {

using records::Datatype;
using records::InferRequest;
using records::InferTensor;
using records::WantedOutput;
using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;

// As Triton's.
constexpr std::size_t kDeepest = 100;
constexpr std::size_t kMostDimensions = 16;
constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();

template <typename... Args>
Error refused(std::string_view id, FormatString<Args...> text, Args&&... args) {
  return fail(Code::kInvalidInput, id, text, std::forward<Args>(args)...);
}

std::optional<element> find(const object& from, std::string_view key) {
  element out;
  if (from.at_key(key).get(out) != simdjson::SUCCESS) return std::nullopt;
  return out;
}

std::optional<std::string_view> text_of(const object& from, std::string_view key) {
  const auto found = find(from, key);
  std::string_view out;
  if (!found || found->get_string().get(out) != simdjson::SUCCESS) return std::nullopt;
  return out;
}

// The elements of one JSON array, however deep its arrays are nested, into a row of T.
template <typename T>
class Elements {
 public:
  explicit Elements(std::span<T> into) : into_(into) {}

  // False where an element is no T, or there are too many; `place` is then which.
  bool add(const element& each) {
    if (each.type() == element_type::ARRAY) {
      const array list = each.get_array().value_unsafe();
      return std::all_of(list.begin(), list.end(), [this](const element& one) { return add(one); });
    }
    if (place == into_.size()) {
      too_many = true;
      return false;
    }
    if (!convert(each, into_[place])) return false;
    ++place;
    return true;
  }

  std::size_t place = 0;
  bool too_many = false;

 private:
  static bool convert(const element& from, std::string_view& to) {
    if (from.is_null()) {
      to = {};
      return true;
    }
    return from.get_string().get(to) == simdjson::SUCCESS;
  }

  static bool convert(const element& from, bool& to) {
    return from.get_bool().get(to) == simdjson::SUCCESS;
  }

  template <typename Number>
  static bool convert(const element& from, Number& to) {
    if constexpr (std::is_floating_point_v<Number>) {
      return convert_real(from, to);
    } else {
      return convert_whole(from, to);
    }
  }

  template <typename Real>
  static bool convert_real(const element& from, Real& to) {
    if (from.is_null()) {
      to = std::numeric_limits<Real>::quiet_NaN();
      return true;
    }
    double value = 0;
    if (from.get_double().get(value) != simdjson::SUCCESS) return false;
    to = static_cast<Real>(value);
    // A number too great for FP32 must not become infinite unseen.
    return std::isfinite(to);
  }

  template <typename Whole>
  static bool convert_whole(const element& from, Whole& to) {
    std::int64_t small = 0;
    std::uint64_t great = 0;
    if (from.get_int64().get(small) == simdjson::SUCCESS) {
      if (!std::in_range<Whole>(small)) return false;
      to = static_cast<Whole>(small);
      return true;
    }
    if (from.get_uint64().get(great) == simdjson::SUCCESS && std::in_range<Whole>(great)) {
      to = static_cast<Whole>(great);
      return true;
    }
    // 3.0 is the whole number 3.
    double value = 0;
    constexpr double kExact = 9007199254740992.0;
    if (from.get_double().get(value) != simdjson::SUCCESS || std::abs(value) > kExact ||
        value != std::floor(value)) {
      return false;
    }
    if (!std::in_range<Whole>(static_cast<std::int64_t>(value))) return false;
    to = static_cast<Whole>(value);
    return true;
  }

  std::span<T> into_;
};

// What stands behind the JSON, given out from its begin on.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : rest_(bytes) {}

  std::optional<std::string_view> take(std::size_t size) {
    if (size > rest_.size()) return std::nullopt;
    const std::string_view out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }
  std::size_t left() const { return rest_.size(); }

 private:
  std::string_view rest_;
};

class Reading {
 public:
  Reading(std::string_view body, std::string_view behind, InferRequest& into)
      : body_(body), bytes_(behind), into_(into) {}

  Status read(const object& root) {
    if (const auto id = text_of(root, "id")) into_.id = *id;
    TRY_STATUS(read_parameters(root));
    const auto inputs = find(root, "inputs");
    array list;
    if (!inputs || inputs->get_array().get(list) != simdjson::SUCCESS) {
      return refused("infer.request_malformed",
                     "Unable to parse 'inputs': the request has no array of this name");
    }
    for (const element& each : list) TRY_STATUS(read_input(each));
    if (bytes_.left() > 0) {
      return refused("infer.data_size", "unexpected additional input data for model '{}'",
                     shown(into_.model));
    }
    return read_outputs(root);
  }

 private:
  static Error malformed(std::string_view what, std::string_view why) {
    return refused("infer.request_malformed", "Unable to parse '{}': {}", shown(what), why);
  }

  // A parameter that is there must be of its kind.
  template <typename T>
  static Status take(const object& from, std::string_view key, T& into) {
    const auto found = find(from, key);
    if (!found || found->get(into) == simdjson::SUCCESS) return {};
    return malformed(key, "the parameter is of another kind");
  }

  static Result<std::optional<object>> parameters_of(const object& from) {
    const auto found = find(from, "parameters");
    if (!found) return std::optional<object>();
    object out;
    if (found->get_object().get(out) != simdjson::SUCCESS) {
      return malformed("parameters", "it is no object");
    }
    if (find(out, "shared_memory_region")) {
      return fail(Code::kNotBuilt, "infer.shared_memory",
                  "shared memory regions are not offered by this server");
    }
    return std::optional<object>(out);
  }

  Status read_parameters(const object& root) {
    TRY(const auto parameters, parameters_of(root));
    if (!parameters) return {};
    TRY_STATUS(take(*parameters, "binary_data_output", all_binary_));
    std::int64_t timeout = 0;
    TRY_STATUS(take(*parameters, "timeout", timeout));
    if (timeout < 0) return malformed("timeout", "it is negative");
    into_.timeout = std::chrono::microseconds(timeout);
    return take(*parameters, "priority", into_.priority);
  }

  Status read_input(const element& each) {
    object input;
    if (each.get_object().get(input) != simdjson::SUCCESS) {
      return malformed("inputs", "an input is no object");
    }
    const auto name = text_of(input, "name");
    if (!name) return malformed("name", "an input has no name");
    const auto word = text_of(input, "datatype");
    const auto datatype = word ? records::datatype_of(*word) : std::nullopt;
    if (!datatype) {
      return refused("infer.datatype_unknown", "invalid datatype for input {}", shown(*name));
    }
    InferTensor tensor{*name, *datatype, {}, {}, {}};
    TRY_STATUS(read_shape(input, tensor));
    TRY(const auto parameters, parameters_of(input));
    std::uint64_t binary = kNone;
    if (parameters) TRY_STATUS(take(*parameters, "binary_data_size", binary));
    if (binary != kNone) {
      TRY_STATUS(take_bytes(binary, tensor));
    } else {
      TRY_STATUS(read_data(input, tensor));
    }
    into_.inputs.push_back(tensor);
    return {};
  }

  Status read_shape(const object& input, InferTensor& tensor) {
    const auto found = find(input, "shape");
    array list;
    if (!found || found->get_array().get(list) != simdjson::SUCCESS) {
      return malformed("shape", format("input '{}' has no array of this name", tensor.name));
    }
    if (list.size() > kMostDimensions) {
      return malformed("shape", format("input '{}' has too many dimensions", tensor.name));
    }
    const std::span<std::int64_t> shape = into_.arena.array<std::int64_t>(list.size());
    Elements<std::int64_t> numbers(shape);
    for (const element& each : list) {
      const bool fine = each.type() != element_type::ARRAY && numbers.add(each);
      if (!fine || shape[numbers.place - 1] < 0) {
        return malformed("shape", format("input '{}' has a dimension that is no whole number "
                                         "from 0 on",
                                         tensor.name));
      }
    }
    tensor.shape = shape;
    const auto count = records::element_count(shape);
    if (!count) return malformed("shape", format("input '{}' is too large", tensor.name));
    count_ = static_cast<std::size_t>(*count);
    return {};
  }

  Status take_bytes(std::size_t size, InferTensor& tensor) {
    const auto bytes = bytes_.take(size);
    if (!bytes) {
      return refused("infer.data_size",
                     "unexpected size for input '{}', expecting {} additional bytes",
                     shown(tensor.name), size - bytes_.left());
    }
    return read_raw(*bytes, count_, into_.arena, tensor);
  }

  template <typename T>
  Result<std::span<const T>> elements_of(const element& data, const InferTensor& tensor) {
    // Each element takes a byte of the body at least, so this bounds what is allocated.
    const std::span<T> room = into_.arena.array<T>(std::min(count_, body_.size()));
    Elements<T> out(room);
    const bool fine = out.add(data);
    if (!fine && !out.too_many) {
      return refused("infer.data_malformed",
                     "Unable to parse 'data': element {} of input '{}' is no {}", out.place,
                     shown(tensor.name), records::datatype_word(tensor.datatype));
    }
    if (!fine || out.place != count_) {
      return refused("infer.data_size",
                     "Unable to parse 'data': Shape does not match true shape of 'data' field of "
                     "input '{}'",
                     shown(tensor.name));
    }
    return std::span<const T>(room);
  }

  template <typename T>
  Status read_numbers(const element& data, InferTensor& tensor) {
    TRY(const auto elements, elements_of<T>(data, tensor));
    tensor.data = std::as_bytes(elements);
    return {};
  }

  Status read_data(const object& input, InferTensor& tensor) {
    const auto data = find(input, "data");
    if (!data || data->type() != element_type::ARRAY) {
      return malformed("data", format("input '{}' has no array of this name", shown(tensor.name)));
    }
    if (tensor.datatype == Datatype::kBytes) {
      TRY(tensor.texts, elements_of<std::string_view>(*data, tensor));
      return {};
    }
    Status read;
    const bool is_read = records::with_number_type(
        tensor.datatype, [&]<typename Number>() { read = read_numbers<Number>(*data, tensor); });
    if (is_read) return read;
    return refused("infer.data_malformed", "input '{}' of type {} must be sent as binary data",
                   shown(tensor.name), records::datatype_word(tensor.datatype));
  }

  Status read_outputs(const object& root) {
    const auto found = find(root, "outputs");
    if (!found) {
      into_.binary_outputs = all_binary_;
      return {};
    }
    array list;
    if (found->get_array().get(list) != simdjson::SUCCESS) {
      return malformed("outputs", "it is no array");
    }
    for (const element& each : list) TRY_STATUS(read_output(each));
    return {};
  }

  Status read_output(const element& each) {
    object output;
    if (each.get_object().get(output) != simdjson::SUCCESS) {
      return malformed("outputs", "an output is no object");
    }
    const auto name = text_of(output, "name");
    if (!name) return malformed("name", "an output has no name");
    WantedOutput wanted{*name, all_binary_, 0};
    TRY(const auto parameters, parameters_of(output));
    if (parameters) {
      TRY_STATUS(take(*parameters, "binary_data", wanted.binary));
      TRY_STATUS(take(*parameters, "classification", wanted.classes));
    }
    into_.outputs.push_back(wanted);
    return {};
  }

  const std::string_view body_;
  Bytes bytes_;
  InferRequest& into_;
  bool all_binary_ = false;
  std::size_t count_ = 0;
};

}  // namespace

struct InferReader::State {
  simdjson::dom::parser parser;
};

InferReader::InferReader() : state_(std::make_unique<State>()) {}
InferReader::~InferReader() = default;

bool InferReader::make_room(std::size_t size) {
  // One huge body must not hold many times its size for ever.
  constexpr std::size_t kKept = std::size_t{1} << 18;
  const std::size_t capacity = state_->parser.capacity();
  if (capacity > kKept && size <= kKept) state_ = std::make_unique<State>();
  if (size <= state_->parser.capacity()) return true;
  return state_->parser.allocate(std::max<std::size_t>(size, 4096), kDeepest) == simdjson::SUCCESS;
}

Status InferReader::read(std::string_view body, std::optional<std::size_t> header,
                         InferRequest& into) {
  if (header && (*header == 0 || *header > body.size())) {
    return refused("infer.request_malformed",
                   "inference header size should be in range (0, {}), got: {}", body.size(),
                   *header);
  }
  const std::string_view json = header ? body.substr(0, *header) : body;
  if (!make_room(json.size())) {
    return refused("infer.json_malformed",
                   "failed to parse the request JSON buffer: it is too large");
  }
  simdjson::dom::parser& parser = state_->parser;
  object root;
  const auto parsed = parser.parse(json.data(), json.size());
  if (parsed.error() != simdjson::SUCCESS) {
    return refused("infer.json_malformed", "failed to parse the request JSON buffer: {}",
                   simdjson::error_message(parsed.error()));
  }
  if (parsed.get_object().get(root) != simdjson::SUCCESS) {
    return refused("infer.json_malformed", "failed to parse the request JSON buffer: no object");
  }
  return Reading(json, body.substr(json.size()), into).read(root);
}

}  // namespace kingpost::open_inference
