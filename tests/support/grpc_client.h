// SPDX-License-Identifier: Apache-2.0
// What tests of gRPC ask with: a client by nghttp2 itself, without a socket.
#pragma once

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kingpost::grpc {

inline std::string framed(std::string_view bytes, char flag = '\0') {
  std::string out(1, flag);
  for (const unsigned shift : {24U, 16U, 8U, 0U}) {
    out += static_cast<char>(bytes.size() >> shift & 255U);
  }
  return out.append(bytes);
}

struct Answer {
  std::map<std::string, std::string> fields;
  std::string data;
  bool has_ended = false;
  std::uint32_t error = 0;
};

class RawClient {
 public:
  RawClient() {
    nghttp2_session_callbacks* callbacks = nullptr;
    ::nghttp2_session_callbacks_new(&callbacks);
    ::nghttp2_session_callbacks_set_on_header_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* user) {
          auto& self = *static_cast<RawClient*>(user);
          self.answers[frame->hd.stream_id].fields[text(name, name_size)] = text(value, value_size);
          return 0;
        });
    ::nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks, [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                      std::size_t size, void* user) {
          static_cast<RawClient*>(user)->answers[id].data += text(bytes, size);
          return 0;
        });
    ::nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, std::int32_t id, std::uint32_t error, void* user) {
          Answer& answer = static_cast<RawClient*>(user)->answers[id];
          answer.has_ended = true;
          answer.error = error;
          return 0;
        });
    ::nghttp2_session_client_new(&session_, callbacks, this);
    ::nghttp2_session_callbacks_del(callbacks);
    ::nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~RawClient() { ::nghttp2_session_del(session_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  using Fields = std::vector<std::pair<std::string, std::string>>;
  static Fields fields() {
    return {{":method", "POST"},
            {":scheme", "http"},
            {":path", "/s/m"},
            {":authority", "x"},
            {"content-type", "application/grpc"},
            {"te", "trailers"}};
  }

  /// `body` is sent whole; without `ends` the stream stays open on this side.
  std::int32_t call(const Fields& names, std::string body, bool ends = true) {
    std::vector<nghttp2_nv> list;
    for (const auto& [name, value] : names) {
      list.push_back({bytes(name), bytes(value), name.size(), value.size(), 0});
    }
    bodies_.push_back(std::make_unique<Body>(Body{std::move(body), 0, ends}));
    nghttp2_data_provider provider{};
    provider.source.ptr = bodies_.back().get();
    provider.read_callback = [](nghttp2_session*, std::int32_t, std::uint8_t* into,
                                std::size_t most, std::uint32_t* flags, nghttp2_data_source* source,
                                void*) -> ssize_t {
      auto& from = *static_cast<Body*>(source->ptr);
      const std::size_t size = std::min(most, from.bytes.size() - from.sent);
      if (size == 0 && !from.ends) return NGHTTP2_ERR_DEFERRED;
      std::copy_n(from.bytes.data() + from.sent, size, into);
      from.sent += size;
      if (from.ends && from.sent == from.bytes.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
      return static_cast<ssize_t>(size);
    };
    const std::int32_t stream =
        ::nghttp2_submit_request(session_, nullptr, list.data(), list.size(), &provider, nullptr);
    open_[stream] = bodies_.back().get();
    return stream;
  }
  /// Of a call that was begun without an end, and whose bytes so far are sent.
  void go_on(std::int32_t stream, std::string_view more) {
    open_.at(stream)->bytes += more;
    ::nghttp2_session_resume_data(session_, stream);
  }
  /// No window of HTTP/2 holds an answer up any more.
  void open_windows() {
    constexpr std::int32_t kLargest = 0x7FFFFFFF;
    const nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kLargest};
    ::nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &window, 1);
    ::nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kLargest);
  }
  void reset(std::int32_t stream) {
    ::nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
  }

  std::string output() {
    std::string out;
    const std::uint8_t* data = nullptr;
    for (ssize_t size = 1; size > 0;) {
      size = ::nghttp2_session_mem_send(session_, &data);
      if (size > 0) out += text(data, static_cast<std::size_t>(size));
    }
    return out;
  }
  void receive(const std::string& from) {
    ::nghttp2_session_mem_recv(session_, bytes(from), from.size());
  }

  std::map<std::int32_t, Answer> answers;

 private:
  struct Body {
    std::string bytes;
    std::size_t sent = 0;
    bool ends = true;
  };
  static std::string text(const std::uint8_t* bytes, std::size_t size) {
    return {reinterpret_cast<const char*>(bytes), size};
  }
  static std::uint8_t* bytes(const std::string& text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  }

  nghttp2_session* session_ = nullptr;
  std::vector<std::unique_ptr<Body>> bodies_;
  std::map<std::int32_t, Body*> open_;
};

}  // namespace kingpost::grpc
