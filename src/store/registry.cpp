// SPDX-License-Identifier: Apache-2.0
// The registry over SOCI; its exceptions end in this file.
#include "store/registry.h"

#include <soci/soci.h>

#include <algorithm>
#include <optional>

#include "base/failpoint.h"
#include "base/text.h"
#include "store/database.h"
#include "store/model_names.h"

namespace kingpost::store {
namespace {

// Objects are merged, other values take the place of what was there.
Json merged(Json before, const Json& more) {
  for (const auto& [key, value] : more.entries()) {
    if (!value.is_object() || !before[key].is_object()) {
      before.set(key, value);
      continue;
    }
    Json inner = before[key];
    for (const auto& [name, each] : value.entries()) inner.set(name, each);
    before.set(key, std::move(inner));
  }
  return before;
}

class SqliteRegistry final : public Registry {
 public:
  SqliteRegistry(soci::session& sql, std::string path) : sql_(sql), path_(std::move(path)) {}

  Result<Added> add(const NewVersion& version) override {
    TRY_STATUS(check_model_name(version.model));
    TRY_STATUS(check_tags(version.tags));
    Added out;
    std::int64_t number = 0;
    TRY_STATUS(transact([&]() -> Status {
      number = find_bundle(version.model, version.bundle);
      out.again = number != 0;
      if (out.again) {
        add_facts(version, number);
      } else {
        number = insert(version);
      }
      for (const auto& [key, value] : version.tags.entries()) {
        put_tag(version.model, number, key, value.text(), version.by);
      }
      if (out.again && !version.description.empty()) {
        put_description(version.model, number, version.description, version.by);
      }
      return {};
    }));
    TRY(out.version, version_of(version.model, number));
    return out;
  }

  Result<ModelVersion> resolve(std::string_view reference) override {
    TRY(const ModelReference wanted, parse_model_reference(reference));
    TRY(const RegisteredModel model, model_of(wanted.model));
    std::int64_t number = model.newest;
    if (!wanted.version.empty() && wanted.version != "latest") {
      number = parse_integer(wanted.version).value_or(0);
      if (number < 1 || number > model.newest) return no_version(model, wanted.version);
    } else if (wanted.version.empty() && wanted.alias != "latest") {
      const auto holder = holder_of(model, wanted.alias.empty() ? "champion" : wanted.alias);
      if (!holder && !wanted.alias.empty()) return no_alias(model, wanted.alias);
      if (holder) number = *holder;
    }
    return version_of(model.name, number);
  }

  Result<std::vector<RegisteredModel>> models() override {
    std::vector<RegisteredModel> out;
    TRY_STATUS(guarded([&] {
      read_models(out);
      read_aliases_of(out);
    }));
    return out;
  }

  Result<std::vector<ModelVersion>> versions(const std::string& model) override {
    TRY(auto all, select(&model));
    std::reverse(all.begin(), all.end());
    return all;
  }

  Result<std::vector<ModelVersion>> all_versions() override { return select(nullptr); }

  Status set_alias(const std::string& model, const std::string& alias, std::int64_t version,
                   const std::string& by) override {
    TRY_STATUS(check_alias(alias));
    return on_version(model, version, [&] {
      const std::int64_t before = alias_of(model, alias);
      if (before == version) return;
      const long long number = version;
      sql_ << "INSERT OR REPLACE INTO model_aliases (model, alias, version) VALUES (:m, :a, :v)",
          soci::use(model), soci::use(alias), soci::use(number);
      note(model, version, "alias_set",
           before == 0 ? alias : format("{}, which was version {}", alias, before), by);
    });
  }

  Status remove_alias(const std::string& model, const std::string& alias,
                      const std::string& by) override {
    return transact([&]() -> Status {
      TRY(const RegisteredModel found, model_of(model));
      const auto holder = holder_of(found, alias);
      if (!holder) return no_alias(found, alias);
      sql_ << "DELETE FROM model_aliases WHERE model=:m AND alias=:a", soci::use(model),
          soci::use(alias);
      note(model, *holder, "alias_removed", alias, by);
      return {};
    });
  }

  Status set_tag(const std::string& model, std::int64_t version, const std::string& key,
                 const std::string& value, const std::string& by) override {
    TRY_STATUS(check_tag(key, value));
    return on_version(model, version, [&] { put_tag(model, version, key, value, by); });
  }

  Status remove_tag(const std::string& model, std::int64_t version, const std::string& key,
                    const std::string& by) override {
    return on_version(model, version, [&] {
      if (!tag_of(model, version, key)) return;
      const long long number = version;
      sql_ << "DELETE FROM model_tags WHERE model=:m AND version=:v AND key=:k", soci::use(model),
          soci::use(number), soci::use(key);
      note(model, version, "tag_removed", key, by);
    });
  }

  Status describe(const std::string& model, std::int64_t version, const std::string& text,
                  const std::string& by) override {
    return on_version(model, version, [&] { put_description(model, version, text, by); });
  }

  Result<std::vector<Change>> history(const std::string& model) override {
    std::vector<Change> out;
    TRY_STATUS(guarded([&] {
      const soci::rowset<soci::row> found =
          (sql_.prepare << "SELECT id, model, version, at, what, detail, author FROM "
                           "model_history WHERE model=:m ORDER BY id",
           soci::use(model));
      for (const soci::row& row : found) {
        out.push_back({row.get<int>(0), row.get<std::string>(1), row.get<long long>(2),
                       row.get<long long>(3), row.get<std::string>(4), row.get<std::string>(5),
                       row.get<std::string>(6)});
      }
    }));
    return out;
  }

 private:
  template <typename Work>
  Status guarded(const Work& work) {
    return store::guarded(path_, work);
  }

  // All of `work`, which answers a Status, or nothing of it. What it reads is still so when it
  // writes.
  template <typename Work>
  Status transact(const Work& work) {
    Status status;
    TRY_STATUS(guarded([&] {
      sql_ << "BEGIN IMMEDIATE";
      try {
        status = work();
        failpoint("registry_before_commit");
        sql_ << (status ? "COMMIT" : "ROLLBACK");
        failpoint("registry_after_commit");
      } catch (...) {
        roll_back(sql_);
        throw;
      }
    }));
    return status;
  }

  template <typename Work>
  Status on_version(const std::string& model, std::int64_t version, const Work& work) {
    return transact([&]() -> Status {
      TRY(const RegisteredModel found, model_of(model));
      if (version < 1 || version > found.newest) return no_version(found, format("{}", version));
      work();
      return {};
    });
  }

  Result<RegisteredModel> model_of(const std::string& name) {
    TRY(const auto all, models());
    std::vector<std::string> names;
    for (const RegisteredModel& model : all) {
      if (model.name == name) return model;
      names.push_back(model.name);
    }
    return fail(Code::kNotFound, "registry.model_unknown", "there is no model \"{}\"", shown(name))
        .hint(did_you_mean(name, names,
                           names.empty() ? "none is registered yet: kingpost run registers one"
                                         : format("models: {}", listed(names))));
  }

  static std::optional<std::int64_t> holder_of(const RegisteredModel& model,
                                               std::string_view alias) {
    for (const auto& [name, version] : model.aliases) {
      if (name == alias) return version;
    }
    return std::nullopt;
  }

  static Error no_version(const RegisteredModel& model, const std::string& version) {
    return fail(Code::kNotFound, "registry.version_unknown", "model \"{}\" has no version {}",
                shown(model.name), shown(version))
        .hint(model.newest == 1 ? std::string("its only version is 1")
                                : format("its versions are 1 to {}", model.newest));
  }

  static Error no_alias(const RegisteredModel& model, const std::string& alias) {
    std::vector<std::string> names;
    for (const auto& [name, version] : model.aliases) names.push_back(name);
    return fail(Code::kNotFound, "registry.alias_unknown",
                "no version of model \"{}\" is called \"{}\"", shown(model.name), shown(alias))
        .hint(did_you_mean(alias, names,
                           names.empty()
                               ? format("it has no alias; write {}/{}", model.name, model.newest)
                               : format("aliases: {}", listed(names))));
  }

  std::int64_t find_bundle(const std::string& model, const std::string& bundle) {
    long long number = 0;
    sql_ << "SELECT version FROM model_versions WHERE model=:m AND bundle=:b", soci::into(number),
        soci::use(model), soci::use(bundle);
    return sql_.got_data() ? number : 0;
  }

  std::int64_t insert(const NewVersion& version) {
    const long long now = wall_clock();
    const long long run = version.run;
    const std::string facts = version.facts.dump();
    long long number = 0;
    sql_ << "INSERT OR IGNORE INTO models (name, created) VALUES (:n, :c)",
        soci::use(version.model), soci::use(now);
    sql_ << "SELECT coalesce(max(version), 0) + 1 FROM model_versions WHERE model=:m",
        soci::into(number), soci::use(version.model);
    sql_ << "INSERT INTO model_versions (model, version, bundle, created, file, run, description, "
            "facts) VALUES (:m, :v, :b, :c, :f, :r, :d, :x)",
        soci::use(version.model), soci::use(number), soci::use(version.bundle), soci::use(now),
        soci::use(version.file), soci::use(run), soci::use(version.description), soci::use(facts);
    note(version.model, number, "registered", version.bundle, version.by);
    return number;
  }

  void add_facts(const NewVersion& version, std::int64_t number) {
    const long long id = number;
    std::string before;
    sql_ << "SELECT facts FROM model_versions WHERE model=:m AND version=:v", soci::into(before),
        soci::use(version.model), soci::use(id);
    const auto parsed = parse_json(before);
    const std::string facts = merged(parsed ? *parsed : Json::object(), version.facts).dump();
    if (facts == before) return;
    sql_ << "UPDATE model_versions SET facts=:f WHERE model=:m AND version=:v", soci::use(facts),
        soci::use(version.model), soci::use(id);
  }

  std::int64_t alias_of(const std::string& model, const std::string& alias) {
    long long number = 0;
    sql_ << "SELECT version FROM model_aliases WHERE model=:m AND alias=:a", soci::into(number),
        soci::use(model), soci::use(alias);
    return sql_.got_data() ? number : 0;
  }

  std::optional<std::string> tag_of(const std::string& model, std::int64_t version,
                                    const std::string& key) {
    const long long number = version;
    std::string value;
    sql_ << "SELECT value FROM model_tags WHERE model=:m AND version=:v AND key=:k",
        soci::into(value), soci::use(model), soci::use(number), soci::use(key);
    return sql_.got_data() ? std::optional<std::string>(value) : std::nullopt;
  }

  void put_tag(const std::string& model, std::int64_t version, const std::string& key,
               const std::string& value, const std::string& by) {
    if (tag_of(model, version, key) == value) return;
    const long long number = version;
    sql_ << "INSERT OR REPLACE INTO model_tags (model, version, key, value) VALUES (:m, :v, :k, "
            ":x)",
        soci::use(model), soci::use(number), soci::use(key), soci::use(value);
    note(model, version, "tag_set", format("{}={}", key, shown(value)), by);
  }

  void put_description(const std::string& model, std::int64_t version, const std::string& text,
                       const std::string& by) {
    const long long number = version;
    std::string before;
    sql_ << "SELECT description FROM model_versions WHERE model=:m AND version=:v",
        soci::into(before), soci::use(model), soci::use(number);
    if (before == text) return;
    sql_ << "UPDATE model_versions SET description=:d WHERE model=:m AND version=:v",
        soci::use(text), soci::use(model), soci::use(number);
    note(model, version, "described", shown(text), by);
  }

  void note(const std::string& model, std::int64_t version, const std::string& what,
            const std::string& detail, const std::string& by) {
    const long long number = version;
    const long long now = wall_clock();
    sql_ << "INSERT INTO model_history (model, version, at, what, detail, author) VALUES (:m, :v, "
            ":t, :w, :d, :b)",
        soci::use(model), soci::use(number), soci::use(now), soci::use(what), soci::use(detail),
        soci::use(by);
  }

  Result<ModelVersion> version_of(const std::string& model, std::int64_t number) {
    TRY(auto all, select(&model));
    for (ModelVersion& each : all) {
      if (each.version == number) return std::move(each);
    }
    return fail(Code::kNotFound, "registry.version_unknown", "model \"{}\" has no version {}",
                shown(model), number);
  }

  void read_models(std::vector<RegisteredModel>& out) {
    // The newest by its own column: an aggregate has no type.
    const soci::rowset<soci::row> found =
        (sql_.prepare << "SELECT m.name, m.created, v.version FROM models m JOIN model_versions v "
                         "ON v.model=m.name ORDER BY m.name, v.version");
    for (const soci::row& row : found) {
      const std::string name = row.get<std::string>(0);
      if (out.empty() || out.back().name != name) {
        out.push_back({name, row.get<long long>(1), 0, {}});
      }
      out.back().newest = row.get<long long>(2);
    }
  }

  void read_aliases_of(std::vector<RegisteredModel>& models) {
    const soci::rowset<soci::row> found =
        (sql_.prepare << "SELECT model, alias, version FROM model_aliases ORDER BY model, alias");
    for (const soci::row& row : found) {
      const std::string name = row.get<std::string>(0);
      const auto model = std::find_if(models.begin(), models.end(),
                                      [&](const auto& each) { return each.name == name; });
      if (model == models.end()) continue;
      model->aliases.emplace_back(row.get<std::string>(1), row.get<long long>(2));
    }
  }

  // By model and number.
  Result<std::vector<ModelVersion>> select(const std::string* model) {
    std::vector<ModelVersion> out;
    TRY_STATUS(guarded([&] {
      read_versions(model, out);
      read_aliases(out);
      read_tags(out);
    }));
    return out;
  }

  void read_versions(const std::string* model, std::vector<ModelVersion>& out) {
    const std::string only = model != nullptr ? *model : "";
    const int all = model == nullptr ? 1 : 0;
    const soci::rowset<soci::row> found =
        (sql_.prepare << "SELECT model, version, bundle, created, file, run, description, facts "
                         "FROM model_versions WHERE :a=1 OR model=:m ORDER BY model, version",
         soci::use(all), soci::use(only));
    for (const soci::row& row : found) out.push_back(version_at(row));
  }

  void read_aliases(std::vector<ModelVersion>& versions) {
    const soci::rowset<soci::row> found =
        (sql_.prepare << "SELECT model, version, alias FROM model_aliases ORDER BY alias");
    for (const soci::row& row : found) {
      ModelVersion* version = find(versions, row);
      if (version != nullptr) version->aliases.push_back(row.get<std::string>(2));
    }
  }

  void read_tags(std::vector<ModelVersion>& versions) {
    const soci::rowset<soci::row> found =
        (sql_.prepare << "SELECT model, version, key, value FROM model_tags ORDER BY key");
    for (const soci::row& row : found) {
      ModelVersion* version = find(versions, row);
      if (version == nullptr) continue;
      version->tags.set(row.get<std::string>(2), row.get<std::string>(3));
    }
  }

  static ModelVersion version_at(const soci::row& row) {
    ModelVersion out;
    out.model = row.get<std::string>(0);
    out.version = row.get<long long>(1);
    out.bundle = row.get<std::string>(2);
    out.created = row.get<long long>(3);
    out.file = row.get<std::string>(4);
    out.run = row.get<long long>(5);
    out.description = row.get<std::string>(6);
    if (auto facts = parse_json(row.get<std::string>(7))) out.facts = std::move(*facts);
    return out;
  }

  static ModelVersion* find(std::vector<ModelVersion>& all, const soci::row& row) {
    const std::string model = row.get<std::string>(0);
    const std::int64_t number = row.get<long long>(1);
    const auto found = std::find_if(all.begin(), all.end(), [&](const ModelVersion& each) {
      return each.version == number && each.model == model;
    });
    return found == all.end() ? nullptr : &*found;
  }

  soci::session& sql_;
  std::string path_;
};

}  // namespace

std::unique_ptr<Registry> make_registry(soci::session& sql, const std::string& path) {
  return std::make_unique<SqliteRegistry>(sql, path);
}

}  // namespace kingpost::store
