// SPDX-License-Identifier: Apache-2.0
#include "steps/18_deploy/config.h"

namespace kingpost::steps::deploy {

Json to_json(const Config& config) {
  Json words = Json::array();
  for (const std::string& each : config.words) words.push(each);
  Json out = Json::object().set("name", config.name).set("address", config.address);
  out.set("http", config.http).set("grpc", config.grpc);
  out.set("tls", Json::object()
                     .set("certificate", config.tls.certificate)
                     .set("key", config.tls.key)
                     .set("client_authorities", config.tls.client_authorities));
  out.set("program", config.program);
  return std::move(out.set("words", std::move(words)));
}

Config config_from_json(const Json& json) {
  Config out;
  out.name = json["name"].text();
  out.address = json["address"].text();
  out.http = static_cast<int>(json["http"].integer());
  if (json.has("grpc")) out.grpc = static_cast<int>(json["grpc"].integer());
  const Json& tls = json["tls"];
  out.tls = {tls["certificate"].text(), tls["key"].text(), tls["client_authorities"].text()};
  out.program = json["program"].text();
  for (const Json& each : json["words"].items()) out.words.push_back(each.text());
  return out;
}

}  // namespace kingpost::steps::deploy
