// SPDX-License-Identifier: Apache-2.0
// NumPy's file format for one array (NEP 1, version 1.0), little-endian, C order: matrices that any
// client can map into memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kingpost {

enum class NpyType { kFloat32, kFloat64, kInt32, kUint8 };

/// Writes an array of known shape piece by piece. The file is not durable before it is sealed.
class NpyWriter {
 public:
  static Result<std::unique_ptr<NpyWriter>> create(const std::string& path, NpyType type,
                                                   const std::vector<std::int64_t>& shape);
  virtual ~NpyWriter() = default;
  NpyWriter(const NpyWriter&) = delete;
  NpyWriter& operator=(const NpyWriter&) = delete;

  /// Writes elements from the given one on. Any order, each once.
  virtual Status write(std::int64_t first, const void* elements, std::int64_t count) = 0;
  /// Ends the file. Fails with `disk.full` and its kin.
  virtual Status finish() = 0;
  /// The sha256 of the file, once it is finished; empty unless its elements came in order, from the
  /// first to the last.
  virtual const std::string& digest() const = 0;

 protected:
  NpyWriter() = default;
};

/// An array mapped into memory, read only.
class Npy {
 public:
  /// Fails with `npy.malformed` on a file that is no such array of a type above.
  static Result<Npy> open(const std::string& path);
  ~Npy();
  Npy(Npy&& other) noexcept;
  Npy& operator=(Npy&& other) noexcept;
  Npy(const Npy&) = delete;
  Npy& operator=(const Npy&) = delete;

  NpyType type() const { return type_; }
  const std::vector<std::int64_t>& shape() const { return shape_; }
  /// Rows and elements per row; an array of one dimension has one element per row.
  std::int64_t rows() const { return shape_.empty() ? 1 : shape_[0]; }
  std::int64_t columns() const { return shape_.size() < 2 ? 1 : shape_[1]; }
  /// Requires: the type fits.
  const float* floats() const { return static_cast<const float*>(data_); }
  const double* doubles() const { return static_cast<const double*>(data_); }
  const std::int32_t* integers() const { return static_cast<const std::int32_t*>(data_); }
  const std::uint8_t* bytes() const { return static_cast<const std::uint8_t*>(data_); }

 private:
  Npy() = default;
  void* mapped_ = nullptr;
  std::size_t mapped_bytes_ = 0;
  const void* data_ = nullptr;
  NpyType type_ = NpyType::kFloat32;
  std::vector<std::int64_t> shape_;
};

}  // namespace kingpost
