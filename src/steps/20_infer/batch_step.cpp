// SPDX-License-Identifier: Apache-2.0
// The recipe: answers are written in the store, sealed, and copied to their place from there, so
// that a step that is used again can put them there too.
#include "steps/20_infer/batch_step.h"

#include "base/digest.h"
#include "base/files.h"
#include "base/new_file.h"
#include "base/text.h"
#include "steps/20_infer/infer.h"
#include "steps/registration.h"
#include "steps/spare_files.h"
#include "store/journal.h"
#include "store/model_names.h"
#include "store/registry.h"

namespace kingpost::steps::infer {
namespace {

constexpr std::string_view kRejected = "rejected.ndjson";
constexpr std::string_view kSameFile = "infer.same_file";

// Folders are told from files that cannot be read, and pipes are not waited for.
Result<std::string> digest_of(const std::string& path) {
  TRY_STATUS(stamp_of(path));
  return sha256_of_file(path);
}

struct Places {
  std::string input;
  std::string output;
  std::string rejected;
};

Places places_of(const Node& section, const Settings& settings) {
  const auto path = [&](std::string_view key) {
    return resolve_path(settings.folder, section.text_at(key));
  };
  Places out{path("input"), path("output"), {}};
  out.rejected = section.has("rejected") ? path("rejected") : out.output + ".rejected.ndjson";
  return out;
}

// The version that the section names; nothing where it is that of this run. What this run is still
// to register is no fault before.
Result<std::optional<store::ModelVersion>> named_version(const Node& section, const Node& pipeline,
                                                         const Settings& settings,
                                                         store::Registry& registry, bool is_early) {
  using Found = std::optional<store::ModelVersion>;
  if (!section.has("model")) return Found();
  const std::string name = section.text_at("model");
  const auto found = [&]() -> Result<Found> {
    TRY(const auto wanted, store::parse_model_reference(name));
    const bool is_own = wanted.model == registration_of(pipeline, settings).model;
    auto version = registry.resolve(name);
    if (version) return Found(std::move(*version));
    if (is_early && is_own && version.error().code() == Code::kNotFound) return Found();
    return std::move(version).error();
  }();
  if (found) return *found;
  return Error(found.error()).at(section.at("model").mark.place());
}

std::string answers_name(Form form) {
  if (form == Form::kParquet) return "predictions.parquet";
  return form == Form::kNdjson ? "predictions.ndjson" : "predictions.csv";
}

Status copy_to(const std::string& from, NewFile& to) {
  TRY_STATUS(to.check());
  Status written;
  TRY_STATUS(read_chunks(from, [&](std::string_view piece) {
    written = to.write(piece);
    return written.has_value();
  }));
  TRY_STATUS(written);
  return to.keep();
}

Status place(const store::Objects& objects, const records::File& file, const std::string& path) {
  if (exists(path)) {
    const auto digest = digest_of(path);
    if (digest && *digest == file.digest) return {};
  }
  NewFile made(path);
  return copy_to(objects.path_of(file.digest), made);
}

// What another run rejected says nothing of this one.
Status place_all(const store::Objects& objects, const records::Dataset& output,
                 const Places& places, Form form) {
  const records::File* const answers = output.find_file(answers_name(form));
  if (answers != nullptr) TRY_STATUS(place(objects, *answers, places.output));
  const records::File* const rejected = output.find_file(kRejected);
  if (rejected == nullptr) return remove_file(places.rejected);
  return place(objects, *rejected, places.rejected);
}

class Inferring {
 public:
  explicit Inferring(RunContext& context)
      : context_(context), places_(places_of(context.section, context.settings)) {}

  Result<Outcome> run() {
    outcome_.output = context_.input;
    TRY(const std::string digest, bundle_digest());
    TRY(const Bundle bundle, Bundle::in_store(context_.objects, digest));
    TRY(const BundledModel opened, open_model(bundle));
    ScoreRequest request;
    request.model = opened.model.get();
    request.signature = &opened.signature;
    TRY_STATUS(fill(request));
    const auto summary = score_file(request);
    if (!summary) {
      TRY_STATUS(tell_rejected(request.rejected));
      return summary.error();
    }
    TRY_STATUS(seal(answers_name(request.out_form), request.out));
    if (exists(request.rejected)) TRY_STATUS(seal(std::string(kRejected), request.rejected));
    TRY_STATUS(place_all(context_.objects, outcome_.output, places_, request.out_form));
    say(*summary, digest);
    return std::move(outcome_);
  }

 private:
  Result<std::string> bundle_digest() const {
    TRY(const auto named, named_version(context_.section, context_.pipeline, context_.settings,
                                        context_.journal->registry(), false));
    if (named) return named->bundle;
    TRY(const Json version, json_of(context_, "version.json"));
    return version["bundle"].text();
  }

  Status fill(ScoreRequest& request) {
    TRY_STATUS(check_places({places_.input}, places_.output, places_.rejected));
    // A check that has passed is not made again.
    for (const std::string& each : {places_.output, places_.rejected}) {
      TRY_STATUS(spare_files(kSameFile, context_.pipeline, context_.settings, each, "infer"));
    }
    request.in.path = places_.input;
    TRY(request.in.form, form_of(places_.input, {}));
    TRY(request.out_form, out_form_of(places_.output, {}));
    request.out = context_.objects.temp_path(answers_name(request.out_form));
    request.rejected = context_.objects.temp_path(kRejected);
    request.in.engine = context_.settings.engine;
    request.in.engine.temp_folder = context_.objects.temp_path("spill");
    const std::string keep = context_.section.text_at("keep");
    request.in.keep_key = keep.empty();
    request.in.keep_all = keep == "all";
    if (!keep.empty() && keep != "all") request.in.keep = split(keep, ',');
    request.threads = context_.settings.engine.threads;
    request.cancelled = context_.cancelled;
    return {};
  }

  // Where no row could be scored they are told all the same.
  Status tell_rejected(const std::string& from) const {
    if (!exists(from)) return {};
    NewFile made(places_.rejected);
    return copy_to(from, made);
  }

  Status seal(std::string name, const std::string& path) {
    TRY(records::File file, seal_file(context_, std::move(name), path));
    outcome_.output.put(std::move(file));
    return {};
  }

  void say(const ScoreSummary& summary, const std::string& bundle) {
    outcome_.warnings = summary.notes;
    if (summary.rejected > 0) {
      outcome_.warnings.push_back(format("{} rejected, the first in {}; all are in \"{}\"",
                                         counted(summary.rejected, "rows"), summary.first_reject,
                                         shown(places_.rejected, 200)));
    }
    outcome_.counts = {{"rows", summary.rows}, {"rejected", summary.rejected}};
    outcome_.report.set("bundle", bundle).set("rows", summary.rows);
    outcome_.report.set("scored", summary.scored).set("rejected", summary.rejected);
  }

  RunContext& context_;
  Places places_;
  Outcome outcome_;
};

}  // namespace

void check(CheckContext& context) {
  const Node& section = context.section;
  if (!section.is_map()) return;
  const Places places = places_of(section, context.settings);
  const auto add = [&](std::string_view key, const Error& error) {
    context.faults.add(fault_at(section.at(key).mark, error.id(), error.what(), error.hint()));
  };
  if (const auto form = form_of(places.input, {}); !form) add("input", form.error());
  if (const auto stamp = stamp_of(places.input); !stamp) add("input", stamp.error());
  if (const auto form = out_form_of(places.output, {}); !form) add("output", form.error());
  const auto is_fit = [&](std::string_view key, const std::string& path,
                          const std::string& rejects) {
    Status fit = check_places({places.input}, places.output, rejects);
    if (fit) fit = spare_files(kSameFile, context.pipeline, context.settings, path, "infer");
    if (!fit) add(key, fit.error());
    return fit.has_value();
  };
  if (!is_fit("output", places.output, {})) return;
  is_fit(section.has("rejected") ? "rejected" : "output", places.rejected, places.rejected);
}

Result<Json> key_parts(KeyContext& context) {
  const Places places = places_of(context.section, context.settings);
  const auto rows = digest_of(places.input);
  if (!rows) return Error(rows.error()).at(context.section.at("input").mark.place());
  Json out = Json::object().set("rows", *rows);
  TRY(const auto named, named_version(context.section, context.pipeline, context.settings,
                                      context.journal.registry(), context.input == nullptr));
  if (!named) return out;
  return std::move(out.set("bundle", named->bundle));
}

Result<Outcome> run(RunContext& context) {
  return Inferring(context).run();
}

Status restore(const RestoreContext& context) {
  const Places places = places_of(context.section, context.settings);
  TRY(const Form form, out_form_of(places.output, {}));
  return place_all(context.objects, context.output, places, form);
}

}  // namespace kingpost::steps::infer
