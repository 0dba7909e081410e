// SPDX-License-Identifier: Apache-2.0
#include "engines/http/grpc/session.h"

#include <array>
#include <map>
#include <new>
#include <optional>

#include "base/text.h"
#include "engines/http/grpc/frames.h"

namespace kingpost::grpc {
namespace {

using Clock = std::chrono::steady_clock;

struct Stream {
  std::int32_t id = 0;
  Head head;
  std::string method;
  std::string content_type;
  /// Of messages both ways.
  std::string encoding;
  std::size_t head_size = 0;
  MessageReader reader;
  bool is_unary = false;
  bool is_half_closed = false;
  /// Since when the client was seen to owe the rest of what it began.
  std::optional<Clock::time_point> owing;
  MessageWriter out;
  /// What the answer begins with besides.
  Metadata metadata;
  bool has_headers = false;
  bool is_deferred = false;
  bool is_finished = false;
  StatusCode code = StatusCode::kCancelled;
  std::string status;
  std::string text;
  /// Of messages, so far.
  std::uint64_t in = 0;
  std::uint64_t all_out = 0;

  Outcome outcome() const { return {code, in, all_out}; }
  bool owes() const { return !is_finished && !is_half_closed && (is_unary || reader.is_amid()); }
};

}  // namespace

struct Session::State {
  State(const ServerOptions& server_options, Events& told)
      : options(server_options),
        events(told),
        room{server_options.message_bytes, server_options.connection_bytes} {}

  const ServerOptions options;
  Events& events;
  Wire wire;
  std::map<std::int32_t, Stream> streams;
  Room room;
  /// What messages hold that were not sent.
  std::size_t output = 0;
  std::uint64_t sent = 0;
  bool has_frames = false;

  Stream* find(std::int32_t id) {
    const auto found = streams.find(id);
    return found == streams.end() ? nullptr : &found->second;
  }

  void open();
  void begin(std::int32_t id);
  void take_field(Stream& stream, std::string_view name, std::string_view value);
  void end_head(Stream& stream);
  void refuse_http(Stream& stream, std::string_view status);
  void feed(Stream& stream, std::string_view bytes);
  void half_close(Stream& stream);
  void expire(Stream& stream, Clock::time_point now);
  void close(std::int32_t id);
  void send(Stream& stream, const Message& message);
  void finish(Stream& stream, StatusCode code, std::string_view text);
  void submit_headers(Stream& stream);
  void resume(Stream& stream);
  ssize_t read_out(Stream& stream, std::uint8_t* into, std::size_t most, std::uint32_t* flags);
};

// Their signatures are nghttp2's.
// NOLINTBEGIN(readability-function-size)
struct Callbacks {
  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    auto& state = *static_cast<Session::State*>(user);
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      state.begin(frame->hd.stream_id);
    }
    return 0;
  }

  static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                    std::uint8_t, void* user) {
    auto& state = *static_cast<Session::State*>(user);
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    if (Stream* const stream = state.find(frame->hd.stream_id)) {
      state.take_field(*stream, view(name, name_size), view(value, value_size));
    }
    return 0;
  }

  static int frame_received(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    auto& state = *static_cast<Session::State*>(user);
    state.has_frames = true;
    const bool is_head = frame->hd.type == NGHTTP2_HEADERS;
    if (!is_head && frame->hd.type != NGHTTP2_DATA) return 0;
    const std::int32_t id = frame->hd.stream_id;
    if (is_head && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      if (Stream* const stream = state.find(id)) state.end_head(*stream);
    }
    const bool is_last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    Stream* const stream = state.find(id);
    if (is_last && stream != nullptr) state.half_close(*stream);
    return 0;
  }

  static int data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                  std::size_t size, void* user) {
    auto& state = *static_cast<Session::State*>(user);
    if (Stream* const stream = state.find(id)) state.feed(*stream, view(bytes, size));
    return 0;
  }

  static int stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t, void* user) {
    static_cast<Session::State*>(user)->close(id);
    return 0;
  }

  static int frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    auto& state = *static_cast<Session::State*>(user);
    const bool is_last =
        frame->hd.type == NGHTTP2_HEADERS && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    Stream* const stream = state.find(frame->hd.stream_id);
    // The client need not send the rest of what is answered (RFC 9113, 8.1).
    if (is_last && stream != nullptr && !stream->is_half_closed) {
      ::nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                  NGHTTP2_NO_ERROR);
    }
    return 0;
  }

  static ssize_t read(nghttp2_session*, std::int32_t id, std::uint8_t* into, std::size_t most,
                      std::uint32_t* flags, nghttp2_data_source*, void* user) {
    auto& state = *static_cast<Session::State*>(user);
    Stream* const stream = state.find(id);
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return state.read_out(*stream, into, most, flags);
  }
};

// NOLINTEND(readability-function-size)

void Session::State::open() {
  nghttp2_session_callbacks* callbacks = nullptr;
  if (::nghttp2_session_callbacks_new(&callbacks) != 0) throw std::bad_alloc();
  ::nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Callbacks::begin_headers);
  ::nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::header);
  ::nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::frame_received);
  ::nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::data);
  ::nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::stream_closed);
  ::nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, Callbacks::frame_sent);
  const int made = ::nghttp2_session_server_new(&wire.session, callbacks, this);
  ::nghttp2_session_callbacks_del(callbacks);
  if (made != 0) throw std::bad_alloc();
  const std::array<nghttp2_settings_entry, 3> settings = {{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options.calls},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(options.head_bytes)},
  }};
  ::nghttp2_submit_settings(wire.session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  ::nghttp2_session_set_local_window_size(wire.session, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

void Session::State::begin(std::int32_t id) {
  streams[id].id = id;
}

void Session::State::take_field(Stream& stream, std::string_view name, std::string_view value) {
  constexpr std::size_t kOverhead = 32;
  stream.head_size += name.size() + value.size() + kOverhead;
  // What is too much is not kept; it is refused when the head has ended.
  if (stream.head_size > options.head_bytes) return;
  if (name == ":path") {
    stream.head.path = value;
  } else if (name == ":method") {
    stream.method = value;
  } else if (name == "content-type") {
    stream.content_type = value;
  } else if (name == "grpc-encoding") {
    stream.head.encoding = value == "identity" ? std::string_view() : value;
    stream.encoding = value == "gzip" || value == "deflate" ? value : std::string_view();
  } else if (name == "grpc-accept-encoding") {
    stream.head.accept_encoding = value;
  } else if (name == "grpc-timeout") {
    // What is no timeout is none.
    stream.head.timeout = timeout_of(value).value_or(std::chrono::microseconds(0));
  } else {
    stream.head.metadata.emplace_back(name, value);
  }
}

void Session::State::refuse_http(Stream& stream, std::string_view status) {
  stream.is_finished = true;
  stream.has_headers = true;
  const std::array<nghttp2_nv, 1> fields = {field(":status", status)};
  ::nghttp2_submit_response(wire.session, stream.id, fields.data(), fields.size(), nullptr);
}

void Session::State::end_head(Stream& stream) {
  constexpr std::string_view kType = "application/grpc";
  const std::string_view type = stream.content_type;
  const std::string_view rest =
      starts_with(type, kType) ? type.substr(kType.size()) : std::string_view("?");
  const bool is_proto = rest.empty() || rest[0] == ';' || starts_with(rest, "+proto");
  if (stream.head_size > options.head_bytes) {
    events.begun(stream.id, std::move(stream.head));
    return finish(stream, StatusCode::kResourceExhausted,
                  format("the fields of the call are longer than {} bytes", options.head_bytes));
  }
  if (stream.method != "POST") return refuse_http(stream, "405");
  if (!is_proto) return refuse_http(stream, "415");
  stream.is_unary = events.begun(stream.id, std::move(stream.head));
}

void Session::State::feed(Stream& stream, std::string_view bytes) {
  stream.in += bytes.size();
  while (!stream.is_finished) {
    const auto found = stream.reader.read(bytes, room);
    if (found == MessageReader::Found::kNothing) return;
    if (found == MessageReader::Found::kFault) {
      return finish(stream, stream.reader.code(), stream.reader.text());
    }
    // The next message has its own time.
    if (!stream.is_unary) stream.owing.reset();
    events.message(stream.id, stream.reader.take(room));
    if (bytes.empty()) return;
  }
}

void Session::State::half_close(Stream& stream) {
  stream.is_half_closed = true;
  if (stream.is_finished) return;
  if (stream.reader.is_amid()) {
    return finish(stream, StatusCode::kInvalidArgument, "a message is cut off");
  }
  events.half_closed(stream.id);
}

// Without a look at the clock for each message: what was owed already when it looked last, and is
// still, was not sent meanwhile.
void Session::State::expire(Stream& stream, Clock::time_point now) {
  if (!stream.owes()) {
    stream.owing.reset();
  } else if (!stream.owing) {
    stream.owing = now;
  } else if (now - *stream.owing > options.slow) {
    finish(stream, StatusCode::kDeadlineExceeded,
           format("the client has not sent the rest of it within {} ms", options.slow.count()));
  }
}

void Session::State::close(std::int32_t id) {
  const auto found = streams.find(id);
  if (found == streams.end()) return;
  found->second.reader.drop(room);
  output -= found->second.out.left();
  const Outcome outcome = found->second.outcome();
  streams.erase(found);
  events.closed(id, outcome);
}

void Session::State::submit_headers(Stream& stream) {
  if (stream.has_headers) return;
  stream.has_headers = true;
  std::vector<nghttp2_nv> fields = {field(":status", "200"),
                                    field("content-type", "application/grpc"),
                                    field("grpc-accept-encoding", "identity,gzip,deflate")};
  if (!stream.encoding.empty()) fields.push_back(field("grpc-encoding", stream.encoding));
  for (const auto& [name, value] : stream.metadata) fields.push_back(field(name, value));
  // Without a message the status comes with the headers, and nothing else.
  const bool is_all = stream.is_finished && stream.out.left() == 0;
  if (is_all) {
    fields.push_back(field("grpc-status", stream.status));
    if (!stream.text.empty()) fields.push_back(field("grpc-message", stream.text));
  }
  nghttp2_data_provider provider{};
  provider.read_callback = Callbacks::read;
  ::nghttp2_submit_response(wire.session, stream.id, fields.data(), fields.size(),
                            is_all ? nullptr : &provider);
}

void Session::State::resume(Stream& stream) {
  if (!stream.is_deferred) return;
  stream.is_deferred = false;
  ::nghttp2_session_resume_data(wire.session, stream.id);
}

void Session::State::send(Stream& stream, const Message& message) {
  if (stream.is_finished) return;
  const std::size_t size = stream.out.add(message);
  output += size;
  stream.all_out += size;
  submit_headers(stream);
  resume(stream);
}

void Session::State::finish(Stream& stream, StatusCode code, std::string_view text) {
  if (stream.is_finished) return;
  stream.is_finished = true;
  stream.reader.drop(room);
  stream.code = code;
  stream.status = format("{}", static_cast<int>(code));
  // A field must fit into what clients take.
  constexpr std::size_t kLongest = 4096;
  stream.text = encoded_text(text.substr(0, kLongest));
  submit_headers(stream);
  resume(stream);
}

ssize_t Session::State::read_out(Stream& stream, std::uint8_t* into, std::size_t most,
                                 std::uint32_t* flags) {
  if (stream.out.left() == 0 && !stream.is_finished) {
    stream.is_deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  const std::size_t size = stream.out.take(into, most);
  output -= size;
  sent += size;
  if (stream.out.left() > 0 || !stream.is_finished) return static_cast<ssize_t>(size);
  *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
  std::array<nghttp2_nv, 2> trailers = {field("grpc-status", stream.status),
                                        field("grpc-message", stream.text)};
  ::nghttp2_submit_trailer(wire.session, stream.id, trailers.data(), stream.text.empty() ? 1 : 2);
  return static_cast<ssize_t>(size);
}

Session::Session(const ServerOptions& options, Events& events)
    : state_(std::make_unique<State>(options, events)) {
  state_->open();
}

Session::~Session() = default;

bool Session::receive(std::string_view bytes) {
  return state_->wire.receive(bytes);
}

void Session::take_output(std::string& out, std::size_t most) {
  state_->wire.take_output(out, most);
}

void Session::add_metadata(std::int32_t stream, std::string name, std::string value) {
  Stream* const found = state_->find(stream);
  if (found == nullptr || found->has_headers) return;
  found->metadata.emplace_back(std::move(name), std::move(value));
}

void Session::send(std::int32_t stream, const Message& message) {
  if (Stream* const found = state_->find(stream)) state_->send(*found, message);
}

void Session::finish(std::int32_t stream, StatusCode code, std::string_view text) {
  if (Stream* const found = state_->find(stream)) state_->finish(*found, code, text);
}

void Session::expire(Clock::time_point now) {
  for (auto& [id, stream] : state_->streams) state_->expire(stream, now);
}

void Session::shut_down() {
  ::nghttp2_submit_goaway(state_->wire.session, NGHTTP2_FLAG_NONE,
                          ::nghttp2_session_get_last_proc_stream_id(state_->wire.session),
                          NGHTTP2_NO_ERROR, nullptr, 0);
}

bool Session::is_done() const {
  return ::nghttp2_session_want_read(state_->wire.session) == 0 &&
         ::nghttp2_session_want_write(state_->wire.session) == 0;
}

std::size_t Session::streams() const {
  return state_->streams.size();
}

Outcome Session::outcome(std::int32_t stream) const {
  const Stream* const found = state_->find(stream);
  return found == nullptr ? Outcome() : found->outcome();
}

std::size_t Session::output_bytes() const {
  return state_->output;
}

std::uint64_t Session::sent_bytes() const {
  return state_->sent;
}

bool Session::has_begun() const {
  return state_->has_frames;
}

}  // namespace kingpost::grpc
