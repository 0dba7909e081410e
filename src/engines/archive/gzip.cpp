// SPDX-License-Identifier: Apache-2.0
#include "engines/archive/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>

namespace kingpost::archive {
namespace {

constexpr int kGzip = 15 + 16;  // the largest window, and gzip's own header
constexpr int kMemory = 8;
constexpr std::size_t kPiece = 1U << 16U;

}  // namespace

struct Gzip::State {
  z_stream stream{};
};

Gzip::Gzip() : state_(std::make_unique<State>()) {
  // It fails for want of memory only, as `new` does.
  if (::deflateInit2(&state_->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzip, kMemory,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
}

Gzip::~Gzip() {
  ::deflateEnd(&state_->stream);
}

void Gzip::add(std::string_view bytes, std::string& out) {
  deflate_all(bytes, Z_NO_FLUSH, out);
}

void Gzip::finish(std::string& out) {
  deflate_all({}, Z_FINISH, out);
}

void Gzip::deflate_all(std::string_view bytes, int flush, std::string& out) {
  z_stream& stream = state_->stream;
  do {
    constexpr std::size_t kMost = std::numeric_limits<uInt>::max();
    const std::size_t size = std::min(bytes.size(), kMost);
    // zlib does not write to what it is given.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(size);
    bytes.remove_prefix(size);
    int state = Z_OK;
    do {
      const std::size_t from = out.size();
      out.resize(from + kPiece);
      stream.next_out = reinterpret_cast<Bytef*>(out.data() + from);
      stream.avail_out = kPiece;
      state = ::deflate(&stream, bytes.empty() ? flush : Z_NO_FLUSH);
      out.resize(from + kPiece - stream.avail_out);
    } while (state == Z_OK && stream.avail_out == 0);
  } while (!bytes.empty());
}

}  // namespace kingpost::archive
