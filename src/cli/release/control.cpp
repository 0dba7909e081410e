// SPDX-License-Identifier: Apache-2.0
#include "cli/release/control.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "base/files.h"
#include "base/text.h"
#include "engines/http/client.h"
#include "steps/18_deploy/supervisor.h"
#include "store/lock.h"

namespace kingpost::cli {
namespace {

namespace deploy = steps::deploy;
using Clock = std::chrono::steady_clock;

std::string last_lines(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return {};
  constexpr std::size_t kMost = 600;
  return text->size() <= kMost ? *text : text->substr(text->size() - kMost);
}

}  // namespace

std::string path_in(const std::string& folder, std::string_view file) {
  return format("{}/{}", folder, file);
}

Result<Control> Control::of(const std::string& folder) {
  const Error not_running =
      fail(Code::kPrecondition, "deploy.not_running", "nothing runs in {}", shown(folder, 200))
          .hint("`kingpost deploy MODEL` starts it, with what it had before where it was killed");
  const std::string path = path_in(folder, deploy::kControlFile);
  const auto holder = store::Lock::holder(folder);
  if (!exists(path) || !holder) return not_running;
  TRY(const std::string text, read_file(path));
  TRY(const Json json, parse_json(text));
  // The file of one that was killed is not that of the one that starts now.
  if (!starts_with(*holder, format("process {},", json["process"].integer()))) return not_running;
  Control out;
  out.folder_ = folder;
  out.port_ = static_cast<int>(json["port"].integer());
  out.token_ = json["token"].text();
  return out;
}

Result<Json> Control::ask(const std::string& path, const Json& body) const {
  http::Client client(1);
  http::ClientRequest request;
  request.method = path == "/status" ? "GET" : "POST";
  request.target = path;
  request.headers = {{"X-Token", token_}};
  if (!body.is_null()) request.body = body.dump();
  const auto answer = client.ask_and_wait(port_, request);
  if (!answer && answer.error().id() == "http.unreachable") return ended();
  if (!answer) return Error(answer.error());
  TRY(Json json, parse_json(answer->body));
  if (answer->status == 200) return json;
  return fail(Code::kConflict, json["id"].text(), "{}", json["error"].text())
      .hint(json["hint"].text());
}

// On this machine nothing else comes between the two.
Error Control::ended() const {
  return fail(Code::kPrecondition, "deploy.not_running", "the supervisor of {} has ended",
              shown(folder_, 200))
      .hint(
          format("its log is {}; `kingpost deploy MODEL` starts it again, with what it had before",
                 path_in(folder_, deploy::kLogFile)));
}

Error not_started(const std::string& folder) {
  const std::string log = path_in(folder, deploy::kLogFile);
  return fail(Code::kUnavailable, "deploy.not_started", "the deployment did not start")
      .detail(last_lines(log))
      .hint(format("its log is {}", log));
}

Result<Control> Control::launch(const std::string& folder) {
  const std::string log = path_in(folder, deploy::kLogFile);
  const std::string program = program_folder() + "/kingpost";
  std::string words[] = {program, "deploy", "supervise", folder};
  char* line[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
  const pid_t process = ::fork();
  if (process == 0) {
    ::setsid();
    const int quiet = ::open("/dev/null", O_RDONLY);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(quiet, STDIN_FILENO);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
    // The log goes on in other files one day, and this one must then be free. Not by O_CLOEXEC: of
    // a caller whose standard output is closed they may have the numbers of these.
    for (const int each : {quiet, out}) {
      if (each > STDERR_FILENO) ::close(each);
    }
    ::execv(line[0], line);
    ::_exit(127);
  }
  const auto until = Clock::now() + kPatience;
  while (Clock::now() < until) {
    if (auto control = Control::of(folder)) return control;
    int status = 0;
    if (::waitpid(process, &status, WNOHANG) == process) break;
    std::this_thread::sleep_for(kLook);
  }
  return not_started(folder);
}

}  // namespace kingpost::cli
