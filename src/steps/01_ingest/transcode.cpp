// SPDX-License-Identifier: Apache-2.0
// Encodings through the C library's iconv.
#include "steps/01_ingest/transcode.h"

#include <iconv.h>

#include <cerrno>

#include "base/text.h"
#include "base/utf8.h"

namespace kingpost::steps::ingest {
namespace {

class Converter {
 public:
  explicit Converter(const char* from) : handle_(::iconv_open("UTF-8", from)) {}
  ~Converter() {
    if (usable()) ::iconv_close(handle_);
  }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;
  // POSIX's own spelling of a conversion that could not be opened.
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  bool usable() const { return handle_ != reinterpret_cast<iconv_t>(-1); }
  iconv_t handle() const { return handle_; }

 private:
  iconv_t handle_;
};

const char* iconv_name(std::string_view encoding) {
  if (encoding == "latin-1") return "ISO-8859-1";
  if (encoding == "windows-1252") return "WINDOWS-1252";
  return "UTF-16";
}

}  // namespace

Result<std::string> to_utf8(std::string_view bytes, std::string_view encoding, Whole whole) {
  if (encoding.empty() || encoding == "utf-8") return std::string(without_bom(bytes));
  const Converter converter(iconv_name(encoding));
  if (!converter.usable()) {
    return fail(Code::kUnavailable, "ingest.wrong_encoding", "this system cannot convert {}",
                encoding);
  }
  std::string input(bytes);
  char* in = input.data();
  std::size_t in_left = input.size();
  std::string out;
  std::string buffer(1U << 16U, '\0');
  while (in_left > 0) {
    char* to = buffer.data();
    std::size_t room = buffer.size();
    const std::size_t done = ::iconv(converter.handle(), &in, &in_left, &to, &room);
    const int why = errno;
    out.append(buffer.data(), buffer.size() - room);
    if (done != static_cast<std::size_t>(-1) || why == E2BIG) continue;
    if (why == EINVAL && whole == Whole::kPrefix) break;
    return fail(Code::kInvalidInput, "ingest.wrong_encoding", "byte {} is not {}",
                input.size() - in_left, encoding)
        .hint("declare the encoding that the file has");
  }
  return out;
}

std::string with_plain_line_ends(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      out.push_back(text[i]);
      continue;
    }
    out.push_back('\n');
    if (i + 1 < text.size() && text[i + 1] == '\n') ++i;
  }
  return out;
}

}  // namespace kingpost::steps::ingest
