// SPDX-License-Identifier: Apache-2.0
#include "engines/oci/push.h"

#include "base/failpoint.h"
#include "base/json.h"
#include "base/text.h"
#include "engines/oci/credentials.h"
#include "engines/oci/http.h"

namespace kingpost::oci {
namespace {

constexpr int kMostHops = 5;

// "https://host:port" of an address.
std::string origin_of(const std::string& url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string::npos) return "";
  return url.substr(0, url.find('/', scheme + 3));
}

bool is_redirect(const HttpAnswer& answer) {
  const int status = answer.status;
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// The registry's own words, where it has some.
std::string words_of(const HttpAnswer& answer) {
  const auto json = parse_json(answer.body);
  if (json && !(*json)["errors"].items().empty()) {
    const Json& first = (*json)["errors"].items()[0];
    const std::string text = format("{} {}", first["code"].text(), first["message"].text());
    return format("{} ({})", answer.status, shown(trim(text), 200));
  }
  return format("{}", answer.status);
}

class Session {
 public:
  Session(HttpClient client, const Reference& reference, const PushOptions& options,
          std::string credentials)
      : client_(std::move(client)), reference_(reference), credentials_(std::move(credentials)) {
    const bool plain = options.insecure || reference.is_local();
    const std::string host =
        reference.registry == "docker.io" ? "registry-1.docker.io" : reference.registry;
    origin_ = format("{}://{}", plain ? "http" : "https", host);
  }

  std::string url(const std::string& rest) const {
    return format("{}/v2/{}/{}", origin_, reference_.repository, rest);
  }

  // An address that the registry gave: absolute, or below its own origin.
  std::string resolved(const std::string& location) const {
    return starts_with(location, "/") ? origin_ + location : location;
  }

  Result<HttpAnswer> ask(HttpRequest request) {
    const std::vector<std::string> plain = request.headers;
    // What lets us in here is nobody else's business.
    const bool ours = origin_of(request.url) == origin_;
    if (ours && !authorization_.empty()) request.headers.push_back(authorization_);
    TRY(HttpAnswer answer, client_.ask(request));
    if (answer.status != 401 || !ours) return answer;
    TRY_STATUS(authorize(parse_challenge(answer.header("www-authenticate"))));
    request.headers = plain;
    request.headers.push_back(authorization_);
    TRY(answer, client_.ask(request));
    if (answer.status == 401) return denied(words_of(answer));
    return answer;
  }

  // A look at a blob: 200, 404, or what the registry says else. Registries on an object store send
  // a look on to it; what the store does not show counts as not there, and is sent.
  Result<HttpAnswer> look(const std::string& digest) {
    HttpRequest request{"HEAD", url(format("blobs/sha256:{}", digest)), {}, {}, {}};
    TRY(HttpAnswer answer, ask(request));
    for (int hop = 0; hop < kMostHops && is_redirect(answer); ++hop) {
      request.url = resolved(answer.header("location"));
      const bool is_safe = starts_with(request.url, "https://") ||
                           (starts_with(request.url, "http://") && starts_with(origin_, "http:"));
      if (!is_safe) break;
      auto next = ask(request);
      if (!next) break;
      answer = std::move(next).value();
      if (answer.status != 200 && !is_redirect(answer)) answer.status = 404;
    }
    if (is_redirect(answer)) answer.status = 404;
    return answer;
  }

  Error refused(std::string_view doing, const HttpAnswer& answer) const {
    if (answer.status == 401 || answer.status == 403) return denied(words_of(answer));
    return fail(Code::kUnavailable, "containerize.registry_refused", "{} of {}: {} answers {}",
                doing, reference_.text, reference_.registry, words_of(answer))
        .hint("repeat the command: what the registry has is not sent again");
  }

 private:
  Error denied(std::string_view words) const {
    const std::string who = credentials_.empty() ? "nobody" : "the user that logged in here";
    return fail(Code::kPrecondition, "containerize.registry_denied",
                "{} does not let {} push {}: {}", reference_.registry, who, reference_.text, words)
        .hint(format("`docker login {0}` or `skopeo login {0}` keeps who you are; "
                     "helpers (credsStore, credHelpers) are not asked",
                     reference_.registry));
  }

  Status authorize(const Challenge& challenge) {
    if (challenge.scheme == "basic") {
      if (credentials_.empty()) return denied("401");
      authorization_ = "Authorization: Basic " + credentials_;
      return {};
    }
    if (challenge.scheme != "bearer") return denied("401, in a way that is not known here");
    return fetch_token(challenge);
  }

  Status fetch_token(const Challenge& challenge) {
    const bool safe = starts_with(challenge.realm, "https://") ||
                      (starts_with(challenge.realm, "http://") && starts_with(origin_, "http:"));
    if (!safe) return denied(format("its tokens come from \"{}\"", shown(challenge.realm, 120)));
    const std::string scope = challenge.scope.empty()
                                  ? format("repository:{}:pull,push", reference_.repository)
                                  : challenge.scope;
    HttpRequest request{"GET", {}, {}, {}, {}};
    const char mark = challenge.realm.find('?') == std::string::npos ? '?' : '&';
    request.url = format("{}{}service={}&scope={}", challenge.realm, mark,
                         percent_encoded(challenge.service), percent_encoded(scope));
    if (!credentials_.empty()) request.headers.push_back("Authorization: Basic " + credentials_);
    TRY(const HttpAnswer answer, client_.ask(request));
    if (answer.status != 200) return refused("a token", answer);
    const auto json = parse_json(answer.body);
    std::string token = json ? (*json)["token"].text() : "";
    if (token.empty() && json) token = (*json)["access_token"].text();
    if (token.empty() || token.find_first_of("\r\n") != std::string::npos) {
      return denied("there is no token in the answer");
    }
    authorization_ = "Authorization: Bearer " + token;
    return {};
  }

  HttpClient client_;
  const Reference& reference_;
  std::string credentials_;
  std::string origin_;
  std::string authorization_;
};

class Pushing {
 public:
  Pushing(Session session, const Image& image, const Reference& reference,
          const std::string& folder, const PushOptions& options)
      : session_(std::move(session)),
        image_(image),
        reference_(reference),
        folder_(folder),
        options_(options) {}

  Result<Pushed> run() {
    for (const std::string& digest : image_.blobs()) TRY_STATUS(push_blob(digest));
    TRY_STATUS(push_manifest());
    return out_;
  }

 private:
  std::int64_t size_of(const std::string& digest) const {
    for (const Layer& each : image_.layers) {
      if (each.digest == digest) return each.bytes;
    }
    return static_cast<std::int64_t>(image_.config.size());
  }

  Status push_blob(const std::string& digest) {
    TRY(const HttpAnswer there, session_.look(digest));
    if (there.status == 200) {
      ++out_.kept;
      return {};
    }
    if (there.status != 404) return session_.refused("a look at a blob", there);
    const std::int64_t bytes = size_of(digest);
    if (options_.progress) {
      options_.progress(format("sha256:{} {}", digest.substr(0, 12), human_bytes(bytes)));
    }
    TRY(const bool sent, upload(digest));
    if (!sent) {
      ++out_.mounted;
      return {};
    }
    ++out_.sent;
    out_.sent_bytes += bytes;
    failpoint("containerize_blob_pushed");
    return {};
  }

  // False where the registry took it over from the other repository.
  Result<bool> upload(const std::string& digest) {
    std::string address = session_.url("blobs/uploads/");
    if (!options_.mount_from.empty()) {
      address += format("?mount=sha256:{}&from={}", digest, percent_encoded(options_.mount_from));
    }
    TRY(const HttpAnswer begun,
        session_.ask({"POST", std::move(address), {"Content-Length: 0"}, {}, {}}));
    if (begun.status == 201 && !options_.mount_from.empty()) return false;
    const std::string location = session_.resolved(begun.header("location"));
    if (begun.status != 202 || origin_of(location).empty()) {
      return session_.refused("the begin of an upload", begun);
    }
    HttpRequest put{"PUT", {}, {"Content-Type: application/octet-stream"}, {}, {}};
    const char mark = location.find('?') == std::string::npos ? '?' : '&';
    put.url = format("{}{}digest=sha256:{}", location, mark, digest);
    put.file = blob_path(folder_, digest);
    TRY(const HttpAnswer done, session_.ask(std::move(put)));
    if (done.status != 201) return session_.refused("the upload", done);
    return true;
  }

  Status push_manifest() {
    HttpRequest put{"PUT", session_.url(format("manifests/{}", reference_.tag)), {}, {}, {}};
    put.headers.push_back(format("Content-Type: {}", kManifestType));
    put.body = image_.manifest;
    TRY(const HttpAnswer done, session_.ask(std::move(put)));
    if (done.status != 201) return session_.refused("the manifest", done);
    const std::string digest = done.header("docker-content-digest");
    if (!digest.empty() && digest != format("sha256:{}", image_.digest())) {
      return fail(Code::kCorrupt, "containerize.registry_refused",
                  "{} keeps {} as {}, and it is sha256:{}", reference_.registry, reference_.text,
                  shown(digest, 80), image_.digest())
          .hint("something between here and the registry changes what is sent");
    }
    return {};
  }

  Session session_;
  const Image& image_;
  const Reference& reference_;
  const std::string& folder_;
  const PushOptions& options_;
  Pushed out_;
};

}  // namespace

Result<Pushed> push_image(const Image& image, const Reference& reference, const std::string& folder,
                          const PushOptions& options) {
  TRY(std::string credentials, credentials_of_user(reference));
  TRY(HttpClient client, HttpClient::open());
  Session session(std::move(client), reference, options, std::move(credentials));
  return Pushing(std::move(session), image, reference, folder, options).run();
}

}  // namespace kingpost::oci
