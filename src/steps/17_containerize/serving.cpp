// SPDX-License-Identifier: Apache-2.0
#include "steps/17_containerize/serving.h"

#include <algorithm>

#include "base/text.h"
#include "steps/serve_options.h"

namespace kingpost::steps::containerize {
namespace {

constexpr std::string_view kEverywhere = "0.0.0.0";
constexpr std::string_view kRequestLog = "/var/log/kingpost";

std::string secret_place(std::string_view key) {
  std::string name(key);
  std::replace(name.begin(), name.end(), '.', '_');
  return "/run/secrets/" + name;
}

class Translating {
 public:
  Result<Serving> run(const Node& serve) {
    for (const ServeOption& each : serve_options(serve)) take(each);
    if (http_ == "0" || grpc_ == "0") {
      return fail(Code::kInvalidInput, "containerize.ports_unfit",
                  "serve.{} is 0, any port that is free, and an image must say its ports",
                  http_ == "0" ? "http" : "grpc")
          .hint("name a port");
    }
    if (http_ == grpc_) {
      return fail(Code::kInvalidInput, "containerize.ports_unfit",
                  "HTTP and gRPC would both listen at port {} of the image", http_)
          .hint("name serve.http and serve.grpc; in an image they are 8080 and 8081 otherwise");
    }
    Serving out;
    out.words = {"--address", std::string(kEverywhere), "--http", http_, "--grpc", grpc_};
    out.words.insert(out.words.end(), words_.begin(), words_.end());
    out.ports = {http_ + "/tcp", grpc_ + "/tcp"};
    out.notes = std::move(notes_);
    return out;
  }

 private:
  void take(const ServeOption& option) {
    switch (option.kind) {
      case ServeOptionKind::kPlain:
        return add(option, option.value);
      case ServeOptionKind::kAddress:
        if (!option.is_said || option.value == kEverywhere) return;
        return note(option, format("is of this machine; the image listens at {}", kEverywhere));
      case ServeOptionKind::kPort:
        (option.key == "http" ? http_ : grpc_) = option.value;
        return;
      case ServeOptionKind::kSecretFile:
        add(option, secret_place(option.key));
        return note(option, format("is not copied into the image: mount the file at {}",
                                   secret_place(option.key)));
      case ServeOptionKind::kOutputFile:
        add(option, "-");
        if (option.value == "-") return;
        return note(option, "is standard output in the image");
      case ServeOptionKind::kOutputFolder:
        add(option, std::string(kRequestLog));
        return note(option, format("is {} in the image: mount a folder there that its user may "
                                   "write",
                                   kRequestLog));
    }
  }

  void add(const ServeOption& option, std::string value) {
    words_.push_back(option.name);
    words_.push_back(std::move(value));
  }

  void note(const ServeOption& option, std::string_view what) {
    notes_.push_back(format("serve.{} {}", option.key, what));
  }

  std::string http_ = "8080";
  std::string grpc_ = "8081";
  std::vector<std::string> words_;
  std::vector<std::string> notes_;
};

}  // namespace

Result<Serving> serving_of(const Node& serve) {
  return Translating().run(serve);
}

}  // namespace kingpost::steps::containerize
