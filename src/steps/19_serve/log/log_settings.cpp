// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/log/log_settings.h"

#include <array>
#include <string_view>

#include "base/text.h"

namespace kingpost::steps::serve {
namespace {

using http::AccessLevel;

struct Switch {
  std::string_view name;
  AccessLevel level;
};
constexpr std::array<Switch, 3> kSwitches = {{{"log_info", AccessLevel::kInfo},
                                              {"log_warning", AccessLevel::kWarning},
                                              {"log_error", AccessLevel::kError}}};

const Switch* find_switch(std::string_view name) {
  for (const Switch& each : kSwitches) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

Error refused(std::string_view name, std::string_view why) {
  return fail(Code::kInvalidInput, "serve.log_setting", "log setting '{}' {}", shown(name), why);
}

}  // namespace

Json LogSettings::read() const {
  Json out = Json::object().set("log_file", file_);
  for (const Switch& each : kSwitches) {
    out.set(std::string(each.name), log_ != nullptr && log_->keeps(each.level));
  }
  return std::move(out.set("log_verbose_level", 0).set("log_format", "ISO8601"));
}

Status LogSettings::change(const Json& settings) {
  if (!settings.is_object()) {
    return fail(Code::kInvalidInput, "serve.log_setting", "log settings are an object of JSON");
  }
  const Json now = read();
  for (const auto& [name, value] : settings.entries()) {
    if (!now.has(name)) return refused(name, "is not known");
    if (value == now[name]) continue;
    if (find_switch(name) == nullptr) {
      return refused(name,
                     format("is {} and cannot be changed while the server runs", now[name].dump()));
    }
    if (!value.is_boolean()) return refused(name, "is true or false");
    if (log_ == nullptr) {
      return refused(name, "cannot be true: the server was started without --access-log");
    }
  }
  for (const auto& [name, value] : settings.entries()) {
    const Switch* const found = find_switch(name);
    if (found != nullptr && log_ != nullptr) log_->keep(found->level, value.boolean());
  }
  return {};
}

}  // namespace kingpost::steps::serve
