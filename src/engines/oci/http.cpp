// SPDX-License-Identifier: Apache-2.0
#include "engines/oci/http.h"

#include <curl/curl.h>
#include <dlfcn.h>

#include <array>
#include <cstdio>

#include "base/files.h"
#include "base/text.h"

namespace kingpost::oci {
namespace {

constexpr std::size_t kLargestBody = 4U << 20U;
constexpr std::size_t kLargestHeaders = 256U << 10U;
constexpr long kConnectSeconds = 30;
/// So long not a byte moves: the other side is gone.
constexpr long kIdleSeconds = 60;

struct Api {
  decltype(&::curl_global_init) global_init = nullptr;
  decltype(&::curl_easy_init) init = nullptr;
  decltype(&::curl_easy_setopt) setopt = nullptr;
  decltype(&::curl_easy_perform) perform = nullptr;
  decltype(&::curl_easy_getinfo) getinfo = nullptr;
  decltype(&::curl_easy_reset) reset = nullptr;
  decltype(&::curl_easy_cleanup) cleanup = nullptr;
  decltype(&::curl_easy_strerror) strerror = nullptr;
  decltype(&::curl_slist_append) append = nullptr;
  decltype(&::curl_slist_free_all) free_all = nullptr;
};

template <typename Function>
bool take(void* library, const char* name, Function& into) {
  into = reinterpret_cast<Function>(::dlsym(library, name));
  return into != nullptr;
}

Result<Api> open_api() {
  const Error missing =
      fail(Code::kUnavailable, "containerize.curl_missing",
           "libcurl.so.4 is not on this machine, so nothing can be pushed")
          .hint("apt-get install libcurl4; or copy the layout by another tool, such as skopeo");
  void* library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return missing;
  Api out;
  const bool whole = take(library, "curl_global_init", out.global_init) &&
                     take(library, "curl_easy_init", out.init) &&
                     take(library, "curl_easy_setopt", out.setopt) &&
                     take(library, "curl_easy_perform", out.perform) &&
                     take(library, "curl_easy_getinfo", out.getinfo) &&
                     take(library, "curl_easy_reset", out.reset) &&
                     take(library, "curl_easy_cleanup", out.cleanup) &&
                     take(library, "curl_easy_strerror", out.strerror) &&
                     take(library, "curl_slist_append", out.append) &&
                     take(library, "curl_slist_free_all", out.free_all);
  if (!whole || out.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return missing;
  return out;
}

// What curl writes to while it works. A function of these answers less than it was given to stop.
struct Received {
  HttpAnswer answer;
  std::size_t header_bytes = 0;
};

std::size_t take_body(char* bytes, std::size_t one, std::size_t count, void* into) {
  auto& body = static_cast<Received*>(into)->answer.body;
  if (body.size() + one * count > kLargestBody) return 0;
  body.append(bytes, one * count);
  return one * count;
}

std::size_t take_header(char* bytes, std::size_t one, std::size_t count, void* into) {
  auto& received = *static_cast<Received*>(into);
  received.header_bytes += one * count;
  if (received.header_bytes > kLargestHeaders) return 0;
  const std::string_view line(bytes, one * count);
  const std::size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    const std::string name = lower(trim(line.substr(0, colon)));
    received.answer.headers[name] = trim(line.substr(colon + 1));
  }
  return one * count;
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

std::size_t read_file_piece(char* into, std::size_t one, std::size_t count, void* file) {
  return std::fread(into, one, count, static_cast<std::FILE*>(file));
}

// The connection may be used again for a request that has to begin anew.
int seek_file(void* file, curl_off_t offset, int origin) {
  return std::fseek(static_cast<std::FILE*>(file), static_cast<long>(offset), origin) == 0
             ? CURL_SEEKFUNC_OK
             : CURL_SEEKFUNC_FAIL;
}

}  // namespace

struct HttpClient::State {
  Api api;
  CURL* handle = nullptr;
  curl_slist* headers = nullptr;

  ~State() {
    api.free_all(headers);
    if (handle != nullptr) api.cleanup(handle);
  }

  template <typename Value>
  void set(CURLoption option, Value value) const {
    (void)api.setopt(handle, option, value);
  }

  void set_headers(const HttpRequest& request) {
    api.free_all(headers);
    // Waiting for the word to go on costs a second where a registry never says it.
    headers = api.append(nullptr, "Expect:");
    for (const std::string& each : request.headers) {
      headers = api.append(headers, each.c_str());
    }
    set(CURLOPT_HTTPHEADER, headers);
  }

  void set_common(const HttpRequest& request, Received& received) {
    api.reset(handle);
    set(CURLOPT_URL, request.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
    set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(CURLOPT_LOW_SPEED_TIME, kIdleSeconds);
    set(CURLOPT_USERAGENT, "kingpost");
    set(CURLOPT_WRITEFUNCTION, &take_body);
    set(CURLOPT_WRITEDATA, static_cast<void*>(&received));
    set(CURLOPT_HEADERFUNCTION, &take_header);
    set(CURLOPT_HEADERDATA, static_cast<void*>(&received));
    set_headers(request);
  }

  void set_method(const HttpRequest& request) const {
    if (request.method == "HEAD") {
      set(CURLOPT_NOBODY, 1L);
    } else if (request.method != "GET") {
      set(CURLOPT_POST, 1L);
      set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      set(CURLOPT_POSTFIELDS, request.body.c_str());
    }
  }

  void set_file(std::FILE* file, std::int64_t size) const {
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_READFUNCTION, &read_file_piece);
    set(CURLOPT_READDATA, static_cast<void*>(file));
    set(CURLOPT_SEEKFUNCTION, &seek_file);
    set(CURLOPT_SEEKDATA, static_cast<void*>(file));
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
  }
};

std::string HttpAnswer::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

HttpClient::HttpClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpClient::HttpClient(HttpClient&& other) noexcept = default;
HttpClient::~HttpClient() = default;

Result<HttpClient> HttpClient::open() {
  static const Result<Api> api = open_api();
  if (!api) return Error(api.error());
  auto state = std::make_unique<State>();
  state->api = *api;
  state->handle = api->init();
  if (state->handle == nullptr) {
    return fail(Code::kExhausted, "containerize.curl_missing", "libcurl cannot be started");
  }
  return HttpClient(std::move(state));
}

Result<HttpAnswer> HttpClient::ask(const HttpRequest& request) {
  Received received;
  std::unique_ptr<std::FILE, CloseFile> file;
  state_->set_common(request, received);
  if (request.file.empty()) {
    state_->set_method(request);
  } else {
    TRY(const FileStamp stamp, stamp_of(request.file));
    file.reset(std::fopen(request.file.c_str(), "rbe"));
    if (file == nullptr) return file_error(errno, "read", request.file);
    state_->set_file(file.get(), stamp.size);
  }
  const CURLcode done = state_->api.perform(state_->handle);
  if (done != CURLE_OK) {
    return fail(Code::kUnavailable, "containerize.registry_unreachable", "{} {}: {}",
                request.method, shown(request.url, 200), state_->api.strerror(done))
        .hint("repeat the command when the registry can be reached: what it has is not sent again");
  }
  long status = 0;
  (void)state_->api.getinfo(state_->handle, CURLINFO_RESPONSE_CODE, &status);
  received.answer.status = static_cast<int>(status);
  return std::move(received.answer);
}

}  // namespace kingpost::oci
