// SPDX-License-Identifier: Apache-2.0
// Which Debian packages files come from, out of dpkg's own records.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/json.h"

namespace kingpost::steps::containerize {

struct Package {
  std::string name;
  std::string version;
};

/// By name; files that are of no package are passed over, and so are all of them where there is no
/// dpkg.
std::vector<Package> packages_of(const std::set<std::string>& files,
                                 const std::string& records = "/var/lib/dpkg");

/// [{name, version}]
Json to_json(const std::vector<Package>& packages);

}  // namespace kingpost::steps::containerize
