// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/log/request_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/new_file.h"
#include "base/random.h"
#include "base/text.h"
#include "base/utf8.h"
#include "engines/archive/coding.h"
#include "engines/parquet/writer.h"
#include "steps/19_serve/model.h"

namespace kingpost::steps::serve {
namespace {

using parquet::Type;
using parquet::Values;
using records::Datatype;
using records::InferTensor;

// Rows of a file are written together when there are so many, or when it is rotated.
constexpr std::size_t kGroupRows = 10'000;
// A client may choose how wide a free dimension is; wider rows are not kept.
constexpr std::size_t kMostColumns = 4096;

std::string gzip(std::string_view bytes) {
  return archive::compress(bytes, archive::Coding::kGzip);
}

Type type_of(Datatype datatype) {
  switch (datatype) {
    case Datatype::kBool:
      return Type::kBoolean;
    case Datatype::kFp32:
      return Type::kFloat;
    case Datatype::kFp64:
      return Type::kDouble;
    case Datatype::kBytes:
      return Type::kText;
    default:
      return Type::kInt64;
  }
}

// A tensor of a request as columns of the file, one for each place of a row.
struct Lanes {
  std::string name;
  Datatype datatype = Datatype::kFp64;
  std::size_t width = 1;
};

// How many places a row of it has.
std::size_t width_of(const InferTensor& tensor, std::int64_t rows) {
  if (rows == 0) return 0;
  const std::size_t elements =
      tensor.datatype == Datatype::kBytes
          ? tensor.texts.size()
          : tensor.data.size() / std::max<std::size_t>(1, records::element_size(tensor.datatype));
  return elements / static_cast<std::size_t>(rows);
}

std::vector<Lanes> lanes_of(const std::vector<InferTensor>& tensors, std::int64_t rows) {
  std::vector<Lanes> out;
  for (const InferTensor& each : tensors) {
    out.push_back({std::string(each.name), each.datatype, width_of(each, rows)});
  }
  return out;
}

// Whether the tensors have the names, types and widths of the lanes.
bool fit(const std::vector<InferTensor>& tensors, std::int64_t rows,
         const std::vector<Lanes>& lanes) {
  return std::equal(tensors.begin(), tensors.end(), lanes.begin(), lanes.end(),
                    [&](const InferTensor& tensor, const Lanes& each) {
                      return tensor.name == each.name && tensor.datatype == each.datatype &&
                             width_of(tensor, rows) == each.width;
                    });
}

// A name from outside as part of a file's name.
std::string file_word(std::string_view name) {
  constexpr std::size_t kLongest = 64;
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  std::string out(name.substr(0, kLongest));
  std::replace_if(
      out.begin(), out.end(), [&](char c) { return kPlain.find(c) == kPlain.npos; }, '_');
  return out;
}

template <typename T>
void put_number(const InferTensor& tensor, std::size_t at, Values& into) {
  const T value = tensor.element<T>(at);
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(value)) return into.null();
    into.put(value);
  } else if constexpr (std::is_same_v<T, bool>) {
    into.put(value);
  } else {
    into.put(static_cast<std::int64_t>(value));
  }
}

void put_value(const InferTensor& tensor, std::size_t at, Values& into) {
  if (tensor.datatype == Datatype::kBytes) {
    // A null text and an empty one are the same to every graph.
    if (tensor.texts[at].empty() || !is_utf8(tensor.texts[at])) return into.null();
    return into.put(tensor.texts[at]);
  }
  const bool is_put = records::with_number_type(
      tensor.datatype, [&]<typename T>() { put_number<T>(tensor, at, into); });
  if (!is_put) into.null();
}

std::size_t bytes_of(const InferTensor& tensor) {
  std::size_t out = tensor.data.size();
  for (const std::string_view each : tensor.texts) out += each.size() + sizeof(std::string_view);
  return out;
}

InferTensor copied(const InferTensor& tensor, Arena& arena) {
  InferTensor out = tensor;
  out.name = arena.copy(tensor.name);
  out.shape = arena.copy(tensor.shape);
  std::byte* const data = arena.allocate(tensor.data.size(), alignof(std::max_align_t));
  std::copy(tensor.data.begin(), tensor.data.end(), data);
  out.data = {data, tensor.data.size()};
  const std::span<std::string_view> texts = arena.array<std::string_view>(tensor.texts.size());
  std::transform(tensor.texts.begin(), tensor.texts.end(), texts.begin(),
                 [&](std::string_view text) { return arena.copy(text); });
  out.texts = texts;
  return out;
}

}  // namespace

struct RequestLog::Entry {
  std::string model;
  std::string version;
  std::string id;
  Micros time = 0;
  std::int64_t latency_us = 0;
  std::int64_t rows = 0;
  Arena arena;
  std::vector<InferTensor> inputs;
  std::vector<InferTensor> outputs;
  std::size_t bytes = 0;
  /// A label instead of an answer.
  std::string label;
};

// The open file of one version.
class RequestLog::File {
 public:
  File(std::string path, const Entry& entry) : path_(std::move(path)), begun_(entry.time) {
    std::vector<parquet::Column> columns = {
        {"prediction_id", Type::kText}, {"row", Type::kInt64},  {"time", Type::kTimestamp},
        {"latency_us", Type::kInt64},   {"model", Type::kText}, {"version", Type::kText}};
    inputs_ = lanes_of(entry.inputs, entry.rows);
    outputs_ = lanes_of(entry.outputs, entry.rows);
    add_columns(inputs_, "", columns);
    add_columns(outputs_, "output.", columns);
    for (const auto& each : columns) values_.emplace_back(each.type);
    writer_.emplace(columns, gzip);
  }
  ~File() {
    if (number_ < 0) return;
    ::close(number_);
    // Without its end nobody could read it.
    if (!is_whole_) ::unlink((path_ + ".part").c_str());
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  /// The tensors of an entry have the names, types and widths of those that the file was begun
  /// with.
  bool fits(const Entry& entry) const {
    return fit(entry.inputs, entry.rows, inputs_) && fit(entry.outputs, entry.rows, outputs_);
  }

  Status add(const Entry& entry) {
    rows_ += entry.rows;
    for (std::int64_t row = 0; row < entry.rows; ++row) {
      values_[0].put(std::string_view(entry.id));
      values_[1].put(row);
      values_[2].put(entry.time);
      values_[3].put(entry.latency_us);
      values_[4].put(std::string_view(entry.model));
      values_[5].put(std::string_view(entry.version));
      std::size_t at = 6;
      add_values(inputs_, entry.inputs, row, at);
      add_values(outputs_, entry.outputs, row, at);
    }
    return values_[0].size() >= kGroupRows ? flush() : Status();
  }

  std::int64_t bytes() const {
    std::int64_t out = written_;
    for (const Values& each : values_) out += static_cast<std::int64_t>(each.bytes());
    return out;
  }
  Micros begun() const { return begun_; }
  /// Those that are lost where it cannot be finished.
  std::int64_t rows() const { return rows_; }

  /// Ends the file, which then gets its name.
  Status finish() {
    TRY_STATUS(flush());
    if (number_ < 0) return {};
    TRY_STATUS(put(writer_->tail()));
    if (::fsync(number_) != 0) return unwritable();
    TRY_STATUS(rename_file(path_ + ".part", path_));
    is_whole_ = true;
    return {};
  }

 private:
  void add_values(const std::vector<Lanes>& lanes, const std::vector<InferTensor>& tensors,
                  std::int64_t row, std::size_t& at) {
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      const std::size_t first = static_cast<std::size_t>(row) * lanes[i].width;
      for (std::size_t place = 0; place < lanes[i].width; ++place) {
        put_value(tensors[i], first + place, values_[at++]);
      }
    }
  }

  static void add_columns(const std::vector<Lanes>& tensors, std::string_view prefix,
                          std::vector<parquet::Column>& columns) {
    for (const Lanes& each : tensors) {
      for (std::size_t place = 0; place < each.width; ++place) {
        const std::string suffix = each.width > 1 ? format("[{}]", place) : std::string();
        columns.push_back({format("{}{}{}", prefix, each.name, suffix), type_of(each.datatype)});
      }
    }
  }

  Error unwritable() const { return file_error(errno, "write", path_); }

  Status put(const std::string& bytes) {
    if (number_ < 0) {
      const std::string part = path_ + ".part";
      number_ = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
      if (number_ < 0) return unwritable();
      TRY_STATUS(write_all(number_, writer_->head(), path_));
    }
    written_ += std::ssize(bytes);
    return write_all(number_, bytes, path_);
  }

  Status flush() {
    if (values_[0].size() == 0) return {};
    const std::string group = writer_->row_group(values_);
    for (Values& each : values_) each.clear();
    return put(group);
  }

  const std::string path_;
  const Micros begun_;
  int number_ = -1;
  std::int64_t written_ = 0;
  std::int64_t rows_ = 0;
  bool is_whole_ = false;
  std::vector<Lanes> inputs_;
  std::vector<Lanes> outputs_;
  std::vector<Values> values_;
  std::optional<parquet::Writer> writer_;
};

RequestLog::RequestLog(const LogOptions& options) : options_(options), run_(random_hex(8)) {
  writer_ = std::thread([this] { run(); });
}

Result<std::unique_ptr<RequestLog>> RequestLog::open(const LogOptions& options) {
  TRY_STATUS(make_folders(options.folder));
  return std::unique_ptr<RequestLog>(new RequestLog(options));
}

RequestLog::~RequestLog() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  came_.notify_all();
  writer_.join();
  if (labels_ >= 0) ::close(labels_);
}

std::string RequestLog::next_id() {
  const std::uint64_t number = number_.fetch_add(1, std::memory_order_relaxed);
  // Every request of a whole share, every second one of a half, evenly.
  const double before = std::floor(static_cast<double>(number) * options_.share);
  const double behind = std::floor(static_cast<double>(number + 1) * options_.share);
  if (behind <= before) return {};
  return format("{}-{:x}", run_, number);
}

void RequestLog::add(const ServedModel& model, std::string_view id, const Question& question,
                     const records::InferResponse& answer, std::int64_t latency_us) {
  const auto count = static_cast<std::uint64_t>(question.rows);
  std::size_t bytes = 0;
  std::size_t columns = 0;
  for (const auto& side : {question.inputs, std::span<const InferTensor>(answer.outputs)}) {
    for (const InferTensor& each : side) {
      bytes += bytes_of(each);
      columns += width_of(each, question.rows);
    }
  }
  if (bytes > options_.queue_bytes / 4 || columns > kMostColumns) {
    dropped_.fetch_add(count, std::memory_order_relaxed);
    return;
  }
  auto entry = std::make_unique<Entry>();
  entry->model = model.name();
  entry->version = model.version();
  entry->id = id;
  entry->time = wall_clock();
  entry->latency_us = latency_us;
  entry->rows = question.rows;
  entry->bytes = bytes;
  for (const InferTensor& each : question.inputs) {
    entry->inputs.push_back(copied(each, entry->arena));
  }
  for (const InferTensor& each : answer.outputs) {
    entry->outputs.push_back(copied(each, entry->arena));
  }
  if (put(std::move(entry))) {
    rows_.fetch_add(count, std::memory_order_relaxed);
  } else {
    dropped_.fetch_add(count, std::memory_order_relaxed);
  }
}

Status RequestLog::add_label(std::string line) {
  auto entry = std::make_unique<Entry>();
  entry->bytes = line.size();
  entry->label = std::move(line);
  if (put(std::move(entry))) return {};
  return fail(Code::kUnavailable, "serve.log_full",
              "the log cannot take more now: send the label again");
}

bool RequestLog::put(std::unique_ptr<Entry> entry) {
  constexpr std::size_t kOverhead = 512;
  const std::lock_guard lock(mutex_);
  if (waiting_bytes_ + entry->bytes + kOverhead > options_.queue_bytes) return false;
  entry->bytes += kOverhead;
  waiting_bytes_ += entry->bytes;
  waiting_.push_back(std::move(entry));
  if (waiting_.size() == 1) came_.notify_one();
  return true;
}

void RequestLog::run() {
  std::deque<std::unique_ptr<Entry>> taken;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      came_.wait_for(lock, std::chrono::seconds(1),
                     [this] { return stopped_ || !waiting_.empty(); });
      taken.swap(waiting_);
      if (taken.empty() && stopped_) break;
    }
    std::size_t bytes = 0;
    for (const auto& each : taken) {
      bytes += each->bytes;
      if (each->label.empty()) {
        write(*each);
      } else {
        write_label(each->label);
      }
    }
    taken.clear();
    rotate(false);
    // Only now: what is being written counts as waiting.
    const std::lock_guard lock(mutex_);
    waiting_bytes_ -= bytes;
  }
  rotate(true);
}

// Said once, so that a full disk does not fill the other one.
void RequestLog::complain(const Error& error) {
  if (!has_complained_) std::fputs(render(error).c_str(), stderr);
  has_complained_ = true;
}

void RequestLog::write(const Entry& entry) {
  // Without rows there is nothing to be kept.
  if (entry.rows == 0) return;
  const std::string name = format("{}-{}", entry.model, entry.version);
  // Clients may ask for some of the outputs only: those rows have a file of their own.
  std::string key = name;
  for (const InferTensor& each : entry.outputs) key.append("\n").append(each.name);
  std::unique_ptr<File>& file = files_[key];
  if (file != nullptr && !file->fits(entry)) end(std::exchange(file, nullptr));
  if (file == nullptr) {
    std::string stamp = second_text(entry.time);
    std::erase_if(stamp, [](char c) { return c == ':' || c == '-'; });
    file = std::make_unique<File>(format("{}/requests-{}-{}-{}-{}.parquet", options_.folder,
                                         file_word(name), stamp, run_, files_begun_++),
                                  entry);
  }
  const Status done = file->add(entry);
  if (!done) lose(std::move(file), done.error());
}

void RequestLog::end(std::unique_ptr<File> file) {
  const Status done = file->finish();
  if (!done) lose(std::move(file), done.error());
}

void RequestLog::lose(std::unique_ptr<File> file, const Error& error) {
  complain(error);
  rows_.fetch_sub(static_cast<std::uint64_t>(file->rows()));
  dropped_.fetch_add(static_cast<std::uint64_t>(file->rows()));
}

void RequestLog::write_label(const std::string& line) {
  if (labels_ < 0) {
    const std::string path = format("{}/feedback-{}.ndjson", options_.folder, run_);
    labels_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  }
  const Status done = write_all(labels_, line + "\n", options_.folder);
  if (!done) complain(done.error());
}

void RequestLog::rotate(bool all) {
  const Micros now = wall_clock();
  for (auto each = files_.begin(); each != files_.end();) {
    std::unique_ptr<File>& file = each->second;
    const bool is_due = file == nullptr || all || file->bytes() >= options_.rotate_bytes ||
                        now - file->begun() >= options_.rotate_after;
    if (!is_due) {
      ++each;
      continue;
    }
    if (file != nullptr) end(std::move(file));
    each = files_.erase(each);
  }
}

}  // namespace kingpost::steps::serve
