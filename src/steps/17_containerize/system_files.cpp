// SPDX-License-Identifier: Apache-2.0
#include "steps/17_containerize/system_files.h"

#include <filesystem>

#include "base/files.h"
#include "base/library.h"
#include "base/text.h"
#include "engines/oci/closure.h"

namespace kingpost::steps::containerize {
namespace {

constexpr const char* kRuntime = "libonnxruntime.so.1";
/// Where Debian's loader looks without a cache.
constexpr std::string_view kLibraries = "usr/lib/x86_64-linux-gnu";
constexpr std::string_view kCertificates = "/etc/ssl/certs/ca-certificates.crt";
constexpr const char* kZones = "/usr/share/zoneinfo";

std::string real_path(const std::string& path) {
  std::error_code fault;
  const auto real = std::filesystem::canonical(path, fault);
  return fault ? path : real.string();
}

Error missing(const std::string& file) {
  return fail(Code::kNotFound, "containerize.program_missing", "{} is not on this machine", file)
      .hint("it is built and installed beside kingpost");
}

class Gathering {
 public:
  Gathering(const Programs& programs, std::int64_t user) : programs_(programs), user_(user) {}

  Result<SystemFiles> run() {
    TRY_STATUS(add_libraries());
    add_accounts();
    add_certificates();
    add_zones(kZones, "usr/share/zoneinfo");
    out_.contents.folder("tmp", 01777);
    // Where runtimes mount what they give; on a root that is read-only they could not make them.
    for (const char* each : {"dev", "proc", "sys"}) out_.contents.folder(each);
    return std::move(out_);
  }

 private:
  void add_program(const std::string& name, const std::string& path) {
    out_.contents.program(name, path);
    out_.sources.insert(path);
  }

  Status add_libraries() {
    const auto folders = oci::library_folders();
    std::vector<std::string> files{programs_.serve, programs_.runtime};
    // Looked for by name when a host is resolved, so no table tells of them.
    std::vector<std::pair<std::string, std::string>> named;
    for (const char* name : {"libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2"}) {
      const std::string path = oci::find_in_folders(folders, name);
      if (path.empty()) continue;
      files.push_back(path);
      named.emplace_back(name, real_path(path));
    }
    TRY(const oci::Closure closure, oci::closure_of(files, folders));
    for (const auto& [name, path] : closure.libraries) {
      add_program(format("{}/{}", kLibraries, name_of(name)), path);
    }
    for (const auto& [name, path] : named) add_program(format("{}/{}", kLibraries, name), path);
    if (!starts_with(closure.interpreter, "/")) return missing("the loader of kingpost-serve");
    add_program(closure.interpreter.substr(1), real_path(closure.interpreter));
    return {};
  }

  void add_accounts() {
    Contents& to = out_.contents;
    to.bytes("etc/passwd", format("root:x:0:0:root:/:/sbin/nologin\n"
                                  "kingpost:x:{0}:{0}:kingpost:/:/sbin/nologin\n",
                                  user_));
    to.bytes("etc/group", format("root:x:0:\nkingpost:x:{}:\n", user_));
    to.bytes("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n");
  }

  void add_certificates() {
    const std::string path(kCertificates);
    if (!exists(path)) {
      out_.warnings.push_back(
          format("{} is not on this machine: the image can check no server's certificate", path));
      return;
    }
    out_.contents.file(path.substr(1), real_path(path));
    // Made of the package's files, and so in no list.
    out_.sources.insert("/usr/share/ca-certificates/mozilla");
  }

  // Not the second and third copies for those who count leap seconds.
  void add_zones(const std::string& folder, const std::string& name) {
    for (const std::string& each : entries_of(folder)) {
      if (each == "posix" || each == "right") continue;
      const std::string path = format("{}/{}", folder, each);
      const std::string inside = format("{}/{}", name, each);
      if (is_folder(path)) {
        add_zones(path, inside);
      } else if (exists(path)) {
        out_.contents.file(inside, real_path(path));
        out_.sources.insert(path);
      }
    }
  }

  const Programs& programs_;
  std::int64_t user_;
  SystemFiles out_;
};

}  // namespace

Result<Programs> programs_here() {
  Programs out{program_folder() + "/kingpost-serve", find_library(kRuntime)};
  if (!exists(out.serve)) return missing(out.serve);
  if (out.runtime.empty()) return missing(kRuntime);
  return out;
}

Result<SystemFiles> system_files(const Programs& programs, std::int64_t user) {
  return Gathering(programs, user).run();
}

}  // namespace kingpost::steps::containerize
