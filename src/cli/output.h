// SPDX-License-Identifier: Apache-2.0
// Printing: plain lines and tables whose columns fit their widest cell.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kingpost::cli {

void print(std::string_view text);
void print_error(std::string_view text);
/// Standard output is a terminal that understands cursor movement.
bool is_terminal();

/// Columns in which every cell is a number are set to the right. Characters are counted, not bytes.
std::string table_text(const std::vector<std::string>& head,
                       const std::vector<std::vector<std::string>>& rows);
/// Number of characters of a UTF-8 text.
std::size_t characters(std::string_view text);
std::string padded(std::string text, std::size_t width);

}  // namespace kingpost::cli
