// SPDX-License-Identifier: Apache-2.0
#include "engines/archive/coding.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>
#include <vector>

#include "base/text.h"

namespace kingpost::archive {
namespace {

constexpr int kLargestWindow = 15;
constexpr int kGzipHeader = 16;
constexpr std::size_t kPiece = std::size_t{1} << 16;

int window_of(Coding coding) {
  return coding == Coding::kGzip ? kLargestWindow + kGzipHeader : kLargestWindow;
}

// zlib never writes to what it reads, and does not say so.
Bytef* bytes_of(std::string_view text) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
}

class Inflater {
 public:
  explicit Inflater(Coding coding) {
    if (::inflateInit2(&stream, window_of(coding)) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { ::inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  z_stream stream{};
};

Error malformed(Coding coding, std::string_view why) {
  return fail(Code::kInvalidInput, "archive.coding_malformed", "the body is no {}: {}",
              coding_word(coding), why);
}

// True where the parameter of a coding is a weight of nothing: "q=0", "q=0.000".
bool is_refused(std::string_view parameter) {
  const std::string_view text = trim(parameter);
  if (!starts_with(text, "q=0")) return false;
  return text.find_first_not_of("0.", 2) == std::string_view::npos;
}

}  // namespace

std::optional<Coding> coding_of(std::string_view word) {
  const std::string small = lower(trim(word));
  if (small.empty() || small == "identity") return Coding::kIdentity;
  if (small == "gzip" || small == "x-gzip") return Coding::kGzip;
  if (small == "deflate") return Coding::kDeflate;
  return std::nullopt;
}

std::string_view coding_word(Coding coding) {
  if (coding == Coding::kGzip) return "gzip";
  return coding == Coding::kDeflate ? "deflate" : "identity";
}

Coding accepted_coding(std::string_view accept_encoding) {
  Coding best = Coding::kIdentity;
  for (const std::string& each : split(accept_encoding, ',')) {
    const std::vector<std::string> parts = split(each, ';');
    if (parts.empty() || (parts.size() > 1 && is_refused(parts[1]))) continue;
    const auto coding = coding_of(parts[0]);
    if (coding == Coding::kGzip) return Coding::kGzip;
    if (coding == Coding::kDeflate) best = Coding::kDeflate;
  }
  return best;
}

Result<std::string> decompress(std::string_view bytes, Coding coding, std::size_t most) {
  if (coding == Coding::kIdentity) return std::string(bytes);
  if (bytes.size() > std::numeric_limits<uInt>::max()) return malformed(coding, "it is too long");
  Inflater inflater(coding);
  z_stream& stream = inflater.stream;
  stream.next_in = bytes_of(bytes);
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  int state = Z_OK;
  while (state != Z_STREAM_END || stream.avail_in > 0) {
    if (state == Z_STREAM_END) {
      // Another member, or something that is none.
      if (coding != Coding::kGzip) return malformed(coding, "there is something behind its end");
      if (::inflateReset(&stream) != Z_OK) throw std::bad_alloc();
    }
    const std::size_t before = out.size();
    const std::size_t room = std::min(std::max(kPiece, before), most + 1 - before);
    out.resize(before + room);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    stream.avail_out = static_cast<uInt>(room);
    state = ::inflate(&stream, Z_NO_FLUSH);
    out.resize(before + room - stream.avail_out);
    if (state == Z_MEM_ERROR) throw std::bad_alloc();
    if (out.size() > most) {
      return fail(Code::kExhausted, "archive.body_too_large",
                  "the decompressed body has more than {} bytes", most);
    }
    if (state == Z_BUF_ERROR) return malformed(coding, "it is cut off");
    if (state != Z_OK && state != Z_STREAM_END) {
      return malformed(coding, stream.msg == nullptr ? "it is damaged" : stream.msg);
    }
  }
  return out;
}

std::string decompress_beginning(std::string_view bytes, Coding coding, std::size_t most) {
  if (coding == Coding::kIdentity) return std::string(bytes.substr(0, most));
  const std::string_view looked_at = bytes.substr(0, most * 2);
  Inflater inflater(coding);
  z_stream& stream = inflater.stream;
  stream.next_in = bytes_of(looked_at);
  stream.avail_in = static_cast<uInt>(looked_at.size());
  std::string out(most, '\0');
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(most);
  int state = Z_OK;
  while (state == Z_OK && stream.avail_out > 0) {
    state = ::inflate(&stream, Z_NO_FLUSH);
    // Behind it there may be another member.
    if (state == Z_STREAM_END && coding == Coding::kGzip) state = ::inflateReset(&stream);
  }
  if (state == Z_MEM_ERROR) throw std::bad_alloc();
  out.resize(most - stream.avail_out);
  return out;
}

std::string compress(std::string_view bytes, Coding coding) {
  if (coding == Coding::kIdentity) return std::string(bytes);
  z_stream stream{};
  constexpr int kMemory = 8;
  if (::deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, window_of(coding), kMemory,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
  std::string out(::deflateBound(&stream, static_cast<uLong>(bytes.size())), '\0');
  std::size_t given = 0;
  std::size_t written = 0;
  int state = Z_OK;
  while (state != Z_STREAM_END) {
    constexpr std::size_t kMost = std::numeric_limits<uInt>::max();
    const std::size_t piece = std::min(bytes.size() - given, kMost);
    const std::size_t room = std::min(out.size() - written, kMost);
    stream.next_in = bytes_of(bytes.substr(given));
    stream.avail_in = static_cast<uInt>(piece);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + written);
    stream.avail_out = static_cast<uInt>(room);
    state = ::deflate(&stream, given + piece == bytes.size() ? Z_FINISH : Z_NO_FLUSH);
    given += piece - stream.avail_in;
    written += room - stream.avail_out;
  }
  ::deflateEnd(&stream);
  out.resize(written);
  return out;
}

}  // namespace kingpost::archive
