// SPDX-License-Identifier: Apache-2.0
#include "engines/http/grpc/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "support/grpc_client.h"

namespace kingpost::grpc {
namespace {

using testing::HasSubstr;

// What the server tells, and a handler that sends back what it gets when the client has ended.
class Recorder final : public Events {
 public:
  bool begun(std::int32_t stream, Head head) override {
    heads[stream] = std::move(head);
    return is_unary;
  }
  void message(std::int32_t stream, Message message) override {
    messages[stream].push_back(message.bytes);
    flags += message.is_compressed ? 'c' : 'p';
  }
  void half_closed(std::int32_t stream) override {
    ended.push_back(stream);
    if (!echoes) return;
    for (const std::string& each : messages[stream]) session->send(stream, {each, false});
    session->finish(stream, StatusCode::kOk, {});
  }
  void closed(std::int32_t stream, const Outcome& outcome) override {
    gone.push_back(stream);
    outcomes[stream] = outcome;
  }

  Session* session = nullptr;
  bool echoes = true;
  bool is_unary = false;
  std::map<std::int32_t, Head> heads;
  std::map<std::int32_t, std::vector<std::string>> messages;
  std::string flags;
  std::vector<std::int32_t> ended;
  std::vector<std::int32_t> gone;
  std::map<std::int32_t, Outcome> outcomes;
};

class GrpcSession : public testing::Test {
 protected:
  GrpcSession() {
    options_.message_bytes = 6'000'000;
    options_.connection_bytes = 20'000'000;
    options_.calls = 10;
    restart();
  }

  void restart() {
    session_ = std::make_unique<Session>(options_, events_);
    events_.session = session_.get();
  }

  // Bytes go to and fro until both are silent.
  void pump(std::size_t piece = 1U << 20U) {
    for (int quiet = 0; quiet < 2;) {
      const std::string there = client_.output();
      for (std::size_t at = 0; at < there.size(); at += piece) {
        session_->receive(std::string_view(there).substr(at, piece));
      }
      std::string back;
      session_->take_output(back, std::size_t{1} << 16U);
      client_.receive(back);
      quiet = there.empty() && back.empty() ? quiet + 1 : 0;
    }
  }

  Answer& ask(std::string body, const RawClient::Fields& fields = RawClient::fields(),
              bool ends = true) {
    const std::int32_t stream = client_.call(fields, std::move(body), ends);
    pump();
    return client_.answers[stream];
  }

  ServerOptions options_;
  Recorder events_;
  std::unique_ptr<Session> session_;
  RawClient client_;
};

TEST_F(GrpcSession, a_call_is_answered_with_messages_and_a_status) {
  RawClient::Fields fields = RawClient::fields();
  fields.emplace_back("grpc-timeout", "20m");
  fields.emplace_back("grpc-encoding", "gzip");
  fields.emplace_back("x-key", "a");
  const Answer& answer = ask(framed("one") + framed("", '\1') + framed("three"), fields);
  EXPECT_EQ(answer.data, framed("one") + framed("") + framed("three"));
  EXPECT_EQ(answer.fields.at(":status"), "200");
  EXPECT_EQ(answer.fields.at("content-type"), "application/grpc");
  EXPECT_EQ(answer.fields.at("grpc-status"), "0");
  EXPECT_EQ(answer.fields.count("grpc-message"), 0U);
  EXPECT_TRUE(answer.has_ended);
  EXPECT_EQ(answer.error, 0U);
  EXPECT_EQ(events_.flags, "pcp");
  const Head& head = events_.heads.at(1);
  EXPECT_EQ(head.path, "/s/m");
  EXPECT_EQ(head.timeout, std::chrono::milliseconds(20));
  EXPECT_EQ(head.encoding, "gzip");
  EXPECT_EQ(head.find("x-key"), "a");
  EXPECT_EQ(head.find("x-other"), "");
  EXPECT_EQ(session_->streams(), 0U);
  EXPECT_EQ(events_.gone, std::vector<std::int32_t>{1});
  const Outcome& outcome = events_.outcomes.at(1);
  EXPECT_EQ(outcome.status, StatusCode::kOk);
  EXPECT_EQ(outcome.out, answer.data.size());
}

TEST_F(GrpcSession, bytes_may_come_one_by_one) {
  client_.call(RawClient::fields(), framed("one") + framed("two"));
  pump(1);
  EXPECT_EQ(client_.answers[1].data, framed("one") + framed("two"));
}

TEST_F(GrpcSession, messages_longer_than_every_window) {
  const std::string large(5'000'000, 'x');
  const Answer& answer = ask(framed(large));
  EXPECT_EQ(answer.data.size(), large.size() + 5);
  EXPECT_EQ(answer.fields.at("grpc-status"), "0");
}

TEST_F(GrpcSession, what_is_no_message_is_refused) {
  EXPECT_EQ(ask(framed("a", '\2')).fields.at("grpc-status"), "13");
  const Answer& cut = ask(framed("abc").substr(0, 6));
  EXPECT_EQ(cut.fields.at("grpc-status"), "3");
  EXPECT_EQ(cut.fields.at("grpc-message"), "a message is cut off");
  const Answer& large = ask(framed(std::string(6'000'001, 'x')));
  EXPECT_EQ(large.fields.at("grpc-status"), "8");
  EXPECT_THAT(large.fields.at("grpc-message"), HasSubstr("6000001 vs. 6000000"));
  EXPECT_TRUE(large.has_ended);
  // A length without its bytes sets nothing aside.
  const Answer& promised = ask(std::string("\0\x7F\xFF\xFF\xFF", 5), RawClient::fields(), false);
  EXPECT_EQ(promised.fields.at("grpc-status"), "8");
  EXPECT_TRUE(promised.has_ended);
  EXPECT_EQ(session_->streams(), 0U);
  EXPECT_EQ(ask(framed("fine")).fields.at("grpc-status"), "0");
}

TEST_F(GrpcSession, what_is_no_grpc_is_refused) {
  RawClient::Fields fields = RawClient::fields();
  fields[4].second = "application/json";
  EXPECT_EQ(ask("", fields).fields.at(":status"), "415");
  fields[4].second = "application/grpc+json";
  EXPECT_EQ(ask("", fields).fields.at(":status"), "415");
  fields[4].second = "application/grpc+proto";
  EXPECT_EQ(ask("", fields).fields.at("grpc-status"), "0");
  fields[0].second = "GET";
  EXPECT_EQ(ask("", fields).fields.at(":status"), "405");
  EXPECT_TRUE(events_.messages[1].empty());
}

TEST_F(GrpcSession, too_many_fields_are_refused) {
  RawClient::Fields fields = RawClient::fields();
  for (int i = 0; i < 40; ++i) fields.emplace_back("x-" + std::to_string(i), std::string(500, 'a'));
  const Answer& answer = ask(framed("a"), fields);
  EXPECT_EQ(answer.fields.at("grpc-status"), "8");
  EXPECT_TRUE(events_.messages[1].empty());
}

TEST_F(GrpcSession, messages_together_are_bounded) {
  events_.echoes = false;
  std::int32_t last = 0;
  for (int i = 0; i < 8; ++i) {
    last = client_.call(RawClient::fields(),
                        framed(std::string(5'900'000, 'x')).substr(0, 5'000'000), false);
  }
  pump();
  int refused = 0;
  for (const auto& [stream, answer] : client_.answers) {
    refused += answer.fields.count("grpc-status") > 0 ? 1 : 0;
  }
  EXPECT_GE(refused, 4);
  EXPECT_LT(refused, 8);
  // What the others held is free again.
  for (std::int32_t stream = 1; stream <= last; stream += 2) client_.reset(stream);
  pump();
  events_.echoes = true;
  EXPECT_EQ(ask(framed(std::string(5'900'000, 'y'))).fields.at("grpc-status"), "0");
}

TEST_F(GrpcSession, a_message_has_its_time_whatever_comes_besides) {
  events_.echoes = false;
  const std::string half = framed(std::string(1000, 'x')).substr(0, 500);
  const std::int32_t left = client_.call(RawClient::fields(), half, false);
  const std::int32_t busy = client_.call(RawClient::fields(), half, false);
  const std::int32_t silent = client_.call(RawClient::fields(), framed("all"), false);
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i <= 4; ++i) {
    pump();
    session_->expire(begun + i * options_.slow / 3);
    // Amid a message whenever it is looked at, but each time another one.
    client_.go_on(busy, std::string(505, 'x') + half);
    client_.go_on(left, "x");
  }
  pump();
  EXPECT_EQ(client_.answers[left].fields["grpc-status"], "4");
  EXPECT_THAT(client_.answers[left].fields["grpc-message"], HasSubstr("within 30000 ms"));
  EXPECT_EQ(events_.gone, std::vector<std::int32_t>{left});
  EXPECT_EQ(events_.messages[busy].size(), 5U);
  EXPECT_EQ(client_.answers.count(silent), 0U);
}

TEST_F(GrpcSession, a_unary_call_has_the_time_of_a_message) {
  events_.is_unary = true;
  events_.echoes = false;
  const std::int32_t open = client_.call(RawClient::fields(), framed("a"), false);
  const std::int32_t bare = client_.call(RawClient::fields(), "", false);
  // Its answer may take its time.
  client_.call(RawClient::fields(), framed("a"));
  pump();
  const auto begun = std::chrono::steady_clock::now();
  session_->expire(begun);
  client_.go_on(open, framed("b"));
  pump();
  session_->expire(begun + options_.slow);
  pump();
  EXPECT_EQ(session_->streams(), 3U);
  session_->expire(begun + options_.slow + std::chrono::milliseconds(1));
  pump();
  EXPECT_EQ(client_.answers[open].fields["grpc-status"], "4");
  EXPECT_EQ(client_.answers[bare].fields["grpc-status"], "4");
  EXPECT_EQ(session_->streams(), 1U);
}

TEST_F(GrpcSession, a_cancelled_call_is_told_and_its_answer_is_lost) {
  events_.echoes = false;
  const std::int32_t stream = client_.call(RawClient::fields(), framed("a"));
  pump();
  EXPECT_EQ(events_.ended, std::vector<std::int32_t>{stream});
  client_.reset(stream);
  pump();
  EXPECT_EQ(events_.gone, std::vector<std::int32_t>{stream});
  EXPECT_EQ(events_.outcomes.at(stream).status, StatusCode::kCancelled);
  EXPECT_EQ(events_.outcomes.at(stream).in, framed("a").size());
  session_->send(stream, {"late", false});
  session_->finish(stream, StatusCode::kOk, {});
  pump();
  EXPECT_EQ(client_.answers[stream].data, "");
}

TEST_F(GrpcSession, answers_may_come_later_and_statuses_are_encoded) {
  events_.echoes = false;
  const std::int32_t stream = client_.call(RawClient::fields(), framed("a"));
  pump();
  session_->send(stream, {"b", false});
  pump();
  EXPECT_EQ(client_.answers[stream].data, framed("b"));
  session_->finish(stream, StatusCode::kNotFound, "100% \n\xC3\xA4");
  // Once is enough.
  session_->finish(stream, StatusCode::kOk, "");
  session_->send(stream, {"c", false});
  pump();
  EXPECT_EQ(client_.answers[stream].data, framed("b"));
  EXPECT_EQ(client_.answers[stream].fields.at("grpc-status"), "5");
  EXPECT_EQ(client_.answers[stream].fields.at("grpc-message"), "100%25 %0A%C3%A4");
}

TEST_F(GrpcSession, calls_at_a_time_are_bounded) {
  events_.echoes = false;
  pump();
  std::vector<std::int32_t> streams;
  for (int i = 0; i < 15; ++i) streams.push_back(client_.call(RawClient::fields(), framed("a")));
  pump();
  // The client holds back what the server does not take yet.
  EXPECT_EQ(session_->streams(), 10U);
  for (const std::int32_t stream : streams) session_->finish(stream, StatusCode::kOk, {});
  pump();
  EXPECT_EQ(session_->streams(), 5U);
}

TEST_F(GrpcSession, it_shuts_down_behind_the_calls_there_are) {
  events_.echoes = false;
  const std::int32_t stream = client_.call(RawClient::fields(), framed("a"));
  pump();
  session_->shut_down();
  pump();
  EXPECT_FALSE(session_->is_done());
  session_->send(stream, {"b", false});
  session_->finish(stream, StatusCode::kOk, {});
  pump();
  EXPECT_EQ(client_.answers[stream].fields.at("grpc-status"), "0");
  EXPECT_EQ(session_->streams(), 0U);
}

TEST_F(GrpcSession, a_client_of_another_protocol_is_told_to_go) {
  EXPECT_FALSE(session_->receive("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  std::string out;
  session_->take_output(out, 65536);
  EXPECT_TRUE(events_.heads.empty());
  EXPECT_FALSE(session_->has_begun());
}

TEST_F(GrpcSession, damaged_bytes_do_no_harm) {
  client_.call(RawClient::fields(), framed("one") + framed(std::string(3000, 'x')));
  RawClient::Fields fields = RawClient::fields();
  fields.emplace_back("grpc-timeout", "1S");
  client_.call(fields, framed("two"));
  client_.reset(1);
  const std::string whole = client_.output();
  // The same damage each time, so that what fails can be seen again.
  std::mt19937 chance(7);  // NOLINT(bugprone-random-generator-seed)
  for (int turn = 0; turn < 3000; ++turn) {
    std::string bytes = whole;
    const int changes = static_cast<int>(chance() % 4) + 1;
    for (int i = 0; i < changes; ++i) {
      // Behind the preface, so that what is damaged is looked at.
      const std::size_t at = 24 + chance() % (bytes.size() - 24);
      bytes[at] = static_cast<char>(chance());
    }
    bytes.resize(bytes.size() - chance() % 20);
    restart();
    std::string out;
    for (std::size_t at = 0; at < bytes.size(); at += 200) {
      if (!session_->receive(std::string_view(bytes).substr(at, 200))) break;
      session_->take_output(out, 1U << 20U);
    }
    EXPECT_LE(session_->streams(), 10U);
  }
}

TEST(GrpcText, timeouts) {
  using std::chrono::microseconds;
  EXPECT_EQ(timeout_of("1H"), microseconds(3'600'000'000));
  EXPECT_EQ(timeout_of("2M"), microseconds(120'000'000));
  EXPECT_EQ(timeout_of("99999999S"), microseconds(99'999'999'000'000));
  EXPECT_EQ(timeout_of("5m"), microseconds(5000));
  EXPECT_EQ(timeout_of("7u"), microseconds(7));
  EXPECT_EQ(timeout_of("1n"), microseconds(1));
  for (const char* wrong : {"", "1", "S", "-1S", "1s", "999999999S", "1.5S", " 1S"}) {
    EXPECT_EQ(timeout_of(wrong), std::nullopt) << wrong;
  }
}

TEST(GrpcText, timeouts_are_written_as_they_are_read) {
  using std::chrono::microseconds;
  EXPECT_EQ(timeout_text(microseconds(0)), "1u");
  EXPECT_EQ(timeout_text(microseconds(99'999'999)), "99999999u");
  EXPECT_EQ(timeout_text(microseconds(100'000'001)), "100001m");
  EXPECT_EQ(timeout_text(microseconds(3'600'000'000'000)), "3600000S");
  for (std::int64_t each = 1; each < 1'000'000'000'000'000; each = each * 7 + 3) {
    const auto read = timeout_of(timeout_text(microseconds(each)));
    ASSERT_TRUE(read) << each;
    EXPECT_GE(read->count(), each);
    EXPECT_LE(static_cast<double>(read->count()), static_cast<double>(each) * 1.001);
  }
}

TEST(GrpcText, messages_are_read_as_they_are_written) {
  for (const char* each : {"", "plain", "100 % \u00fc\n", "%41"}) {
    EXPECT_EQ(decoded_text(encoded_text(each)), each);
  }
  EXPECT_EQ(decoded_text("a%4a%"), "aJ%");
  EXPECT_EQ(decoded_text("%zz%4"), "%zz%4");
}

}  // namespace
}  // namespace kingpost::grpc
