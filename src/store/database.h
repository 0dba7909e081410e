// SPDX-License-Identifier: Apache-2.0
// The database of a store: its schema from version to version, and what its errors mean. For the
// files of this folder only.
#pragma once

#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/registry.h"

namespace soci {
class session;
}  // namespace soci

namespace kingpost::store {

inline constexpr int kSchemaVersion = 4;

/// The statements that bring a database from this version (0: it is empty) to `kSchemaVersion`.
std::vector<std::string_view> schema_changes(int from);

/// What an exception of SOCI means for the database at `path`.
Error journal_error(const std::string& path, const std::string& why);

/// Does `work`, which uses the database at `path`; what SOCI throws becomes an Error.
template <typename Work>
Status guarded(const std::string& path, const Work& work) {
  try {
    work();
    return {};
  } catch (const std::exception& exception) {
    return journal_error(path, exception.what());
  }
}

/// For the way out of a transaction that failed: where a write finds no room, SQLite has rolled
/// back already, and that there is nothing to roll back must not hide why.
template <typename Sql>
void roll_back(Sql& sql) noexcept {
  try {
    sql << "ROLLBACK";
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): told of in the comment above
  }
}

/// `sql` must outlive the registry.
std::unique_ptr<Registry> make_registry(soci::session& sql, const std::string& path);

}  // namespace kingpost::store
