// SPDX-License-Identifier: Apache-2.0
// Single values of the pipeline file as typed SQL literals, and what counts as white space.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kingpost::sql {

/// `text` as a literal of the type, or nothing when the type cannot hold exactly that value:
/// "1.5" is no int32, "300" no int8, "2013-02-30" no date. Requires: a word of records::type_words.
std::optional<std::string> typed_literal(std::string_view text, std::string_view type);

/// What typed_literal wants for the type, for messages: "a whole number from -128 to 127".
std::string wanted_text(std::string_view type);

/// `sql` without white space at its ends; white space is what Unicode calls so, not only blanks.
std::string trimmed(const std::string& sql);
/// `sql` with each run of white space as one blank.
std::string squashed(const std::string& sql);

}  // namespace kingpost::sql
