// SPDX-License-Identifier: Apache-2.0
// A text file or standard input in pieces that end where records end.
#include "steps/20_infer/text_blocks.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/files.h"
#include "base/utf8.h"
#include "engines/archive/stream.h"

namespace kingpost::steps::infer {
namespace {

// Some thousand rows: enough to keep a thread busy, and few enough to stay in its cache.
constexpr std::size_t kBlock = 1U << 19U;
constexpr std::size_t kLongest = 2'000'000;

std::size_t find(const std::string& text, std::size_t from, std::size_t to, char c) {
  const void* at = std::memchr(text.data() + from, c, to - from);
  return at == nullptr ? to : static_cast<std::size_t>(static_cast<const char*>(at) - text.data());
}

// Until `take` answers false.
Status read_pieces(const std::string& path, const std::function<bool(std::string_view)>& take) {
  if (path != "-") return archive::read_decompressed(path, take);
  std::string buffer(1U << 18U, '\0');
  while (true) {
    const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error(errno, "read", "standard input");
    if (got == 0) return {};
    if (!take(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)))) return {};
  }
}

}  // namespace

std::string TextInput::name() const {
  return path_ == "-" ? "standard input" : format("\"{}\"", path_);
}

Result<TextInput::Head> TextInput::head() {
  constexpr std::size_t kHead = 1U << 20U;
  Head out;
  TRY_STATUS(read_pieces(path_, [&](std::string_view piece) {
    out.text += piece;
    out.whole = out.text.size() < kHead;
    return out.whole;
  }));
  if (path_ == "-") seen_ = out.text;
  out.text.erase(0, out.text.size() - without_bom(out.text).size());
  return out;
}

Status TextInput::each(const RecordForm& form, const std::function<Status(std::string)>& take) {
  BlockCutter cutter(form);
  const auto hand_over = [&](bool all) -> Status {
    TRY(std::string block, cutter.cut(all));
    return block.empty() ? Status() : take(std::move(block));
  };
  // The first bytes, until they are enough to be a byte order mark.
  std::string first;
  bool begun = false;
  Status done;
  const auto add = [&](std::string_view piece) {
    if (!begun) {
      first += piece;
      if (first.size() < 3) return true;
      piece = without_bom(first);
      begun = true;
    }
    cutter.add(piece);
    done = hand_over(false);
    return done.has_value();
  };
  const std::string seen = std::exchange(seen_, {});
  if (!seen.empty() && !add(seen)) return done;
  TRY_STATUS(read_pieces(path_, add));
  TRY_STATUS(std::move(done));
  if (!begun) cutter.add(first);
  return hand_over(true);
}

void BlockCutter::scan(bool all) {
  const auto ends_field = [&](char c) { return c == form_.delimiter || c == '\n' || c == '\r'; };
  while (scanned_ < pending_.size()) {
    if (form_.quote == 0 || !in_quotes_) {
      const std::size_t quote = form_.quote == 0
                                    ? pending_.size()
                                    : find(pending_, scanned_, pending_.size(), form_.quote);
      const void* end = ::memrchr(pending_.data() + scanned_, form_.end, quote - scanned_);
      if (end != nullptr) {
        whole_ = static_cast<std::size_t>(static_cast<const char*>(end) - pending_.data()) + 1;
      }
      if (quote == pending_.size()) {
        scanned_ = quote;
        return;
      }
      in_quotes_ = quote == 0 || ends_field(pending_[quote - 1]);
      scanned_ = quote + 1;
      continue;
    }
    const std::size_t quote = find(pending_, scanned_, pending_.size(), form_.quote);
    scanned_ = quote;
    if (quote == pending_.size()) return;
    // Whether it stands twice shows with the next byte.
    if (quote + 1 == pending_.size() && !all) return;
    const bool twice = quote + 1 < pending_.size() && pending_[quote + 1] == form_.quote;
    scanned_ = quote + (twice ? 2 : 1);
    in_quotes_ = twice;
  }
}

Result<std::string> BlockCutter::cut(bool all) {
  if (!all && pending_.size() < kBlock) return std::string();
  scan(all);
  const bool open = all && in_quotes_;
  if (pending_.size() - whole_ > kLongest || open) {
    const std::string start = pending_.substr(whole_, 60);
    return fail(Code::kInvalidInput, "infer.record_too_long", "a record that begins with \"{}\" {}",
                start.substr(0, start.find(form_.end)),
                open ? "opens a quote that never closes" : "is longer than 2 MB")
        .hint("close the quote, or double it within a quoted field");
  }
  if (all) return std::exchange(pending_, {});
  if (whole_ == 0) return std::string();
  std::string out = pending_.substr(0, whole_);
  pending_.erase(0, whole_);
  scanned_ -= whole_;
  whole_ = 0;
  return out;
}

}  // namespace kingpost::steps::infer
