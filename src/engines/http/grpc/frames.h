// SPDX-License-Identifier: Apache-2.0
// What both ends of a connection of gRPC share: messages in their frames, and nghttp2's bytes.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engines/http/grpc/grpc.h"

namespace kingpost::grpc {

inline constexpr std::uint32_t kStreamWindow = std::uint32_t{1} << 20;
inline constexpr std::int32_t kConnectionWindow = std::int32_t{1} << 24;

inline std::string_view view(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

/// Both must outlive it: nghttp2 copies them when it is given the field, and writes to neither.
nghttp2_nv field(std::string_view name, std::string_view value);

/// What half-read messages of one connection may hold.
struct Room {
  std::size_t message_bytes;
  std::size_t connection_bytes;
  std::size_t held = 0;
};

/// Messages out of the bytes of one stream, as they come.
class MessageReader {
 public:
  enum class Found : std::uint8_t { kNothing, kMessage, kFault };

  /// Takes bytes from the front, up to the end of a message or to their own end. After a fault
  /// nothing may be read any more.
  Found read(std::string_view& bytes, Room& room);
  /// After kMessage.
  Message take(Room& room);
  /// Of a fault.
  StatusCode code() const { return code_; }
  const std::string& text() const { return text_; }
  bool is_amid() const { return !prefix_.empty(); }
  /// Gives back what is held.
  void drop(Room& room);

 private:
  bool take_prefix(std::string_view& bytes, const Room& room);
  Found fault(StatusCode code, std::string text);

  std::string prefix_;
  std::string bytes_;
  std::size_t wanted_ = 0;
  bool has_prefix_ = false;
  StatusCode code_ = StatusCode::kOk;
  std::string text_;
};

/// Messages in their frames, which a stream sends piece by piece.
class MessageWriter {
 public:
  /// How many bytes that makes.
  std::size_t add(const Message& message);
  /// At most so many; 0 where nothing is left.
  std::size_t take(std::uint8_t* into, std::size_t most);
  std::size_t left() const { return bytes_.size() - sent_; }
  /// The memory it takes.
  std::size_t held() const { return bytes_.capacity(); }

 private:
  std::string bytes_;
  std::size_t sent_ = 0;
};

/// An nghttp2 session as bytes in and bytes out.
struct Wire {
  Wire() = default;
  ~Wire() { ::nghttp2_session_del(session); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  /// False where the other side does not speak HTTP/2, for good.
  bool receive(std::string_view bytes);
  /// Appends what is to be sent, about `most` bytes.
  void take_output(std::string& out, std::size_t most);

  nghttp2_session* session = nullptr;
  bool is_broken = false;
};

}  // namespace kingpost::grpc
