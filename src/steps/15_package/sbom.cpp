// SPDX-License-Identifier: Apache-2.0
#include "steps/15_package/sbom.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "base/version.h"

namespace kingpost::steps::package {
namespace {

constexpr std::string_view kOwnLicence = "Apache-2.0";

// tests/lifecycle/sbom_test.py holds these against deps.lock.
constexpr std::array<Component, 3> kAlways = {
    {{"onnxruntime", "1.32.0", "MIT", "pkg:pypi/onnxruntime@1.32.0",
      "5a34fc4dfeb5a7b4a74c95dcba1e773d722abda720b474edf1b0c419dc6d163d", "runs"},
     {"onnx", "1.23.2", "Apache-2.0", "pkg:pypi/onnx@1.23.2",
      "c03ecf6b835d136108eeaeeafbd0026fc7b3cf98661409fbc6b63d5a29361348", "made"},
     {"duckdb", "1.5.5-r.1", "MIT", "pkg:npm/%40duckdb/node-bindings-linux-x64@1.5.5-r.1",
      "0131886dbccc92153c5a8ebf2f2cb11dbeb10988d1bd12eba68626abd81042cb", "made"}}};
constexpr Component kLightgbm = {"lightgbm",
                                 "4.7.0",
                                 "MIT",
                                 "pkg:pypi/lightgbm@4.7.0",
                                 "d23e922acd891e77212e4d0fbcee9ba973c96dee479491341d05ba595357ebb7",
                                 "made"};
constexpr Component kLiblinear = {
    "liblinear", "2.3.0", "BSD-3-Clause", "pkg:deb/debian/liblinear-dev@2.3.0", "", "made"};

std::string own_purl() {
  return format("pkg:generic/kingpost@{}", kingpost_version());
}

// The digest cut into the groups of a UUID (RFC 9562, version 8: made by rules of one's own).
std::string uuid_of(std::string_view digest) {
  return format("{}-{}-8{}-8{}-{}", digest.substr(0, 8), digest.substr(8, 4), digest.substr(13, 3),
                digest.substr(17, 3), digest.substr(20, 12));
}

Json spdx_package(std::string_view id, std::string_view name, std::string_view version,
                  std::string_view licence) {
  const std::string_view said = licence.empty() ? std::string_view("NOASSERTION") : licence;
  Json out = Json::object();
  out.set("SPDXID", format("SPDXRef-{}", id)).set("name", name).set("versionInfo", version);
  out.set("downloadLocation", "NOASSERTION").set("filesAnalyzed", false);
  out.set("licenseConcluded", "NOASSERTION").set("licenseDeclared", said);
  return std::move(out.set("copyrightText", "NOASSERTION"));
}

Json spdx_checksum(std::string_view digest) {
  Json out = Json::array();
  out.push(Json::object().set("algorithm", "SHA256").set("checksumValue", digest));
  return out;
}

Json spdx_purl(std::string_view purl) {
  Json out = Json::array();
  out.push(Json::object()
               .set("referenceCategory", "PACKAGE-MANAGER")
               .set("referenceType", "purl")
               .set("referenceLocator", purl));
  return out;
}

Json relation(std::string_view from, std::string_view kind, std::string_view to) {
  return Json::object()
      .set("spdxElementId", format("SPDXRef-{}", from))
      .set("relationshipType", kind)
      .set("relatedSpdxElement", format("SPDXRef-{}", to));
}

// An identifier of SPDX has letters, digits, points and dashes only.
std::string spdx_id(std::string_view text) {
  std::string out(text);
  std::replace_if(
      out.begin(), out.end(),
      [](char c) {
        const bool is_plain =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.';
        return !is_plain;
      },
      '-');
  return out;
}

Json cyclone_hash(std::string_view digest) {
  Json out = Json::array();
  out.push(Json::object().set("alg", "SHA-256").set("content", digest));
  return out;
}

Json cyclone_licences(std::string_view licence) {
  Json out = Json::array();
  out.push(Json::object().set("expression", licence));
  return out;
}

Json cyclone_component(const Component& component) {
  Json out = Json::object().set("type", "library").set("bom-ref", component.purl);
  out.set("name", component.name).set("version", component.version);
  out.set("scope", component.role == "runs" ? "required" : "excluded");
  if (!component.sha256.empty()) out.set("hashes", cyclone_hash(component.sha256));
  out.set("licenses", cyclone_licences(component.licence));
  return std::move(out.set("purl", component.purl));
}

Json cyclone_tool() {
  Json out = Json::object().set("type", "application").set("bom-ref", own_purl());
  out.set("name", "kingpost").set("version", kingpost_version());
  out.set("licenses", cyclone_licences(kOwnLicence));
  return std::move(out.set("purl", own_purl()));
}

// {name of the source, name of the file, sha256} of each file that the model was made from. Files
// of several folders may have one name; a reference is of one file alone.
struct DataFile {
  std::string name;
  std::string digest;
  std::string reference{};
};
std::vector<DataFile> data_files(const Json& sources) {
  std::vector<DataFile> out;
  for (const auto& [source, files] : sources.entries()) {
    for (const Json& file : files.items()) {
      out.push_back({format("{}/{}", source, file["file"].text()), file["sha256"].text()});
    }
  }
  std::set<std::string> taken;
  for (const DataFile& each : out) taken.insert("data:" + each.name);
  std::set<std::string> given;
  for (DataFile& each : out) {
    each.reference = "data:" + each.name;
    for (int number = 2; given.contains(each.reference); ++number) {
      std::string other = format("data:{}#{}", each.name, number);
      if (!taken.contains(other)) each.reference = std::move(other);
    }
    given.insert(each.reference);
  }
  return out;
}

// Those that are on no list and so must be told in the document itself, each once.
std::set<std::string> own_licences(std::string_view expression) {
  std::set<std::string> out;
  const auto is_break = [](char c) { return c == ' ' || c == '(' || c == ')' || c == '+'; };
  for (std::size_t at = 0; at < expression.size();) {
    const auto* const end = std::find_if(expression.begin() + at, expression.end(), is_break);
    const auto stop = static_cast<std::size_t>(end - expression.begin());
    const std::string_view word = expression.substr(at, stop - at);
    if (starts_with(word, "LicenseRef-")) out.emplace(word);
    at = stop + 1;
  }
  return out;
}

Json spdx_own_licences(std::string_view expression) {
  Json out = Json::array();
  for (const std::string& each : own_licences(expression)) {
    out.push(Json::object()
                 .set("licenseId", each)
                 .set("extractedText", "NOASSERTION")
                 .set("name", "NOASSERTION")
                 .set("comment", "a licence of who gives the model, who has its text"));
  }
  return out;
}

Json cyclone_model(const SbomFacts& facts) {
  Json datasets = Json::array();
  for (const DataFile& each : data_files(facts.sources)) {
    datasets.push(Json::object().set("ref", each.reference));
  }
  Json parameters = Json::object().set("task", facts.task);
  parameters.set("datasets", std::move(datasets));
  Json card = Json::object().set("modelParameters", std::move(parameters));
  Json out = Json::object().set("type", "machine-learning-model").set("bom-ref", "model");
  out.set("name", facts.name).set("version", facts.digest.substr(0, 12));
  out.set("hashes", cyclone_hash(facts.digest));
  if (!facts.licence.empty()) out.set("licenses", cyclone_licences(facts.licence));
  return std::move(out.set("modelCard", std::move(card)));
}

}  // namespace

std::vector<Component> components_of(std::string_view family) {
  std::vector<Component> out(kAlways.begin(), kAlways.end());
  if (family == "lightgbm") out.push_back(kLightgbm);
  if (family == "logistic") out.push_back(kLiblinear);
  return out;
}

bool is_licence_expression(std::string_view text) {
  return !text.empty() && text.size() <= 200 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view(" .+-()").find(c) != std::string_view::npos;
  });
}

Json licences_of(const SbomFacts& facts) {
  Json out = Json::array();
  Json model = Json::object().set("name", facts.name).set("version", facts.digest.substr(0, 12));
  model.set("licence", facts.licence.empty() ? Json() : Json(facts.licence));
  out.push(std::move(model.set("role", "model")));
  Json own = Json::object().set("name", "kingpost").set("version", kingpost_version());
  out.push(std::move(own.set("licence", kOwnLicence).set("role", "made")));
  for (const Component& each : facts.components) {
    Json row = Json::object().set("name", each.name).set("version", each.version);
    out.push(std::move(row.set("licence", each.licence).set("role", each.role)));
  }
  return out;
}

Json spdx_of(const SbomFacts& facts) {
  Json packages = Json::array();
  Json relations = Json::array();
  Json model = spdx_package("model", facts.name, facts.digest.substr(0, 12), facts.licence);
  packages.push(std::move(model.set("checksums", spdx_checksum(facts.digest))));
  relations.push(relation("DOCUMENT", "DESCRIBES", "model"));
  Json own = spdx_package("kingpost", "kingpost", kingpost_version(), kOwnLicence);
  packages.push(std::move(own.set("externalRefs", spdx_purl(own_purl()))));
  relations.push(relation("kingpost", "BUILD_TOOL_OF", "model"));
  for (const Component& each : facts.components) {
    const std::string id = spdx_id(each.name);
    Json package = spdx_package(id, each.name, each.version, each.licence);
    if (!each.sha256.empty()) package.set("checksums", spdx_checksum(each.sha256));
    packages.push(std::move(package.set("externalRefs", spdx_purl(each.purl))));
    const bool runs = each.role == "runs";
    relations.push(runs ? relation("model", "DEPENDS_ON", id)
                        : relation(id, "BUILD_DEPENDENCY_OF", "model"));
  }
  int number = 0;
  for (const DataFile& each : data_files(facts.sources)) {
    const std::string id = format("data-{}", ++number);
    Json data = spdx_package(id, each.name, each.digest.substr(0, 12), "");
    packages.push(std::move(data.set("checksums", spdx_checksum(each.digest))));
    relations.push(relation("model", "GENERATED_FROM", id));
  }
  Json creators = Json::array();
  creators.push(format("Tool: kingpost-{}", kingpost_version()));
  Json creation = Json::object().set("creators", std::move(creators));
  creation.set("created", facts.created.empty() ? "1970-01-01T00:00:00Z" : facts.created);
  Json out = Json::object().set("spdxVersion", "SPDX-2.3").set("dataLicense", "CC0-1.0");
  out.set("SPDXID", "SPDXRef-DOCUMENT").set("name", facts.name);
  out.set("documentNamespace", format("urn:uuid:{}", uuid_of(facts.digest)));
  out.set("creationInfo", std::move(creation)).set("packages", std::move(packages));
  Json own_texts = spdx_own_licences(facts.licence);
  if (!own_texts.items().empty()) out.set("hasExtractedLicensingInfos", std::move(own_texts));
  return std::move(out.set("relationships", std::move(relations)));
}

Json cyclonedx_of(const SbomFacts& facts) {
  Json components = Json::array();
  Json needed = Json::array();
  for (const Component& each : facts.components) {
    components.push(cyclone_component(each));
    if (each.role == "runs") needed.push(each.purl);
  }
  for (const DataFile& each : data_files(facts.sources)) {
    Json data = Json::object().set("type", "data").set("bom-ref", each.reference);
    components.push(
        std::move(data.set("name", each.name).set("hashes", cyclone_hash(each.digest))));
  }
  for (const Bundle::File& each : facts.files) {
    Json file = Json::object().set("type", "file").set("bom-ref", "file:" + each.name);
    components.push(
        std::move(file.set("name", each.name).set("hashes", cyclone_hash(each.digest))));
  }
  Json tools = Json::array();
  tools.push(cyclone_tool());
  Json metadata = Json::object();
  if (!facts.created.empty()) metadata.set("timestamp", facts.created);
  metadata.set("tools", Json::object().set("components", std::move(tools)));
  metadata.set("component", cyclone_model(facts));
  Json dependencies = Json::array();
  dependencies.push(Json::object().set("ref", "model").set("dependsOn", std::move(needed)));
  Json out = Json::object().set("bomFormat", "CycloneDX").set("specVersion", "1.5");
  out.set("serialNumber", format("urn:uuid:{}", uuid_of(facts.digest))).set("version", 1);
  out.set("metadata", std::move(metadata)).set("components", std::move(components));
  return std::move(out.set("dependencies", std::move(dependencies)));
}

}  // namespace kingpost::steps::package
