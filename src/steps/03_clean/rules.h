// SPDX-License-Identifier: Apache-2.0
// The rules of clean: what each demands of its columns, and what it does to them.
#pragma once

#include <string>

#include "base/node.h"
#include "engines/sql/rewrite.h"
#include "engines/sql/session.h"
#include "records/schema.h"

namespace kingpost::steps::clean {

/// `set_null wind_speed`: how reports and warnings call a rule.
std::string rule_name(const Node& rule);

/// Checks one rule against the columns as the rule before left them, adds all its faults, and
/// changes the schema to what the rule leaves: types, and the time a value is known.
void check_rule(sql::Session& session, const Node& rule, records::TableSchema& schema,
                Faults& faults);

/// Adds one rule to the chain. Requires: check_rule found no fault.
Status apply_rule(const Node& rule, const records::TableSchema& schema, sql::Rewrite& rewrite);

}  // namespace kingpost::steps::clean
