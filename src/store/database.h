// SPDX-License-Identifier: Apache-2.0
// The database of a store: its schema from version to version, and what its errors mean. For the
// files of this folder only.
#pragma once

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

/// `sql` must outlive the registry.
std::unique_ptr<Registry> make_registry(soci::session& sql, const std::string& path);

}  // namespace kingpost::store
