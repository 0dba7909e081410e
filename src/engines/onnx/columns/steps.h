// SPDX-License-Identifier: Apache-2.0
// The steps of a program. Included only by this folder's sources.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "engines/onnx/columns/legacy_trees.h"
#include "engines/onnx/columns/lookup_tables.h"
#include "engines/onnx/columns/program.h"
#include "engines/onnx/columns/tree_masks.h"
#include "engines/onnx/columns/tree_table.h"

namespace kingpost::onnx {

class Program::Scratch {
 public:
  std::vector<Operand> registers;
  /// Where each register of a step, and each input that must be copied, has its values.
  std::vector<void*> buffers;
  Arena arena{std::size_t{8} << 20U};
  std::span<const InputView> inputs;
  std::size_t from = 0;
  std::size_t rows = 0;
};

class Program::Step {
 public:
  Step() = default;
  virtual ~Step() = default;
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;
  virtual bool run(Scratch& scratch) const = 0;
};

class KernelStep final : public Program::Step {
 public:
  KernelStep(Kernel kernel, std::vector<std::size_t> in, std::size_t out)
      : kernel_(kernel), in_(std::move(in)), out_(out) {}
  bool run(Program::Scratch& scratch) const override;

 private:
  const Kernel kernel_;
  const std::vector<std::size_t> in_;
  const std::size_t out_;
};

/// LabelEncoder from texts or whole numbers.
template <typename Key>
class LookupStep final : public Program::Step {
 public:
  /// `keys` must outlive it. Requires: as many values.
  template <typename Keys>
  LookupStep(const Keys& keys, const std::vector<float>& values, float other, std::size_t in,
             std::size_t out)
      : table_(keys, values), other_(other), in_(in), out_(out) {}
  bool run(Program::Scratch& scratch) const override;

 private:
  std::conditional_t<std::is_same_v<Key, std::int64_t>, NumberTable, TextTable> table_;
  const float other_;
  const std::size_t in_;
  const std::size_t out_;
};

/// Whole numbers, and so many more. Beyond their range they begin anew.
class ShiftStep final : public Program::Step {
 public:
  ShiftStep(std::size_t in, std::int64_t shift, std::size_t out)
      : in_(in), shift_(shift), out_(out) {}
  bool run(Program::Scratch& scratch) const override;

 private:
  const std::size_t in_;
  const std::int64_t shift_;
  const std::size_t out_;
};

/// A column of a table, by row number.
template <typename T>
class GatherStep final : public Program::Step {
 public:
  GatherStep(const Program::Register& from, std::size_t out)
      : table_(static_cast<const T*>(from.value)),
        size_(static_cast<std::int64_t>(from.size)),
        width_(from.width),
        column_(from.column),
        in_(from.place),
        out_(out) {}
  bool run(Program::Scratch& scratch) const override;

 private:
  const T* const table_;
  const std::int64_t size_;
  const std::size_t width_;
  const std::size_t column_;
  const std::size_t in_;
  const std::size_t out_;
};

/// Where the features of trees come from: columns, then tables.
struct TreeInputs {
  struct Column {
    /// Of an input [rows, width]; -1: of a register.
    std::ptrdiff_t port = -1;
    std::size_t width = 1;
    std::size_t column = 0;
    std::size_t place = 0;
  };
  std::vector<Column> columns;
  /// [size, width], its row by the numbers in the register `place`, and `shift` more.
  struct Table {
    const void* data = nullptr;
    std::size_t width = 1;
    std::size_t size = 0;
    std::size_t place = 0;
    std::int64_t shift = 0;
  };
  std::vector<Table> tables;
};

/// Where TreeMasks has its rows from, beside the columns of TreeInputs.
struct MaskInputs {
  /// The register that says the rows of tables, as long as they are below `size`.
  struct Source {
    std::size_t place = 0;
    std::size_t size = 0;
  };
  std::vector<Source> sources;
  /// Columns of larger tables: they stand behind the other columns.
  struct LookedUp {
    TreeInputs::Table table;
    std::size_t column = 0;
  };
  std::vector<LookedUp> looked_up;
};

template <typename T>
class TreeStep final : public Program::Step {
 public:
  /// The trees are placed by the same inputs. `masks` may be null.
  TreeStep(std::unique_ptr<const TreeTable<T>> trees, TreeInputs inputs,
           std::vector<std::size_t> out, std::unique_ptr<const TreeMasks> masks = nullptr,
           MaskInputs mask_inputs = {});
  bool run(Program::Scratch& scratch) const override;

 private:
  /// Rows [from, from + rows) of a column, in blocks of `lanes`, each `stride` behind the last.
  struct Span {
    std::size_t from = 0;
    std::size_t rows = 0;
    std::size_t lanes = kTreeLanes;
    std::size_t stride = 0;
  };
  void fill(const TreeInputs::Column& column, const Program::Scratch& scratch, const Span& span,
            T* to) const;
  const T* blocks(Program::Scratch& scratch) const;
  bool find_rows(const TreeInputs::Table& table, const Program::Scratch& scratch,
                 const T** to) const;
  /// False where a table is asked beyond its end.
  bool find_places(Program::Scratch& scratch, TreeRows<T>& rows) const;

  /// False where a source has a row beyond its end.
  bool run_masks(Program::Scratch& scratch) const;
  /// Rows [from, from + count) of what TreeMasks looks at. False as run_masks.
  bool fill_columns(const Program::Scratch& scratch, std::size_t from, std::size_t count,
                    float* columns) const;
  bool fill_places(const Program::Scratch& scratch, std::size_t from, std::size_t count,
                   std::int64_t* places) const;

  const std::unique_ptr<const TreeTable<T>> trees_;
  const TreeInputs inputs_;
  /// Of the columns, at least one.
  const std::size_t width_;
  /// Some value of a table is no number.
  bool tables_miss_ = false;
  const std::vector<std::size_t> out_;
  const std::unique_ptr<const TreeMasks> masks_;
  const MaskInputs mask_inputs_;
};

/// The label and the chances of the classes by the sums of leaves.
class ClassStep final : public Program::Step {
 public:
  /// `sums` are one for each class, or one where the rule is of two.
  ClassStep(ClassRule rule, std::vector<std::size_t> sums, std::size_t label,
            std::vector<std::size_t> chances)
      : rule_(std::move(rule)),
        sums_(std::move(sums)),
        label_(label),
        chances_(std::move(chances)) {
    if (const auto* const texts = std::get_if<std::vector<std::string>>(&rule_.labels)) {
      texts_.assign(texts->begin(), texts->end());
    }
  }
  bool run(Program::Scratch& scratch) const override;

 private:
  std::size_t decide(float sum, std::span<float> chances) const;
  std::size_t decide(std::span<float> sums) const;

  const ClassRule rule_;
  const std::vector<std::size_t> sums_;
  const std::size_t label_;
  const std::vector<std::size_t> chances_;
  std::vector<std::string_view> texts_;
};

}  // namespace kingpost::onnx
