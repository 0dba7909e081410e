// SPDX-License-Identifier: Apache-2.0
// The registry: versions, references, aliases, tags, the history, and stores of earlier versions.
#include "store/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <atomic>
#include <thread>

#include "store/journal.h"
#include "store/model_names.h"
#include "support/step_harness.h"

namespace kingpost::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() : journal_(std::move(Journal::open(folder_.path())).value()) {}

  Registry& registry() { return journal_->registry(); }

  Added add(const std::string& model, const std::string& bundle, Json facts = Json::object()) {
    NewVersion version;
    version.model = model;
    version.bundle = bundle;
    version.file = "a.yaml";
    version.run = 7;
    version.facts = std::move(facts);
    version.by = "run 7";
    auto added = registry().add(version);
    EXPECT_TRUE(added) << render(added.error());
    return added ? *added : Added{};
  }

  std::int64_t resolved(const std::string& reference) {
    auto found = registry().resolve(reference);
    EXPECT_TRUE(found) << reference << ": " << render(found.error());
    return found ? found->version : 0;
  }

  Error refused(const std::string& reference) {
    auto found = registry().resolve(reference);
    EXPECT_FALSE(found) << reference;
    return found ? Error(Code::kInternal, "", "") : found.error();
  }

  std::vector<std::string> history(const std::string& model) {
    std::vector<std::string> out;
    const auto changes = registry().history(model).value();
    for (const Change& each : changes) {
      out.push_back(format("{} {}: {} by {}", each.version, each.what, each.detail, each.by));
    }
    return out;
  }

  test::TempFolder folder_;
  std::unique_ptr<Journal> journal_;
};

TEST_F(RegistryTest, VersionsCountFromOneForEachModel) {
  EXPECT_EQ(add("late", "b1").version.version, 1);
  EXPECT_EQ(add("late", "b2").version.version, 2);
  EXPECT_EQ(add("delay", "b1").version.version, 1);
  const auto all = registry().versions("late").value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].bundle, "b2");
  EXPECT_EQ(all[1].run, 7);
  EXPECT_EQ(all[1].file, "a.yaml");
  EXPECT_GT(all[1].created, 0);
  EXPECT_THAT(registry().versions("other").value(), IsEmpty());
  const auto models = registry().models().value();
  ASSERT_EQ(models.size(), 2U);
  EXPECT_EQ(models[0].name, "delay");
  EXPECT_EQ(models[1].newest, 2);
  EXPECT_EQ(registry().all_versions()->size(), 3U);
}

TEST_F(RegistryTest, ABundleIsRegisteredOnce) {
  EXPECT_FALSE(add("late", "b1", parse_json(R"({"value":1,"contests":{"c":null}})").value()).again);
  add("late", "b2");
  const Added again = add("late", "b1", parse_json(R"({"value":2,"contests":{"d":"b2"}})").value());
  EXPECT_TRUE(again.again);
  EXPECT_EQ(again.version.version, 1);
  EXPECT_EQ(again.version.facts.canonical(), R"({"contests":{"c":null,"d":"b2"},"value":2})");
  EXPECT_THAT(history("late"),
              ElementsAre("1 registered: b1 by run 7", "2 registered: b2 by run 7"));
}

TEST_F(RegistryTest, AReferenceNamesAVersion) {
  add("late", "b1");
  add("late", "b2");
  add("late", "b3");
  EXPECT_EQ(resolved("late"), 3);
  EXPECT_EQ(resolved("late/1"), 1);
  EXPECT_EQ(resolved("models:/late/2"), 2);
  ASSERT_TRUE(registry().set_alias("late", "champion", 1, "me"));
  ASSERT_TRUE(registry().set_alias("late", "night-shift", 2, "me"));
  EXPECT_EQ(resolved("late"), 1);
  EXPECT_EQ(resolved("models:/late"), 1);
  EXPECT_EQ(resolved("late@night-shift"), 2);
  EXPECT_EQ(resolved("models:/late@champion"), 1);
  EXPECT_EQ(resolved("late@latest"), 3);
  EXPECT_EQ(resolved("models:/late/latest"), 3);
}

TEST_F(RegistryTest, AnUnknownReferenceIsToldWithTheNearest) {
  EXPECT_THAT(refused("late").hint(), HasSubstr("none is registered yet"));
  add("late", "b1");
  EXPECT_EQ(refused("lat").id(), "registry.model_unknown");
  EXPECT_EQ(refused("lat").hint(), "did you mean \"late\"?");
  for (const char* version : {"late/2", "late/0", "late/-1", "late/one", "late/1/2"}) {
    EXPECT_EQ(refused(version).id(), "registry.version_unknown") << version;
  }
  EXPECT_EQ(refused("late/2").hint(), "its only version is 1");
  EXPECT_EQ(refused("late@champion").id(), "registry.alias_unknown");
  ASSERT_TRUE(registry().set_alias("late", "champion", 1, "me"));
  EXPECT_EQ(refused("late@champoin").hint(), "did you mean \"champion\"?");
  for (const char* malformed : {"", "models:/", "late@", "late/", "@champion", "a:b", " late"}) {
    EXPECT_EQ(refused(malformed).id(), "registry.reference_malformed") << malformed;
  }
}

TEST_F(RegistryTest, AnAliasStandsOnOneVersionAndMoves) {
  add("late", "b1");
  add("late", "b2");
  ASSERT_TRUE(registry().set_alias("late", "champion", 1, "me"));
  ASSERT_TRUE(registry().set_alias("late", "champion", 1, "me"));
  ASSERT_TRUE(registry().set_alias("late", "challenger", 2, "me"));
  ASSERT_TRUE(registry().set_alias("late", "champion", 2, "you"));
  const auto all = registry().versions("late").value();
  EXPECT_THAT(all[0].aliases, ElementsAre("challenger", "champion"));
  EXPECT_THAT(all[1].aliases, IsEmpty());
  EXPECT_THAT(registry().models()->front().aliases,
              ElementsAre(Pair("challenger", 2), Pair("champion", 2)));
  ASSERT_TRUE(registry().remove_alias("late", "champion", "you"));
  const auto gone = registry().remove_alias("late", "champion", "you");
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().id(), "registry.alias_unknown");
  EXPECT_EQ(registry().set_alias("late", "champion", 3, "me").error().id(),
            "registry.version_unknown");
  EXPECT_EQ(registry().set_alias("early", "champion", 1, "me").error().id(),
            "registry.model_unknown");
  EXPECT_EQ(history("late").back(), "2 alias_removed: champion by you");
  EXPECT_EQ(history("late")[4], "2 alias_set: champion, which was version 1 by you");
  EXPECT_EQ(history("late").size(), 6U);
}

TEST_F(RegistryTest, TagsAndDescriptionsAreNotedWhenTheyChange) {
  NewVersion version;
  version.model = "late";
  version.bundle = "b1";
  version.description = "first";
  version.tags.set("team", "ops");
  ASSERT_TRUE(registry().add(version));
  version.description = "better said";
  version.tags = Json::object().set("team", "data").set("risk", "low");
  const Added again = registry().add(version).value();
  EXPECT_EQ(again.version.description, "better said");
  EXPECT_EQ(again.version.tags.canonical(), R"({"risk":"low","team":"data"})");
  ASSERT_TRUE(registry().set_tag("late", 1, "risk", "low", "me"));
  ASSERT_TRUE(registry().remove_tag("late", 1, "risk", "me"));
  ASSERT_TRUE(registry().remove_tag("late", 1, "risk", "me"));
  ASSERT_TRUE(registry().describe("late", 1, "better said", "me"));
  EXPECT_EQ(registry().resolve("late")->tags.canonical(), R"({"team":"data"})");
  EXPECT_THAT(history("late"),
              ElementsAre("1 registered: b1 by ", "1 tag_set: team=ops by ",
                          "1 tag_set: team=data by ", "1 tag_set: risk=low by ",
                          "1 described: better said by ", "1 tag_removed: risk by me"));
  EXPECT_EQ(registry().set_tag("late", 1, "", "x", "me").error().id(), "registry.tag_malformed");
}

TEST_F(RegistryTest, NamesAndAliasesAreThoseThatMlflowTakes) {
  for (const char* name : {"late", "nyc flights", "nyc_flights_late", "späte-Flüge", "v1"}) {
    EXPECT_TRUE(is_model_name(name)) << name;
  }
  for (const char* name : {"", "a/b", "a:b", "a@b", " a", "a\n", ".", ".."}) {
    EXPECT_FALSE(is_model_name(name)) << name;
    NewVersion version;
    version.model = name;
    EXPECT_EQ(registry().add(version).error().id(), "registry.name_malformed") << name;
  }
  add("late", "b1");
  for (const char* alias : {"champion", "night-shift", "v", "v1a", "2013"}) {
    EXPECT_TRUE(registry().set_alias("late", alias, 1, "me")) << alias;
  }
  for (const char* alias : {"", "latest", "Latest", "v1", "V23", "a b", "a/b", "é"}) {
    EXPECT_EQ(registry().set_alias("late", alias, 1, "me").error().id(), "registry.alias_malformed")
        << alias;
  }
}

TEST_F(RegistryTest, TheHistoryCannotBeChanged) {
  add("late", "b1");
  soci::session sql(soci::sqlite3, format("dbname=\"{}/kingpost.db\"", folder_.path()));
  for (const char* statement :
       {"DELETE FROM model_history", "UPDATE model_history SET author='nobody'"}) {
    EXPECT_THROW(sql << statement, std::exception) << statement;
  }
  EXPECT_THAT(history("late"), ElementsAre("1 registered: b1 by run 7"));
}

// Registers some versions over a connection of its own; how many of them it could.
int register_some(const std::string& folder, int writer) {
  const auto journal = Journal::open(folder);
  int done = 0;
  for (int n = 0; journal && n < 5; ++n) {
    NewVersion version;
    version.model = "late";
    version.bundle = format("{} {}", writer, n);
    auto& registry = (*journal)->registry();
    const auto added = registry.add(version);
    if (added && registry.set_alias("late", "challenger", added->version.version, "me")) ++done;
  }
  return done;
}

TEST_F(RegistryTest, SeveralProcessesMayWriteAtOnce) {
  std::atomic<int> done{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] { done += register_some(folder_.path(), i); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, 20);
  EXPECT_EQ(registry().models()->front().newest, 20);
  EXPECT_EQ(registry().versions("late")->size(), 20U);
}

TEST(RegistrySchemaTest, StoresOfEarlierVersionsGetOne) {
  for (const int version : {1, 2, 3}) {
    const test::TempFolder folder;
    {
      auto journal = std::move(Journal::open(folder.path())).value();
      ASSERT_TRUE(journal->begin_run("run", "a.yaml"));
    }
    {
      soci::session sql(soci::sqlite3, format("dbname=\"{}/kingpost.db\"", folder.path()));
      for (const char* table :
           {"models", "model_versions", "model_aliases", "model_tags", "model_history"}) {
        sql << format("DROP TABLE {}", table);
      }
      if (version < 3) sql << "DROP TABLE test_openings";
      if (version < 2) sql << "DROP TABLE uses";
      sql << format("PRAGMA user_version={}", version);
    }
    auto journal = std::move(Journal::open(folder.path())).value();
    EXPECT_EQ(journal->runs(9)->size(), 1U);
    NewVersion first;
    first.model = "late";
    first.bundle = "b";
    EXPECT_EQ(journal->registry().add(first)->version.version, 1);
    EXPECT_TRUE(journal->uses());
    EXPECT_TRUE(journal->open_test("t", "v"));
  }
}

}  // namespace
}  // namespace kingpost::store
