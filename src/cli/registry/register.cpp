// SPDX-License-Identifier: Apache-2.0
// kingpost register: a model that was made elsewhere, or a bundle, becomes a version.
#include "base/digest.h"
#include "base/files.h"
#include "base/scratch.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/output.h"
#include "steps/16_register/model_file.h"
#include "steps/16_register/packaged_parity.h"
#include "steps/19_serve/model.h"
#include "steps/bundle.h"
#include "steps/input_example.h"
#include "store/lock.h"
#include "store/model_names.h"

namespace kingpost::cli {
namespace {

using steps::Bundle;
using steps::registering::ModelFile;

// What is registered: a folder with a bundle, and what is known of it beside.
struct Entry {
  std::string folder;
  Json facts;
  std::string parity;
};

Status write_bundle(const ModelFile& file, const std::string& folder) {
  std::vector<Bundle::File> files;
  for (const auto& [name, bytes] : file.files) {
    const std::string path = format("{}/{}", folder, name);
    TRY_STATUS(make_folders(parent_of(path)));
    TRY_STATUS(write_durably(path, bytes));
    files.push_back({name, sha256_of(bytes), {}});
  }
  const std::string sums = steps::bundle_sums(std::move(files));
  return write_durably(format("{}/{}", folder, steps::kBundleSums), sums);
}

// A bundle that was packaged elsewhere has to answer here as it did there.
Result<Entry> from_folder(const std::string& folder) {
  TRY(const Bundle bundle, Bundle::in_folder(folder));
  TRY_STATUS(steps::no_strangers(bundle, folder));
  TRY_STATUS(bundle.verify());
  Entry out{folder, Json::object().set("candidate", "bundle").set("family", "bundle"), {}};
  if (bundle.find(steps::kExampleFile) == nullptr) {
    out.parity = "it has no input example to ask it with";
    out.facts.set("parity", Json::object().set("rows", 0));
    return out;
  }
  TRY(const auto differences, steps::differing_answers(bundle));
  if (!differences.empty()) {
    Error error = fail(Code::kDataRejected, "register.answers_differ",
                       "the graph of {} answers {} of its input example otherwise than when it "
                       "was packaged",
                       shown(folder, 200), counted(std::ssize(differences), "cells"))
                      .hint("was it packaged with another version of the runtime?");
    for (const std::string& each : differences) error = std::move(error).detail(each);
    return error;
  }
  TRY(const auto example, steps::read_input_example(bundle));
  TRY(Json parity, steps::registering::example_parity(bundle));
  out.parity = format("{} of the input example: the same bits as when it was packaged; {}",
                      counted(example.rows.rows, "rows"), parity["words"].text());
  parity.set("rows", example.rows.rows).set("differing_cells", 0);
  out.facts.set("parity", std::move(parity));
  return out;
}

Result<Entry> from_file(const std::string& path, const std::string& scratch) {
  TRY(const ModelFile file, steps::registering::read_model_file(path));
  Entry out{scratch + "/bundle", file.facts, file.parity};
  TRY_STATUS(write_bundle(file, out.folder));
  return out;
}

// Bytes are sealed as they are checked: a folder may change meanwhile.
Status seal(const Bundle& bundle, store::Objects& objects) {
  for (const Bundle::File& each : bundle.files()) {
    TRY(const std::string bytes, bundle.bytes(each.name));
    TRY_STATUS(objects.seal_text(bytes));
  }
  TRY_STATUS(objects.seal_text(bundle.sums()));
  return {};
}

}  // namespace

Status register_command(const Arguments& arguments) {
  const std::string& path = arguments.words.at(0);
  TRY_STATUS(store::check_model_name(arguments.model));
  if (!arguments.alias.empty()) TRY_STATUS(store::check_alias(arguments.alias));
  TRY(auto store, open_store(arguments));
  TRY(const auto lock, store::Lock::acquire(store.objects.folder(), arguments.line));
  TRY(const Scratch scratch, Scratch::make("register"));
  TRY(Entry entry, is_folder(path) ? from_folder(path) : from_file(path, scratch.path()));
  // What cannot be served is not registered.
  TRY_STATUS(steps::serve::ServedModel::load({arguments.model, 1, entry.folder}));
  TRY(const Bundle bundle, Bundle::in_folder(entry.folder));
  TRY_STATUS(seal(bundle, store.objects));
  store::NewVersion fresh;
  fresh.model = arguments.model;
  fresh.bundle = bundle.digest();
  fresh.by = arguments.line;
  fresh.file = path;
  fresh.facts = std::move(entry.facts);
  if (!bundle.signature().empty()) {
    TRY(const auto sealed, store.objects.seal_text(bundle.signature()));
    fresh.facts.set("objects", Json::object().set(steps::kSignatureObject, sealed.digest));
  }
  fresh.facts.set("parity", Json(fresh.facts["parity"]).set("words", entry.parity));
  auto& registry = store.journal->registry();
  TRY(const auto added, registry.add(fresh));
  if (!arguments.alias.empty()) {
    TRY_STATUS(registry.set_alias(arguments.model, arguments.alias, added.version.version,
                                  arguments.line));
  }
  print(format("{}: {} version {} of {}{}\nparity: {}\nsha256 {}\n", shown(path, 200),
               added.again ? "is already" : "is", added.version.version, arguments.model,
               arguments.alias.empty() ? "" : ", the " + arguments.alias, entry.parity,
               bundle.digest()));
  return {};
}

}  // namespace kingpost::cli
