// SPDX-License-Identifier: Apache-2.0
// Manifests as canonical JSON.
#include "lifecycle/manifest.h"

#include "base/text.h"

namespace kingpost::lifecycle {

std::vector<std::string> Manifest::digests() const {
  std::vector<std::string> out;
  for (const auto* dataset : {&output, &beside}) {
    for (const auto& part : dataset->parts()) out.push_back(part.digest);
  }
  return out;
}

std::int64_t Manifest::bytes() const {
  std::int64_t sum = 0;
  for (const auto* dataset : {&output, &beside}) {
    for (const auto& part : dataset->parts()) sum += part.bytes;
  }
  return sum;
}

Manifest manifest_of(std::string_view step, const steps::Outcome& outcome) {
  return {std::string(step), outcome.output, outcome.beside,
          outcome.report,    outcome.counts, outcome.warnings};
}

std::string to_text(const Manifest& manifest) {
  Json counts = Json::array();
  for (const steps::Count& count : manifest.counts) {
    counts.push(Json::object().set("what", count.what).set("number", count.number));
  }
  Json warnings = Json::array();
  for (const std::string& warning : manifest.warnings) warnings.push(warning);
  Json out = Json::object();
  out.set("step", manifest.step).set("output", records::to_json(manifest.output));
  out.set("beside", records::to_json(manifest.beside)).set("report", manifest.report);
  out.set("counts", std::move(counts)).set("warnings", std::move(warnings));
  return out.canonical() + "\n";
}

Result<Manifest> read_manifest(const store::Objects& objects, const std::string& digest) {
  TRY(const std::string text, objects.read(digest));
  TRY(const Json json, parse_json(text));
  Manifest out;
  out.step = json["step"].text();
  out.output = records::dataset_from_json(json["output"]);
  out.beside = records::dataset_from_json(json["beside"]);
  out.report = json["report"];
  for (const Json& count : json["counts"].items()) {
    out.counts.push_back({count["what"].text(), count["number"].integer()});
  }
  for (const Json& warning : json["warnings"].items()) out.warnings.push_back(warning.text());
  return out;
}

std::string counts_text(const std::vector<steps::Count>& counts) {
  std::vector<std::string> parts;
  for (const steps::Count& count : counts) {
    parts.push_back(counted(count.number, count.what));
  }
  return join(parts, ", ");
}

}  // namespace kingpost::lifecycle
