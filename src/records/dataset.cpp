// SPDX-License-Identifier: Apache-2.0
// What a step hands to the next.
#include "records/dataset.h"

#include <algorithm>

#include "base/format.h"

namespace kingpost::records {

const Table* Dataset::find(std::string_view table) const {
  const auto found = std::find_if(tables.begin(), tables.end(),
                                  [&](const Table& each) { return each.name == table; });
  return found == tables.end() ? nullptr : &*found;
}

Table* Dataset::find(std::string_view table) {
  const auto found = std::find_if(tables.begin(), tables.end(),
                                  [&](const Table& each) { return each.name == table; });
  return found == tables.end() ? nullptr : &*found;
}

void Dataset::put(Table table) {
  if (Table* same = find(table.name)) {
    *same = std::move(table);
  } else {
    tables.push_back(std::move(table));
  }
}

const File* Dataset::find_file(std::string_view file) const {
  const auto found =
      std::find_if(files.begin(), files.end(), [&](const File& each) { return each.name == file; });
  return found == files.end() ? nullptr : &*found;
}

void Dataset::put(File file) {
  const auto same = std::find_if(files.begin(), files.end(),
                                 [&](const File& each) { return each.name == file.name; });
  if (same != files.end()) {
    *same = std::move(file);
  } else {
    files.push_back(std::move(file));
  }
}

std::vector<Dataset::Part> Dataset::parts() const {
  std::vector<Part> out;
  for (const Table& each : tables) {
    out.push_back({format("table \"{}\"", each.name), each.digest, each.bytes});
  }
  for (const File& each : files) {
    out.push_back({format("file \"{}\"", each.name), each.digest, each.bytes});
  }
  return out;
}

std::vector<std::string> Dataset::names() const {
  std::vector<std::string> out;
  for (const Table& each : tables) out.push_back(each.name);
  return out;
}

std::int64_t Dataset::rows() const {
  std::int64_t sum = 0;
  for (const Table& each : tables) sum += each.rows;
  return sum;
}

Json to_json(const Dataset& dataset) {
  Json out = Json::array();
  for (const Table& table : dataset.tables) {
    Json each = Json::object();
    each.set("name", table.name).set("digest", table.digest).set("rows", table.rows);
    each.set("bytes", table.bytes).set("schema", to_json(table.schema));
    out.push(std::move(each));
  }
  for (const File& file : dataset.files) {
    Json each = Json::object();
    each.set("file", file.name).set("digest", file.digest).set("bytes", file.bytes);
    out.push(std::move(each));
  }
  return out;
}

Dataset dataset_from_json(const Json& json) {
  Dataset out;
  for (const Json& each : json.items()) {
    if (each.has("file")) {
      out.files.push_back({each["file"].text(), each["digest"].text(), each["bytes"].integer()});
      continue;
    }
    out.tables.push_back({each["name"].text(), each["digest"].text(), each["rows"].integer(),
                          each["bytes"].integer(), schema_from_json(each["schema"])});
  }
  return out;
}

}  // namespace kingpost::records
