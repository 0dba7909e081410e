// SPDX-License-Identifier: Apache-2.0
// Texts of records become rows: what is not plain goes to the referee, block by block, and a row
// with a value that is none is rejected.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "steps/20_infer/cells.h"
#include "steps/20_infer/rows.h"

namespace kingpost::steps::infer {

/// One column of the rows: an input of the model, or a kept one.
struct Lane {
  std::string name;
  CellReader reader;
  /// Its values become numbers; else they stay texts.
  bool is_number = false;
  /// Texts that must be of the type all the same.
  bool is_checked = false;
};

/// The inputs of the signature, then the kept columns.
std::vector<Lane> lanes_of(const Signature& signature, const std::vector<KeptColumn>& kept);

class RowBuilder {
 public:
  /// `whole_utf8`: texts need no look. All that is given must outlive the builder.
  RowBuilder(const std::vector<Lane>& lanes, std::size_t inputs, bool whole_utf8);

  /// The next value of the row; "" is null.
  void put(std::size_t lane, std::string_view text);
  /// Ends a row whose lanes have each been put once.
  void end_row(std::int64_t line, std::string_view record);
  /// Rejects the row that is being put; lanes that have no value yet get null.
  void spoil(std::string column, std::string_view value, std::string reason);
  std::int64_t rows() const { return static_cast<std::int64_t>(places_.size()); }

  Result<Rows> finish(Referee& referee);

 private:
  struct Odd {
    std::size_t row = 0;
    std::string text;
  };
  struct Place {
    std::int64_t line = 0;
    std::string_view record;
  };
  void reject(std::size_t row, std::string column, std::string_view value, std::string reason);
  Status settle(std::size_t lane, Referee& referee);
  void drop_rejected();

  const std::vector<Lane>& lanes_;
  std::size_t inputs_;
  bool whole_utf8_;
  std::vector<records::BatchColumn> columns_;
  std::vector<std::vector<Odd>> odd_;
  std::vector<Place> places_;
  std::vector<Reject> rejects_;
};

}  // namespace kingpost::steps::infer
