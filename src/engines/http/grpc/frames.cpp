// SPDX-License-Identifier: Apache-2.0
#include "engines/http/grpc/frames.h"

#include <algorithm>

#include "base/text.h"

namespace kingpost::grpc {
namespace {

constexpr std::size_t kPrefix = 5;
// What a hostile length may make us set aside before its bytes are there.
constexpr std::size_t kTrusted = std::size_t{1} << 20;

}  // namespace

nghttp2_nv field(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

MessageReader::Found MessageReader::fault(StatusCode code, std::string text) {
  code_ = code;
  text_ = std::move(text);
  return Found::kFault;
}

bool MessageReader::take_prefix(std::string_view& bytes, const Room& room) {
  const std::size_t more = std::min(kPrefix - prefix_.size(), bytes.size());
  prefix_.append(bytes.substr(0, more));
  bytes.remove_prefix(more);
  if (prefix_.size() < kPrefix) return false;
  wanted_ = 0;
  for (std::size_t i = 1; i < kPrefix; ++i) {
    wanted_ = wanted_ * 256 + static_cast<unsigned char>(prefix_[i]);
  }
  has_prefix_ = true;
  if (static_cast<unsigned char>(prefix_[0]) > 1) {
    fault(StatusCode::kInternal, "a message begins with neither 0 nor 1");
  } else if (wanted_ > room.message_bytes) {
    fault(StatusCode::kResourceExhausted,
          format("received message larger than max ({} vs. {})", wanted_, room.message_bytes));
  } else {
    bytes_.reserve(std::min(wanted_, kTrusted));
  }
  return true;
}

MessageReader::Found MessageReader::read(std::string_view& bytes, Room& room) {
  if (!has_prefix_ && !take_prefix(bytes, room)) return Found::kNothing;
  if (code_ != StatusCode::kOk) return Found::kFault;
  const std::size_t more = std::min(wanted_ - bytes_.size(), bytes.size());
  if (more > room.connection_bytes - room.held) {
    return fault(StatusCode::kResourceExhausted,
                 "the messages of this connection take too much memory");
  }
  room.held += more;
  bytes_.append(bytes.substr(0, more));
  bytes.remove_prefix(more);
  return bytes_.size() < wanted_ ? Found::kNothing : Found::kMessage;
}

Message MessageReader::take(Room& room) {
  Message out{{}, prefix_[0] == 1};
  room.held -= bytes_.size();
  out.bytes = std::move(bytes_);
  bytes_.clear();
  prefix_.clear();
  has_prefix_ = false;
  return out;
}

void MessageReader::drop(Room& room) {
  room.held -= bytes_.size();
  std::string().swap(bytes_);
}

std::size_t MessageWriter::add(const Message& message) {
  // Where there is always something left, what was sent must go all the same.
  if (sent_ > left()) {
    bytes_.erase(0, sent_);
    sent_ = 0;
  }
  bytes_ += message.is_compressed ? '\1' : '\0';
  for (const unsigned shift : {24U, 16U, 8U, 0U}) {
    bytes_ += static_cast<char>(message.bytes.size() >> shift & 255U);
  }
  bytes_ += message.bytes;
  return kPrefix + message.bytes.size();
}

std::size_t MessageWriter::take(std::uint8_t* into, std::size_t most) {
  const std::size_t size = std::min(most, left());
  std::copy_n(bytes_.data() + sent_, size, into);
  sent_ += size;
  if (left() == 0) {
    // One huge message must not hold its memory for as long as the stream lasts.
    if (bytes_.capacity() > kTrusted) std::string().swap(bytes_);
    bytes_.clear();
    sent_ = 0;
  }
  return size;
}

bool Wire::receive(std::string_view bytes) {
  const auto* const begin = reinterpret_cast<const std::uint8_t*>(bytes.data());
  const ssize_t taken = ::nghttp2_session_mem_recv(session, begin, bytes.size());
  is_broken = is_broken || taken < 0;
  return !is_broken;
}

void Wire::take_output(std::string& out, std::size_t most) {
  while (out.size() < most) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t size = ::nghttp2_session_mem_send(session, &bytes);
    if (size <= 0) {
      is_broken = is_broken || size < 0;
      return;
    }
    out.append(view(bytes, static_cast<std::size_t>(size)));
  }
}

}  // namespace kingpost::grpc
