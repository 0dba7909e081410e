// SPDX-License-Identifier: Apache-2.0
#include "engines/http/grpc/client_session.h"

#include <algorithm>
#include <array>
#include <map>
#include <new>

#include "base/text.h"
#include "engines/http/grpc/frames.h"
#include "engines/http/grpc/session.h"

namespace kingpost::grpc {
namespace {

struct Stream {
  MessageReader reader;
  MessageWriter out;
  bool is_half_closed = false;
  bool is_deferred = false;
  std::size_t head_size = 0;
  std::string http_status;
  bool has_status = false;
  Ending ending;
};

// Those of the connection and of HTTP/2, which are written anew.
bool is_written_anew(std::string_view name) {
  return starts_with(name, ":") || name == "te" || name == "host" || name == "content-length";
}

}  // namespace

struct ClientSession::State {
  State(const ClientOptions& client_options, ClientEvents& told)
      : options(client_options),
        events(told),
        room{client_options.message_bytes, client_options.connection_bytes} {}

  const ClientOptions options;
  ClientEvents& events;
  Wire wire;
  std::map<std::int32_t, Stream> streams;
  Room room;
  /// The server has said how many calls it takes.
  bool has_settings = false;

  Stream* find(std::int32_t id) {
    const auto found = streams.find(id);
    return found == streams.end() ? nullptr : &found->second;
  }

  void open();
  void take_field(Stream& stream, std::string_view name, std::string_view value) const;
  void feed(std::int32_t id, Stream& stream, std::string_view bytes);
  void end(std::int32_t id, Stream& stream);
  void close(std::int32_t id);
  void reset(std::int32_t id) {
    ::nghttp2_submit_rst_stream(wire.session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
  }
  void resume(std::int32_t id, Stream& stream) {
    if (std::exchange(stream.is_deferred, false)) ::nghttp2_session_resume_data(wire.session, id);
  }
};

// Their signatures are nghttp2's.
// NOLINTBEGIN(readability-function-size)
struct ClientCallbacks {
  static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                    std::uint8_t, void* user) {
    auto& state = *static_cast<ClientSession::State*>(user);
    Stream* const stream = state.find(frame->hd.stream_id);
    if (stream != nullptr && frame->hd.type == NGHTTP2_HEADERS) {
      state.take_field(*stream, view(name, name_size), view(value, value_size));
    }
    return 0;
  }

  static int data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                  std::size_t size, void* user) {
    auto& state = *static_cast<ClientSession::State*>(user);
    if (Stream* const stream = state.find(id)) state.feed(id, *stream, view(bytes, size));
    return 0;
  }

  static int frame_received(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    auto& state = *static_cast<ClientSession::State*>(user);
    state.has_settings = state.has_settings || frame->hd.type == NGHTTP2_SETTINGS;
    const bool is_of_call = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    const bool is_last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (!is_of_call || !is_last) return 0;
    Stream* const stream = state.find(frame->hd.stream_id);
    if (stream != nullptr) state.end(frame->hd.stream_id, *stream);
    return 0;
  }

  static int stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t, void* user) {
    static_cast<ClientSession::State*>(user)->close(id);
    return 0;
  }

  static ssize_t read(nghttp2_session*, std::int32_t id, std::uint8_t* into, std::size_t most,
                      std::uint32_t* flags, nghttp2_data_source*, void* user) {
    auto& state = *static_cast<ClientSession::State*>(user);
    Stream* const stream = state.find(id);
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (stream->out.left() == 0 && !stream->is_half_closed) {
      stream->is_deferred = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    const std::size_t size = stream->out.take(into, most);
    if (stream->out.left() == 0 && stream->is_half_closed) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(size);
  }
};

// NOLINTEND(readability-function-size)

void ClientSession::State::open() {
  nghttp2_session_callbacks* callbacks = nullptr;
  if (::nghttp2_session_callbacks_new(&callbacks) != 0) throw std::bad_alloc();
  ::nghttp2_session_callbacks_set_on_header_callback(callbacks, ClientCallbacks::header);
  ::nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks,
                                                         ClientCallbacks::frame_received);
  ::nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, ClientCallbacks::data);
  ::nghttp2_session_callbacks_set_on_stream_close_callback(callbacks,
                                                           ClientCallbacks::stream_closed);
  const int made = ::nghttp2_session_client_new(&wire.session, callbacks, this);
  ::nghttp2_session_callbacks_del(callbacks);
  if (made != 0) throw std::bad_alloc();
  const std::array<nghttp2_settings_entry, 3> settings = {{
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(options.head_bytes)},
  }};
  ::nghttp2_submit_settings(wire.session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  ::nghttp2_session_set_local_window_size(wire.session, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

void ClientSession::State::take_field(Stream& stream, std::string_view name,
                                      std::string_view value) const {
  constexpr std::size_t kOverhead = 32;
  stream.head_size += name.size() + value.size() + kOverhead;
  if (stream.head_size > options.head_bytes) return;
  if (name == ":status") {
    stream.http_status = value;
  } else if (name == "grpc-status") {
    constexpr std::int64_t kMost = static_cast<std::int64_t>(StatusCode::kUnauthenticated);
    const std::int64_t code = parse_integer(value).value_or(-1);
    const bool is_known = code >= 0 && code <= kMost;
    stream.ending.status = is_known ? static_cast<StatusCode>(code) : StatusCode::kUnknown;
    stream.has_status = true;
  } else if (name == "grpc-message") {
    stream.ending.text = decoded_text(value);
  } else if (name != "content-type" && !starts_with(name, "grpc-")) {
    stream.ending.metadata.emplace_back(name, value);
  }
}

void ClientSession::State::feed(std::int32_t id, Stream& stream, std::string_view bytes) {
  while (!bytes.empty() && !stream.has_status) {
    const auto found = stream.reader.read(bytes, room);
    if (found == MessageReader::Found::kNothing) return;
    if (found == MessageReader::Found::kFault) {
      stream.ending = {stream.reader.code(), stream.reader.text(), {}};
      stream.has_status = true;
      return reset(id);
    }
    events.message(id, stream.reader.take(room));
    // It may have been cancelled from there.
    if (find(id) != &stream) return;
  }
}

// The server says no more; it closes when this side does not either.
void ClientSession::State::end(std::int32_t id, Stream& stream) {
  if (!stream.has_status && stream.http_status != "200") {
    stream.ending = {StatusCode::kUnknown, format("HTTP status {}", stream.http_status), {}};
    stream.has_status = true;
  } else if (stream.has_status && stream.reader.is_amid()) {
    stream.ending = {StatusCode::kInternal, "a message of the answer is cut off", {}};
  }
  if (!stream.is_half_closed || stream.out.left() > 0) reset(id);
}

void ClientSession::State::close(std::int32_t id) {
  const auto found = streams.find(id);
  if (found == streams.end()) return;
  found->second.reader.drop(room);
  std::optional<Ending> ending;
  if (found->second.has_status) ending = std::move(found->second.ending);
  streams.erase(found);
  events.ended(id, std::move(ending));
}

ClientSession::ClientSession(const ClientOptions& options, ClientEvents& events)
    : state_(std::make_unique<State>(options, events)) {
  state_->open();
}

ClientSession::~ClientSession() = default;

bool ClientSession::has_room() const {
  nghttp2_session* const session = state_->wire.session;
  // Before the server has said it, calls wait for that.
  constexpr std::uint32_t kUsual = 1000;
  const std::uint32_t most =
      state_->has_settings
          ? ::nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
          : kUsual;
  return ::nghttp2_session_check_request_allowed(session) != 0 && state_->streams.size() < most;
}

std::int32_t ClientSession::begin(const Head& head) {
  std::string_view authority = head.find(":authority");
  if (authority.empty()) authority = "127.0.0.1";
  std::vector<nghttp2_nv> fields = {field(":method", "POST"),
                                    field(":scheme", "http"),
                                    field(":path", head.path),
                                    field(":authority", authority),
                                    field("content-type", "application/grpc"),
                                    field("te", "trailers")};
  const std::string timeout = timeout_text(head.timeout);
  if (head.timeout.count() > 0) fields.push_back(field("grpc-timeout", timeout));
  if (!head.encoding.empty()) fields.push_back(field("grpc-encoding", head.encoding));
  if (!head.accept_encoding.empty()) {
    fields.push_back(field("grpc-accept-encoding", head.accept_encoding));
  }
  for (const auto& [name, value] : head.metadata) {
    if (!is_written_anew(name)) fields.push_back(field(name, value));
  }
  nghttp2_data_provider provider{};
  provider.read_callback = ClientCallbacks::read;
  const std::int32_t id = ::nghttp2_submit_request(state_->wire.session, nullptr, fields.data(),
                                                   fields.size(), &provider, nullptr);
  if (id > 0) state_->streams[id];
  return id;
}

void ClientSession::send(std::int32_t stream, const Message& message) {
  Stream* const found = state_->find(stream);
  if (found == nullptr || found->is_half_closed) return;
  found->out.add(message);
  state_->resume(stream, *found);
}

void ClientSession::half_close(std::int32_t stream) {
  Stream* const found = state_->find(stream);
  if (found == nullptr) return;
  found->is_half_closed = true;
  state_->resume(stream, *found);
}

void ClientSession::cancel(std::int32_t stream) {
  const auto found = state_->streams.find(stream);
  if (found == state_->streams.end()) return;
  found->second.reader.drop(state_->room);
  state_->streams.erase(found);
  state_->reset(stream);
}

bool ClientSession::receive(std::string_view bytes) {
  return state_->wire.receive(bytes);
}

void ClientSession::take_output(std::string& out, std::size_t most) {
  state_->wire.take_output(out, most);
}

bool ClientSession::is_done() const {
  nghttp2_session* const session = state_->wire.session;
  return ::nghttp2_session_want_read(session) == 0 && ::nghttp2_session_want_write(session) == 0;
}

std::size_t ClientSession::streams() const {
  return state_->streams.size();
}

}  // namespace kingpost::grpc
